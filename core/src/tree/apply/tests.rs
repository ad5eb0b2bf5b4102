use super::*;
use crate::tree::{AclList, path};
use crate::wire::txn::{CreateTxn, Txn};
use alloc::borrow::ToOwned;
use alloc::vec;

fn bytes<'a, T: Jute<'a>>(session: i64, zxid: i64, op: i32, body: &T) -> Vec<u8> {
    let mut bytes = TxnHeader { session, cxid: 1, zxid, time: 1000 + zxid, op }.to_bytes();
    body.encode(&mut bytes);
    bytes
}

fn create(path: &'static [u8], ephemeral: bool, parent_cversion: i32) -> CreateTxn<'static> {
    CreateTxn { path, data: Some(b"data"), acl: None, ephemeral, parent_cversion }
}

fn apply(database: &mut Database, transaction: &[u8]) -> (Vec<Change<'static>>, i32) {
    let applied = database.apply_bytes(transaction).expect("a transaction");
    let changes = applied.changes().iter().map(|change| match change.clone() {
        Change::Created { path } => Change::Created { path: path.to_owned().leak() },
        Change::Deleted { path, acl } => Change::Deleted { path: Cow::Owned(path.into_owned()), acl },
        Change::DataChanged { path } => Change::DataChanged { path: path.to_owned().leak() },
        Change::AclChanged { path } => Change::AclChanged { path: path.to_owned().leak() },
        Change::SessionCreated { session, timeout_ms } => Change::SessionCreated { session, timeout_ms },
        Change::SessionClosed { session } => Change::SessionClosed { session },
    });
    (changes.collect(), applied.outcome.err)
}

#[test]
fn the_empty_database_has_apaches_digest() {
    let database = Database::new();
    assert_eq!(database.digests().apache, 1_371_985_504);
    let paths: Vec<Vec<u8>> = database
        .tree()
        .iter()
        .map(|entry| {
            let mut path = Vec::new();
            entry.write_path(&mut path);
            path
        })
        .collect();
    assert_eq!(paths, [&b""[..], b"/zookeeper", b"/zookeeper/config", b"/zookeeper/quota"]);
}

#[test]
fn a_create_sets_the_parents_cversion_and_answers_the_stat() {
    let mut database = Database::new();
    let transaction = bytes(7, 5, Op::CREATE2, &create(b"/a", false, 2));
    let applied = database.apply_bytes(&transaction).expect("a transaction");
    assert_eq!(applied.changes(), [Change::Created { path: b"/a" }]);
    let stat = applied.outcome.stat.clone().expect("a stat");
    assert_eq!((stat.czxid, stat.mtime, stat.data_length, stat.version), (5, 1005, 4, 0));
    let root = database.tree().get(b"/").expect("the root").stat();
    assert_eq!((root.cversion, root.num_children, root.pzxid), (2, 2, 5));
    assert_eq!(database.zxid(), Zxid(5));
    assert_eq!(path::parent(b"/a"), Some(&b"/"[..]));
}

#[test]
fn a_create_that_is_there_already_only_raises_the_parent() {
    let mut database = Database::new();
    let transaction = bytes(7, 5, Op::CREATE, &create(b"/a", false, 1));
    apply(&mut database, &transaction);
    let after = database.clone();
    assert_eq!(apply(&mut database, &transaction), (vec![], Code::NodeExists.to_wire()));
    assert_eq!(database, after);
    let missing_parent = bytes(7, 6, Op::CREATE, &create(b"/b/c", false, 1));
    assert_eq!(apply(&mut database, &missing_parent), (vec![], Code::NoNode.to_wire()));
    assert_eq!(database.zxid(), Zxid(6));
}

#[test]
fn closing_a_session_deletes_what_it_lists_and_what_it_owns() {
    let mut database = Database::new();
    apply(&mut database, &bytes(9, 1, Op::CREATE_SESSION, &CreateSessionTxn { timeout_ms: 4000 }));
    apply(&mut database, &bytes(9, 2, Op::CREATE, &create(b"/e1", true, 1)));
    apply(&mut database, &bytes(9, 3, Op::CREATE, &create(b"/e2", true, 2)));
    assert_eq!(database.session_timeout(SessionId(9)), Some(4000));
    assert_eq!(database.tree().ephemerals(SessionId(9)).count(), 2);
    let close = bytes(9, 4, Op::CLOSE_SESSION, &CloseSessionTxn { paths: vec![b"/e2", b"/never"] });
    let mut listed = database.clone();
    let (changes, _) = apply(&mut listed, &close);
    let deleted = |path: &'static [u8]| Change::Deleted { path: Cow::Borrowed(path), acl: AclList::open() };
    let closed = Change::SessionClosed { session: SessionId(9) };
    assert_eq!(changes, [deleted(b"/e2"), deleted(b"/e1"), closed.clone()]);
    assert_eq!(listed.tree().ephemeral_owners().count(), 0);
    let bare = TxnHeader { session: 9, cxid: 1, zxid: 4, time: 1004, op: Op::CLOSE_SESSION }.to_bytes();
    let (changes, _) = apply(&mut database, &bare);
    assert_eq!(changes, [deleted(b"/e1"), deleted(b"/e2"), closed]);
    assert_eq!(database, listed, "the old form without a body does the same");
}

#[test]
fn a_close_without_a_body_may_be_followed_by_a_digest() {
    let mut bare = TxnHeader { session: 9, cxid: 1, zxid: 4, time: 1004, op: Op::CLOSE_SESSION }.to_bytes();
    let digest = TxnDigest { version: 2, digest: 5 };
    digest.encode(&mut bare);
    assert_eq!(Database::new().apply_bytes(&bare).expect("a transaction").digest, Some(digest));
}

#[test]
fn a_failed_multi_changes_nothing_but_the_zxid() {
    let mut database = Database::new();
    let before = database.tree().clone();
    let create = create(b"/a", false, 1).to_bytes();
    let error = ErrorTxn { err: Code::BadVersion.to_wire() }.to_bytes();
    let after = ErrorTxn { err: Code::RuntimeInconsistency.to_wire() }.to_bytes();
    let multi = MultiTxn {
        txns: vec![
            Txn { op: Op::CREATE, data: Some(&create) },
            Txn { op: Op::ERROR, data: Some(&error) },
            Txn { op: Op::ERROR, data: Some(&after) },
        ],
    };
    let transaction = bytes(7, 5, Op::MULTI, &multi);
    let applied = database.apply_bytes(&transaction).expect("a transaction");
    assert!(applied.changes().is_empty());
    let codes: Vec<_> = applied.multi.iter().map(|outcome| (outcome.op, outcome.err)).collect();
    assert_eq!(codes, [(-1, 0), (-1, -103), (-1, -2)]);
    assert_eq!(applied.outcome.err, -103);
    assert_eq!(database.tree(), &before);
    assert_eq!(database.zxid(), Zxid(5));
}

#[test]
fn a_multi_applies_its_operations_in_order() {
    let mut database = Database::new();
    let (create, set, delete) = (
        create(b"/a", false, 1).to_bytes(),
        SetDataTxn { path: b"/a", data: None, version: 1 }.to_bytes(),
        DeleteTxn { path: b"/a" }.to_bytes(),
    );
    let multi = MultiTxn {
        txns: vec![
            Txn { op: Op::CREATE2, data: Some(&create) },
            Txn { op: Op::SET_DATA, data: Some(&set) },
            Txn { op: Op::DELETE, data: Some(&delete) },
        ],
    };
    let transaction = bytes(7, 5, Op::MULTI, &multi);
    let applied = database.apply_bytes(&transaction).expect("a transaction");
    assert_eq!(applied.multi[1].stat.as_ref().map(|stat| (stat.version, stat.data_length)), Some((1, 0)));
    assert_eq!(applied.changes().len(), 3);
    assert!(!database.tree().contains(b"/a"));
}

#[test]
fn the_oldest_create_has_no_parent_cversion() {
    use crate::wire::txn::CreateTxnV0;
    let mut database = Database::new();
    let old = CreateTxnV0 { path: b"/a", data: None, acl: None, ephemeral: false };
    apply(&mut database, &bytes(7, 5, Op::CREATE, &old));
    assert_eq!(database.tree().get(b"/").expect("the root").persisted().cversion, 1);
    assert_eq!(database.tree().get(b"/a").expect("created").acl(), &AclList::open());
}

#[test]
fn bytes_that_are_no_transaction_change_nothing() {
    let mut database = Database::new();
    for op in [Op::PING, Op::GET_DATA, Op::CREATE, Op::MULTI, 12345] {
        assert!(database.apply_bytes(&bytes(7, 5, op, &1i32)).is_err(), "{op}");
    }
    assert_eq!(database, Database::new());
}
