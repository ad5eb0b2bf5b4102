//! Elections, message by message: complete replicas, every order in which votes travel, connections
//! open and break, waits end and servers crash, up to a bound. Counts are golden: a change of the core
//! that alters them says why.

use stateright::{Checker, Model};
use zabra_checker::{Bound, Budget, End, Explored, Go, Interned, Kind, Plain, explore, search};
use zabra_core::rule::Rule;
use zabra_sim::rules::RuleSet;

fn model(kind: Kind, servers: u8, budget: Budget, without: &[Rule]) -> Plain {
    Plain::new(Bound { kind, servers, budget }, without.iter().copied().collect::<RuleSet>())
}

/// States, transitions and cuts of an exhausted bound.
fn exhaust(model: &Plain, threads: usize) -> (usize, u64, u64) {
    let found: Explored = explore(model, threads, |_| Go::On);
    assert!(found.counterexample.is_none(), "{:#?}", found.counterexample.map(|c| (c.violation, c.moves)));
    assert_eq!((found.end, found.unequal), (End::Exhausted, 0));
    (found.progress.states, found.progress.transitions, found.cut)
}

/// All explorers come to the same counts.
fn agrees(kind: Kind, servers: u8, budget: Budget, counts: (usize, u64, u64)) {
    let model = || model(kind, servers, budget, &[]);
    assert_eq!([exhaust(&model(), 1), exhaust(&model(), 2)], [counts, counts]);
    let found = search(model());
    assert_eq!(found.violation, None);
    assert_eq!((found.states, found.transitions as u64, found.cut), counts);
    let checker = Interned::new(&model()).checker().spawn_dfs().join();
    assert_eq!((checker.unique_state_count(), checker.state_count() as u64, checker.model().cuts()), counts);
}

/// Each of these rules being off, this oracle objects after so many moves, and not after fewer.
fn die(kind: Kind, servers: u8, budget: Budget, rules: &[(Rule, &str, usize)]) {
    let found: Vec<(Rule, &str, usize)> = rules
        .iter()
        .map(|(rule, _, _)| match explore(&model(kind, servers, budget, &[*rule]), 1, |_| Go::On).counterexample {
            Some(found) => (*rule, found.violation.oracle, found.moves.len()),
            None => (*rule, "survives", 0),
        })
        .collect();
    assert_eq!(found, rules);
}

const BOOT: Budget = Budget::NONE;
const ALL_FAULTS: Budget = Budget { crashes: 1, breaks: 1, timeouts: 1, ..Budget::NONE };
const TIMEOUT: Budget = Budget { timeouts: 1, ..Budget::NONE };

#[test]
fn all_explorers_agree_on_two_servers_with_every_fault() {
    agrees(Kind::Election, 2, ALL_FAULTS, (2846, 6381, 0));
}

#[test]
fn all_explorers_agree_on_two_servers_that_elect_and_broadcast() {
    let budget = Budget { writes: 1, ..TIMEOUT };
    agrees(Kind::Full, 2, budget, (5764, 12_461, 12));
    let broken = Budget { breaks: 1, ..budget };
    assert_eq!(exhaust(&model(Kind::Full, 2, broken, &[]), 2), (160_919, 407_457, 254));
}

#[test]
fn three_servers_boot_in_every_order() {
    let counts = [1, 2].map(|threads| exhaust(&model(Kind::Election, 3, BOOT, &[]), threads));
    assert_eq!(counts, [(39_828, 136_429, 0); 2]);
}

#[test]
fn three_servers_boot_and_one_connection_breaks() {
    let budget = Budget { breaks: 1, ..Budget::NONE };
    assert_eq!(exhaust(&model(Kind::Election, 3, budget, &[]), 2), (312_180, 1_225_064, 0));
}

#[test]
fn elections_reach_what_they_claim() {
    let found = explore(&model(Kind::Election, 3, BOOT, &[]), 1, |_| Go::On);
    assert_eq!(found.reached, ["all servers agree on a leader", "two servers lead"]);
    let found = explore(&model(Kind::Election, 2, ALL_FAULTS, &[]), 1, |_| Go::On);
    assert!(found.reached.contains(&"a later round elects"), "{:?}", found.reached);
    let found = explore(&model(Kind::Full, 2, Budget { writes: 1, ..TIMEOUT }, &[]), 1, |_| Go::On);
    assert_eq!(found.reached, Kind::Full.milestones());
}

#[test]
fn rules_of_elections_die() {
    die(Kind::Election, 3, TIMEOUT, &[(Rule::VoteQuorum, "quorum", 2), (Rule::VoteRound, "election", 10)]);
}

#[test]
fn rules_of_discovery_and_broadcast_die_behind_an_election_in_messages() {
    let budget = Budget { writes: 1, ..Budget::NONE };
    let rules = [
        (Rule::EpochQuorum, "quorum", 6),
        (Rule::AcceptedDurable, "epochs", 8),
        (Rule::AckAfterDurable, "ack_durability", 19),
        (Rule::ApplyCommitted, "commit_safety", 19),
    ];
    die(Kind::Full, 2, budget, &rules);
}
