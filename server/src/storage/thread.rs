//! The storage thread: the one thread beside the turn loop, for a sync takes time.

use super::{Disk, Done, Failure, Job, QUIET, Worker};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use zabra_core::id::ServerId;
use zabra_core::log::{Store, Vfs};

/// The thread, seen from the shell. Dropping the sender lets it finish what it was given.
pub struct StorageThread {
    jobs: Sender<Vec<Job>>,
    thread: JoinHandle<()>,
}

impl StorageThread {
    /// Starts the thread of the server `me`. `keep`: how many snapshots a purge leaves, where there is one.
    #[expect(clippy::disallowed_methods, reason = "this is the one thread beside the turn loop")]
    pub fn start(
        me: ServerId,
        store: Store<impl Vfs + Send + 'static>,
        keep: Option<usize>,
    ) -> (StorageThread, UnboundedReceiver<Done>) {
        let (jobs, inbox) = channel();
        let (outbox, done) = unbounded_channel();
        let mut worker = Worker::new(store, keep, outbox).out_of_step(me);
        let thread = std::thread::spawn(move || {
            if let Err(failure) = run(&mut worker, &inbox) {
                worker.give_up(failure);
            }
        });
        (StorageThread { jobs, thread }, done)
    }
}

impl Disk for StorageThread {
    fn submit(&self, jobs: Vec<Job>) {
        // The thread is gone only after a failure, which it has said.
        drop(self.jobs.send(jobs));
    }

    fn finish(self: Box<Self>) {
        drop(self.jobs);
        drop(self.thread.join());
    }
}

fn run(worker: &mut Worker<impl Vfs>, inbox: &Receiver<Vec<Job>>) -> Result<(), Failure> {
    loop {
        let jobs = match inbox.try_recv() {
            Ok(jobs) => jobs,
            Err(TryRecvError::Disconnected) => return Ok(()),
            Err(TryRecvError::Empty) if worker.is_writing_snapshot() => {
                worker.write_snapshot()?;
                continue;
            }
            Err(TryRecvError::Empty) => match inbox.recv_timeout(QUIET) {
                Ok(jobs) => jobs,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => match next_after_quiet(worker, inbox)? {
                    Some(jobs) => jobs,
                    None => return Ok(()),
                },
            },
        };
        worker.perform_group(jobs, || inbox.try_recv().ok())?;
    }
}

/// Uses the quiet until there is something to do; None at the end.
fn next_after_quiet(worker: &mut Worker<impl Vfs>, inbox: &Receiver<Vec<Job>>) -> Result<Option<Vec<Job>>, Failure> {
    while worker.use_quiet()? {
        match inbox.try_recv() {
            Ok(jobs) => return Ok(Some(jobs)),
            Err(TryRecvError::Disconnected) => return Ok(None),
            Err(TryRecvError::Empty) => {}
        }
    }
    Ok(inbox.recv().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Directory;
    use std::path::PathBuf;
    use zabra_core::id::{ConnId, Epoch, Zxid};
    use zabra_core::log::{Record, StorageAction, StoreLimits};

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
        let mut worker = Worker::new(store, None, outbox);
        run(&mut worker, &inbox).unwrap();
        drop(worker);
        let mut answers = Vec::new();
        while let Some(answer) = done.blocking_recv() {
            answers.push(answer);
        }
        (answers, dir)
    }

    fn append(counter: u32) -> Job {
        append_of(counter, 36)
    }

    fn append_of(counter: u32, len: usize) -> Job {
        let zxid = Zxid::new(Epoch(1), counter);
        let mut bytes = vec![0; len];
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
    fn a_burst_prepares_a_large_piece_of_the_next_segment_now_and_then() {
        let dir = std::env::temp_dir().join(format!("zabra-storage-{}-burst", std::process::id()));
        let limits = StoreLimits { short_bytes: 8 << 20, ..StoreLimits::default() };
        let (store, _) = Store::open(Directory::open(&dir, &dir, true).unwrap(), limits).ok().unwrap();
        let mut worker = Worker::new(store, None, unbounded_channel().0);
        let prepared = || std::fs::metadata(dir.join("version-2/segment.tmp")).map_or(0, |file| file.len());
        let sizes: Vec<u64> = (0..32)
            .map(|n| {
                worker.perform_group(vec![append_of(n + 1, 100 << 10), sync()], || None).unwrap();
                prepared() >> 20
            })
            .collect();
        assert_eq!((sizes[14], sizes[15], sizes[29], sizes[30]), (0, 4, 4, 8), "each 1.5 MiB, of {sizes:?}");
        drop(std::fs::remove_dir_all(dir));
    }

    #[test]
    fn servers_with_neighbouring_numbers_prepare_segments_at_other_records() {
        let dir = std::env::temp_dir().join(format!("zabra-storage-{}-steps", std::process::id()));
        let mut firsts = [1u8, 2, 3].map(|number| {
            let root = dir.join(number.to_string());
            let directory = Directory::open(&root, &root, true).unwrap();
            let (store, _) = Store::open(directory, StoreLimits::default()).ok().unwrap();
            let mut worker = Worker::new(store, None, unbounded_channel().0).out_of_step(ServerId(number));
            let mut group = |n| {
                worker.perform_group(vec![append_of(n, 50 << 10), sync()], || None).unwrap();
                root.join("version-2/segment.tmp").exists()
            };
            (1..=64).find(|n| group(*n)).unwrap()
        });
        firsts.sort_unstable();
        assert!(firsts.windows(2).all(|pair| pair[1] - pair[0] >= 5), "{firsts:?}");
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
