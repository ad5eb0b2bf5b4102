use super::*;

const SESSION: i64 = 7;
const E1: u64 = 1 << 32;

fn judge() -> Judge {
    let mut judge = Judge::new();
    let body = Body::CreateSession { timeout_ms: 4000 };
    judge.apply(&Txn { zxid: E1 + 1, session: SESSION, cxid: 0, time: 1, body }).expect("a first session");
    judge
}

/// Decides, performs and answers, as a leader without concurrency would.
fn run(judge: &mut Judge, call: &Call) -> Answer {
    let body = judge.decide(SESSION, call).expect("a write");
    let zxid = judge.zxid() + 1;
    let time = zxid as i64 & 0xff;
    judge.apply(&Txn { zxid, session: SESSION, cxid: 1, time, body: body.clone() }).expect("what was decided applies");
    judge.answer(&body)
}

fn create(path: &str, flags: i32) -> Call {
    Call::Create { path: path.into(), data: Some("x".into()), flags, granted: 1 }
}

fn delete(path: &str) -> Call {
    Call::Delete { path: path.into(), version: -1 }
}

fn set(path: &str, version: i32) -> Call {
    Call::SetData { path: path.into(), data: None, version }
}

fn created(path: &str) -> Answer {
    Answer::Created { path: path.into() }
}

fn stat(judge: &Judge, path: &str) -> Stat {
    match judge.read(&Call::Exists { path: path.into(), watch: false }) {
        Some(Answer::Stat(stat)) => stat,
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn a_fresh_root_has_cversion_minus_one_as_apaches_has() {
    let judge = Judge::new();
    assert_eq!((stat(&judge, "/").cversion, stat(&judge, "/zookeeper").cversion), (-1, -2));
    assert_eq!(
        judge.read(&Call::GetChildren { path: "".into(), watch: false }),
        Some(Answer::Children(vec!["zookeeper".into()]))
    );
}

#[test]
fn suffixes_count_every_child_created_under_this_parent() {
    let mut judge = judge();
    assert_eq!(run(&mut judge, &create("/q", 0)), created("/q"));
    assert_eq!(run(&mut judge, &create("/q/n-", 2)), created("/q/n-0000000000"));
    assert_eq!(run(&mut judge, &create("/q/plain", 0)), created("/q/plain"));
    assert_eq!(run(&mut judge, &delete("/q/plain")), Answer::Deleted);
    assert_eq!(run(&mut judge, &create("/q/", 3)), created("/q/0000000002"));
    let q = stat(&judge, "/q");
    assert_eq!((q.cversion, q.num_children, q.pzxid), (4, 2, judge.zxid()));
    for path in ["/q/n-0000000000", "/q/0000000002", "/q"] {
        assert_eq!(run(&mut judge, &delete(path)), Answer::Deleted);
    }
    run(&mut judge, &create("/q", 0));
    assert_eq!(run(&mut judge, &create("/q/n-", 2)), created("/q/n-0000000000"));
}

#[test]
fn errors_come_in_apaches_order() {
    let mut judge = judge();
    run(&mut judge, &create("/e", 1));
    run(&mut judge, &create("/p", 0));
    run(&mut judge, &create("/p/c", 0));
    let no_acl = |path: &str| Call::Create { path: path.into(), data: None, flags: 0, granted: 0 };
    let cases: Vec<(Call, i32)> = vec![
        (create("/x", 9), -8),
        (create("x", 0), -8),
        (no_acl("/none/x"), -114),
        (create("/none/x", 0), -101),
        (create("/none/", 0), -101),
        (create("/p/", 0), -8),
        (create("/p/..", 0), -8),
        (create("/p/\u{1}", 0), -8),
        (create("/p/\u{10000}", 0), -8),
        (create("/p/c", 0), -110),
        (create("/e/c", 0), -108),
        (create("/", 0), -110),
        (delete("/zookeeper"), -8),
        (delete("/"), -8),
        (delete("/none"), -101),
        (Call::Delete { path: "/p".into(), version: 3 }, -103),
        (delete("/p"), -111),
        (set("p", -1), -8),
        (set("/none", 0), -101),
        (set("/p", 4), -103),
    ];
    for (call, code) in cases {
        assert_eq!(run(&mut judge, &call), Answer::Error(code), "{call:?}");
    }
    assert_eq!(judge.decide(99, &create("none", 0)), Some(Body::Error { code: -112 }));
    assert_eq!(judge.decide(99, &create("none", 7)), Some(Body::Error { code: -8 }));
}

#[test]
fn versions_grow_by_one_and_skip_minus_one() {
    let mut judge = judge();
    run(&mut judge, &create("/v", 0));
    let created_at = judge.zxid();
    assert!(matches!(run(&mut judge, &set("/v", 0)), Answer::Stat(stat) if stat.version == 1));
    let v = stat(&judge, "/v");
    assert_eq!((v.czxid, v.mzxid, v.pzxid, v.data_length), (created_at, judge.zxid(), created_at, 0));
    judge.znodes.get_mut(b"/v").expect("it exists").version = -2;
    assert!(matches!(run(&mut judge, &set("/v", -2)), Answer::Stat(stat) if stat.version == 0));
}

#[test]
fn a_closed_session_takes_its_ephemerals_along_and_never_comes_back() {
    let mut judge = judge();
    run(&mut judge, &create("/e", 1));
    assert_eq!(stat(&judge, "/e").owner, SESSION);
    assert_eq!(judge.decide(SESSION, &Call::Close), Some(Body::CloseSession { paths: vec!["/e".into()] }));
    run(&mut judge, &Call::Close);
    assert_eq!(judge.read(&Call::Exists { path: "/e".into(), watch: false }), Some(NO_NODE));
    assert_eq!(stat(&judge, "/").pzxid, judge.zxid());
    let again = Txn { zxid: E1 + 99, session: SESSION, cxid: 0, time: 0, body: Body::CreateSession { timeout_ms: 1 } };
    assert!(judge.apply(&again).is_err());
}

#[test]
fn what_cannot_be_performed_is_said() {
    let fresh = judge();
    let bodies = [
        Body::Create { path: "/a/b".into(), data: None, ephemeral: false, parent_cversion: 1 },
        Body::Create { path: "/zookeeper".into(), data: None, ephemeral: false, parent_cversion: 1 },
        Body::Delete { path: "/none".into() },
        Body::SetData { path: "/none".into(), data: None, version: 1 },
        Body::Other { op: 7 },
    ];
    for body in bodies {
        let txn = Txn { zxid: E1 + 2, session: SESSION, cxid: 1, time: 0, body };
        assert!(fresh.clone().apply(&txn).is_err(), "{txn:?}");
    }
    let early = Txn { zxid: E1 + 1, session: SESSION, cxid: 1, time: 0, body: Body::Error { code: -101 } };
    assert!(fresh.clone().apply(&early).is_err());
}
