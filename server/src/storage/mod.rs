//! The disk's side of the shell: what the core commands of it, in order, synced in groups.
//!
//! Everything that waits is taken at once. Barriers between which nothing but appends stand are one
//! sync (contract section 3); what they cover is reported durable when that sync has returned, and
//! not before. When nothing waits, a snapshot's next piece is written, or the next segment prepared.
//! A failure is the last thing that is said: nothing is written behind it, and the core stops the server.
//!
//! The [`Worker`] knows neither threads nor files: `thread` drives it in the deployed server, a task
//! of the simulated runtime in the stack test.

mod thread;

pub use thread::StorageThread;

use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use zabra_core::contract::StorageError;
use zabra_core::id::{ConnId, ServerId, Zxid};
use zabra_core::log::{Record, StorageAction, Store, StoreError, Vfs};

/// What the disk is given.
#[derive(Debug)]
pub enum Job {
    Do(StorageAction),
    /// A question of the connection that has this number.
    Read {
        conn: ConnId,
        number: u64,
        after: Zxid,
        until: Zxid,
    },
}

/// What the disk answers.
#[derive(Debug)]
pub enum Done {
    Durable { count: u32 },
    Checkpointed { zxid: Zxid, bytes: u64 },
    LogRead { conn: ConnId, number: u64, records: Vec<Record> },
    Failed { error: StorageError, what: Work },
}

/// What was being done when the disk failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Log,
    Snapshot,
}

/// The disk, seen from the shell.
pub trait Disk: Send {
    /// Hands over what one turn commanded. After a failure, which was said, nothing comes of it.
    fn submit(&self, jobs: Vec<Job>);
    /// Waits until everything that was handed over is done.
    fn finish(self: Box<Self>);
}

/// Actions that one sync may cover, so that a stream of appends does not put its own sync off.
const GROUP_MAX: usize = 4096;
/// A burst may fill the segment that it has, and would wait for all of the next: so many bytes of records are followed
/// by a piece of that. Seldom, and then a large one, for each stalls this server for as long as several groups take,
/// however small it is; the others make a quorum meanwhile, if they are not at theirs.
const BYTES_PER_PIECE: u64 = 3 << 19;
const BURST_PIECE_BYTES: u64 = 4 << 20;
/// How long the disk is quiet before the next segment is prepared: not in an election, nor in a burst.
pub const QUIET: Duration = Duration::from_millis(200);

/// Does the jobs.
pub struct Worker<V: Vfs> {
    store: Store<V>,
    keep: Option<usize>,
    done: UnboundedSender<Done>,
    /// Actions that were performed and not yet reported.
    unsynced: u32,
    /// Whether a barrier was asked for that has not been made.
    is_due: bool,
    /// Bytes of records since the last piece of the next segment that a burst had to make room for.
    appended: u64,
}

/// Why the disk is given up.
pub type Failure = (StoreError, Work);

fn log(error: StoreError) -> Failure {
    (error, Work::Log)
}

impl<V: Vfs> Worker<V> {
    /// `keep`: how many snapshots a purge leaves, where there is one.
    pub fn new(store: Store<V>, keep: Option<usize>, done: UnboundedSender<Done>) -> Worker<V> {
        Worker { store, keep, done, unsynced: 0, is_due: false, appended: 0 }
    }

    /// Servers have the same records. Their ids, which differ, keep them from preparing segments at the same of them.
    pub fn out_of_step(mut self, me: ServerId) -> Worker<V> {
        // Multiples of the golden ratio lie far apart, those of neighbours too.
        let part = u64::from(me.0).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        self.appended = (part * BYTES_PER_PIECE) >> 32;
        self
    }

    /// Performs what was handed over and what waits behind it, and syncs once. Under load a snapshot
    /// goes on all the same, a piece for each group.
    pub fn perform_group(
        &mut self,
        first: Vec<Job>,
        mut more: impl FnMut() -> Option<Vec<Job>>,
    ) -> Result<(), Failure> {
        let mut performed = 0;
        let mut next = Some(first);
        while let Some(jobs) = next {
            performed += jobs.len();
            for job in jobs {
                self.perform(job)?;
            }
            next = if performed < GROUP_MAX { more() } else { None };
        }
        self.sync()?;
        if self.appended >= BYTES_PER_PIECE {
            self.appended %= BYTES_PER_PIECE;
            self.store.prepare_bytes(BURST_PIECE_BYTES).map_err(log)?;
        }
        self.write_snapshot()
    }

    /// Whether a snapshot is being written, so that there is work when nothing waits.
    pub fn is_writing_snapshot(&self) -> bool {
        self.store.checkpointing().is_some()
    }

    /// Writes the next piece of the snapshot that is being written, if one is.
    pub fn write_snapshot(&mut self) -> Result<(), Failure> {
        let snapshot = |error| (error, Work::Snapshot);
        if !self.is_writing_snapshot() {
            return Ok(());
        }
        let Some((zxid, bytes)) = self.store.advance_checkpoint().map_err(snapshot)? else { return Ok(()) };
        if let Some(keep) = self.keep {
            self.store.purge(keep).map_err(snapshot)?;
        }
        self.tell(Done::Checkpointed { zxid, bytes });
        Ok(())
    }

    /// The disk has been quiet: a piece of the next segment is prepared. Whether more is to be done.
    pub fn use_quiet(&mut self) -> Result<bool, Failure> {
        self.store.prepare_piece().map_err(log)
    }

    /// Says that the disk failed; nothing may be asked of it behind that.
    pub fn give_up(&self, (error, what): Failure) {
        tracing::error!(%error, "the disk failed");
        self.tell(Done::Failed { error: StorageError::from(&error), what });
    }

    fn perform(&mut self, job: Job) -> Result<(), Failure> {
        let action = match job {
            Job::Do(action) => action,
            Job::Read { conn, number, after, until } => {
                let records = self.store.read_log(after, until).map_err(log)?;
                self.tell(Done::LogRead { conn, number, records });
                return Ok(());
            }
        };
        if action == StorageAction::Sync {
            self.is_due = true;
            return Ok(());
        }
        if let StorageAction::Append(record) = &action {
            self.appended = self.appended.saturating_add(record.bytes.len() as u64);
        } else {
            // A barrier that was asked for stands between what came before and this.
            self.sync()?;
        }
        self.store.perform(&action).map_err(log)?;
        self.unsynced += u32::from(action.is_counted());
        Ok(())
    }

    /// Makes the barrier that was asked for.
    fn sync(&mut self) -> Result<(), Failure> {
        if !self.is_due {
            return Ok(());
        }
        self.is_due = false;
        self.store.perform(&StorageAction::Sync).map_err(log)?;
        let count = std::mem::take(&mut self.unsynced);
        if count > 0 {
            self.tell(Done::Durable { count });
        }
        Ok(())
    }

    /// Nobody listens when the shell is ending: then nothing more need be said.
    fn tell(&self, done: Done) {
        drop(self.done.send(done));
    }
}
