//! The witness checks on long histories: 50 sessions on 200 znodes, writes, sequential creates, reads and
//! syncs, fifty of them at a time. A session's own requests come one after the other.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use zabra_sim::history::generate::Dice;
use zabra_sim::history::{Body, Call, Event, History, Judge, Kind, Text, Txn, witness};

const SESSIONS: i64 = 50;
const ZNODES: u32 = 200;

struct Made {
    dice: Dice,
    judge: Judge,
    history: History,
}

impl Made {
    fn append(&mut self, session: i64, cxid: i32, body: Body) {
        let zxid = (1 << 32) + 1 + self.history.log.len() as u64;
        let txn = Txn { zxid, session, cxid, time: 0, body };
        self.judge.apply(&txn).expect("the judge decided it");
        self.history.log.push(txn);
    }

    fn event(&mut self, session: i64, kind: Kind) {
        let at = self.history.events.len() as u64;
        self.history.events.push(Event { at, client: session as u32, session, kind });
    }

    fn call(&mut self) -> Call {
        let path = Text::from(format!("/n{}", self.dice.below(ZNODES as usize)).as_str());
        match self.dice.below(20) {
            0..2 => Call::Create { path: Text::new(&[path.bytes(), b"/s-"].concat()), data: None, flags: 2, granted: 1 },
            2..8 => Call::SetData { path, data: Some("value".into()), version: -1 },
            8 => Call::Sync { path },
            _ => Call::GetData { path, watch: false },
        }
    }

    /// Every session asks, then every session is answered.
    fn round(&mut self, xid: i32) {
        let calls: Vec<Call> = (0..SESSIONS).map(|_| self.call()).collect();
        for (session, call) in (1..).zip(&calls) {
            self.event(session, Kind::Invoke { xid, call: call.clone() });
        }
        for (session, call) in (1..).zip(calls) {
            let answer = match self.judge.decide(session, &call) {
                Some(body) => {
                    self.append(session, xid, body.clone());
                    self.judge.answer(&body)
                }
                None => self.judge.read(&call).expect("a read"),
            };
            self.event(session, Kind::Return { xid, zxid: self.judge.zxid(), answer });
        }
    }
}

fn history(operations: usize) -> History {
    let mut made = Made { dice: Dice(1), judge: Judge::new(), history: History::default() };
    for session in 1..=SESSIONS {
        made.append(session, 0, Body::CreateSession { timeout_ms: 4000 });
        made.event(session, Kind::Attached { fresh: true });
    }
    for n in 0..ZNODES {
        let path = Text::from(format!("/n{n}").as_str());
        let call = Call::Create { path, data: None, flags: 0, granted: 1 };
        let xid = n as i32 + 1;
        made.event(1, Kind::Invoke { xid, call: call.clone() });
        let body = made.judge.decide(1, &call).expect("a write");
        made.append(1, xid, body.clone());
        let (zxid, answer) = (made.judge.zxid(), made.judge.answer(&body));
        made.event(1, Kind::Return { xid, zxid, answer });
    }
    for round in 0..operations / SESSIONS as usize {
        made.round(ZNODES as i32 + 1 + round as i32);
    }
    made.history
}

fn checks(c: &mut Criterion) {
    let mut group = c.benchmark_group("witness");
    group.sample_size(10);
    for operations in [10_000, 100_000, 1_000_000] {
        let history = history(operations);
        assert_eq!(witness::check(&history), []);
        group.throughput(Throughput::Elements(operations as u64));
        group.bench_function(BenchmarkId::from_parameter(operations), |b| b.iter(|| witness::check(&history)));
    }
    group.finish();
}

criterion_group!(benches, checks);
criterion_main!(benches);
