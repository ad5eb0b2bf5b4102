//! The line in front of the service, and large requests.

use super::*;
use crate::request::Waiting;
use crate::request::throttle::Line;

/// A leader that commits when told and serves one request at a time, with clients 1 to 3.
fn one_at_a_time() -> Bench {
    let mut bench = Bench::leader();
    for client in 1..=3 {
        bench.connect(client);
    }
    bench.create(1, "/a", 0);
    bench.config.throttle.max_requests = 1;
    bench.commits = Commits::WhenTold;
    bench.take_sent();
    bench.events.clear();
    bench
}

fn write(bench: &mut Bench, client: u32, xid: i32) {
    bench.send(client, xid, Op::SET_DATA, &set_request("/a", b"", -1));
}

/// Who was answered what: client, xid, error.
fn answers(bench: &mut Bench) -> Vec<(u32, i32, i32)> {
    let frames = bench.take_sent().into_iter().filter_map(|sent| match sent {
        Sent::Frame(client, frame) => Some((client, Reply::of(&frame))),
        Sent::Watch(..) | Sent::Drop(..) | Sent::Other(_) => None,
    });
    frames.map(|(client, reply)| (client, reply.xid, reply.err)).collect()
}

fn turns(bench: &Bench) -> Vec<(u32, LineTurn, u64)> {
    let turn = |event: &Event| {
        let Event::Throttled { client, turn, waited_ms } = event else { return None };
        Some((client.0, *turn, *waited_ms))
    };
    bench.events.iter().filter_map(turn).collect()
}

/// The line is looked at so many times.
fn look_at_line(bench: &mut Bench, times: u32) {
    for _ in 0..times {
        bench.call(|service, _, _| service.throttle_fired());
    }
}

/// What was sent, but for the looks that were asked for.
fn sent(bench: &mut Bench) -> Vec<Sent> {
    let is_look = |sent: &Sent| {
        matches!(
            sent,
            Sent::Other(Action::Arm { timer: Timer::Throttle, .. } | Action::Disarm { timer: Timer::Throttle })
        )
    };
    bench.take_sent().into_iter().filter(|sent| !is_look(sent)).collect()
}

fn is_empty(bench: &Bench) -> bool {
    bench.service.waiting == Waiting::default() && bench.service.line == Line::default()
}

#[test]
fn requests_beyond_the_number_wait_for_their_turn_whosever_they_are() {
    let mut bench = one_at_a_time();
    write(&mut bench, 1, 1);
    write(&mut bench, 2, 1);
    bench.send(3, 1, Op::EXISTS, &read_request("/a"));
    write(&mut bench, 2, 2);
    assert_eq!((bench.proposed.len(), answers(&mut bench)), (1, vec![]), "one is asked for, and a read waits too");
    look_at_line(&mut bench, 8);
    bench.commit();
    assert_eq!((bench.proposed.len(), answers(&mut bench)), (1, vec![(1, 1, 0)]));
    bench.commit();
    assert_eq!(answers(&mut bench), [(2, 1, 0), (3, 1, 0)], "a read is taken and answered, and makes room");
    bench.commit();
    assert_eq!(answers(&mut bench), [(2, 2, 0)]);
    assert!(is_empty(&bench));
    let (waits, taken) = (LineTurn::Waits, LineTurn::Taken);
    let expected = [(2, waits, 0), (3, waits, 0), (2, waits, 0), (2, taken, 700), (3, taken, 700), (2, taken, 700)];
    assert_eq!(turns(&bench), expected);
}

#[test]
fn what_has_waited_too_long_is_answered_so_in_its_place_but_for_what_keeps_or_ends_a_session() {
    let mut bench = one_at_a_time();
    bench.config.throttle.wait_ms = 100;
    write(&mut bench, 1, 1);
    write(&mut bench, 2, 5);
    bench.send(2, -2, Op::PING, &Nothing);
    bench.send(2, 6, Op::EXISTS, &read_request("/a"));
    look_at_line(&mut bench, 3);
    bench.at += 1_000_000;
    bench.send(3, 8, Op::EXISTS, &read_request("/a"));
    bench.commit();
    let late = Code::ThrottledOp.to_wire();
    assert_eq!(answers(&mut bench), [(1, 1, 0), (2, 5, late), (2, -2, 0), (2, 6, late), (3, 8, 0)]);
    assert!(bench.proposed.is_empty(), "nothing was asked for");
    assert!(is_empty(&bench));
}

#[test]
fn a_stale_request_goes_with_its_connection_also_while_there_is_no_room() {
    let mut bench = one_at_a_time();
    bench.config.throttle.drops_stale = true;
    write(&mut bench, 1, 1);
    write(&mut bench, 2, 1);
    write(&mut bench, 2, 2);
    write(&mut bench, 3, 1);
    let arm = Sent::Other(Action::Arm { timer: Timer::Throttle, after_ms: 100 });
    assert_eq!(bench.take_sent(), core::slice::from_ref(&arm));
    bench.at += 1_000_000;
    look_at_line(&mut bench, 101);
    assert_eq!(bench.take_sent(), vec![arm; 101], "their sessions last ten seconds, whatever the clock says");
    look_at_line(&mut bench, 1);
    let dropped = |client| Sent::Drop(client, DropReason::StaleRequest);
    assert_eq!(bench.take_sent(), [dropped(2), dropped(3)], "the line is empty, and is not looked at");
    bench.commit();
    assert_eq!(answers(&mut bench), [(1, 1, 0)]);
    assert!(is_empty(&bench));
}

#[test]
fn of_a_client_that_leaves_only_the_wish_to_close_its_session_stays() {
    let mut bench = one_at_a_time();
    write(&mut bench, 1, 1);
    write(&mut bench, 2, 1);
    bench.send(2, 2, Op::CLOSE_SESSION, &Nothing);
    write(&mut bench, 3, 1);
    let sessions = bench.service.database().sessions().count();
    bench.call(|service, cx, _| service.client_closed(cx, ClientId(2)));
    assert_eq!(bench.service.line.waiting.count, 2);
    bench.commit();
    assert_eq!(bench.proposed.len(), 1, "the close is asked for, for nobody");
    bench.commit_all();
    assert_eq!(bench.service.database().sessions().count(), sessions - 1);
    assert_eq!(answers(&mut bench), [(1, 1, 0), (3, 1, 0)]);
    assert!(is_empty(&bench));
}

#[test]
fn of_a_client_that_leaves_one_wish_stays_however_often_and_at_what_length_it_says_it() {
    let mut bench = one_at_a_time();
    write(&mut bench, 1, 1);
    for xid in 1..=3 {
        bench.send(2, xid, Op::CLOSE_SESSION, &set_request("/a", &[7; 10_000], -1));
    }
    bench.send(3, 1, Op::CLOSE_SESSION, &Nothing);
    for client in [2, 3] {
        bench.call(|service, cx, _| service.client_closed(cx, ClientId(client)));
    }
    let frames = bench.service.line.requests.iter().map(|waits| waits.frame.len());
    assert_eq!(frames.collect::<Vec<_>>(), [8, 8]);
    bench.commit();
    assert_eq!(bench.proposed.len(), 1, "room for one is room for one close");
    bench.commit();
    bench.commit();
    assert!(is_empty(&bench));
}

#[test]
fn what_waits_in_the_line_presses_back_too() {
    let mut bench = one_at_a_time();
    bench.config.limits.outstanding = 3;
    write(&mut bench, 1, 1);
    (1..=4).for_each(|xid| write(&mut bench, 2, xid));
    assert_eq!(sent(&mut bench), [Sent::Other(Action::Pause { client: ClientId(2) })]);
    (5..=7).for_each(|xid| write(&mut bench, 2, xid));
    assert_eq!(sent(&mut bench), [Sent::Drop(2, DropReason::LimitReached)], "a driver that goes on all the same");
    assert_eq!(bench.service.line, Line::default());
    (1..=4).for_each(|xid| write(&mut bench, 3, xid));
    bench.take_sent();
    for _ in 0..4 {
        bench.commit();
    }
    assert!(sent(&mut bench).contains(&Sent::Other(Action::Resume { client: ClientId(3) })));
    bench.commit();
    assert!(is_empty(&bench));
}

#[test]
fn without_a_leader_the_line_stands_and_goes_on_with_the_next() {
    let mut bench = one_at_a_time();
    write(&mut bench, 1, 1);
    write(&mut bench, 2, 1);
    bench.proposed.clear();
    bench.look();
    assert_eq!(bench.service.line.waiting.count, 1);
    bench.lead();
    bench.commit();
    bench.commit();
    assert_eq!(answers(&mut bench), [(1, 1, 0), (2, 1, 0)]);
    assert!(is_empty(&bench));
}

#[test]
fn large_requests_are_refused_beyond_a_number_of_bytes_and_small_ones_are_not() {
    let mut bench = one_at_a_time();
    bench.config.throttle.max_requests = 2;
    bench.config.limits.large_request_bytes = Some(100);
    bench.config.limits.large_request_bytes_of_all = 500;
    let large =
        |bench: &mut Bench, client, xid| bench.send(client, xid, Op::SET_DATA, &set_request("/a", &[7; 200], -1));
    large(&mut bench, 1, 1);
    write(&mut bench, 3, 1);
    large(&mut bench, 1, 2);
    assert_eq!(sent(&mut bench), []);
    large(&mut bench, 2, 1);
    assert_eq!(sent(&mut bench), [Sent::Drop(2, DropReason::LargeRequest)], "one waits in the line, and counts");
    assert!(bench.events.iter().any(|event| matches!(event, Event::LargeRequestRefused { client: ClientId(2), .. })));
    write(&mut bench, 3, 2);
    bench.commit_all();
    large(&mut bench, 3, 3);
    bench.commit_all();
    assert_eq!(answers(&mut bench), [(1, 1, 0), (3, 1, 0), (1, 2, 0), (3, 2, 0), (3, 3, 0)]);
    assert!(is_empty(&bench));
}
