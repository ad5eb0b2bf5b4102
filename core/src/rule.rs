//! The named rules: every safety decision of the protocol, one entry each (contract section 8).
//!
//! The site of a rule asks `cx.enforces(Rule::…)`. In production the answer is always yes and costs
//! nothing; the explorers switch rules off, one or a pair at a time, and an oracle must notice.

/// Which rules a step obeys.
pub trait Rules: Copy {
    fn enforces(self, rule: Rule) -> bool;
}

/// Production: every rule, zero bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AllRules;

impl Rules for AllRules {
    fn enforces(self, _: Rule) -> bool {
        true
    }
}

/// What the traceability report and the kill matrix say of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: &'static str,
    pub sentence: &'static str,
    /// Paper, ZOOKEEPER id, or section of reference/zookeeper.md.
    pub source: &'static str,
    /// The oracle that must catch the rule's absence.
    pub oracle: &'static str,
}

macro_rules! rules {
    ($($name:ident: $sentence:literal, $source:literal, $oracle:literal;)*) => {
        /// A safety decision of the protocol.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $sentence] $name,)*
        }

        impl Rule {
            pub const ALL: &'static [Rule] = &[$(Rule::$name,)*];

            pub const fn entry(self) -> Entry {
                match self {
                    $(Rule::$name => Entry { name: stringify!($name), sentence: $sentence, source: $source, oracle: $oracle },)*
                }
            }
        }
    };
}

rules! {
    VoteOrder: "better = epoch, then zxid, then server id; while a change is logged who votes in the configuration in force comes before the id", "ZOOKEEPER-1419", "vote";
    VoteRound: "a vote of another round does not count", "ZOOKEEPER-1514", "election";
    VoteFromVoter: "sender and candidate are voters of a configuration in force", "ZOOKEEPER-2988, ZOOKEEPER-764", "quorum";
    VoteQuorum: "leave LOOKING only with a quorum: of every configuration that counts to lead, of the one in force to follow", "FLE, reference/zookeeper.md 3.2", "quorum";
    LeaderConfirms: "join a running ensemble only if its leader itself says LEADING", "ZOOKEEPER-975", "election";
    EmptyAbstains: "a server whose disk was lost neither votes nor is counted", "contract section 7", "vote";
    VoteFromHistory: "a vote carries the end of the history, not what was applied", "ZOOKEEPER-2845", "vote";
    VoteRepeated: "a vote that has not won is said again when the notification timeout ends", "reference/zookeeper.md 3.2", "liveness";
    DrainBeforeVote: "no vote while own writes are pending", "ZOOKEEPER-4712", "vote";
    EpochAboveAll: "the new epoch is above every accepted epoch heard, equality included", "ZOOKEEPER-1343", "primary";
    EpochQuorum: "an epoch is proposed after a quorum of voters' FOLLOWERINFO", "ZOOKEEPER-2959", "quorum";
    AcceptedDurable: "the accepted epoch is durable before ACKEPOCH", "Zab paper (DSN 2011)", "epochs";
    EpochNotLower: "a lower LEADERINFO is refused", "Zab paper (DSN 2011)", "epochs";
    EqualDoesNotVouch: "an epoch already accepted is answered −1 and not counted", "zookeeper.md 3.4", "primary";
    LeaderMostRecent: "a follower ahead of the leader ends its leadership", "Zab paper (DSN 2011)", "leader_completeness";
    LeaderEpochDurable: "the leader's own epoch files are durable before it syncs anyone", "reference/zookeeper.md 3.4", "epochs";
    SyncFromCommonPoint: "cut what the leader does not have", "ZOOKEEPER-1154", "log_matching";
    SyncNoGap: "the part from disk and the window meet", "ZOOKEEPER-2418", "contiguity";
    SyncForwardsRest: "registration and plan are one step; forwarding starts at the plan's end", "ZOOKEEPER-962, ZOOKEEPER-408", "contiguity";
    WindowContiguous: "synced records enter the window", "ZOOKEEPER-4925", "contiguity";
    HistoryBeforeEpoch: "history durable before currentEpoch", "ZOOKEEPER-4643", "storage_order";
    EpochBeforeAck: "currentEpoch durable before ACK(NEWLEADER)", "ZOOKEEPER-1282", "ack_durability";
    HistoryBeforeAck: "whole history durable before ACK(NEWLEADER)", "ZOOKEEPER-3911, ZOOKEEPER-4646", "ack_durability";
    ImageBeforeAck: "installed image durable before the ACK", "ZOOKEEPER-2872", "ack_durability";
    KeepProposalsInSync: "proposals before UPTODATE are kept", "ZOOKEEPER-4394", "commit_matching";
    AbortedSyncForgotten: "an image without completed NEWLEADER is dropped", "ZOOKEEPER-3642", "vote";
    AppliedBeforeServing: "what UPTODATE commits is applied before the server serves", "ZOOKEEPER-3023", "commit_safety";
    QueueKept: "what the disk was asked for is not taken back when a role ends", "ZOOKEEPER-4785", "storage_order";
    UpToDateIsLatest: "every COMMIT since the plan goes to the learner before UPTODATE", "zookeeper-specifications, Zab issue 3", "commit_matching";
    ProposedOnce: "a record enters a history once: registration begins where the plan ends, and a learner refuses what it holds", "zookeeper-specifications, Zab issue 2", "contiguity";
    TruncateNotCommitted: "refuse TRUNC below committed", "oracle 16", "digest";
    EstablishedByQuorum: "serve and send UPTODATE after a quorum of ACK(NEWLEADER)", "Zab paper (DSN 2011)", "quorum";
    AckAfterDurable: "ACK(z) after z is durable", "reference/zookeeper.md 3.7", "ack_durability";
    LeaderAckAfterDurable: "the leader counts itself the same way", "reference/zookeeper.md 3.7", "ack_durability";
    CommitQuorum: "commit with a quorum of voters' acks", "Zab paper (DSN 2011)", "quorum";
    CommitOrder: "commit z after z−1", "Zab paper (DSN 2011)", "commit_safety";
    CommitMatches: "a COMMIT that is not the head of the queue stops the server", "reference/zookeeper.md 3.7", "commit_safety";
    ApplyCommitted: "apply only what is committed", "Zab paper (DSN 2011)", "commit_safety";
    CurrentConnection: "packets of another connection or epoch are dropped", "oracle 18", "commit_matching";
    FailureStops: "a failed write stops the server", "ZOOKEEPER-4882", "ack_durability";
    StepDown: "no quorum heard within syncLimit ends leadership; observers don't count", "ZOOKEEPER-1294", "step_down";
    EpochEnds: "counter 0xffffffff ends the epoch", "ZOOKEEPER-1277", "zxid";
    FreshZxid: "every request that reaches preparation takes a fresh zxid", "reference/zookeeper.md 1.5", "zxid";
    OneOrder: "a connection's replies leave in its order; reads wait for own writes", "ZOOKEEPER-1863", "fifo";
    ClientNotAhead: "lastZxidSeen above applied is refused", "reference/zookeeper.md 1.3", "session_order";
    NoWriteAfterClose: "a closing session's requests fail", "ZOOKEEPER-1208", "sessions";
    LeaderExpires: "only an established leader closes a silent session", "etcd 15247", "sessions";
    OwnerOnly: "a request of a moved session fails", "ZOOKEEPER-417", "ownership";
    LocalWritesMarked: "a leader takes the writes of a session that it does not know only on the word of the server whose it is", "ZOOKEEPER-1147, reference/zookeeper.md 1.11", "sessions";
    UpgradeBeforeEphemeral: "a session of one server alone owns no ephemeral before a transaction has made it the ensemble's", "ZOOKEEPER-2725", "sessions";
    PredictionDropped: "ahead dies with the role", "ClickHouse PR 54572", "prediction";
    FailedMultiForgotten: "a multi that fails leaves nothing for the next request to build upon", "reference/zookeeper.md 1.8", "prediction";
    FadesInTime: "a leader deletes of its own accord only empty containers, and znodes past their time to live", "reference/zookeeper.md 2.6", "atomic";
    WordRenews: "what a learner has heard of a session begins its timeout anew", "reference/zookeeper.md 1.3", "early_expiry";
    ReadOnlySessionsEnd: "a session that a server gave without a quorum ends when there is one", "reference/zookeeper.md 1.11", "read_only";
    BothQuorums: "while a configuration is logged and not known to be committed, its quorum counts beside that of the one in force, for whoever leads", "Dynamic Reconfiguration (USENIX ATC 2012)", "quorum";
    OneReconfiguration: "a configuration is proposed only when the one before it is committed", "Dynamic Reconfiguration (USENIX ATC 2012)", "quorum";
    SyncNeedsFreshQuorum: "sync waits for a quorum's answer to a later ping", "ZOOKEEPER-1675", "fresh_sync";
}
