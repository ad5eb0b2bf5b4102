//! The log's files at start: the records behind the image, and the window before it.

use super::Note;
use crate::id::Zxid;
use crate::log::error::{LoadError, StoreError};
use crate::log::name::{DIR, FileName};
use crate::log::record::repeats;
use crate::log::record::{Damage, FileSource, HEADER_BYTES, Item, MARK_BYTES, Scanner, decode_mark, slots};
use crate::log::store::StoreLimits;
use crate::log::vfs::{FileId, Vfs, VfsError};
use crate::log::{Record, replace};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Reads the records that the server needs, each file once; cuts a torn tail, removes files at the end
/// that have no record. `segments` is ascending; what is removed leaves it.
pub(super) fn read<V: Vfs>(
    vfs: &mut V,
    segments: &mut Vec<Zxid>,
    image: Zxid,
    limits: &StoreLimits,
    notes: &mut Vec<Note>,
) -> Result<Vec<Record>, LoadError> {
    let first = segments.iter().rposition(|name| *name <= image).unwrap_or(0);
    let mut records = Collected::new(image, limits.window_bytes);
    let mut at = first;
    remove_empty(vfs, segments, limits)?;
    while at < segments.len() {
        let last = at + 1 == segments.len();
        let add = |file: &str, at, zxid, bytes: &[u8]| records.add(file, at, zxid, bytes);
        let end = read_segment(vfs, segments[at], last, limits, add)?;
        if end.torn {
            let path = FileName::Log(segments[at]).path();
            notes.push(Note::TornTail { file: path.clone(), offset: end.at });
            replace::cut_file(vfs, &path, end.at)?;
        }
        at += 1;
    }
    records.drop_disconnected();
    for &older in segments[..first.min(segments.len())].iter().rev() {
        if records.window_is_full() || !prepend(vfs, older, limits, &mut records) {
            break;
        }
    }
    Ok(records.list.into())
}

/// Files behind the last one that has a record were being created: they go.
fn remove_empty<V: Vfs>(vfs: &mut V, segments: &mut Vec<Zxid>, limits: &StoreLimits) -> Result<(), LoadError> {
    while let Some(&last) = segments.last() {
        let path = FileName::Log(last).path();
        if begins_with_record(vfs, &path, limits)? {
            return Ok(());
        }
        // Without a record, and nothing that was acknowledged may have stood there.
        read_segment(vfs, last, true, limits, |_, _, _, _| Ok(()))?;
        super::remove_if_there(vfs, &path)?;
        vfs.sync_dir(DIR).map_err(StoreError::at(DIR, "sync"))?;
        segments.pop();
    }
    Ok(())
}

fn begins_with_record<V: Vfs>(vfs: &mut V, path: &str, limits: &StoreLimits) -> Result<bool, LoadError> {
    let file = vfs.open(path).map_err(StoreError::at(path, "open"))?;
    let mut scanner = Scanner::new(FileSource { vfs: &mut *vfs, file }, limits.record_bytes);
    let begins = (|| Ok(scanner.header()? && matches!(scanner.read_item()?, Item::Record { .. })))();
    vfs.close(file);
    Ok(begins.map_err(StoreError::at(path, "read"))?)
}

/// Where a log's data ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEnd {
    pub at: u64,
    /// What stands there was being written when a crash came.
    pub torn: bool,
}

/// Reads one log by its path, as the last of its directory, and changes nothing: for tools. `each`
/// gets the path, and offset, zxid and bytes of every record.
pub fn read_log_file<V: Vfs>(
    vfs: &mut V,
    path: &str,
    limits: &StoreLimits,
    each: impl FnMut(&str, u64, Zxid, &[u8]) -> Result<(), LoadError>,
) -> Result<LogEnd, LoadError> {
    read_file(vfs, path, true, limits, each)
}

fn read_segment<V: Vfs>(
    vfs: &mut V,
    segment: Zxid,
    last: bool,
    limits: &StoreLimits,
    each: impl FnMut(&str, u64, Zxid, &[u8]) -> Result<(), LoadError>,
) -> Result<LogEnd, LoadError> {
    read_file(vfs, &FileName::Log(segment).path(), last, limits, each)
}

/// Reads one file; judges what ends it (contract section 3). Only the last file may have a torn
/// tail: damage at or behind its newest mark, or, without a mark, with no intact record behind it.
fn read_file<V: Vfs>(
    vfs: &mut V,
    path: &str,
    last: bool,
    limits: &StoreLimits,
    mut each: impl FnMut(&str, u64, Zxid, &[u8]) -> Result<(), LoadError>,
) -> Result<LogEnd, LoadError> {
    let failed = StoreError::at(path, "read");
    let file = vfs.open(path).map_err(StoreError::at(path, "open"))?;
    let result = (|| {
        let len = vfs.len(file).map_err(&failed)?;
        let mark = newest_mark(vfs, file, len).map_err(&failed)?;
        let mut scanner = Scanner::new(FileSource { vfs: &mut *vfs, file }, limits.record_bytes);
        let (at, damage) = if len == 0 {
            (0, None)
        } else if !scanner.header().map_err(&failed)? {
            (0, Some(Damage::Header))
        } else {
            loop {
                match scanner.read_item().map_err(&failed)? {
                    Item::Record { zxid, at, bytes } => each(path, at, zxid, bytes)?,
                    Item::End { at } => break (at, None),
                    Item::Damage { at, what } => break (at, Some(what)),
                }
            }
        };
        let Some(what) = damage else {
            return match mark {
                // Acknowledged records stood here, and now there are zeros.
                Some(mark) if at < mark => Err(LoadError::Rot { file: path.into(), offset: at, expected: "a record" }),
                _ => Ok(LogEnd { at, torn: false }),
            };
        };
        let torn = last
            && match mark {
                Some(mark) => at >= mark,
                None => !scanner.record_follows(at + 1).map_err(&failed)?,
            };
        if torn { Ok(LogEnd { at, torn }) } else { Err(LoadError::rot(path.into(), at, what)) }
    })();
    vfs.close(file);
    result
}

/// The largest offset that a mark names; marks beyond the file are none.
fn newest_mark<V: Vfs>(vfs: &mut V, file: FileId, len: u64) -> Result<Option<u64>, VfsError> {
    let mut newest = None;
    for slot in slots(len).into_iter().flatten() {
        let mut mark = [0; MARK_BYTES];
        vfs.read_at(file, slot, &mut mark)?;
        newest = newest.max(decode_mark(&mark).filter(|offset| (HEADER_BYTES..=len).contains(offset)));
    }
    Ok(newest)
}

/// Records in order, with their gaps judged.
struct Collected {
    list: VecDeque<Record>,
    image: Zxid,
    /// Bytes of the records up to the image, and how many are wanted.
    window: u64,
    window_max: u64,
}

impl Collected {
    fn new(image: Zxid, window_max: u64) -> Self {
        Collected { list: VecDeque::new(), image, window: 0, window_max }
    }

    fn add(&mut self, file: &str, offset: u64, zxid: Zxid, bytes: &[u8]) -> Result<(), LoadError> {
        let before = self.list.back().map(|record| record.zxid);
        if repeats(before, zxid, bytes) {
            return Ok(());
        }
        let continues = before.is_some_and(|before| before.is_followed_by(zxid));
        if !continues {
            // Up to the image a gap only ends the window: after a SNAP, Java's log goes on where
            // the image ends. Behind the image it is a loss.
            let after = before.map_or(self.image, |before| before.max(self.image));
            if zxid > self.image && !(after == self.image && after.is_followed_by(zxid)) {
                return Err(LoadError::Gap { file: file.into(), offset, after, found: zxid });
            }
            if zxid <= self.image && before.is_some_and(|before| before > self.image) {
                return Err(LoadError::Gap { file: file.into(), offset, after, found: zxid });
            }
            self.list.clear();
            self.window = 0;
        }
        if zxid <= self.image {
            self.window += bytes.len() as u64;
        }
        self.list.push_back(Record { zxid, bytes: Arc::from(bytes) });
        self.trim();
        Ok(())
    }

    fn trim(&mut self) {
        while self.window > self.window_max
            && self.list.front().is_some_and(|record| record.zxid <= self.image)
            && let Some(record) = self.list.pop_front()
        {
            self.window -= record.bytes.len() as u64;
        }
    }

    /// A window that does not end in the image's own record may miss some before it.
    fn drop_disconnected(&mut self) {
        let connected = self.list.iter().any(|record| record.zxid == self.image);
        if !connected {
            self.list.retain(|record| record.zxid > self.image);
            self.window = 0;
        }
    }

    fn window_is_full(&self) -> bool {
        self.window >= self.window_max || self.list.front().is_none_or(|record| record.zxid > self.image)
    }
}

/// Puts an older file's records before the window. What does not fit, or cannot be read, ends it:
/// the server does not need it.
fn prepend<V: Vfs>(vfs: &mut V, segment: Zxid, limits: &StoreLimits, records: &mut Collected) -> bool {
    let mut older = Collected::new(Zxid(u64::MAX), limits.window_bytes - records.window);
    let read = read_segment(vfs, segment, false, limits, |file, at, zxid, bytes| older.add(file, at, zxid, bytes));
    let front = records.list.front().map(|record| record.zxid);
    let connected = match (older.list.back(), front) {
        (Some(last), Some(front)) => last.zxid.is_followed_by(front),
        _ => false,
    };
    if read.is_err() || !connected {
        return false;
    }
    records.window += older.window;
    for record in older.list.into_iter().rev() {
        records.list.push_front(record);
    }
    true
}
