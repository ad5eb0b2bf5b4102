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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Epoch;
    use crate::log::Record;
    use alloc::sync::Arc;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// The histories that ZAB can produce: every epoch continues some prefix of an earlier one, so
    /// equal zxids mean equal prefixes.
    #[derive(Clone, Debug)]
    struct Reigns(Vec<Vec<Zxid>>);

    fn reigns() -> impl Strategy<Value = Reigns> {
        prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0u32..4), 1..6).prop_map(
            |choices| {
                let mut histories: Vec<Vec<Zxid>> = Vec::from([Vec::new()]);
                for (n, (parent, cut, len)) in choices.into_iter().enumerate() {
                    let parent = &histories[parent.index(histories.len())];
                    let mut history = parent[..cut.index(parent.len() + 1)].to_vec();
                    history.extend((1..=len).map(|counter| Zxid::new(Epoch(n as u32 + 1), counter)));
                    histories.push(history);
                }
                Reigns(histories)
            },
        )
    }

    fn record(zxid: Zxid) -> Record {
        Record { zxid, bytes: Arc::from(&zxid.0.to_be_bytes()[..]) }
    }

    /// The leader's memory: what is left of its history after forgetting the oldest `trimmed`.
    fn window(full: &[Zxid], trimmed: usize) -> History {
        let base = if trimmed == 0 { Zxid::ZERO } else { full[trimmed - 1] };
        History::restore(base, full[trimmed..].iter().map(|z| record(*z)))
    }

    proptest! {
        #[test]
        fn a_plan_brings_any_learner_to_the_leaders_history(
            reigns in reigns(),
            (leader, learner) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
            (keep, trim) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        ) {
            let full = leader.get(&reigns.0);
            let learner = learner.get(&reigns.0);
            let peer: Vec<Zxid> = learner[..keep.index(learner.len() + 1)].to_vec();
            let peer_end = peer.last().copied().unwrap_or(Zxid::ZERO);
            let history = window(full, trim.index(full.len() + 1));
            let mut result = peer.clone();
            let from = match plan(&history, peer_end) {
                Plan::Diff { from } => from,
                Plan::Trunc { to } => {
                    prop_assert!(to.epoch() == peer_end.epoch() || to == Zxid::ZERO, "no TRUNC across epochs");
                    result.retain(|z| *z <= to);
                    to
                }
                // SNAP brings the state itself; so does a log that does not hold the learner's end.
                Plan::Snap | Plan::ReadLog => return Ok(()),
            };
            result.extend(history.above(from).map(|r| r.zxid));
            prop_assert_eq!(&result, full);
        }

        #[test]
        fn a_learner_within_the_window_gets_no_image(
            reigns in reigns(),
            leader in any::<prop::sample::Index>(),
            keep in any::<prop::sample::Index>(),
        ) {
            let full = leader.get(&reigns.0);
            let peer_end = full[..keep.index(full.len() + 1)].last().copied().unwrap_or(Zxid::ZERO);
            let plan = plan(&window(full, 0), peer_end);
            prop_assert_eq!(plan, Plan::Diff { from: peer_end });
        }
    }
}
