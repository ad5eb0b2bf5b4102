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
use zabra_core::wire::records::{Acl, ConnectRequest, CreateRequest, Id, ReadRequest, RequestHeader, SetWatches};
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

#[test]
fn the_seeds_of_the_fuzz_targets_are_what_the_encoders_write() {
    let transactions = ["create_session", "create", "multi", "close_session"].into_iter().zip(transactions()).collect();
    let targets: [(&str, Seeds); 7] = [
        ("client_port", client_port()),
        ("quorum_port", quorum_port()),
        ("election_port", election_port()),
        ("transaction", transactions),
        ("log_file", log_file()),
        ("snapshot", vec![("file", snapshot(Form::File)), ("stream", snapshot(Form::Stream))]),
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
