//! Whole databases under random transactions: the running digests against those counted anew,
//! indexes against the znodes, frozen copies against what they were, builders against both.

use super::pages::Parts;
use super::*;
use crate::id::{SessionId, Zxid};
use crate::wire::records::{Acl, Id};
use crate::wire::txn::{
    CloseSessionTxn, CreateContainerTxn, CreateSessionTxn, CreateTtlTxn, CreateTxn, DeleteTxn, ErrorTxn, MultiTxn,
    SetAclTxn, SetDataTxn, Txn, TxnHeader,
};
use crate::wire::{Jute, Op};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use digest::{Digests, parts};
use proptest::prelude::*;

/// One operation: type and body.
type Operation = (i32, Vec<u8>);

/// Never the znodes that every tree begins with: no leader lets them be deleted.
fn paths() -> BoxedStrategy<Vec<u8>> {
    let depth = proptest::collection::vec(proptest::sample::select(vec!["a", "b", "c", "a!", "zookeeper2"]), 1..4);
    let below = prop_oneof![6 => Just(""), 1 => Just("/zookeeper")];
    let join = |(below, names): (&str, Vec<&str>)| {
        let mut path = below.as_bytes().to_vec();
        names.iter().for_each(|name| path.extend([b"/", name.as_bytes()].concat()));
        path
    };
    (below, depth).prop_map(join).boxed()
}

fn data() -> BoxedStrategy<Option<Vec<u8>>> {
    proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)).boxed()
}

fn acls() -> BoxedStrategy<Option<Vec<Acl<'static>>>> {
    let acl = |perms| Acl { perms, id: Id { scheme: b"world", id: b"anyone" } };
    prop_oneof![Just(None), Just(Some(vec![])), (1..4i32).prop_map(move |perms| Some(vec![acl(perms)]))].boxed()
}

fn operations() -> BoxedStrategy<Operation> {
    let cversion = prop_oneof![3 => Just(-1i32), 1 => 0..20i32];
    prop_oneof![
        8 => (paths(), data(), acls(), any::<bool>(), cversion).prop_map(|(path, data, acl, ephemeral, cversion)| {
            let data = data.as_deref();
            (Op::CREATE2, CreateTxn { path: &path, data, acl, ephemeral, parent_cversion: cversion }.to_bytes())
        }),
        1 => (paths(), 1..1000i64).prop_map(|(path, ttl)| {
            let create = CreateTtlTxn { path: &path, data: None, acl: None, parent_cversion: -1, ttl };
            (Op::CREATE_TTL, create.to_bytes())
        }),
        1 => paths().prop_map(|path| {
            let create = CreateContainerTxn { path: &path, data: Some(b""), acl: None, parent_cversion: -1 };
            (Op::CREATE_CONTAINER, create.to_bytes())
        }),
        4 => paths().prop_map(|path| (Op::DELETE, DeleteTxn { path: &path }.to_bytes())),
        4 => (paths(), data(), any::<i32>()).prop_map(|(path, data, version)| {
            (Op::SET_DATA, SetDataTxn { path: &path, data: data.as_deref(), version }.to_bytes())
        }),
    ]
    .boxed()
}

/// A transaction: session, type and body.
fn transactions() -> BoxedStrategy<(i64, Operation)> {
    let multi = proptest::collection::vec(operations(), 0..4).prop_map(|operations| {
        let txns = operations.iter().map(|(op, body)| Txn { op: *op, data: Some(body) }).collect();
        (Op::MULTI, MultiTxn { txns }.to_bytes())
    });
    let other = prop_oneof![
        (paths(), acls(), any::<i32>())
            .prop_map(|(path, acl, version)| (Op::SET_ACL, SetAclTxn { path: &path, acl, version }.to_bytes())),
        (0..9i32).prop_map(|timeout_ms| (Op::CREATE_SESSION, CreateSessionTxn { timeout_ms }.to_bytes())),
        proptest::collection::vec(paths(), 0..3).prop_map(|paths| {
            let paths = paths.iter().map(|path| &path[..]).collect();
            (Op::CLOSE_SESSION, CloseSessionTxn { paths }.to_bytes())
        }),
        Just((Op::ERROR, ErrorTxn { err: -101 }.to_bytes())),
    ];
    (1..4i64, prop_oneof![6 => operations(), 2 => multi, 2 => other]).boxed()
}

fn transaction(zxid: i64, (session, (op, body)): &(i64, Operation)) -> Vec<u8> {
    let mut bytes = TxnHeader { session: *session, cxid: 1, zxid, time: 1_700_000_000_000 + zxid, op: *op }.to_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Everything that is kept beside the znodes, derived from the znodes.
fn check(database: &Database) {
    let tree = database.tree();
    let mut digests = Digests::default();
    let mut children: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    let mut owned: BTreeMap<SessionId, Vec<Path>> = BTreeMap::new();
    let mut bytes = 0;
    for entry in tree.iter() {
        let key: Parts<'_> = (entry.parent, entry.name);
        digests.add(parts(key, entry.znode.data(), entry.znode.acl(), entry.znode.persisted()));
        let mut path = Vec::new();
        entry.write_path(&mut path);
        bytes += (path.len() + entry.znode.data().map_or(0, <[u8]>::len)) as u64;
        if path.is_empty() {
            continue;
        }
        assert!(tree.contains(if entry.parent.is_empty() { b"/" } else { entry.parent }), "no orphans");
        children.entry(entry.parent.to_vec()).or_default().push(entry.name.to_vec());
        if let Some(session) = entry.znode.owner().session() {
            owned.entry(session).or_default().push(Path::lax(&path));
        }
    }
    assert_eq!(tree.digests(), digests, "the running digests are those of the znodes");
    assert_eq!(tree.approximate_bytes(), bytes);
    assert_eq!(tree.len(), tree.iter().count());
    for entry in tree.iter() {
        let mut path = Vec::new();
        entry.write_path(&mut path);
        let expected = children.get(&path).cloned().unwrap_or_default();
        assert_eq!(entry.znode.children_len() as usize, expected.len());
        let below = |p: &[u8]| p.starts_with(&path) && p.get(path.len()) == Some(&b'/');
        let deeper = children.iter().filter(|(parent, _)| **parent == path || below(parent));
        let path = if path.is_empty() { b"/".to_vec() } else { path.clone() };
        assert_eq!(tree.children(&path).collect::<Vec<_>>(), expected);
        assert_eq!(tree.descendants_len(&path), deeper.map(|(_, names)| names.len()).sum::<usize>());
    }
    for (session, mut paths) in owned.clone() {
        paths.sort();
        assert_eq!(tree.ephemerals(session).cloned().collect::<Vec<_>>(), paths);
    }
    assert_eq!(tree.ephemeral_owners().collect::<Vec<_>>(), owned.into_keys().collect::<Vec<_>>());
}

/// The same znodes, through a builder, in another order that puts parents first.
fn rebuilt(tree: &DataTree, page_bytes: usize, depth_first: bool) -> DataTree {
    let mut znodes: Vec<(Vec<u8>, Znode<'_>)> = tree
        .iter()
        .map(|entry| {
            let mut path = Vec::new();
            entry.write_path(&mut path);
            (path, entry.znode)
        })
        .collect();
    if depth_first {
        znodes.sort_by(|a, b| a.0.cmp(&b.0));
    }
    let mut builder = Builder::with_page_bytes(page_bytes);
    for (path, znode) in &znodes {
        builder.push(path, znode.data(), znode.acl(), znode.persisted().clone()).expect("parents come first");
    }
    builder.finish().expect("a tree")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn what_is_kept_beside_the_znodes_follows_them(
        page_bytes in 64..600usize,
        freeze_every in 1..30usize,
        transactions in proptest::collection::vec(transactions(), 0..120),
    ) {
        let mut database = Database::with_page_bytes(page_bytes);
        let mut frozen = vec![];
        for (i, body) in transactions.iter().enumerate() {
            let applied = transaction(i as i64 + 1, body);
            let applied = database.apply_bytes(&applied).expect("a transaction");
            prop_assert!(applied.multi.is_empty() || body.1.0 == Op::MULTI);
            prop_assert_eq!(database.zxid(), Zxid(i as u64 + 1));
            if i % freeze_every == 0 {
                frozen.push((database.clone(), database.digests()));
            }
        }
        check(&database);
        for (copy, digests) in frozen {
            prop_assert_eq!(copy.digests(), digests);
            check(&copy);
        }
        for depth_first in [false, true] {
            let rebuilt = rebuilt(database.tree(), page_bytes + 77, depth_first);
            prop_assert_eq!(&rebuilt, database.tree());
            prop_assert_eq!(rebuilt.digests(), database.tree().digests());
            check(&Database::from_parts(rebuilt, database.sessions(), database.zxid()));
        }
        let repaged = database.in_pages_of(page_bytes + 50);
        prop_assert_eq!(repaged.tree().page_bytes(), page_bytes + 50);
        prop_assert_eq!(&repaged, &database);
        check(&repaged);
        let copy = Database::from_parts(database.tree().clone(), database.sessions(), database.zxid());
        prop_assert_eq!(copy.digests(), database.digests());
        let paged: usize = database.tree().clone().into_pages().map(|page| page.entries().count()).sum();
        prop_assert_eq!(paged, database.tree().len());
    }

    /// What a fuzzy snapshot needs (section 4.4): transactions whose effects are there already do
    /// no harm, whatever they find.
    #[test]
    fn a_replayed_suffix_leaves_a_tree(
        transactions in proptest::collection::vec(transactions(), 0..60),
        from in any::<proptest::sample::Index>(),
    ) {
        let mut database = Database::with_page_bytes(256);
        let all: Vec<_> = transactions.iter().enumerate().map(|(i, body)| transaction(i as i64 + 1, body)).collect();
        for bytes in &all {
            database.apply_bytes(bytes).expect("a transaction");
        }
        let mut replayed = database.clone();
        let from = if all.is_empty() { 0 } else { from.index(all.len()) };
        for bytes in &all[from..] {
            replayed.apply_bytes(bytes).expect("a transaction");
        }
        check(&replayed);
        prop_assert_eq!(replayed.zxid(), database.zxid());
    }

    #[test]
    fn no_bytes_panic(
        transactions in proptest::collection::vec((transactions(), any::<proptest::sample::Index>(), any::<u8>()), 1..20),
        noise in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut database = Database::with_page_bytes(128);
        for (i, (body, at, byte)) in transactions.iter().enumerate() {
            let mut bytes = transaction(i as i64 + 1, body);
            let at = at.index(bytes.len());
            bytes[at] = *byte;
            let before = database.clone();
            if database.apply_bytes(&bytes).is_err() {
                prop_assert_eq!(&before, &database, "bytes that are no transaction change nothing");
            }
            let _ = database.apply_bytes(&bytes[..at]);
        }
        let _ = database.apply_bytes(&noise);
        check(&database);
    }
}

#[test]
fn a_builder_refuses_what_is_no_tree() {
    let open = AclList::open();
    let push = |paths: &[&[u8]]| {
        let mut builder = Builder::new();
        for path in paths {
            builder.push(path, None, &open, stat::ZERO)?;
        }
        builder.finish()
    };
    let no_parent = |path: &[u8]| Err(BuildError::NoParent(Path::lax(path)));
    let twice = |path: &[u8]| Err(BuildError::Twice(Path::lax(path)));
    assert_eq!(push(&[]), Err(BuildError::NoRoot));
    assert_eq!(push(&[b"/a"]), Err(BuildError::NoRoot));
    assert_eq!(push(&[b"", b"/a/b"]), no_parent(b"/a"));
    assert_eq!(push(&[b"", b"/b", b"/a/b"]), no_parent(b"/a"));
    assert_eq!(push(&[b"", b"/a", b"/a"]), twice(b"/a"));
    assert_eq!(push(&[b"", b"/b", b"/a", b"/b"]), twice(b"/b"));
    assert_eq!(push(&[b"", b"/"]), twice(b"/"));
    assert_eq!(push(&[b"", b"a"]), Err(BuildError::NoPath(Path::lax(b"a"))));
    assert_eq!(push(&[b"/", b"/b", b"/a"]).expect("a tree").len(), 3);
    assert_eq!(push(&[b"/b/c", b"/b", b"/"]), push(&[b"/", b"/b", b"/b/c"]));
}

#[test]
fn a_snapshot_of_an_old_server_gets_its_config_znode() {
    let mut builder = Builder::new();
    for path in [&b""[..], b"/zookeeper", b"/zookeeper/quota"] {
        builder.push(path, Some(b""), &AclList::open(), stat::ZERO).expect("parents come first");
    }
    assert_eq!(builder.finish().expect("a tree"), DataTree::new());
}

#[test]
fn equality_and_hash_are_of_the_content() {
    use core::hash::{Hash, Hasher};
    let hash = |database: &Database| {
        let mut hasher = rustc_hash::FxHasher::default();
        database.hash(&mut hasher);
        hasher.finish()
    };
    let (mut one, mut two) = (Database::with_page_bytes(64), Database::new());
    assert_eq!((&one, hash(&one)), (&two, hash(&two)));
    let create = |path: &[u8]| {
        let body = CreateTxn { path, data: None, acl: None, ephemeral: false, parent_cversion: 1 }.to_bytes();
        transaction(1, &(1, (Op::CREATE, body)))
    };
    one.apply_bytes(&create(b"/a")).expect("a transaction");
    assert_ne!((&one, hash(&one)), (&two, hash(&two)));
    two.apply_bytes(&create(b"/b")).expect("a transaction");
    assert_ne!((&one, hash(&one)), (&two, hash(&two)));
}
