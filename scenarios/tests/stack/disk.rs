//! The simulator's disk of sectors under the shell's own storage worker, on a task that takes the
//! time of a sync. A power cut keeps what that disk's model keeps.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{sleep, timeout};
use zabra::storage::{Disk, Done, Failure, Job, QUIET, Worker};
use zabra_core::log::{FileId, Store, Vfs, VfsError};
use zabra_sim::disk::SectorDisk;

/// The disk of one machine: it outlives the process.
#[derive(Clone, Debug)]
pub struct Platter(Arc<Mutex<SectorDisk>>);

impl Platter {
    /// A new server's.
    pub fn new() -> Platter {
        let mut disk = SectorDisk::new();
        disk.put("initialize", b"");
        Platter(Arc::new(Mutex::new(disk)))
    }

    pub fn lock(&self) -> MutexGuard<'_, SectorDisk> {
        self.0.lock().expect("a panic ends the run")
    }
}

impl Vfs for Platter {
    fn list(&mut self, dir: &str) -> Result<Vec<String>, VfsError> {
        self.lock().list(dir)
    }

    fn make_dir(&mut self, dir: &str) -> Result<(), VfsError> {
        self.lock().make_dir(dir)
    }

    fn create(&mut self, path: &str) -> Result<FileId, VfsError> {
        self.lock().create(path)
    }

    fn open(&mut self, path: &str) -> Result<FileId, VfsError> {
        self.lock().open(path)
    }

    fn close(&mut self, file: FileId) {
        self.lock().close(file);
    }

    fn len(&mut self, file: FileId) -> Result<u64, VfsError> {
        self.lock().len(file)
    }

    fn read_at(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, VfsError> {
        self.lock().read_at(file, offset, into)
    }

    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), VfsError> {
        self.lock().write_at(file, offset, bytes)
    }

    fn allocate(&mut self, file: FileId, len: u64) -> Result<(), VfsError> {
        self.lock().allocate(file, len)
    }

    fn set_len(&mut self, file: FileId, len: u64) -> Result<(), VfsError> {
        self.lock().set_len(file, len)
    }

    fn sync(&mut self, file: FileId) -> Result<(), VfsError> {
        self.lock().sync(file)
    }

    fn sync_dir(&mut self, dir: &str) -> Result<(), VfsError> {
        self.lock().sync_dir(dir)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), VfsError> {
        self.lock().rename(from, to)
    }

    fn remove(&mut self, path: &str) -> Result<(), VfsError> {
        self.lock().remove(path)
    }
}

/// Whether what is said to be durable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Honesty {
    Honest,
    /// A sync does nothing: what a judge must find out.
    Lies,
}

/// What stands for the storage thread.
pub struct StorageTask {
    bench: Arc<Mutex<Bench>>,
    wake: Arc<Notify>,
}

/// The worker, and what it says before that is true.
struct Bench {
    worker: Worker<Platter>,
    jobs: VecDeque<Vec<Job>>,
    said: UnboundedReceiver<Done>,
    done: UnboundedSender<Done>,
    platter: Platter,
    has_failed: bool,
    honesty: Honesty,
}

impl StorageTask {
    /// `sync_ms`: how long each group takes, one after the other, from the beginning again at the end.
    pub fn start(
        store: Store<Platter>,
        platter: Platter,
        sync_ms: Vec<u64>,
        honesty: Honesty,
    ) -> (StorageTask, UnboundedReceiver<Done>) {
        let (outbox, said) = unbounded_channel();
        let (done, heard) = unbounded_channel();
        let worker = Worker::new(store, None, outbox);
        let bench = Bench { worker, jobs: VecDeque::new(), said, done, platter, has_failed: false, honesty };
        let task = StorageTask { bench: Arc::new(Mutex::new(bench)), wake: Arc::new(Notify::new()) };
        drop(tokio::spawn(work(Arc::clone(&task.bench), Arc::clone(&task.wake), sync_ms)));
        (task, heard)
    }
}

impl Disk for StorageTask {
    fn submit(&self, jobs: Vec<Job>) {
        self.bench.lock().expect("a panic ends the run").jobs.push_back(jobs);
        self.wake.notify_one();
    }

    fn finish(self: Box<Self>) {
        let mut bench = self.bench.lock().expect("a panic ends the run");
        while bench.perform() {}
        bench.come_true();
    }
}

async fn work(bench: Arc<Mutex<Bench>>, wake: Arc<Notify>, sync_ms: Vec<u64>) {
    let lock = || bench.lock().expect("a panic ends the run");
    for ms in sync_ms.iter().cycle() {
        if !lock().perform() {
            if timeout(QUIET, wake.notified()).await.is_err() {
                lock().use_quiet();
                wake.notified().await;
            }
            continue;
        }
        sleep(Duration::from_millis(*ms)).await;
        lock().come_true();
    }
}

impl Bench {
    /// Performs what waits, as far as the machine can see: none of it is durable yet. Whether
    /// anything did.
    fn perform(&mut self) -> bool {
        if self.has_failed {
            return false;
        }
        let outcome = match self.jobs.pop_front() {
            Some(first) => self.worker.perform_group(first, || self.jobs.pop_front()),
            None if self.worker.is_writing_snapshot() => self.worker.write_snapshot(),
            None => return false,
        };
        self.heed(outcome);
        true
    }

    fn use_quiet(&mut self) {
        loop {
            match self.worker.use_quiet() {
                Ok(true) => {}
                Ok(false) => return,
                Err(failure) => return self.heed(Err(failure)),
            }
        }
    }

    fn heed(&mut self, outcome: Result<(), Failure>) {
        if let Err(failure) = outcome {
            self.has_failed = true;
            self.worker.give_up(failure);
        }
    }

    /// The time of a sync has passed: what was performed is on the platter, and is told.
    fn come_true(&mut self) {
        if self.honesty == Honesty::Honest {
            let mut platter = self.platter.lock();
            let position = platter.position();
            platter.settle(position);
        }
        while let Ok(done) = self.said.try_recv() {
            drop(self.done.send(done));
        }
    }
}
