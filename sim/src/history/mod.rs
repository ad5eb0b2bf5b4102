//! Histories of clients, and their checks (contract section 6; reference/oracles.md, "The witness
//! algorithm").
//!
//! A [`History`] is what clients did and saw, in the order in which it happened, and the committed
//! log that they did it to. It can come from the simulated world or from a live ensemble. The
//! [`witness`] checks take the zxid of each reply as witness of the total order, so they need no
//! search. The [`Judge`] is the sequential specification of the service: the one second
//! implementation, naive on purpose and independent of the core's.
//!
//! Not here: agreement of the servers' logs with one another (the white-box oracles), and the
//! black-box search that does not trust zxids (`checker`).

mod call;
pub mod generate;
pub mod judge;
mod log;
mod recorder;
mod shelf;
mod text;
pub mod witness;

pub use call::{Answer, Call, Stat};
pub use judge::Judge;
pub use log::{Body, Txn, UnreadableRecord, read_log};
pub use recorder::{Full, Recorder};
pub use text::Text;

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What clients did and saw, and the log that came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// In the order in which it happened: an event that stands before another was over when the
    /// other began. A recorder with clocks of some accuracy must put what is within it invocations
    /// first.
    pub events: Vec<Event>,
    /// The committed transactions from the first one on, ascending, at least up to the last reply.
    pub log: Vec<Txn>,
    /// Sessions whose requests were not recorded; their transactions are taken as they are.
    pub foreign: BTreeSet<i64>,
    /// Sessions that began as their server's alone: without a transaction, and some ended so.
    #[serde(default)]
    pub local: BTreeSet<i64>,
}

/// One thing that a client did or saw.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Event {
    /// Microseconds since the start of the run: for people.
    pub at: u64,
    pub client: u32,
    pub session: i64,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// The session is attached to a server, for the first time or again.
    Attached { fresh: bool },
    /// A setWatches request was answered; `last` for the last one of the connection.
    Rearmed { zxid: u64, last: bool },
    /// The connection ended. Requests without a reply have the outcome unknown.
    Disconnected,
    /// A request left. (session, xid) is its identity.
    Invoke { xid: i32, call: Call },
    /// Its reply came. The zxid is the reply header's.
    Return { xid: i32, zxid: u64, answer: Answer },
    /// A watch event; without a zxid if setWatches made it.
    Watch { path: Text, kind: Change, zxid: Option<u64> },
    /// The client was told that its session is no more.
    Expired,
    /// The server sent what the protocol does not allow; the client left it.
    Wronged { how: String },
}

/// What a watch event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Change {
    Created,
    Deleted,
    Data,
    Children,
}
