//! The laws of quorums, exhaustively over small ensembles.

use super::*;

/// All subsets of these servers.
fn subsets(servers: ServerSet) -> Vec<ServerSet> {
    let servers: Vec<ServerId> = servers.iter().collect();
    (0u32..1 << servers.len())
        .map(|bits| servers.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1).map(|(_, s)| *s).collect())
        .collect()
}

fn first(n: u8) -> ServerSet {
    (1..=n).map(ServerId).collect()
}

/// Every way to put servers 1 to `n` into groups.
fn groupings(n: u8) -> Vec<Vec<ServerSet>> {
    let mut all: Vec<Vec<ServerSet>> = Vec::from([Vec::new()]);
    for server in (1..=n).map(ServerId) {
        let mut next = Vec::new();
        for groups in all {
            for i in 0..=groups.len() {
                let mut groups = groups.clone();
                if i == groups.len() {
                    groups.push(ServerSet::EMPTY);
                }
                groups[i].insert(server);
                next.push(groups);
            }
        }
        all = next;
    }
    all
}

/// Every hierarchy over servers 1 to `n` with weights below `weights`.
fn hierarchies(n: u8, weights: u32) -> Vec<Quorum> {
    let mut all = Vec::new();
    for groups in groupings(n) {
        for code in 0..weights.pow(u32::from(n)) {
            let weight = |server: u8| (ServerId(server), code / weights.pow(u32::from(server) - 1) % weights);
            // All weights zero is no quorum system.
            all.extend(Quorum::hierarchical(groups.clone(), (1..=n).map(weight).collect()));
        }
    }
    all
}

fn small_systems() -> Vec<Quorum> {
    let majorities = (1..=7).map(|n| Quorum::majority(first(n)).unwrap());
    let small = (1..=4).flat_map(|n| hierarchies(n, 3));
    majorities.chain(small).collect()
}

/// Runs a check over every small system and every set of its voters and one stranger.
fn for_all(check: impl Fn(&Quorum, ServerSet)) {
    let systems = small_systems();
    assert!(systems.len() > 1000, "the systems are enumerated");
    for system in systems {
        let mut servers = system.voters();
        servers.insert(ServerId(63));
        for set in subsets(servers) {
            check(&system, set);
        }
    }
}

#[test]
fn two_quorums_always_meet() {
    for system in small_systems() {
        let quorums: Vec<_> = subsets(system.voters()).into_iter().filter(|set| system.contains(*set)).collect();
        for a in &quorums {
            for b in &quorums {
                assert!(!a.intersection(*b).is_empty(), "{a:?} and {b:?} in {system:?}");
            }
        }
    }
}

#[test]
fn the_complement_of_a_quorum_is_no_quorum() {
    for_all(|system, set| {
        let complement = system.voters().difference(set);
        assert!(!(system.contains(set) && system.contains(complement)), "{set:?} in {system:?}");
    });
}

#[test]
fn a_set_with_more_servers_is_a_quorum_if_the_smaller_one_is() {
    for_all(|system, set| {
        if system.contains(set) {
            for more in system.voters().iter() {
                assert!(system.contains(set.union([more].into_iter().collect())), "{set:?} and {more} in {system:?}");
            }
        }
    });
}

#[test]
fn servers_without_weight_never_matter() {
    for_all(|system, set| {
        for idle in set.iter().filter(|server| system.weight(*server) == 0) {
            let without = set.difference([idle].into_iter().collect());
            assert_eq!(system.contains(set), system.contains(without), "{idle} of {set:?} in {system:?}");
        }
    });
}

#[test]
fn all_voters_are_a_quorum_and_nobody_is_none() {
    for system in small_systems() {
        assert!(system.contains(system.voters()), "{system:?}");
        assert!(!system.contains(ServerSet::EMPTY), "{system:?}");
    }
}

#[test]
fn one_group_of_equals_is_a_majority() {
    for n in 1..=7 {
        let hierarchy = Quorum::hierarchical(Vec::from([first(n)]), BTreeMap::new()).unwrap();
        let majority = Quorum::majority(first(n)).unwrap();
        for set in subsets(first(n)) {
            assert_eq!(hierarchy.contains(set), majority.contains(set), "{set:?} of {n}");
        }
    }
}

#[test]
fn an_even_ensemble_needs_one_more_than_half() {
    let four = Quorum::majority(first(4)).unwrap();
    assert!(!four.contains(first(2)));
    assert!(four.contains(first(3)));
}

#[test]
fn nine_servers_in_three_groups_commit_with_four() {
    let group = |from: u8| (from..from + 3).map(ServerId).collect::<ServerSet>();
    let system = Quorum::hierarchical(Vec::from([group(1), group(4), group(7)]), BTreeMap::new()).unwrap();
    let set = |ids: &[u8]| ids.iter().copied().map(ServerId).collect::<ServerSet>();
    assert!(system.contains(set(&[1, 2, 4, 5])), "two of three in two groups of three");
    assert!(!system.contains(set(&[1, 2, 3, 4, 7])), "five servers, but one group only");
}

#[test]
fn impossible_systems_are_refused() {
    let refused = |groups: &[&[u8]], weights: &[(u8, u32)]| {
        let groups = groups.iter().map(|g| g.iter().copied().map(ServerId).collect()).collect();
        Quorum::hierarchical(groups, weights.iter().map(|(s, w)| (ServerId(*s), *w)).collect()).unwrap_err()
    };
    assert_eq!(Quorum::majority(ServerSet::EMPTY), Err(QuorumError::NoVoters));
    assert_eq!(refused(&[], &[]), QuorumError::NoVoters);
    assert_eq!(refused(&[&[1, 2], &[2]], &[]), QuorumError::TwoGroups(ServerId(2)));
    assert_eq!(refused(&[&[1]], &[(2, 1)]), QuorumError::NoGroup(ServerId(2)));
    assert_eq!(refused(&[&[1, 2]], &[(1, 0), (2, 0)]), QuorumError::NoWeight);
}
