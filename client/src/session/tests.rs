use super::*;
use crate::operation::{CreateMode, Reply};
use crate::request::Request;
use proptest::prelude::*;
use zabra_core::wire::records::{GetDataReply, PathReply, SetWatches2, Stat};

const OK: i32 = 0;
const NO_NODE: i32 = -101;

fn session() -> Session {
    Session::new(Arc::new(Config { retry_ms: 500, ..Config::new(vec![1, 2, 3], 6000) }))
}

fn step(session: &mut Session, input: Input<'_>) -> Vec<Output> {
    let mut out = Vec::new();
    session.step(input, &mut out);
    out
}

fn connect_response(timeout_ms: i32, id: i64) -> Vec<u8> {
    frame(|out| {
        0i32.encode(out);
        timeout_ms.encode(out);
        id.encode(out);
        [if id == 0 { 0u8 } else { 9 }; PASSWORD_LEN].as_slice().encode(out);
        false.encode(out);
    })
}

fn reply(xid: i32, zxid: i64, err: i32, body: &[u8]) -> Vec<u8> {
    frame(|out| {
        ReplyHeader { xid, zxid, err }.encode(out);
        out.extend_from_slice(body);
    })
}

fn event(zxid: i64, kind: i32, path: &[u8]) -> Vec<u8> {
    reply(-1, zxid, 0, &WatcherEvent { kind, state: 3, path }.to_bytes())
}

fn stat(zxid: i64) -> Stat {
    Stat {
        czxid: zxid,
        mzxid: zxid,
        ctime: 1,
        mtime: 1,
        version: 0,
        cversion: 0,
        aversion: 0,
        ephemeral_owner: 0,
        data_length: 1,
        num_children: 0,
        pzxid: zxid,
    }
}

fn attached() -> Session {
    let mut session = session();
    step(&mut session, Input::Start);
    step(&mut session, Input::Connected);
    step(&mut session, Input::Received(&connect_response(4000, 7)));
    assert!(session.is_attached());
    session
}

fn submit(session: &mut Session, handle: u32, operation: Operation) -> Vec<Output> {
    step(session, Input::Submit { handle: Handle(handle), operation })
}

fn get(watch: bool) -> Operation {
    Operation::GetData { path: b"/a".to_vec(), watch }
}

/// What the caller learns: no bytes, no timers.
fn news(out: &[Output]) -> Vec<&Output> {
    out.iter()
        .filter(|o| matches!(o, Output::Completed { .. } | Output::Watch(_) | Output::Session(_) | Output::Sent { .. }))
        .collect()
}

fn outcomes(out: &[Output]) -> Vec<(u32, Outcome)> {
    out.iter()
        .filter_map(|o| match o {
            Output::Completed { handle, outcome, .. } => Some((handle.0, outcome.clone())),
            Output::Connect { .. }
            | Output::Send(_)
            | Output::Hang
            | Output::Arm { .. }
            | Output::Disarm { .. }
            | Output::Sent { .. }
            | Output::Watch(_)
            | Output::Session(_) => None,
        })
        .collect()
}

fn sends(out: &[Output]) -> Vec<Vec<u8>> {
    out.iter().filter_map(|o| if let Output::Send(bytes) = o { Some(bytes.clone()) } else { None }).collect()
}

fn connects(out: &[Output]) -> Vec<u32> {
    out.iter().filter_map(|o| if let Output::Connect { server } = o { Some(*server) } else { None }).collect()
}

#[test]
fn a_session_is_opened_negotiated_and_kept_alive() {
    let mut session = session();
    assert_eq!(
        step(&mut session, Input::Start),
        [Output::Connect { server: 1 }, Output::Arm { timer: Timer::Connect, after_ms: 2000 }]
    );
    let hello = step(&mut session, Input::Connected);
    assert_eq!(sends(&hello)[0].len(), 4 + 45);
    let out = step(&mut session, Input::Received(&connect_response(4000, 7)));
    assert_eq!(
        out,
        [
            Output::Disarm { timer: Timer::Connect },
            Output::Session(SessionEvent::Attached {
                session: SessionId(7),
                server: 1,
                timeout_ms: 4000,
                read_only: false,
                fresh: true
            }),
            Output::Arm { timer: Timer::Ping, after_ms: 1333 },
            Output::Arm { timer: Timer::Read, after_ms: 2667 },
        ]
    );
    let ping = step(&mut session, Input::Fired(Timer::Ping));
    assert_eq!(sends(&ping), [[0, 0, 0, 8, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 11]]);
    let pong = step(&mut session, Input::Received(&reply(-2, 3, 0, &[])));
    assert_eq!(pong, [Output::Arm { timer: Timer::Read, after_ms: 2667 }]);
}

#[test]
fn requests_count_from_one_and_are_answered_in_order() {
    let mut session = attached();
    let create = Operation::create("/a", b"x", CreateMode::EphemeralSequential);
    let first = submit(&mut session, 10, create);
    assert_eq!(news(&first), [&Output::Sent { handle: Handle(10), session: SessionId(7), xid: 1 }]);
    submit(&mut session, 11, get(false));
    let mut bytes = reply(1, 5, OK, &PathReply { path: b"/a0000000000" }.to_bytes());
    bytes.extend(reply(2, 5, NO_NODE, &[]));
    let out = step(&mut session, Input::Received(&bytes));
    assert_eq!(
        outcomes(&out),
        [(10, Outcome::Done(Reply::Created { path: b"/a0000000000".to_vec() })), (11, Outcome::Failed(Code::NoNode))]
    );
    assert_eq!(session.pending(), 0);
}

#[test]
fn a_reply_out_of_order_is_an_error_and_the_next_server_is_tried() {
    let mut session = attached();
    submit(&mut session, 1, get(false));
    submit(&mut session, 2, get(false));
    let out = step(&mut session, Input::Received(&reply(2, 5, NO_NODE, &[])));
    assert!(out.contains(&Output::Session(SessionEvent::ServerWrong(Wrong::Xid { expected: Some(1), got: 2 }))));
    assert_eq!(outcomes(&out), [(1, Outcome::Unknown), (2, Outcome::Unknown)]);
    assert_eq!(connects(&out), [2]);
}

#[test]
fn after_a_reconnection_the_session_goes_on_with_id_password_and_zxid() {
    let mut session = attached();
    submit(&mut session, 1, get(true));
    let body = GetDataReply { data: Some(b"x"), stat: stat(4) }.to_bytes();
    step(&mut session, Input::Received(&reply(1, 9, OK, &body)));
    let lost = step(&mut session, Input::Disconnected);
    assert_eq!(connects(&lost), [2]);
    assert!(news(&submit(&mut session, 2, get(false))).is_empty(), "it waits for the connection");
    let hello = &sends(&step(&mut session, Input::Connected))[0];
    assert_eq!(hello[8..16], 9i64.to_be_bytes());
    assert_eq!(hello[20..28], 7i64.to_be_bytes());
    assert_eq!(hello[32..48], [9; PASSWORD_LEN]);
    let out = step(&mut session, Input::Received(&connect_response(4000, 7)));
    let sent = sends(&out);
    assert_eq!(sent.len(), 2, "the watch first, then the request that waited");
    assert_eq!(sent[0][4..12], [0xff, 0xff, 0xff, 0xf8, 0, 0, 0, 101]);
    assert_eq!(sent[0][12..20], 9i64.to_be_bytes());
    assert_eq!(sent[1][4..8], 2i32.to_be_bytes());
    let mut bytes = event(-1, 3, b"/a");
    bytes.extend(reply(-8, 10, OK, &[]));
    let out = step(&mut session, Input::Received(&bytes));
    let event = WatchEvent { path: b"/a".to_vec(), kind: WatchKind::DataChanged, zxid: None };
    let rearmed = SessionEvent::WatchesRearmed { zxid: Zxid(10), last: true };
    assert_eq!(news(&out), [&Output::Watch(event), &Output::Session(rearmed)]);
    assert!(session.watches().is_empty());
}

#[test]
fn set_watches_reaches_back_until_every_batch_was_answered() {
    let mut session = attached();
    session.last_zxid = 9;
    for i in 0..2000 {
        session.watches.child.insert(format!("/{i:0>99}").into_bytes());
    }
    step(&mut session, Input::Disconnected);
    step(&mut session, Input::Connected);
    let out = step(&mut session, Input::Received(&connect_response(4000, 7)));
    assert_eq!(sends(&out).len(), 2);
    step(&mut session, Input::Received(&reply(-8, 20, OK, &[])));
    assert_eq!((session.last_zxid, session.seen_zxid), (9, 20));
    step(&mut session, Input::Received(&reply(-8, 20, OK, &[])));
    assert_eq!(session.last_zxid, 20);
}

#[test]
fn an_event_raises_the_floor_of_servers_but_not_that_of_watches() {
    let mut session = attached();
    session.watches.data.insert(b"/b".to_vec());
    step(&mut session, Input::Received(&event(30, 3, b"/a")));
    assert_eq!((session.last_zxid, session.seen_zxid), (0, 30));
}

#[test]
fn the_watch_of_a_missing_node_is_an_exist_watch() {
    let mut session = attached();
    submit(&mut session, 1, Operation::Exists { path: b"/a".to_vec(), watch: true });
    step(&mut session, Input::Received(&reply(1, 3, NO_NODE, &[])));
    assert_eq!(session.watches().exist.len(), 1);
    step(&mut session, Input::Received(&event(4, 1, b"/a")));
    assert!(session.watches().is_empty());
}

#[test]
fn a_refused_session_is_expired_and_a_new_one_counts_from_one_again() {
    let mut session = attached();
    submit(&mut session, 1, get(false));
    step(&mut session, Input::Disconnected);
    submit(&mut session, 2, get(false));
    step(&mut session, Input::Connected);
    let out = step(&mut session, Input::Received(&connect_response(0, 0)));
    assert_eq!(outcomes(&out), [(2, Outcome::NotSent)]);
    assert!(out.contains(&Output::Session(SessionEvent::Ended(Ended::Expired))));
    assert_eq!(outcomes(&submit(&mut session, 3, get(false))), [(3, Outcome::NotSent)]);
    step(&mut session, Input::Start);
    let hello = &sends(&step(&mut session, Input::Connected))[0];
    assert_eq!(hello[20..28], [0; 8]);
    step(&mut session, Input::Received(&connect_response(4000, 8)));
    let sent = submit(&mut session, 4, get(false));
    assert_eq!(news(&sent), [&Output::Sent { handle: Handle(4), session: SessionId(8), xid: 1 }]);
}

#[test]
fn a_close_ends_the_session_when_it_is_answered() {
    let mut session = attached();
    submit(&mut session, 1, Operation::Close);
    assert_eq!(outcomes(&submit(&mut session, 2, get(false))), [(2, Outcome::NotSent)]);
    let out = step(&mut session, Input::Received(&reply(1, 5, OK, &[])));
    assert_eq!(outcomes(&out), [(1, Outcome::Done(Reply::Closed))]);
    assert!(out.contains(&Output::Hang));
    assert!(session.is_over());
}

#[test]
fn a_close_whose_answer_is_lost_is_unknown_and_ends_the_session() {
    let mut session = attached();
    submit(&mut session, 1, Operation::Close);
    let out = step(&mut session, Input::Disconnected);
    assert_eq!(outcomes(&out), [(1, Outcome::Unknown)]);
    assert!(out.contains(&Output::Session(SessionEvent::Ended(Ended::Abandoned))));
    assert!(connects(&out).is_empty());
}

#[test]
fn silence_gives_the_connection_up_and_the_whole_list_is_tried_before_a_pause() {
    let mut session = attached();
    let lost = step(&mut session, Input::Fired(Timer::Read));
    assert!(lost.contains(&Output::Hang));
    assert_eq!(connects(&lost), [2]);
    assert_eq!(connects(&step(&mut session, Input::Disconnected)), [3]);
    let pause = step(&mut session, Input::Fired(Timer::Connect));
    assert!(pause.contains(&Output::Hang));
    assert_eq!(pause.last(), Some(&Output::Arm { timer: Timer::Retry, after_ms: 500 }));
    assert_eq!(connects(&step(&mut session, Input::Fired(Timer::Retry))), [1]);
}

#[test]
fn an_unreadable_body_leaves_the_outcome_unknown() {
    let mut session = attached();
    submit(&mut session, 1, get(false));
    let out = step(&mut session, Input::Received(&reply(1, 5, OK, &[0, 0])));
    assert_eq!(outcomes(&out), [(1, Outcome::Unknown)]);
    let wrong = |o: &Output| matches!(o, Output::Session(SessionEvent::ServerWrong(Wrong::Record(_))));
    assert!(out.iter().any(wrong));
}

/// A conversation of the server's side, with events, errors and a setWatches answer.
fn conversation() -> Vec<u8> {
    let mut bytes = connect_response(4000, 7);
    bytes.extend(event(4, 3, b"/a"));
    bytes.extend(reply(1, 5, OK, &PathReply { path: b"/a" }.to_bytes()));
    bytes.extend(reply(-2, 5, OK, &[]));
    bytes.extend(reply(2, 5, OK, &GetDataReply { data: None, stat: stat(5) }.to_bytes()));
    bytes.extend(event(6, 2, b"/a"));
    bytes.extend(reply(3, 6, NO_NODE, &[]));
    bytes.extend(reply(4, 7, OK, &[]));
    bytes
}

fn ready() -> Session {
    let mut session = session();
    submit(&mut session, 1, Operation::create("/a", b"", CreateMode::Persistent));
    submit(&mut session, 2, get(true));
    submit(&mut session, 3, get(true));
    submit(&mut session, 4, Operation::Close);
    step(&mut session, Input::Start);
    step(&mut session, Input::Connected);
    session
}

#[derive(Clone, Debug)]
enum Did {
    Start,
    Connected,
    Received(Vec<u8>),
    Disconnected,
    Fired(Timer),
    Submit(u8),
}

fn did() -> impl Strategy<Value = Did> {
    let raw = prop::collection::vec(any::<u8>(), 0..40);
    let framed = prop::collection::vec(any::<u8>(), 0..40).prop_map(|body| frame(|out| out.extend_from_slice(&body)));
    let reply =
        (-9i32..6, -1i64..20, prop_oneof![Just(0), Just(-101), any::<i32>()], prop::collection::vec(0u8..3, 0..90))
            .prop_map(|(xid, zxid, err, body)| reply(xid, zxid, err, &body));
    let timers = prop_oneof![Just(Timer::Connect), Just(Timer::Ping), Just(Timer::Read), Just(Timer::Retry)];
    prop_oneof![
        1 => Just(Did::Start),
        3 => Just(Did::Connected),
        3 => (-1i32..5000, 0i64..3).prop_map(|(ms, id)| Did::Received(connect_response(ms, id))),
        2 => prop_oneof![raw, framed, reply].prop_map(Did::Received),
        1 => Just(Did::Disconnected),
        1 => timers.prop_map(Did::Fired),
        3 => any::<u8>().prop_map(Did::Submit),
    ]
}

fn operation(n: u8) -> Operation {
    let path = b"/a".to_vec();
    match n % 8 {
        0 => Operation::create("/a", b"", CreateMode::Raw(i32::from(n))),
        1 => Operation::Delete { path, version: -1 },
        2 => Operation::Exists { path, watch: true },
        3 => get(true),
        4 => Operation::SetData { path, data: None, version: -1 },
        5 => Operation::GetChildren { path, watch: true },
        6 => Operation::GetChildren2 { path, watch: false },
        _ if n > 250 => Operation::Close,
        _ => Operation::Sync { path },
    }
}

proptest! {
    #[test]
    fn where_the_stream_is_cut_changes_nothing(cuts in prop::collection::vec(1usize..50, 0..60)) {
        let bytes = conversation();
        let mut whole = ready();
        let expected = step(&mut whole, Input::Received(&bytes));
        prop_assert_eq!(outcomes(&expected).len(), 4);

        let (mut cut, mut out, mut rest) = (ready(), Vec::new(), bytes.as_slice());
        for n in cuts {
            let (now, later) = rest.split_at(n.min(rest.len()));
            cut.step(Input::Received(now), &mut out);
            rest = later;
        }
        cut.step(Input::Received(rest), &mut out);
        prop_assert_eq!(news(&out), news(&expected));
        prop_assert_eq!(cut, whole);
    }

    /// Whatever happens, nothing panics, every operation completes exactly once, and there is at
    /// most one connection.
    #[test]
    fn every_operation_completes_exactly_once(happened in prop::collection::vec(did(), 0..120)) {
        let mut session = session();
        let mut submitted = 0;
        let mut done = std::collections::BTreeSet::new();
        let mut connected = false;
        for happened in &happened {
            let input = match happened {
                Did::Start => Input::Start,
                Did::Connected => Input::Connected,
                Did::Received(bytes) => Input::Received(bytes),
                Did::Disconnected => { connected = false; Input::Disconnected }
                Did::Fired(timer) => Input::Fired(*timer),
                Did::Submit(n) => {
                    submitted += 1;
                    Input::Submit { handle: Handle(submitted), operation: operation(*n) }
                }
            };
            for output in step(&mut session, input) {
                match output {
                    Output::Completed { handle, .. } => prop_assert!(done.insert(handle), "{handle:?} completed twice"),
                    Output::Connect { .. } => { prop_assert!(!connected, "a second connection"); connected = true; }
                    Output::Hang => { prop_assert!(connected, "nothing to hang up"); connected = false; }
                    Output::Send(_) => prop_assert!(connected, "sent without a connection"),
                    Output::Arm { .. } | Output::Disarm { .. } | Output::Sent { .. }
                    | Output::Watch(_) | Output::Session(_) => {}
                }
            }
        }
        prop_assert_eq!(done.len() + session.pending(), submitted as usize);
    }
}

#[test]
fn a_session_that_remembers_gives_identities_and_lasting_watches_to_every_connection() {
    let raw = |request: Request| request.operation();
    let auth = Request::Auth { scheme: b"digest".to_vec(), auth: b"alice:secret".to_vec() };
    let lasting = |recursive| Request::AddWatch { path: b"/a".to_vec(), recursive };
    let again = |remembers: bool| {
        let config = Config { remembers, ..Config::new(vec![1], 6000) };
        let mut session = Session::new(Arc::new(config));
        step(&mut session, Input::Start);
        step(&mut session, Input::Connected);
        step(&mut session, Input::Received(&connect_response(4000, 7)));
        let gone = Request::RemoveWatches { path: b"/a".to_vec(), kind: 4 };
        for (xid, request) in (1..).zip([auth.clone(), lasting(false), lasting(true), gone]) {
            let body = if matches!(request, Request::AddWatch { .. }) { 0i32.to_bytes() } else { Vec::new() };
            submit(&mut session, 0, raw(request));
            step(&mut session, Input::Received(&reply(xid, 5, OK, &body)));
        }
        step(&mut session, Input::Disconnected);
        step(&mut session, Input::Fired(Timer::Retry));
        step(&mut session, Input::Connected);
        let out = step(&mut session, Input::Received(&connect_response(4000, 7)));
        (session, sends(&out))
    };
    assert!(again(false).1.is_empty(), "it is the caller's to give them again");
    let (mut session, sent) = again(true);
    let [identity, watches] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(identity[4..12], [ReservedXid::AUTH.to_bytes(), Op::AUTH.to_bytes()].concat());
    assert_eq!(
        identity[12..],
        [0i32.to_bytes(), b"digest".as_slice().to_bytes(), b"alice:secret".as_slice().to_bytes()].concat()
    );
    assert_eq!(watches[8..12], Op::SET_WATCHES2.to_bytes());
    let set = SetWatches2::from_bytes(&watches[12..]).expect("a setWatches2 record");
    assert_eq!((set.relative_zxid, set.persistent.len(), set.persistent_recursive), (5, 0, vec![b"/a".as_slice()]));

    let answers = [reply(ReservedXid::AUTH, 0, OK, b""), reply(ReservedXid::SET_WATCHES, 6, OK, b"")].concat();
    let out = step(&mut session, Input::Received(&answers));
    let rearmed = SessionEvent::WatchesRearmed { zxid: Zxid::from_wire(6), last: true };
    assert_eq!(news(&out), [&Output::Session(rearmed)]);
    step(&mut session, Input::Received(&event(7, 3, b"/a/b")));
    assert_eq!(session.watches().recursive.len(), 1, "an event does not use it up");
}
