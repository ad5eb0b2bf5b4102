//! A stable state can be reached from every reachable one, on whole stored graphs.

use zabra_checker::{Bound, Budget, Kind, Liveness, Plain, liveness};
use zabra_sim::rules::RuleSet;

const NONE: Budget = Budget::NONE;

fn graph(kind: Kind, budget: Budget) -> Liveness {
    let found = liveness(&Plain::new(Bound { kind, servers: 3, budget }, RuleSet::default()));
    println!("{kind:?} {budget:?}: {found:?}");
    found
}

#[test]
fn nothing_is_a_trap_after_a_write() {
    let found = graph(Kind::Broadcast, Budget { writes: 1, elections: 3, ..NONE });
    assert!(found.states == 7853 && found.stable > 0 && found.traps == 0, "{found:?}");
}

#[test]
fn nothing_is_a_trap_after_a_break() {
    let found = graph(Kind::Broadcast, Budget { breaks: 1, elections: 3, ..NONE });
    assert!(found.states == 62_402 && found.stable > 0 && found.traps == 0, "{found:?}");
}

#[test]
fn nothing_is_a_trap_after_a_crash() {
    let found = graph(Kind::Broadcast, Budget { crashes: 1, elections: 3, ..NONE });
    assert!(found.states == 147_448 && found.stable > 0 && found.traps == 0, "{found:?}");
}
