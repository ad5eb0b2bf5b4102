//! Runs on all cores: one task per seed, each run on one thread from start to end.
//!
//! What a run returns depends on its task alone; the order in which results come does not matter
//! to anybody. A panic inside a run is a result of its own kind.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// A run that panicked: what it said and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked {
    pub message: String,
    /// `file:line:col`, for terminals to link.
    pub place: String,
}

thread_local! {
    static LAST: RefCell<Option<Panicked>> = const { RefCell::new(None) };
    static GUARDED: RefCell<bool> = const { RefCell::new(false) };
}

/// Runs `work`; a panic comes back as a value and is not printed.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !GUARDED.with(|g| *g.borrow()) {
                return before(info);
            }
            let message = info.payload_as_str().unwrap_or("(a panic without words)").to_string();
            let place = info.location().map_or(String::new(), |l| format!("{}:{}:{}", l.file(), l.line(), l.column()));
            LAST.with(|last| *last.borrow_mut() = Some(Panicked { message, place }));
        }));
    });
    GUARDED.with(|g| *g.borrow_mut() = true);
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.with(|g| *g.borrow_mut() = false);
    result.map_err(|_| {
        let unknown = Panicked { message: "(a panic without words)".into(), place: String::new() };
        last_panic().unwrap_or(unknown)
    })
}

/// The last panic that happened inside guarded work of this thread, if nobody has taken it yet.
pub fn last_panic() -> Option<Panicked> {
    LAST.with(|last| last.borrow_mut().take())
}

/// What the collector wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Go {
    On,
    Stop,
}

/// Whether the user has interrupted this process.
pub fn interrupted() -> &'static AtomicBool {
    static FLAG: AtomicBool = AtomicBool::new(false);
    static HANDLER: Once = Once::new();
    HANDLER.call_once(|| {
        // Without a handler an interrupt ends the process at once.
        let _no_handler = ctrlc::set_handler(|| {
            if FLAG.swap(true, Ordering::Relaxed) {
                std::process::abort();
            }
        });
    });
    &FLAG
}

/// Runs `task(0)`, `task(1)`, … on `jobs` threads, `tasks` of them if bounded, until `collect` stops it. `collect` is
/// called on this thread with each result, and with `None` about ten times a second.
pub fn run<T: Send>(
    jobs: u16,
    tasks: Option<u64>,
    task: impl Fn(u64) -> T + Sync,
    mut collect: impl FnMut(Option<(u64, T)>) -> Go,
) {
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    // Bounded: a task does not begin long before an earlier result has been looked at.
    let (results, inbox) = mpsc::sync_channel(usize::from(jobs));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (results, next, stop, task) = (results.clone(), &next, &stop, &task);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if tasks.is_some_and(|n| index >= n) || results.send((index, task(index))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(results);
        loop {
            let go = match inbox.recv_timeout(Duration::from_millis(100)) {
                Ok(result) => collect(Some(result)),
                Err(mpsc::RecvTimeoutError::Timeout) => collect(None),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            };
            if go == Go::Stop {
                stop.store(true, Ordering::Relaxed);
            }
        }
    });
}

/// As many threads as there are cores.
pub fn cores() -> u16 {
    std::thread::available_parallelism().map_or(1, |n| u16::try_from(n.get()).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_collected_once_whatever_the_number_of_threads() {
        for jobs in [1, 3] {
            let mut seen = Vec::new();
            run(
                jobs,
                Some(100),
                |i| i * 2,
                |result| {
                    seen.extend(result);
                    Go::On
                },
            );
            seen.sort_unstable();
            assert_eq!(seen, (0..100).map(|i| (i, i * 2)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_endless_pool_stops_when_told() {
        let mut count = 0;
        run(
            2,
            None,
            |i| i,
            |result| {
                count += usize::from(result.is_some());
                if count >= 10 { Go::Stop } else { Go::On }
            },
        );
        assert!(count >= 10);
    }

    #[test]
    fn a_panic_is_a_value_with_its_place() {
        let panicked = guarded(|| -> u8 { panic!("out of {}", "luck") }).unwrap_err();
        assert_eq!(panicked.message, "out of luck");
        assert!(panicked.place.contains("pool.rs:"));
        assert_eq!(guarded(|| 7), Ok(7));
    }
}
