//! Sessions are opened, re-opened, refused, closed.

use super::*;

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

fn armed(session: i64, after_ms: u32) -> Sent {
    Sent::Other(Action::Arm { timer: Timer::Session(SessionId(session)), after_ms })
}

#[test]
fn a_new_session_is_answered_when_its_transaction_is_applied() {
    let mut bench = Bench::leader();
    bench.commits = Commits::WhenTold;
    assert_eq!(answer(&mut bench, 1, &connect_request(0, 10_000, 0, &[0; 16], Some(true))), []);
    bench.commit();
    let expected = connect_response(10_000, BASE + 1, &word(BASE + 1), Some(false));
    assert_eq!(bench.take_sent(), [armed(BASE + 1, 12_000), Sent::Frame(1, expected)]);
    assert_eq!(bench.service.database().session_timeout(SessionId(BASE + 1)), Some(10_000));
    let (session, client) = (SessionId(BASE + 1), ClientId(1));
    let attached = Event::SessionAttached { session, client, timeout_ms: 10_000, last_seen: Zxid::ZERO };
    assert!(bench.events.contains(&attached));
}

#[test]
fn timeouts_are_bounded_and_old_clients_get_the_old_form() {
    let mut bench = Bench::leader();
    for (client, asked, given) in [(1, 1, 4_000), (2, -5, 4_000), (3, 1_000_000, 40_000)] {
        let session = BASE + i64::from(client);
        let expected = connect_response(given, session, &word(session), None);
        let got = answer(&mut bench, client, &connect_request(0, asked, 0, &[0; 16], None));
        assert_eq!(got[1], Sent::Frame(client, expected));
    }
}

#[test]
fn a_session_is_opened_again_with_its_id_and_password() {
    let mut bench = Bench::leader();
    let session = bench.connect(1);
    bench.call(|service, cx, _| service.client_closed(cx, ClientId(1)));
    let got = answer(&mut bench, 2, &connect_request(1, 30_000, session, &word(session), Some(false)));
    assert_eq!(got, [Sent::Frame(2, connect_response(10_000, session, &word(session), Some(false)))]);
    assert_eq!(bench.service.attached().collect::<Vec<_>>(), [(ClientId(2), SessionId(session))]);
}

#[test]
fn opening_a_session_again_closes_its_other_connection() {
    let mut bench = Bench::leader();
    let session = bench.connect(1);
    let got = answer(&mut bench, 2, &connect_request(0, 10_000, session, &word(session), None));
    let opened = connect_response(10_000, session, &word(session), None);
    assert_eq!(got, [Sent::Drop(1, DropReason::SessionMoved), Sent::Frame(2, opened)]);
}

#[test]
fn a_refusal_is_zeros_and_a_closed_connection() {
    let mut bench = Bench::leader();
    let session = bench.connect(1);
    let mut zeros = vec![0; 20];
    zeros[16..].copy_from_slice(&16i32.to_be_bytes());
    zeros.extend([0; 17]);
    let refused = |client| [Sent::Frame(client, zeros.clone()), Sent::Drop(client, DropReason::SessionRefused)];
    let mut wrong = word(session);
    wrong[15] ^= 1;
    assert_eq!(answer(&mut bench, 2, &connect_request(0, 1, session, &wrong, Some(false))), refused(2));
    assert_eq!(answer(&mut bench, 3, &connect_request(0, 1, 99, &word(99), Some(false))), refused(3));
    assert_eq!(bench.service.attached().collect::<Vec<_>>(), [(ClientId(1), SessionId(session))]);
    zeros.pop();
    assert_eq!(answer(&mut bench, 4, &connect_request(0, 1, session, b"short", None))[0], Sent::Frame(4, zeros));
    assert_eq!(bench.service.connections_len(), 1);
}

#[test]
fn a_client_that_has_seen_more_is_sent_away_without_a_word() {
    let mut bench = Bench::leader();
    bench.connect(1);
    let applied = bench.service.applied().to_wire();
    let got = answer(&mut bench, 2, &connect_request(applied + 1, 10_000, 0, &[0; 16], None));
    assert_eq!(got, [Sent::Drop(2, DropReason::ZxidAhead)]);
    bench.rules = Without(Some(Rule::ClientNotAhead));
    let got = answer(&mut bench, 2, &connect_request(applied + 1, 10_000, 0, &[0; 16], None));
    assert!(matches!(&got[1], Sent::Frame(2, _)), "without the rule it is let in");
}

#[test]
fn what_is_no_connect_request_closes_the_connection() {
    let mut bench = Bench::leader();
    assert_eq!(answer(&mut bench, 1, b"junk"), [Sent::Drop(1, DropReason::Malformed)]);
    bench.frame(1, b"more");
    assert_eq!(bench.take_sent(), [], "a frame of a connection that is gone");
}

#[test]
fn requests_that_come_before_the_session_wait_for_it() {
    let mut bench = Bench::leader();
    bench.commits = Commits::WhenTold;
    bench.connect(1);
    bench.send(1, 1, Op::GET_DATA, &read_request("/"));
    bench.send(1, 2, Op::PING, &Nothing);
    assert_eq!(bench.take_sent(), []);
    bench.commit();
    let frames: Vec<_> = bench.take_sent().into_iter().filter(|sent| matches!(sent, Sent::Frame(..))).collect();
    assert_eq!(frames.len(), 3);
    assert!(matches!(&frames[2], Sent::Frame(1, frame) if Reply::of(frame).xid == -2));
}

#[test]
fn closing_a_session_answers_then_closes_the_connection() {
    let mut bench = Bench::leader();
    let session = bench.connect(1);
    bench.create(1, "/e", 1);
    bench.send(1, 9, Op::CLOSE_SESSION, &Nothing);
    let zxid = bench.service.applied().to_wire();
    let reply = ReplyHeader { xid: 9, zxid, err: 0 }.to_bytes();
    let disarmed = Sent::Other(Action::Disarm { timer: Timer::Session(SessionId(session)) });
    assert_eq!(bench.take_sent(), [disarmed, Sent::Frame(1, reply), Sent::Drop(1, DropReason::SessionClosed)]);
    assert!(bench.service.database().tree().get(b"/e").is_none());
    assert_eq!(bench.service.database().session_timeout(SessionId(session)), None);
}

#[test]
fn a_silent_session_is_closed_with_what_it_owns() {
    let mut bench = Bench::leader();
    let session = bench.connect(1);
    bench.create(1, "/e", 1);
    bench.take_sent();
    bench.call(|service, cx, wants| service.session_fired(cx, SessionId(session), wants));
    assert!(bench.events.contains(&Event::SessionExpiring { session: SessionId(session) }));
    assert_eq!(bench.take_sent()[1..], [Sent::Drop(1, DropReason::SessionExpired)]);
    assert!(bench.service.database().tree().get(b"/e").is_none());
    bench.call(|service, cx, wants| service.session_fired(cx, SessionId(session), wants));
    assert_eq!(bench.take_sent(), [], "a timer that fires late finds nothing to do");
}

#[test]
fn only_the_leader_expires_sessions() {
    let mut bench = Bench::leader();
    let session = bench.connect(1);
    bench.look();
    bench.learn();
    bench.call(|service, cx, wants| service.session_fired(cx, SessionId(session), wants));
    assert_eq!(bench.forwarded, []);
    bench.rules = Without(Some(Rule::LeaderExpires));
    bench.call(|service, cx, wants| service.session_fired(cx, SessionId(session), wants));
    assert!(matches!(&bench.forwarded[..], [Want::Propose(request)] if request.op == Op::CLOSE_SESSION));
}

#[test]
fn an_id_that_somebody_asks_for_is_not_given_to_another() {
    let mut bench = Bench::looking();
    bench.learn();
    let guess = connect_request(0, 10_000, BASE + 1, &word(BASE + 1), None);
    assert_eq!(answer(&mut bench, 1, &guess), [], "the leader is asked");
    answer(&mut bench, 2, &connect_request(0, 10_000, 0, &[0; 16], None));
    let opened = bench.forwarded.iter().find_map(|want| match want {
        Want::Propose(request) => Some(request.session),
        Want::Revalidate { .. } | Want::Sync(_) => None,
    });
    assert_eq!(opened, Some(SessionId(BASE + 2)));
}

#[test]
fn an_id_that_a_session_has_is_not_given_again_when_the_count_begins_anew() {
    let mut bench = Bench::leader();
    let first = bench.connect(1);
    bench.service.ids = crate::session::SessionIds::new(SessionId(BASE));
    assert_eq!(bench.connect(2), first + 1);
}
