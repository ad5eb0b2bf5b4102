use super::*;
use zabra_core::id::SessionId;
use zabra_core::log::Image;
use zabra_core::tree::Database;
use zabra_core::wire::records::{Acl, Id};
use zabra_core::wire::txn::{CreateTxn, TxnHeader};
use zabra_core::wire::{Jute, Op};

/// Always the same share of what there is to choose from, in hundredths.
fn share(hundredths: u64) -> impl FnMut(u64) -> u64 {
    move |bound| (bound - 1) * hundredths / 100
}

/// A create, half a sector long.
fn record(counter: u32) -> Record {
    let zxid = Zxid::new(Epoch(1), counter);
    let (path, data) = (format!("/n{counter}"), [counter as u8; 200]);
    let header = TxnHeader { session: SessionId::NONE.0, cxid: 1, zxid: zxid.to_wire(), time: 1, op: Op::CREATE };
    let acl = vec![Acl { perms: 31, id: Id { scheme: b"world", id: b"anyone" } }];
    let (path, data, acl) = (path.as_bytes(), Some(&data[..]), Some(acl));
    let mut bytes = header.to_bytes();
    CreateTxn { path, data, acl, ephemeral: false, parent_cversion: -1 }.encode(&mut bytes);
    Record { zxid, bytes: bytes.into() }
}

/// Two more records, durable; the image of them and of everything before.
fn write(disk: &mut StoredDisk, database: &mut Database) -> Image {
    for _ in 0..2 {
        let record = record(database.zxid().counter() + 1);
        database.apply_bytes(&record.bytes).expect("a create");
        disk.issue(StorageAction::Append(record));
    }
    disk.issue(StorageAction::Sync);
    disk.complete().expect("no faults");
    Image::new(database.clone())
}

/// A disk that is up, with the epoch that its records need.
fn new() -> StoredDisk {
    let limits = StoreLimits { segment_bytes: 12 << 10, piece_bytes: 300, sync_bytes: 500, ..StoreLimits::default() };
    let mut disk = StoredDisk::new(limits);
    disk.recover().expect("a new disk");
    for action in [StorageAction::SaveAccepted(Epoch(1)), StorageAction::SaveCurrent(Epoch(1)), StorageAction::Sync] {
        disk.issue(action);
    }
    disk.complete().expect("no faults");
    disk
}

#[test]
fn a_crash_comes_between_any_two_operations_of_a_recovery_and_the_next_one_finds_the_same() {
    let mut seen = 0;
    for hundredths in 0..=100 {
        let mut disk = new();
        write(&mut disk, &mut Database::new());
        disk.crash(&mut |bound| bound - 1);
        disk.falter(&mut share(hundredths)).expect("it starts");
        seen += u32::from(disk.interrupted() == [Work::Recovery]);
        disk.falter(&mut share(100 - hundredths)).expect("it starts");
        let recovered = disk.recover().expect("it starts");
        assert_eq!((recovered.history_end(), recovered.current), (record(2).zxid, Epoch(1)), "at {hundredths} %");
    }
    assert!(seen > 10, "{seen} crashes within the recovery");
}

#[test]
fn a_crash_comes_between_any_two_operations_of_a_checkpoint_and_of_the_purge_behind_it() {
    let mut struck = [0, 0];
    for (pieces, hundredths) in (1..12).flat_map(|pieces| (0..=100).map(move |hundredths| (pieces, hundredths))) {
        let (mut disk, mut database) = (new(), Database::new());
        for _ in 0..3 {
            let image = write(&mut disk, &mut database);
            disk.issue(StorageAction::Checkpoint(image));
            disk.complete_checkpoint().expect("no faults");
        }
        let image = write(&mut disk, &mut database);
        disk.issue(StorageAction::Checkpoint(image));
        for _ in 0..pieces {
            disk.advance_checkpoint();
        }
        disk.crash(&mut share(hundredths));
        struck[0] += u32::from(disk.interrupted().contains(&Work::Checkpoint));
        struck[1] += u32::from(disk.interrupted().contains(&Work::Purge));
        let recovered = disk.recover().expect("it starts");
        assert_eq!(recovered.history_end(), database.zxid(), "{pieces} pieces, at {hundredths} %");
    }
    assert!(struck.iter().all(|count| *count > 10), "{struck:?}");
}
