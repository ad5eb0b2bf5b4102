//! The complete ZooKeeper server as a state machine without IO.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;

pub mod id;
pub mod wire;
