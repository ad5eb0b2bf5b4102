//! Simulated disks: what survives a crash, and when (contract section 3).
//!
//! [`RecordDisk`] knows whole storage actions and enumerates every outcome of a crash: the exhaustive
//! explorer's. [`StoredDisk`] is the real store over the sectors of a [`SectorDisk`]: the random
//! explorer's. A refinement test (`tests/refinement.rs`) ties the two.

mod record;
mod sector;
mod stored;

pub use record::{RecordDisk, Survivors};
pub use sector::{DiskFault, Faults, SectorDisk};
pub use stored::{StoredDisk, Work};
pub use zabra_core::log::StorageAction;

use crate::oracle::DurableState;
use zabra_core::contract::StorageError;
use zabra_core::id::Zxid;
use zabra_core::log::{Record, Recovered};

/// Where a disk's nondeterminism comes from: a seeded stream, or an explicit list of choices.
pub trait Chooser {
    /// A number below `bound`, which is at least 1.
    fn below(&mut self, bound: u64) -> u64;
}

impl<F: FnMut(u64) -> u64> Chooser for F {
    fn below(&mut self, bound: u64) -> u64 {
        let choice = self(bound);
        assert!(choice < bound, "a choice is below its bound");
        choice
    }
}

/// The disk of one machine, as the world drives it: actions are issued in order, time completes
/// them up to the next barrier, a crash keeps some of what was not complete.
pub trait Disk {
    fn issue(&mut self, action: StorageAction);
    /// Whether a barrier waits for completion.
    fn completable(&self) -> bool;
    /// Completes everything up to and including the oldest `Sync`: the `count` of `Durable`.
    fn complete(&mut self) -> Result<u32, StorageError>;
    /// The zxid of the checkpoint that is being written.
    fn checkpointing(&self) -> Option<Zxid>;
    /// Writes the next piece of the checkpoint, if one is left to write: whether one was. A crash can
    /// strike between its storage operations, and a disk of whole actions has none.
    fn advance_checkpoint(&mut self) -> bool;
    /// Completes the checkpoint, what is left of it: what `Checkpointed` carries.
    fn complete_checkpoint(&mut self) -> Result<(Zxid, u64), StorageError>;
    /// The log's records from `after` itself up to and including `until`; none when the log does not
    /// hold `after`. Sees what is not yet durable.
    fn read_log(&mut self, after: Zxid, until: Zxid) -> Vec<Record>;
    /// What would survive any crash.
    fn durable(&self) -> DurableState;
    /// The machine stops dead. What was not complete survives as `choose` says.
    fn crash(&mut self, choose: &mut dyn Chooser);
    /// What a start finds. Call it only after a crash.
    fn recover(&mut self) -> Result<Recovered, String>;
    /// A start whose machine stops dead during the recovery, between two of its storage operations or
    /// within one, as `choose` says. Call it only after a crash.
    fn falter(&mut self, choose: &mut dyn Chooser) -> Result<(), String>;
    /// A destroying fault: the disk is empty, and has no `initialize` file.
    fn destroy(&mut self);
}

/// Either disk, for a machine that is driven by both explorers.
pub enum AnyDisk {
    Record(RecordDisk),
    Stored(StoredDisk),
}

impl AnyDisk {
    pub fn as_disk(&mut self) -> &mut dyn Disk {
        match self {
            AnyDisk::Record(disk) => disk,
            AnyDisk::Stored(disk) => disk,
        }
    }

    pub fn as_disk_ref(&self) -> &dyn Disk {
        match self {
            AnyDisk::Record(disk) => disk,
            AnyDisk::Stored(disk) => disk,
        }
    }
}
