//! The shell around the core: configuration, files, sockets, timers. No protocol decision is taken
//! here: what happens is told to the core, and what the core commands is done.
#![forbid(unsafe_code)]

pub mod config;
pub mod exit;
mod files;
pub mod shell;
mod storage;
