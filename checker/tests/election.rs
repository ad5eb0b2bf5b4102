//! Elections, message by message: complete replicas, every order in which votes travel, connections
//! open and break, waits end and servers crash, up to a bound. Counts are golden: a change of the core
//! that alters them says why.

use stateright::{Checker, Model};
use zabra_checker::{
    Bound, Budget, End, Explored, Go, Held, Interned, Kind, Plain, Search, explore, search, search_with,
};
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

/// What is forgotten and left out changes no verdict: the same marks, the same judgements of the oracles,
/// the same local states as they see them. States and transitions are golden.
fn reduces(kind: Kind, servers: u8, budget: Budget, states: usize, transitions: u64) {
    let whole = explore(&model(kind, servers, budget, &[]), 2, |_| Go::On);
    for threads in [1, 2] {
        let how = Search { threads, reduce: true };
        let found = search_with(&model(kind, servers, budget, &[]), how, |_| Go::On);
        assert_eq!((found.end, whole.end), (End::Exhausted, End::Exhausted));
        assert_eq!(found.unequal, 0, "what was forgotten is missed, or equal inputs give unequal outputs");
        assert_eq!((&found.reached, found.local), (&whole.reached, whole.local));
        // One order of moves that commute passes fewer states of the oracles; forgetting passes all of them.
        let passed = kind.connects() || found.sizes.ghosts == whole.sizes.ghosts;
        assert!(passed, "{} states of the oracles, not {}", found.sizes.ghosts, whole.sizes.ghosts);
        assert_eq!((found.progress.states, found.progress.transitions), (states, transitions));
    }
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
    agrees(Kind::Election, 2, ALL_FAULTS, (2850, 6409, 0));
}

#[test]
fn all_explorers_agree_on_two_servers_that_elect_and_broadcast() {
    let budget = Budget { writes: 1, ..TIMEOUT };
    agrees(Kind::Full, 2, budget, (5764, 12_473, 12));
    let broken = Budget { breaks: 1, ..budget };
    assert_eq!(exhaust(&model(Kind::Full, 2, broken, &[]), 2), (160_919, 407_725, 254));
}

#[test]
fn three_servers_boot_in_every_order() {
    let counts = [1, 2].map(|threads| exhaust(&model(Kind::Election, 3, BOOT, &[]), threads));
    assert_eq!(counts, [(39_828, 136_429, 0); 2]);
}

#[test]
fn what_is_forgotten_of_two_servers_changes_no_verdict() {
    reduces(Kind::Election, 2, ALL_FAULTS, 1893, 4630);
    reduces(Kind::Full, 2, Budget { writes: 1, ..TIMEOUT }, 5504, 10_756);
    let meddled = Budget { drops: 1, duplicates: 1, reorders: 1, ..TIMEOUT };
    reduces(Kind::Election, 2, meddled, 1564, 4369);
}

#[test]
fn what_is_forgotten_of_three_servers_that_boot_changes_no_verdict() {
    reduces(Kind::Election, 3, BOOT, 6579, 23_507);
}

#[test]
fn what_is_forgotten_of_three_servers_and_a_break_changes_no_verdict() {
    reduces(Kind::Election, 3, Budget { breaks: 1, ..BOOT }, 60_507, 304_883);
}

#[test]
fn an_adversary_that_drops_duplicates_and_reorders_votes_breaks_nothing() {
    agrees(Kind::Election, 2, Budget { drops: 1, duplicates: 1, reorders: 1, timeouts: 1, ..BOOT }, (2267, 5491, 0));
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

/// Servers that start with different histories, every way to share these out: VoteOrder dies there, as it
/// cannot where all histories are empty.
#[test]
fn uneven_histories_break_nothing_and_the_order_of_votes_dies_by_them() {
    let (mut states, mut deaths) = (0, Vec::new());
    for a in Held::ALL {
        for b in Held::ALL {
            let budget = Budget { timeouts: 1, ..BOOT };
            states += exhaust(&model(Kind::Election, 2, budget, &[]).holding(&[a, b]), 1).0;
            let found = explore(&model(Kind::Election, 2, budget, &[Rule::VoteOrder]).holding(&[a, b]), 1, |_| Go::On);
            deaths.extend(found.counterexample.map(|c| (a.epoch, b.epoch, c.violation.oracle, c.moves.len())));
        }
    }
    assert_eq!((states, deaths), (1344, vec![(2, 1, "vote", 4)]));
}

#[test]
fn three_uneven_histories_break_nothing() {
    let held = [Held::ALL[2], Held::ALL[3], Held::ALL[0]];
    let how = Search { threads: 1, reduce: true };
    let found = search_with(&model(Kind::Election, 3, BOOT, &[]).holding(&held), how, |_| Go::On);
    assert!(found.counterexample.is_none(), "{:#?}", found.counterexample.map(|c| (c.violation, c.moves)));
    assert_eq!((found.end, found.unequal, found.progress.states), (End::Exhausted, 0, 6579));
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
