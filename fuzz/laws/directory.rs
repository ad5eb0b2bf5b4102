//! A data directory in which anything may stand: a server recovers from it, or says why not; and what it has recovered, it
//! recovers again.
//!
//! The input is files: a name by its number, a length in two bytes, and so many bytes, behind a file's proper beginning if
//! the name's highest bit says so.
use std::collections::BTreeMap;
use zabra_core::log::record::encode_header;
use zabra_core::log::{FileId, Store, StoreLimits, Vfs, VfsError};

/// Files that a server looks at.
const NAMES: [&str; 10] = [
    "initialize",
    "version-2/acceptedEpoch",
    "version-2/currentEpoch",
    "version-2/snapshot.0",
    "version-2/snapshot.100000002",
    "version-2/log.1",
    "version-2/log.100000001",
    "version-2/log.100000003",
    "version-2/log.200000001",
    "version-2/next",
];

/// Files in memory; every name is open under its place.
#[derive(Clone, Debug, Default)]
struct Files {
    files: BTreeMap<String, Vec<u8>>,
    open: Vec<String>,
}

impl Files {
    fn at(&mut self, file: FileId) -> &mut Vec<u8> {
        self.files.entry(self.open[file.0 as usize].clone()).or_default()
    }

    fn hold(&mut self, path: &str) -> FileId {
        self.open.push(path.to_owned());
        FileId(self.open.len() as u32 - 1)
    }
}

impl Vfs for Files {
    fn list(&mut self, dir: &str) -> Result<Vec<String>, VfsError> {
        let prefix = if dir.is_empty() || dir == "." { String::new() } else { format!("{dir}/") };
        let names = self.files.keys().filter_map(|path| path.strip_prefix(&prefix)).filter(|name| !name.contains('/'));
        Ok(names.map(str::to_owned).collect())
    }

    fn make_dir(&mut self, _: &str) -> Result<(), VfsError> {
        Ok(())
    }

    fn create(&mut self, path: &str) -> Result<FileId, VfsError> {
        if self.files.contains_key(path) {
            return Err(VfsError::Exists);
        }
        self.files.insert(path.to_owned(), Vec::new());
        Ok(self.hold(path))
    }

    fn open(&mut self, path: &str) -> Result<FileId, VfsError> {
        if self.files.contains_key(path) { Ok(self.hold(path)) } else { Err(VfsError::NotFound) }
    }

    fn close(&mut self, _: FileId) {}

    fn len(&mut self, file: FileId) -> Result<u64, VfsError> {
        Ok(self.at(file).len() as u64)
    }

    fn read_at(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, VfsError> {
        let bytes = self.at(file);
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let count = into.len().min(bytes.len() - from);
        into[..count].copy_from_slice(&bytes[from..from + count]);
        Ok(count)
    }

    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), VfsError> {
        let (offset, file) = (offset as usize, self.at(file));
        file.resize(file.len().max(offset + bytes.len()), 0);
        file[offset..offset + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn allocate(&mut self, file: FileId, len: u64) -> Result<(), VfsError> {
        let file = self.at(file);
        file.resize(file.len().max(len as usize), 0);
        Ok(())
    }

    fn set_len(&mut self, file: FileId, len: u64) -> Result<(), VfsError> {
        self.at(file).resize(len as usize, 0);
        Ok(())
    }

    fn sync(&mut self, _: FileId) -> Result<(), VfsError> {
        Ok(())
    }

    fn sync_dir(&mut self, _: &str) -> Result<(), VfsError> {
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), VfsError> {
        let bytes = self.files.remove(from).ok_or(VfsError::NotFound)?;
        for name in &mut self.open {
            if name == from {
                *name = to.to_owned();
            }
        }
        self.files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn remove(&mut self, path: &str) -> Result<(), VfsError> {
        self.files.remove(path).map(drop).ok_or(VfsError::NotFound)
    }
}

fn files(mut bytes: &[u8]) -> Files {
    let mut files = Files::default();
    while let [number, high, low, behind @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (content, next) = behind.split_at(length.min(behind.len()));
        bytes = next;
        let name = NAMES[usize::from(number & 0x7f) % NAMES.len()];
        let begins = number & 0x80 != 0 && name.contains("log.");
        let head = if begins { encode_header().to_vec() } else { Vec::new() };
        files.files.insert(name.to_owned(), [&head, content].concat());
    }
    files
}

pub fn holds(bytes: &[u8]) {
    let limits = StoreLimits { segment_bytes: 4096, ..StoreLimits::default() };
    let Ok((store, first)) = Store::open(files(bytes), limits.clone()) else { return };
    let Ok((_, second)) = Store::open(store.into_vfs(), limits) else { panic!("it was recovered before") };
    assert_eq!((first.accepted, first.current, first.log), (second.accepted, second.current, second.log));
    assert_eq!(first.image, second.image);
}
