use super::*;
use crate::history::generate::{Dice, Plan, generate};
use crate::history::{Answer, Body, Call, Event, Kind, Txn};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

mod mutate;

fn legal(seed: u64) -> History {
    generate(Plan { seed, servers: 3, clients: 5, steps: 1500 })
}

#[test]
fn legal_histories_are_accepted() {
    for seed in 0..60 {
        assert_eq!(check(&legal(seed)), [], "seed {seed}");
    }
}

#[test]
fn legal_histories_have_everything_in_them() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..100 {
        let history = legal(seed);
        let index = Index::new(&history);
        let unknown = |o: &Operation<'_>| o.returned.is_none() && o.txn.is_some();
        *seen.entry("unknown and applied").or_default() += index.operations.iter().filter(|o| unknown(o)).count();
        for event in &history.events {
            let what = match &event.kind {
                Kind::Watch { zxid: Some(_), .. } => "event",
                Kind::Watch { zxid: None, .. } => "event of setWatches",
                Kind::Expired => "expired",
                Kind::Rearmed { .. } => "re-armed",
                Kind::Attached { fresh: false } => "attached again",
                Kind::Return { answer: Answer::Synced { .. }, .. } => "synced",
                Kind::Return { answer: Answer::Closed, .. } => "closed",
                Kind::Return { answer: Answer::Error(_), .. } => "failed",
                Kind::Return { .. }
                | Kind::Attached { .. }
                | Kind::Disconnected
                | Kind::Invoke { .. }
                | Kind::Wronged { .. } => "other",
            };
            *seen.entry(what).or_default() += 1;
        }
        for txn in &history.log {
            match &txn.body {
                Body::CloseSession { paths } if !paths.is_empty() => *seen.entry("ephemerals closed").or_default() += 1,
                Body::Error { code: -118 } => *seen.entry("moved").or_default() += 1,
                Body::Error { code: -112 } => *seen.entry("too late").or_default() += 1,
                Body::Create { .. }
                | Body::Delete { .. }
                | Body::SetData { .. }
                | Body::SetAcl { .. }
                | Body::Multi { .. }
                | Body::CreateSession { .. }
                | Body::CloseSession { .. }
                | Body::Error { .. }
                | Body::Other { .. } => {}
            }
        }
    }
    let rare: Vec<_> = seen.iter().filter(|(_, count)| **count < 20).collect();
    assert!(seen.len() == 13 && rare.is_empty(), "{seen:?}");
}

/// The judged mutation: what it was and which checks caught it.
fn caught(before: &History, roll: u64) -> Option<(&'static str, Vec<Violation>)> {
    let mut history = before.clone();
    let mut dice = Dice(roll);
    let (name, mutation) = mutate::MUTATIONS[dice.below(mutate::MUTATIONS.len())];
    if !mutation(&mut history, &mut dice) {
        return None;
    }
    assert_ne!(history, *before, "{name} changed nothing, roll {roll}");
    Some((name, check(&history)))
}

#[test]
fn a_thousand_single_field_mutations_are_all_caught() {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut oracles: BTreeSet<&str> = BTreeSet::new();
    let mut missed = Vec::new();
    let made: Vec<History> = (0..50).map(legal).collect();
    let mut rolls = 0..;
    while kinds.values().sum::<usize>() < 1000 {
        let roll = rolls.next().expect("endless");
        let Some((name, violations)) = caught(&made[roll as usize % 50], roll) else { continue };
        *kinds.entry(name).or_default() += 1;
        oracles.extend(violations.iter().map(|violation| violation.oracle));
        if violations.is_empty() {
            missed.push((name, roll));
        }
    }
    assert_eq!(missed, []);
    assert_eq!(kinds.len(), mutate::MUTATIONS.len(), "some kinds never applied: {kinds:?}");
    assert!(kinds.values().all(|count| *count >= 15), "{kinds:?}");
    assert_eq!(oracles.len(), CHECKS.len(), "some checks caught nothing: {oracles:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_mutation_of_any_legal_history_is_caught(seed in any::<u64>(), roll in any::<u64>()) {
        if let Some((name, violations)) = caught(&legal(seed), roll) {
            prop_assert!(!violations.is_empty(), "{} was missed", name);
        }
    }

    #[test]
    fn a_history_survives_a_file(seed in any::<u64>()) {
        let history = legal(seed);
        let json = serde_json::to_string(&history).expect("serializes");
        prop_assert_eq!(serde_json::from_str::<History>(&json).expect("reads back"), history);
    }
}

// Small histories, one for each thing that only real time or only one oracle shows.

fn event(session: i64, kind: Kind) -> Event {
    Event { at: 0, client: session as u32, session, kind }
}

fn invoke(session: i64, xid: i32, call: Call) -> Event {
    event(session, Kind::Invoke { xid, call })
}

fn answered(session: i64, xid: i32, zxid: u64, answer: Answer) -> Event {
    event(session, Kind::Return { xid, zxid: EPOCH + zxid, answer })
}

fn txn(counter: u64, session: i64, cxid: i32, body: Body) -> Txn {
    Txn { zxid: EPOCH + counter, session, cxid, time: 0, body }
}

fn sequential(name: &str) -> (Call, Answer) {
    let call = Call::Create { path: "/q".into(), data: None, flags: 2, granted: 1 };
    (call, Answer::Created { path: name.into() })
}

fn named(path: &str, parent_cversion: i32) -> Body {
    Body::Create { path: path.into(), data: None, ephemeral: false, parent_cversion }
}

const EPOCH: u64 = 1 << 32;

/// Sessions 1 and 2 are open; what follows is given.
fn two_sessions(events: Vec<Event>, log: Vec<Txn>) -> History {
    let mut history = History::default();
    for session in [1, 2] {
        history.events.push(event(session, Kind::Attached { fresh: true }));
        history.log.push(txn(session as u64, session, 0, Body::CreateSession { timeout_ms: 4000 }));
    }
    history.events.extend(events);
    history.log.extend(log);
    history
}

fn oracles(history: &History) -> Vec<&'static str> {
    check(history).iter().map(|violation| violation.oracle).collect()
}

#[test]
fn a_write_that_takes_effect_before_an_earlier_one_is_caught_by_real_time_alone() {
    let (create, first) = sequential("/q0000000000");
    let (_, second) = sequential("/q0000000001");
    let log = || vec![txn(3, 2, 1, named("/q0000000000", 1)), txn(4, 1, 1, named("/q0000000001", 2))];
    let overlapping = vec![
        invoke(1, 1, create.clone()),
        invoke(2, 1, create.clone()),
        answered(1, 1, 4, second.clone()),
        answered(2, 1, 3, first.clone()),
    ];
    assert_eq!(oracles(&two_sessions(overlapping, log())), Vec::<&str>::new());
    let apart =
        vec![invoke(1, 1, create.clone()), answered(1, 1, 4, second), invoke(2, 1, create), answered(2, 1, 3, first)];
    assert_eq!(oracles(&two_sessions(apart, log())), ["linearizable_writes", "sequential_nodes"]);
}

#[test]
fn a_write_of_unknown_outcome_may_be_applied_once_or_never_but_not_twice() {
    let (create, _) = sequential("");
    let events = || vec![invoke(1, 1, create.clone()), event(1, Kind::Disconnected)];
    let once = txn(3, 1, 1, named("/q0000000000", 1));
    let twice = txn(4, 1, 1, named("/q0000000001", 2));
    assert_eq!(oracles(&two_sessions(events(), vec![])), Vec::<&str>::new());
    assert_eq!(oracles(&two_sessions(events(), vec![once.clone()])), Vec::<&str>::new());
    let both = oracles(&two_sessions(events(), vec![once.clone(), twice]));
    assert_eq!(both, ["exactly_once", "session_order"]);
    assert_eq!(oracles(&two_sessions(vec![], vec![once])), ["exactly_once"]);
}

#[test]
fn a_sync_that_misses_what_another_client_was_shown_is_stale() {
    let sync = Call::Sync { path: "/".into() };
    let synced = Answer::Synced { path: "/".into() };
    let (create, created) = sequential("/q0000000000");
    let events = |zxid| {
        vec![
            invoke(1, 1, create.clone()),
            answered(1, 1, 3, created.clone()),
            invoke(2, 1, sync.clone()),
            answered(2, 1, zxid, synced.clone()),
        ]
    };
    let log = || vec![txn(3, 1, 1, named("/q0000000000", 1))];
    assert_eq!(oracles(&two_sessions(events(3), log())), Vec::<&str>::new());
    assert_eq!(oracles(&two_sessions(events(2), log())), ["fresh_sync"]);
}

#[test]
fn a_closed_session_that_is_served_or_leaves_an_ephemeral_is_caught() {
    let read = Call::Exists { path: "/e".into(), watch: false };
    let create = Call::Create { path: "/e".into(), data: None, flags: 1, granted: 1 };
    let body = Body::Create { path: "/e".into(), data: None, ephemeral: true, parent_cversion: 1 };
    let served = vec![invoke(1, 1, read.clone()), answered(1, 1, 3, Answer::Error(-101))];
    let close = |paths: Vec<crate::history::Text>| Body::CloseSession { paths };
    assert_eq!(oracles(&two_sessions(served, vec![txn(3, 1, 0, close(vec![]))])), ["ephemerals"]);

    let events = vec![invoke(1, 1, create), answered(1, 1, 3, Answer::Created { path: "/e".into() })];
    let log = |paths| vec![txn(3, 1, 1, body.clone()), txn(4, 1, 0, close(paths))];
    assert_eq!(oracles(&two_sessions(events.clone(), log(vec!["/e".into()]))), Vec::<&str>::new());
    assert_eq!(oracles(&two_sessions(events, log(vec![]))), ["ephemerals"]);
}

#[test]
fn what_was_throttled_may_be_any_request_and_has_no_effect() {
    let late = || Answer::Error(-127);
    let (create, _) = sequential("");
    let sync = Call::Sync { path: "/".into() };
    let read = Call::Exists { path: "/".into(), watch: true };
    let calls = [create.clone(), sync, read];
    let events = calls.into_iter().zip(1..).flat_map(|(call, xid)| [invoke(1, xid, call), answered(1, xid, 2, late())]);
    assert_eq!(oracles(&two_sessions(events.collect(), vec![])), Vec::<&str>::new());
    let events = vec![invoke(1, 1, create), answered(1, 1, 3, late())];
    let effective = oracles(&two_sessions(events, vec![txn(3, 1, 1, named("/q0000000000", 1))]));
    assert!(effective.contains(&"judge"), "{effective:?}");
}

#[test]
fn a_server_that_breaks_the_protocol_is_caught() {
    let wronged = event(1, Kind::Wronged { how: "reply 7 for request 6".to_string() });
    assert_eq!(oracles(&two_sessions(vec![wronged], vec![])), ["session_order"]);
}

#[test]
fn an_event_missed_during_a_gap_is_told_by_set_watches() {
    let exists = Call::Exists { path: "/q0000000000".into(), watch: true };
    let (create, created) = sequential("/q0000000000");
    let told = event(1, Kind::Watch { path: "/q0000000000".into(), kind: crate::history::Change::Created, zxid: None });
    let rearmed = event(1, Kind::Rearmed { zxid: EPOCH + 3, last: true });
    let events = |back: Vec<Event>| {
        let mut events = vec![
            invoke(1, 1, exists.clone()),
            answered(1, 1, 2, Answer::Error(-101)),
            event(1, Kind::Disconnected),
            invoke(2, 1, create.clone()),
            answered(2, 1, 3, created.clone()),
            event(1, Kind::Attached { fresh: false }),
        ];
        events.extend(back);
        events
    };
    let log = || vec![txn(3, 2, 1, named("/q0000000000", 1))];
    let good = two_sessions(events(vec![told.clone(), rearmed.clone()]), log());
    assert_eq!(oracles(&good), Vec::<&str>::new());
    assert_eq!(oracles(&two_sessions(events(vec![rearmed.clone()]), log())), ["watches"]);
    let twice = two_sessions(events(vec![told.clone(), told, rearmed]), log());
    assert_eq!(oracles(&twice), ["watches"]);
}
