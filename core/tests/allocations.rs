//! How often the core allocates once it is warm (contract section 1): never per PROPOSAL, ACK or
//! COMMIT. The counts are the same in every run and on every machine, so this is a test.

#[path = "trio/mod.rs"]
mod trio;

use std::collections::BTreeMap;
use trio::{Kind, Trio};

const ROUNDS: u64 = 1000;

/// Allocations per kind of step over `ROUNDS` rounds of an ensemble that is warm.
fn counted(mut round: impl FnMut(&mut Trio, &mut dyn FnMut(Kind, &mut dyn FnMut()))) -> BTreeMap<Kind, u64> {
    let mut trio = Trio::serving(&[b'x'; 100]);
    for _ in 0..ROUNDS {
        round(&mut trio, &mut |_, step| step());
    }
    let mut counts = BTreeMap::new();
    for _ in 0..ROUNDS {
        round(&mut trio, &mut |kind, step| {
            *counts.entry(kind).or_insert(0) += allocation_counter::measure(step).count_total;
        });
    }
    counts
}

#[test]
fn proposals_acks_and_commits_allocate_nothing_and_a_write_a_bounded_number_at_its_leader() {
    let counts = counted(|trio, around| trio.write(&[b'y'; 100], &mut |kind, step| around(kind, step)));
    // What is left of a PROPOSAL is the doubling of the history, which its window bounds.
    assert!(counts[&Kind::Proposal] <= 2, "{counts:?}");
    for kind in [Kind::Durable, Kind::OwnDurable, Kind::Ack, Kind::Commit] {
        assert_eq!(counts[&kind], 0, "{kind:?}: {counts:?}");
    }
    // The request's copy and its identities (kept and forwarded), what is predicted of the znode, the
    // transaction, the touch. One is the aim; this keeps it from growing.
    assert!(counts[&Kind::Write] <= 10 * ROUNDS + 2, "{counts:?}");
}

#[test]
fn a_read_allocates_only_the_list_of_sessions_that_it_touches() {
    let counts = counted(|trio, around| trio.read(&mut |kind, step| around(kind, step)));
    assert_eq!(counts, BTreeMap::from([(Kind::Read, ROUNDS)]));
}
