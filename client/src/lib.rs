//! A ZooKeeper client's session as a state machine without IO.
//!
//! [`Session`] is a value: it is told what happened ([`Input`]) and appends what its driver has to
//! do ([`Output`]). It has no clock, no socket, no thread and no random source, so the simulated
//! world, a model and a deployed client drive the same code. Facts about the protocol:
//! reference/zookeeper.md sections 1.1 to 1.9.
//!
//! ```text
//!            Start              Connected              ConnectResponse
//!   Idle ───────────▶ Dialling ───────────▶ Handshake ─────────────────▶ Attached
//!                      ▲  │ ▲                   │                          │  │
//!              Retry   │  │ └───── next server ──┴──────────────────────────┘  │
//!                    Waiting                                 refused, closed  ▼
//!                                                                           Ended ──Start──▶ …
//! ```
//!
//! A request that was sent and whose reply did not come before the connection ended has the outcome
//! [`Outcome::Unknown`]: the server may have executed it, or may still do so. It is never sent again.
#![forbid(unsafe_code)]

mod contract;
mod deframe;
mod handshake;
mod memory;
#[cfg(feature = "tokio")]
pub mod net;
mod operation;
pub mod request;
mod session;
#[cfg(feature = "tokio")]
mod target;
#[cfg(feature = "tokio")]
mod transport;
mod watches;

pub use contract::{Config, Ended, Handle, Input, Outcome, Output, SessionEvent, Timer, Wrong};
pub use deframe::Deframer;
pub use handshake::PASSWORD_LEN;
pub use operation::{Code, CreateMode, Grant, Operation, Reply};
pub use session::Session;
#[cfg(feature = "tokio")]
pub use target::Target;
#[cfg(feature = "tokio")]
pub use transport::Transport;
pub use watches::{WatchEvent, WatchKind, WatchTable};
