//! Containers and znodes with a time to live, as they are made and as they go.

use super::bench::*;

/// The leader looks, at this time.
fn sweep(bench: &mut Bench, at: i64) {
    bench.at = at;
    bench.call(|service, cx, wants| service.sweep_fired(cx, wants));
}

fn stands(bench: &Bench, path: &str) -> bool {
    bench.service.database().tree().contains(path.as_bytes())
}

fn arms(bench: &mut Bench) -> usize {
    let arms = |sent: &&Sent| matches!(sent, Sent::Other(Action::Arm { timer: Timer::Containers, .. }));
    bench.take_sent().iter().filter(arms).count()
}

#[test]
fn a_container_goes_when_its_last_child_has_gone() {
    let mut bench = Bench::leader();
    bench.connect(1);
    bench.send(1, 1, Op::CREATE_CONTAINER, &create_request("/c", b"", 4));
    assert_eq!(arms(&mut bench), 1, "from now on there is something to look for");
    bench.create(1, "/c/child", 1);
    sweep(&mut bench, 2_000);
    assert!(stands(&bench, "/c"));
    assert_eq!(arms(&mut bench), 1);
    bench.ask(1, Op::DELETE, &delete_request("/c/child", -1));
    sweep(&mut bench, 2_001);
    assert!(!stands(&bench, "/c"));
    assert_eq!(arms(&mut bench), 1, "it stood there when the leader looked");
    sweep(&mut bench, 2_002);
    assert_eq!(arms(&mut bench), 0, "nothing is left");
}

#[test]
fn a_container_that_was_never_used_goes_after_its_time_or_never() {
    let mut bench = Bench::leader();
    bench.connect(1);
    bench.send(1, 1, Op::CREATE_CONTAINER, &create_request("/c", b"", 4));
    let mut patient = bench.clone();
    patient.config.fading.never_used_ms = 0;
    sweep(&mut patient, i64::MAX);
    assert!(stands(&patient, "/c"));
    sweep(&mut bench, 1_000 + 300_000);
    assert!(stands(&bench, "/c"));
    sweep(&mut bench, 1_000 + 300_001);
    assert!(!stands(&bench, "/c"));
}

#[test]
fn a_time_to_live_begins_anew_with_each_set_also_one_that_is_not_applied() {
    let mut bench = Bench::leader();
    bench.connect(1);
    bench.send(1, 1, Op::CREATE, &create_request("/p", b"", 0));
    let request = CreateTtlRequest { path: b"/t", data: None, acl: Some(open_acl()), flags: 5, ttl: 100 };
    bench.send(1, 1, Op::CREATE_TTL, &request);
    sweep(&mut bench, 1_100);
    assert!(stands(&bench, "/t"), "not longer than its time");
    bench.commits = Commits::WhenTold;
    bench.at = 1_101;
    bench.send(1, 2, Op::SET_DATA, &set_request("/t", b"", -1));
    sweep(&mut bench, 1_150);
    bench.commit_all();
    assert!(stands(&bench, "/t"));
    bench.commits = Commits::AtOnce;
    bench.create(1, "/t/child", 0);
    sweep(&mut bench, 9_000);
    assert!(stands(&bench, "/t"), "it has a child");
    bench.ask(1, Op::DELETE, &delete_request("/t/child", -1));
    sweep(&mut bench, 9_000);
    assert!(!stands(&bench, "/t"));
    assert!(!bench.events.iter().any(|event| matches!(event, Event::DigestMismatch { .. })));
}

#[test]
fn so_many_go_at_a_time_and_the_rest_soon_after() {
    let mut bench = Bench::leader();
    bench.config.fading.per_minute = 200;
    bench.connect(1);
    for n in 0..5 {
        let path = format!("/t{n}");
        assert_eq!(timed_quietly(&mut bench, &path), 0);
    }
    for left in [3, 1, 0] {
        sweep(&mut bench, 50_000);
        assert_eq!((0..5).filter(|n| stands(&bench, &format!("/t{n}"))).count(), left);
    }
}

fn timed_quietly(bench: &mut Bench, path: &str) -> i32 {
    bench.take_sent();
    let request = CreateTtlRequest { path: path.as_bytes(), data: None, acl: Some(open_acl()), flags: 5, ttl: 10 };
    bench.send(1, 1, Op::CREATE_TTL, &request);
    bench
        .take_sent()
        .iter()
        .find_map(|s| if let Sent::Frame(1, f) = s { Some(Reply::of(f).err) } else { None })
        .unwrap()
}

#[test]
fn the_log_has_the_types_that_apaches_has() {
    let mut bench = Bench::leader();
    bench.connect(1);
    bench.commits = Commits::WhenTold;
    let txn =
        |bench: &mut Bench| TxnHeader::decode(&mut Reader::new(&bench.proposed.pop_back().unwrap().bytes)).unwrap();
    bench.send(1, 1, Op::CREATE_CONTAINER, &create_request("/c", b"", 4));
    assert_eq!(txn(&mut bench).op, Op::CREATE_CONTAINER);
    bench.send(1, 1, Op::CREATE, &create_request("/d", b"", 4));
    assert_eq!(txn(&mut bench).op, Op::CREATE_CONTAINER, "whatever the request was");
    let request = CreateTtlRequest { path: b"/t", data: None, acl: Some(open_acl()), flags: 6, ttl: 9 };
    bench.send(1, 1, Op::CREATE_TTL, &request);
    assert_eq!(txn(&mut bench).op, Op::CREATE_TTL);
}

#[test]
fn a_learner_and_a_client_cannot_delete_as_the_leader_does() {
    let mut bench = Bench::leader();
    bench.connect(1);
    bench.send(1, 1, Op::CREATE_CONTAINER, &create_request("/c", b"", 4));
    let body = Arc::from(DeleteTxn { path: b"/c" }.to_bytes());
    let request = Request {
        session: SessionId::NONE,
        cxid: Xid(0),
        op: Op::DELETE_CONTAINER,
        body,
        auth: Vec::new(),
        is_local: false,
    };
    bench.propose(RequestOrigin::Learner(ConnId(3)), &request);
    bench.commit_all();
    assert!(stands(&bench, "/c"));
}
