//! The bound of what all connections let wait (`globalOutstandingLimit`).

use super::*;
use crate::request::Waiting;

/// A leader that commits when told, with clients 1 to 3, where at most two requests may wait.
fn crowd() -> Bench {
    let mut bench = Bench::leader();
    for client in 1..=3 {
        bench.connect(client);
    }
    bench.create(1, "/a", 0);
    bench.config.limits.outstanding_of_all = 2;
    bench.commits = Commits::WhenTold;
    bench.take_sent();
    bench
}

fn write(bench: &mut Bench, client: u32, xid: i32) {
    bench.send(client, xid, Op::SET_DATA, &set_request("/a", b"", -1));
}

fn paused(client: u32) -> Sent {
    Sent::Other(Action::Pause { client: ClientId(client) })
}

fn resumed(client: u32) -> Sent {
    Sent::Other(Action::Resume { client: ClientId(client) })
}

#[test]
fn beyond_the_bound_a_connection_whose_requests_wait_is_not_read() {
    let mut bench = crowd();
    write(&mut bench, 1, 1);
    write(&mut bench, 1, 2);
    assert_eq!(bench.take_sent(), []);
    write(&mut bench, 2, 1);
    assert_eq!(bench.take_sent(), [paused(2)], "the first beyond it, and nobody else");
    bench.send(3, 1, Op::EXISTS, &read_request("/a"));
    assert!(matches!(bench.take_sent()[..], [Sent::Frame(3, _)]), "who waits for nothing is read and answered");
    write(&mut bench, 3, 2);
    assert_eq!(bench.take_sent(), [paused(3)], "each may have one");
}

#[test]
fn reading_goes_on_when_few_wait_or_when_nothing_of_a_connection_does() {
    let mut bench = crowd();
    for (client, xid) in [(1, 1), (2, 1), (2, 2), (3, 1)] {
        write(&mut bench, client, xid);
    }
    assert_eq!(bench.take_sent(), [paused(2), paused(3)]);
    bench.commit();
    assert_eq!(bench.take_sent().len(), 1, "the first one was never paused");
    bench.commit();
    assert_eq!(bench.take_sent()[1..], [resumed(2)], "two wait, as many as may");
    bench.commit();
    bench.commit();
    assert!(bench.take_sent().contains(&resumed(3)));
    assert_eq!(bench.service.waiting, Waiting::default());
}

#[test]
fn the_requests_of_a_connection_that_ends_do_not_count() {
    let mut bench = crowd();
    for xid in 1..=2 {
        write(&mut bench, 1, xid);
    }
    write(&mut bench, 2, 1);
    bench.call(|service, cx, _| service.client_closed(cx, ClientId(1)));
    assert_eq!(bench.service.waiting.count, 1);
    write(&mut bench, 3, 1);
    assert_eq!(bench.take_sent(), [paused(2)], "two wait now");
}

#[test]
fn learners_have_their_share() {
    let config = Bench::leader().config;
    let of = |voters: u8, leads| {
        let quorum = crate::quorum::Quorum::majority((1..=voters).map(ServerId).collect()).expect("a quorum system");
        let ensemble = Ensemble { quorum, ..(*config.ensemble).clone() };
        Config::new(ServerId(1), Arc::new(ensemble)).waiting_limit(leads)
    };
    assert_eq!([of(1, true), of(2, false), of(3, true), of(3, false), of(5, false)], [1000, 1000, 1000, 500, 250]);
}

#[test]
fn bytes_that_wait_at_all_connections_are_bounded_too() {
    let mut bench = crowd();
    bench.config.limits.outstanding_of_all = 1000;
    bench.config.limits.outstanding_bytes_of_all = 300;
    let large =
        |bench: &mut Bench, client, xid| bench.send(client, xid, Op::SET_DATA, &set_request("/a", &[7; 200], -1));
    large(&mut bench, 1, 1);
    assert_eq!(bench.take_sent(), []);
    large(&mut bench, 2, 1);
    assert_eq!(bench.take_sent(), [paused(2)]);
    bench.commit_all();
    assert!(bench.take_sent().contains(&resumed(2)));
    assert_eq!(bench.service.waiting, Waiting::default());
}

#[test]
fn little_is_taken_of_a_client_before_it_has_a_session() {
    let mut bench = Bench::looking();
    bench.config.limits.held_bytes = 300;
    bench.open(1);
    bench.frame(1, &connect_request(0, 10_000, 0, &[0; 16], None));
    let write = |bench: &mut Bench, xid| bench.send(1, xid, Op::SET_DATA, &set_request("/", &[7; 200], -1));
    write(&mut bench, 1);
    assert!(!bench.take_sent().contains(&paused(1)));
    write(&mut bench, 2);
    assert!(bench.take_sent().contains(&paused(1)));
    bench.lead();
    let sent = bench.take_sent();
    assert!(sent.contains(&resumed(1)), "with the session, what waited is looked at: {sent:?}");
}
