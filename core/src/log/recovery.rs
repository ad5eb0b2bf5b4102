//! What a data directory holds at start (contract section 3, reference/zookeeper.md section 4.4).
//!
//! First what a crash interrupted is brought to its end: an installation or a truncation that has
//! passed its point of no return. Then the newest valid snapshot, the log behind it and the window
//! before it are read; a torn tail is cut; damage that no crash explains is refused, with its place.

mod logs;
mod snapshots;

pub use logs::{LogEnd, read_log_file};
pub use snapshots::read_snapshot_file;

use super::epoch::{read_epoch, write_epoch};
use super::error::{LoadError, StoreError};
use super::name::{ACCEPTED, CURRENT, DIR, FileName, INITIALIZE, LOST, NEXT_INSTALL, NEXT_SEGMENT, NEXT_SNAPSHOT};
use super::name::{Suffix, in_dir};
use super::replace;
use super::snapshot::DecodeError;
use super::store::StoreLimits;
use super::vfs::{Vfs, VfsError};
use super::{Image, Recovered, Standing};
use crate::id::{Epoch, Zxid};
use crate::tree::Database;
use alloc::string::String;
use alloc::vec::Vec;

/// What was found, and what the store needs to go on.
pub(super) struct Found {
    pub recovered: Recovered,
    /// First zxids of the log's files, ascending.
    pub segments: Vec<Zxid>,
    /// Ascending.
    pub snapshots: Vec<(Zxid, Suffix)>,
    pub notes: Vec<Note>,
}

/// Something that an operator should know, although the server starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A crash tore the log's last batch, which was not acknowledged; it was cut at this offset.
    TornTail { file: String, offset: u64 },
    /// A damaged snapshot was passed over; an older one and the log reach as far.
    SnapshotSkipped { file: String, error: DecodeError },
    /// A snapshot or a replay gives another digest than the one in the file.
    DigestDiffers { zxid: Zxid, expected: u64, found: u64 },
    /// A snapshot that was written under load needs records that the log does not have.
    FuzzySnapshot { zxid: Zxid, until: Zxid },
}

pub(super) fn recover<V: Vfs>(vfs: &mut V, limits: &StoreLimits) -> Result<Found, LoadError> {
    make_directory(vfs)?;
    finish_interrupted(vfs, limits)?;
    remove_unfinished(vfs)?;
    let (mut segments, mut snapshots) = list(vfs)?;
    let mut notes = Vec::new();
    let accepted = read_epoch(vfs, ACCEPTED)?;
    let current = read_epoch(vfs, CURRENT)?;
    let standing = standing(vfs, &segments, &snapshots, current)?;
    if standing == Standing::Lost {
        remove_logs(vfs, &mut segments)?;
    }
    if snapshots.is_empty() {
        if standing == Standing::Lost {
            let accepted = accepted.unwrap_or(Epoch::ZERO);
            save_epochs(vfs, accepted, Epoch::ZERO)?;
            let recovered = Recovered { accepted, standing, ..Recovered::empty() };
            return Ok(Found { recovered, segments, snapshots, notes });
        }
        begin(vfs, accepted, current)?;
        snapshots.push((Zxid::ZERO, Suffix::None));
    }
    if standing == Standing::Intact {
        remove_if_there(vfs, &in_dir(LOST))?;
    }
    let loaded = snapshots::load(vfs, &snapshots, limits, &mut notes)?;
    let log = logs::read(vfs, &mut segments, loaded.decoded.image.zxid(), limits, &mut notes)?;
    let image = snapshots::settle(loaded.decoded, &log, &mut notes)?;
    let mut recovered = Recovered { accepted: Epoch::ZERO, current: Epoch::ZERO, image, log, standing };
    if let Some((file, zxid, error)) = loaded.damaged
        && recovered.history_end() < zxid
    {
        return Err(LoadError::SnapshotDamaged { file, error });
    }
    epochs(vfs, &mut recovered, accepted, current)?;
    Ok(Found { recovered, segments, snapshots, notes })
}

fn make_directory<V: Vfs>(vfs: &mut V) -> Result<(), StoreError> {
    match vfs.list(DIR) {
        Ok(_) => Ok(()),
        Err(VfsError::NotFound) => {
            vfs.make_dir(DIR).map_err(StoreError::at(DIR, "create"))?;
            vfs.sync_dir("").map_err(StoreError::at("", "sync"))
        }
        Err(error) => Err(StoreError::at(DIR, "list")(error)),
    }
}

/// An `install.…` or `truncate.…` file is a point of no return: what it says is done now.
fn finish_interrupted<V: Vfs>(vfs: &mut V, limits: &StoreLimits) -> Result<(), LoadError> {
    for name in names(vfs)? {
        match FileName::parse(&name) {
            Some(FileName::Install(zxid)) => replace::finish_install(vfs, zxid)?,
            Some(FileName::Truncate(zxid)) => replace::finish_truncate(vfs, zxid, limits.record_bytes)?,
            Some(FileName::Log(_) | FileName::Snapshot(..)) | None => {}
        }
    }
    Ok(())
}

fn remove_unfinished<V: Vfs>(vfs: &mut V) -> Result<(), StoreError> {
    let unfinished = [NEXT_SEGMENT, NEXT_SNAPSHOT, NEXT_INSTALL, "acceptedEpoch.tmp", "currentEpoch.tmp"];
    let there: Vec<String> = names(vfs)?.into_iter().filter(|name| unfinished.contains(&name.as_str())).collect();
    for name in &there {
        remove_if_there(vfs, &in_dir(name))?;
    }
    // Durably: what is half written must not come back under a name that this life uses.
    if there.is_empty() { Ok(()) } else { vfs.sync_dir(DIR).map_err(StoreError::at(DIR, "sync")) }
}

pub(super) fn remove_if_there<V: Vfs>(vfs: &mut V, path: &str) -> Result<(), StoreError> {
    match vfs.remove(path) {
        Ok(()) | Err(VfsError::NotFound) => Ok(()),
        Err(error) => Err(StoreError::at(path, "remove")(error)),
    }
}

pub(super) fn names<V: Vfs>(vfs: &mut V) -> Result<Vec<String>, StoreError> {
    vfs.list(DIR).map_err(StoreError::at(DIR, "list"))
}

/// Logs and snapshots, ascending by zxid.
#[expect(clippy::type_complexity, reason = "two lists, used once")]
pub(super) fn list<V: Vfs>(vfs: &mut V) -> Result<(Vec<Zxid>, Vec<(Zxid, Suffix)>), StoreError> {
    let (mut segments, mut snapshots) = (Vec::new(), Vec::new());
    for name in names(vfs)? {
        match FileName::parse(&name) {
            Some(FileName::Log(zxid)) => segments.push(zxid),
            Some(FileName::Snapshot(zxid, suffix)) => snapshots.push((zxid, suffix)),
            Some(FileName::Install(_) | FileName::Truncate(_)) | None => {}
        }
    }
    segments.sort_unstable();
    snapshots.sort_unstable();
    Ok((segments, snapshots))
}

/// Whether this directory is a new server's, or one whose first synchronization is complete (its
/// current epoch says so); otherwise what it once held is lost, and it stays marked as lost.
fn standing<V: Vfs>(
    vfs: &mut V,
    segments: &[Zxid],
    snapshots: &[(Zxid, Suffix)],
    current: Option<Epoch>,
) -> Result<Standing, LoadError> {
    if names(vfs)?.iter().any(|name| name == LOST) {
        let synchronized = current.is_some_and(|epoch| epoch > Epoch::ZERO);
        return Ok(if synchronized { Standing::Intact } else { Standing::Lost });
    }
    if !snapshots.is_empty() {
        return Ok(Standing::Intact);
    }
    if let Some(log) = segments.first() {
        return Err(LoadError::NoSnapshot { log: FileName::Log(*log).path() });
    }
    if exists(vfs, INITIALIZE)? {
        return Ok(Standing::Intact);
    }
    let path = in_dir(LOST);
    let file = vfs.create(&path).map_err(StoreError::at(&path, "create"))?;
    vfs.close(file);
    vfs.sync_dir(DIR).map_err(StoreError::at(DIR, "sync"))?;
    Ok(Standing::Lost)
}

/// Writes the empty snapshot, without which Java takes a log for one that lost its beginning. What was promised is
/// kept: the epoch that was accepted stands, whatever else is missing.
fn begin<V: Vfs>(vfs: &mut V, accepted: Option<Epoch>, current: Option<Epoch>) -> Result<(), StoreError> {
    if current.is_none() {
        save_epochs(vfs, accepted.unwrap_or(Epoch::ZERO), Epoch::ZERO)?;
    }
    replace::write_snapshot(vfs, NEXT_SNAPSHOT, FileName::snapshot(Zxid::ZERO), &Image::new(Database::new()))?;
    remove_if_there(vfs, &in_dir(LOST))?;
    remove_if_there(vfs, INITIALIZE)?;
    vfs.sync_dir(DIR).map_err(StoreError::at(DIR, "sync"))?;
    vfs.sync_dir("").map_err(StoreError::at("", "sync"))
}

fn exists<V: Vfs>(vfs: &mut V, path: &str) -> Result<bool, StoreError> {
    match vfs.open(path) {
        Ok(file) => {
            vfs.close(file);
            Ok(true)
        }
        Err(VfsError::NotFound) => Ok(false),
        Err(error) => Err(StoreError::at(path, "open")(error)),
    }
}

/// What a lost server logged before its synchronization was complete: see [`Standing::Lost`].
fn remove_logs<V: Vfs>(vfs: &mut V, segments: &mut Vec<Zxid>) -> Result<(), StoreError> {
    for segment in segments.drain(..) {
        remove_if_there(vfs, &FileName::Log(segment).path())?;
    }
    // Without this a removed log could reappear behind records of the next synchronization.
    vfs.sync_dir(DIR).map_err(StoreError::at(DIR, "sync"))
}

fn save_epochs<V: Vfs>(vfs: &mut V, accepted: Epoch, current: Epoch) -> Result<(), StoreError> {
    write_epoch(vfs, ACCEPTED, accepted)?;
    write_epoch(vfs, CURRENT, current)
}

/// Section 3.8: missing files are made from the last zxid; contradictions are refused. A history
/// whose epoch is above currentEpoch, but accepted, is a synchronization that a crash cut between
/// its history and its currentEpoch: its vote carries the older epoch, so it is no contradiction.
fn epochs<V: Vfs>(
    vfs: &mut V,
    recovered: &mut Recovered,
    accepted: Option<Epoch>,
    current: Option<Epoch>,
) -> Result<(), LoadError> {
    let history_end = recovered.history_end();
    let of_zxid = history_end.epoch();
    recovered.current = match current {
        Some(epoch) => epoch,
        None => of_zxid,
    };
    recovered.accepted = accepted.unwrap_or(of_zxid.max(recovered.current));
    if recovered.accepted < recovered.current || recovered.accepted < of_zxid {
        let (accepted, current) = (recovered.accepted, recovered.current);
        return Err(LoadError::EpochsContradict { accepted, current, history_end });
    }
    if accepted.is_none() {
        write_epoch(vfs, ACCEPTED, recovered.accepted)?;
    }
    if current.is_none() {
        write_epoch(vfs, CURRENT, recovered.current)?;
    }
    Ok(())
}
