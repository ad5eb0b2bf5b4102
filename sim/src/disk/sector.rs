//! A disk of 512-byte sectors, as the store sees it (contract section 3).
//!
//! ```text
//!   durable │ write  write  sync(a)  write  rename  sync_dir  write │
//!           └ floor                     a crash cuts here ┘
//! ```
//!
//! Every call is appended to a list. A crash cuts the list anywhere behind what is known to be
//! complete. Of the calls before the cut, content under a later sync of its file and names under a
//! later sync of their directory survive; of the rest, each sector has any of the contents it went
//! through, or is torn between two; the length is any it went through; directory operations
//! survive as a prefix, or, on a strict disk, as any subset. A disk that reports a sync that it did
//! not do is not modelled. Sectors of zeros take no memory.

mod crash;
mod file;

use super::Chooser;
use file::Content;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use zabra_core::log::{FileId, Vfs, VfsError};

pub(super) const SECTOR: usize = 512;

/// The files of one machine.
#[derive(Clone, Debug)]
pub struct SectorDisk {
    durable: Files,
    /// What the machine sees: durable, and every call since.
    live: Files,
    calls: Vec<(u64, Call)>,
    /// The number of the next call.
    next: u64,
    /// A crash cuts at this call or later.
    floor: u64,
    /// Open files, by slot.
    open: BTreeMap<u32, u32>,
    next_inode: u32,
    pub strict: bool,
    pub faults: Faults,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Files {
    names: BTreeMap<String, u32>,
    dirs: BTreeSet<String>,
    inodes: BTreeMap<u32, Content>,
}

#[derive(Clone, Debug)]
enum Call {
    Write { inode: u32, offset: u64, bytes: Arc<[u8]> },
    SetLen { inode: u32, len: u64 },
    Sync { inode: u32 },
    Link { name: String, inode: u32 },
    Rename { from: String, to: String, inode: u32 },
    Remove { name: String },
    MakeDir { name: String },
    SyncDir { dir: String },
}

/// What goes wrong next.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Writes that would make the files longer than so many bytes in all fail with `Full`.
    pub capacity: Option<u64>,
    /// This many more writes, syncs and renames succeed; then each fails.
    pub fails_after: Option<(u64, DiskFault)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    Write,
    Sync,
    Rename,
    Any,
}

impl Default for SectorDisk {
    fn default() -> Self {
        SectorDisk::new()
    }
}

impl SectorDisk {
    /// An empty disk.
    pub fn new() -> Self {
        SectorDisk {
            durable: Files::default(),
            live: Files::default(),
            calls: Vec::new(),
            next: 0,
            floor: 0,
            open: BTreeMap::new(),
            next_inode: 0,
            strict: false,
            faults: Faults::default(),
        }
    }

    /// Puts a durable file, and its directories, on the disk.
    pub fn put(&mut self, path: &str, bytes: &[u8]) {
        assert!(self.calls.is_empty(), "files are put on a disk that is at rest");
        let inode = self.next_inode;
        self.next_inode += 1;
        let mut content = Content::default();
        content.write(0, bytes);
        if let Some((dir, _)) = path.rsplit_once('/') {
            self.durable.dirs.insert(dir.to_string());
        }
        self.durable.names.insert(path.to_string(), inode);
        self.durable.inodes.insert(inode, content);
        self.live = self.durable.clone();
    }

    /// The files as the machine sees them.
    pub fn files(&self) -> impl Iterator<Item = (&str, Vec<u8>)> {
        self.live.names.iter().map(|(name, inode)| (name.as_str(), self.live.inodes[inode].bytes()))
    }

    /// The number of calls so far: a position for [`SectorDisk::settle`].
    pub fn position(&self) -> u64 {
        self.next
    }

    /// The calls before this position are complete: no crash goes back before it.
    pub fn settle(&mut self, position: u64) {
        self.floor = self.floor.max(position);
        self.fold();
    }

    /// Everything stops. Where the list is cut, and what survives before it, is chosen; returns the cut.
    pub fn crash(&mut self, choose: &mut dyn Chooser) -> u64 {
        let cut = self.floor + choose.below(self.next - self.floor + 1);
        self.crash_at(cut, choose);
        cut
    }

    /// The crash with a given cut; for tests that take each one.
    pub fn crash_at(&mut self, cut: u64, choose: &mut dyn Chooser) {
        assert!((self.floor..=self.next).contains(&cut), "a crash keeps what is complete");
        let calls: Vec<Call> =
            self.calls.drain(..).take_while(|(number, _)| *number < cut).map(|(_, call)| call).collect();
        crash::survive(&mut self.durable, &calls, self.strict, choose);
        self.durable.forget_unnamed();
        self.live = self.durable.clone();
        self.open.clear();
        self.floor = self.next;
        self.faults = Faults::default();
    }

    /// Flips bits of a durable byte: rot, found when it is read.
    pub fn rot(&mut self, path: &str, offset: u64, flip: u8) {
        for files in [&mut self.durable, &mut self.live] {
            if let Some(inode) = files.names.get(path)
                && let Some(content) = files.inodes.get_mut(inode)
                && offset < content.len()
            {
                let mut byte = [0];
                content.read(offset, &mut byte);
                content.write(offset, &[byte[0] ^ flip]);
            }
        }
    }

    /// Makes the calls that are complete and durable part of the durable state.
    fn fold(&mut self) {
        let end = self.calls.partition_point(|(number, _)| *number < self.floor);
        let before: Vec<Call> = self.calls[..end].iter().map(|(_, call)| call.clone()).collect();
        let synced = crash::synced(&before);
        for (call, _) in before.iter().zip(&synced).filter(|(_, synced)| **synced) {
            self.durable.apply(call);
        }
        let mut synced = synced.into_iter();
        self.calls.retain(|(_, call)| {
            let is_sync = matches!(call, Call::Sync { .. } | Call::SyncDir { .. });
            match synced.next() {
                Some(folded) => !(folded || is_sync),
                None => true,
            }
        });
        if self.calls.is_empty() {
            self.forget_removed();
        }
    }

    /// Drops content that no name leads to and nothing has open.
    fn forget_removed(&mut self) {
        let named: BTreeSet<u32> = self.live.names.values().chain(self.open.values()).copied().collect();
        self.live.inodes.retain(|inode, _| named.contains(inode));
        self.durable.inodes.retain(|inode, _| named.contains(inode));
    }

    fn record(&mut self, call: Call) {
        self.live.apply(&call);
        self.calls.push((self.next, call));
        self.next += 1;
    }

    fn inode(&self, file: FileId) -> Result<u32, VfsError> {
        self.open.get(&file.0).copied().ok_or(VfsError::Io)
    }

    fn content(&self, inode: u32) -> &Content {
        &self.live.inodes[&inode]
    }

    fn open_slot(&mut self, inode: u32) -> FileId {
        let slot = (0..).find(|slot| !self.open.contains_key(slot)).expect("there are more slots than files");
        self.open.insert(slot, inode);
        FileId(slot)
    }

    fn may_fail(&mut self, what: DiskFault) -> Result<(), VfsError> {
        match &mut self.faults.fails_after {
            Some((left, kind)) if *kind == what || *kind == DiskFault::Any => match left.checked_sub(1) {
                Some(less) => {
                    *left = less;
                    Ok(())
                }
                None => Err(VfsError::Io),
            },
            _ => Ok(()),
        }
    }

    fn may_grow(&self, inode: u32, to: u64) -> Result<(), VfsError> {
        let more = to.saturating_sub(self.content(inode).len());
        let used: u64 = self.live.names.values().map(|inode| self.live.inodes[inode].len()).sum();
        match self.faults.capacity {
            Some(capacity) if more > 0 && used + more > capacity => Err(VfsError::Full),
            _ => Ok(()),
        }
    }
}

impl Vfs for SectorDisk {
    fn list(&mut self, dir: &str) -> Result<Vec<String>, VfsError> {
        if !dir.is_empty() && !self.live.dirs.contains(dir) {
            return Err(VfsError::NotFound);
        }
        let all = self.live.names.keys().chain(&self.live.dirs);
        let mut names: Vec<String> =
            all.filter(|path| parent(path) == dir).map(|path| name(path).to_string()).collect();
        names.sort();
        Ok(names)
    }

    fn make_dir(&mut self, dir: &str) -> Result<(), VfsError> {
        if !self.live.dirs.contains(dir) {
            self.record(Call::MakeDir { name: dir.to_string() });
        }
        Ok(())
    }

    fn create(&mut self, path: &str) -> Result<FileId, VfsError> {
        if self.live.names.contains_key(path) {
            return Err(VfsError::Exists);
        }
        if !parent(path).is_empty() && !self.live.dirs.contains(parent(path)) {
            return Err(VfsError::NotFound);
        }
        let inode = self.next_inode;
        self.next_inode += 1;
        self.record(Call::Link { name: path.to_string(), inode });
        Ok(self.open_slot(inode))
    }

    fn open(&mut self, path: &str) -> Result<FileId, VfsError> {
        let inode = *self.live.names.get(path).ok_or(VfsError::NotFound)?;
        Ok(self.open_slot(inode))
    }

    fn close(&mut self, file: FileId) {
        self.open.remove(&file.0);
    }

    fn len(&mut self, file: FileId) -> Result<u64, VfsError> {
        Ok(self.content(self.inode(file)?).len())
    }

    fn read_at(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, VfsError> {
        Ok(self.content(self.inode(file)?).read(offset, into))
    }

    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), VfsError> {
        let inode = self.inode(file)?;
        self.may_fail(DiskFault::Write)?;
        self.may_grow(inode, offset + bytes.len() as u64)?;
        self.record(Call::Write { inode, offset, bytes: Arc::from(bytes) });
        Ok(())
    }

    fn allocate(&mut self, file: FileId, len: u64) -> Result<(), VfsError> {
        let inode = self.inode(file)?;
        self.may_fail(DiskFault::Write)?;
        self.may_grow(inode, len)?;
        if len > self.content(inode).len() {
            self.record(Call::SetLen { inode, len });
        }
        Ok(())
    }

    fn set_len(&mut self, file: FileId, len: u64) -> Result<(), VfsError> {
        let inode = self.inode(file)?;
        self.may_fail(DiskFault::Write)?;
        self.may_grow(inode, len)?;
        self.record(Call::SetLen { inode, len });
        Ok(())
    }

    fn sync(&mut self, file: FileId) -> Result<(), VfsError> {
        let inode = self.inode(file)?;
        self.may_fail(DiskFault::Sync)?;
        self.record(Call::Sync { inode });
        Ok(())
    }

    fn sync_dir(&mut self, dir: &str) -> Result<(), VfsError> {
        self.may_fail(DiskFault::Sync)?;
        self.record(Call::SyncDir { dir: dir.to_string() });
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), VfsError> {
        let inode = *self.live.names.get(from).ok_or(VfsError::NotFound)?;
        self.may_fail(DiskFault::Rename)?;
        self.record(Call::Rename { from: from.to_string(), to: to.to_string(), inode });
        Ok(())
    }

    fn remove(&mut self, path: &str) -> Result<(), VfsError> {
        if !self.live.names.contains_key(path) {
            return Err(VfsError::NotFound);
        }
        self.record(Call::Remove { name: path.to_string() });
        Ok(())
    }
}

impl Files {
    fn apply(&mut self, call: &Call) {
        match call {
            Call::Write { inode, offset, bytes } => self.inodes.entry(*inode).or_default().write(*offset, bytes),
            Call::SetLen { inode, len } => self.inodes.entry(*inode).or_default().set_len(*len),
            Call::Link { name, inode } => {
                self.inodes.entry(*inode).or_default();
                self.names.insert(name.clone(), *inode);
            }
            Call::Rename { from, to, inode } => {
                if self.names.get(from) == Some(inode) {
                    self.names.remove(from);
                }
                self.inodes.entry(*inode).or_default();
                self.names.insert(to.clone(), *inode);
            }
            Call::Remove { name } => {
                self.names.remove(name);
            }
            Call::MakeDir { name } => {
                self.dirs.insert(name.clone());
            }
            Call::Sync { .. } | Call::SyncDir { .. } => {}
        }
    }

    /// Drops content that no name leads to. Only when nothing is open.
    fn forget_unnamed(&mut self) {
        let named: BTreeSet<u32> = self.names.values().copied().collect();
        self.inodes.retain(|inode, _| named.contains(inode));
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests;
