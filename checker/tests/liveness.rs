//! A stable state can be reached from every reachable one, on whole stored graphs.

use zabra_checker::{Bound, Budget, Kind, Liveness, Meddling, Move, Plain, liveness};
use zabra_core::rule::Rule;
use zabra_sim::rules::RuleSet;

const NONE: Budget = Budget::NONE;

fn graph(kind: Kind, servers: u8, budget: Budget, without: &[Rule]) -> Liveness {
    let model = Plain::new(Bound { kind, servers, budget }, without.iter().copied().collect::<RuleSet>());
    let found = liveness(&model);
    println!("{kind:?} {servers} {budget:?}: {found:?}");
    found
}

/// From every state a stable one can be reached, and a fair schedule comes to one.
fn lives(kind: Kind, servers: u8, budget: Budget, states: usize) {
    let found = graph(kind, servers, budget, &[]);
    assert!(found.stable > 0 && found.traps == 0 && found.unsettled == 0, "{found:?}");
    assert_eq!((found.states, found.trap), (states, None));
}

#[test]
fn nothing_is_a_trap_after_a_write() {
    lives(Kind::Broadcast, 3, Budget { writes: 1, elections: 3, ..NONE }, 7853);
}

#[test]
fn nothing_is_a_trap_after_a_break() {
    lives(Kind::Broadcast, 3, Budget { breaks: 1, elections: 3, ..NONE }, 61_613);
}

#[test]
fn nothing_is_a_trap_after_a_crash() {
    lives(Kind::Broadcast, 3, Budget { crashes: 1, elections: 3, ..NONE }, 142_613);
}

#[test]
fn nothing_is_a_trap_while_two_servers_elect_with_every_fault() {
    let budget = Budget { crashes: 1, breaks: 1, timeouts: 1, drops: 1, duplicates: 1, reorders: 1, ..NONE };
    lives(Kind::Election, 2, budget, 58_246);
}

#[test]
fn nothing_is_a_trap_while_three_servers_boot_and_a_vote_is_lost() {
    lives(Kind::Election, 3, NONE, 39_828);
    lives(Kind::Election, 3, Budget { drops: 1, ..NONE }, 134_351);
}

#[test]
fn nothing_is_a_trap_while_two_servers_elect_and_broadcast() {
    lives(Kind::Full, 2, Budget { writes: 1, timeouts: 1, ..NONE }, 5764);
    lives(Kind::Full, 2, Budget { writes: 1, breaks: 1, timeouts: 1, ..NONE }, 160_919);
}

/// What a broken connection loses is said again on the next, and one lost vote is made up for by answers.
/// Two are not.
#[test]
fn a_core_that_does_not_say_its_vote_again_is_caught() {
    let budget = Budget { drops: 2, ..NONE };
    let found = graph(Kind::Election, 2, budget, &[]);
    assert_eq!((found.traps, found.unsettled), (0, 0), "{found:?}");
    let found = graph(Kind::Election, 2, budget, &[Rule::VoteRepeated]);
    assert!(found.traps > 0 && found.unsettled > 0, "{found:?}");
    let way = found.trap.expect("there is a way to a trap");
    let lost = way.iter().filter(|m| matches!(m, Move::Meddle { how: Meddling::Drop, .. })).count();
    assert_eq!((way.len(), lost), (5, 2), "{way:?}");
}

#[test]
fn a_broken_connection_alone_does_not_need_votes_said_again() {
    let found = graph(Kind::Election, 2, Budget { crashes: 1, breaks: 1, ..NONE }, &[Rule::VoteRepeated]);
    assert_eq!((found.traps, found.unsettled), (0, 0), "{found:?}");
}
