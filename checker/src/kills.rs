//! Which rules die by the exhaustive explorer when they are off: by which oracle, in which bound, after
//! how many moves at least. One table, for the tests here and for `zabra-lab bugs` and `rules`.
//!
//! The explorer goes level by level, so a length is that of a shortest counterexample of its bound and
//! start; a change of the core that alters one says why.

use crate::interned::{Explored, Progress, Search};
use crate::plain::{Plain, Setting};
use crate::scope::{Bound, Budget, Kind};
use crate::service::{Script, Scripts};
use crate::start::Start;
use crate::{Go, search_with};
use zabra_core::rule::Rule;

/// A search, but for the rules that are off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arena {
    pub kind: Kind,
    pub servers: u8,
    pub budget: Budget,
    pub setting: Setting,
}

/// What dies, where, by what.
#[derive(Clone, Copy, Debug)]
pub struct Kill {
    pub off: &'static [Rule],
    pub arena: Arena,
    pub oracle: &'static str,
    /// From the start of its arena on.
    pub moves: usize,
}

impl Arena {
    pub fn model(self, off: &[Rule]) -> Plain {
        let bound = Bound { kind: self.kind, servers: self.servers, budget: self.budget };
        Plain::new(bound, off.iter().copied().collect()).set(self.setting)
    }

    pub fn search(self, off: &[Rule], how: Search, watch: impl FnMut(&Progress) -> Go) -> Explored {
        search_with(&self.model(off), how, watch)
    }

    /// The same where only these oracles are heeded.
    pub const fn heeding(self, heeded: &'static [&'static str]) -> Arena {
        Arena { setting: Setting { heeded, ..self.setting }, ..self }
    }

    const fn from(self, start: Start) -> Arena {
        Arena { setting: Setting { start, ..self.setting }, ..self }
    }

    const fn small_window(self) -> Arena {
        Arena { setting: Setting { window_bytes: Some(1), ..self.setting }, ..self }
    }

    const fn counting_to(self, counter_end: u32) -> Arena {
        Arena { setting: Setting { counter_end: Some(counter_end), ..self.setting }, ..self }
    }
}

const fn broadcast(budget: Budget) -> Arena {
    Arena { kind: Kind::Broadcast, servers: 3, budget, setting: Setting::PLAIN }
}

const fn budget(writes: u8, crashes: u8, breaks: u8, elections: u8) -> Budget {
    Budget { writes, crashes, breaks, elections, ..Budget::NONE }
}

const fn kill(rule: &'static [Rule], arena: Arena, oracle: &'static str, moves: usize) -> Kill {
    Kill { off: rule, arena, oracle, moves }
}

/// One write, three elections, nothing goes wrong.
pub const WRITE: Arena = broadcast(budget(1, 0, 0, 3));
/// And a connection breaks.
pub const BREAK: Arena = broadcast(budget(1, 0, 1, 3));
const WRITES: Arena = broadcast(budget(2, 0, 0, 2));
const FAILURE: Arena = broadcast(Budget { failures: 1, ..budget(1, 0, 0, 0) }).from(Start::Serving);
const CRASH_IN_SYNC: Arena = broadcast(budget(0, 1, 0, 1)).from(Start::Ahead);
const BREAK_IN_SYNC: Arena = broadcast(budget(0, 0, 1, 1)).from(Start::Ahead);
const JOIN_WITH_TAIL: Arena = broadcast(budget(1, 0, 0, 2)).from(Start::Tail);
const JOIN_BEHIND: Arena = broadcast(budget(0, 0, 0, 1)).from(Start::Behind);
const IMAGE: Arena = broadcast(budget(0, 0, 0, 1)).from(Start::Ahead).small_window();
const IMAGE_AND_BREAK: Arena = broadcast(budget(0, 0, 1, 2)).from(Start::Ahead).small_window();
const JOIN_FROM_LOG: Arena = broadcast(budget(2, 0, 0, 1)).from(Start::Behind).small_window();
const EPOCH_ENDS: Arena = broadcast(budget(2, 0, 0, 0)).from(Start::Pair).counting_to(2);
const REJOIN: Arena = broadcast(budget(2, 0, 1, 1)).from(Start::Serving);
const CUT_OFF: Arena = broadcast(budget(0, 0, 1, 0)).from(Start::Pair);

/// Two servers, and two timers that fire early.
const TIMEOUTS: Arena = Arena {
    kind: Kind::Full,
    servers: 2,
    budget: Budget { writes: 1, timeouts: 2, ..Budget::NONE },
    setting: Setting::PLAIN,
};
const MORE_TIMEOUTS: Arena = Arena { budget: Budget { writes: 1, timeouts: 3, ..Budget::NONE }, ..TIMEOUTS };
/// Five servers: the followers of a leader are a quorum without it.
const DEAD_LEADER: Arena = Arena { servers: 5, ..broadcast(budget(0, 1, 0, 2)) };

/// Two clients that send requests before the ones before are answered.
const fn clients(script: Script, servers: u8, breaks: u8, timeouts: u8) -> Arena {
    let scripts = Scripts { script, operations: 2, pipelined: true };
    Arena { kind: Kind::Service(scripts), servers, ..broadcast(Budget { timeouts, ..budget(0, 0, breaks, 0) }) }
}

use Rule as R;

/// The table.
pub const KILLS: &[Kill] = &[
    kill(&[R::VoteQuorum], WRITE, "quorum", 1),
    kill(&[R::EpochQuorum], WRITE, "quorum", 1),
    kill(&[R::AcceptedDurable], WRITE, "epochs", 3),
    kill(&[R::LeaderEpochDurable], WRITE, "epochs", 6),
    kill(&[R::EstablishedByQuorum], WRITE, "quorum", 7),
    kill(&[R::EpochBeforeAck], WRITE, "ack_durability", 9),
    kill(&[R::LeaderAckAfterDurable], WRITE, "ack_durability", 12),
    kill(&[R::CommitQuorum], WRITE, "quorum", 13),
    kill(&[R::AckAfterDurable], WRITE, "ack_durability", 14),
    kill(&[R::ApplyCommitted], WRITE, "commit_safety", 14),
    kill(&[R::HistoryBeforeAck], WRITE, "ack_durability", 19),
    kill(&[R::SyncForwardsRest], WRITE, "commit_matching", 28),
    kill(&[R::KeepProposalsInSync], WRITE, "commit_matching", 29),
    kill(&[R::AppliedBeforeServing], WRITE, "commit_safety", 30),
    kill(&[R::ProposedOnce], WRITE, "contiguity", 24),
    kill(&[R::UpToDateIsLatest], WRITES, "commit_matching", 35),
    kill(&[R::VoteRound], BREAK, "election", 3),
    kill(&[R::DrainBeforeVote], BREAK, "epochs", 9),
    kill(&[R::EpochAboveAll], BREAK, "primary", 9),
    kill(&[R::EqualDoesNotVouch], BREAK, "primary", 10),
    kill(&[R::VoteFromHistory], BREAK, "vote", 15),
    kill(&[R::VoteOrder], BREAK, "vote", 16),
    kill(&[R::LeaderMostRecent], BREAK, "leader_completeness", 23),
    kill(&[R::FailureStops], FAILURE, "ack_durability", 2),
    kill(&[R::StepDown], CUT_OFF, "step_down", 2),
    kill(&[R::EpochEnds], EPOCH_ENDS, "zxid", 2),
    kill(&[R::HistoryBeforeEpoch], CRASH_IN_SYNC, "storage_order", 12),
    kill(&[R::QueueKept], BREAK_IN_SYNC, "storage_order", 13),
    kill(&[R::SyncFromCommonPoint], JOIN_WITH_TAIL, "storage_order", 15),
    kill(&[R::WindowContiguous], JOIN_BEHIND, "contiguity", 13),
    kill(&[R::ImageBeforeAck], IMAGE, "ack_durability", 9),
    kill(&[R::AbortedSyncForgotten], IMAGE_AND_BREAK, "vote", 10),
    kill(&[R::SyncNoGap], JOIN_FROM_LOG, "contiguity", 18),
    kill(&[R::CommitOrder], REJOIN, "commit_safety", 17),
    kill(&[R::TruncateNotCommitted, R::CommitQuorum], JOIN_WITH_TAIL.heeding(&["digest"]), "digest", 22),
    kill(&[R::CommitMatches, R::SyncForwardsRest], WRITES.heeding(&["commit_safety"]), "commit_safety", 30),
    kill(&[R::LeaderConfirms], DEAD_LEADER, "election", 2),
    kill(&[R::OneOrder], clients(Script::Register, 3, 0, 0), "fifo", 2),
    kill(&[R::NoWriteAfterClose], clients(Script::Sequence, 1, 0, 1), "sessions", 4),
    kill(&[R::FreshZxid], clients(Script::Lock, 1, 0, 0), "zxid", 4),
    kill(&[R::OwnerOnly], clients(Script::Register, 3, 1, 0), "ownership", 4),
    kill(&[R::CurrentConnection], TIMEOUTS, "quorum", 19),
    kill(&[R::EpochNotLower, R::CurrentConnection], MORE_TIMEOUTS.heeding(&["epochs"]), "epochs", 23),
];

/// Oracles that speak of what servers have committed and applied, and so of what clients can be told; what a disk
/// holds, who voted and who acknowledged what is hidden from them.
pub const VISIBLE: &[&str] = &["commit_safety", "digest"];

/// What a rule that is off dies of.
pub fn of(off: &[Rule]) -> Option<&'static Kill> {
    KILLS.iter().find(|kill| kill.off == off)
}
