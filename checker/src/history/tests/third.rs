//! A third opinion: stateright's `LinearizabilityTester`, on histories short enough for a search
//! without memory. Updates alone are linearizable, so the two must agree on them exactly.

#![expect(clippy::wildcard_enum_match_arm, reason = "one kind of answer carries a stat, one kind of event an xid")]

use super::*;
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

/// The judge as stateright's sequential specification: it performs what it is asked.
#[derive(Clone, Debug)]
struct Service(zabra_sim::history::Judge);

impl SequentialSpec for Service {
    type Op = (i64, Call);
    type Ret = Answer;

    fn invoke(&mut self, (session, call): &(i64, Call)) -> Answer {
        let body = self.0.decide(*session, call).expect("only updates are asked for");
        let txn = Txn { zxid: 1, session: *session, cxid: 0, time: 0, body: body.clone() };
        self.0.apply(&txn).expect("the judge decided it");
        self.0.rewind();
        match self.0.answer(&body) {
            Answer::Stat(Stat { version, cversion, data_length, num_children, .. }) => {
                Answer::Stat(Stat { version, cversion, data_length, num_children, ..Stat::default() })
            }
            other => other,
        }
    }
}

/// Updates of a few sessions on two nodes, one at a time each: answers are guessed, not computed.
fn guessed(seed: u64) -> (History, LinearizabilityTester<i64, Service>) {
    let mut dice = Dice(seed);
    let mut judge = zabra_sim::history::Judge::new();
    let mut history = History::default();
    for session in 1..=3 {
        let body = Body::CreateSession { timeout_ms: 0 };
        judge.apply(&Txn { zxid: 1, session, cxid: 0, time: 0, body }).expect("it is new");
        judge.rewind();
        history.events.push(Event { at: 0, client: 0, session, kind: Kind::Attached { fresh: true } });
    }
    let mut tester = LinearizabilityTester::new(Service(judge.clone()));
    let mut truth = Service(judge);
    let mut open: [Option<Call>; 3] = [const { None }; 3];
    for xid in 1..=14 {
        let at = dice.below(3);
        let session = at as i64 + 1;
        let kind = match open[at].take() {
            None => {
                let call = call(&mut dice);
                tester.on_invoke(session, (session, call.clone())).expect("one at a time");
                open[at] = Some(call.clone());
                Kind::Invoke { xid, call }
            }
            Some(call) => {
                // Mostly what it is answered if it takes effect now, sometimes what it was before.
                let before = truth.clone().invoke(&(session, call.clone()));
                let answer = if dice.chance(85) { truth.invoke(&(session, call)) } else { before };
                tester.on_return(session, answer.clone()).expect("it was asked");
                let asked = history.events.iter().rev().find_map(|event| match event.kind {
                    Kind::Invoke { xid, .. } if event.session == session => Some(xid),
                    _ => None,
                });
                Kind::Return { xid: asked.expect("it was asked"), zxid: 0, answer }
            }
        };
        history.events.push(Event { at: 0, client: 0, session, kind });
    }
    (history, tester)
}

fn call(dice: &mut Dice) -> Call {
    let path = Text::from(*dice.pick(&["/a", "/b"]));
    let version = if dice.chance(50) { -1 } else { dice.below(2) as i32 };
    match dice.below(4) {
        0 => Call::Create { path, data: None, flags: 0, granted: 1 },
        1 => Call::Create { path, data: None, flags: 2, granted: 1 },
        2 => Call::Delete { path, version },
        _ => Call::SetData { path, data: None, version },
    }
}

#[test]
fn stateright_judges_updates_as_the_search_does() {
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..400 {
        let (history, tester) = guessed(seed);
        let linearizable = tester.is_consistent();
        let opinion = search(&history);
        assert_eq!(explained(&opinion), linearizable, "seed {seed}: {opinion:?}");
        *if linearizable { &mut accepted } else { &mut refused } += 1;
    }
    assert!(accepted > 50 && refused > 50, "{accepted} accepted, {refused} refused");
}
