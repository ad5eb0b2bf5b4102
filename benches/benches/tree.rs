//! The znode tree at a million znodes: bytes per znode, costs of reads and changes, frozen or not,
//! bulk build; and the tiny trees of explorers.
//!
//! The million: 1,000 directories of 1,000 znodes, 27-byte paths, 100 bytes of data.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Instant;
use zabra_core::id::Zxid;
use zabra_core::tree::{AclList, Builder, Create, DataTree, Database, Owner, path};
use zabra_core::wire::txn::{CreateTxn, SetDataTxn, TxnHeader};
use zabra_core::wire::{Jute, Op};

const DIRECTORIES: u64 = 1000;
const ZNODES: u64 = 1_000_000;
const DATA: [u8; 100] = [b'x'; 100];

fn directory(i: u64) -> Vec<u8> {
    format!("/bench-dir-{i:04}").into_bytes()
}

fn znode(i: u64) -> Vec<u8> {
    format!("/bench-dir-{:04}/node-{:06}", i / (ZNODES / DIRECTORIES), i % (ZNODES / DIRECTORIES)).into_bytes()
}

fn header(zxid: u64, op: i32) -> TxnHeader {
    let time = 1_700_000_000_000 + zxid as i64 / 10;
    TxnHeader { session: 0x0100_0000_0000_0001, cxid: 1, zxid: (1 << 32) + zxid as i64, time, op }
}

fn create(zxid: u64, path: &[u8], parent_cversion: i32) -> Vec<u8> {
    let mut bytes = header(zxid, Op::CREATE).to_bytes();
    let body = CreateTxn { path, data: Some(&DATA), acl: None, ephemeral: false, parent_cversion };
    body.encode(&mut bytes);
    bytes
}

fn set(zxid: u64, path: &[u8]) -> Vec<u8> {
    let mut bytes = header(zxid, Op::SET_DATA).to_bytes();
    SetDataTxn { path, data: Some(&DATA), version: zxid as i32 & 0xff }.encode(&mut bytes);
    bytes
}

/// A permutation of 0..n for a prime step.
fn scattered(i: u64) -> u64 {
    i.wrapping_mul(7_368_787) % ZNODES
}

fn filled(order: impl Fn(u64) -> u64) -> Database {
    let mut database = Database::new();
    let mut zxid = 0;
    for i in 0..DIRECTORIES {
        zxid += 1;
        database.apply_bytes(&create(zxid, &directory(i), -1)).expect("a transaction");
    }
    for i in 0..ZNODES {
        zxid += 1;
        let bytes = create(zxid, &znode(order(i)), -1);
        let applied = database.apply_bytes(&bytes).expect("a transaction");
        assert_eq!(applied.outcome.err, 0);
    }
    database
}

fn rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
}

/// Printed once: what is a size or takes seconds.
fn report() -> Database {
    let fill = |name: &str, order: fn(u64) -> u64| {
        let (before, start) = (rss_bytes(), Instant::now());
        let database = filled(order);
        let nanos = start.elapsed().as_nanos() as u64 / ZNODES;
        let bytes = (rss_bytes() - before) / ZNODES;
        println!("{name}: {bytes} bytes per znode, {nanos} ns per create (encoding included)");
        database
    };
    let database = fill("filled in order", |i| i);
    drop(fill("filled scattered", scattered));
    let start = Instant::now();
    let pages = database.tree().clone().into_pages();
    let mut builder = Builder::new();
    let mut path = Vec::new();
    for page in pages {
        for entry in page.entries() {
            path.clear();
            entry.write_path(&mut path);
            let znode = &entry.znode;
            builder.push(&path, znode.data(), znode.acl(), znode.persisted().clone()).expect("key order");
        }
    }
    let built = builder.finish().expect("a tree");
    println!("bulk build of {} znodes: {} ms", built.len(), start.elapsed().as_millis());
    assert_eq!(built.digests(), database.digests());
    let start = Instant::now();
    drop(built);
    println!("drop: {} ms", start.elapsed().as_millis());
    database
}

fn million(c: &mut Criterion) {
    let mut database = report();
    let mut next = 0;
    let mut scatter = || {
        next += 1;
        znode(scattered(next))
    };
    c.bench_function("get scattered", |b| {
        b.iter_batched(&mut scatter, |path| black_box(database.tree().get(&path).is_some()), BatchSize::SmallInput)
    });
    c.bench_function("get hot", |b| {
        let mut i = 0;
        b.iter_batched(
            || {
                i += 1;
                znode(i % 1000)
            },
            |path| black_box(database.tree().get(&path).map(|znode| znode.stat())),
            BatchSize::SmallInput,
        )
    });
    c.bench_function("children of one directory of 1000", |b| {
        let path = directory(500);
        b.iter(|| black_box(database.tree().children(&path).map(<[u8]>::len).sum::<usize>()))
    });
    let mut zxid = 2_000_000;
    let mut next_set = |path: Vec<u8>| {
        zxid += 1;
        set(zxid, &path)
    };
    c.bench_function("set scattered", |b| {
        b.iter_batched(
            || next_set(scatter()),
            |bytes| drop(black_box(database.apply_bytes(&bytes).is_ok())),
            BatchSize::SmallInput,
        )
    });
    let frozen = database.clone();
    c.bench_function("set scattered while frozen", |b| {
        b.iter_batched(
            || next_set(scatter()),
            |bytes| drop(black_box(database.apply_bytes(&bytes).is_ok())),
            BatchSize::SmallInput,
        )
    });
    drop(frozen);
    c.bench_function("freeze", |b| b.iter(|| black_box(database.clone())));
}

fn tiny(c: &mut Criterion) {
    for (znodes, page_bytes) in [(4, 256), (32, 256), (4, 4096), (32, 4096)] {
        let mut tree = DataTree::with_page_bytes(page_bytes);
        let open = AclList::open();
        for i in 0..znodes {
            let path = format!("/n{i:02}").into_bytes();
            path::validate(&path).expect("a path");
            let zxid = Zxid(i + 1);
            let create = Create {
                path: &path,
                data: Some(b"0123456789abcdef"),
                acl: open.raw(),
                owner: Owner::Nobody,
                parent_cversion: -1,
                zxid,
                time: 1,
            };
            tree.create(&create).expect("no such znode");
        }
        let database = Database::from_parts(tree, [], Zxid(znodes));
        let bytes = set(100, b"/n02");
        let name = format!("tiny tree of {znodes} in pages of {page_bytes}: clone and set");
        c.bench_function(&name, |b| {
            b.iter(|| {
                let mut copy = database.clone();
                drop(black_box(copy.apply_bytes(&bytes).is_ok()));
                copy
            })
        });
    }
}

criterion_group! {
    name = tree;
    config = Criterion::default().sample_size(20).measurement_time(std::time::Duration::from_secs(2));
    targets = tiny, million
}
criterion_main!(tree);
