//! The store against an ordered map, in tiny pages, with frozen copies that must not change.

use super::*;
use crate::tree::acl_table::AclId;
use crate::tree::path::{Path, split};
use crate::tree::stat::ZERO;
use crate::wire::records::StatPersisted;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::{format, vec};
use proptest::prelude::*;

type Model = BTreeMap<(Vec<u8>, Vec<u8>), (Meta, Option<Vec<u8>>)>;

#[derive(Clone, Debug)]
enum Change {
    Put(u8, u8, Meta, Option<Vec<u8>>),
    Touch(u8, u8, Meta),
    Remove(u8, u8),
    RemoveParent(u8),
    Freeze,
}

fn changes() -> BoxedStrategy<Vec<Change>> {
    let data = prop_oneof![
        Just(None),
        proptest::collection::vec(any::<u8>(), 0..8).prop_map(Some),
        proptest::collection::vec(any::<u8>(), 0..90).prop_map(Some),
    ];
    let change = prop_oneof![
        8 => (0..6u8, any::<u8>(), metas(), data).prop_map(|(p, n, meta, data)| Change::Put(p, n, meta, data)),
        4 => (0..6u8, any::<u8>(), metas()).prop_map(|(p, n, meta)| Change::Touch(p, n, meta)),
        4 => (0..6u8, any::<u8>()).prop_map(|(p, n)| Change::Remove(p, n)),
        1 => (0..6u8).prop_map(Change::RemoveParent),
        1 => Just(Change::Freeze),
    ];
    proptest::collection::vec(change, 0..250).boxed()
}

fn metas() -> BoxedStrategy<Meta> {
    let long = prop_oneof![Just(0i64), 0..200i64, any::<i64>()];
    let int = prop_oneof![Just(0i32), any::<i32>()];
    (proptest::array::uniform6(long), proptest::array::uniform3(int), any::<u32>(), 0..3u32)
        .prop_map(
            |([czxid, mzxid, pzxid, ctime, mtime, ephemeral_owner], [version, cversion, aversion], children, acl)| {
                Meta {
                    stat: StatPersisted {
                        czxid,
                        mzxid,
                        ctime,
                        mtime,
                        version,
                        cversion,
                        aversion,
                        ephemeral_owner,
                        pzxid,
                    },
                    acl: AclId(acl),
                    children,
                }
            },
        )
        .boxed()
}

/// Few keys, some of them long, one parent the beginning of another.
fn key(parent: u8, name: u8) -> (Vec<u8>, Vec<u8>) {
    let parents = ["", "/a", "/a!", "/a/b", "/a/bb", "/a-rather-long-name-of-a-directory/of/znodes"];
    let name = format!("{:03}{}", name % 48, "x".repeat(usize::from(name % 7)));
    (parents[usize::from(parent)].as_bytes().to_vec(), name.into_bytes())
}

fn put(store: &mut Store, model: &mut Model, key: (Vec<u8>, Vec<u8>), meta: &Meta, data: Option<Vec<u8>>) {
    let parts = (&key.0[..], &key.1[..]);
    let old = store.update(parts, DataEdit::Set(data.as_deref()), |found, data| {
        let old = (found.clone(), data.map(<[u8]>::to_vec));
        *found = meta.clone();
        old
    });
    assert_eq!(old.as_ref(), model.get(&key));
    if old.is_none() {
        assert!(store.insert(parts, data.as_deref(), || meta.clone()), "the key is new");
    }
    model.insert(key, (meta.clone(), data));
}

fn touch(store: &mut Store, model: &mut Model, key: (Vec<u8>, Vec<u8>), meta: &Meta) {
    let found = store.update((&key.0, &key.1), DataEdit::Keep, |found, _| *found = meta.clone());
    assert_eq!(found.is_some(), model.contains_key(&key));
    if let Some(record) = model.get_mut(&key) {
        record.0 = meta.clone();
    }
}

fn remove(store: &mut Store, model: &mut Model, key: &(Vec<u8>, Vec<u8>)) {
    let removed = store.remove((&key.0, &key.1), |record| (record.meta, record.data.map(<[u8]>::to_vec)));
    assert_eq!(removed, model.remove(key));
}

fn assert_equal(store: &Store, model: &Model) {
    let mut expected = model.iter();
    for ((parent, name), record) in store.range_from((b"", b"")) {
        let (key, (meta, data)) = expected.next().expect("the model has as many records");
        assert_eq!((parent, name), (&key.0[..], &key.1[..]));
        assert_eq!((&record.meta, record.data), (meta, data.as_deref()));
    }
    assert!(expected.next().is_none(), "the store has as many records");
    for (key, (meta, data)) in model {
        let record = store.get((&key.0, &key.1)).expect("what is iterated is found");
        assert_eq!((&record.meta, record.data), (meta, data.as_deref()));
    }
}

/// Adds a record and, where they are missing, those of its parents.
fn put_with_parents(model: &mut Model, key: (Vec<u8>, Vec<u8>), meta: Meta, data: Option<Vec<u8>>) {
    let mut above = key.0.clone();
    while let Some((parent, name)) = split(&above) {
        let record = || (Meta { stat: ZERO, acl: AclId(0), children: 0 }, None);
        model.entry((parent.to_vec(), name.to_vec())).or_insert_with(record);
        if above.is_empty() {
            break;
        }
        above = parent.to_vec();
    }
    model.insert(key, (meta, data));
}

/// The model in which every record counts its children.
fn with_children(model: &Model) -> Model {
    let mut counted = model.clone();
    for (parent, name) in model.keys().filter(|(parent, name)| !(parent.is_empty() && name.is_empty())) {
        let (above, below) = split(parent).expect("a path");
        let record = counted.get_mut(&(above.to_vec(), below.to_vec()));
        record.unwrap_or_else(|| panic!("the parent of {name:?}")).0.children += 1;
    }
    counted
}

/// What every store must be: sorted, with separators that hold, without empty pages, and with
/// exact counts of bytes.
fn check_structure(store: &Store) {
    fn check<'a>(node: &'a Node, from: Option<Parts<'a>>, to: Option<Parts<'a>>, sizes: Sizes) -> usize {
        match node {
            Node::Leaf(leaf) => {
                for slot in 0..leaf.len() {
                    let key = leaf.key(slot);
                    assert!(from.is_none_or(|from| from <= key), "a key stands above its separator");
                    assert!(to.is_none_or(|to| key < to), "a key stands below the next separator");
                    assert!(slot == 0 || leaf.key(slot - 1) < key, "keys ascend");
                }
                assert_eq!(leaf.live(), leaf.count_live(), "bytes in use are counted");
                1
            }
            Node::Inner(inner) => {
                assert!(inner.children().len() <= sizes.fanout);
                let count = inner.children().len();
                let bounds = |i: usize| (0 < i && i < count).then(|| inner.key(i));
                let depth = |i: usize| {
                    assert!(count == 1 || !inner.children()[i].is_empty(), "empty pages are freed");
                    check(&inner.children()[i], bounds(i).or(from), bounds(i + 1).or(to), sizes)
                };
                let depths: BTreeSet<usize> = (0..count).map(depth).collect();
                assert_eq!(depths.len(), 1, "leaves stand on one level");
                depths.first().expect("one level") + 1
            }
        }
    }
    check(&store.root, None, None, store.sizes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn a_store_is_an_ordered_map_and_frozen_copies_stay(page_bytes in 64..400usize, changes in changes()) {
        let (mut store, mut model) = (Store::new(page_bytes), Model::new());
        let mut frozen = vec![];
        for change in changes {
            match change {
                Change::Put(p, n, meta, data) => put(&mut store, &mut model, key(p, n), &meta, data),
                Change::Touch(p, n, meta) => touch(&mut store, &mut model, key(p, n), &meta),
                Change::Remove(p, n) => remove(&mut store, &mut model, &key(p, n)),
                Change::RemoveParent(p) => {
                    let parent = key(p, 0).0;
                    let keys: Vec<_> = model.keys().filter(|key| key.0 == parent).cloned().collect();
                    keys.iter().for_each(|key| remove(&mut store, &mut model, key));
                }
                Change::Freeze => {
                    check_structure(&store);
                    frozen.push((store.clone(), model.clone()));
                }
            }
        }
        check_structure(&store);
        assert_equal(&store, &model);
        for (store, model) in &frozen {
            assert_equal(store, model);
        }
        let from = key(3, 20);
        let tail: Vec<_> = store.range_from((&from.0, &from.1)).map(|((p, n), _)| (p.to_vec(), n.to_vec())).collect();
        prop_assert_eq!(tail, model.range(from..).map(|(key, _)| key.clone()).collect::<Vec<_>>());
        let paged: usize = store.clone().into_pages().map(|page| page.records().count()).sum();
        prop_assert_eq!(paged, model.len());

        let keys: Vec<_> = model.keys().cloned().collect();
        keys.iter().for_each(|key| remove(&mut store, &mut model, key));
        prop_assert!(matches!(&*store.root, Node::Leaf(leaf) if leaf.len() == 0), "an empty store is one page");
    }

    /// In key order, as Apache's snapshots have them (siblings together in no order), in no order.
    #[test]
    fn a_store_built_at_once_is_the_same(
        page_bytes in 64..300usize,
        changes in changes(),
        shuffled in Just((0..400usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let mut model = Model::new();
        for change in changes {
            if let Change::Put(p, n, meta, data) = change {
                put_with_parents(&mut model, key(p, n), Meta { children: 0, ..meta }, data);
            }
        }
        let sorted: Vec<_> = model.iter().collect();
        let mut unsorted: Vec<_> = sorted.iter().zip(&shuffled).map(|(record, at)| (at, *record)).collect();
        unsorted.sort_by_key(|(at, _)| **at);
        let unsorted: Vec<_> = unsorted.into_iter().map(|(_, record)| record).collect();
        let mut together = unsorted.clone();
        together.sort_by_key(|((parent, _), _)| parent.len() * 31 % 7);
        for records in [&sorted, &together, &unsorted] {
            let mut bulk = Bulk::new(page_bytes);
            for ((parent, name), (meta, data)) in records {
                bulk.push((parent, name), meta, data.as_deref());
            }
            let mut built = bulk.clone().finish().expect("all parents are there");
            check_structure(&built);
            let mut model = with_children(&model);
            assert_equal(&built, &model);
            let keys: Vec<_> = model.keys().cloned().collect();
            keys.iter().for_each(|key| remove(&mut built, &mut model, key));
            assert_equal(&built, &model);

            if let Some(((parent, name), (meta, _))) = records.first() {
                bulk.push((parent, name), meta, None);
                let is_twice = matches!(bulk.finish(), Err(Unfit::Twice(path)) if path == Path::join(parent, name));
                prop_assert!(is_twice, "a second record of a key is found");
            }
        }
    }

    #[test]
    fn a_packed_meta_reads_back(meta in metas(), behind in proptest::collection::vec(any::<u8>(), 0..12)) {
        let packed = record::PackedMeta::of(&meta);
        let bytes = [packed.as_bytes(), &behind].concat();
        let (mut read_to, mut skipped_to) = (0, 0);
        prop_assert_eq!(record::read_meta(&bytes, &mut read_to, packed.flags), meta);
        record::skip_meta(&bytes, &mut skipped_to, packed.flags);
        prop_assert_eq!((read_to, skipped_to), (packed.as_bytes().len(), packed.as_bytes().len()));
    }

    #[test]
    fn an_integer_of_any_length_reads_back(
        value in (0..64u32, any::<u64>()).prop_map(|(shift, value)| (value >> shift) as usize),
        behind in proptest::collection::vec(any::<u8>(), 0..12),
    ) {
        let mut bytes = vec![];
        record::write_varint(value, &mut bytes);
        let (end, mut at) = (bytes.len(), 0);
        bytes.extend_from_slice(&behind);
        prop_assert_eq!(record::read_varint(&bytes, &mut at), value as u64);
        prop_assert_eq!(at, end);
    }
}

fn filled(names: impl Iterator<Item = u32>) -> Store {
    let mut store = Store::new(1024);
    let meta = Meta { stat: ZERO, acl: AclId(0), children: 0 };
    for name in names {
        store.insert((b"/a", format!("{name:06}").as_bytes()), Some(b"0123456789"), || meta.clone());
    }
    store
}

#[test]
fn pages_stay_full_when_keys_ascend_and_half_full_otherwise() {
    let pages = |store: &Store| store.clone().into_pages().count();
    let ascending = pages(&filled(0..2000));
    let per_page = 2000 / ascending;
    assert!(per_page * 26 > 1024 * 9 / 10, "{per_page} records of 25 bytes in a page of 1024");
    assert!(pages(&filled((0..2000).rev())) <= ascending * 9 / 4);
    assert!(pages(&filled((0..2000).map(|i| i * 7919 % 2000))) <= ascending * 9 / 4);
}

#[test]
fn pages_stay_full_when_the_keys_below_each_of_many_parents_ascend() {
    let mut store = Store::new(1024);
    let meta = Meta { stat: ZERO, acl: AclId(0), children: 0 };
    for (name, parent) in (0..400u32).flat_map(|name| (0..20u32).map(move |parent| (name, parent))) {
        let key = (format!("/{parent:02}"), format!("{name:06}"));
        assert!(store.insert((key.0.as_bytes(), key.1.as_bytes()), Some(b"0123456789"), || meta.clone()));
    }
    check_structure(&store);
    let per_page = 8000 / store.into_pages().count();
    assert!(per_page * 26 > 1024 * 8 / 10, "{per_page} records of 25 bytes in a page of 1024");
}

#[test]
fn a_queue_keeps_no_pages_of_what_was_taken() {
    let mut store = Store::new(256);
    let meta = Meta { stat: ZERO, acl: AclId(0), children: 0 };
    for i in 0..3000u32 {
        store.insert((b"/queue", format!("{i:010}").as_bytes()), Some(b"work"), || meta.clone());
        if i >= 10 {
            let taken = format!("{:010}", i - 10);
            store.remove((b"/queue", taken.as_bytes()), |_| ()).expect("it stood there");
        }
    }
    check_structure(&store);
    assert!(store.into_pages().count() <= 4, "ten records need few pages");
}

#[test]
fn a_change_copies_only_the_pages_on_its_way() {
    let before = filled(0..2000);
    let mut after = before.clone();
    after.update((b"/a", b"001000"), DataEdit::Set(Some(b"9876543210")), |_, _| ()).expect("it is there");
    let leaves = |store: &Store| store.clone().into_pages().map(|page| Arc::as_ptr(&page.0) as usize).collect();
    let (before, after): (BTreeSet<usize>, BTreeSet<usize>) = (leaves(&before), leaves(&after));
    assert_eq!(before.difference(&after).count(), 1);
}
