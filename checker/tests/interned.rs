//! The interned wrapping agrees with the plain one: states, transitions, cuts, verdicts.

use stateright::{Checker, Model};
use zabra_checker::{Bound, Budget, End, Explored, Go, Interned, Kind, Plain, explore};
use zabra_core::rule::Rule;
use zabra_sim::rules::RuleSet;

const WRITE: Budget = Budget { writes: 1, crashes: 0, breaks: 0, elections: 3, ..Budget::NONE };
const CRASH: Budget = Budget { writes: 0, crashes: 1, breaks: 0, elections: 3, ..Budget::NONE };
const BREAK: Budget = Budget { writes: 0, crashes: 0, breaks: 1, elections: 3, ..Budget::NONE };

fn model(budget: Budget, without: &[Rule]) -> Plain {
    Plain::new(Bound { kind: Kind::Broadcast, servers: 3, budget }, without.iter().copied().collect::<RuleSet>())
}

fn search(budget: Budget, threads: usize) -> Explored {
    explore(&model(budget, &[]), threads, |_| Go::On)
}

/// The golden counts of `broadcast.rs`, by the explorer of our own and by stateright's searches.
fn agrees(budget: Budget, states: usize, transitions: u64, cut: u64) {
    for threads in [1, 2] {
        let found = search(budget, threads);
        assert_eq!(found.end, End::Exhausted);
        assert_eq!((found.progress.states, found.progress.transitions, found.cut), (states, transitions, cut));
        assert_eq!(found.unequal, 0, "equal inputs give equal outputs");
    }
    let interned = Interned::new(&model(budget, &[]));
    let checker = interned.checker().spawn_dfs().join();
    assert_eq!((checker.unique_state_count(), checker.state_count() as u64), (states, transitions));
    assert_eq!(checker.model().cuts(), cut);
    checker.assert_no_discovery(zabra_checker::SAFE);
    let interned = Interned::new(&model(budget, &[]));
    let checker = interned.checker().spawn_bfs().join();
    assert_eq!((checker.unique_state_count(), checker.state_count() as u64), (states, transitions));
    assert_eq!(checker.model().cuts(), cut);
}

#[test]
fn a_write_has_the_plain_models_states() {
    agrees(WRITE, 7853, 20_269, 0);
}

#[test]
fn a_crash_has_the_plain_models_states() {
    agrees(CRASH, 153_193, 286_984, 9404);
}

#[test]
fn a_break_has_the_plain_models_states() {
    agrees(BREAK, 61_613, 125_096, 4405);
}
