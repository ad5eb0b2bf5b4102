//! The laws of the prediction (contract section 5): everything applied, nothing is left of it and it
//! was right; dropping it at any moment equals never having had it.

use super::*;
use proptest::prelude::*;

/// Paths that get in each other's way.
const PATHS: [&str; 8] = ["/a", "/a/b", "/a/b/c", "/a/s-", "/d", "/zookeeper/x", "/", "/a/b/"];
const SESSIONS: [i64; 3] = [11, 12, 13];

#[derive(Clone, Debug)]
enum Step {
    Create {
        session: i64,
        path: &'static str,
        flags: i32,
    },
    Delete {
        session: i64,
        path: &'static str,
    },
    Set {
        session: i64,
        path: &'static str,
        version: i32,
    },
    Close {
        session: i64,
    },
    /// So many of the proposals are committed.
    Commit(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let session = || prop::sample::select(&SESSIONS[..]);
    let path = || prop::sample::select(&PATHS[..]);
    prop_oneof![
        8 => (session(), path(), 0..4).prop_map(|(session, path, flags)| Step::Create { session, path, flags }),
        4 => (session(), path()).prop_map(|(session, path)| Step::Delete { session, path }),
        3 => (session(), path(), -1..3).prop_map(|(session, path, version)| Step::Set { session, path, version }),
        1 => session().prop_map(|session| Step::Close { session }),
        3 => (1..4usize).prop_map(Step::Commit),
    ]
}

impl Step {
    fn request(&self) -> Option<Request> {
        let (session, op, body) = match self {
            Step::Create { session, path, flags } => {
                (session, Op::CREATE, create_request(path, path.as_bytes(), *flags).to_bytes())
            }
            Step::Delete { session, path } => (session, Op::DELETE, delete_request(path, -1).to_bytes()),
            Step::Set { session, path, version } => {
                (session, Op::SET_DATA, set_request(path, b"new", *version).to_bytes())
            }
            Step::Close { session } => (session, Op::CLOSE_SESSION, Vec::new()),
            Step::Commit(_) => return None,
        };
        let body = Arc::from(body);
        Some(Request { session: SessionId(*session), cxid: Xid(1), op, body, auth: Vec::new(), is_local: false })
    }
}

/// A leader with three sessions; the sequence numbers below `/a` are about to overflow if so asked.
fn leader(overflows: bool) -> Bench {
    let mut bench = Bench::leader();
    for session in SESSIONS {
        let body = Arc::from(10_000i32.to_be_bytes());
        let (session, op) = (SessionId(session), Op::CREATE_SESSION);
        bench.propose(
            RequestOrigin::Local,
            &Request { session, cxid: Xid(0), op, body, auth: Vec::new(), is_local: false },
        );
    }
    bench.commit_all();
    if overflows {
        for (path, parent_cversion) in [(&b"/a"[..], 1), (b"/a/old", i32::MAX - 2)] {
            bench.counter += 1;
            let zxid = Zxid::new(Epoch(1), bench.counter);
            let header = TxnHeader { session: 11, cxid: 1, zxid: zxid.to_wire(), time: 1, op: Op::CREATE };
            let mut bytes = header.to_bytes();
            CreateTxn { path, data: None, acl: Some(open_acl()), ephemeral: false, parent_cversion }.encode(&mut bytes);
            bench.proposed.push_back(Record { zxid, bytes: Arc::from(bytes) });
        }
        bench.commit_all();
    }
    bench.commits = Commits::WhenTold;
    bench
}

/// A server that has applied the same transactions and was never leader.
fn follower_of(start: &Bench, applied: &[Record]) -> Bench {
    let mut follower = start.clone();
    follower.look();
    for record in applied {
        follower.call(|service, cx, wants| service.apply(cx, record, wants));
    }
    follower
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// The transactions are those of a leader that applies each before it looks at the next.
    #[test]
    fn the_prediction_is_what_will_be(overflows: bool, steps in prop::collection::vec(step(), 1..60)) {
        let mut ahead = leader(overflows);
        let mut slow = ahead.clone();
        let mut committed = Vec::new();
        for step in &steps {
            match (step, step.request()) {
                (_, Some(request)) => {
                    ahead.propose(RequestOrigin::Local, &request);
                    slow.propose(RequestOrigin::Local, &request);
                    prop_assert_eq!(ahead.proposed.back(), slow.proposed.back(), "{:?}", step);
                    slow.commit_all();
                }
                (Step::Commit(count), None) => {
                    for _ in 0..(*count).min(ahead.proposed.len()) {
                        committed.push(ahead.proposed[0].clone());
                        ahead.commit();
                    }
                }
                (Step::Create { .. } | Step::Delete { .. } | Step::Set { .. } | Step::Close { .. }, None) => {
                    unreachable!("these are requests")
                }
            }
        }
        ahead.commit_all();
        prop_assert!(ahead.service.ahead.is_empty(), "{:?}", ahead.service.ahead);
        prop_assert_eq!(&ahead.service, &slow.service);
        let mismatch = |event: &Event| matches!(event, Event::DigestMismatch { .. });
        prop_assert!(!ahead.events.iter().any(mismatch), "a transaction's digest is the tree's after it");
    }

    #[test]
    fn dropping_the_prediction_equals_never_having_had_it(
        overflows: bool,
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let start = leader(overflows);
        let mut bench = start.clone();
        let mut applied = Vec::new();
        for step in &steps {
            if let Some(request) = step.request() {
                bench.propose(RequestOrigin::Local, &request);
            } else if let Step::Commit(count) = step {
                for _ in 0..(*count).min(bench.proposed.len()) {
                    applied.push(bench.proposed[0].clone());
                    bench.commit();
                }
            }
        }
        bench.look();
        prop_assert_eq!(&bench.service, &follower_of(&start, &applied).service);
    }
}
