//! What a server reports: facts for metrics, logs, oracles, marks and reports. Reporting changes
//! nothing; events are part of a transition's output, not of the state.

use super::Fault;
use crate::id::{ClientId, ConnId, Epoch, ServerId, ServerSet, SessionId, Xid, Zxid};
use crate::log::Record;
use crate::quorum::Quorum;
use crate::zab::{ServerState, Vote};
use alloc::vec::Vec;

/// One fact of a step, in the order it happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The role changed. `Looking` after any other role means that the role ended.
    Role { state: ServerState, leader: Option<ServerId> },
    /// While LOOKING: from now on this is the vote that goes out; once per change of vote or round.
    Voted { vote: Vote, round: u64 },
    /// This server left LOOKING for `vote`: these are the equal votes that it counted (its own
    /// included in an election), as their senders cast them, and the round.
    Elected { vote: Vote, round: u64, ballots: Vec<Ballot>, joined: Joined },
    /// As leader: a quorum's FOLLOWERINFO was heard (this server's own included) and this epoch is
    /// proposed. Observers that were heard are named too: they count for the epoch, not for the quorum.
    EpochProposed { epoch: Epoch, informed: Vec<(ServerId, Epoch)> },
    /// As learner: ACKEPOCH leaves now. `vouches` is false if it answers −1, because the epoch had
    /// been accepted before.
    EpochAccepted { epoch: Epoch, leader: ServerId, vouches: bool },
    /// As leader: a quorum's ACKEPOCH was heard (this server's own included, and only those that
    /// vouch); synchronization begins from this history.
    EpochAcked { epoch: Epoch, acked: ServerSet, history_end: Zxid },
    /// As leader: the plan for a learner. `peer` is its last zxid.
    SyncPlanned { learner: ServerId, mode: SyncMode, peer: Zxid, end: Zxid },
    /// As learner: ACK(NEWLEADER) leaves now. `history_end` is the end of what came before
    /// NEWLEADER; proposals that arrived after it do not belong to it.
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
    /// As leader: a quorum acknowledged `zxid`. Reported before what it lets be applied.
    Committed { zxid: Zxid, acked: ServerSet },
    /// A transaction was applied to the tree; `digest` is the tree's state digest after it.
    Applied { record: Record, digest: u64 },
    /// The history was cut: records above `after` are gone.
    Truncated { after: Zxid },
    /// The digest that came with a transaction is not the tree's after applying it: prediction and
    /// result differ (Apache's digest, as both sides count it).
    DigestMismatch { zxid: Zxid, carried: u64, computed: u64 },
    /// The database was replaced by the leader's image at this zxid.
    ImageInstalled { zxid: Zxid },
    /// A synchronization ended before NEWLEADER was acknowledged; what it brought is forgotten.
    SyncAborted { mode: SyncMode },
    /// As leader: a learner is given up: its connection ended or it was silent for syncLimit. Those
    /// in `heard`, this server included, are left; without a quorum of them leadership ends in this
    /// step (rule `StepDown`).
    LearnerLost { learner: ServerId, heard: ServerSet },
    /// As leader: leadership ends.
    Resigned { epoch: Epoch, why: Resigned },
    /// A packet was dropped: it belongs to another connection, epoch or phase.
    PacketIgnored { packet: &'static str },
    /// A peer sent something that the protocol forbids; its connection is closed.
    PeerRefused { why: &'static str },

    /// As leader: a session's timer fired and closeSession is proposed.
    SessionExpiring { session: SessionId },
    /// As leader: requests of this session are taken from `origin` only, from now on.
    SessionOwned { session: SessionId, origin: RequestOrigin },
    /// As leader: a session's request was made into the transaction `zxid`; reported before its
    /// `Proposed`.
    Prepared { zxid: Zxid, session: SessionId, origin: RequestOrigin },
    /// A client's connection was attached to a session. `last_seen` is what its ConnectRequest said.
    SessionAttached { session: SessionId, client: ClientId, timeout_ms: i32, last_seen: Zxid },
    /// A client's connection asked for a session that it does not get.
    SessionRefused { session: SessionId },
    /// A request of a session was taken from its connection: `Replied` will answer it, unless the
    /// connection ends first.
    Requested { client: ClientId, session: SessionId, xid: Xid, op: i32 },
    /// A reply leaves for a request of a session (requests without a session have none).
    Replied { client: ClientId, session: SessionId, xid: Xid, op: i32, zxid: Zxid, err: i32 },
    /// What became of a session of this server alone.
    LocalSession { session: SessionId, turn: LocalTurn },
    /// Without a quorum, this server begins or ends to answer the reads of clients that allow for it.
    ReadOnly { serves: bool },
    /// A request waits in the line of those that are to be taken, or has left it after so long a wait.
    Throttled { client: ClientId, turn: LineTurn, waited_ms: u64 },
    /// A large request came, and the others' are as many bytes as there may be.
    LargeRequestRefused { client: ClientId, bytes: usize },
    /// A `sync` of a client was answered by a fresh quorum.
    SyncAnswered { applied: Zxid },
    /// What counts as a quorum here has changed: `voters` are those of the configuration in force, and
    /// `proposed` those of one that is logged and not known to be committed. `version` is that of the newest.
    Configured { version: u64, voters: Quorum, proposed: Option<Quorum> },
    /// The server stops itself.
    Stopped { fault: Fault },
}

/// Where the leader heard a request: the owner of a session is one of these (rule `OwnerOnly`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestOrigin {
    Local,
    Learner(ConnId),
}

/// What becomes of a session of one server alone (reference/zookeeper.md section 1.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LocalTurn {
    Begins,
    /// A transaction is asked for that makes it the ensemble's: from now on it is treated as such.
    Upgrades,
    /// Its client closed it, or the read-only server that had it is none any more.
    Ends,
    /// It was silent for too long.
    Expires,
}

/// What becomes of a request that waits to be taken (reference/zookeeper.md section 1.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineTurn {
    Waits,
    Taken,
    /// It is answered −127, for it has waited too long.
    Late,
    /// It is dropped, and its connection closed.
    Stale,
}

/// A vote as its sender cast it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ballot {
    pub from: ServerId,
    pub state: ServerState,
    pub round: u64,
    pub vote: Vote,
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
    /// A learner has accepted an epoch above this reign's, so it can never follow it.
    EpochPassed,
    /// The zxid counter is exhausted.
    CounterExhausted,
    /// A configuration came into force in which this server does not vote.
    Reconfigured,
}
