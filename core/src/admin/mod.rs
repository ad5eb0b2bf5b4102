//! What operators ask: four-letter words and the commands of the admin server (reference/zookeeper.md
//! sections 5.2 and 5.3).
//!
//! An answer is a function of the question, of the server ([`Server`]) and of what only its driver
//! knows ([`Surroundings`]). Asking changes nothing of the server; what it changes in the driver's
//! counters is said ([`Effect`]). How a question arrives, and who may ask it, is the driver's part.

mod commands;
mod date;
mod needs;
mod text;
mod value;
mod words;

#[cfg(test)]
mod tests;

pub use commands::{Command, Need, Refusal, Response, gauges};
pub use date::date;
pub use needs::Needs;
pub use value::{Average, Value};
pub use words::{Answer, Whitelist, Word, word};

use crate::config::Config;
use crate::id::{ClientId, Epoch, ServerId, SessionId, Zxid};
use crate::request::Service;
use crate::wire::Op;
use crate::zab::ServerState;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

/// What a server that cannot answer says.
pub const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests";

/// One server, as operators may know it.
#[derive(Clone, Copy)]
pub struct Server<'a> {
    pub config: &'a Config,
    pub state: ServerState,
    pub phase: Phase,
    /// Whether it serves clients.
    pub serving: bool,
    /// Whether those are read-only clients alone.
    pub read_only: bool,
    pub leader: Option<ServerId>,
    pub current_epoch: Epoch,
    pub service: &'a Service,
    /// As leader: who learns from it.
    pub learners: Learners,
}

/// How far a server is on its way to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Election,
    Discovery,
    Synchronization,
    Broadcast,
}

/// How many learners a leader has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learners {
    pub all: u64,
    pub synced_followers: u64,
    pub synced_observers: u64,
    /// `sync`s that wait for a quorum.
    pub pending_syncs: u64,
}

/// What only the driver knows. [`Needs`] says which of it a question is answered from.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// As the first line of `srvr` has it.
    pub version: &'a str,
    /// Whether the server is of no ensemble.
    pub alone: bool,
    pub now_ms: i64,
    pub latency: Latency,
    pub received: u64,
    pub sent: u64,
    pub proposals: Sizes,
    pub responses: Sizes,
    /// The clients' connections, the one that asks among them.
    pub connections: &'a [Connection],
    pub configuration: &'a Configuration,
    /// Names and values, as `envi` gives them.
    pub environment: &'a [(String, String)],
    pub data_bytes: u64,
    pub log_bytes: u64,
    pub trace_mask: i64,
    /// Sessions by the wall-clock time in milliseconds at which they expire.
    pub expiries: &'a [(i64, SessionId)],
    pub digests: &'a [Digest],
    /// What the driver counts besides: names and values, as `mntr` gives them.
    pub measures: &'a [(String, Value)],
    /// The newest snapshot: its zxid, and when it was written.
    pub snapshot: Option<(Zxid, i64)>,
}

/// What the driver was configured to, as far as operators are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    pub client_port: Option<u16>,
    pub secure_client_port: Option<u16>,
    pub data_dir: String,
    pub log_dir: String,
    pub connections_of_address: u32,
    /// Of a member of an ensemble.
    pub member: Option<Membership>,
    /// The configuration as it was when the server started, line by line.
    pub initial: String,
}

/// Where a member listens, and who the members are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    pub quorum: Vec<(String, u16)>,
    pub election: Vec<(String, u16)>,
    pub client: String,
    pub voters: Vec<Voter>,
}

/// A voting member's addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    pub id: ServerId,
    pub quorum: Vec<String>,
    pub election: Vec<String>,
    pub client: String,
}

/// One client's connection, as the driver sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    pub address: SocketAddr,
    pub secure: bool,
    /// The core's name of it; an operator's connection has none.
    pub client: Option<ClientId>,
    /// Whether more is read of it.
    pub reading: bool,
    /// Requests without a reply.
    pub queued: u64,
    pub received: u64,
    pub sent: u64,
    pub established_ms: i64,
    /// The operation of the last reply.
    pub last_op: Option<i32>,
    pub last_cxid: Option<i32>,
    pub last_zxid: i64,
    /// When the last reply left, by a clock that only goes forward.
    pub last_response_ms: u64,
    pub latency: Latency,
}

/// Times from a request to its reply, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    pub last: u64,
    pub min: u64,
    pub max: u64,
    pub all: Average,
}

impl Latency {
    pub fn add(&mut self, ms: u64) {
        self.last = ms;
        self.min = if self.all.count == 0 { ms } else { self.min.min(ms) };
        self.max = self.max.max(ms);
        self.all.count = self.all.count.saturating_add(1);
        self.all.sum = self.all.sum.saturating_add(ms);
    }
}

/// Bytes of the last, the shortest and the longest of something; none until there was one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes(Option<[i64; 3]>);

impl Sizes {
    pub fn add(&mut self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let [_, min, max] = self.0.unwrap_or([bytes; 3]);
        self.0 = Some([bytes, min.min(bytes), max.max(bytes)]);
    }

    /// Last, shortest, longest; −1 each if there was none.
    pub fn get(&self) -> [i64; 3] {
        self.0.unwrap_or([-1; 3])
    }
}

/// A tree's digest (Apache's) at a zxid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    pub zxid: Zxid,
    pub digest: u64,
}

/// What asking changes in the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    ResetServerStats,
    ResetConnectionStats,
    SetTraceMask(i64),
}

/// The role as operators read it.
fn mode(server: &Server<'_>, around: &Surroundings<'_>) -> &'static str {
    if around.alone {
        return "standalone";
    }
    if server.read_only {
        return "read-only";
    }
    match server.state {
        ServerState::Looking => "looking",
        ServerState::Following => "follower",
        ServerState::Leading => "leader",
        ServerState::Observing => "observer",
    }
}

/// The words by which connections name their last operation.
fn operation(op: Option<i32>) -> &'static str {
    let Some(op) = op else { return "NA" };
    match op {
        Op::CREATE_SESSION => "SESS",
        Op::CLOSE_SESSION => "CLOS",
        Op::PING => "PING",
        Op::CREATE | Op::CREATE2 | Op::CREATE_CONTAINER | Op::CREATE_TTL => "CREA",
        Op::DELETE => "DELE",
        Op::EXISTS => "EXIS",
        Op::GET_DATA => "GETD",
        Op::SET_DATA => "SETD",
        Op::GET_ACL => "GETA",
        Op::SET_ACL => "SETA",
        Op::GET_CHILDREN | Op::GET_CHILDREN2 => "GETC",
        Op::GET_ALL_CHILDREN_NUMBER => "GACN",
        Op::GET_EPHEMERALS => "GETE",
        Op::SYNC => "SYNC",
        Op::MULTI => "MULT",
        Op::MULTI_READ => "MLTR",
        Op::CHECK_WATCHES => "CHKW",
        Op::REMOVE_WATCHES => "REMW",
        Op::ADD_WATCH => "ADDW",
        Op::SET_WATCHES => "SETW",
        Op::SET_WATCHES2 => "STW2",
        Op::WHO_AM_I => "HOMI",
        Op::AUTH => "AUTH",
        _ => "NA",
    }
}
