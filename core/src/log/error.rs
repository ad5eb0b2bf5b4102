//! What can go wrong with a data directory, with its place and what an operator can do.

use super::record::Damage;
use super::snapshot::DecodeError;
use super::vfs::VfsError;
use crate::id::{Epoch, Zxid};
use alloc::string::{String, ToString};
use core::fmt;

/// A file operation failed. It is never retried: the server stops and recovers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError {
    pub path: String,
    pub doing: &'static str,
    pub error: VfsError,
}

impl StoreError {
    /// For `map_err`: places a failed operation.
    pub fn at(path: &str, doing: &'static str) -> impl Fn(VfsError) -> StoreError {
        move |error| StoreError { path: path.to_string(), doing, error }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = match self.error {
            VfsError::NotFound => "it does not exist",
            VfsError::Exists => "it exists already",
            VfsError::Full => "the disk is full",
            VfsError::Io => "input/output error",
        };
        write!(f, "{}: cannot {}: {error}", self.path, self.doing)
    }
}

impl core::error::Error for StoreError {}

/// Why a server does not start from its data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    File(StoreError),
    /// Damage in a log that no crash explains: what was acknowledged may be lost.
    Rot {
        file: String,
        offset: u64,
        expected: &'static str,
    },
    /// Records are missing: zxids do not continue.
    Gap {
        file: String,
        offset: u64,
        after: Zxid,
        found: Zxid,
    },
    /// There are logs, but no snapshot that they begin from.
    NoSnapshot {
        log: String,
    },
    /// The newest snapshots are damaged, and the log does not reach up to them.
    SnapshotDamaged {
        file: String,
        error: DecodeError,
    },
    /// An epoch file does not hold a decimal number.
    BadEpoch {
        file: String,
    },
    /// currentEpoch is above acceptedEpoch, or the log holds an epoch that was never accepted.
    EpochsContradict {
        accepted: Epoch,
        current: Epoch,
        history_end: Zxid,
    },
    /// A transaction that a fuzzy snapshot needs cannot be decoded.
    UnreadableTransaction {
        zxid: Zxid,
    },
}

impl From<StoreError> for LoadError {
    fn from(error: StoreError) -> Self {
        LoadError::File(error)
    }
}

impl LoadError {
    pub(super) fn rot(file: String, offset: u64, damage: Damage) -> LoadError {
        LoadError::Rot { file, offset, expected: damage.expected() }
    }

    /// What an operator can do about it.
    pub fn repair(&self) -> &'static str {
        match self {
            LoadError::File(_) => "check the disk and the directory's owner",
            LoadError::Rot { .. }
            | LoadError::Gap { .. }
            | LoadError::NoSnapshot { .. }
            | LoadError::SnapshotDamaged { .. }
            | LoadError::UnreadableTransaction { .. } => {
                "restore the file from a copy; or, if a quorum of the other servers is up, move the directory \
                 version-2 away and start: this server then takes everything from the leader and has no vote before"
            }
            LoadError::BadEpoch { .. } | LoadError::EpochsContradict { .. } => {
                "restore acceptedEpoch and currentEpoch from a copy; or, if a quorum of the other servers is up, move \
                 the directory version-2 away and start: this server then takes everything from the leader"
            }
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::File(error) => error.fmt(f)?,
            LoadError::Rot { file, offset, expected } => {
                write!(f, "{file}: offset {offset}: expected {expected}; this is damage, not a torn tail")?;
            }
            LoadError::Gap { file, offset, after, found } => {
                write!(f, "{file}: offset {offset}: expected the record after {after}, found {found}")?;
            }
            LoadError::NoSnapshot { log } => write!(f, "{log}: there is a log, but no snapshot")?,
            LoadError::SnapshotDamaged { file, error } => {
                write!(f, "{file}: {error}; and no older snapshot and log reach as far")?;
            }
            LoadError::BadEpoch { file } => write!(f, "{file}: offset 0: expected an epoch in decimal")?,
            LoadError::EpochsContradict { accepted, current, history_end } => write!(
                f,
                "version-2: acceptedEpoch {accepted}, currentEpoch {current} and the last zxid {history_end} contradict \
                 one another"
            )?,
            LoadError::UnreadableTransaction { zxid } => write!(f, "the transaction {zxid} cannot be decoded")?,
        }
        write!(f, ". Repair: {}.", self.repair())
    }
}

impl core::error::Error for LoadError {}
