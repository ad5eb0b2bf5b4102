//! The storage thread: what the core commands of the disk, in order, synced in groups.
//!
//! Everything that waits is taken at once. Barriers between which nothing but appends stand are one
//! sync (contract section 3); what they cover is reported durable when that sync has returned, and
//! not before. When nothing waits, a snapshot's next piece is written, or the next segment prepared.
//! A failure ends the thread: nothing is written behind it, and the core stops the server.

use crate::files::Directory;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zabra_core::contract::StorageError;
use zabra_core::id::{ConnId, Zxid};
use zabra_core::log::{Record, StorageAction, Store, StoreError};

/// What the thread is given.
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

/// What the thread answers.
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

/// The thread, seen from the shell. Dropping the sender lets it finish what it was given.
pub struct Storage {
    jobs: Sender<Vec<Job>>,
    thread: JoinHandle<()>,
}

/// Actions that one sync may cover, so that a stream of appends does not put its own sync off.
const GROUP_MAX: usize = 4096;
/// How long the disk is quiet before the next segment is prepared: not in an election, nor in a burst.
const QUIET: Duration = Duration::from_millis(200);

impl Storage {
    /// Starts the thread. `keep`: how many snapshots a purge leaves, where there is one.
    #[expect(clippy::disallowed_methods, reason = "this is the one thread beside the turn loop")]
    pub fn start(store: Store<Directory>, keep: Option<usize>) -> (Storage, UnboundedReceiver<Done>) {
        let (jobs, inbox) = channel();
        let (outbox, done) = unbounded_channel();
        let mut worker = Worker { store, keep, done: outbox, unsynced: 0, is_due: false };
        let thread = std::thread::spawn(move || {
            if let Err((error, what)) = worker.run(&inbox) {
                tracing::error!(%error, "the disk failed");
                drop(worker.done.send(Done::Failed { error: StorageError::from(&error), what }));
            }
        });
        (Storage { jobs, thread }, done)
    }

    /// Hands over what one turn commanded. The thread is gone only after a failure, which it has said.
    pub fn submit(&self, jobs: Vec<Job>) {
        drop(self.jobs.send(jobs));
    }

    /// Waits until everything that was handed over is done.
    pub fn finish(self) {
        drop(self.jobs);
        drop(self.thread.join());
    }
}

struct Worker {
    store: Store<Directory>,
    keep: Option<usize>,
    done: UnboundedSender<Done>,
    /// Actions that were performed and not yet reported.
    unsynced: u32,
    /// Whether a barrier was asked for that has not been made.
    is_due: bool,
}

type Failure = (StoreError, Work);

fn log(error: StoreError) -> Failure {
    (error, Work::Log)
}

impl Worker {
    fn run(&mut self, inbox: &Receiver<Vec<Job>>) -> Result<(), Failure> {
        loop {
            let jobs = match inbox.try_recv() {
                Ok(jobs) => jobs,
                Err(TryRecvError::Disconnected) => return Ok(()),
                Err(TryRecvError::Empty) if self.store.checkpointing().is_some() => {
                    self.write_snapshot()?;
                    continue;
                }
                Err(TryRecvError::Empty) => match inbox.recv_timeout(QUIET) {
                    Ok(jobs) => jobs,
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                    Err(RecvTimeoutError::Timeout) => {
                        self.store.prepare_segment().map_err(log)?;
                        let Ok(jobs) = inbox.recv() else { return Ok(()) };
                        jobs
                    }
                },
            };
            self.perform_group(inbox, jobs)?;
            // Under load a snapshot goes on all the same, a piece for each group.
            if self.store.checkpointing().is_some() {
                self.write_snapshot()?;
            }
        }
    }

    /// Performs what was handed over and what waits behind it, and syncs once.
    fn perform_group(&mut self, inbox: &Receiver<Vec<Job>>, first: Vec<Job>) -> Result<(), Failure> {
        let mut performed = 0;
        let mut jobs = first;
        loop {
            performed += jobs.len();
            for job in jobs {
                self.perform(job)?;
            }
            if performed >= GROUP_MAX {
                break;
            }
            let Ok(more) = inbox.try_recv() else { break };
            jobs = more;
        }
        self.sync()
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
        if !matches!(action, StorageAction::Append(_)) {
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

    fn write_snapshot(&mut self) -> Result<(), Failure> {
        let snapshot = |error| (error, Work::Snapshot);
        let Some((zxid, bytes)) = self.store.advance_checkpoint().map_err(snapshot)? else { return Ok(()) };
        if let Some(keep) = self.keep {
            self.store.purge(keep).map_err(snapshot)?;
        }
        self.tell(Done::Checkpointed { zxid, bytes });
        Ok(())
    }

    /// Nobody listens when the shell is ending: then nothing more need be said.
    fn tell(&self, done: Done) {
        drop(self.done.send(done));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use zabra_core::id::Epoch;
    use zabra_core::log::StoreLimits;

    /// What the thread says when it is given these batches at once, and then nothing more.
    fn answers(name: &str, batches: Vec<Vec<Job>>) -> (Vec<Done>, PathBuf) {
        let dir = std::env::temp_dir().join(format!("zabra-storage-{}-{name}", std::process::id()));
        let directory = Directory::open(&dir, &dir, true).unwrap();
        let limits = StoreLimits { segment_bytes: 64 << 10, ..StoreLimits::default() };
        let (store, _) = Store::open(directory, limits).ok().unwrap();
        let (outbox, mut done) = unbounded_channel();
        let (jobs, inbox) = channel();
        for batch in batches {
            jobs.send(batch).unwrap();
        }
        drop(jobs);
        let mut worker = Worker { store, keep: None, done: outbox, unsynced: 0, is_due: false };
        worker.run(&inbox).unwrap();
        drop(worker);
        let mut answers = Vec::new();
        while let Some(answer) = done.blocking_recv() {
            answers.push(answer);
        }
        (answers, dir)
    }

    fn append(counter: u32) -> Job {
        let zxid = Zxid::new(Epoch(1), counter);
        let mut bytes = vec![0; 36];
        bytes[12..20].copy_from_slice(&zxid.to_wire().to_be_bytes());
        Job::Do(StorageAction::Append(Record { zxid, bytes: bytes.into() }))
    }

    fn sync() -> Job {
        Job::Do(StorageAction::Sync)
    }

    #[test]
    fn barriers_with_appends_between_them_are_one_sync() {
        let (answers, dir) = answers("appends", vec![vec![append(1), sync()], vec![append(2), append(3), sync()]]);
        insta::assert_debug_snapshot!(answers, @r#"
[
    Durable {
        count: 3,
    },
]
"#);
        drop(std::fs::remove_dir_all(dir));
    }

    #[test]
    fn a_barrier_before_an_epoch_is_made_before_it() {
        let epoch = || Job::Do(StorageAction::SaveCurrent(Epoch(1)));
        let accepted = Job::Do(StorageAction::SaveAccepted(Epoch(1)));
        let (answers, dir) = answers("epochs", vec![vec![accepted, append(1), sync(), epoch(), sync()]]);
        insta::assert_debug_snapshot!(answers, @r#"
[
    Durable {
        count: 2,
    },
    Durable {
        count: 1,
    },
]
"#);
        drop(std::fs::remove_dir_all(dir));
    }

    #[test]
    fn nothing_is_durable_without_a_barrier_and_the_log_is_read_behind_what_was_appended() {
        let read =
            Job::Read { conn: ConnId(0), number: 7, after: Zxid::new(Epoch(1), 1), until: Zxid::new(Epoch(1), 2) };
        let (answers, dir) = answers("read", vec![vec![append(1), append(2), read]]);
        insta::assert_debug_snapshot!(answers, @r#"
[
    LogRead {
        conn: ConnId(
            0,
        ),
        number: 7,
        records: [
            1.1[36 bytes],
            1.2[36 bytes],
        ],
    },
]
"#);
        drop(std::fs::remove_dir_all(dir));
    }
}
