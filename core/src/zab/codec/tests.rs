//! Every packet and notification survives its encoding, however the stream is cut.

use super::*;
use crate::id::{Epoch, SessionId, Xid, Zxid};
use crate::log::{Image, Record};
use crate::tree::{AclList, Builder, Database};
use crate::wire::election::{End, Handshake, HandshakeVersion};
use crate::wire::records::{Acl, Id, StatPersisted};
use crate::wire::tests::{hex, pieces};
use crate::wire::txn::{ErrorTxn, TxnHeader};
use crate::wire::{Jute, Malformed};
use crate::zab::{Identity, LearnerInfo, Notification, Packet, Request, ServerState, Vote};
use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

const LIMIT: u32 = 4096;

fn record(zxid: Zxid) -> Record {
    let mut bytes = TxnHeader { session: 5, cxid: 6, zxid: zxid.to_wire(), time: 7, op: -1 }.to_bytes();
    ErrorTxn { err: -101 }.encode(&mut bytes);
    Record { zxid, bytes: Arc::from(bytes) }
}

fn image(zxid: Zxid, sessions: Vec<(SessionId, i32)>, data: &[Option<Vec<u8>>]) -> Image {
    let stat = |czxid| StatPersisted {
        czxid,
        mzxid: czxid,
        ctime: 0,
        mtime: 0,
        version: 0,
        cversion: 0,
        aversion: 0,
        ephemeral_owner: 0,
        pzxid: czxid,
    };
    let open = AclList::open();
    let locked = AclList::new(&[Acl { perms: 1, id: Id { scheme: b"world", id: b"anyone" } }]);
    let mut tree = Builder::new();
    tree.push(b"", Some(b""), &open, stat(0)).unwrap();
    for (i, data) in data.iter().enumerate() {
        let acl = if i % 2 == 0 { &open } else { &locked };
        tree.push(format!("/n{i}").as_bytes(), data.as_deref(), acl, stat(i as i64)).unwrap();
    }
    Arc::new(Database::from_parts(tree.finish().unwrap(), sessions, zxid))
}

fn zxid() -> impl Strategy<Value = Zxid> {
    any::<u64>().prop_map(Zxid)
}

fn epoch() -> impl Strategy<Value = Epoch> {
    // The last epoch would read as −1.
    (0..u32::MAX).prop_map(Epoch)
}

fn server() -> impl Strategy<Value = ServerId> {
    (1..=127u8).prop_map(ServerId)
}

fn bytes() -> impl Strategy<Value = Arc<[u8]>> {
    prop::collection::vec(any::<u8>(), 0..20).prop_map(Arc::from)
}

fn sessions() -> impl Strategy<Value = Vec<(SessionId, i32)>> {
    prop::collection::btree_map(any::<i64>().prop_map(SessionId), any::<i32>(), 0..4)
        .prop_map(|sessions| sessions.into_iter().collect())
}

fn info() -> impl Strategy<Value = LearnerInfo> {
    (server(), epoch(), any::<u64>()).prop_map(|(server, accepted, config_version)| LearnerInfo {
        server,
        accepted,
        config_version,
    })
}

fn request() -> impl Strategy<Value = Request> {
    let identity = (bytes(), bytes()).prop_map(|(scheme, id)| Identity { scheme, id });
    let auth = prop::collection::vec(identity, 0..3);
    (any::<i64>(), any::<i32>(), any::<i32>(), bytes(), auth, any::<bool>()).prop_map(
        |(session, cxid, op, body, auth, is_local)| Request {
            session: SessionId(session),
            cxid: Xid(cxid),
            op,
            body,
            auth,
            is_local,
        },
    )
}

fn from_learner() -> impl Strategy<Value = Packet> {
    prop_oneof![
        request().prop_map(Packet::Request),
        zxid().prop_map(Packet::Ack),
        (zxid(), sessions()).prop_map(|(zxid, sessions)| Packet::Ping { zxid, sessions }),
        (any::<i64>(), any::<i32>())
            .prop_map(|(session, timeout_ms)| Packet::Revalidate { session: SessionId(session), timeout_ms }),
        info().prop_map(Packet::FollowerInfo),
        info().prop_map(Packet::ObserverInfo),
        (prop::option::of(epoch()), zxid()).prop_map(|(current, last)| Packet::AckEpoch { current, last }),
    ]
}

fn from_leader() -> impl Strategy<Value = Packet> {
    let data = prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..9)), 0..4);
    prop_oneof![
        zxid().prop_map(|zxid| Packet::Proposal(record(zxid))),
        zxid().prop_map(Packet::Commit),
        zxid().prop_map(|zxid| Packet::Ping { zxid, sessions: Vec::new() }),
        (any::<i64>(), any::<bool>())
            .prop_map(|(session, valid)| Packet::Revalidated { session: SessionId(session), valid }),
        Just(Packet::Sync),
        zxid().prop_map(|zxid| Packet::Inform(record(zxid))),
        (zxid(), server()).prop_map(|(zxid, leader)| Packet::CommitAndActivate { zxid, leader }),
        (zxid(), server()).prop_map(|(zxid, leader)| Packet::InformAndActivate { record: record(zxid), leader }),
        (epoch(), bytes()).prop_map(|(epoch, config)| Packet::NewLeader { epoch, config }),
        epoch().prop_map(|epoch| Packet::LeaderInfo { epoch }),
        Just(Packet::UpToDate),
        zxid().prop_map(Packet::Diff),
        zxid().prop_map(Packet::Trunc),
        (zxid(), sessions(), data)
            .prop_map(|(zxid, sessions, data)| Packet::Snap { zxid, image: image(zxid, sessions, &data) }),
    ]
}

/// What a stream yields when it arrives in these pieces, up to its first error.
fn read(to: Side, pieces: &[&[u8]]) -> (Vec<Packet>, Option<Malformed>, PacketReader) {
    let mut reader = PacketReader::new(to, LIMIT);
    let mut packets = Vec::new();
    for piece in pieces {
        let mut input = *piece;
        loop {
            match reader.next(&mut input) {
                Ok(Some(packet)) => packets.push(packet),
                Ok(None) => break,
                Err(malformed) => return (packets, Some(malformed), reader),
            }
        }
        assert!(input.is_empty());
    }
    (packets, None, reader)
}

fn encode(packets: &[Packet], from: Side) -> Vec<u8> {
    let mut bytes = Vec::new();
    for packet in packets {
        encode_packet(packet, from, &mut bytes);
    }
    bytes
}

fn survives(packets: &[Packet], from: Side, cuts: &[usize], tail: &[u8]) -> Result<(), TestCaseError> {
    let to = match from {
        Side::Leader => Side::Learner,
        Side::Learner => Side::Leader,
    };
    let mut bytes = encode(packets, from);
    let (whole, malformed, reader) = read(to, &[&bytes]);
    prop_assert_eq!(malformed, None);
    prop_assert_eq!(whole, packets);
    prop_assert!(reader.is_between_packets());
    bytes.extend(tail);
    prop_assert_eq!(read(to, &pieces(&bytes, cuts)), read(to, &[&bytes]));
    Ok(())
}

proptest! {
    #[test]
    fn what_a_leader_sends_survives_however_it_is_cut(
        packets in prop::collection::vec(from_leader(), 0..6), cuts: Vec<usize>, tail: Vec<u8>,
    ) {
        survives(&packets, Side::Leader, &cuts, &tail)?;
    }

    #[test]
    fn what_a_learner_sends_survives_however_it_is_cut(
        packets in prop::collection::vec(from_learner(), 0..6), cuts: Vec<usize>, tail: Vec<u8>,
    ) {
        survives(&packets, Side::Learner, &cuts, &tail)?;
    }

    #[test]
    fn a_packet_in_the_wrong_direction_is_refused(learner in from_learner(), leader in from_leader()) {
        for (packet, side) in [(learner, Side::Learner), (leader, Side::Leader)] {
            let (packets, malformed, _) = read(side, &[&encode(core::slice::from_ref(&packet), side)]);
            let both_ways = matches!(packet.name(), "PING" | "REVALIDATE");
            prop_assert!(both_ways || (packets.is_empty() && malformed.is_some()), "{:?}", packet);
        }
    }

    #[test]
    fn any_change_of_a_byte_is_read_or_refused(
        packets in prop::collection::vec(from_leader(), 1..4), at: prop::sample::Index, to: u8,
    ) {
        let mut bytes = encode(&packets, Side::Leader);
        let at = at.index(bytes.len());
        bytes[at] = to;
        for side in [Side::Leader, Side::Learner] {
            let (_, malformed, mut reader) = read(side, &[&bytes]);
            // A broken stream stays broken.
            prop_assert!(malformed.is_none() || reader.next(&mut &bytes[..]) == Err(malformed.unwrap()));
        }
    }

    #[test]
    fn a_notification_survives_however_it_is_cut(
        notifications in prop::collection::vec(notification(), 0..5), cuts: Vec<usize>,
    ) {
        let handshake = Handshake { version: HandshakeVersion::V1, server: 7, addresses: b"h:1" };
        let mut bytes = handshake.to_bytes();
        for notification in &notifications {
            encode_notification(notification, &mut bytes);
        }
        let mut expected = Vec::from([ElectionItem::Handshake { from: ServerId(7), handshake }]);
        expected.extend(notifications.into_iter().map(ElectionItem::Notification));
        let mut expected = expected.into_iter();
        let mut reader = ElectionReader::new(End::Acceptor);
        for piece in pieces(&bytes, &cuts) {
            let mut input = piece;
            while let Some(item) = reader.next(&mut input)? {
                prop_assert_eq!(Some(item), expected.next());
            }
        }
        prop_assert_eq!(expected.next(), None);
    }

    #[test]
    fn server_ids_are_1_to_127(id in prop_oneof![any::<i64>(), -2..140i64]) {
        prop_assert_eq!(server_id(id, "id", 0).is_ok(), (1..=127).contains(&id));
    }
}

fn notification() -> impl Strategy<Value = Notification> {
    let state = prop::sample::select(
        &[ServerState::Looking, ServerState::Following, ServerState::Leading, ServerState::Observing][..],
    );
    // The last epochs' zxids are those that say that there is no vote.
    let vote = (any::<u32>(), (0..1u64 << 62).prop_map(Zxid), server()).prop_map(|(epoch, zxid, leader)| Vote {
        epoch: Epoch(epoch),
        zxid,
        leader,
    });
    (state, prop::option::of(vote), 0..=i64::MAX as u64, bytes())
        .prop_map(|(state, vote, round, config)| Notification { state, vote, round, config })
}

fn body(notification: &Notification) -> Vec<u8> {
    let mut out = Vec::new();
    encode_notification(notification, &mut out);
    out.split_off(4)
}

fn decoded(body: &[u8]) -> Result<Notification, Malformed> {
    decode_notification(&Jute::from_bytes(body)?)
}

#[test]
fn a_server_without_a_vote_says_so_in_apaches_two_ways() {
    let silent = Notification { state: ServerState::Looking, vote: None, round: 3, config: Arc::from(&b"c"[..]) };
    let mut bytes = body(&silent);
    insta::assert_snapshot!(hex(&bytes), @"00000000 80000000 00000000 80000000 00000000 00000000 00000003 80000000 00000000 00000002 00000001 63");
    assert_eq!(decoded(&bytes), Ok(silent.clone()));
    bytes[4..12].copy_from_slice(&2i64.to_be_bytes());
    bytes[12..20].copy_from_slice(&(-1i64).to_be_bytes());
    bytes[28..36].copy_from_slice(&1i64.to_be_bytes());
    assert_eq!(decoded(&bytes), Ok(silent), "zxid -1: the disk was lost");
}

#[test]
fn a_notification_with_numbers_that_do_not_fit_is_refused() {
    let vote = Vote { epoch: Epoch(1), zxid: Zxid(1 << 32), leader: ServerId(63) };
    let good = body(&Notification { state: ServerState::Leading, vote: Some(vote), round: 3, config: Arc::from([]) });
    let refusal = |at: usize, value: &[u8]| {
        let mut bytes = good.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        decoded(&bytes).unwrap_err().to_string()
    };
    assert_eq!(refusal(0, &[0, 0, 0, 4]), "server state at byte 0: unexpected value 4");
    assert_eq!(refusal(4, &128i64.to_be_bytes()), "proposed leader at byte 4: unexpected value 128");
    assert_eq!(refusal(4, &257i64.to_be_bytes()), "proposed leader at byte 4: unexpected value 257");
    assert_eq!(refusal(20, &(-1i64).to_be_bytes()), "election round at byte 20: unexpected value -1");
    let epoch = (1i64 << 32).to_be_bytes();
    assert_eq!(refusal(28, &epoch), "proposed leader's epoch at byte 28: unexpected value 4294967296");
}

/// One of each, in the order of their types.
fn one_of_each() -> Vec<(Side, Packet)> {
    let z = Zxid::new(Epoch(1), 5);
    let identity = Identity { scheme: Arc::from(&b"ip"[..]), id: Arc::from(&b"::1"[..]) };
    let request = Request {
        session: SessionId(9),
        cxid: Xid(2),
        op: 2,
        body: Arc::from(&b"body"[..]),
        auth: Vec::from([identity]),
        is_local: false,
    };
    let info = LearnerInfo { server: ServerId(3), accepted: Epoch(1), config_version: 0 };
    let config: Arc<[u8]> = Arc::from(&b"version=0"[..]);
    let image = image(z, Vec::from([(SessionId(9), 4000)]), &[Some(Vec::from(*b"x")), None]);
    let ping = |sessions| Packet::Ping { zxid: z, sessions };
    Vec::from([
        (Side::Learner, Packet::Request(request)),
        (Side::Leader, Packet::Proposal(record(z))),
        (Side::Learner, Packet::Ack(z)),
        (Side::Leader, Packet::Commit(z)),
        (Side::Leader, ping(Vec::new())),
        (Side::Learner, ping(Vec::new())),
        (Side::Learner, ping(Vec::from([(SessionId(9), 4000)]))),
        (Side::Learner, Packet::Revalidate { session: SessionId(9), timeout_ms: 4000 }),
        (Side::Leader, Packet::Revalidated { session: SessionId(9), valid: true }),
        (Side::Leader, Packet::Sync),
        (Side::Leader, Packet::Inform(record(z))),
        (Side::Leader, Packet::NewLeader { epoch: Epoch(2), config }),
        (Side::Learner, Packet::FollowerInfo(info.clone())),
        (Side::Leader, Packet::UpToDate),
        (Side::Leader, Packet::Diff(z)),
        (Side::Leader, Packet::Trunc(z)),
        (Side::Leader, Packet::Snap { zxid: z, image }),
        (Side::Learner, Packet::ObserverInfo(info)),
        (Side::Leader, Packet::LeaderInfo { epoch: Epoch(2) }),
        (Side::Learner, Packet::AckEpoch { current: Some(Epoch(1)), last: z }),
        (Side::Learner, Packet::AckEpoch { current: None, last: z }),
    ])
}

#[test]
fn the_bytes_of_every_packet() {
    let lines: Vec<_> = one_of_each()
        .iter()
        .map(|(from, packet)| {
            format!("{from:?} {}: {}", packet.name(), hex(&encode(core::slice::from_ref(packet), *from)))
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
Learner REQUEST: 00000001 ffffffff ffffffff 00000014 00000000 00000009 00000002 00000002 626f6479 00000001 00000002 69700000 00033a3a 31
Leader PROPOSAL: 00000002 00000001 00000005 00000024 00000000 00000005 00000006 00000001 00000005 00000000 00000007 ffffffff ffffff9b ffffffff
Learner ACK: 00000003 00000001 00000005 ffffffff ffffffff
Leader COMMIT: 00000004 00000001 00000005 ffffffff ffffffff
Leader PING: 00000005 00000001 00000005 ffffffff ffffffff
Learner PING: 00000005 00000001 00000005 00000000 ffffffff
Learner PING: 00000005 00000001 00000005 0000000c 00000000 00000009 00000fa0 ffffffff
Learner REVALIDATE: 00000006 ffffffff ffffffff 0000000c 00000000 00000009 00000fa0 ffffffff
Leader REVALIDATE: 00000006 ffffffff ffffffff 00000009 00000000 00000009 01ffffff ff
Leader SYNC: 00000007 00000000 00000000 ffffffff ffffffff
Leader INFORM: 00000008 00000001 00000005 00000024 00000000 00000005 00000006 00000001 00000005 00000000 00000007 ffffffff ffffff9b ffffffff
Leader NEWLEADER: 0000000a 00000002 00000000 00000009 76657273 696f6e3d 30ffffff ff
Learner FOLLOWERINFO: 0000000b 00000001 00000000 00000014 00000000 00000003 00010000 00000000 00000000 ffffffff
Leader UPTODATE: 0000000c ffffffff ffffffff ffffffff ffffffff
Leader DIFF: 0000000d 00000001 00000005 ffffffff ffffffff
Leader TRUNC: 0000000e 00000001 00000005 ffffffff ffffffff
Leader SNAP: 0000000f 00000001 00000005 ffffffff ffffffff 00000001 00000000 00000009 00000fa0 00000001 00000000 00000001 00000001 00000001 00000005 776f726c 64000000 06616e79 6f6e6500 00000000 000000ff ffffffff ffffff00 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 0000032f 6e300000 000178ff ffffffff ffffff00 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 0000032f 6e31ffff ffff0000 00000000 00010000 00000000 00010000 00000000 00010000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00010000 00012f00 00000a42 656e5761 73486572 65
Learner OBSERVERINFO: 00000010 00000001 00000000 00000014 00000000 00000003 00010000 00000000 00000000 ffffffff
Leader LEADERINFO: 00000011 00000002 00000000 00000004 00010000 ffffffff
Learner ACKEPOCH: 00000012 00000001 00000005 00000004 00000001 ffffffff
Learner ACKEPOCH: 00000012 00000001 00000005 00000004 ffffffff ffffffff
"#);
}

#[test]
fn a_transaction_whose_header_names_another_zxid_is_refused() {
    let wrong = Record { zxid: Zxid(8), bytes: record(Zxid(7)).bytes };
    let bytes = encode(&[Packet::Proposal(wrong)], Side::Leader);
    let refused = read(Side::Learner, &[&bytes]).1.unwrap();
    assert_eq!(refused.to_string(), "PROPOSAL at byte 28: unexpected value 7");
}

#[test]
fn a_learner_of_an_older_protocol_or_with_an_id_that_does_not_fit_is_refused() {
    let info = LearnerInfo { server: ServerId(3), accepted: Epoch(1), config_version: 0 };
    let good = encode(&[Packet::FollowerInfo(info)], Side::Learner);
    let refusal = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        read(Side::Leader, &[&bytes]).1.unwrap().to_string()
    };
    assert_eq!(refusal(23, 128), "learner's id at byte 16: unexpected value 128");
    assert_eq!(refusal(23, 0), "learner's id at byte 16: unexpected value 0");
    assert_eq!(refusal(22, 1), "learner's id at byte 16: unexpected value 259");
    assert_eq!(refusal(25, 0), "protocol version at byte 24: unexpected value 0");
    assert_eq!(refusal(11, 1), "start of an epoch at byte 4: unexpected value 4294967297");
}
