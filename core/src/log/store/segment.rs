//! The segment that is written: its preparation, its batches and marks, and the roll to the next.

use super::Store;
use crate::id::Zxid;
use crate::log::Record;
use crate::log::error::StoreError;
use crate::log::name::{FileName, NEXT_SEGMENT, in_dir};
use crate::log::record::{HEADER_BYTES, RECORD_OVERHEAD, TAIL_BYTES, encode_header};
use crate::log::recovery::remove_if_there;
use crate::log::replace::{sync_dir, write_mark};
use crate::log::vfs::{FileId, Vfs};
use alloc::string::String;

/// An open log file.
#[derive(Clone)]
pub(super) struct Segment {
    file: FileId,
    path: String,
    /// Its length, all of it written.
    len: u64,
    /// Where the next byte of the buffer goes.
    end: u64,
    /// Where the batch starts that the next sync makes durable.
    batch: u64,
    /// Whether that batch's mark was written.
    marked: bool,
    /// The slot of the newest durable mark.
    slot: usize,
}

impl<V: Vfs> Store<V> {
    /// Prepares the next segment in advance, so that no append waits for it: writes its zeros and
    /// its header under a temporary name. For idle moments of the storage thread.
    pub fn prepare_segment(&mut self) -> Result<(), StoreError> {
        if self.prepared {
            return Ok(());
        }
        let file = self.create_segment(self.limits.segment_bytes)?;
        self.vfs.close(file);
        self.prepared = true;
        Ok(())
    }

    /// Opens a segment that has room for one more record behind what is buffered.
    pub(super) fn make_room(&mut self, record: &Record) -> Result<(), StoreError> {
        let needed = RECORD_OVERHEAD + record.bytes.len() as u64;
        let buffered = self.buffer.len() as u64;
        if let Some(open) = &self.open {
            let fits = open.end + buffered + needed + TAIL_BYTES <= open.len;
            let used = open.end + buffered > HEADER_BYTES;
            if fits && !(self.roll_due && used) {
                return Ok(());
            }
            // The old one is durable before the next one exists: only a last file may be torn.
            self.flush()?;
            self.sync_segment()?;
            self.close_segment();
        }
        let len = (HEADER_BYTES + needed + TAIL_BYTES).next_multiple_of(512).max(self.limits.segment_bytes);
        self.open_segment(record.zxid, len)
    }

    fn open_segment(&mut self, first: Zxid, len: u64) -> Result<(), StoreError> {
        let tmp = in_dir(NEXT_SEGMENT);
        let fits = self.prepared && len == self.limits.segment_bytes;
        let file =
            if fits { self.vfs.open(&tmp).map_err(StoreError::at(&tmp, "open"))? } else { self.create_segment(len)? };
        self.prepared = false;
        self.roll_due = false;
        let path = FileName::Log(first).path();
        self.vfs.rename(&tmp, &path).map_err(StoreError::at(&path, "rename"))?;
        sync_dir(&mut self.vfs)?;
        self.segments.retain(|segment| *segment != first);
        self.segments.push(first);
        self.open = Some(Segment { file, path, len, end: HEADER_BYTES, batch: HEADER_BYTES, marked: true, slot: 0 });
        Ok(())
    }

    /// A segment under its temporary name: header, zeros, and a first mark, all durable.
    fn create_segment(&mut self, len: u64) -> Result<FileId, StoreError> {
        let tmp = in_dir(NEXT_SEGMENT);
        remove_if_there(&mut self.vfs, &tmp)?;
        let file = self.vfs.create(&tmp).map_err(StoreError::at(&tmp, "create"))?;
        let vfs = &mut self.vfs;
        let written = (|| {
            vfs.write_at(file, 0, &encode_header())?;
            vfs.allocate(file, len)?;
            write_mark(vfs, file, len, 0, HEADER_BYTES)?;
            vfs.sync(file)
        })();
        if let Err(error) = written {
            self.vfs.close(file);
            return Err(StoreError::at(&tmp, "prepare")(error));
        }
        Ok(file)
    }

    /// Writes what is buffered, and the mark of its batch.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        let Some(open) = &mut self.open else {
            assert!(self.buffer.is_empty(), "records are buffered for an open segment");
            return Ok(());
        };
        if self.buffer.is_empty() {
            return Ok(());
        }
        let vfs = &mut self.vfs;
        let written = (|| {
            if !open.marked {
                // The other slot than the newest durable mark's: a torn mark takes none along.
                let slot = 1 - open.slot;
                write_mark(vfs, open.file, open.len, slot, open.batch)?;
                open.slot = slot;
                open.marked = true;
            }
            vfs.write_at(open.file, open.end, &self.buffer)
        })();
        written.map_err(StoreError::at(&open.path, "write"))?;
        open.end += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    pub(super) fn sync_segment(&mut self) -> Result<(), StoreError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        if open.end > open.batch {
            self.vfs.sync(open.file).map_err(StoreError::at(&open.path, "sync"))?;
            open.batch = open.end;
            open.marked = false;
        }
        Ok(())
    }

    /// The next append opens another segment. What is not durable yet must not matter.
    pub(super) fn close_segment(&mut self) {
        if let Some(open) = self.open.take() {
            self.vfs.close(open.file);
        }
    }
}
