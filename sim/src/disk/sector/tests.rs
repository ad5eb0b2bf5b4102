use super::*;

/// Chooses the largest or the smallest number each time.
fn all(bound: u64) -> u64 {
    bound - 1
}

fn none(_: u64) -> u64 {
    0
}

fn written(disk: &mut SectorDisk, path: &str, bytes: &[u8]) -> FileId {
    let file = disk.create(path).unwrap();
    disk.write_at(file, 0, bytes).unwrap();
    file
}

fn file(disk: &SectorDisk, path: &str) -> Option<Vec<u8>> {
    disk.files().find(|(name, _)| *name == path).map(|(_, bytes)| bytes)
}

#[test]
fn a_name_needs_a_synced_directory_and_content_a_synced_file() {
    let mut disk = SectorDisk::new();
    let a = written(&mut disk, "a", b"content");
    disk.sync(a).unwrap();
    let mut nameless = disk.clone();
    nameless.crash_at(nameless.position(), &mut none);
    assert_eq!(file(&nameless, "a"), None);
    disk.sync_dir("").unwrap();
    disk.write_at(a, 0, b"CONTENT, longer").unwrap();
    let mut lost = disk.clone();
    lost.crash_at(lost.position(), &mut none);
    assert_eq!(file(&lost, "a").unwrap(), b"content");
    disk.crash_at(disk.position(), &mut all);
    assert_eq!(file(&disk, "a").unwrap(), b"CONTENT, longer");
}

#[test]
fn a_crash_cuts_at_any_call_behind_what_is_settled() {
    let mut disk = SectorDisk::new();
    let a = written(&mut disk, "a", b"1");
    disk.sync(a).unwrap();
    disk.sync_dir("").unwrap();
    let before = disk.position();
    disk.write_at(a, 0, b"2").unwrap();
    disk.sync(a).unwrap();
    let mut early = disk.clone();
    early.crash_at(before, &mut all);
    assert_eq!(file(&early, "a").unwrap(), b"1");
    disk.settle(disk.position());
    disk.crash(&mut none);
    assert_eq!(file(&disk, "a").unwrap(), b"2");
}

#[test]
fn sectors_survive_one_by_one_and_may_be_torn() {
    let mut disk = SectorDisk::new();
    let a = written(&mut disk, "a", &[1; 1024]);
    disk.sync(a).unwrap();
    disk.sync_dir("").unwrap();
    disk.write_at(a, 0, &[2; 1024]).unwrap();
    // The first sector is torn after 100 bytes, the second is old, the length is new.
    let mut choices = [1, 0, 100, 0, 1].into_iter();
    disk.crash_at(disk.position(), &mut |_| choices.next().unwrap());
    let mut expected = vec![2; 100];
    expected.resize(1024, 1);
    assert_eq!(file(&disk, "a").unwrap(), expected);
}

#[test]
fn a_strict_disk_keeps_any_subset_of_names() {
    let mut disk = SectorDisk::new();
    disk.strict = true;
    let a = written(&mut disk, "a", b"x");
    disk.sync(a).unwrap();
    disk.rename("a", "b").unwrap();
    // The rename survives, the creation does not.
    let mut choices = [0, 1].into_iter();
    disk.crash_at(disk.position(), &mut |_| choices.next().unwrap());
    assert_eq!(file(&disk, "b").unwrap(), b"x");
}

#[test]
fn a_shortened_file_shows_zeros_when_it_grows_again() {
    let mut disk = SectorDisk::new();
    let a = written(&mut disk, "a", &[7; 1000]);
    disk.set_len(a, 10).unwrap();
    disk.allocate(a, 2000).unwrap();
    let bytes = file(&disk, "a").unwrap();
    assert_eq!(bytes.len(), 2000);
    assert_eq!(bytes[..10], [7; 10]);
    assert!(bytes[10..].iter().all(|b| *b == 0));
}

#[test]
fn faults_are_reported_where_they_strike() {
    let mut disk = SectorDisk::new();
    disk.faults.capacity = Some(10);
    let a = written(&mut disk, "a", b"12345");
    assert_eq!(disk.write_at(a, 5, b"678901"), Err(VfsError::Full));
    disk.faults = Faults { capacity: None, fails_after: Some((1, DiskFault::Sync)) };
    assert_eq!(disk.sync(a), Ok(()));
    assert_eq!(disk.sync(a), Err(VfsError::Io));
    disk.rot("a", 0, 0x80);
    assert_eq!(file(&disk, "a").unwrap()[0], b'1' ^ 0x80);
}
