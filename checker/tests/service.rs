//! The model `service`: clients with the complete request path, in every order, up to a bound. The
//! counts are golden: a change of the core that alters them says why.

use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};
use stateright::{Checker, Model};
use zabra_checker::history::{Opinion, search as search_history};
use zabra_checker::{Bound, Budget, End, Go, Interned, Kind, Plain, Script, Scripts, explore, search};
use zabra_core::rule::Rule;
use zabra_sim::history::{Answer, Body, Call, History, Judge, Kind as What, Stat, Txn, witness};
use zabra_sim::rules::RuleSet;

fn bound(script: Script, servers: u8, operations: u8, pipelined: bool, budget: Budget) -> Bound {
    Bound { kind: Kind::Service(Scripts { script, operations, pipelined }), servers, budget }
}

fn faults(crashes: u8, breaks: u8, timeouts: u8) -> Budget {
    Budget { crashes, breaks, timeouts, elections: crashes, ..Budget::NONE }
}

/// All ways of searching come to the same: states, transitions, elections cut off.
fn exhausts(bound: Bound, states: usize, transitions: usize, cut: u64) {
    let model = || Plain::new(bound, RuleSet::EMPTY);
    let plain = search(model());
    assert_eq!(plain.violation, None, "{bound:?}");
    assert_eq!((plain.states, plain.transitions, plain.cut), (states, transitions, cut), "{bound:?}");
    for threads in [1, 2] {
        let own = explore(&model(), threads, |_| Go::On);
        assert_eq!((own.end, own.unequal), (End::Exhausted, 0));
        let count = (own.progress.states, own.progress.transitions as usize, own.cut);
        assert_eq!(count, (states, transitions, cut), "{bound:?} with {threads} threads");
    }
    let depth_first = Interned::new(&model()).checker().spawn_dfs().join();
    assert_eq!(depth_first.unique_state_count(), states, "{bound:?}");
    let breadth_first = Interned::new(&model()).checker().spawn_bfs().join();
    assert_eq!(breadth_first.unique_state_count(), states, "{bound:?}");
}

/// One server, three operations of each of two clients: of each script.
#[test]
fn two_clients_on_one_server_agree_in_every_order() {
    exhausts(bound(Script::Register, 1, 3, false, Budget::NONE), 316, 316, 0);
    exhausts(bound(Script::Sequence, 1, 3, false, Budget::NONE), 653, 653, 0);
    exhausts(bound(Script::Watch, 1, 3, false, Budget::NONE), 125, 125, 0);
    exhausts(bound(Script::Lock, 1, 3, false, Budget::NONE), 218, 218, 0);
    exhausts(bound(Script::Register, 1, 3, true, Budget::NONE), 1358, 1383, 0);
}

/// Three servers, an operation of each client.
#[test]
fn two_clients_on_three_servers_agree_in_every_order() {
    exhausts(bound(Script::Sequence, 3, 1, false, Budget::NONE), 2340, 7072, 0);
    exhausts(bound(Script::Watch, 3, 1, false, Budget::NONE), 202, 448, 0);
}

/// A session that its server has lost sight of is used elsewhere, or expires.
#[test]
fn lost_connections_and_silent_sessions_agree_in_every_order() {
    exhausts(bound(Script::Watch, 1, 1, false, faults(0, 1, 1)), 2386, 3390, 0);
    exhausts(bound(Script::Watch, 1, 2, false, faults(0, 0, 1)), 665, 779, 0);
    exhausts(bound(Script::Watch, 3, 1, false, faults(0, 1, 0)), 8161, 22_665, 835);
}

/// Any server crashes at any moment, and the others go on: too large for the plain wrapping.
#[test]
fn nothing_is_lost_when_a_server_crashes_under_its_clients() {
    let model = Plain::new(bound(Script::Watch, 3, 1, false, faults(1, 0, 0)), RuleSet::EMPTY);
    let found = explore(&model, 2, |_| Go::On);
    assert_eq!((found.end, found.unequal, found.clashes), (End::Exhausted, 0, 0));
    assert_eq!((found.progress.states, found.progress.transitions, found.cut), (135_024, 309_111, 7108));
    assert!(found.reached.contains(&"a second epoch serves"), "{:?}", found.reached);
}

/// Every history that some order makes of a bound.
fn histories(bound: Bound) -> Vec<History> {
    let model = Interned::new(&Plain::new(bound, RuleSet::EMPTY));
    let checker = model.checker().spawn_dfs().join();
    let notes = checker.model().histories();
    notes.iter().map(|notes| notes.history().expect("the log can be read")).collect()
}

/// The judge as stateright's sequential specification: it performs what it is asked.
#[derive(Clone, Debug)]
struct Service(Judge);

impl SequentialSpec for Service {
    type Op = (i64, Call);
    type Ret = Answer;

    fn invoke(&mut self, (session, call): &(i64, Call)) -> Answer {
        let body = self.0.decide(*session, call).expect("only updates are asked for");
        self.perform(*session, body.clone());
        bare(&self.0.answer(&body))
    }
}

impl Service {
    /// Performs a transaction without a zxid: all have the same.
    fn perform(&mut self, session: i64, body: Body) {
        self.0.apply(&Txn { zxid: 1, session, cxid: 0, time: 0, body }).expect("the judge decided it");
        self.0.rewind();
    }
}

/// An answer without zxids and times, of which the specification knows nothing.
fn bare(answer: &Answer) -> Answer {
    let Answer::Stat(stat) = answer else { return answer.clone() };
    let Stat { version, cversion, data_length, num_children, owner, .. } = *stat;
    Answer::Stat(Stat { version, cversion, data_length, num_children, owner, ..Stat::default() })
}

/// What stateright's own search says of the updates of a history.
fn is_linearizable(history: &History) -> bool {
    let mut service = Service(Judge::new());
    for event in &history.events {
        if matches!(event.kind, What::Attached { fresh: true }) {
            service.perform(event.session, Body::CreateSession { timeout_ms: 0 });
        }
    }
    let mut tester = LinearizabilityTester::new(service);
    let mut asked: Vec<(i64, i32)> = Vec::new();
    for event in &history.events {
        let session = event.session;
        if let What::Invoke { xid, call } = &event.kind
            && call.is_write()
        {
            tester.on_invoke(session, (session, call.clone())).expect("one at a time");
            asked.push((session, *xid));
        }
        if let What::Return { xid, answer, .. } = &event.kind
            && asked.contains(&(session, *xid))
        {
            tester.on_return(session, bare(answer)).expect("it was asked");
        }
    }
    tester.is_consistent()
}

#[test]
fn stateright_judges_the_updates_of_every_history_as_the_witness_does() {
    let (mut judged, mut refused) = (0, 0);
    for script in Script::ALL {
        for history in histories(bound(script, 1, 3, false, Budget::NONE)) {
            assert!(witness::check(&history).is_empty() && is_linearizable(&history), "{history:#?}");
            judged += 1;
            let Some(wrong) = changed_answer(&history) else { continue };
            assert!(!is_linearizable(&wrong), "{wrong:#?}");
            assert!(!witness::check(&wrong).is_empty(), "{wrong:#?}");
            assert!(matches!(search_history(&wrong), Opinion::Refused(_)), "{wrong:#?}");
            refused += 1;
        }
    }
    assert!(judged > 100 && refused > 50, "{judged} judged, {refused} refused");
}

/// The history with an update answered as it cannot have been.
fn changed_answer(history: &History) -> Option<History> {
    let mut wrong = history.clone();
    let is_update = |session: i64, asked: i32| {
        history.events.iter().any(|event| {
            matches!(&event.kind, What::Invoke { xid, call } if (event.session, *xid) == (session, asked) && call.is_write())
        })
    };
    let updates = wrong.events.iter_mut().rev().filter_map(|event| match &mut event.kind {
        What::Return { xid, answer, .. } if is_update(event.session, *xid) => Some(answer),
        What::Return { .. }
        | What::Attached { .. }
        | What::Rearmed { .. }
        | What::Disconnected
        | What::Invoke { .. }
        | What::Watch { .. }
        | What::Expired
        | What::Wronged { .. } => None,
    });
    for answer in updates {
        match answer {
            Answer::Stat(stat) => stat.version += 5,
            Answer::Created { path } => *path = format!("{path}7").as_str().into(),
            Answer::Deleted
            | Answer::Data { .. }
            | Answer::Children(_)
            | Answer::Children2 { .. }
            | Answer::Synced { .. }
            | Answer::Closed
            | Answer::Error(_) => continue,
        }
        return Some(wrong);
    }
    None
}

/// Changes histories of a bound one by one, and counts those that this check refuses.
fn caught(script: Script, budget: Budget, check: &str, change: impl Fn(&mut History) -> Option<()>) -> usize {
    let mut caught = 0;
    for mut history in histories(bound(script, 1, 3, false, budget)) {
        if change(&mut history).is_some() {
            let objects = witness::check(&history);
            assert!(objects.iter().any(|violation| violation.oracle == check), "{check}: {objects:#?} {history:#?}");
            caught += 1;
        }
    }
    caught
}

fn returned(history: &History) -> Vec<usize> {
    let is_return = |at: &usize| matches!(history.events[*at].kind, What::Return { .. });
    (0..history.events.len()).filter(is_return).collect()
}

#[test]
fn a_write_that_takes_effect_before_it_is_asked_is_refused() {
    // What is shown first moves behind the invocation of a later write.
    let caught = caught(Script::Register, Budget::NONE, "linearizable_writes", |history| {
        let log: Vec<u64> = history.log.iter().map(|txn| txn.zxid).collect();
        let invoked = history.events.iter().rposition(|event| {
            matches!(&event.kind, What::Invoke { xid, call: Call::SetData { .. } }
                if history.log.iter().any(|txn| (txn.session, txn.cxid) == (event.session, *xid)))
        })?;
        let shown = returned(history).into_iter().find(|at| *at < invoked)?;
        let session = history.events[shown].session;
        let other = history.events[invoked].session != session;
        let last = *log.last()?;
        let What::Return { zxid, .. } = &mut history.events[shown].kind else { return None };
        (other && *zxid != last).then(|| *zxid = last)
    });
    assert!(caught > 10, "{caught}");
}

#[test]
fn a_sequential_name_that_was_given_before_is_refused() {
    let caught = caught(Script::Sequence, Budget::NONE, "sequential_nodes", |history| {
        let mut creates = history
            .log
            .iter_mut()
            .filter_map(|txn| if let Body::Create { path, .. } = &mut txn.body { Some(path) } else { None });
        let (first, second) = (creates.next()?.clone(), creates.next()?);
        *second = first;
        Some(())
    });
    assert!(caught > 10, "{caught}");
}

#[test]
fn an_ephemeral_that_outlives_its_session_is_refused() {
    let caught = caught(Script::Watch, Budget::NONE, "ephemerals", |history| {
        let mut closes = history
            .log
            .iter_mut()
            .filter_map(|txn| if let Body::CloseSession { paths } = &mut txn.body { Some(paths) } else { None });
        let closes = closes.find(|paths| !paths.is_empty())?;
        closes.clear();
        Some(())
    });
    assert!(caught > 10, "{caught}");
}

#[test]
fn a_watch_event_that_is_lost_doubled_or_late_is_refused() {
    let event_of = |history: &History| history.events.iter().position(|e| matches!(e.kind, What::Watch { .. }));
    // A lost event is missed by the next reply that shows the change.
    let lost = caught(Script::Watch, Budget::NONE, "watches", |history| {
        let at = event_of(history)?;
        let session = history.events[at].session;
        returned(history).into_iter().find(|later| *later > at && history.events[*later].session == session)?;
        history.events.remove(at);
        Some(())
    });
    let doubled = caught(Script::Watch, Budget::NONE, "watches", |history| {
        let at = event_of(history)?;
        let event = history.events[at].clone();
        history.events.insert(at, event);
        Some(())
    });
    let late = caught(Script::Watch, Budget::NONE, "watches", |history| {
        let at = event_of(history)?;
        let session = history.events[at].session;
        let mut later = returned(history).into_iter().filter(|later| *later > at);
        let later = later.find(|later| history.events[*later].session == session)?;
        let event = history.events.remove(at);
        history.events.insert(later, event);
        Some(())
    });
    assert!(lost > 5 && doubled > 5 && late > 5, "{lost} lost, {doubled} doubled, {late} late");
}

/// Without this rule an oracle objects within the bound, after so many moves.
fn dies(model: Plain, oracle: &str, moves: usize) {
    let found = explore(&model, 1, |_| Go::On);
    let said = found.counterexample.map(|told| (told.violation.oracle, told.moves.len()));
    assert_eq!(said, Some((oracle, moves)), "after {} states", found.progress.states);
}

#[test]
fn rules_die_by_white_box_oracles_and_by_what_clients_see_alone() {
    let without = |rule: Rule, bound: Bound| Plain::new(bound, [rule].into_iter().collect::<RuleSet>());
    let pipelined = bound(Script::Register, 3, 2, true, Budget::NONE);
    dies(without(Rule::OneOrder, pipelined), "fifo", 2);
    dies(without(Rule::OneOrder, pipelined).blind(), "session_order", 2);
    let silent = bound(Script::Sequence, 1, 2, true, faults(0, 0, 1));
    dies(without(Rule::NoWriteAfterClose, silent), "sessions", 4);
    dies(without(Rule::NoWriteAfterClose, silent).blind(), "ephemerals", 4);
    let moved = bound(Script::Register, 3, 2, true, faults(0, 1, 0));
    dies(without(Rule::OwnerOnly, moved), "ownership", 4);
    // What leads to a serving ensemble is judged too: no move is needed.
    dies(without(Rule::CommitQuorum, pipelined), "quorum", 0);
}
