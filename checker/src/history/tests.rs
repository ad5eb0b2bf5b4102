use super::*;
use zabra_sim::history::generate::{Dice, Plan, generate};
use zabra_sim::history::{Answer, Body, Call, Event, Kind, Stat, Text, Txn, witness};

mod hand;
mod mutations;
mod third;

/// A legal history of under 200 operations.
fn legal(seed: u64, steps: usize) -> History {
    let clients = 2 + (seed % 4) as usize;
    let history = generate(Plan { seed, servers: 3, clients, steps });
    assert!(operations(&history) < 200, "seed {seed} has {}", operations(&history));
    history
}

fn operations(history: &History) -> usize {
    history.events.iter().filter(|event| matches!(event.kind, Kind::Invoke { .. })).count()
}

/// What is written at random has more unknown outcomes than any client causes; some of it is left undecided.
fn opinion(history: &History) -> Opinion {
    search_within(history, 5000)
}

fn explained(opinion: &Opinion) -> bool {
    matches!(opinion, Opinion::Explained { .. })
}

#[test]
fn what_the_witness_accepts_is_explained() {
    let (mut most, mut undecided) = (0, 0);
    for seed in 0..60 {
        let history = legal(seed, 300);
        assert_eq!(witness::check(&history), [], "seed {seed}");
        match opinion(&history) {
            Opinion::Explained { configurations, .. } => most = most.max(configurations),
            Opinion::Undecided(_) => undecided += 1,
            Opinion::Refused(why) => panic!("seed {seed}: {why}"),
        }
    }
    assert!(most > 20 && undecided <= 9, "at most {most} configurations, {undecided} undecided");
}

#[test]
fn sessions_that_share_no_subtree_are_explained_apart() {
    let mut history = History::default();
    for session in 1..=3 {
        let path = Text::from(["/a/x", "/b/x", "/b/y"][session as usize - 1]);
        let kinds = [
            Kind::Attached { fresh: true },
            Kind::Invoke { xid: 1, call: Call::Delete { path, version: -1 } },
            Kind::Return { xid: 1, zxid: 0, answer: Answer::Error(-101) },
        ];
        history.events.extend(kinds.map(|kind| Event { at: 0, client: 0, session, kind }));
    }
    assert!(matches!(search(&history), Opinion::Explained { parts: 2, .. }));
}
