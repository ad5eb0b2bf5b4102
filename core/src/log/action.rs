//! What storage is commanded to do: the storage part of the contract's actions (contract section 3).

use super::{Image, Record};
use crate::id::{Epoch, Zxid};

/// One storage action. They are executed in order; durability is given only by [`StorageAction::Sync`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StorageAction {
    /// Append to the log.
    Append(Record),
    /// Cut the log: every record above `after` goes.
    Truncate {
        after: Zxid,
    },
    SaveAccepted(Epoch),
    /// The history is complete up to this epoch: a disk that was lost counts again from here on.
    SaveCurrent(Epoch),
    /// Replace snapshots and log by this image.
    Install(Image),
    /// A barrier: nothing issued after it becomes durable before everything issued before it is.
    Sync,
    /// Write a snapshot in the background; at most one at a time.
    Checkpoint(Image),
}

impl StorageAction {
    /// Whether `Durable { count }` counts this action.
    pub fn is_counted(&self) -> bool {
        match self {
            StorageAction::Append(_)
            | StorageAction::Truncate { .. }
            | StorageAction::SaveAccepted(_)
            | StorageAction::SaveCurrent(_)
            | StorageAction::Install(_) => true,
            StorageAction::Sync | StorageAction::Checkpoint(_) => false,
        }
    }
}
