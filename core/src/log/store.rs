//! The store: the only mapping from storage actions to files and back (contract section 3).
//!
//! Appended records are encoded into a buffer and written by the next barrier, which syncs the
//! segment; everything else is durable when its call returns. A segment is written with zeros
//! before it is named, so a sync of records changes no metadata. The log rolls at each checkpoint
//! and at each start. A failed call is never retried: the store is dropped and recovers.

mod checkpoint;
mod read;
mod segment;

use super::epoch::write_epoch;
use super::error::{LoadError, StoreError};
use super::name::{ACCEPTED, CURRENT, FileName, LOST, NEXT_INSTALL, NEXT_SNAPSHOT, Suffix, in_dir};
use super::record::encode_record;
use super::recovery::{self, Note, remove_if_there};
use super::vfs::Vfs;
use super::{Image, Record, Recovered, Standing, StorageAction, replace};
use crate::id::{Epoch, Zxid};
use crate::tree::Database;
use alloc::vec::Vec;
use checkpoint::Checkpoint;
use segment::{Next, Segment};

/// Everything has a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Length of a log segment, written with zeros in advance; Apache's step is the same.
    pub segment_bytes: u64,
    /// Length of one that was not prepared in time: a start, or a burst, does not wait for more.
    pub short_bytes: u64,
    /// Longest record or snapshot item that is believed when read.
    pub record_bytes: u32,
    /// Bytes of records up to the image that a start reads for the committed window.
    pub window_bytes: u64,
    /// Most bytes of records that one `ReadLog` answers; beyond it a learner takes an image.
    pub read_bytes: u64,
    /// Bytes of records that wait in memory for the next barrier.
    pub buffer_bytes: usize,
    /// A snapshot is written in pieces of this size, and synced each time so many bytes were
    /// written: a sync of all of it at once would stall the log's. The next segment's zeros likewise.
    pub piece_bytes: usize,
    pub sync_bytes: u64,
}

impl Default for StoreLimits {
    fn default() -> Self {
        StoreLimits {
            segment_bytes: 64 << 20,
            short_bytes: 1 << 20,
            record_bytes: 64 << 20,
            window_bytes: 16 << 20,
            read_bytes: 64 << 20,
            buffer_bytes: 1 << 20,
            piece_bytes: 1 << 20,
            sync_bytes: 8 << 20,
        }
    }
}

/// A data directory, open for writing.
#[derive(Clone)]
pub struct Store<V> {
    vfs: V,
    limits: StoreLimits,
    /// First zxids of the log's files, ascending; the last one may be open.
    segments: Vec<Zxid>,
    /// Ascending.
    snapshots: Vec<(Zxid, Suffix)>,
    open: Option<Segment>,
    /// Encoded records that are not yet written.
    buffer: Vec<u8>,
    next: Next,
    /// Whether the next append begins another segment.
    roll_due: bool,
    checkpoint: Option<Checkpoint>,
    standing: Standing,
    notes: Vec<Note>,
}

impl<V: Vfs> Store<V> {
    /// Recovers a data directory and opens it. Gives the `Vfs` back when it must not be used.
    pub fn open(mut vfs: V, limits: StoreLimits) -> Result<(Self, Recovered), (V, LoadError)> {
        match recovery::recover(&mut vfs, &limits) {
            Ok(found) => {
                let store = Store {
                    vfs,
                    limits,
                    segments: found.segments,
                    snapshots: found.snapshots,
                    open: None,
                    buffer: Vec::new(),
                    next: Next::Missing,
                    roll_due: false,
                    checkpoint: None,
                    standing: found.recovered.standing,
                    notes: found.notes,
                };
                Ok((store, found.recovered))
            }
            Err(error) => Err((vfs, error)),
        }
    }

    /// What an operator should know of the recovery.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    pub fn vfs(&self) -> &V {
        &self.vfs
    }

    pub fn vfs_mut(&mut self) -> &mut V {
        &mut self.vfs
    }

    pub fn into_vfs(self) -> V {
        self.vfs
    }

    /// Performs one action. Only after a `Sync` is what came before it durable. A checkpoint is
    /// only begun: [`Store::advance_checkpoint`] writes it.
    pub fn perform(&mut self, action: &StorageAction) -> Result<(), StoreError> {
        match action {
            StorageAction::Append(record) => self.append(record),
            StorageAction::Truncate { after } => self.truncate(*after),
            StorageAction::SaveAccepted(epoch) => write_epoch(&mut self.vfs, ACCEPTED, *epoch),
            StorageAction::SaveCurrent(epoch) => self.save_current(*epoch),
            StorageAction::Install(image) => self.install(image),
            StorageAction::Sync => self.sync(),
            StorageAction::Checkpoint(image) => {
                self.begin_checkpoint(image);
                Ok(())
            }
        }
    }

    fn append(&mut self, record: &Record) -> Result<(), StoreError> {
        self.make_room(record)?;
        encode_record(&record.bytes, &mut self.buffer);
        if self.buffer.len() >= self.limits.buffer_bytes { self.flush() } else { Ok(()) }
    }

    /// Removes every record above `after`, with one point of no return.
    fn truncate(&mut self, after: Zxid) -> Result<(), StoreError> {
        self.sync()?;
        self.close_segment();
        let after = replace::last_up_to(&mut self.vfs, &self.segments, after, self.limits.record_bytes)?;
        let announced = replace::truncation(after);
        remove_if_there(&mut self.vfs, &announced)?;
        let file = self.vfs.create(&announced).map_err(StoreError::at(&announced, "create"))?;
        self.vfs.close(file);
        replace::sync_dir(&mut self.vfs)?;
        replace::finish_truncate(&mut self.vfs, after, self.limits.record_bytes)?;
        self.segments.retain(|segment| *segment <= after);
        Ok(())
    }

    /// A lost server's synchronization is complete with this: its history counts from here on. The
    /// epoch is the point of no return; the empty snapshot that a log begins from follows.
    fn save_current(&mut self, epoch: Epoch) -> Result<(), StoreError> {
        write_epoch(&mut self.vfs, CURRENT, epoch)?;
        if self.standing == Standing::Lost && epoch > Epoch::ZERO {
            if self.snapshots.is_empty() {
                let empty = Image::new(Database::new());
                replace::write_snapshot(&mut self.vfs, NEXT_SNAPSHOT, FileName::snapshot(Zxid::ZERO), &empty)?;
                self.snapshots.push((Zxid::ZERO, Suffix::None));
            }
            remove_if_there(&mut self.vfs, &in_dir(LOST))?;
            self.standing = Standing::Intact;
        }
        Ok(())
    }

    /// Replaces log and snapshots by an image, with one point of no return.
    fn install(&mut self, image: &Image) -> Result<(), StoreError> {
        self.buffer.clear();
        self.close_segment();
        self.abandon_checkpoint()?;
        let zxid = image.zxid();
        replace::write_snapshot(&mut self.vfs, NEXT_INSTALL, FileName::Install(zxid), image)?;
        replace::finish_install(&mut self.vfs, zxid)?;
        self.segments.clear();
        self.snapshots = Vec::from([(zxid, Suffix::None)]);
        Ok(())
    }

    /// Makes everything durable that was performed before.
    fn sync(&mut self) -> Result<(), StoreError> {
        self.flush()?;
        self.sync_segment()
    }

    /// Removes what the `keep` newest snapshots (at least 3) do not need: older ones, and logs
    /// before the one that holds the oldest kept snapshot's zxid, but for the one just before.
    pub fn purge(&mut self, keep: usize) -> Result<(), StoreError> {
        let keep = keep.max(3);
        if self.snapshots.len() < keep {
            return Ok(());
        }
        let old = self.snapshots.len() - keep;
        let oldest = self.snapshots[old].0;
        let holds = self.segments.iter().rposition(|segment| *segment <= oldest).unwrap_or(0);
        let logs: Vec<Zxid> = self.segments.drain(..holds.saturating_sub(1)).collect();
        let snapshots: Vec<(Zxid, Suffix)> = self.snapshots.drain(..old).collect();
        for (zxid, suffix) in snapshots {
            remove_if_there(&mut self.vfs, &FileName::Snapshot(zxid, suffix).path())?;
        }
        for segment in logs {
            remove_if_there(&mut self.vfs, &FileName::Log(segment).path())?;
        }
        replace::sync_dir(&mut self.vfs)
    }
}
