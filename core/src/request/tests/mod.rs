//! The service alone, as an ensemble of one: real frames in, real frames out; proposals are
//! committed at once or when the test says so.

mod ahead_laws;
mod bench;
mod crowd;
mod fading;
mod local;
mod multi;
mod opening;
mod order;
mod permission;
mod read_only;
mod reconfig;
mod roles;
mod surface_laws;
mod throttle;
mod watching;
mod writing;

use bench::*;
