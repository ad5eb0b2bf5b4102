//! Changes of a data directory that take several calls and must look like one: a cut, an
//! installation, a truncation, a snapshot.
//!
//! ```text
//!  install:   write received.tmp, sync │ rename to install.Z, sync_dir │ remove the rest, sync_dir │ rename to snapshot.Z
//!  truncate:  create truncate.Z, sync_dir                              │ remove later logs, cut    │ remove truncate.Z
//!                                      the point of no return ─────────┘ recovery does the rest again
//! ```

use super::Image;
use super::error::StoreError;
use super::name::{DIR, FileName, in_dir};
use super::record::{FileSource, Item, MARK_BYTES, Scanner, TAIL_BYTES, encode_mark, slots};
use super::recovery::{list, remove_if_there};
use super::snapshot::{Form, SnapshotEncoder};
use super::vfs::{FileId, Vfs, VfsError};
use crate::id::Zxid;
use alloc::string::String;
use alloc::vec::Vec;

const PIECE: usize = 1 << 20;

/// Ends a log file at `end`, and marks everything before as durable: damage there is rot from now on.
pub(super) fn cut_file<V: Vfs>(vfs: &mut V, path: &str, end: u64) -> Result<(), StoreError> {
    let file = vfs.open(path).map_err(StoreError::at(path, "open"))?;
    let len = (end + TAIL_BYTES).next_multiple_of(512).max(8192);
    let cut = (|| {
        vfs.set_len(file, end)?;
        vfs.allocate(file, len)?;
        write_mark(vfs, file, len, 0, end)?;
        vfs.sync(file)
    })();
    vfs.close(file);
    cut.map_err(StoreError::at(path, "cut"))
}

/// Writes a mark into one of the two slots of a file of this length.
pub(super) fn write_mark<V: Vfs>(
    vfs: &mut V,
    file: FileId,
    len: u64,
    slot: usize,
    offset: u64,
) -> Result<(), VfsError> {
    let slots = slots(len).expect("a segment has room for its marks");
    assert!(offset + MARK_BYTES as u64 <= len, "a mark names an offset of the data");
    vfs.write_at(file, slots[slot], &encode_mark(offset))
}

/// Writes a snapshot under `tmp`, makes it durable, and gives it its name durably.
pub(super) fn write_snapshot<V: Vfs>(vfs: &mut V, tmp: &str, name: FileName, image: &Image) -> Result<u64, StoreError> {
    let tmp = in_dir(tmp);
    let failed = StoreError::at(&tmp, "write");
    remove_if_there(vfs, &tmp)?;
    let file = vfs.create(&tmp).map_err(StoreError::at(&tmp, "create"))?;
    let mut encoder = SnapshotEncoder::new(image.clone(), Form::File);
    let mut piece = Vec::new();
    let mut at = 0;
    let written = (|| {
        loop {
            piece.clear();
            let more = encoder.next_piece(PIECE, &mut piece);
            vfs.write_at(file, at, &piece)?;
            at += piece.len() as u64;
            if !more {
                return vfs.sync(file);
            }
        }
    })();
    vfs.close(file);
    written.map_err(failed)?;
    name_snapshot(vfs, &tmp, name)?;
    Ok(at)
}

pub(super) fn name_snapshot<V: Vfs>(vfs: &mut V, tmp: &str, name: FileName) -> Result<(), StoreError> {
    let path = name.path();
    vfs.rename(tmp, &path).map_err(StoreError::at(&path, "rename"))?;
    sync_dir(vfs)
}

/// The second half of an installation: the image is durable under its `install.…` name.
pub(super) fn finish_install<V: Vfs>(vfs: &mut V, zxid: Zxid) -> Result<(), StoreError> {
    let (segments, snapshots) = list(vfs)?;
    let logs = segments.into_iter().map(FileName::Log);
    let others = snapshots.into_iter().map(|(zxid, suffix)| FileName::Snapshot(zxid, suffix));
    for name in logs.chain(others) {
        remove_if_there(vfs, &name.path())?;
    }
    for name in truncations(vfs)? {
        remove_if_there(vfs, &name.path())?;
    }
    // The rest must be gone for good before the image takes its place among snapshots: an older
    // log that reappeared would be replayed onto it.
    sync_dir(vfs)?;
    name_snapshot(vfs, &FileName::Install(zxid).path(), FileName::snapshot(zxid))
}

fn truncations<V: Vfs>(vfs: &mut V) -> Result<Vec<FileName>, StoreError> {
    let names = super::recovery::names(vfs)?;
    Ok(names
        .iter()
        .filter_map(|name| FileName::parse(name))
        .filter(|name| matches!(name, FileName::Truncate(_)))
        .collect())
}

/// The second half of a truncation: every record above `after` goes. Doing it again is harmless.
pub(super) fn finish_truncate<V: Vfs>(vfs: &mut V, after: Zxid, record_bytes_max: u32) -> Result<(), StoreError> {
    let (segments, _) = list(vfs)?;
    for segment in segments.into_iter().rev() {
        let path = FileName::Log(segment).path();
        if segment > after {
            remove_if_there(vfs, &path)?;
            // The newest goes first, durably: a hole between files would be a loss.
            sync_dir(vfs)?;
            continue;
        }
        if let Some(end) = end_after(vfs, &path, after, record_bytes_max)? {
            cut_file(vfs, &path, end)?;
        }
        break;
    }
    remove_if_there(vfs, &FileName::Truncate(after).path())?;
    sync_dir(vfs)
}

/// Where what is above `after` starts in a file; `None` if it has nothing of it.
///
/// 1. A crash tears the cut: the next record is half gone, the one behind it is whole.
/// 2. Recovery does the truncation again. What follows `after` itself is what was being removed, so
///    it goes, readable or not; otherwise it would be taken for rot.
fn end_after<V: Vfs>(vfs: &mut V, path: &str, after: Zxid, record_bytes_max: u32) -> Result<Option<u64>, StoreError> {
    let file = vfs.open(path).map_err(StoreError::at(path, "open"))?;
    let mut scanner = Scanner::new(FileSource { vfs: &mut *vfs, file }, record_bytes_max);
    let mut last = None;
    let found = loop {
        match scanner.read_item() {
            Ok(Item::Record { zxid, at, .. }) if zxid > after => break Ok(Some(at)),
            Ok(Item::Record { zxid, .. }) => last = Some(zxid),
            // Before `after`, what is damaged is judged when the log is read.
            Ok(Item::End { at } | Item::Damage { at, .. }) => break Ok((last == Some(after)).then_some(at)),
            Err(error) => break Err(StoreError::at(path, "read")(error)),
        }
    };
    vfs.close(file);
    found
}

/// The last record up to `after`: a truncation names it, so that doing it again finds its place.
pub(super) fn last_up_to<V: Vfs>(
    vfs: &mut V,
    segments: &[Zxid],
    after: Zxid,
    record_bytes_max: u32,
) -> Result<Zxid, StoreError> {
    let Some(segment) = segments.iter().rev().find(|segment| **segment <= after) else {
        return Ok(after);
    };
    let path = FileName::Log(*segment).path();
    let file = vfs.open(&path).map_err(StoreError::at(&path, "open"))?;
    let mut scanner = Scanner::new(FileSource { vfs: &mut *vfs, file }, record_bytes_max);
    let mut last = after.min(*segment);
    let found = loop {
        match scanner.read_item() {
            Ok(Item::Record { zxid, .. }) if zxid <= after => last = zxid,
            Ok(Item::Record { .. } | Item::End { .. } | Item::Damage { .. }) => break Ok(last),
            Err(error) => break Err(StoreError::at(&path, "read")(error)),
        }
    };
    vfs.close(file);
    found
}

pub(super) fn sync_dir<V: Vfs>(vfs: &mut V) -> Result<(), StoreError> {
    vfs.sync_dir(DIR).map_err(StoreError::at(DIR, "sync"))
}

/// The path under which a truncation is announced.
pub(super) fn truncation(after: Zxid) -> String {
    FileName::Truncate(after).path()
}
