//! What a server reports: facts for metrics, logs, oracles, marks and reports. Reporting changes
//! nothing; events are part of a transition's output, not of the state.

use crate::id::{ClientId, Epoch, ServerId, ServerSet, SessionId, Xid, Zxid};
use crate::log::Record;
use crate::zab::{ServerState, Vote};
use alloc::vec::Vec;

/// One fact of a step, in the order it happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The role changed. `Looking` after any other role means that the role ended.
    Role { state: ServerState, leader: Option<ServerId> },
    /// This server left LOOKING for `vote`: these are the equal votes that it counted, its own
    /// included, and the round.
    Elected { vote: Vote, round: u64, votes: Vec<(ServerId, Vote)>, joined: Joined },
    /// As leader: a quorum's FOLLOWERINFO was heard and this epoch is proposed.
    EpochProposed { epoch: Epoch, informed: Vec<(ServerId, Epoch)> },
    /// As learner: the leader's epoch was accepted.
    EpochAccepted { epoch: Epoch, leader: ServerId },
    /// As leader: a quorum's ACKEPOCH was heard; synchronization begins from this history.
    EpochAcked { epoch: Epoch, acked: ServerSet, history_end: Zxid },
    /// As leader: the plan for a learner. `peer` is its last zxid.
    SyncPlanned { learner: ServerId, mode: SyncMode, peer: Zxid, end: Zxid },
    /// As learner: ACK(NEWLEADER) leaves now; the history ends here.
    NewLeaderAcked { epoch: Epoch, leader: ServerId, history_end: Zxid },
    /// As leader: a quorum of ACK(NEWLEADER) was heard; the initial history is committed.
    Established { epoch: Epoch, acked: ServerSet, initial_end: Zxid },
    /// As learner: UPTODATE arrived; this server serves.
    UpToDate { epoch: Epoch, leader: ServerId, committed: Zxid },
    /// As leader: a transaction was proposed.
    Proposed { record: Record },
    /// As learner: a proposal was accepted into the history (broadcast or synchronization).
    Accepted { record: Record },
    /// An ACK for a proposal leaves now (or the leader counts itself).
    Acked { zxid: Zxid },
    /// As leader: a quorum acknowledged `zxid`.
    Committed { zxid: Zxid, acked: ServerSet },
    /// A transaction was applied to the tree; `digest` is the tree's state digest after it.
    Applied { record: Record, digest: u64 },
    /// The history was cut: records above `after` are gone.
    Truncated { after: Zxid },
    /// The database was replaced by the leader's image at this zxid.
    ImageInstalled { zxid: Zxid },
    /// A synchronization ended before NEWLEADER was acknowledged; what it brought is forgotten.
    SyncAborted { mode: SyncMode },
    /// As leader: leadership ends.
    Resigned { epoch: Epoch, why: Resigned },
    /// A packet was dropped: it belongs to another connection, epoch or phase.
    PacketIgnored { packet: &'static str },
    /// A peer sent something that the protocol forbids; its connection is closed.
    PeerRefused { why: &'static str },

    /// As leader: a session's timer fired and closeSession is proposed.
    SessionExpiring { session: SessionId },
    /// A client's connection was attached to a session.
    SessionAttached { session: SessionId, client: ClientId, timeout_ms: i32 },
    /// A client's connection asked for a session that it does not get.
    SessionRefused { session: SessionId },
    /// A reply leaves for a request of a session (requests without a session have none).
    Replied { client: ClientId, session: SessionId, xid: Xid, zxid: Zxid, err: i32 },
    /// A `sync` of a client was answered by a fresh quorum.
    SyncAnswered { applied: Zxid },
    /// The server stops itself.
    Stopped,
}

/// How a server left LOOKING.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Joined {
    /// By a quorum of votes in its round.
    Election,
    /// By a quorum of servers that already follow or lead.
    RunningEnsemble,
}

/// How a learner is brought to the leader's history (section 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SyncMode {
    Diff,
    Trunc,
    TruncDiff,
    Snap,
    /// DIFF whose older part was read from the log on disk.
    LogDiff,
}

/// Why leadership ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resigned {
    /// No quorum was heard within syncLimit.
    QuorumLost,
    /// Discovery and synchronization took longer than initLimit.
    InitLimit,
    /// A follower has a more recent history.
    FollowerAhead,
    /// The zxid counter is exhausted.
    CounterExhausted,
}
