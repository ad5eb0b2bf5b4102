//! Apache ZooKeeper's files, read by the store; and what the store writes, for Apache's tools.
//!
//! The goldens are recorded by `core/tests/apache/record.sh`, from real servers. The other way round
//! needs Java and ZooKeeper's jars (`storage/java.rs` says where they are looked for), or the test is
//! skipped.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "golden files are read, and Apache's tools are run, outside any simulated run"
)]

#[path = "storage/apache.rs"]
mod apache;
#[path = "storage/java.rs"]
mod java;

use java::{DataDirectory, Java};
use zabra_core::id::{SessionId, Zxid};
use zabra_core::log::{Image, Note, Record, Recovered, StorageAction, Store, StoreLimits};
use zabra_core::tree::Database;
use zabra_core::wire::Op;
use zabra_sim::disk::SectorDisk;

const SERVERS: [&str; 2] = ["apache-3.9.5", "apache-3.8.0"];

/// Applies the log behind the image, comparing each transaction's digest with Apache's.
fn replay(recovered: &Recovered) -> Database {
    let mut database = (*recovered.image).clone();
    for record in recovered.log.iter().filter(|record| record.zxid > recovered.image.zxid()) {
        let applied = database.apply_bytes(&record.bytes).expect("Apache's transactions are decoded");
        let (op, digest) = (applied.header.op, applied.digest);
        match digest {
            Some(digest) => assert_eq!(digest.digest as u64, database.digests().apache, "after {record:?}"),
            None => assert_eq!(op, Op::ERROR, "{record:?}: only a failed write carries no digest"),
        }
    }
    database
}

#[test]
fn apache_directories_are_recovered_with_equal_digests() {
    for server in SERVERS {
        let (_, recovered, notes) = apache::open(apache::golden(server)).unwrap_or_else(|e| panic!("{server}: {e}"));
        assert_eq!(notes, [], "{server}");
        assert_eq!(recovered.history_end(), Zxid(LAST), "{server}");
        let database = replay(&recovered);
        for life in ["/first", "/second"] {
            let data = |name: &str| database.tree().get(format!("{life}{name}").as_bytes()).and_then(|z| z.data());
            assert_eq!(data("/data"), Some(&b"four"[..]), "{server}");
            assert_eq!(data("/multi"), Some(&b"m"[..]), "{server}");
            assert_eq!(data("/seq-0000000002"), Some(&b"0"[..]), "{server}");
            assert_eq!(data("/empty"), None, "{server}: a multi deleted it");
            assert_eq!(data("/never"), None, "{server}: its multi failed");
            assert_eq!(data("/fleeting"), None, "{server}: its session was closed");
        }
    }
}

/// The last zxid of both recordings.
const LAST: u64 = 0x2e;

#[test]
fn every_snapshot_of_apache_replays_to_the_same_state() {
    for server in SERVERS {
        let whole = replay(&apache::open(apache::golden(server)).unwrap().1);
        let snapshots: Vec<String> = apache::golden(server)
            .files()
            .filter(|(name, _)| name.contains("snapshot."))
            .map(|(name, _)| name.to_string())
            .collect();
        for kept in &snapshots {
            let mut disk = SectorDisk::new();
            for (name, bytes) in apache::golden(server).files() {
                if !name.contains("snapshot.") || name == kept {
                    disk.put(name, &bytes);
                }
            }
            let (_, recovered, notes) = apache::open(disk).unwrap_or_else(|e| panic!("{server} from {kept}: {e}"));
            assert_eq!(notes, [], "{server} from {kept}");
            assert_eq!(replay(&recovered), whole, "{server} from {kept}");
        }
    }
}

#[test]
fn a_log_of_apache_is_read_from_any_of_its_records() {
    let (mut store, recovered, _) = apache::open(apache::golden("apache-3.9.5")).unwrap();
    let all = store.read_log(Zxid(1), Zxid(u64::MAX)).unwrap();
    assert_eq!(all.len() as u64, LAST);
    assert_eq!(all[all.len() - recovered.log.len()..], recovered.log);
    let some: Vec<u64> = store.read_log(Zxid(0x16), Zxid(0x19)).unwrap().iter().map(|record| record.zxid.0).collect();
    assert_eq!(some, [0x16, 0x17, 0x18, 0x19]);
    assert_eq!(store.read_log(Zxid(0), Zxid(5)).unwrap(), []);
}

/// What Zabra writes: Apache's own transactions again, half of them under a snapshot.
fn written_by_zabra() -> SectorDisk {
    let (mut apache, recovered, _) = apache::open(apache::golden("apache-3.9.5")).unwrap();
    let records: Vec<Record> = apache.read_log(Zxid(1), Zxid(u64::MAX)).unwrap();
    assert_eq!(records.last().map(|record| record.zxid), Some(recovered.history_end()));
    let mut disk = SectorDisk::new();
    disk.put("initialize", b"");
    let limits = StoreLimits { segment_bytes: 12 * 1024, ..StoreLimits::default() };
    let (mut store, _) = Store::open(disk, limits).map_err(|(_, error)| error).unwrap();
    let mut database = Database::new();
    for (i, record) in records.into_iter().enumerate() {
        database.apply_bytes(&record.bytes).unwrap();
        store.perform(&StorageAction::Append(record)).unwrap();
        if i % 5 == 0 || database.zxid() == Zxid(0x1c) {
            store.perform(&StorageAction::Sync).unwrap();
        }
        if database.zxid() == Zxid(0x1c) {
            store.perform(&StorageAction::Checkpoint(Image::new(database.clone()))).unwrap();
            while store.advance_checkpoint().unwrap().is_none() {}
        }
    }
    store.perform(&StorageAction::Sync).unwrap();
    assert!(database.sessions().all(|(session, _)| session != SessionId::NONE));
    store.into_vfs()
}

/// The goldens of what Zabra writes. `UPDATE=1` records them anew.
#[test]
fn what_zabra_writes_has_not_changed() {
    let dir = format!("{}/../core/tests/golden/zabra", env!("CARGO_MANIFEST_DIR"));
    let disk = written_by_zabra();
    let files: Vec<(&str, Vec<u8>)> =
        disk.files().filter_map(|(name, bytes)| Some((name.strip_prefix("version-2/")?, bytes))).collect();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(&dir).unwrap();
        files.iter().for_each(|(name, bytes)| std::fs::write(format!("{dir}/{name}"), bytes).unwrap());
    }
    let golden = apache::load(&dir);
    let names: Vec<&str> = golden.files().filter_map(|(name, _)| name.strip_prefix("version-2/")).collect();
    assert_eq!(names, files.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for ((name, expected), (_, written)) in golden.files().zip(&files) {
        assert!(expected == *written, "{name} differs from core/tests/golden/zabra (UPDATE=1 records it anew)");
    }
}

#[test]
fn zabra_reads_what_it_wrote_and_what_apache_wrote_alike() {
    let theirs = replay(&apache::open(apache::golden("apache-3.9.5")).unwrap().1);
    let (_, recovered, notes): (_, Recovered, Vec<Note>) = apache::open(written_by_zabra()).unwrap();
    assert_eq!(notes, []);
    assert_eq!(recovered.image.zxid(), Zxid(0x1c));
    assert_eq!(recovered.log.first().map(|record| record.zxid), Some(Zxid(1)), "the window reaches back");
    assert_eq!(replay(&recovered), theirs);
}

/// Apache's own tools and server on what Zabra wrote; then Zabra on what Apache made of it.
#[test]
fn apache_dumps_and_boots_what_zabra_wrote() {
    let theirs = replay(&apache::open(apache::golden("apache-3.9.5")).unwrap().1);
    for java in Java::all() {
        let (from, data) = (&java.from, DataDirectory::of(written_by_zabra().files()));
        for log in ["log.1", "log.1d"] {
            let dump = java.run("org.apache.zookeeper.server.persistence.TxnLogToolkit", &["-d", &data.file(log)]);
            assert!(dump.contains("EOF reached after"), "{from}: {log}: {dump}");
            assert!(!dump.contains("CRC ERROR"), "{from}: {log}: {dump}");
        }
        let dump = java.run("org.apache.zookeeper.server.SnapshotFormatter", &[&data.file("snapshot.1c")]);
        assert!(dump.contains("/first/data") && dump.contains("Last zxid: 0x1c"), "{from}: {dump}");

        let server = java.serve(&data);
        let report = server.report().expect("it serves");
        assert!(report.contains("Zxid: 0x2e"), "{from}: {report}");
        // Java counts the root twice: as "" and as "/".
        assert!(report.contains(&format!("Node count: {}", theirs.tree().len() + 1)), "{from}: {report}");
        let counters = server.answer("mntr").expect("it serves");
        assert!(counters.contains("zk_digest_mismatches_count\t0\n"), "{from}: {counters}");
        drop(server);
        let (_, recovered, notes) =
            apache::open(apache::load(&data.file(""))).unwrap_or_else(|e| panic!("{from}: {e}"));
        assert_eq!(notes, [], "{from}");
        assert_eq!(recovered.history_end(), Zxid(LAST), "{from}");
        assert_eq!(replay(&recovered).digests(), theirs.digests(), "{from}");
        eprintln!("{from}: dumped, booted and handed back what Zabra wrote; {:?}", theirs.digests());
    }
}
