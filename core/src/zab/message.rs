//! The messages between servers, decoded (reference/zookeeper.md sections 3.1 and 3.3).

use crate::id::{Epoch, ServerId, SessionId, Xid, Zxid};
use crate::log::{Image, Record};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A server's state, as notifications carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerState {
    Looking = 0,
    Following = 1,
    Leading = 2,
    Observing = 3,
}

/// Whom a server wants as leader, and how recent that leader's history is.
///
/// Ordered by epoch, then zxid, then server id (ZOOKEEPER-1419).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vote {
    /// The proposed leader's current epoch (`peerEpoch`).
    pub epoch: Epoch,
    /// The end of the proposed leader's history.
    pub zxid: Zxid,
    pub leader: ServerId,
}

/// An election message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Notification {
    pub state: ServerState,
    /// `None`: the sender has no vote: an observer, or a server whose disk was lost.
    pub vote: Option<Vote>,
    /// The election round (`electionEpoch`).
    pub round: u64,
    /// The sender's configuration, as text.
    pub config: Arc<[u8]>,
}

/// A packet of the quorum port. `Snap` stands for the packet and the stream that follows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Packet {
    Request(Request),
    Proposal(Record),
    /// Also the ACK of NEWLEADER, whose zxid is (epoch, 0).
    Ack(Zxid),
    Commit(Zxid),
    /// From the leader: `zxid` is the last proposed, no sessions. The answer carries the sessions
    /// touched since the last one, with their timeouts.
    Ping {
        zxid: Zxid,
        sessions: Vec<(SessionId, i32)>,
    },
    /// The question of a learner.
    Revalidate {
        session: SessionId,
        timeout_ms: i32,
    },
    /// The leader's answer.
    Revalidated {
        session: SessionId,
        valid: bool,
    },
    Sync,
    Inform(Record),
    /// COMMIT of a reconfiguration; who leads from now on.
    CommitAndActivate {
        zxid: Zxid,
        leader: ServerId,
    },
    /// INFORM of a reconfiguration.
    InformAndActivate {
        record: Record,
        leader: ServerId,
    },
    /// zxid (epoch, 0) and the text of the leader's last-seen configuration.
    NewLeader {
        epoch: Epoch,
        config: Arc<[u8]>,
    },
    FollowerInfo(LearnerInfo),
    ObserverInfo(LearnerInfo),
    LeaderInfo {
        epoch: Epoch,
    },
    /// `current` is `None` (−1 on the wire) if the epoch had been accepted before.
    AckEpoch {
        current: Option<Epoch>,
        last: Zxid,
    },
    UpToDate,
    Diff(Zxid),
    Trunc(Zxid),
    Snap {
        zxid: Zxid,
        image: Image,
    },
}

impl Packet {
    /// The packet's name in ZooKeeper's protocol, as traces and logs print it.
    pub const fn name(&self) -> &'static str {
        match self {
            Packet::Request(_) => "REQUEST",
            Packet::Proposal(_) => "PROPOSAL",
            Packet::Ack(_) => "ACK",
            Packet::Commit(_) => "COMMIT",
            Packet::Ping { .. } => "PING",
            Packet::Revalidate { .. } | Packet::Revalidated { .. } => "REVALIDATE",
            Packet::Sync => "SYNC",
            Packet::Inform(_) => "INFORM",
            Packet::CommitAndActivate { .. } => "COMMITANDACTIVATE",
            Packet::InformAndActivate { .. } => "INFORMANDACTIVATE",
            Packet::NewLeader { .. } => "NEWLEADER",
            Packet::FollowerInfo(_) => "FOLLOWERINFO",
            Packet::ObserverInfo(_) => "OBSERVERINFO",
            Packet::LeaderInfo { .. } => "LEADERINFO",
            Packet::AckEpoch { .. } => "ACKEPOCH",
            Packet::UpToDate => "UPTODATE",
            Packet::Diff(_) => "DIFF",
            Packet::Trunc(_) => "TRUNC",
            Packet::Snap { .. } => "SNAP",
        }
    }
}

/// What a learner says of itself first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LearnerInfo {
    pub server: ServerId,
    pub accepted: Epoch,
    pub config_version: u64,
}

/// A client's write (or session operation), on its way to the leader (REQUEST, section 3.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    pub session: SessionId,
    pub cxid: Xid,
    pub op: i32,
    /// The request's body as the client sent it.
    pub body: Arc<[u8]>,
    /// The identities of the client's connection: scheme and id.
    pub auth: Vec<Identity>,
    /// The word of the server that has the client: the session is that server's alone, and no transaction
    /// was ever asked for that creates it (docs/decisions/0037).
    pub is_local: bool,
}

/// An identity of a client's connection: scheme and id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    pub scheme: Arc<[u8]>,
    pub id: Arc<[u8]>,
}
