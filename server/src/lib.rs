//! The shell around the core: configuration, files, sockets, timers. No protocol decision is taken
//! here: what happens is told to the core, and what the core commands is done.
#![forbid(unsafe_code)]

#[cfg(not(madsim))]
pub mod bench;
pub mod config;
#[cfg(not(madsim))]
pub mod console;
pub mod exit;
#[cfg(not(madsim))]
mod files;
#[cfg(not(madsim))]
mod http;
mod measure;
#[cfg(not(madsim))]
mod notify;
#[cfg(not(madsim))]
pub mod offline;
#[cfg(not(madsim))]
mod packed;
mod process;
#[cfg(not(madsim))]
pub mod prompt;
#[cfg(not(madsim))]
pub mod serve;
pub mod shell;
pub mod storage;
#[cfg(not(madsim))]
pub mod tls;
#[cfg(not(madsim))]
pub mod word;
