//! The seeds of the fuzz targets, made from the encoders, so that fuzzing begins with valid input.
//! They are committed under `fuzz/corpus`; `UPDATE=1 cargo test -p zabra-core --test fuzz_corpus`
//! writes them anew.
#![expect(clippy::disallowed_methods, reason = "a test reads and writes what is committed")]

use std::path::Path;
use std::sync::Arc;
use zabra_core::id::{Epoch, ServerId, SessionId, Xid, Zxid};
use zabra_core::log::record::{encode_header, encode_record};
use zabra_core::log::snapshot::{Form, SnapshotEncoder};
use zabra_core::log::{Image, Record};
use zabra_core::tree::Database;
use zabra_core::wire::election::{Handshake, HandshakeVersion};
use zabra_core::wire::multi::encode_request;
use zabra_core::wire::records::{
    Acl, AuthPacket, ConnectRequest, CreateRequest, Id, PathRequest, ReadRequest, RequestHeader, SetDataRequest,
    SetWatches,
};
use zabra_core::wire::txn::{CreateSessionTxn, CreateTxn, DeleteTxn, MultiTxn, SetDataTxn, Txn, TxnDigest, TxnHeader};
use zabra_core::wire::{Jute, Op};
use zabra_core::zab::codec::{Side, encode_notification, encode_packet};
use zabra_core::zab::{Identity, LearnerInfo, Notification, Packet, Request, ServerState, Vote};

/// Names and bytes.
type Seeds = Vec<(&'static str, Vec<u8>)>;

const EVERYONE: Acl<'static> = Acl { perms: 31, id: Id { scheme: b"world", id: b"anyone" } };

fn framed(parts: &[Vec<u8>]) -> Vec<u8> {
    let body = parts.concat();
    [&(body.len() as u32).to_be_bytes()[..], &body].concat()
}

fn client_port() -> Seeds {
    let connect = ConnectRequest {
        protocol: 0,
        last_zxid_seen: 0,
        timeout_ms: 4000,
        session: 0,
        password: Some(&[0; 16]),
        read_only: Some(false),
    };
    let header = |xid, op| RequestHeader { xid, op }.to_bytes();
    let create = CreateRequest { path: b"/a", data: Some(b"x"), acl: Some(vec![EVERYONE]), flags: 2 };
    let read = ReadRequest { path: b"/a", watch: true };
    let watches = SetWatches { relative_zxid: 5, data: vec![b"/a"], exist: vec![], child: vec![b"/"] };
    let session = [
        framed(&[connect.to_bytes()]),
        framed(&[header(1, Op::CREATE), create.to_bytes()]),
        framed(&[header(2, Op::GET_DATA), read.to_bytes()]),
        framed(&[header(-8, Op::SET_WATCHES), watches.to_bytes()]),
        framed(&[header(-2, Op::PING)]),
    ];
    vec![("session", session.concat()), ("word", b"ruok".to_vec())]
}

fn transactions() -> Vec<Vec<u8>> {
    let header = |n: i64, op| TxnHeader { session: 5, cxid: 6, zxid: 0x1_0000_0000 + n, time: 7, op }.to_bytes();
    let create =
        CreateTxn { path: b"/a", data: Some(b"x"), acl: Some(vec![EVERYONE]), ephemeral: false, parent_cversion: 1 };
    let set = SetDataTxn { path: b"/a", data: None, version: 1 }.to_bytes();
    let delete = DeleteTxn { path: b"/a" }.to_bytes();
    let multi = MultiTxn {
        txns: vec![Txn { op: Op::SET_DATA, data: Some(&set) }, Txn { op: Op::DELETE, data: Some(&delete) }],
    };
    let digest = TxnDigest { version: 2, digest: 1 };
    vec![
        [header(1, Op::CREATE_SESSION), CreateSessionTxn { timeout_ms: 4000 }.to_bytes()].concat(),
        [header(2, Op::CREATE), create.to_bytes(), digest.to_bytes()].concat(),
        [header(3, Op::MULTI), multi.to_bytes()].concat(),
        [header(4, Op::CLOSE_SESSION)].concat(),
    ]
}

fn image() -> Image {
    let mut database = Database::new();
    for transaction in &transactions()[..2] {
        database.apply_bytes(transaction).expect("a valid transaction");
    }
    Arc::new(database)
}

fn snapshot(form: Form) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = SnapshotEncoder::new(image(), form);
    while encoder.next_piece(1000, &mut bytes) {}
    bytes
}

fn quorum_port() -> Seeds {
    let zxid = Zxid::new(Epoch(1), 1);
    let record = Record { zxid, bytes: Arc::from(transactions().remove(0)) };
    let info = LearnerInfo { server: ServerId(3), accepted: Epoch(1), config_version: 0 };
    let config: Arc<[u8]> = Arc::from(&b"version=0"[..]);
    let auth = vec![Identity { scheme: Arc::from(&b"ip"[..]), id: Arc::from(&b"::1"[..]) }];
    let body: Arc<[u8]> = Arc::from(DeleteTxn { path: b"/a" }.to_bytes());
    let request = Request { session: SessionId(9), cxid: Xid(2), op: Op::DELETE, body, auth, is_local: false };
    let learner = [
        Packet::FollowerInfo(info.clone()),
        Packet::ObserverInfo(info),
        Packet::AckEpoch { current: Some(Epoch(1)), last: zxid },
        Packet::Ack(zxid),
        Packet::Request(request),
        Packet::Revalidate { session: SessionId(9), timeout_ms: 4000 },
        Packet::Ping { zxid, sessions: vec![(SessionId(9), 4000)] },
    ];
    let leader = [
        Packet::LeaderInfo { epoch: Epoch(2) },
        Packet::Diff(zxid),
        Packet::Trunc(zxid),
        Packet::Proposal(record.clone()),
        Packet::Commit(zxid),
        Packet::Inform(record),
        Packet::NewLeader { epoch: Epoch(2), config },
        Packet::UpToDate,
        Packet::Sync,
        Packet::Revalidated { session: SessionId(9), valid: true },
        Packet::Ping { zxid, sessions: vec![] },
    ];
    let snap = [Packet::Snap { zxid, image: image() }, Packet::UpToDate];
    let stream = |packets: &[Packet], from| {
        let mut bytes = Vec::new();
        packets.iter().for_each(|packet| encode_packet(packet, from, &mut bytes));
        bytes
    };
    vec![
        ("learner", stream(&learner, Side::Learner)),
        ("leader", stream(&leader, Side::Leader)),
        ("snap", stream(&snap, Side::Leader)),
    ]
}

fn election_port() -> Seeds {
    let vote = Vote { epoch: Epoch(1), zxid: Zxid::new(Epoch(1), 5), leader: ServerId(3) };
    let config: Arc<[u8]> = Arc::from(&b"version=0"[..]);
    let mut messages = Vec::new();
    for vote in [Some(vote), None] {
        let notification = Notification { state: ServerState::Looking, vote, round: 7, config: Arc::clone(&config) };
        encode_notification(&notification, &mut messages);
    }
    let handshake = Handshake { version: HandshakeVersion::V2, server: 3, addresses: b"h:1|i:2" }.to_bytes();
    vec![("dialled", messages.clone()), ("accepted", [handshake, messages].concat())]
}

fn log_file() -> Seeds {
    let mut log = encode_header().to_vec();
    for transaction in transactions() {
        encode_record(&transaction, &mut log);
    }
    vec![("torn", log[..log.len() - 3].to_vec()), ("whole", log)]
}

/// Pieces: an operation by its place in the law's list, for the first client, with its body.
fn service() -> Seeds {
    let piece = |place: u8, body: &[u8]| [&[place << 1, body.len() as u8], body].concat();
    let path = |path: &[u8]| PathRequest { path }.to_bytes();
    let read = |path: &[u8]| ReadRequest { path, watch: true }.to_bytes();
    let create = |path: &[u8]| CreateRequest { path, data: Some(b"x"), acl: Some(vec![EVERYONE]), flags: 2 }.to_bytes();
    let set = SetDataRequest { path: b"/a", data: Some(b"yy"), version: 0 }.to_bytes();
    let mut multi = Vec::new();
    encode_request([(Op::CREATE, &create(b"/a/b")[..]), (Op::SET_DATA, &set[..])], &mut multi);
    let auth = AuthPacket { kind: 0, scheme: b"digest", auth: Some(b"super:a") }.to_bytes();
    let writes = [piece(0, &create(b"/a")), piece(4, &set), piece(12, &multi), piece(8, &path(b"/a")), piece(1, &set)];
    let reads = [piece(3, &read(b"/a")), piece(2, &read(b"/b")), piece(10, &read(b"/")), piece(22, &path(b"/"))];
    let others = [piece(21, &auth), piece(59, b"mntr"), piece(60, b""), piece(61, b""), piece(28, b"")];
    vec![("others", others.concat()), ("reads", reads.concat()), ("writes", writes.concat())]
}

/// What a server hears first, and then packets or notifications.
fn member() -> Seeds {
    let packets = quorum_port();
    let stream = |name| packets.iter().find(|(known, _)| *known == name).map(|(_, bytes)| bytes.clone());
    let led = |first: u8, name| [vec![first], stream(name).expect("a seed of that name")].concat();
    let votes = election_port().remove(0).1;
    vec![("follows", led(1, "leader")), ("leads", led(0, "learner")), ("looks", [vec![4], votes].concat())]
}

/// Files by the places of their names in the law's list.
fn directory() -> Seeds {
    let file = |place: u8, bytes: &[u8]| [&[place], &(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
    let mut log = encode_header().to_vec();
    transactions()[2..].iter().for_each(|transaction| encode_record(transaction, &mut log));
    let epochs = [file(1, b"1"), file(2, b"1")].concat();
    let whole = [epochs.clone(), file(4, &snapshot(Form::File)), file(7, &log)].concat();
    vec![("log", [epochs, file(6, &log_file().remove(1).1)].concat()), ("whole", whole)]
}

fn offline() -> Seeds {
    vec![("log", [vec![0], log_file().remove(1).1].concat()), ("snapshot", [vec![2], snapshot(Form::File)].concat())]
}

fn configuration() -> Seeds {
    let members = "server.1=a:2888:3888;2181\nserver.2=b:2888:3888:observer\n";
    let file = format!("dataDir=/d\nclientPort=2181\ninitLimit=5\nsyncLimit=2\n{members}\x001");
    vec![("dynamic", format!("{members}version=100000002").into_bytes()), ("zoo.cfg", file.into_bytes())]
}

fn prompt() -> Seeds {
    let lines = [
        ("create", "create -s -t 5 /a \"two words\" digest:a:b:cdrwa,world:anyone:r"),
        ("quota", "setquota -n 5 /a count=5,bytes=-1=;byteHardLimit=7;countHardLimit=9"),
        ("reconfig", "reconfig -s -v 1f -add server.1=a:1:2;3 -remove 4"),
        ("set", "set -b -v -1 /a eHl6"),
    ];
    lines.into_iter().map(|(name, line)| (name, line.as_bytes().to_vec())).collect()
}

#[test]
fn the_seeds_of_the_fuzz_targets_are_what_the_encoders_write() {
    let transactions = ["create_session", "create", "multi", "close_session"].into_iter().zip(transactions()).collect();
    let targets: [(&str, Seeds); 13] = [
        ("client_port", client_port()),
        ("quorum_port", quorum_port()),
        ("election_port", election_port()),
        ("transaction", transactions),
        ("log_file", log_file()),
        ("snapshot", vec![("file", snapshot(Form::File)), ("stream", snapshot(Form::Stream))]),
        ("service", service()),
        ("member", member()),
        ("directory", directory()),
        ("offline", offline()),
        ("configuration", configuration()),
        ("prompt", prompt()),
        ("epoch_file", vec![("epoch", b"17".to_vec()), ("name", b"snapshot.1a.gz".to_vec())]),
    ];
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (target, seeds) in targets {
        for (name, bytes) in seeds {
            let path = corpus.join(target).join(name);
            if std::env::var_os("UPDATE").is_some() {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, &bytes).unwrap();
            }
            let committed =
                std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}; run with UPDATE=1", path.display()));
            assert!(committed == bytes, "{} is not what the encoder writes; run with UPDATE=1", path.display());
        }
    }
}
