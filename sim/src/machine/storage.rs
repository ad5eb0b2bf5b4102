//! A machine's disk: one of the two models, chosen by the scenario (contract section 3).

use crate::disk::{Chooser, Disk, RecordDisk, StorageAction};
use crate::oracle::DurableState;
use crate::random::{Draws, Purpose};
use crate::step::Survivors;
use zabra_core::contract::StorageError;
use zabra_core::id::{ServerId, Zxid};
use zabra_core::log::{Record, Recovered};

/// A disk with the work that waits in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Storage {
    Record(RecordDisk),
}

impl Default for Storage {
    fn default() -> Self {
        Storage::Record(RecordDisk::new())
    }
}

impl Storage {
    fn disk(&mut self) -> &mut dyn Disk {
        match self {
            Storage::Record(disk) => disk,
        }
    }

    pub fn issue(&mut self, action: StorageAction) {
        self.disk().issue(action);
    }

    pub fn completable(&self) -> bool {
        match self {
            Storage::Record(disk) => disk.completable(),
        }
    }

    pub fn complete(&mut self) -> Result<u32, StorageError> {
        self.disk().complete()
    }

    pub fn checkpointing(&self) -> Option<Zxid> {
        match self {
            Storage::Record(disk) => disk.checkpointing(),
        }
    }

    pub fn complete_checkpoint(&mut self) -> Result<(Zxid, u64), StorageError> {
        self.disk().complete_checkpoint()
    }

    pub fn read_log(&mut self, after: Zxid, until: Zxid) -> Vec<Record> {
        self.disk().read_log(after, until)
    }

    pub fn durable(&self) -> DurableState {
        match self {
            Storage::Record(disk) => disk.durable(),
        }
    }

    pub fn crash(&mut self, survivors: Survivors) {
        self.disk().crash(&mut Choice::of(survivors));
    }

    /// What a start finds, or why the store refuses to start.
    pub fn recover(&mut self) -> Result<Recovered, String> {
        self.disk().recover()
    }

    pub fn destroy(&mut self) {
        self.disk().destroy();
    }
}

/// Turns the survivors that a step names into the choices that a disk asks for.
enum Choice {
    Least,
    Most,
    Drawn(Draws),
}

impl Choice {
    fn of(survivors: Survivors) -> Choice {
        match survivors {
            Survivors::Nothing => Choice::Least,
            Survivors::Everything => Choice::Most,
            Survivors::Drawn(number) => Choice::Drawn(Draws::new(number, Purpose::Disk(ServerId(0)))),
        }
    }
}

impl Chooser for Choice {
    fn below(&mut self, bound: u64) -> u64 {
        match self {
            Choice::Least => 0,
            Choice::Most => bound - 1,
            Choice::Drawn(draws) => draws.word() % bound,
        }
    }
}
