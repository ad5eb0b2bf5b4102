//! The random explorer's disk: the real store over simulated sectors.
//!
//! An action is performed when it is issued, so the machine reads what it wrote; its calls stand in
//! the sector disk's list until time completes them, barrier by barrier. Latency is the caller's.
//! A checkpoint is written piece by piece, old files are purged behind it, the next segment is
//! prepared when nothing waits: as a server does it. A crash cuts the list in the middle of any of them,
//! or of a recovery; [`StoredDisk::interrupted`] tells of what.

use super::{Chooser, Disk, SectorDisk, StorageAction};
use crate::oracle::DurableState;
use std::collections::VecDeque;
use zabra_core::contract::StorageError;
use zabra_core::id::{Epoch, Zxid};
use zabra_core::log::name::INITIALIZE;
use zabra_core::log::{Note, Record, Recovered, Standing, Store, StoreError, StoreLimits};

/// A machine's data directory on a simulated disk.
pub struct StoredDisk {
    state: State,
    limits: StoreLimits,
    pending: VecDeque<Pending>,
    durable: DurableState,
    standing: Standing,
    torn: bool,
    checkpoint: Option<Checkpoint>,
    /// Whether the last checkpoint was followed by a purge that removed something.
    purged: bool,
    /// Work whose calls are not all complete.
    spans: Vec<Span>,
    interrupted: Vec<Work>,
}

/// Work of several calls, beside the barriers of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Checkpoint,
    Purge,
    Preparation,
    Recovery,
}

/// The calls of one work in the list; `until` is open while it goes on.
struct Span {
    work: Work,
    from: u64,
    until: Option<u64>,
}

impl Span {
    /// Whether a crash that cuts here leaves some of its calls and not all.
    fn is_cut(&self, cut: u64) -> bool {
        self.from < cut && self.until.is_none_or(|until| cut < until)
    }
}

/// A checkpoint that was not reported yet.
struct Checkpoint {
    zxid: Zxid,
    /// What came of it, and the position of its last call, when everything is written.
    written: Option<(Result<u64, StorageError>, u64)>,
    /// An installation has replaced what it was taken of.
    superseded: bool,
}

/// Snapshots that a purge keeps: the least that there is.
const KEEP: usize = 3;

/// How many calls work took.
type Done = Result<u64, StorageError>;

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
            checkpoint: None,
            purged: false,
            spans: Vec::new(),
            interrupted: Vec::new(),
        }
    }

    /// Whether the last start found a batch that a crash had torn.
    pub fn torn(&self) -> bool {
        self.torn
    }

    /// What the last crash struck in the middle: some of its calls had come before, not all.
    pub fn interrupted(&self) -> &[Work] {
        &self.interrupted
    }

    /// Whether the last checkpoint was followed by a purge that removed something.
    pub fn purged(&self) -> bool {
        self.purged
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

    /// Does work of several calls, and keeps where they stand.
    fn span(&mut self, work: Work, done: impl FnOnce(&mut Store<SectorDisk>) -> Result<(), StoreError>) -> Done {
        let from = self.sectors().position();
        let done = done(self.store()).map_err(|error| StorageError::from(&error));
        let until = self.sectors().position();
        self.spans.push(Span { work, from, until: Some(until) });
        done.map(|()| until - from)
    }

    /// The calls before this position are complete.
    fn settle(&mut self, position: u64) {
        self.sectors().settle(position);
        self.spans.retain(|span| span.until.is_none_or(|until| until > position));
    }

    /// The last piece was written: the old files go, as a server has it before it reports.
    fn end_checkpoint(&mut self, bytes: Result<u64, StorageError>) {
        let position = self.sectors().position();
        if let Some(span) = self.spans.iter_mut().find(|span| span.work == Work::Checkpoint) {
            span.until = Some(position);
        }
        let result = bytes.and_then(|bytes| {
            let calls = self.span(Work::Purge, |store| store.purge(KEEP))?;
            // Whatever it removed, it makes the directory durable at its end.
            self.purged = calls > 1;
            Ok(bytes)
        });
        let position = self.sectors().position();
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.written = Some((result, position));
        }
    }

    /// Opens the store on the disk of a machine that is down. Nothing of it is complete yet.
    fn open(&mut self) -> Result<Recovered, String> {
        let down = State::Down(Box::default());
        let disk = match std::mem::replace(&mut self.state, down) {
            State::Down(disk) => disk,
            State::Up(_) => panic!("a disk is recovered after a crash"),
        };
        match Store::open(*disk, self.limits.clone()) {
            Ok((store, recovered)) => {
                self.torn = store.notes().iter().any(|note| matches!(note, Note::TornTail { .. }));
                self.state = State::Up(Box::new(store));
                Ok(recovered)
            }
            Err((disk, error)) => {
                self.state = State::Down(Box::new(disk));
                Err(error.to_string())
            }
        }
    }

    /// The machine stops dead: what survives, and what work that cuts.
    fn cut(&mut self, choose: &mut dyn Chooser) {
        let cut = self.sectors().crash(choose);
        let struck = self.spans.drain(..).filter(|span| span.is_cut(cut));
        self.interrupted = struck.map(|span| span.work).collect();
        self.pending.clear();
        self.checkpoint = None;
        let down = State::Down(Box::default());
        self.state = match std::mem::replace(&mut self.state, down) {
            State::Up(store) => State::Down(Box::new(store.into_vfs())),
            down @ State::Down(_) => down,
        };
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
            StorageAction::Install(image) => {
                if let Some(checkpoint) = &mut self.checkpoint {
                    checkpoint.superseded = true;
                }
                Effect::Image(image.zxid())
            }
            StorageAction::Sync => Effect::None,
            StorageAction::Checkpoint(image) => {
                if result.is_ok() {
                    let from = self.sectors().position();
                    self.spans.push(Span { work: Work::Checkpoint, from, until: None });
                    self.checkpoint = Some(Checkpoint { zxid: image.zxid(), written: None, superseded: false });
                }
                return;
            }
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
            self.settle(pending.position);
            self.completed(&pending.effect);
            count += u32::from(pending.counted);
            if pending.barrier {
                break;
            }
        }
        if self.pending.is_empty() {
            self.span(Work::Preparation, Store::prepare_segment)?;
        }
        Ok(count)
    }

    fn checkpointing(&self) -> Option<Zxid> {
        self.checkpoint.as_ref().map(|checkpoint| checkpoint.zxid)
    }

    fn advance_checkpoint(&mut self) -> bool {
        if self.checkpoint.as_ref().is_none_or(|checkpoint| checkpoint.written.is_some()) {
            return false;
        }
        match self.store().advance_checkpoint() {
            Ok(None) => {}
            Ok(Some((_, bytes))) => self.end_checkpoint(Ok(bytes)),
            Err(error) => self.end_checkpoint(Err(StorageError::from(&error))),
        }
        true
    }

    fn complete_checkpoint(&mut self) -> Result<(Zxid, u64), StorageError> {
        while self.advance_checkpoint() {}
        let checkpoint = self.checkpoint.take().expect("a checkpoint is being written");
        let (bytes, position) = checkpoint.written.expect("it was advanced to its end");
        let bytes = if checkpoint.superseded { 0 } else { bytes? };
        self.settle(position);
        // An installation may have replaced what a checkpoint was taken of.
        if bytes > 0 {
            self.durable.image = self.durable.image.max(checkpoint.zxid);
            self.durable.history_end = self.durable.history_end.max(checkpoint.zxid);
        }
        Ok((checkpoint.zxid, bytes))
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
        self.cut(choose);
    }

    fn recover(&mut self) -> Result<Recovered, String> {
        let recovered = self.open()?;
        let position = self.sectors().position();
        self.settle(position);
        self.standing = recovered.standing;
        self.durable = DurableState {
            accepted: recovered.accepted,
            current: recovered.current,
            history_end: recovered.history_end(),
            image: recovered.image.zxid(),
        };
        Ok(recovered)
    }

    fn falter(&mut self, choose: &mut dyn Chooser) -> Result<(), String> {
        let from = self.sectors().position();
        self.open()?;
        let until = Some(self.sectors().position());
        self.spans.push(Span { work: Work::Recovery, from, until });
        self.cut(choose);
        Ok(())
    }

    fn destroy(&mut self) {
        let strict = self.sectors().strict;
        let mut disk = SectorDisk::new();
        disk.strict = strict;
        self.state = State::Down(Box::new(disk));
        self.pending.clear();
        self.checkpoint = None;
        self.spans.clear();
        self.durable = DurableState::default();
        self.standing = Standing::Lost;
    }
}

#[cfg(test)]
mod tests;
