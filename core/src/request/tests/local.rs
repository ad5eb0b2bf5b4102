//! Sessions of one server alone: how they begin, write, become the ensemble's, and end.

use super::*;
use crate::config::LocalSessions;
use crate::contract::LocalTurn;
use crate::wire::multi;

const OURS: SessionId = SessionId(BASE + 1);

fn word(session: SessionId) -> [u8; 16] {
    password(session)
}

fn leader(sessions: LocalSessions) -> Bench {
    let mut bench = Bench::looking();
    bench.config.local_sessions = sessions;
    bench.lead();
    bench
}

fn learner(sessions: LocalSessions) -> Bench {
    let mut bench = Bench::looking();
    bench.config.local_sessions = sessions;
    bench.learn();
    bench
}

/// What a learner forwards: session, request number, operation, and whether it says that the session is its own.
fn forwarded(bench: &mut Bench) -> Vec<(SessionId, i32, i32, bool)> {
    let wants = core::mem::take(&mut bench.forwarded);
    wants
        .iter()
        .map(|want| match want {
            Want::Propose(request) => (request.session, request.cxid.0, request.op, request.is_local),
            Want::Revalidate { .. } | Want::Sync(_) => panic!("only writes are expected"),
        })
        .collect()
}

fn multi_of_an_ephemeral() -> Raw {
    let mut body = Vec::new();
    for (op, flags, path) in [(Op::CREATE, 0, "/p"), (Op::CREATE, 1, "/e")] {
        op.encode(&mut body);
        false.encode(&mut body);
        (-1i32).encode(&mut body);
        create_request(path, b"", flags).encode(&mut body);
    }
    multi::encode_end(&mut body);
    Raw(body)
}

struct Raw(Vec<u8>);

impl Jute<'_> for Raw {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn decode(_: &mut Reader<'_>) -> Result<Self, crate::wire::Malformed> {
        unreachable!("it is only sent")
    }
}

fn turns(bench: &Bench) -> Vec<LocalTurn> {
    let mut turns = Vec::new();
    for event in &bench.events {
        if let Event::LocalSession { session: OURS, turn } = event {
            turns.push(*turn);
        }
    }
    turns
}

#[test]
fn a_local_session_begins_at_once_and_no_transaction_knows_of_it() {
    for mut bench in [leader(LocalSessions::Kept), learner(LocalSessions::Upgraded)] {
        bench.open(1);
        bench.take_sent();
        bench.frame(1, &connect_request(0, 10_000, 0, &[0; 16], Some(false)));
        let armed = Sent::Other(Action::Arm { timer: Timer::Session(OURS), after_ms: 12_000 });
        let welcome = Sent::Frame(1, connect_response(10_000, OURS.0, &word(OURS), Some(false)));
        assert_eq!(bench.take_sent(), [armed, welcome]);
        assert_eq!(bench.service.database().session_timeout(OURS), None);
        assert!(bench.proposed.is_empty() && bench.forwarded.is_empty(), "nothing is asked of anybody");
        assert_eq!(bench.service.local_sessions().collect::<Vec<_>>(), [OURS]);
    }
}

#[test]
fn its_writes_are_marked_and_taken_and_its_close_ends_it_where_it_is() {
    let mut bench = learner(LocalSessions::Kept);
    bench.connect(1);
    bench.send(1, 1, Op::CREATE, &create_request("/a", b"", 0));
    assert_eq!(forwarded(&mut bench), [(OURS, 1, Op::CREATE, true)]);
    bench.send(1, 2, Op::CLOSE_SESSION, &Nothing);
    assert_eq!(forwarded(&mut bench), [], "nobody else hears of the close");
    assert_eq!(bench.service.local_sessions().count(), 1, "it follows the write");
    let mut bench = leader(LocalSessions::Kept);
    bench.connect(1);
    assert_eq!(bench.create(1, "/a", 0).path(), "/a");
    bench.take_sent();
    bench.send(1, 2, Op::CLOSE_SESSION, &Nothing);
    let zxid = bench.service.applied().to_wire();
    let reply = Sent::Frame(1, ReplyHeader { xid: 2, zxid, err: 0 }.to_bytes());
    let disarmed = Sent::Other(Action::Disarm { timer: Timer::Session(OURS) });
    assert_eq!(bench.take_sent(), [reply, Sent::Drop(1, DropReason::SessionClosed), disarmed]);
    assert_eq!(bench.service.local_sessions().count(), 0);
    assert_eq!(turns(&bench), [LocalTurn::Begins, LocalTurn::Ends]);
}

#[test]
fn a_session_that_nobody_knows_writes_only_on_the_word_of_its_server() {
    let mut bench = leader(LocalSessions::Kept);
    let body = Arc::from(create_request("/a", b"", 0).to_bytes());
    let stranger = SessionId(0x0200_0000_0000_0001);
    let request = Request { session: stranger, cxid: Xid(1), op: Op::CREATE, body, auth: Vec::new(), is_local: false };
    let origin = RequestOrigin::Learner(ConnId(1));
    let op = |bench: &mut Bench| {
        let record = bench.proposed.pop_back().expect("a proposal");
        TxnHeader::decode(&mut Reader::new(&record.bytes)).expect("a header").op
    };
    bench.propose(origin, &request);
    assert_eq!(op(&mut bench), Op::ERROR);
    bench.propose(origin, &Request { is_local: true, ..request.clone() });
    assert_eq!(op(&mut bench), Op::CREATE);
    bench.rules = Without(Some(Rule::LocalWritesMarked));
    bench.propose(origin, &Request { body: Arc::from(create_request("/b", b"", 0).to_bytes()), ..request });
    assert_eq!(op(&mut bench), Op::CREATE, "as Apache's leader has it");
}

#[test]
fn without_upgrading_it_owns_no_ephemerals() {
    let mut bench = leader(LocalSessions::Kept);
    bench.connect(1);
    assert_eq!(bench.create(1, "/e", 1).error(), Code::EphemeralOnLocalSession.to_wire());
    let results = bench.ask(1, Op::MULTI, &multi_of_an_ephemeral());
    assert_eq!(results.err, 0, "the operation has the error");
    assert!(bench.service.database().tree().get(b"/p").is_none());
    assert_eq!(bench.create(1, "/a", 0).path(), "/a");
    bench.rules = Without(Some(Rule::UpgradeBeforeEphemeral));
    assert_eq!(bench.create(1, "/e", 1).path(), "/e");
}

#[test]
fn its_first_ephemeral_makes_it_the_ensembles() {
    let ephemeral = create_request("/e", b"", 1).to_bytes();
    for (op, body) in [(Op::CREATE, Raw(ephemeral)), (Op::MULTI, multi_of_an_ephemeral())] {
        let mut bench = leader(LocalSessions::Upgraded);
        bench.commits = Commits::WhenTold;
        bench.connect(1);
        bench.send(1, 1, op, &body);
        bench.send(1, 2, Op::CLOSE_SESSION, &Nothing);
        assert_eq!(bench.proposed.len(), 3, "its creation, what asked for it, and its close: of the ensemble now");
        bench.commit();
        assert_eq!(bench.service.database().session_timeout(OURS), Some(10_000));
        assert_eq!(bench.service.local_sessions().count(), 0);
        bench.commit();
        assert!(bench.service.database().tree().get(b"/e").is_some());
        bench.commit();
        assert!(bench.service.database().tree().get(b"/e").is_none(), "it goes with its session");
        assert_eq!(bench.service.database().session_timeout(OURS), None);
        assert_eq!(turns(&bench), [LocalTurn::Begins, LocalTurn::Upgrades]);
    }
}

#[test]
fn a_learner_never_says_again_that_a_session_is_its_own_and_asks_a_new_leader_again() {
    let mut bench = learner(LocalSessions::Upgraded);
    bench.connect(1);
    bench.send(1, 1, Op::CREATE, &create_request("/a", b"", 0));
    bench.send(1, 2, Op::CREATE, &create_request("/e", b"", 1));
    let created = (OURS, 0, Op::CREATE_SESSION, false);
    let (first, second) = ((OURS, 1, Op::CREATE), (OURS, 2, Op::CREATE));
    let with = |(session, cxid, op), is_local| (session, cxid, op, is_local);
    assert_eq!(forwarded(&mut bench), [with(first, true), created, with(second, false)]);
    bench.look();
    bench.learn();
    assert_eq!(forwarded(&mut bench), [created, with(first, false), with(second, false)]);
    bench.call(|service, cx, wants| service.session_fired(cx, OURS, wants));
    assert_eq!(bench.service.session(ClientId(1)), Some((OURS, 10_000)), "its silence is the leader's to measure");
    bench.call(|service, cx, _| service.client_closed(cx, ClientId(1)));
    bench.look();
    bench.learn();
    assert_eq!(forwarded(&mut bench), [created], "also when its client is gone");
}

#[test]
fn a_client_that_comes_back_while_its_session_becomes_the_ensembles_waits_for_it() {
    let mut bench = leader(LocalSessions::Upgraded);
    bench.commits = Commits::WhenTold;
    bench.connect(1);
    bench.send(1, 1, Op::CREATE, &create_request("/e", b"", 1));
    bench.open(2);
    bench.take_sent();
    bench.frame(2, &connect_request(0, 20_000, OURS.0, &word(OURS), None));
    assert_eq!(bench.take_sent(), [Sent::Drop(1, DropReason::SessionMoved)]);
    bench.commit();
    let welcome = Sent::Frame(2, connect_response(10_000, OURS.0, &word(OURS), None));
    assert_eq!(bench.take_sent().last(), Some(&welcome));
}

#[test]
fn it_is_opened_again_at_its_server_with_its_password_and_nowhere_else() {
    let mut bench = learner(LocalSessions::Kept);
    bench.connect(1);
    let again = |bench: &mut Bench, client, session: SessionId, password: &[u8]| {
        bench.open(client);
        bench.take_sent();
        bench.frame(client, &connect_request(0, 10_000, session.0, password, None));
        bench.take_sent()
    };
    let refused = Sent::Frame(2, connect_response(0, 0, &[0; 16], None));
    assert_eq!(again(&mut bench, 2, OURS, &[1; 16])[0], refused);
    let welcome = Sent::Frame(3, connect_response(10_000, OURS.0, &word(OURS), None));
    assert_eq!(again(&mut bench, 3, OURS, &word(OURS)), [Sent::Drop(1, DropReason::SessionMoved), welcome]);
    let elsewhere = SessionId(0x0200_0000_0000_0001);
    assert_eq!(again(&mut bench, 4, elsewhere, &word(elsewhere)), []);
    assert!(matches!(bench.forwarded[..], [Want::Revalidate { .. }]), "the leader knows of none");
    let mut bench = leader(LocalSessions::Kept);
    let refused = Sent::Frame(4, connect_response(0, 0, &[0; 16], None));
    assert_eq!(again(&mut bench, 4, elsewhere, &word(elsewhere))[0], refused);
    assert!(!{
        let mut valid = true;
        bench.call(|service, cx, _| valid = service.revalidate(cx, ConnId(1), OURS));
        valid
    });
}

#[test]
fn a_silent_one_expires_where_it_is_leader_or_none() {
    let mut bench = learner(LocalSessions::Kept);
    bench.connect(1);
    bench.look();
    bench.take_sent();
    bench.call(|service, cx, wants| service.session_fired(cx, OURS, wants));
    assert!(bench.take_sent().contains(&Sent::Drop(1, DropReason::SessionExpired)));
    assert_eq!(turns(&bench), [LocalTurn::Begins, LocalTurn::Expires]);
    assert!(bench.forwarded.is_empty(), "nobody else hears of it");
}

#[test]
fn an_image_forgets_those_that_are_becoming_the_ensembles_and_no_other() {
    let mut bench = learner(LocalSessions::Upgraded);
    bench.connect(1);
    bench.connect(2);
    bench.send(1, 1, Op::CREATE, &create_request("/e", b"", 1));
    bench.forwarded.clear();
    bench.look();
    bench.call(|service, cx, _| service.install(cx, Arc::new(Database::new())));
    bench.learn();
    assert_eq!(forwarded(&mut bench), [], "the image may know of its end");
    assert_eq!(bench.service.local_sessions().collect::<Vec<_>>(), [SessionId(BASE + 2)]);
}
