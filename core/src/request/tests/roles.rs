//! What changes of role do to connections, waiting requests, owners and the prediction.

use super::*;

fn no_leader(client: u32, after_ms: u32) -> Sent {
    Sent::Other(Action::Arm { timer: Timer::NoLeader(ClientId(client)), after_ms })
}

fn met_again(client: u32) -> Sent {
    Sent::Other(Action::Disarm { timer: Timer::NoLeader(ClientId(client)) })
}

fn cxids(wants: &[Want]) -> Vec<i32> {
    let cxid = |want: &Want| match want {
        Want::Propose(request) | Want::Sync(request) => Some(request.cxid.0),
        Want::Revalidate { .. } => None,
    };
    wants.iter().filter_map(cxid).collect()
}

/// A learner with one client, whose session is applied.
fn learner() -> Bench {
    let mut bench = Bench::leader();
    bench.connect(1);
    bench.create(1, "/a", 0);
    bench.commits = Commits::WhenTold;
    bench.look();
    bench.learn();
    bench.take_sent();
    bench
}

/// Another server, the leader: it has applied the same, and has no clients.
fn elsewhere(bench: &Bench) -> Bench {
    let mut leader = bench.clone();
    leader.call(|service, cx, _| service.client_closed(cx, ClientId(1)));
    leader.look();
    leader.lead();
    leader
}

/// A transaction of another server's making, committed here.
fn commit_from_elsewhere(bench: &mut Bench, request: &Request) {
    let mut leader = elsewhere(bench);
    leader.propose(RequestOrigin::Learner(ConnId(9)), request);
    (bench.epoch, bench.counter) = (leader.epoch, leader.counter);
    bench.proposed.extend(leader.proposed.pop_back());
    bench.commit();
}

fn write(session: i64, cxid: i32) -> Request {
    let body = Arc::from(set_request("/a", b"", -1).to_bytes());
    Request { session: SessionId(session), cxid: Xid(cxid), op: Op::SET_DATA, body, auth: Vec::new(), is_local: false }
}

#[test]
fn without_a_leader_everything_waits_until_the_timeout() {
    let mut bench = Bench::leader();
    bench.connect(1);
    bench.open(2);
    bench.take_sent();
    bench.look();
    let disarmed = Sent::Other(Action::Disarm { timer: Timer::Session(SessionId(BASE + 1)) });
    assert_eq!(bench.take_sent(), [disarmed, no_leader(1, 10_000)]);
    bench.send(1, 1, Op::GET_DATA, &read_request("/"));
    bench.send(1, 2, Op::CREATE, &create_request("/a", b"", 0));
    bench.send(1, 3, Op::EXISTS, &read_request("/a"));
    assert_eq!((bench.take_sent(), bench.proposed.len()), (vec![], 0));
    bench.call(|service, cx, _| service.no_leader_fired(cx, ClientId(2)));
    assert_eq!(bench.take_sent(), [], "nothing waits on this connection");

    let mut patient = bench.clone();
    patient.lead();
    let sent = patient.take_sent();
    let xids = sent.iter().filter_map(|sent| match sent {
        Sent::Frame(1, frame) => Some(Reply::of(frame).xid),
        Sent::Frame(..) | Sent::Watch(..) | Sent::Drop(..) | Sent::Other(_) => None,
    });
    assert_eq!(sent[1], met_again(1));
    assert_eq!(xids.collect::<Vec<_>>(), [1, 2, 3]);
    patient.call(|service, cx, _| service.no_leader_fired(cx, ClientId(1)));
    assert_eq!(patient.take_sent(), [], "a timer that fires late");

    bench.call(|service, cx, _| service.no_leader_fired(cx, ClientId(1)));
    assert_eq!(bench.take_sent(), [met_again(1), Sent::Drop(1, DropReason::NoLeader)]);
}

#[test]
fn a_client_that_comes_while_there_is_no_leader_waits_too() {
    let mut bench = Bench::looking();
    bench.open(1);
    bench.frame(1, &connect_request(0, 6_000, 0, &[0; 16], None));
    bench.send(1, 1, Op::EXISTS, &read_request("/"));
    assert_eq!(bench.take_sent(), [no_leader(1, 6_000)]);
    bench.lead();
    let frames = bench.take_sent().into_iter().filter(|sent| matches!(sent, Sent::Frame(..))).count();
    assert_eq!(frames, 2);
}

#[test]
fn a_learner_forwards_writes_and_collects_touches() {
    let mut bench = learner();
    bench.call(|service, _, _| assert_eq!(service.take_touched(), [(SessionId(BASE + 1), 10_000)]));
    bench.send(1, 5, Op::SET_DATA, &set_request("/a", b"", -1));
    bench.send(1, 6, Op::SYNC, &PathRequest { path: b"/" });
    assert_eq!(cxids(&bench.forwarded), [5, 6]);
    bench.call(|service, _, _| assert_eq!(service.take_touched(), [(SessionId(BASE + 1), 10_000)]));
    bench.call(|service, _, _| assert_eq!(service.take_touched(), []));
    commit_from_elsewhere(&mut bench, &write(BASE + 1, 5));
    assert!(matches!(&bench.take_sent()[..], [Sent::Frame(1, frame)] if Reply::of(frame).xid == 5));
}

#[test]
fn after_a_role_change_lost_writes_are_wanted_again_and_found_ones_answered() {
    let mut bench = learner();
    for xid in 5..=7 {
        bench.send(1, xid, Op::SET_DATA, &set_request("/a", b"", -1));
    }
    bench.send(1, 8, Op::SYNC, &PathRequest { path: b"/" });
    bench.look();
    bench.forwarded.clear();
    commit_from_elsewhere(&mut bench, &write(BASE + 1, 5));
    let mut leader = elsewhere(&bench);
    leader.propose(RequestOrigin::Local, &write(BASE + 1, 6));
    bench.proposed.extend(leader.proposed.pop_back());
    bench.take_sent();
    bench.learn();
    assert_eq!(cxids(&bench.forwarded), [7, 8], "5 is applied, 6 is in the history");
}

#[test]
fn a_read_between_two_writes_that_are_found_in_the_history_shows_the_first_only() {
    let mut bench = learner();
    bench.send(1, 5, Op::SET_DATA, &set_request("/a", b"", -1));
    bench.send(1, 6, Op::EXISTS, &read_request("/a"));
    bench.send(1, 7, Op::SET_DATA, &set_request("/a", b"", -1));
    bench.look();
    bench.take_sent();
    commit_from_elsewhere(&mut bench, &write(BASE + 1, 5));
    commit_from_elsewhere(&mut bench, &write(BASE + 1, 7));
    let replies: Vec<Reply> = bench.take_sent().iter().map(reply_of).collect();
    assert_eq!(replies.iter().map(|reply| reply.xid).collect::<Vec<_>>(), [5, 6, 7]);
    assert_eq!(replies[1].body::<StatReply>().stat.version, 1);
}

fn reply_of(sent: &Sent) -> Reply {
    let Sent::Frame(1, frame) = sent else { panic!("expected a reply, got {sent:?}") };
    Reply::of(frame)
}

#[test]
fn a_connection_whose_session_wrote_elsewhere_is_closed() {
    let mut bench = learner();
    bench.send(1, 5, Op::SET_DATA, &set_request("/a", b"", -1));
    bench.look();
    commit_from_elsewhere(&mut bench, &write(BASE + 1, 9));
    assert!(bench.take_sent().contains(&Sent::Drop(1, DropReason::SessionMoved)));
    bench.forwarded.clear();
    bench.learn();
    assert_eq!(bench.forwarded, []);
}

#[test]
fn a_learner_asks_the_leader_before_it_opens_a_session_again() {
    let session = BASE + 1;
    let frame = connect_request(0, 10_000, session, &password(SessionId(session)), None);
    let mut bench = learner();
    bench.open(2);
    bench.frame(2, &frame);
    bench.send(2, 1, Op::SET_DATA, &set_request("/a", b"", -1));
    let ask = Want::Revalidate { session: SessionId(session), timeout_ms: 10_000 };
    assert_eq!(bench.take_sent(), [Sent::Drop(1, DropReason::SessionMoved)]);
    assert_eq!(bench.forwarded, core::slice::from_ref(&ask));

    let mut refused = bench.clone();
    refused.call(|service, cx, wants| service.revalidated(cx, SessionId(session), false, wants));
    assert_eq!(refused.take_sent()[1], Sent::Drop(2, DropReason::SessionRefused));

    let mut elected = bench.clone();
    elected.look();
    elected.forwarded.clear();
    elected.learn();
    assert_eq!(elected.forwarded, [ask]);

    bench.call(|service, cx, wants| service.revalidated(cx, SessionId(session), true, wants));
    assert_eq!(bench.take_sent().len(), 1);
    assert_eq!(cxids(&bench.forwarded), [1], "what waited for the session");
    bench.call(|service, cx, wants| service.revalidated(cx, SessionId(session), false, wants));
    assert_eq!(bench.take_sent(), [], "an answer that nobody waits for");
}

#[test]
fn only_the_answer_to_the_newest_question_opens_a_session_again() {
    let session = BASE + 1;
    let frame = connect_request(0, 10_000, session, &password(SessionId(session)), None);
    let mut bench = learner();
    for client in [2, 3] {
        bench.open(client);
        bench.frame(client, &frame);
    }
    bench.take_sent();
    bench.call(|service, cx, wants| service.revalidated(cx, SessionId(session), true, wants));
    assert_eq!(bench.take_sent(), [], "the leader may not have heard the second question yet");
    bench.call(|service, cx, wants| service.revalidated(cx, SessionId(session), true, wants));
    assert_eq!(bench.take_sent().len(), 1);
}

#[test]
fn a_session_that_moved_to_a_learner_is_taken_from_there_only() {
    let mut bench = Bench::leader();
    let session = SessionId(bench.connect(1));
    bench.create(1, "/a", 0);
    bench.call(|service, cx, _| assert!(service.revalidate(cx, ConnId(3), session)));
    assert_eq!(bench.take_sent(), [Sent::Drop(1, DropReason::SessionMoved)]);
    let origin = RequestOrigin::Learner(ConnId(3));
    assert!(bench.events.contains(&Event::SessionOwned { session, origin }));
    let err_of = |bench: &mut Bench, origin| {
        let before = bench.service.database().tree().get(b"/a").expect("a znode").stat().version;
        bench.propose(origin, &write(session.0, 40));
        bench.commit();
        bench.service.database().tree().get(b"/a").expect("a znode").stat().version - before
    };
    assert_eq!(err_of(&mut bench, RequestOrigin::Learner(ConnId(2))), 0);
    assert_eq!(err_of(&mut bench, RequestOrigin::Local), 0);
    assert_eq!(err_of(&mut bench, origin), 1);
    bench.call(|service, _, _| service.learner_gone(ConnId(3)));
    assert_eq!(err_of(&mut bench, origin), 0);
    bench.rules = Without(Some(Rule::OwnerOnly));
    assert_eq!(err_of(&mut bench, RequestOrigin::Learner(ConnId(2))), 1);
    bench.call(|service, cx, _| assert!(!service.revalidate(cx, ConnId(3), SessionId(12345))));
}

#[test]
fn a_reply_that_says_moved_closes_the_connection_without_a_word() {
    let mut bench = learner();
    bench.send(1, 5, Op::SET_DATA, &set_request("/a", b"", -1));
    let mut leader = elsewhere(&bench);
    leader.call(|service, cx, _| assert!(service.revalidate(cx, ConnId(3), SessionId(BASE + 1))));
    leader.propose(RequestOrigin::Learner(ConnId(2)), &write(BASE + 1, 5));
    bench.proposed.extend(leader.proposed.pop_back());
    bench.commit();
    assert_eq!(bench.take_sent(), [Sent::Drop(1, DropReason::SessionMoved)]);
}

#[test]
fn the_prediction_dies_with_the_role() {
    let stale = |without| {
        let mut bench = Bench::leader();
        bench.connect(1);
        bench.commits = Commits::WhenTold;
        bench.rules = Without(without);
        bench.propose(RequestOrigin::Local, &create(BASE + 1));
        bench.look();
        bench.proposed.clear();
        bench.lead();
        bench.propose(RequestOrigin::Local, &create(BASE + 1));
        bench.commit();
        bench.service.database().tree().get(b"/x").is_none()
    };
    assert!(!stale(None));
    assert!(stale(Some(Rule::PredictionDropped)), "the znode seems to exist and never will");
}

fn create(session: i64) -> Request {
    let body = Arc::from(create_request("/x", b"", 0).to_bytes());
    Request { session: SessionId(session), cxid: Xid(1), op: Op::CREATE, body, auth: Vec::new(), is_local: false }
}

#[test]
fn an_installed_image_closes_every_connection() {
    let mut bench = learner();
    bench.send(1, 5, Op::EXISTS, &watch_request("/x"));
    bench.look();
    bench.take_sent();
    let image = Arc::new(Database::new());
    bench.call(|service, cx, _| service.install(cx, image));
    assert_eq!(bench.take_sent(), [met_again(1), Sent::Drop(1, DropReason::Resynchronized)]);
    assert_eq!((bench.service.connections_len(), bench.service.watches_len()), (0, 0));
    assert_eq!(bench.service.applied(), Zxid::ZERO);
}

#[test]
fn a_new_leader_gives_every_session_its_full_time_and_hears_of_them() {
    let mut bench = learner();
    bench.look();
    bench.take_sent();
    bench.lead();
    let armed = Sent::Other(Action::Arm { timer: Timer::Session(SessionId(BASE + 1)), after_ms: 12_000 });
    assert_eq!(bench.take_sent()[0], armed);
    bench.sent.clear();
    let heard = [(SessionId(BASE + 1), 10_000), (SessionId(5), 10_000)];
    bench.call(|service, cx, _| service.touch(cx, &heard));
    assert_eq!(bench.sent, [Sent::Other(Action::Touch { sessions: vec![SessionId(BASE + 1)] })]);
}

#[test]
fn a_transaction_that_cannot_be_read_stops_the_server() {
    let mut bench = learner();
    bench.proposed.push_back(Record { zxid: Zxid::new(Epoch(2), 1), bytes: Arc::from(*b"junk") });
    bench.commit();
    assert!(matches!(&bench.take_sent()[..], [Sent::Other(Action::Stop { .. })]));
}
