//! The bug library: documented bugs of ZooKeeper that a rule being off brings back, what others needed to
//! find them (reference/bugs.md sections 3 and 6), and how deep their damage lies where only what servers
//! commit and apply is looked at.

use zabra_checker::kills::{self, Arena, Kill};
use zabra_checker::{Budget, Kind, Search, Setting, Start};
use zabra_core::rule::Rule;

/// A documented bug.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    pub id: &'static str,
    pub title: &'static str,
    /// Off, these bring it back; where it dies stands in [`kills::KILLS`].
    pub off: &'static [Rule],
    /// Where it dies by [`kills::VISIBLE`] oracles alone, and of which after how many moves at least.
    pub visible: Option<(Arena, &'static str, usize)>,
    /// What was published.
    pub published: &'static str,
}

/// Every move of every state is made, so that a counterexample is a shortest one.
pub const fn shortest(threads: usize) -> Search {
    Search { threads, reduce: false }
}

impl Bug {
    /// Where it dies.
    pub fn kill(&self) -> &'static Kill {
        kills::of(self.off).expect("each bug's rule is in the table of kills")
    }
}

const fn bug(id: &'static str, title: &'static str, off: &'static [Rule], published: &'static str) -> Bug {
    Bug { id, title, off, visible: None, published }
}

impl Bug {
    const fn visible(self, start: Start, bound: [u8; 4], oracle: &'static str, moves: usize) -> Bug {
        let [writes, crashes, breaks, elections] = bound;
        let budget = Budget { writes, crashes, breaks, elections, ..Budget::NONE };
        let setting = Setting { start, ..Setting::PLAIN };
        let arena = Arena { kind: Kind::Broadcast, servers: 3, budget, setting };
        Bug { visible: Some((arena.heeding(kills::VISIBLE), oracle, moves)), ..self }
    }
}

pub const BUGS: &[Bug] = &[
    bug("2845", "a vote carries what was applied", &[Rule::VoteFromHistory], "depth 10, 6,347 states, 12 s"),
    bug(
        "3023",
        "a follower serves before it applied what is committed",
        &[Rule::AppliedBeforeServing],
        "depth 13, 78,892 states, 11 s",
    )
    .visible(Start::Boot, [1, 0, 0, 3], "commit_safety", 30),
    bug(
        "3911",
        "NEWLEADER acked before the synced proposals are logged",
        &[Rule::HistoryBeforeAck],
        "depth 14, 286,286 states, 42 s",
    ),
    bug(
        "4394",
        "a proposal between NEWLEADER and UPTODATE is dropped",
        &[Rule::KeepProposalsInSync],
        "depth 20, 14,264 states, 9 s",
    ),
    bug(
        "4643",
        "currentEpoch durable before the history",
        &[Rule::HistoryBeforeEpoch],
        "depth 21, 208,018 states, 17 s",
    ),
    bug(
        "4646",
        "NEWLEADER acked before the log is flushed",
        &[Rule::HistoryBeforeAck],
        "depth 21, 2,880,498 states, 109 s; here one rule with 3911",
    ),
    bug("4712", "a vote while own writes are on their way", &[Rule::DrainBeforeVote], "depth 13, 73,293 states, 11 s"),
    bug("4785", "queued records are dropped when a role ends", &[Rule::QueueKept], "").visible(
        Start::Ahead,
        [0, 0, 1, 1],
        "commit_safety",
        13,
    ),
    bug("4925", "synced records are missing from the window", &[Rule::WindowContiguous], "five servers, by a test"),
    bug("4882", "a failed write is ignored", &[Rule::FailureStops], ""),
    bug("1154", "DIFF to a peer with a tail that the leader does not have", &[Rule::SyncFromCommonPoint], "").visible(
        Start::Tail,
        [1, 0, 0, 2],
        "commit_safety",
        34,
    ),
    bug("1343", "an epoch is proposed that somebody has accepted", &[Rule::EpochAboveAll], ""),
    bug("discovery: -1", "an epoch accepted before is counted again", &[Rule::EqualDoesNotVouch], ""),
    bug("discovery: durable", "ACKEPOCH before the accepted epoch is durable", &[Rule::AcceptedDurable], ""),
    bug("trap 1", "a proposal does not go to who is still synchronized", &[Rule::SyncForwardsRest], "Zab paper"),
    bug("trap 2", "a proposal comes twice, and is logged twice", &[Rule::ProposedOnce], "Zab paper"),
    bug("trap 3", "UPTODATE without the latest COMMIT", &[Rule::UpToDateIsLatest], "Zab paper"),
];
