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

/// How far `segment.tmp` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Missing,
    Partly(Partly),
    /// It only wants a name.
    Ready,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Partly {
    file: FileId,
    written: u64,
}

impl<V: Vfs> Store<V> {
    /// Prepares the next segment in advance, so that no append waits for it: writes its zeros and
    /// its header under a temporary name.
    pub fn prepare_segment(&mut self) -> Result<(), StoreError> {
        let len = self.limits.segment_bytes;
        let file = match self.next {
            Next::Ready => return Ok(()),
            Next::Partly(next) => {
                self.extend_segment(next.file, len, len)?;
                next.file
            }
            Next::Missing => self.create_segment(len)?,
        };
        self.vfs.close(file);
        self.next = Next::Ready;
        Ok(())
    }

    /// Prepares one more piece of the next segment, and makes it durable: all of it at once would
    /// hold up the log's own syncs. Whether more is to be done.
    pub fn prepare_piece(&mut self) -> Result<bool, StoreError> {
        self.prepare_bytes(self.limits.piece_bytes as u64)
    }

    /// The same, of so many bytes.
    pub fn prepare_bytes(&mut self, bytes: u64) -> Result<bool, StoreError> {
        let Partly { file, written } = match self.next {
            Next::Ready => return Ok(false),
            Next::Partly(next) => next,
            Next::Missing => Partly { file: self.begin_segment()?, written: HEADER_BYTES },
        };
        let len = self.limits.segment_bytes;
        let written = written.saturating_add(bytes).min(len);
        self.extend_segment(file, written, len)?;
        self.next = Next::Partly(Partly { file, written });
        if written == len {
            self.vfs.close(file);
            self.next = Next::Ready;
        }
        Ok(written < len)
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
        self.open_segment(record.zxid, (HEADER_BYTES + needed + TAIL_BYTES).next_multiple_of(512))
    }

    /// A segment that is not prepared is as long as its first record needs, or as far as it is: an
    /// append waits for it, and the next one will be prepared.
    fn open_segment(&mut self, first: Zxid, needed: u64) -> Result<(), StoreError> {
        let tmp = in_dir(NEXT_SEGMENT);
        let least = needed.max(self.limits.short_bytes.min(self.limits.segment_bytes));
        let (file, len) = match self.next {
            Next::Ready if needed <= self.limits.segment_bytes => {
                (self.vfs.open(&tmp).map_err(StoreError::at(&tmp, "open"))?, self.limits.segment_bytes)
            }
            Next::Partly(Partly { file, written }) => {
                let len = least.max(written);
                self.extend_segment(file, len, len)?;
                (file, len)
            }
            Next::Missing | Next::Ready => (self.create_segment(least)?, least),
        };
        self.next = Next::Missing;
        self.roll_due = false;
        let path = FileName::Log(first).path();
        self.vfs.rename(&tmp, &path).map_err(StoreError::at(&path, "rename"))?;
        sync_dir(&mut self.vfs)?;
        self.segments.retain(|segment| *segment != first);
        self.segments.push(first);
        self.open = Some(Segment { file, path, len, end: HEADER_BYTES, batch: HEADER_BYTES, marked: true, slot: 0 });
        Ok(())
    }

    /// A whole segment under its temporary name.
    fn create_segment(&mut self, len: u64) -> Result<FileId, StoreError> {
        let file = self.begin_segment()?;
        self.extend_segment(file, len, len)?;
        Ok(file)
    }

    /// A segment of a header under its temporary name.
    fn begin_segment(&mut self) -> Result<FileId, StoreError> {
        let tmp = in_dir(NEXT_SEGMENT);
        remove_if_there(&mut self.vfs, &tmp)?;
        let file = self.vfs.create(&tmp).map_err(StoreError::at(&tmp, "create"))?;
        if let Err(error) = self.vfs.write_at(file, 0, &encode_header()) {
            self.vfs.close(file);
            return Err(StoreError::at(&tmp, "prepare")(error));
        }
        Ok(file)
    }

    /// Writes its zeros up to `written`, and its first mark behind the last of them; durably.
    fn extend_segment(&mut self, file: FileId, written: u64, len: u64) -> Result<(), StoreError> {
        let vfs = &mut self.vfs;
        let extended = (|| {
            vfs.allocate(file, written)?;
            if written == len {
                write_mark(vfs, file, len, 0, HEADER_BYTES)?;
            }
            vfs.sync(file)
        })();
        extended.map_err(|error| {
            self.vfs.close(file);
            StoreError::at(&in_dir(NEXT_SEGMENT), "prepare")(error)
        })
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
