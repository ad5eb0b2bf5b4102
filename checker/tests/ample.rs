//! Leaving out moves that commute changes no verdict: same oracles, same local states, fewer states.
//! That rules which are off die all the same is in `kills.rs`.

use stateright::{Checker, Model};
use zabra_checker::{
    Bound, Budget, End, Explored, Go, Interned, Kind, Plain, Search, explore, search, search_under, search_with,
};
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
    agrees(budget(0, 1, 0, 3), 62_629, 117_929);
}

#[test]
fn a_break_has_the_same_local_states() {
    agrees(budget(0, 0, 1, 3), 27_905, 55_103);
}

/// Elections bounded by epochs instead of by number.
#[test]
fn a_break_up_to_the_second_epoch_has_the_same_local_states() {
    agrees(budget(0, 0, 1, Budget::up_to_epoch(2)), 58_954, 112_046);
}

/// Elections that begin anew (decision 0028), every move made: our own explorer with one thread and two, the plain model
/// and stateright's search of the interned one find the same; and the same local states as without, in fewer.
fn renews(budget: Budget) {
    let whole = explore(&model(budget, &[]), 2, |_| Go::On);
    let model = model(budget, &[]).renewing();
    let counts = |found: &Explored| (found.progress.states, found.progress.transitions, found.cut);
    let golden = counts(&explore(&model, 1, |_| Go::On));
    let found = explore(&model, 2, |_| Go::On);
    assert_eq!(counts(&found), golden);
    assert!(golden.0 <= whole.progress.states);
    assert_eq!((found.end, &found.reached), (End::Exhausted, &whole.reached));
    assert_eq!(found.local, whole.local, "the same local states, as oracles see them");
    assert_eq!((found.unequal, found.clashes), (0, 0), "equal inputs give equal outputs");
    let checker = Interned::new(&model).checker().spawn_dfs().join();
    assert_eq!((checker.unique_state_count(), checker.state_count() as u64), (golden.0, golden.1));
    let found = search(model);
    assert_eq!(
        (found.states, found.transitions as u64, found.cut, found.violation),
        (golden.0, golden.1, golden.2, None)
    );
}

#[test]
fn elections_that_begin_anew_with_a_write_have_the_same_local_states() {
    renews(budget(1, 0, 0, 3));
}

#[test]
fn elections_that_begin_anew_with_a_break_have_the_same_local_states() {
    renews(budget(0, 0, 1, 2));
}

/// Under two keys the fingerprints count what the states do, and tell the same counterexample.
#[test]
fn fingerprints_find_what_states_find() {
    let how = Search { threads: 2, reduce: true };
    for key in [1, 0x5eed_5eed_5eed_5eed] {
        let found = search_under(Some(key), &model(budget(0, 0, 1, 3), &[]), how, |_| Go::On);
        assert_eq!((found.end, found.progress.states, found.progress.transitions), (End::Exhausted, 27_905, 55_103));
        let found = search_under(Some(key), &model(budget(1, 0, 0, 3), &[Rule::AckAfterDurable]), how, |_| Go::On);
        assert_eq!(found.counterexample.map(|c| (c.violation.oracle, c.moves.len())), Some(("ack_durability", 14)));
    }
}
