//! ZAB: election, discovery, synchronization, broadcast. To this module a transaction is bytes with
//! a zxid; it never imports `tree`, `session`, `watch` or `request`.

mod message;
pub use message::{Identity, LearnerInfo, Notification, Packet, Request, ServerState, Vote};
