//! How a learner is brought to the leader's history (reference/zookeeper.md section 3.5).

use crate::contract::SyncMode;
use crate::id::Zxid;
use crate::zab::History;

/// What the leader does for one learner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plan {
    /// The learner's history is a prefix: send what follows.
    Diff { from: Zxid },
    /// The learner cuts what the leader does not have, then gets what follows `to`.
    Trunc { to: Zxid },
    /// The learner is behind the window: read the log on disk first.
    ReadLog,
    /// Send the database.
    Snap,
}

/// The plan for a learner whose history ends at `peer` (rule `SyncFromCommonPoint`).
///
/// The cut is made only within the epoch of the learner's end: a server that has a record of an
/// epoch has every earlier record of that epoch, so the point is common. Across epochs it need not
/// be, and Apache's learners crash on such a TRUNC.
pub fn plan(history: &History, peer: Zxid) -> Plan {
    if history.contains(peer) {
        return Plan::Diff { from: peer };
    }
    match history.floor(peer) {
        Some(floor) if floor.epoch() == peer.epoch() => Plan::Trunc { to: floor },
        // Apache's servers report (epoch, 0) while an epoch has no transaction: its initial history.
        Some(floor) if history.above(floor).next().is_some_and(|r| peer.next() == Some(r.zxid)) => {
            Plan::Diff { from: floor }
        }
        Some(_) => Plan::Snap,
        None if peer == Zxid::ZERO => Plan::Snap,
        None => Plan::ReadLog,
    }
}

/// The name of a plan that sends `rest` records after its first packet.
pub fn mode(plan: Plan, rest: usize) -> SyncMode {
    match plan {
        Plan::Diff { .. } => SyncMode::Diff,
        Plan::Trunc { .. } if rest == 0 => SyncMode::Trunc,
        Plan::Trunc { .. } => SyncMode::TruncDiff,
        Plan::ReadLog => SyncMode::LogDiff,
        Plan::Snap => SyncMode::Snap,
    }
}
