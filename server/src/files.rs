//! The data directory on a real disk: the one place that names `std::fs` for it.
//!
//! Two roots may stand behind the store's one tree: logs go to `dataLogDir`, everything else to
//! `dataDir` (reference/zookeeper.md section 4.1). What went wrong is logged here with the system's
//! own words, for the core's error has only its kind.
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "this is the place for files")]

use crate::packed::{self, Packed};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use zabra_core::log::name::{DIR, FileName, INITIALIZE, NEXT_SEGMENT, Suffix};
use zabra_core::log::{FileId, Vfs, VfsError};

/// Zeros are written in pieces of this size.
const ZEROS_BYTES: usize = 1 << 20;

/// A data directory of this machine.
pub struct Directory {
    data: PathBuf,
    logs: PathBuf,
    /// With their places, for what goes wrong.
    open: Vec<Option<(File, PathBuf)>>,
    /// What those of them hold that are compressed snapshots: they are only read.
    packed: BTreeMap<FileId, Packed>,
    /// Held as long as this process uses the directory.
    _lock: Vec<File>,
}

/// Why a directory cannot be used at all.
#[derive(Debug)]
pub enum Unusable {
    Io(PathBuf, io::Error),
    /// Another process uses it.
    InUse(PathBuf),
    /// Logs in the directory of snapshots, or the reverse, while the two are apart.
    Misplaced(PathBuf),
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unusable::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Unusable::InUse(path) => write!(f, "{}: another process uses this data directory", path.display()),
            Unusable::Misplaced(path) => write!(
                f,
                "{}: dataDir and dataLogDir are apart, but this file stands in the wrong one: move the logs to \
                 dataLogDir and the snapshots to dataDir",
                path.display()
            ),
        }
    }
}

impl Directory {
    /// Opens a data directory, making what is missing of it. Where there is no database yet,
    /// `autocreate` says that this is a new server and not one whose disk was lost.
    pub fn open(data: &Path, logs: &Path, autocreate: bool) -> Result<Directory, Unusable> {
        let at = |path: &Path| {
            let path = path.to_path_buf();
            move |error| Unusable::Io(path.clone(), error)
        };
        fs::create_dir_all(data).map_err(at(data))?;
        fs::create_dir_all(logs.join(DIR)).map_err(at(logs))?;
        let (data, logs) = (fs::canonicalize(data).map_err(at(data))?, fs::canonicalize(logs).map_err(at(logs))?);
        let mut roots = vec![data.clone()];
        if logs != data {
            roots.push(logs.clone());
        }
        let mut lock = Vec::new();
        for root in &roots {
            let file = File::open(root).map_err(at(root))?;
            file.try_lock().map_err(|_| Unusable::InUse(root.clone()))?;
            lock.push(file);
        }
        let directory = Directory { data, logs, open: Vec::new(), packed: BTreeMap::new(), _lock: lock };
        directory.check_places()?;
        if autocreate && directory.is_new().map_err(at(&directory.data))? {
            let flag = directory.data.join(INITIALIZE);
            File::create(&flag).map_err(at(&flag))?;
        }
        Ok(directory)
    }

    /// Whether neither a database nor a trace of one is there.
    fn is_new(&self) -> io::Result<bool> {
        for root in [&self.data, &self.logs] {
            match fs::read_dir(root.join(DIR)) {
                Ok(mut entries) => {
                    if entries.next().is_some() {
                        return Ok(false);
                    }
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn check_places(&self) -> Result<(), Unusable> {
        if self.data == self.logs {
            return Ok(());
        }
        for (root, holds_logs) in [(&self.data, false), (&self.logs, true)] {
            let dir = root.join(DIR);
            let Ok(entries) = fs::read_dir(&dir) else { continue };
            for entry in entries.flatten() {
                let name = entry.file_name().into_string().unwrap_or_default();
                match FileName::parse(&name) {
                    Some(FileName::Log(_)) if !holds_logs => return Err(Unusable::Misplaced(entry.path())),
                    Some(FileName::Snapshot(..)) if holds_logs => return Err(Unusable::Misplaced(entry.path())),
                    Some(_) | None => {}
                }
            }
        }
        Ok(())
    }

    /// Where a path of the store's tree lies.
    fn place(&self, path: &str) -> PathBuf {
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_log = name == NEXT_SEGMENT || matches!(FileName::parse(name), Some(FileName::Log(_)));
        if is_log { self.logs.join(path) } else { self.data.join(path) }
    }

    fn insert(&mut self, file: File, place: PathBuf) -> FileId {
        let free = self.open.iter().position(Option::is_none);
        let slot = free.unwrap_or_else(|| {
            self.open.push(None);
            self.open.len() - 1
        });
        self.open[slot] = Some((file, place));
        FileId(slot as u32)
    }

    fn file(&self, file: FileId) -> (&File, &Path) {
        let (file, place) = self.open[file.0 as usize].as_ref().expect("the store uses files that it has open");
        (file, place)
    }

    fn names(dir: &Path) -> io::Result<Vec<String>> {
        let names = fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        Ok(names.collect::<io::Result<Vec<_>>>()?.into_iter().flatten().collect())
    }
}

/// The core's word for an error; the system's own goes to the log.
fn told(path: &Path, doing: &str, error: &io::Error) -> VfsError {
    let kind = error.kind();
    if kind == ErrorKind::NotFound {
        return VfsError::NotFound;
    }
    if kind == ErrorKind::AlreadyExists {
        return VfsError::Exists;
    }
    tracing::error!(path = %path.display(), doing, %error, "a file operation failed");
    let is_full = matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
    if is_full { VfsError::Full } else { VfsError::Io }
}

impl Vfs for Directory {
    fn list(&mut self, dir: &str) -> Result<Vec<String>, VfsError> {
        let place = self.data.join(dir);
        let mut names = Self::names(&place).map_err(|error| told(&place, "list", &error))?;
        if self.logs != self.data {
            let place = self.logs.join(dir);
            names.extend(Self::names(&place).map_err(|error| told(&place, "list", &error))?);
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn make_dir(&mut self, dir: &str) -> Result<(), VfsError> {
        for root in [&self.data, &self.logs] {
            let place = root.join(dir);
            fs::create_dir_all(&place).map_err(|error| told(&place, "create", &error))?;
        }
        Ok(())
    }

    fn create(&mut self, path: &str) -> Result<FileId, VfsError> {
        let place = self.place(path);
        let opened = OpenOptions::new().read(true).write(true).create_new(true).open(&place);
        let file = opened.map_err(|error| told(&place, "create", &error))?;
        Ok(self.insert(file, place))
    }

    fn open(&mut self, path: &str) -> Result<FileId, VfsError> {
        let place = self.place(path);
        let name = path.rsplit('/').next().unwrap_or_default();
        let refused = |error| told(&place, "open", &error);
        if let Some(FileName::Snapshot(_, suffix @ (Suffix::Gz | Suffix::Snappy))) = FileName::parse(name) {
            let file = File::open(&place).map_err(refused)?;
            let again = place.clone();
            let packed = Packed::new(move || Ok(packed::reader(File::open(&again)?, suffix))).map_err(refused)?;
            let id = self.insert(file, place);
            self.packed.insert(id, packed);
            return Ok(id);
        }
        let file = OpenOptions::new().read(true).write(true).open(&place).map_err(refused)?;
        Ok(self.insert(file, place))
    }

    fn close(&mut self, file: FileId) {
        self.open[file.0 as usize] = None;
        self.packed.remove(&file);
    }

    fn len(&mut self, file: FileId) -> Result<u64, VfsError> {
        let (file, place) = self.file(file);
        Ok(file.metadata().map_err(|error| told(place, "measure", &error))?.len())
    }

    fn read_at(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, VfsError> {
        if let Some(packed) = self.packed.get_mut(&file) {
            return packed
                .read_at(offset, into)
                .map_err(|error| told(Path::new("a compressed snapshot"), "read", &error));
        }
        let (file, place) = self.file(file);
        loop {
            match file.read_at(into, offset) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other.map_err(|error| told(place, "read", &error)),
            }
        }
    }

    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), VfsError> {
        let (file, place) = self.file(file);
        file.write_all_at(bytes, offset).map_err(|error| told(place, "write", &error))
    }

    fn allocate(&mut self, file: FileId, len: u64) -> Result<(), VfsError> {
        let zeros = vec![0; ZEROS_BYTES];
        let mut at = self.len(file)?;
        while at < len {
            let piece = usize::try_from(len - at).map_or(ZEROS_BYTES, |left| left.min(ZEROS_BYTES));
            self.write_at(file, at, &zeros[..piece])?;
            at += piece as u64;
        }
        Ok(())
    }

    fn set_len(&mut self, file: FileId, len: u64) -> Result<(), VfsError> {
        let (file, place) = self.file(file);
        file.set_len(len).map_err(|error| told(place, "cut", &error))
    }

    fn sync(&mut self, file: FileId) -> Result<(), VfsError> {
        let (file, place) = self.file(file);
        file.sync_data().map_err(|error| told(place, "sync", &error))
    }

    fn sync_dir(&mut self, dir: &str) -> Result<(), VfsError> {
        let mut places = vec![self.data.join(dir)];
        if self.logs != self.data {
            places.push(self.logs.join(dir));
        }
        for place in places {
            let synced = File::open(&place).and_then(|file| file.sync_all());
            synced.map_err(|error| told(&place, "sync", &error))?;
        }
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), VfsError> {
        let (from, to) = (self.place(from), self.place(to));
        fs::rename(&from, &to).map_err(|error| told(&from, "rename", &error))
    }

    fn remove(&mut self, path: &str) -> Result<(), VfsError> {
        let place = self.place(path);
        fs::remove_file(&place).map_err(|error| told(&place, "remove", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zabra_core::id::{Epoch, Zxid};
    use zabra_core::log::{Record, StorageAction, Store, StoreLimits};

    /// A directory of its own for each test, empty.
    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("zabra-files-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        dir
    }

    fn record(counter: u32) -> Record {
        let zxid = Zxid::new(Epoch(1), counter);
        let mut bytes = vec![0; 36];
        bytes[12..20].copy_from_slice(&zxid.to_wire().to_be_bytes());
        Record { zxid, bytes: bytes.into() }
    }

    fn limits() -> StoreLimits {
        StoreLimits { segment_bytes: 64 << 10, ..StoreLimits::default() }
    }

    #[test]
    fn what_was_synced_is_there_after_a_restart_with_logs_apart() {
        let root = scratch("apart");
        let (data, logs) = (root.join("data"), root.join("logs"));
        let open = || Store::open(Directory::open(&data, &logs, true).unwrap(), limits()).ok().unwrap();
        let (mut store, recovered) = open();
        assert!(recovered.log.is_empty());
        for action in [
            StorageAction::SaveAccepted(Epoch(1)),
            StorageAction::SaveCurrent(Epoch(1)),
            StorageAction::Append(record(1)),
            StorageAction::Append(record(2)),
            StorageAction::Sync,
        ] {
            store.perform(&action).unwrap();
        }
        drop(store);
        assert!(logs.join("version-2/log.100000001").exists() && data.join("version-2/snapshot.0").exists());
        let (_, recovered) = open();
        assert_eq!(recovered.log, [record(1), record(2)]);
        assert_eq!((recovered.accepted, recovered.current), (Epoch(1), Epoch(1)));
        drop(fs::remove_dir_all(root));
    }

    #[test]
    fn a_server_starts_from_a_compressed_snapshot_and_not_from_a_damaged_one() {
        for suffix in [Suffix::Gz, Suffix::Snappy] {
            let root = scratch(&format!("packed-{suffix:?}"));
            let open = || Store::open(Directory::open(&root, &root, true).unwrap(), limits()).ok();
            drop(open().unwrap());
            let dir = root.join(DIR);
            let first = fs::read(dir.join("snapshot.0")).unwrap();
            let name = FileName::Snapshot(Zxid::ZERO, suffix).path();
            let mut bytes = Vec::new();
            packed::pack(&mut &first[..], suffix, &mut bytes).unwrap();
            fs::write(root.join(&name), &bytes).unwrap();
            fs::remove_file(dir.join("snapshot.0")).unwrap();
            let (_, recovered) = open().unwrap();
            assert_eq!(recovered.image.zxid(), Zxid::ZERO);
            fs::write(root.join(&name), &bytes[..bytes.len() / 2]).unwrap();
            assert!(open().is_none(), "there is no other");
            drop(fs::remove_dir_all(root));
        }
    }

    #[test]
    fn a_directory_has_one_user_and_its_files_in_the_right_place() {
        let root = scratch("user");
        let first = Directory::open(&root, &root, true).unwrap();
        assert!(matches!(Directory::open(&root, &root, true), Err(Unusable::InUse(_))));
        drop(first);
        fs::write(root.join("version-2/log.1"), b"").unwrap();
        assert!(Directory::open(&root, &root, true).is_ok());
        assert!(matches!(Directory::open(&root, &root.join("logs"), true), Err(Unusable::Misplaced(_))));
        drop(fs::remove_dir_all(root));
    }

    #[test]
    fn only_a_new_directory_is_taken_for_a_new_servers() {
        let root = scratch("new");
        drop(Directory::open(&root, &root, false).unwrap());
        assert!(!root.join("initialize").exists());
        drop(Directory::open(&root, &root, true).unwrap());
        assert!(root.join("initialize").exists());
        fs::remove_file(root.join("initialize")).unwrap();
        fs::write(root.join("version-2/lost"), b"").unwrap();
        drop(Directory::open(&root, &root, true).unwrap());
        assert!(!root.join("initialize").exists(), "what was lost is not new");
        drop(fs::remove_dir_all(root));
    }
}
