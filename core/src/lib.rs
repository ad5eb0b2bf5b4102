//! The complete ZooKeeper server as a state machine without IO.
//!
//! 1. A replica is a value: everything it knows is in it; it can be cloned, compared and hashed.
//! 2. It changes only in `step`, which takes one [`contract::Input`] and appends to
//!    [`contract::Actions`].
//! 3. Equal replicas given equal inputs become equal and emit equal actions, on every machine, in
//!    every build.
//! 4. The driver performs the actions of a step in order; storage actions take effect in order;
//!    actions on one connection arrive in order or the connection breaks.
//! 5. Nothing is durable until `Durable` says so. The replica itself withholds what depends on it.
//! 6. Time exists only as named timers that fire, and as the stamp that may be copied into a
//!    transaction's header.
//! 7. In a state that it believes impossible it stops the server; on bad input it says so and
//!    carries on. Nothing from wire, disk or client may panic.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;

pub mod admin;
pub mod config;
pub mod contract;
pub mod id;
pub mod log;
pub mod quorum;
pub mod replica;
pub mod request;
pub mod role;
pub mod rule;
pub mod session;
pub mod tree;
pub mod watch;
pub mod wire;
pub mod zab;
