//! Checkpoints: an image becomes a snapshot piece by piece, beside the log's own syncs.

use super::Store;
use crate::id::Zxid;
use crate::log::Image;
use crate::log::error::StoreError;
use crate::log::name::{FileName, NEXT_SNAPSHOT, Suffix, in_dir};
use crate::log::recovery::remove_if_there;
use crate::log::replace::name_snapshot;
use crate::log::snapshot::{Form, SnapshotEncoder};
use crate::log::vfs::{FileId, Vfs};
use alloc::vec::Vec;

/// A checkpoint that is being written.
#[derive(Clone)]
pub(super) struct Checkpoint {
    zxid: Zxid,
    /// `None` when an installation has replaced what it was taken of: it is only answered.
    writer: Option<Writer>,
}

#[derive(Clone)]
struct Writer {
    encoder: SnapshotEncoder,
    file: Option<FileId>,
    written: u64,
    synced: u64,
}

impl<V: Vfs> Store<V> {
    /// The log rolls here, so that older segments can be purged with older snapshots.
    pub(super) fn begin_checkpoint(&mut self, image: &Image) {
        assert!(self.checkpoint.is_none(), "at most one checkpoint is written at a time");
        let encoder = SnapshotEncoder::new(image.clone(), Form::File);
        let writer = Some(Writer { encoder, file: None, written: 0, synced: 0 });
        self.checkpoint = Some(Checkpoint { zxid: image.zxid(), writer });
        self.roll_due = true;
    }

    /// The zxid of the checkpoint that is being written.
    pub fn checkpointing(&self) -> Option<Zxid> {
        self.checkpoint.as_ref().map(|checkpoint| checkpoint.zxid)
    }

    /// Writes one more piece. Answers with zxid and length when the checkpoint is complete and
    /// durable; what `Checkpointed` carries. The rate is the caller's.
    pub fn advance_checkpoint(&mut self) -> Result<Option<(Zxid, u64)>, StoreError> {
        let Some(checkpoint) = &mut self.checkpoint else { return Ok(None) };
        let zxid = checkpoint.zxid;
        let Some(writer) = &mut checkpoint.writer else {
            self.checkpoint = None;
            return Ok(Some((zxid, 0)));
        };
        let tmp = in_dir(NEXT_SNAPSHOT);
        let file = match writer.file {
            Some(file) => file,
            None => {
                remove_if_there(&mut self.vfs, &tmp)?;
                let file = self.vfs.create(&tmp).map_err(StoreError::at(&tmp, "create"))?;
                *writer.file.insert(file)
            }
        };
        let failed = StoreError::at(&tmp, "write");
        let mut piece = Vec::new();
        let more = writer.encoder.next_piece(self.limits.piece_bytes, &mut piece);
        self.vfs.write_at(file, writer.written, &piece).map_err(&failed)?;
        writer.written += piece.len() as u64;
        if !more || writer.written - writer.synced >= self.limits.sync_bytes {
            self.vfs.sync(file).map_err(&failed)?;
            writer.synced = writer.written;
        }
        if more {
            return Ok(None);
        }
        let bytes = writer.written;
        self.vfs.close(file);
        self.checkpoint = None;
        name_snapshot(&mut self.vfs, &tmp, FileName::snapshot(zxid))?;
        self.snapshots.retain(|(old, _)| *old != zxid);
        self.snapshots.push((zxid, Suffix::None));
        self.snapshots.sort_unstable();
        Ok(Some((zxid, bytes)))
    }

    /// An installation may go below a checkpoint that is being written: it must never be named.
    pub(super) fn abandon_checkpoint(&mut self) -> Result<(), StoreError> {
        let Some(checkpoint) = &mut self.checkpoint else { return Ok(()) };
        if let Some(writer) = checkpoint.writer.take()
            && let Some(file) = writer.file
        {
            self.vfs.close(file);
        }
        remove_if_there(&mut self.vfs, &in_dir(NEXT_SNAPSHOT))
    }
}
