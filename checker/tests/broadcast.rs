//! The first exhaustive check: complete replicas, every order of deliveries and storage completions,
//! up to a bound. The counts are golden: a change of the core that alters them says why.

use zabra_checker::{Bound, Budget, Found, Kind, Plain, search};
use zabra_core::rule::Rule;
use zabra_sim::rules::RuleSet;

fn explore(budget: Budget, without: &[Rule]) -> Found {
    search(Plain::new(
        Bound { kind: Kind::Broadcast, servers: 3, budget },
        without.iter().copied().collect::<RuleSet>(),
    ))
}

const WRITE: Budget = Budget { writes: 1, crashes: 0, breaks: 0, elections: 3, ..Budget::NONE };
const CRASH: Budget = Budget { writes: 0, crashes: 1, breaks: 0, elections: 3, ..Budget::NONE };
const BREAK: Budget = Budget { writes: 0, crashes: 0, breaks: 1, elections: 3, ..Budget::NONE };

/// Exhausts a bound: no oracle objects, and the counts are what they were.
fn exhausts(budget: Budget, states: usize, transitions: usize, cut: u64) {
    let found = explore(budget, &[]);
    assert_eq!(found.violation, None);
    assert_eq!((found.states, found.transitions, found.cut), (states, transitions, cut));
}

/// Without this rule an oracle objects within the bound.
fn dies(rule: Rule, budget: Budget, oracle: &str) {
    let found = explore(budget, &[rule]);
    let (said, moves) = found.violation.unwrap_or_else(|| panic!("{rule:?} survives {} states", found.states));
    assert!(said.starts_with(oracle), "{rule:?} dies by {said} after {moves:#?}");
}

#[test]
fn one_write_agrees_in_every_order() {
    // A leader notes what was in flight when it synchronized a learner: 600 more states than without.
    exhausts(WRITE, 7853, 20_269, 0);
}

#[test]
fn one_crash_at_any_moment_loses_nothing() {
    // Patience ends beside one who looks in vain: 10,580 more states than while that kept everybody waiting.
    exhausts(CRASH, 153_193, 286_984, 9404);
}

#[test]
fn one_broken_connection_at_any_moment_loses_nothing() {
    exhausts(BREAK, 61_613, 125_096, 4405);
}

#[test]
fn the_write_bound_reaches_what_it_claims() {
    let found = explore(WRITE, &[]);
    assert_eq!(found.reached, ["a leader is established", "a write is committed everywhere"]);
}

#[test]
fn rules_of_quorums_die() {
    dies(Rule::EstablishedByQuorum, WRITE, "quorum");
    dies(Rule::EpochQuorum, WRITE, "quorum");
    dies(Rule::CommitQuorum, WRITE, "quorum");
    dies(Rule::VoteQuorum, WRITE, "quorum");
}

#[test]
fn rules_of_durability_die() {
    dies(Rule::AckAfterDurable, WRITE, "ack_durability");
    dies(Rule::LeaderAckAfterDurable, WRITE, "ack_durability");
    dies(Rule::EpochBeforeAck, WRITE, "ack_durability");
    dies(Rule::AcceptedDurable, WRITE, "epochs");
    dies(Rule::LeaderEpochDurable, WRITE, "epochs");
}

#[test]
fn a_transaction_applied_before_its_commit_is_noticed() {
    dies(Rule::ApplyCommitted, WRITE, "commit_safety");
}
