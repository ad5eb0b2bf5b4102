//! A machine's disk: one of the two models, chosen by the scenario (contract section 3).

use crate::disk::{Chooser, Disk, RecordDisk, StorageAction, StoredDisk};
use crate::oracle::DurableState;
use crate::random::{Draws, Purpose};
use crate::scenario::DiskModel;
use crate::step::Survivors;
use std::fmt;
use zabra_core::contract::StorageError;
use zabra_core::id::{ServerId, Zxid};
use zabra_core::log::{Record, Recovered, StoreLimits};

/// A disk with the work that waits in it.
pub enum Storage {
    Record(RecordDisk),
    Stored(StoredDisk),
}

/// Small segments, so that runs roll them within an epoch; small pieces, so that a snapshot has several.
const SEGMENT_BYTES: u64 = 32 << 10;
const PIECE_BYTES: usize = 1 << 10;
const SYNC_BYTES: u64 = 2 << 10;

impl Storage {
    pub fn new(model: DiskModel, window_bytes: u64) -> Storage {
        match model {
            DiskModel::Record => Storage::Record(RecordDisk::new()),
            DiskModel::Sector => Storage::Stored(StoredDisk::new(StoreLimits {
                segment_bytes: SEGMENT_BYTES,
                window_bytes,
                piece_bytes: PIECE_BYTES,
                sync_bytes: SYNC_BYTES,
                ..StoreLimits::default()
            })),
        }
    }

    /// The disk of sectors, if it is one.
    pub fn stored(&self) -> Option<&StoredDisk> {
        match self {
            Storage::Record(_) => None,
            Storage::Stored(disk) => Some(disk),
        }
    }

    fn disk(&self) -> &dyn Disk {
        match self {
            Storage::Record(disk) => disk,
            Storage::Stored(disk) => disk,
        }
    }

    fn disk_mut(&mut self) -> &mut dyn Disk {
        match self {
            Storage::Record(disk) => disk,
            Storage::Stored(disk) => disk,
        }
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.durable())
    }
}

impl Disk for Storage {
    fn issue(&mut self, action: StorageAction) {
        self.disk_mut().issue(action);
    }

    fn completable(&self) -> bool {
        self.disk().completable()
    }

    fn complete(&mut self) -> Result<u32, StorageError> {
        self.disk_mut().complete()
    }

    fn checkpointing(&self) -> Option<Zxid> {
        self.disk().checkpointing()
    }

    fn advance_checkpoint(&mut self) -> bool {
        self.disk_mut().advance_checkpoint()
    }

    fn complete_checkpoint(&mut self) -> Result<(Zxid, u64), StorageError> {
        self.disk_mut().complete_checkpoint()
    }

    fn read_log(&mut self, after: Zxid, until: Zxid) -> Vec<Record> {
        self.disk_mut().read_log(after, until)
    }

    fn durable(&self) -> DurableState {
        self.disk().durable()
    }

    fn crash(&mut self, choose: &mut dyn Chooser) {
        self.disk_mut().crash(choose);
    }

    fn recover(&mut self) -> Result<Recovered, String> {
        self.disk_mut().recover()
    }

    fn falter(&mut self, choose: &mut dyn Chooser) -> Result<(), String> {
        self.disk_mut().falter(choose)
    }

    fn destroy(&mut self) {
        self.disk_mut().destroy();
    }
}

/// Turns the survivors that a step names into the choices that a disk asks for.
#[expect(clippy::large_enum_variant, reason = "it lives for one call")]
pub(super) enum Choice {
    Least,
    Most,
    Drawn(Draws),
}

impl Choice {
    pub fn of(survivors: Survivors) -> Choice {
        match survivors {
            Survivors::Nothing => Choice::Least,
            Survivors::Everything => Choice::Most,
            Survivors::Drawn(number) => Choice::Drawn(Draws::new(number, Purpose::Disk(ServerId(0)))),
        }
    }

    /// The choice of a disk that is asked for a number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        match self {
            Choice::Least => 0,
            Choice::Most => bound - 1,
            Choice::Drawn(draws) => draws.word() % bound,
        }
    }
}
