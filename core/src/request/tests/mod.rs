//! The service alone, as an ensemble of one: real frames in, real frames out; proposals are
//! committed at once or when the test says so.

mod bench;
mod opening;
mod writing;

use bench::*;
