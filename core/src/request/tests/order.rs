//! Replies leave in the order of requests.

use super::*;

/// The xids and errors of what client 1 got, and `!` where its connection was closed.
fn order(bench: &mut Bench) -> Vec<String> {
    let sent = bench.take_sent();
    let lines = sent.iter().filter_map(|sent| match sent {
        Sent::Frame(_, frame) => {
            let Reply { xid, err, .. } = Reply::of(frame);
            Some(if err == 0 { xid.to_string() } else { format!("{xid}:{err}") })
        }
        Sent::Watch(..) => Some("event".to_string()),
        Sent::Drop(_, reason) => Some(format!("!{reason:?}")),
        Sent::Other(Action::Pause { .. }) => Some("pause".to_string()),
        Sent::Other(Action::Resume { .. }) => Some("resume".to_string()),
        Sent::Other(_) => None,
    });
    lines.collect()
}

fn pipelined() -> Bench {
    let mut bench = Bench::leader();
    bench.connect(1);
    bench.create(1, "/a", 0);
    bench.commits = Commits::WhenTold;
    bench.take_sent();
    bench
}

#[test]
fn a_read_waits_for_the_writes_before_it_and_sees_them() {
    let mut bench = pipelined();
    bench.send(1, 1, Op::SET_DATA, &set_request("/a", b"one", -1));
    bench.send(1, 2, Op::GET_DATA, &read_request("/a"));
    bench.send(1, 3, Op::SET_DATA, &set_request("/a", b"two!", -1));
    bench.send(1, -2, Op::PING, &Nothing);
    bench.send(1, 4, Op::SASL, &SaslToken { token: None });
    assert_eq!(order(&mut bench), [""; 0]);
    bench.commit();
    let Sent::Frame(1, read) = &bench.sent[1] else { panic!("a reply") };
    assert_eq!(Reply::of(read).body::<GetDataReply<'_>>().data, Some(&b"one"[..]));
    assert_eq!(order(&mut bench), ["1", "2"]);
    bench.commit();
    assert_eq!(order(&mut bench), ["3", "-2", "4:-6"]);
    assert!(bench.service.clients[&ClientId(1)].queue.is_empty());
}

#[test]
fn without_the_order_a_read_overtakes_a_write() {
    let mut bench = pipelined();
    bench.rules = Without(Some(Rule::OneOrder));
    bench.send(1, 1, Op::SET_DATA, &set_request("/a", b"one", -1));
    bench.send(1, 2, Op::GET_DATA, &read_request("/a"));
    bench.commit_all();
    assert_eq!(order(&mut bench), ["2", "1"]);
}

#[test]
fn another_connections_writes_hold_nobody_up() {
    let mut bench = pipelined();
    bench.commits = Commits::AtOnce;
    bench.connect(2);
    bench.commits = Commits::WhenTold;
    bench.take_sent();
    bench.send(2, 1, Op::SET_DATA, &set_request("/a", b"one", -1));
    bench.send(1, 1, Op::GET_DATA, &read_request("/a"));
    assert!(matches!(&bench.take_sent()[..], [Sent::Frame(1, _)]));
}

#[test]
fn a_sync_waits_for_the_leaders_answer_and_echoes_its_path() {
    let mut bench = pipelined();
    bench.send(1, 1, Op::SYNC, &PathRequest { path: b"/a" });
    bench.send(1, 2, Op::GET_DATA, &read_request("/a"));
    bench.send(1, 3, Op::SYNC, &PathRequest { path: b"" });
    assert_eq!(order(&mut bench), [""; 0]);
    bench.synced();
    let Sent::Frame(1, sync) = &bench.sent[0] else { panic!("a reply") };
    assert_eq!(Reply::of(sync).path(), "/a");
    assert_eq!(order(&mut bench), ["1", "2"]);
    assert!(bench.events.contains(&Event::SyncAnswered { applied: bench.service.applied() }));
    bench.synced();
    assert_eq!(order(&mut bench), ["3"]);
}

#[test]
fn what_is_behind_a_sync_waits_for_it_so_that_no_read_shows_a_later_write() {
    let mut bench = pipelined();
    bench.send(1, 1, Op::SYNC, &PathRequest { path: b"/" });
    bench.send(1, 2, Op::EXISTS, &read_request("/new"));
    bench.send(1, 3, Op::CREATE, &create_request("/new", b"", 0));
    bench.send(1, 4, Op::SYNC, &PathRequest { path: b"/" });
    bench.send(1, 5, Op::CREATE, &create_request("/newer", b"", 0));
    assert_eq!((bench.proposed.len(), bench.syncs), (0, 1));
    bench.synced();
    assert_eq!(order(&mut bench), ["1", "2:-101"]);
    assert_eq!((bench.proposed.len(), bench.syncs), (1, 1));
    bench.commit();
    bench.synced();
    assert_eq!((bench.proposed.len(), bench.syncs), (1, 0));
    bench.commit();
    assert_eq!(order(&mut bench), ["3", "4", "5"]);
}

#[test]
fn the_answer_to_a_sync_whose_connection_is_gone_is_nobody_elses() {
    let mut bench = pipelined();
    bench.commits = Commits::AtOnce;
    bench.connect(2);
    bench.commits = Commits::WhenTold;
    bench.take_sent();
    bench.send(2, 1, Op::SYNC, &PathRequest { path: b"/a" });
    bench.send(1, 1, Op::SYNC, &PathRequest { path: b"/a" });
    bench.call(|service, cx, _| service.client_closed(cx, ClientId(2)));
    bench.synced();
    assert_eq!(order(&mut bench), [""; 0]);
    bench.synced();
    assert_eq!(order(&mut bench), ["1"]);
}

#[test]
fn a_watch_event_comes_before_the_reply_that_shows_the_change() {
    let mut bench = pipelined();
    bench.send(1, 1, Op::GET_DATA, &watch_request("/a"));
    bench.send(1, 2, Op::SET_DATA, &set_request("/a", b"one", -1));
    bench.send(1, 3, Op::GET_DATA, &read_request("/a"));
    bench.commit();
    assert_eq!(order(&mut bench), ["1", "event", "2", "3"]);
}

#[test]
fn what_follows_a_close_fails_and_takes_its_zxid() {
    let mut bench = pipelined();
    bench.send(1, 1, Op::CLOSE_SESSION, &Nothing);
    bench.send(1, 2, Op::CREATE, &create_request("/late", b"", 1));
    assert_eq!(bench.proposed.len(), 2);
    bench.commit_all();
    assert_eq!(order(&mut bench), ["1", "!SessionClosed"]);
    assert!(bench.service.database().tree().get(b"/late").is_none());
    assert_eq!(bench.service.connections_len(), 0);
}

#[test]
fn without_the_rule_an_ephemeral_outlives_its_session() {
    let mut bench = pipelined();
    bench.rules = Without(Some(Rule::NoWriteAfterClose));
    bench.send(1, 1, Op::CLOSE_SESSION, &Nothing);
    bench.send(1, 2, Op::CREATE, &create_request("/late", b"", 1));
    bench.commit_all();
    assert!(bench.service.database().tree().get(b"/late").is_some());
}

#[test]
fn a_ping_is_answered_with_its_reserved_xid_whatever_it_carried() {
    let mut bench = pipelined();
    for xid in [-2, 17, 0, i32::MIN] {
        bench.send(1, xid, Op::PING, &Nothing);
        assert_eq!(order(&mut bench), ["-2"], "xid {xid}");
    }
}

#[test]
fn operations_that_do_not_exist_close_the_connection() {
    for op in [Op::NOTIFICATION, Op::ERROR, Op::CHECK, Op::CREATE_SESSION, Op::DELETE_CONTAINER, 10, 999, i32::MIN] {
        let mut bench = pipelined();
        bench.send(1, 1, Op::SET_DATA, &set_request("/a", b"", -1));
        bench.send(1, 2, op, &Nothing);
        bench.commit();
        let is_refused = |sent: &&Sent| matches!(sent, Sent::Frame(1, frame) if Reply::of(frame).zxid == -1);
        assert_eq!(bench.sent.iter().filter(is_refused).count(), 1, "op {op}: it is refused before it has a zxid");
        assert_eq!(order(&mut bench), ["1", "2:-6", "!UnknownOperation"], "op {op}");
    }
}

#[test]
fn sasl_is_unimplemented_where_nobody_has_configured_it() {
    let mut bench = pipelined();
    bench.send(1, 1, Op::SASL, &SaslToken { token: None });
    assert_eq!(order(&mut bench), ["1:-6"]);
}

#[test]
fn reads_that_cannot_be_read_fail_and_headers_that_cannot_close() {
    let mut bench = pipelined();
    for op in [Op::GET_DATA, Op::EXISTS, Op::GET_CHILDREN, Op::SET_WATCHES] {
        bench.send(1, 1, op, &Nothing);
        assert_eq!(order(&mut bench), ["1:-5"], "op {op}");
    }
    bench.frame(1, b"1234567");
    assert_eq!(order(&mut bench), ["!Malformed"]);
}

#[test]
fn a_connection_that_sends_too_much_is_not_read_from() {
    let mut bench = pipelined();
    bench.config.limits.outstanding = 4;
    for xid in 1..=5 {
        bench.send(1, xid, Op::SET_DATA, &set_request("/a", b"", -1));
    }
    assert_eq!(order(&mut bench), ["pause"]);
    for _ in 0..3 {
        bench.commit();
    }
    assert_eq!(order(&mut bench), ["1", "2", "3"]);
    bench.commit();
    assert_eq!(order(&mut bench), ["4", "resume"]);
    for xid in 6..=13 {
        bench.send(1, xid, Op::SET_DATA, &set_request("/a", b"", -1));
    }
    assert_eq!(order(&mut bench), ["pause", "!LimitReached"]);
}

#[test]
fn every_request_is_reported_when_taken_and_when_answered() {
    let mut bench = pipelined();
    bench.events.clear();
    bench.send(1, 1, Op::DELETE, &delete_request("/a", -1));
    bench.send(1, 2, Op::EXISTS, &read_request("/a"));
    bench.commit();
    let (client, session, zxid) = (ClientId(1), SessionId(BASE + 1), bench.service.applied());
    let seen: Vec<_> = bench.events.iter().filter(|event| !matches!(event, Event::Applied { .. })).cloned().collect();
    let origin = RequestOrigin::Local;
    let expected = [
        Event::Requested { client, session, xid: Xid(1), op: Op::DELETE },
        Event::Prepared { zxid, session, origin },
        Event::Requested { client, session, xid: Xid(2), op: Op::EXISTS },
        Event::Replied { client, session, xid: Xid(1), op: Op::DELETE, zxid, err: 0 },
        Event::Replied { client, session, xid: Xid(2), op: Op::EXISTS, zxid, err: -101 },
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_connection_whose_requests_are_large_is_not_read_from_though_they_are_few() {
    let mut bench = pipelined();
    bench.config.limits.outstanding_bytes = 1_000;
    for xid in 1..=3 {
        bench.send(1, xid, Op::SET_DATA, &set_request("/a", &[0; 400], -1));
    }
    assert_eq!(order(&mut bench), ["pause"]);
    bench.commit();
    bench.commit();
    assert_eq!(order(&mut bench), ["1", "2", "resume"]);
    for xid in 4..=8 {
        bench.send(1, xid, Op::SET_DATA, &set_request("/a", &[0; 400], -1));
    }
    assert_eq!(order(&mut bench), ["pause", "!LimitReached"]);
}

#[test]
fn frames_that_wait_for_a_leader_are_bounded_by_their_bytes() {
    let mut bench = Bench::looking();
    bench.config.limits.outstanding_bytes = 1_000;
    bench.open(1);
    bench.frame(1, &connect_request(0, 10_000, 0, &[0; 16], None));
    for _ in 0..5 {
        bench.frame(1, &[0; 450]);
    }
    let sent = bench.take_sent();
    assert!(sent.contains(&Sent::Drop(1, DropReason::LimitReached)), "{sent:?}");
}
