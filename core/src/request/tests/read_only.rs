//! Read-only mode: who is served without a quorum, what is answered, and how it ends.

use super::*;

/// A session of the read-only server that [`read_only`] makes: the third id that it gives.
const OURS: i64 = (BASE + 2) | i64::MIN;

/// A server that had a leader, has `/a` and a client's session, and has been LOOKING for a while.
fn read_only() -> Bench {
    let mut bench = Bench::leader();
    bench.config.read_only = true;
    bench.connect(1);
    bench.create(1, "/a", 0);
    bench.look();
    begin(&mut bench);
    bench.take_sent();
    bench
}

fn begin(bench: &mut Bench) {
    bench.call(|service, cx, wants| service.begin_read_only(cx, wants));
}

fn word(session: i64) -> [u8; 16] {
    password(SessionId(session))
}

/// What a fresh connection gets for its first frame.
fn answer(bench: &mut Bench, client: u32, frame: &[u8]) -> Vec<Sent> {
    bench.open(client);
    bench.take_sent();
    bench.frame(client, frame);
    bench.take_sent()
}

fn first(read_only: Option<bool>) -> Vec<u8> {
    connect_request(0, 10_000, 0, &[0; 16], read_only)
}

fn joined() -> Bench {
    let mut bench = read_only();
    answer(&mut bench, 2, &first(Some(true)));
    bench
}

#[test]
fn a_client_that_allows_for_it_gets_a_session_that_no_transaction_knows_of() {
    let mut bench = read_only();
    let got = answer(&mut bench, 2, &first(Some(true)));
    let armed = Sent::Other(Action::Arm { timer: Timer::Session(SessionId(OURS)), after_ms: 12_000 });
    assert_eq!(got, [armed, Sent::Frame(2, connect_response(10_000, OURS, &word(OURS), Some(true)))]);
    assert_eq!(bench.service.database().session_timeout(SessionId(OURS)), None);
    assert!(bench.proposed.is_empty() && bench.forwarded.is_empty(), "nothing is asked of anybody");
    assert!(SessionId(OURS).is_read_only() && !SessionId(BASE + 2).is_read_only());
}

#[test]
fn reads_are_answered_and_writes_are_not() {
    let mut bench = joined();
    let read = bench.ask(2, Op::GET_DATA, &read_request("/a"));
    assert_eq!(read.body::<GetDataReply<'_>>().data, Some(&b"data"[..]));
    assert_eq!(read.zxid, bench.service.applied().to_wire());
    let whole = bench.service.image();
    let refused = Code::NotReadOnly.to_wire();
    assert_eq!(bench.create(2, "/b", 0).error(), refused);
    assert_eq!(bench.create(2, "/b", 1).error(), refused);
    assert_eq!(bench.ask(2, Op::SET_DATA, &set_request("/a", b"", -1)).error(), refused);
    assert_eq!(bench.ask(2, Op::DELETE, &delete_request("/a", -1)).error(), refused);
    for op in [Op::MULTI, Op::SYNC, Op::RECONFIG, Op::SET_ACL, Op::CREATE2, Op::CREATE_TTL, Op::CREATE_CONTAINER] {
        assert_eq!(bench.ask(2, op, &Nothing).error(), refused, "{op}");
    }
    assert_eq!(bench.ask(2, Op::EXISTS, &watch_request("/a")).err, 0);
    assert_eq!(bench.service.watches_len(), 1);
    assert_eq!(bench.service.image(), whole);
    assert!(bench.proposed.is_empty() && bench.forwarded.is_empty() && bench.syncs == 0);
}

#[test]
fn whoever_did_not_ask_for_it_waits_for_a_leader() {
    let mut bench = joined();
    for (client, flag) in [(3, None), (4, Some(false))] {
        let waits = Sent::Other(Action::Arm { timer: Timer::NoLeader(ClientId(client)), after_ms: 10_000 });
        assert_eq!(answer(&mut bench, client, &first(flag)), [waits]);
    }
    bench.send(1, 5, Op::GET_DATA, &read_request("/a"));
    assert_eq!(bench.take_sent(), [], "a session of the ensemble waits too");
    bench.call(|service, cx, _| service.no_leader_fired(cx, ClientId(4)));
    assert_eq!(bench.take_sent()[1..], [Sent::Drop(4, DropReason::NoLeader)]);
    bench.call(|service, cx, _| service.no_leader_fired(cx, ClientId(2)));
    assert_eq!(bench.take_sent(), [], "who is served does not wait");
    bench.call(|service, cx, _| service.end_read_only(cx));
    bench.lead();
    let frames = |client| bench.sent.iter().filter(|sent| matches!(sent, Sent::Frame(to, _) if *to == client)).count();
    assert_eq!([1, 2, 3, 4].map(frames), [1, 0, 1, 0]);
}

#[test]
fn who_came_before_the_mode_began_is_served_with_what_it_sent() {
    let mut bench = Bench::looking();
    begin(&mut bench);
    assert!(!bench.service.is_read_only(), "it is not enabled");
    bench.config.read_only = true;
    answer(&mut bench, 1, &first(Some(true)));
    bench.send(1, 1, Op::EXISTS, &read_request("/"));
    bench.send(1, 2, Op::DELETE, &delete_request("/a", -1));
    answer(&mut bench, 2, &first(Some(false)));
    begin(&mut bench);
    let sent = bench.take_sent();
    let frames: Vec<_> = sent.iter().filter(|sent| matches!(sent, Sent::Frame(..))).collect();
    assert_eq!(sent[0], Sent::Other(Action::Disarm { timer: Timer::NoLeader(ClientId(1)) }));
    assert!(matches!(frames[..], [Sent::Frame(1, _), Sent::Frame(1, exists), Sent::Frame(1, refused)]
        if (Reply::of(exists).xid, Reply::of(exists).err, Reply::of(refused).err) == (1, 0, -119)));
}

#[test]
fn a_quorum_ends_it_and_nothing_is_left() {
    let mut bench = joined();
    bench.call(|service, cx, _| service.end_read_only(cx));
    let disarmed = |timer| Sent::Other(Action::Disarm { timer });
    let over = Sent::Drop(2, DropReason::ReadOnlyEnded);
    let session = disarmed(Timer::Session(SessionId(OURS)));
    assert_eq!(bench.take_sent(), [disarmed(Timer::ReadOnly), over, session]);
    bench.lead();
    bench.take_sent();
    assert!(bench.service.locals.is_empty());
    bench.call(|service, cx, wants| service.session_fired(cx, SessionId(OURS), wants));
    assert_eq!(bench.take_sent(), [], "a timer that fires late");
    let again = connect_request(0, 10_000, OURS, &word(OURS), Some(true));
    let sent = answer(&mut bench, 3, &again);
    assert_eq!(sent[1], Sent::Drop(3, DropReason::SessionRefused));
    let sent = answer(&mut bench, 4, &first(Some(true)));
    assert!(matches!(&sent[1], Sent::Frame(4, frame) if frame.last() == Some(&0)), "it is not read-only any more");
}

#[test]
fn its_session_is_opened_again_with_its_password_and_others_are_not() {
    let mut bench = joined();
    let again = |session, password: &[u8]| connect_request(0, 4_000, session, password, Some(true));
    let opened = Sent::Frame(3, connect_response(10_000, OURS, &word(OURS), Some(true)));
    let moved = Sent::Drop(2, DropReason::SessionMoved);
    let refused = |client| Sent::Drop(client, DropReason::SessionRefused);
    assert_eq!(answer(&mut bench, 4, &again(OURS, &word(1)))[1], refused(4));
    assert_eq!(answer(&mut bench, 3, &again(OURS, &word(OURS))), [moved, opened]);
    // Whether these are alive, only a leader knows: to say that they have expired would be a guess.
    for (client, session) in [(5, BASE + 1), (6, 99)] {
        let got = answer(&mut bench, client, &again(session, &word(session)));
        assert_eq!(got, [Sent::Drop(client, DropReason::NotOurSession)]);
    }
    // This one was another read-only server's; nobody has it.
    assert_eq!(answer(&mut bench, 7, &again(OURS + 1, &word(OURS + 1)))[1], refused(7));
    assert_eq!(bench.service.session(ClientId(1)), Some((SessionId(BASE + 1), 10_000)));
}

#[test]
fn nobody_is_shown_less_than_it_has_seen() {
    let mut bench = read_only();
    let seen = bench.service.applied().to_wire() + 1;
    let got = answer(&mut bench, 2, &connect_request(seen, 10_000, 0, &[0; 16], Some(true)));
    assert_eq!(got, [Sent::Drop(2, DropReason::ZxidAhead)]);
}

#[test]
fn its_session_ends_by_its_client_or_in_silence() {
    let mut bench = joined();
    let disarmed = Sent::Other(Action::Disarm { timer: Timer::Session(SessionId(OURS)) });
    let mut silent = bench.clone();
    bench.send(2, 9, Op::CLOSE_SESSION, &Nothing);
    let zxid = bench.service.applied().to_wire();
    let reply = Sent::Frame(2, ReplyHeader { xid: 9, zxid, err: 0 }.to_bytes());
    assert_eq!(bench.take_sent(), [reply, Sent::Drop(2, DropReason::SessionClosed), disarmed.clone()]);
    silent.call(|service, cx, wants| service.session_fired(cx, SessionId(OURS), wants));
    assert_eq!(silent.take_sent(), [Sent::Drop(2, DropReason::SessionExpired), disarmed]);
    for bench in [bench, silent] {
        assert!(bench.service.locals.is_empty() && bench.service.clients.len() == 1);
    }
}
