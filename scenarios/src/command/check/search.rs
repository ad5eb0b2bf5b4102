//! Searching: one bound on as many threads as help it, or several bounds side by side, one thread each.

use super::Failed;
use crate::cli::Check;
use crate::pool::{self, Panicked};
use crate::voice::{Progress, Voice};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use zabra_checker::{Bound, Explored, Go, Plain, Search, search_under};
use zabra_reports::exit::Exit;
use zabra_sim::rules::RuleSet;

/// How far all searches together have come.
#[derive(Default)]
struct Whereabouts {
    states: AtomicU64,
    bytes: AtomicU64,
    finished: AtomicUsize,
}

/// Searches each bound, and shows them in their order, each behind its introduction: before the search
/// where there is one at a time. An interrupt ends it.
pub fn each(
    models: &[Plain],
    rules: RuleSet,
    args: &Check,
    voice: &Voice,
    introduce: impl Fn(usize),
    mut show: impl FnMut(usize, &Searched) -> Result<(), Failed>,
) -> Result<(), Failed> {
    if models.len() == 1 || args.threads.is_some() {
        for (at, model) in models.iter().enumerate() {
            introduce(at);
            let searched = alone(model, rules, args, voice)?;
            show(at, &searched)?;
            if searched.exit() == Exit::Interrupted {
                break;
            }
        }
        return Ok(());
    }
    let jobs = pool::cores().min(u16::try_from(models.len()).unwrap_or(u16::MAX));
    let shared = Whereabouts::default();
    let mut progress = Progress::new(voice, Some(models.len() as u64), args.time.map(|t| Duration::from_millis(t.0)));
    let mut waiting = BTreeMap::new();
    let (mut next, mut failed) = (0, None);
    let memory = args.memory() / u64::from(jobs);
    let task = |at: u64| one(&models[at as usize], rules, args, 1, memory, &mut Told::new(&shared));
    pool::run(jobs, Some(models.len() as u64), task, |result| {
        if let Some((at, result)) = result {
            shared.finished.fetch_add(1, Ordering::Relaxed);
            waiting.insert(at as usize, result);
        }
        while let Some(result) = waiting.remove(&next) {
            introduce(next);
            let shown = result.and_then(|searched| {
                show(next, &searched)?;
                Ok(searched.exit())
            });
            next += 1;
            match shown {
                Ok(Exit::Interrupted) => return pool::Go::Stop,
                Ok(_) => {}
                Err(error) => {
                    failed = Some(error);
                    return pool::Go::Stop;
                }
            }
        }
        let finished = shared.finished.load(Ordering::Relaxed);
        progress.show(finished as u64, || {
            let (states, mib) = (shared.states.load(Ordering::Relaxed), shared.bytes.load(Ordering::Relaxed) >> 20);
            format!("{finished} of {} bounds, {states} states, {mib} MiB", models.len())
        });
        if failed.is_some() { pool::Go::Stop } else { pool::Go::On }
    });
    progress.finish();
    failed.map_or(Ok(()), Err)
}

/// What one search has told the others.
struct Told<'a> {
    shared: &'a Whereabouts,
    states: u64,
    bytes: u64,
}

impl<'a> Told<'a> {
    fn new(shared: &'a Whereabouts) -> Told<'a> {
        Told { shared, states: 0, bytes: 0 }
    }
}

/// Hears how far a search is.
trait Listener {
    fn hear(&mut self, now: &zabra_checker::Progress, millis: u64);
}

impl Listener for Told<'_> {
    fn hear(&mut self, now: &zabra_checker::Progress, _: u64) {
        let (states, bytes) = (now.states as u64, now.bytes as u64);
        self.shared.states.fetch_add(states - self.states, Ordering::Relaxed);
        self.shared.bytes.fetch_add(bytes.saturating_sub(self.bytes), Ordering::Relaxed);
        (self.states, self.bytes) = (states, bytes.max(self.bytes));
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.shared.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Listener for Progress {
    fn hear(&mut self, now: &zabra_checker::Progress, millis: u64) {
        self.show(millis / 1000, || {
            let (states, frontier, depth) = (now.states, now.frontier, now.depth);
            let (rate, mib) = (rate(now.states, millis), now.bytes >> 20);
            format!("{states} states, {rate} states/s, frontier {frontier} at depth {depth}, {mib} MiB")
        });
    }
}

/// Searches one bound with the machine to itself.
fn alone(model: &Plain, rules: RuleSet, args: &Check, voice: &Voice) -> Result<Searched, Failed> {
    // Where messages do not travel one by one, most of what threads ask is new: they wait for each other (decision 0013).
    let helpful = if model.bound.kind.talks() { pool::cores() } else { 1 };
    let threads = args.threads.unwrap_or(helpful);
    let mut progress = Progress::new(voice, None, args.time.map(|t| Duration::from_millis(t.0)));
    let searched = one(model, rules, args, threads, args.memory(), &mut progress);
    progress.finish();
    searched
}

fn one(
    model: &Plain,
    rules: RuleSet,
    args: &Check,
    threads: u16,
    memory: u64,
    listener: &mut impl Listener,
) -> Result<Searched, Failed> {
    let bound = model.bound;
    let began = Instant::now();
    let (mut stopped, mut searched_millis) = (None, 1);
    let interrupted = pool::interrupted();
    let reduce = !args.whole && bound.kind.script().is_none();
    let how = Search { threads: usize::from(threads), reduce };
    let found = pool::guarded(|| {
        search_under(args.fingerprint, model, how, |now| {
            let millis = elapsed(began);
            searched_millis = millis;
            listener.hear(now, millis);
            stopped = match () {
                () if interrupted.load(Ordering::Relaxed) => Some("interrupted"),
                () if args.time.is_some_and(|limit| millis >= limit.0) => Some("out of time"),
                () if now.bytes as u64 >= memory => Some("out of memory"),
                () => None,
            };
            if stopped.is_some() { Go::Stop } else { Go::On }
        })
    });
    let panicked = |p: Panicked| Failed { exit: Exit::Panic, words: format!("{}: {}", p.place, p.message) };
    let found = found.map_err(panicked)?;
    Ok(Searched { found, millis: searched_millis, how, key: args.fingerprint, stopped, bound, rules })
}

/// A search that is over.
pub struct Searched {
    pub found: Explored,
    /// Of the search, without the check of the tables at its end.
    pub millis: u64,
    pub how: Search,
    /// Of the fingerprints, if states are not kept whole.
    pub key: Option<u64>,
    pub stopped: Option<&'static str>,
    pub bound: Bound,
    pub rules: RuleSet,
}

pub fn elapsed(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
}

pub fn rate(states: usize, millis: u64) -> u64 {
    (states as u64).saturating_mul(1000) / millis
}
