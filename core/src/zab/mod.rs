//! ZAB, ZooKeeper's atomic broadcast: election, discovery, synchronization, broadcast; one file or
//! folder per phase.
//!
//! To this module a transaction is bytes with a zxid: it never imports `tree`, `session`, `watch`
//! or `request`, and can be read alone. What concerns the rest of the server leaves as
//! [`Effect`]s; what becomes of the role leaves as [`Next`].
//!
//! The order of a reign: a server is elected ([`election`]); a quorum agrees on a new epoch and
//! vouches that nobody's history is more recent ([`discovery`]); every learner's history becomes
//! the leader's, durably, before its epoch does ([`synchronization`]); then transactions are
//! proposed, acknowledged and committed in zxid order ([`broadcast`]).

pub mod broadcast;
pub mod codec;
mod configured;
mod discovery;
mod effect;
pub mod election;
mod history;
mod leader;
mod learner;
mod ledger;
mod message;
pub mod synchronization;

pub use configured::Configured;
pub use effect::{Effect, Next};
pub use history::History;
pub use leader::{Kind, Leading, Learner, LearnerStage, Stage};
pub use learner::Learning;
pub use ledger::{Ledger, Write};
pub use message::{Identity, LearnerInfo, Notification, Packet, Request, ServerState, Vote};
