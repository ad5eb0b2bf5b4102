//! The bug library: documented bugs of ZooKeeper that a rule being off brings back, and what others
//! needed to find them (reference/bugs.md sections 3 and 6).

use zabra_checker::Budget;
use zabra_core::rule::Rule;

/// A documented bug.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    pub id: &'static str,
    pub title: &'static str,
    /// Off, these bring it back; none: no rule expresses it.
    pub off: &'static [Rule],
    pub bound: Budget,
    /// The oracle that objects, and after how many moves at least.
    pub found: Option<(&'static str, usize)>,
    /// What was published, or why it cannot be expressed or is not found.
    pub note: &'static str,
}

const WRITE: Budget = Budget { writes: 1, crashes: 0, breaks: 0, elections: 3, ..Budget::NONE };
const BREAK: Budget = Budget { writes: 1, crashes: 0, breaks: 1, elections: 3, ..Budget::NONE };

const fn bug(
    id: &'static str,
    title: &'static str,
    off: &'static [Rule],
    bound: Budget,
    found: (&'static str, usize),
    note: &'static str,
) -> Bug {
    Bug { id, title, off, bound, found: Some(found), note }
}

const fn not_yet(id: &'static str, title: &'static str, off: &'static [Rule], note: &'static str) -> Bug {
    Bug { id, title, off, bound: BREAK, found: None, note }
}

pub const BUGS: &[Bug] = &[
    bug(
        "2845",
        "a vote carries what was applied",
        &[Rule::VoteFromHistory],
        BREAK,
        ("vote", 15),
        "depth 10, 6,347 states, 12 s",
    ),
    bug(
        "3911",
        "NEWLEADER acked before the synced proposals are logged",
        &[Rule::HistoryBeforeAck],
        WRITE,
        ("ack_durability", 19),
        "depth 14, 286,286 states, 42 s",
    ),
    bug(
        "4646",
        "NEWLEADER acked before the log is flushed",
        &[Rule::HistoryBeforeAck],
        WRITE,
        ("ack_durability", 19),
        "depth 21, 2,880,498 states, 109 s; here one rule with 3911",
    ),
    bug(
        "4394",
        "a proposal between NEWLEADER and UPTODATE is dropped",
        &[Rule::KeepProposalsInSync],
        WRITE,
        ("commit_matching", 29),
        "depth 20, 14,264 states, 9 s",
    ),
    bug(
        "4712",
        "a vote while own writes are on their way",
        &[Rule::DrainBeforeVote],
        BREAK,
        ("epochs", 9),
        "depth 13, 73,293 states, 11 s",
    ),
    bug("1343", "an epoch is proposed that somebody has accepted", &[Rule::EpochAboveAll], BREAK, ("primary", 9), ""),
    bug(
        "discovery: -1",
        "an epoch accepted before is counted again",
        &[Rule::EqualDoesNotVouch],
        BREAK,
        ("primary", 10),
        "",
    ),
    bug(
        "discovery: durable",
        "ACKEPOCH before the accepted epoch is durable",
        &[Rule::AcceptedDurable],
        WRITE,
        ("epochs", 3),
        "",
    ),
    bug(
        "trap 1",
        "a proposal does not go to who is still synchronized",
        &[Rule::SyncForwardsRest],
        WRITE,
        ("commit_matching", 28),
        "Zab paper: PROPOSE goes to all that acked the epoch",
    ),
    not_yet(
        "4643",
        "currentEpoch durable before the history",
        &[Rule::HistoryBeforeEpoch],
        "depth 21, 208,018 states, 17 s; here see the kill matrix",
    ),
    not_yet(
        "1154",
        "DIFF to a peer with a tail that the leader does not have",
        &[Rule::SyncFromCommonPoint],
        "here see the kill matrix",
    ),
    not_yet(
        "4925",
        "synced records are missing from the window",
        &[Rule::WindowContiguous],
        "not covered by the published specifications; here see the kill matrix",
    ),
    not_yet(
        "3023",
        "a follower serves before it applied what is committed",
        &[],
        "depth 13, 78,892 states, 11 s; no rule: what UPTODATE commits is applied in the step that begins to \
         serve, so it needs a source edit",
    ),
    not_yet(
        "4785",
        "queued records are dropped when a role ends",
        &[],
        "no rule: storage is asked in order and never taken back, so it needs a source edit of the driver",
    ),
    not_yet(
        "4882",
        "a failed append is ignored",
        &[],
        "the model fails no write (the simulator's disk_error does); no rule: a failed completion ends the server",
    ),
    not_yet(
        "trap 2",
        "a repeated PROPOSE is not tolerated",
        &[],
        "cannot arise: registration and plan are one step, so none is sent twice; a learner leaves a leader that does",
    ),
    not_yet(
        "trap 3",
        "UPTODATE without the latest committed zxid",
        &[],
        "cannot arise: the forwarded COMMITs stand before UPTODATE on the same connection",
    ),
];
