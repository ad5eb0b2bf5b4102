//! Leaving out moves that commute changes no verdict: same oracles, same local states, fewer states.
//! That rules which are off die all the same is in `kills.rs`.

use zabra_checker::{Bound, Budget, End, Explored, Go, Kind, Plain, Search, explore, search_under, search_with};
use zabra_core::rule::Rule;
use zabra_sim::rules::RuleSet;

const fn budget(writes: u8, crashes: u8, breaks: u8, elections: u8) -> Budget {
    Budget { writes, crashes, breaks, elections, ..Budget::NONE }
}

fn model(budget: Budget, without: &[Rule]) -> Plain {
    Plain::new(Bound { kind: Kind::Broadcast, servers: 3, budget }, without.iter().copied().collect::<RuleSet>())
}

fn reduced(budget: Budget, without: &[Rule], threads: usize) -> Explored {
    search_with(&model(budget, without), Search { threads, reduce: true }, |_| Go::On)
}

/// The whole bound against the reduced one, whose states and transitions are golden.
fn agrees(budget: Budget, states: usize, transitions: u64) {
    let whole = explore(&model(budget, &[]), 2, |_| Go::On);
    for threads in [1, 2] {
        let found = reduced(budget, &[], threads);
        assert_eq!((found.end, whole.end), (End::Exhausted, End::Exhausted));
        assert_eq!(found.reached, whole.reached);
        assert_eq!(found.local, whole.local, "the same local states, as oracles see them");
        assert_eq!((found.progress.states, found.progress.transitions), (states, transitions));
        assert_eq!(found.unequal, 0, "equal inputs give equal outputs");
    }
}

#[test]
fn a_write_has_the_same_local_states() {
    agrees(budget(1, 0, 0, 3), 3244, 8043);
}

#[test]
fn a_crash_has_the_same_local_states() {
    agrees(budget(0, 1, 0, 3), 49_198, 93_875);
}

#[test]
fn a_break_has_the_same_local_states() {
    agrees(budget(0, 0, 1, 3), 22_813, 46_364);
}

/// Elections bounded by epochs instead of by number.
#[test]
fn a_break_up_to_the_second_epoch_has_the_same_local_states() {
    agrees(budget(0, 0, 1, Budget::up_to_epoch(2)), 58_954, 112_046);
}

/// Under two keys the fingerprints count what the states do, and tell the same counterexample.
#[test]
fn fingerprints_find_what_states_find() {
    let how = Search { threads: 2, reduce: true };
    for key in [1, 0x5eed_5eed_5eed_5eed] {
        let found = search_under(Some(key), &model(budget(0, 0, 1, 3), &[]), how, |_| Go::On);
        assert_eq!((found.end, found.progress.states, found.progress.transitions), (End::Exhausted, 22_813, 46_364));
        let found = search_under(Some(key), &model(budget(1, 0, 0, 3), &[Rule::AckAfterDurable]), how, |_| Go::On);
        assert_eq!(found.counterexample.map(|c| (c.violation.oracle, c.moves.len())), Some(("ack_durability", 14)));
    }
}
