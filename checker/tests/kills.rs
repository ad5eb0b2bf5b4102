//! Rules that die by the exhaustive explorer: which oracle objects, after how many moves at least.
//!
//! The explorer goes level by level, so a length is that of a shortest counterexample; a change of the
//! core that alters one says why.

use zabra_checker::{Bound, Budget, Explored, Go, Kind, Plain, explore};
use zabra_core::rule::Rule;
use zabra_sim::rules::RuleSet;

const WRITE: Budget = Budget { writes: 1, crashes: 0, breaks: 0, elections: 3, ..Budget::NONE };
const BREAK: Budget = Budget { writes: 1, crashes: 0, breaks: 1, elections: 3, ..Budget::NONE };

fn search(rule: Rule, budget: Budget) -> Explored {
    let without: RuleSet = [rule].into_iter().collect();
    explore(&Plain::new(Bound { kind: Kind::Broadcast, servers: 3, budget }, without), 1, |_| Go::On)
}

/// Each of these rules being off, this oracle objects after so many moves, and not after fewer.
fn die(budget: Budget, rules: &[(Rule, &str, usize)]) {
    let found: Vec<(Rule, &str, usize)> = rules
        .iter()
        .map(|(rule, _, _)| match search(*rule, budget).counterexample {
            Some(found) => (*rule, found.violation.oracle, found.moves.len()),
            None => (*rule, "survives", 0),
        })
        .collect();
    assert_eq!(found, rules);
}

#[test]
fn rules_of_quorums_die_within_one_write() {
    let rules = [
        (Rule::VoteQuorum, "quorum", 1),
        (Rule::EpochQuorum, "quorum", 1),
        (Rule::EstablishedByQuorum, "quorum", 7),
        (Rule::CommitQuorum, "quorum", 13),
    ];
    die(WRITE, &rules);
}

#[test]
fn rules_of_durability_die_within_one_write() {
    let rules = [
        (Rule::AcceptedDurable, "epochs", 3),
        (Rule::LeaderEpochDurable, "epochs", 6),
        (Rule::EpochBeforeAck, "ack_durability", 9),
        (Rule::LeaderAckAfterDurable, "ack_durability", 12),
        (Rule::AckAfterDurable, "ack_durability", 14),
        (Rule::HistoryBeforeAck, "ack_durability", 19),
    ];
    die(WRITE, &rules);
}

#[test]
fn rules_of_broadcast_die_within_one_write() {
    let rules = [
        (Rule::ApplyCommitted, "commit_safety", 14),
        (Rule::SyncForwardsRest, "commit_matching", 28),
        (Rule::KeepProposalsInSync, "commit_matching", 29),
    ];
    die(WRITE, &rules);
}

#[test]
fn rules_of_election_and_discovery_die_with_one_broken_connection() {
    let rules = [
        (Rule::VoteRound, "election", 3),
        (Rule::DrainBeforeVote, "epochs", 9),
        (Rule::EpochAboveAll, "primary", 9),
        (Rule::EqualDoesNotVouch, "primary", 10),
        (Rule::VoteFromHistory, "vote", 15),
        (Rule::VoteOrder, "vote", 16),
        (Rule::LeaderMostRecent, "leader_completeness", 23),
    ];
    die(BREAK, &rules);
}
