//! The random explorer's disk: the real store over simulated sectors.
//!
//! An action is performed when it is issued, so the machine reads what it wrote; its calls stand in
//! the sector disk's list until time completes them, barrier by barrier. Latency is the caller's.

use super::{Chooser, Disk, SectorDisk, StorageAction};
use crate::oracle::DurableState;
use std::collections::VecDeque;
use zabra_core::contract::StorageError;
use zabra_core::id::{Epoch, Zxid};
use zabra_core::log::name::INITIALIZE;
use zabra_core::log::{Note, Record, Recovered, Standing, Store, StoreLimits};

/// A machine's data directory on a simulated disk.
pub struct StoredDisk {
    state: State,
    limits: StoreLimits,
    pending: VecDeque<Pending>,
    durable: DurableState,
    standing: Standing,
    torn: bool,
}

enum State {
    Up(Box<Store<SectorDisk>>),
    Down(Box<SectorDisk>),
}

/// An action whose calls are in the list, up to a position.
struct Pending {
    counted: bool,
    barrier: bool,
    effect: Effect,
    position: u64,
    result: Result<(), StorageError>,
}

enum Effect {
    None,
    End(Zxid),
    Cut(Zxid),
    Accepted(Epoch),
    Current(Epoch),
    Image(Zxid),
}

impl StoredDisk {
    /// A new server's disk: empty, with the `initialize` file.
    pub fn new(limits: StoreLimits) -> Self {
        let mut disk = SectorDisk::new();
        disk.put(INITIALIZE, b"");
        StoredDisk::holding(disk, limits)
    }

    /// A disk with these files; recover before anything else.
    pub fn holding(disk: SectorDisk, limits: StoreLimits) -> Self {
        StoredDisk {
            state: State::Down(Box::new(disk)),
            limits,
            pending: VecDeque::new(),
            durable: DurableState::default(),
            standing: Standing::Lost,
            torn: false,
        }
    }

    /// Whether the last start found a batch that a crash had torn.
    pub fn torn(&self) -> bool {
        self.torn
    }

    /// The files, for faults.
    pub fn sectors(&mut self) -> &mut SectorDisk {
        match &mut self.state {
            State::Up(store) => store.vfs_mut(),
            State::Down(disk) => disk,
        }
    }

    fn store(&mut self) -> &mut Store<SectorDisk> {
        match &mut self.state {
            State::Up(store) => store,
            State::Down(_) => panic!("a disk is recovered before it is used"),
        }
    }

    fn completed(&mut self, effect: &Effect) {
        let durable = &mut self.durable;
        match effect {
            Effect::None => {}
            Effect::End(zxid) => durable.history_end = *zxid,
            Effect::Cut(after) => durable.history_end = durable.history_end.min(*after).max(durable.image),
            Effect::Accepted(epoch) => durable.accepted = *epoch,
            Effect::Current(epoch) => {
                durable.current = *epoch;
                self.standing = Standing::Intact;
            }
            Effect::Image(zxid) => {
                durable.image = *zxid;
                durable.history_end = *zxid;
            }
        }
    }
}

impl Disk for StoredDisk {
    fn issue(&mut self, action: StorageAction) {
        let failed = self.pending.back().and_then(|pending| pending.result.err());
        let result = match failed {
            // Nothing is written behind a failure.
            Some(error) => Err(error),
            None => self.store().perform(&action).map_err(|error| StorageError::from(&error)),
        };
        let effect = match &action {
            StorageAction::Append(record) => Effect::End(record.zxid),
            StorageAction::Truncate { after } => Effect::Cut(*after),
            StorageAction::SaveAccepted(epoch) => Effect::Accepted(*epoch),
            StorageAction::SaveCurrent(epoch) => Effect::Current(*epoch),
            StorageAction::Install(image) => Effect::Image(image.zxid()),
            StorageAction::Sync => Effect::None,
            StorageAction::Checkpoint(_) => return,
        };
        let barrier = action == StorageAction::Sync;
        let position = self.sectors().position();
        self.pending.push_back(Pending { counted: action.is_counted(), barrier, effect, position, result });
    }

    fn completable(&self) -> bool {
        self.pending.iter().any(|pending| pending.barrier)
    }

    fn complete(&mut self) -> Result<u32, StorageError> {
        let mut count = 0;
        while let Some(pending) = self.pending.pop_front() {
            pending.result?;
            self.sectors().settle(pending.position);
            self.completed(&pending.effect);
            count += u32::from(pending.counted);
            if pending.barrier {
                break;
            }
        }
        Ok(count)
    }

    fn checkpointing(&self) -> Option<Zxid> {
        match &self.state {
            State::Up(store) => store.checkpointing(),
            State::Down(_) => None,
        }
    }

    fn complete_checkpoint(&mut self) -> Result<(Zxid, u64), StorageError> {
        loop {
            let advanced = self.store().advance_checkpoint().map_err(|error| StorageError::from(&error))?;
            if let Some((zxid, bytes)) = advanced {
                let position = self.sectors().position();
                self.sectors().settle(position);
                // An installation may have replaced what a checkpoint was taken of.
                if bytes > 0 {
                    self.durable.image = self.durable.image.max(zxid);
                    self.durable.history_end = self.durable.history_end.max(zxid);
                }
                return Ok((zxid, bytes));
            }
        }
    }

    fn read_log(&mut self, after: Zxid, until: Zxid) -> Vec<Record> {
        self.store().read_log(after, until).unwrap_or_default()
    }

    fn durable(&self) -> DurableState {
        match self.standing {
            Standing::Intact => self.durable,
            Standing::Lost => DurableState { history_end: self.durable.image, ..self.durable },
        }
    }

    fn crash(&mut self, choose: &mut dyn Chooser) {
        self.sectors().crash(choose);
        self.pending.clear();
        let down = State::Down(Box::default());
        self.state = match std::mem::replace(&mut self.state, down) {
            State::Up(store) => State::Down(Box::new(store.into_vfs())),
            down @ State::Down(_) => down,
        };
    }

    fn recover(&mut self) -> Result<Recovered, String> {
        let down = State::Down(Box::default());
        let disk = match std::mem::replace(&mut self.state, down) {
            State::Down(disk) => disk,
            State::Up(_) => panic!("a disk is recovered after a crash"),
        };
        match Store::open(*disk, self.limits.clone()) {
            Ok((store, recovered)) => {
                self.torn = store.notes().iter().any(|note| matches!(note, Note::TornTail { .. }));
                self.state = State::Up(Box::new(store));
                let position = self.sectors().position();
                self.sectors().settle(position);
                self.standing = recovered.standing;
                self.durable = DurableState {
                    accepted: recovered.accepted,
                    current: recovered.current,
                    history_end: recovered.history_end(),
                    image: recovered.image.zxid(),
                };
                Ok(recovered)
            }
            Err((disk, error)) => {
                self.state = State::Down(Box::new(disk));
                Err(error.to_string())
            }
        }
    }

    fn destroy(&mut self) {
        let strict = self.sectors().strict;
        let mut disk = SectorDisk::new();
        disk.strict = strict;
        self.state = State::Down(Box::new(disk));
        self.pending.clear();
        self.durable = DurableState::default();
        self.standing = Standing::Lost;
    }
}
