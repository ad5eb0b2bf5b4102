use super::*;

fn record(counter: u32) -> Record {
    Record { zxid: Zxid::new(Epoch(1), counter), bytes: Arc::from([counter as u8]) }
}

fn append(counter: u32) -> StorageAction {
    StorageAction::Append(record(counter))
}

fn counters(recovered: &Recovered) -> Vec<u32> {
    recovered.log.iter().map(|record| record.zxid.counter()).collect()
}

#[test]
fn a_new_disk_is_intact_and_empty() {
    let disk = RecordDisk::new();
    assert_eq!(disk.recover(), Recovered::empty());
    assert_eq!(disk.durable(), DurableState::default());
    assert!(!disk.completable());
}

#[test]
fn completion_takes_one_barrier_and_counts_what_became_durable() {
    let mut disk = RecordDisk::new();
    disk.issue(append(1));
    disk.issue(StorageAction::SaveAccepted(Epoch(1)));
    assert!(!disk.completable());
    disk.issue(StorageAction::Sync);
    disk.issue(append(2));
    disk.issue(StorageAction::Sync);
    assert!(disk.completable());
    assert_eq!(disk.complete(), 2);
    assert_eq!(counters(&disk.recover()), [1]);
    assert_eq!(disk.complete(), 1);
    assert_eq!(disk.durable().history_end, Zxid::new(Epoch(1), 2));
    assert_eq!(disk.complete(), 0);
}

#[test]
fn a_crash_keeps_any_prefix_per_file_before_the_barrier_and_nothing_behind_it() {
    let mut disk = RecordDisk::new();
    disk.issue(append(1));
    disk.issue(append(2));
    disk.issue(StorageAction::SaveCurrent(Epoch(1)));
    disk.issue(StorageAction::Sync);
    disk.issue(append(3));
    let choices = disk.crash_choices();
    assert_eq!(choices.len(), 6);
    let images: Vec<_> = choices.iter().map(|keep| disk.clone().crash(*keep)).collect();
    assert!(images.iter().any(|image| counters(image) == [1] && image.current == Epoch(1)));
    assert!(images.iter().all(|image| !counters(image).contains(&3)));
}

#[test]
fn equal_outcomes_are_offered_once() {
    let mut disk = RecordDisk::new();
    disk.issue(append(1));
    disk.issue(StorageAction::Truncate { after: Zxid::ZERO });
    assert_eq!(disk.crash_choices().len(), 2);
}

#[test]
fn a_checkpoint_becomes_the_image_and_the_log_stays() {
    let mut disk = RecordDisk::new();
    disk.issue(append(1));
    disk.issue(StorageAction::Sync);
    disk.complete();
    disk.issue(StorageAction::Checkpoint(Image::default()));
    assert_eq!(disk.checkpointing(), Some(Zxid::ZERO));
    assert_eq!(disk.complete_checkpoint(), Some((Zxid::ZERO, 0)));
    assert_eq!(disk.checkpointing(), None);
    assert_eq!(counters(&disk.recover()), [1]);
}

#[test]
fn an_install_empties_the_log_and_supersedes_a_running_checkpoint() {
    let mut disk = RecordDisk::new();
    disk.issue(append(1));
    disk.issue(StorageAction::Sync);
    disk.complete();
    disk.issue(StorageAction::Checkpoint(Image::default()));
    disk.issue(StorageAction::Install(Image::default()));
    disk.issue(StorageAction::Sync);
    assert_eq!(disk.crash_choices().len(), 2);
    assert_eq!(disk.complete(), 1);
    assert_eq!(disk.complete_checkpoint(), Some((Zxid::ZERO, 0)));
    assert_eq!(counters(&disk.recover()), [0u32; 0]);
}

#[test]
fn a_destroyed_disk_is_lost_until_a_synchronization_is_complete() {
    let mut disk = RecordDisk::new();
    disk.destroy();
    for action in [StorageAction::SaveAccepted(Epoch(3)), append(1), StorageAction::Sync] {
        disk.issue(action);
    }
    disk.complete();
    let found = disk.clone().crash(Survivors::default());
    assert_eq!(found.standing, Standing::Lost);
    assert_eq!(found.accepted, Epoch(3));
    assert_eq!(counters(&found), [0u32; 0]);

    disk.issue(StorageAction::SaveCurrent(Epoch(3)));
    disk.issue(StorageAction::Sync);
    disk.complete();
    assert_eq!(disk.recover().standing, Standing::Intact);
    assert_eq!(counters(&disk.recover()), [1]);
}

#[test]
fn the_log_is_read_through_what_is_not_yet_durable() {
    let mut disk = RecordDisk::new();
    disk.issue(append(1));
    disk.issue(StorageAction::Sync);
    disk.complete();
    disk.issue(append(2));
    disk.issue(append(3));
    let zxid = |counter| Zxid::new(Epoch(1), counter);
    let read = |disk: &RecordDisk, after, until| -> Vec<u32> {
        disk.read_log(after, until).iter().map(|record| record.zxid.counter()).collect()
    };
    assert_eq!(read(&disk, zxid(1), zxid(2)), [1, 2]);
    assert_eq!(read(&disk, zxid(1), zxid(9)), [1, 2, 3]);
    assert_eq!(read(&disk, Zxid::ZERO, zxid(9)), [0u32; 0], "the log does not hold it");
}
