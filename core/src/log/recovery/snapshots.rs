//! The newest valid snapshot of up to 100 (reference/zookeeper.md section 4.3), and what makes
//! Java's fuzzy ones exact.

use super::Note;
use crate::id::Zxid;
use crate::log::error::{LoadError, StoreError};
use crate::log::name::{FileName, Suffix};
use crate::log::snapshot::{DecodeError, Decoded, Form, LAST_BYTES, SnapshotDecoder};
use crate::log::store::StoreLimits;
use crate::log::vfs::Vfs;
use crate::log::{Image, Record};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

const TRIES: usize = 100;
const PIECE: usize = 256 * 1024;

pub(super) struct Loaded {
    pub decoded: Decoded,
    /// The newest one, if it was passed over.
    pub damaged: Option<(String, Zxid, DecodeError)>,
}

/// `snapshots` is ascending and not empty.
pub(super) fn load<V: Vfs>(
    vfs: &mut V,
    snapshots: &[(Zxid, Suffix)],
    limits: &StoreLimits,
    notes: &mut Vec<Note>,
) -> Result<Loaded, LoadError> {
    let mut damaged = None;
    for &(zxid, suffix) in snapshots.iter().rev().take(TRIES) {
        let file = FileName::Snapshot(zxid, suffix).path();
        match read(vfs, &file, zxid, suffix, limits)? {
            Ok(decoded) => {
                return Ok(Loaded { decoded, damaged });
            }
            Err(error) => {
                notes.push(Note::SnapshotSkipped { file: file.clone(), error: error.clone() });
                damaged.get_or_insert((file, zxid, error));
            }
        }
    }
    let (file, _, error) = damaged.expect("there is at least one snapshot");
    Err(LoadError::SnapshotDamaged { file, error })
}

/// Reads one snapshot by its path: for tools. `zxid` and `suffix` are those of its name.
pub fn read_snapshot_file<V: Vfs>(
    vfs: &mut V,
    path: &str,
    zxid: Zxid,
    suffix: Suffix,
    limits: &StoreLimits,
) -> Result<Result<Decoded, DecodeError>, StoreError> {
    read(vfs, path, zxid, suffix, limits)
}

fn read<V: Vfs>(
    vfs: &mut V,
    path: &str,
    zxid: Zxid,
    suffix: Suffix,
    limits: &StoreLimits,
) -> Result<Result<Decoded, DecodeError>, StoreError> {
    let failed = StoreError::at(path, "read");
    let file = vfs.open(path).map_err(StoreError::at(path, "open"))?;
    let result = (|| {
        if suffix == Suffix::None {
            let len = vfs.len(file)?;
            let mut last = [0; LAST_BYTES.len()];
            let from = len.saturating_sub(last.len() as u64);
            let got = vfs.read_at(file, from, &mut last)?;
            if last[..got] != LAST_BYTES {
                return Ok(Err(DecodeError::Unfinished { at: len }));
            }
        }
        let mut decoder = SnapshotDecoder::new(Form::File, limits.record_bytes as usize);
        let mut piece = vec![0; PIECE];
        let mut at = 0;
        loop {
            let got = vfs.read_at(file, at, &mut piece)?;
            if got == 0 || decoder.is_done() {
                return Ok(decoder.finish(zxid));
            }
            if let Err(error) = decoder.push(&piece[..got]) {
                return Ok(Err(error));
            }
            at += got as u64;
        }
    })();
    vfs.close(file);
    result.map_err(failed)
}

/// Java goes on writing while it dumps, so a snapshot may hold effects of transactions up to the
/// zxid of its digest. Those were applied, hence committed: replaying them makes the image exact
/// at that zxid. Applying them twice is harmless (section 4.4).
pub(super) fn settle(decoded: Decoded, log: &[Record], notes: &mut Vec<Note>) -> Result<Image, LoadError> {
    let mut image = decoded.image;
    let Some((until, expected)) = decoded.digest else {
        return Ok(image);
    };
    if until < image.zxid() {
        return Ok(image);
    }
    if log.last().map_or(Zxid::ZERO, |record| record.zxid).max(image.zxid()) < until {
        notes.push(Note::FuzzySnapshot { zxid: image.zxid(), until });
        return Ok(image);
    }
    let from = image.zxid();
    for record in log.iter().filter(|record| record.zxid > from && record.zxid <= until) {
        let applied = Arc::make_mut(&mut image).apply_bytes(&record.bytes);
        applied.map_err(|_| LoadError::UnreadableTransaction { zxid: record.zxid })?;
    }
    let found = image.digests().apache;
    if found != expected {
        notes.push(Note::DigestDiffers { zxid: until, expected, found });
    }
    Ok(image)
}
