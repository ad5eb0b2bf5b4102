//! Damage that no crash explains is refused, with file, offset and what to do; a torn tail is cut
//! (contract section 3).

#![expect(clippy::disallowed_methods, reason = "golden files are read, outside any simulated run")]

#[path = "storage/apache.rs"]
mod apache;
#[path = "storage/pair.rs"]
#[expect(dead_code, reason = "only the records are used here")]
mod pair;

use zabra_core::id::{Epoch, Zxid};
use zabra_core::log::name::INITIALIZE;
use zabra_core::log::{LoadError, Note, StorageAction, Store, Vfs};
use zabra_core::wire::Op;
use zabra_sim::disk::SectorDisk;

/// A disk with three batches of two records in one segment, all synced.
fn written() -> SectorDisk {
    let mut disk = SectorDisk::new();
    disk.put(INITIALIZE, b"");
    let (mut store, _) = Store::open(disk, pair::limits()).map_err(|(_, error)| error).unwrap();
    let mut do_all = |actions: Vec<StorageAction>| actions.iter().for_each(|action| store.perform(action).unwrap());
    do_all(vec![StorageAction::SaveAccepted(Epoch(1)), StorageAction::Sync]);
    for batch in [[4, 8], [12, 16], [20, 24]] {
        let append = batch.map(|counter| StorageAction::Append(small(counter)));
        do_all(append.into_iter().chain([StorageAction::Sync]).collect());
    }
    let mut disk = store.into_vfs();
    disk.crash_at(disk.position(), &mut |bound: u64| bound - 1);
    disk
}

/// The records are numbered 4, 8, … by the caller, for each of them is short; here from 1.
fn small(counter: u32) -> zabra_core::log::Record {
    let short = pair::record(Zxid::new(Epoch(1), counter));
    let mut bytes = short.bytes.to_vec();
    let zxid = Zxid::new(Epoch(1), counter / 4);
    bytes[12..20].copy_from_slice(&zxid.0.to_be_bytes());
    zabra_core::log::Record { zxid, bytes: bytes.into() }
}

const LOG: &str = "version-2/log.100000001";

/// Where the record with this number, from 0, starts.
fn offset_of(number: u32) -> u64 {
    16 + (1..=number).map(|counter| small(counter * 4).bytes.len() as u64 + 13).sum::<u64>()
}

fn log_of(disk: SectorDisk) -> Result<(Vec<u32>, Vec<Note>), LoadError> {
    let (_, recovered, notes) = apache::open(disk)?;
    Ok((recovered.log.iter().map(|record| record.zxid.counter()).collect(), notes))
}

#[test]
fn an_undamaged_log_is_read_whole() {
    assert_eq!(log_of(written()).unwrap(), (vec![1, 2, 3, 4, 5, 6], vec![]));
}

#[test]
fn damage_before_the_newest_mark_is_refused_with_file_offset_and_repair() {
    // The newest mark is at the start of the third batch.
    for record in 0..4 {
        let offset = offset_of(record);
        let mut disk = written();
        disk.rot(LOG, offset + 30, 0x10);
        let error = log_of(disk).unwrap_err();
        let expected = LoadError::Rot { file: LOG.into(), offset, expected: "a record with its checksum" };
        assert_eq!(error, expected);
        let text = error.to_string();
        assert!(text.starts_with(&format!("{LOG}: offset {offset}: expected a record with its checksum")), "{text}");
        assert!(text.contains("Repair: "), "{text}");
    }
}

#[test]
fn damage_in_the_newest_batch_is_a_torn_tail() {
    let mut disk = written();
    disk.rot(LOG, offset_of(5) + 30, 0x10);
    let note = Note::TornTail { file: LOG.into(), offset: offset_of(5) };
    assert_eq!(log_of(disk).unwrap(), (vec![1, 2, 3, 4, 5], vec![note]));
}

#[test]
fn zeros_where_acknowledged_records_stood_are_refused() {
    let mut disk = written();
    let file = disk.open(LOG).unwrap();
    let offset = offset_of(2);
    disk.write_at(file, offset, &vec![0; (offset_of(6) - offset) as usize]).unwrap();
    assert_eq!(log_of(disk).unwrap_err(), LoadError::Rot { file: LOG.into(), offset, expected: "a record" });
}

/// A log in which a record of this operation has the zxid of the record before it.
fn repeating(op: i32) -> SectorDisk {
    let (mut store, ..) = apache::open(written()).unwrap();
    let mut again = small(24);
    let mut bytes = again.bytes.to_vec();
    bytes[28..32].copy_from_slice(&op.to_be_bytes());
    again.bytes = bytes.into();
    for action in [StorageAction::Append(again), StorageAction::Append(small(28)), StorageAction::Sync] {
        store.perform(&action).unwrap();
    }
    store.into_vfs()
}

#[test]
fn an_error_that_repeats_a_zxid_as_apaches_do_is_passed_over() {
    assert_eq!(log_of(repeating(Op::ERROR)).unwrap().0, vec![1, 2, 3, 4, 5, 6, 7]);
    let (mut store, ..) = apache::open(repeating(Op::ERROR)).unwrap();
    let [from, to] = [5, 7].map(|counter| Zxid::new(Epoch(1), counter));
    let read = store.read_log(from, to).unwrap();
    assert_eq!(read.iter().map(|record| record.zxid.counter()).collect::<Vec<_>>(), [5, 6, 7]);
}

#[test]
fn a_write_that_repeats_a_zxid_is_refused() {
    let (after, found) = (Zxid::new(Epoch(1), 6), Zxid::new(Epoch(1), 6));
    assert!(
        matches!(log_of(repeating(Op::SET_DATA)), Err(LoadError::Gap { after: a, found: f, .. }) if (a, f) == (after, found))
    );
}

#[test]
fn a_missing_file_is_a_gap_and_not_an_end() {
    let mut disk = written();
    let (mut store, recovered, _) = apache::open(disk).unwrap();
    let next = small(28);
    assert_eq!(recovered.history_end().next(), Some(next.zxid));
    store.perform(&StorageAction::Append(next)).unwrap();
    store.perform(&StorageAction::Sync).unwrap();
    disk = store.into_vfs();
    disk.remove(LOG).unwrap();
    let error = log_of(disk).unwrap_err();
    let (after, found) = (Zxid::ZERO, Zxid::new(Epoch(1), 7));
    assert_eq!(error, LoadError::Gap { file: "version-2/log.100000007".into(), offset: 16, after, found });
}

#[test]
fn without_a_mark_damage_followed_by_an_intact_record_is_rot_and_damage_at_the_end_is_torn() {
    let first = "version-2/log.28";
    for (at, torn) in [(60, false), (16, false)] {
        let mut disk = apache::golden("apache-3.9.5");
        disk.rot(first, at, 0x55);
        assert_eq!(log_of(disk).is_ok(), torn, "damage at {at}");
    }
    let mut disk = apache::golden("apache-3.9.5");
    let end = disk.files().find(|(name, _)| *name == first).map(|(_, bytes)| bytes.iter().rposition(|b| *b != 0));
    let end = end.flatten().expect("the log has bytes") as u64;
    disk.rot(first, end, 0xff);
    let (_, notes) = log_of(disk).unwrap();
    assert!(matches!(&notes[..], [Note::TornTail { file, .. }] if file == first), "{notes:?}");
}

#[test]
fn a_damaged_file_that_is_not_the_last_is_refused() {
    let mut disk = apache::golden("apache-3.9.5");
    let name = "version-2/log.18";
    let end = disk.files().find(|(file, _)| *file == name).map(|(_, bytes)| bytes.iter().rposition(|b| *b != 0));
    disk.rot(name, end.flatten().expect("the log has bytes") as u64, 0xff);
    disk.rot("version-2/snapshot.26", 40, 0xff);
    let error = log_of(disk).unwrap_err();
    assert!(matches!(&error, LoadError::Rot { file, .. } if file == name), "{error}");
}

#[test]
fn a_damaged_snapshot_is_passed_over_while_the_log_reaches_as_far() {
    let whole = apache::open(apache::golden("apache-3.9.5")).unwrap().1;
    let mut disk = apache::golden("apache-3.9.5");
    disk.rot("version-2/snapshot.26", 200, 0xff);
    let (_, recovered, notes) = apache::open(disk).unwrap();
    assert!(matches!(&notes[..], [Note::SnapshotSkipped { file, .. }] if file.ends_with("snapshot.26")), "{notes:?}");
    assert_eq!(recovered.history_end(), whole.history_end());

    let mut disk = apache::golden("apache-3.9.5");
    disk.rot("version-2/snapshot.26", 200, 0xff);
    disk.remove("version-2/log.18").unwrap();
    disk.remove("version-2/log.28").unwrap();
    let error = log_of(disk).unwrap_err();
    assert!(matches!(error, LoadError::SnapshotDamaged { .. }), "{error}");
}

#[test]
fn logs_without_a_snapshot_are_refused() {
    let mut disk = written();
    disk.remove("version-2/snapshot.0").unwrap();
    assert_eq!(log_of(disk).unwrap_err(), LoadError::NoSnapshot { log: LOG.into() });
}

#[test]
fn contradicting_epochs_are_refused() {
    let mut disk = written();
    disk.remove("version-2/acceptedEpoch").unwrap();
    disk.remove("version-2/currentEpoch").unwrap();
    disk.crash_at(disk.position(), &mut |bound: u64| bound - 1);
    disk.put("version-2/acceptedEpoch", b"1");
    disk.put("version-2/currentEpoch", b"2\n");
    assert!(matches!(log_of(disk).unwrap_err(), LoadError::EpochsContradict { .. }));
}
