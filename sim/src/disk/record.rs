//! A disk of whole storage actions, for the exhaustive explorer (contract section 3).
//!
//! ```text
//!   durable │ Append Append SaveAccepted Sync │ SaveCurrent Sync │ Append
//!           └ a crash keeps a prefix per file ┘ └ nothing of this ┘
//! ```
//!
//! Three files: the history (log and image, which `Install` replaces together), the accepted epoch,
//! the current epoch. A crash keeps a prefix of each file's actions up to the first barrier, and
//! nothing behind it. A torn last record is cut at recovery, so it is the same as a record that did
//! not survive. A running checkpoint survives or does not.

use super::{Chooser, Disk, StorageAction};
use crate::oracle::DurableState;
use std::collections::VecDeque;
use std::sync::Arc;
use zabra_core::contract::StorageError;
use zabra_core::id::{Epoch, Zxid};
use zabra_core::log::{Image, Record, Recovered, Standing};

/// A disk that holds what is durable and the actions that are not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordDisk {
    durable: Arc<Recovered>,
    pending: VecDeque<StorageAction>,
    checkpoint: Option<Checkpoint>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Checkpoint {
    Running(Image),
    /// An `Install` was issued meanwhile: the checkpoint is answered, and written nowhere.
    Superseded(Zxid),
}

/// How much of the oldest barrier's group survives a crash: a number of actions per file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Survivors {
    /// Of `Append`, `Truncate` and `Install`.
    pub history: u32,
    /// Of `SaveAccepted`.
    pub accepted: u32,
    /// Of `SaveCurrent`.
    pub current: u32,
    /// Whether the running checkpoint was complete.
    pub checkpoint: bool,
}

/// The files that survive independently of one another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum File {
    History,
    Accepted,
    Current,
}

impl Default for RecordDisk {
    fn default() -> Self {
        RecordDisk::new()
    }
}

impl RecordDisk {
    /// A new server's disk: empty, with the `initialize` file.
    pub fn new() -> Self {
        RecordDisk::holding(Recovered::empty())
    }

    /// A disk on which `recovered` is durable.
    pub fn holding(recovered: Recovered) -> Self {
        RecordDisk { durable: Arc::new(recovered), pending: VecDeque::new(), checkpoint: None }
    }

    pub fn issue(&mut self, action: StorageAction) {
        match action {
            StorageAction::Checkpoint(image) => {
                assert!(self.checkpoint.is_none(), "at most one checkpoint is written at a time");
                self.checkpoint = Some(Checkpoint::Running(image));
            }
            StorageAction::Install(image) => {
                if let Some(Checkpoint::Running(old)) = &self.checkpoint {
                    self.checkpoint = Some(Checkpoint::Superseded(old.zxid()));
                }
                self.pending.push_back(StorageAction::Install(image));
            }
            other @ (StorageAction::Append(_)
            | StorageAction::Truncate { .. }
            | StorageAction::SaveAccepted(_)
            | StorageAction::SaveCurrent(_)
            | StorageAction::Sync) => self.pending.push_back(other),
        }
    }

    pub fn completable(&self) -> bool {
        self.pending.contains(&StorageAction::Sync)
    }

    /// Completes everything up to and including the oldest `Sync`; returns how many counted actions
    /// became durable. Nothing happens when no `Sync` waits.
    pub fn complete(&mut self) -> u32 {
        let Some(barrier) = self.pending.iter().position(|action| *action == StorageAction::Sync) else {
            return 0;
        };
        let durable = Arc::make_mut(&mut self.durable);
        let mut count = 0;
        for action in self.pending.drain(..=barrier) {
            count += u32::from(action.is_counted());
            perform(durable, &action);
        }
        count
    }

    /// What was asked of the disk and is not durable, oldest first.
    pub fn pending(&self) -> impl Iterator<Item = &StorageAction> {
        self.pending.iter()
    }

    /// The oldest action that waits is not done, ever; with `ends` nothing behind it is either, as on a
    /// server that stops.
    pub fn fail(&mut self, ends: bool) {
        match self.pending.iter().position(StorageAction::is_counted) {
            _ if ends => self.pending.clear(),
            Some(oldest) => drop(self.pending.remove(oldest)),
            None => {}
        }
    }

    pub fn checkpointing(&self) -> Option<Zxid> {
        self.checkpoint.as_ref().map(|checkpoint| match checkpoint {
            Checkpoint::Running(image) => image.zxid(),
            Checkpoint::Superseded(zxid) => *zxid,
        })
    }

    /// Completes the checkpoint: its image is the newest one; the log stays, as the committed window.
    /// A record-level disk has no bytes to report.
    pub fn complete_checkpoint(&mut self) -> Option<(Zxid, u64)> {
        let zxid = self.checkpointing()?;
        if let Some(Checkpoint::Running(image)) = self.checkpoint.take() {
            checkpointed(Arc::make_mut(&mut self.durable), image);
        }
        Some((zxid, 0))
    }

    /// Every distinct outcome of a crash at this moment, each once.
    pub fn crash_choices(&self) -> Vec<Survivors> {
        let group = self.group();
        let count = |file| group.iter().filter(|action| file_of(action) == Some(file)).count() as u32;
        let checkpoint = matches!(self.checkpoint, Some(Checkpoint::Running(_)));
        let mut seen: Vec<Arc<Recovered>> = Vec::new();
        let mut choices = Vec::new();
        for history in 0..=count(File::History) {
            for accepted in 0..=count(File::Accepted) {
                for current in 0..=count(File::Current) {
                    for checkpoint in [false, true].into_iter().filter(|kept| checkpoint || !kept) {
                        let keep = Survivors { history, accepted, current, checkpoint };
                        let image = self.after_crash(keep);
                        if !seen.contains(&image) {
                            seen.push(image);
                            choices.push(keep);
                        }
                    }
                }
            }
        }
        choices
    }

    /// The machine stops dead; of what was not durable this survives. Returns what a start finds.
    pub fn crash(&mut self, keep: Survivors) -> Recovered {
        self.durable = self.after_crash(keep);
        self.pending.clear();
        self.checkpoint = None;
        RecordDisk::recover(self)
    }

    /// What a start finds on this disk, everything un-synced being gone.
    pub fn recover(&self) -> Recovered {
        (*found(Arc::clone(&self.durable))).clone()
    }

    pub fn durable(&self) -> DurableState {
        let files = &*self.durable;
        let image = files.image.zxid();
        // As [`found`] has it, for this is asked after every step.
        let history_end = if files.standing == Standing::Lost { image } else { files.history_end() };
        DurableState { accepted: files.accepted, current: files.current, history_end, image }
    }

    /// The records from `after` itself up to and including `until`, those not yet durable included: files
    /// are read through the same cache that they are written through.
    pub fn read_log(&self, after: Zxid, until: Zxid) -> Vec<Record> {
        let mut all = (*self.durable).clone();
        for action in &self.pending {
            perform(&mut all, action);
        }
        select(&all, after, until)
    }

    /// A destroying fault: everything is gone, the `initialize` file included.
    pub fn destroy(&mut self) {
        *self = RecordDisk::holding(Recovered { standing: Standing::Lost, ..Recovered::empty() });
    }

    /// The actions before the first barrier: all that can have begun to become durable.
    fn group(&self) -> Vec<&StorageAction> {
        self.pending.iter().take_while(|action| **action != StorageAction::Sync).collect()
    }

    fn after_crash(&self, keep: Survivors) -> Arc<Recovered> {
        let mut image = Arc::clone(&self.durable);
        if let (true, Some(Checkpoint::Running(checkpoint))) = (keep.checkpoint, &self.checkpoint) {
            checkpointed(Arc::make_mut(&mut image), Arc::clone(checkpoint));
        }
        let mut left = keep;
        for action in self.group() {
            let quota = match file_of(action) {
                Some(File::History) => &mut left.history,
                Some(File::Accepted) => &mut left.accepted,
                Some(File::Current) => &mut left.current,
                None => continue,
            };
            if *quota > 0 {
                *quota -= 1;
                perform(Arc::make_mut(&mut image), action);
            }
        }
        found(image)
    }
}

impl Disk for RecordDisk {
    fn issue(&mut self, action: StorageAction) {
        RecordDisk::issue(self, action);
    }

    fn completable(&self) -> bool {
        RecordDisk::completable(self)
    }

    fn complete(&mut self) -> Result<u32, StorageError> {
        Ok(RecordDisk::complete(self))
    }

    fn checkpointing(&self) -> Option<Zxid> {
        RecordDisk::checkpointing(self)
    }

    fn advance_checkpoint(&mut self) -> bool {
        false
    }

    fn complete_checkpoint(&mut self) -> Result<(Zxid, u64), StorageError> {
        Ok(RecordDisk::complete_checkpoint(self).expect("a checkpoint is running"))
    }

    fn read_log(&mut self, after: Zxid, until: Zxid) -> Vec<Record> {
        RecordDisk::read_log(self, after, until)
    }

    fn durable(&self) -> DurableState {
        RecordDisk::durable(self)
    }

    fn crash(&mut self, choose: &mut dyn Chooser) {
        let group = self.group();
        let mut draw = |file| {
            let count = group.iter().filter(|action| file_of(action) == Some(file)).count() as u64;
            choose.below(count + 1) as u32
        };
        let (history, accepted, current) = (draw(File::History), draw(File::Accepted), draw(File::Current));
        let checkpoint = self.checkpoint.is_some() && choose.below(2) == 1;
        RecordDisk::crash(self, Survivors { history, accepted, current, checkpoint });
    }

    fn recover(&mut self) -> Result<Recovered, String> {
        Ok(RecordDisk::recover(self))
    }

    /// A recovery of whole records writes nothing that could be torn.
    fn falter(&mut self, _: &mut dyn Chooser) -> Result<(), String> {
        Ok(())
    }

    fn destroy(&mut self) {
        RecordDisk::destroy(self);
    }
}

fn file_of(action: &StorageAction) -> Option<File> {
    match action {
        StorageAction::Append(_) | StorageAction::Truncate { .. } | StorageAction::Install(_) => Some(File::History),
        StorageAction::SaveAccepted(_) => Some(File::Accepted),
        StorageAction::SaveCurrent(_) => Some(File::Current),
        StorageAction::Sync | StorageAction::Checkpoint(_) => None,
    }
}

/// What one action does to the files.
fn perform(files: &mut Recovered, action: &StorageAction) {
    match action {
        StorageAction::Append(record) => files.log.push(record.clone()),
        StorageAction::Truncate { after } => files.log.retain(|record| record.zxid <= *after),
        StorageAction::SaveAccepted(epoch) => files.accepted = *epoch,
        StorageAction::SaveCurrent(epoch) => {
            files.current = *epoch;
            if *epoch > Epoch::ZERO {
                files.standing = Standing::Intact;
            }
        }
        StorageAction::Install(image) => {
            files.image = Arc::clone(image);
            files.log.clear();
        }
        StorageAction::Sync | StorageAction::Checkpoint(_) => {}
    }
}

fn checkpointed(files: &mut Recovered, image: Image) {
    if image.zxid() >= files.image.zxid() {
        files.image = image;
    }
}

/// A lost disk's records are dropped at start: see [`Standing::Lost`].
fn found(mut files: Arc<Recovered>) -> Arc<Recovered> {
    if files.standing == Standing::Lost && !files.log.is_empty() {
        Arc::make_mut(&mut files).log.clear();
    }
    files
}

/// The records of a log from `after` itself to `until`, or none if the log does not hold `after`.
fn select(files: &Recovered, after: Zxid, until: Zxid) -> Vec<Record> {
    let from = files.log.iter().skip_while(|record| record.zxid != after);
    from.take_while(|record| record.zxid <= until).cloned().collect()
}

#[cfg(test)]
mod tests;
