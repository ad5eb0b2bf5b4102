//! What comes from outside the ensemble, to its ports: connections of nobody, rounds of nowhere.

use super::*;
use zabra_core::id::Xid;
use zabra_core::zab::Request;

/// A quorum connection of a stranger to a server, and its first packets.
fn stranger(net: &mut Net, server: u8, conn: u32, packets: &[Packet]) {
    net.step(ServerId(server), Input::Opened { conn: ConnId(conn), origin: Origin::Accepted });
    for packet in packets {
        net.step(ServerId(server), Input::Packet { conn: ConnId(conn), packet: packet.clone() });
    }
}

#[test]
fn a_stranger_at_a_leaders_port_neither_takes_sessions_nor_comes_in_any_number() {
    let mut net = Net::boot(3, 0);
    net.settle();
    let session = SessionId(7);
    stranger(&mut net, 3, 500, &[Packet::Revalidate { session, timeout_ms: 4_000 }]);
    stranger(&mut net, 3, 501, &[Packet::Ping { zxid: Zxid::ZERO, sessions: vec![(session, 4_000)] }]);
    for conn in 600..1000 {
        stranger(&mut net, 3, conn, &[]);
    }
    let count = |wanted: &str| {
        let told = net.events.iter().filter(|(_, e)| matches!(e, Event::PeerRefused { why } if why.contains(wanted)));
        told.count()
    };
    assert_eq!((count("before it is in step"), count("too many")), (2, 400 - 128));
    assert!(net.all_serve());
}

/// Behind the last round that the wire can carry a server could not say its own any more.
#[test]
fn a_round_that_no_ensemble_comes_to_is_not_taken_over() {
    let mut net = Net::empty();
    net.start(1, &ensemble(3, 0), Epoch::ZERO);
    net.step(ServerId(1), Input::Fired { timer: Timer::Notification });
    let vote = Vote { epoch: Epoch::ZERO, zxid: Zxid::ZERO, leader: ServerId(3) };
    let round_after = |net: &mut Net, round: u64| {
        let config = Arc::from(*b"");
        let notification = Arc::new(Notification { state: ServerState::Looking, vote: Some(vote), round, config });
        net.step(ServerId(1), Input::Notified { from: ServerId(3), notification });
        let voted =
            net.events.iter().filter_map(|(_, e)| if let Event::Voted { round, .. } = e { Some(*round) } else { None });
        voted.into_iter().next_back()
    };
    assert_eq!(round_after(&mut net, i64::MAX as u64), Some(1));
    assert_eq!(round_after(&mut net, 9), Some(9));
}

#[test]
fn who_waits_at_the_door_of_a_server_that_looks_can_only_introduce_itself_and_not_in_any_number() {
    let mut net = Net::empty();
    net.start(1, &ensemble(3, 0), Epoch::ZERO);
    let refusal =
        |(_, event): &(ServerId, Event)| if let Event::PeerRefused { why } = event { Some(*why) } else { None };
    let refusals = |net: &Net| net.events.iter().filter_map(refusal).collect::<Vec<_>>();
    let info = Packet::FollowerInfo(LearnerInfo { server: ServerId(2), accepted: Epoch::ZERO, config_version: 0 });
    stranger(&mut net, 1, 0, core::slice::from_ref(&info));
    stranger(&mut net, 1, 1, &[Packet::UpToDate]);
    assert_eq!(refusals(&net), ["another packet than its introduction before LEADERINFO"]);
    stranger(&mut net, 1, 2, &[info.clone(), info]);
    assert_eq!(refusals(&net).len(), 2);
    for conn in 3..1000 {
        stranger(&mut net, 1, conn, &[]);
    }
    // One of three connections before is still there.
    let turned_away = refusals(&net).iter().filter(|why| why.contains("too many")).count();
    assert_eq!(turned_away, 1000 - 3 - (128 - 1));
}

#[test]
fn a_learner_whose_syncs_wait_in_any_number_is_given_up() {
    let mut net = Net::empty();
    net.syncs = 4;
    for id in 1..=3 {
        net.start(id, &ensemble(3, 0), Epoch::ZERO);
    }
    net.settle();
    let (leader, learner) = (ServerId(3), ServerId(1));
    let wire = net.wires.iter().find(|((at, _), (peer, _))| (*at, *peer) == (leader, learner));
    let conn = wire.map(|((_, conn), _)| *conn).expect("the learner is connected");
    let request = |cxid| {
        Packet::Request(Request {
            session: SessionId(1),
            cxid: Xid(cxid),
            op: Op::SYNC,
            body: PathRequest { path: b"/" }.to_bytes().into(),
            auth: Vec::new(),
            is_local: false,
        })
    };
    // No PING is answered meanwhile.
    let refused =
        |net: &Net| net.events.iter().any(|(_, e)| matches!(e, Event::PeerRefused { why } if why.contains("syncs")));
    for cxid in 1..=4 {
        net.step(leader, Input::Packet { conn, packet: request(cxid) });
        assert!(!refused(&net));
    }
    net.step(leader, Input::Packet { conn, packet: request(5) });
    assert!(refused(&net));
    net.settle();
    assert!(net.all_serve(), "it comes back");
}
