//! Records, images, and what a disk gives back at start.

use crate::id::{Epoch, Zxid};
use crate::tree::Database;
use alloc::sync::Arc;
use alloc::vec::Vec;

mod action;
mod epoch;
mod error;
pub mod name;
pub mod record;
mod recovery;
mod replace;
pub mod snapshot;
mod store;
mod vfs;
pub use action::StorageAction;
pub use epoch::parse_epoch;
pub use error::{LoadError, StoreError};
pub use recovery::{LogEnd, Note, read_log_file, read_snapshot_file};
pub use store::{Store, StoreLimits};
pub use vfs::{FileId, Vfs, VfsError};

/// One transaction of a history: its zxid and its bytes (`TxnHeader`, body, optional `TxnDigest`),
/// encoded once and shared by log, proposals, INFORM and the committed window.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Record {
    pub zxid: Zxid,
    pub bytes: Arc<[u8]>,
}

impl Recovered {
    /// A new server's disk: nothing was ever acknowledged.
    pub fn empty() -> Recovered {
        Recovered {
            accepted: Epoch::ZERO,
            current: Epoch::ZERO,
            image: Image::default(),
            log: Vec::new(),
            standing: Standing::Intact,
        }
    }

    /// The end of the history: the log's last zxid, or the image's when that is later.
    pub fn history_end(&self) -> Zxid {
        self.log.last().map_or(Zxid::ZERO, |record| record.zxid).max(self.image.zxid())
    }
}

impl core::fmt::Debug for Record {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}[{} bytes]", self.zxid, self.bytes.len())
    }
}

/// What a snapshot holds, frozen at an exact zxid; shared, and cheap to keep.
pub type Image = Arc<Database>;

/// What a server's disk holds at start.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Recovered {
    pub accepted: Epoch,
    pub current: Epoch,
    /// The newest valid snapshot, or the empty database.
    pub image: Image,
    /// The log's records, oldest first, contiguous. Those up to the image's zxid fill the
    /// committed window; those above it are the history whose commit is not yet known.
    pub log: Vec<Record>,
    pub standing: Standing,
}

/// Whether the disk is the one that this server wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    Intact,
    /// There was no database and no `initialize` file, and no epoch was saved since as current: what
    /// was acknowledged may be lost. Such a server votes with zxid −1, that is not at all (contract
    /// section 7, clause 2). It stays lost, across restarts, until its synchronization is complete.
    /// An accepted epoch, records or an image alone do not change that, for they are written before;
    /// records are dropped at the next start, being a prefix of what was once acknowledged.
    Lost,
}
