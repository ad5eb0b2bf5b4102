//! `zabra-lab hunt`: many seeds of many hunts on all cores, a table, and the cards of what failed.

mod tally;
mod twice;

pub use tally::{Ran, Tally};

use super::Failed;
use crate::cli::{Hunt, Talk};
use crate::engine::{self, Origin};
use crate::library::{Kind, Library};
use crate::pool::{self, Go};
use crate::seeds::{Seed, Seeds, Shard};
use crate::voice::{Progress, Voice};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use zabra_reports::exit::Exit;
use zabra_sim::scenario::Scenario;

/// Without a word about how long: so many runs.
const RUNS: u64 = 1000;

/// A hunt that is to be run, under the word that the user gave it.
pub struct Quarry {
    pub origin: Origin,
    pub scenario: Scenario,
}

/// Which seeds of which hunts: task `i` is hunt `i mod H`, seed `first + i / H`.
#[derive(Clone, Copy, Debug)]
pub struct Deal {
    first: u64,
    total: Option<u64>,
    hunts: u64,
    shard: Shard,
}

impl Deal {
    fn of(args: &Hunt, hunts: u64) -> Result<Deal, Failed> {
        let shard = args.shard.unwrap_or(Shard::WHOLE);
        let first = || args.seed.unwrap_or_else(Seed::draw).0;
        let (first, total) = match (&args.seeds, args.time) {
            (Some(Seeds::Each(_)), _) if args.seed.is_some() => {
                return Err(Failed::usage("--seeds A..B names the seeds: --seed says nothing beside it"));
            }
            (Some(Seeds::Each(range)), _) => (range.start, Some((range.end - range.start).saturating_mul(hunts))),
            (Some(Seeds::Runs(runs)), _) => (first(), Some(*runs)),
            (None, Some(_)) => (first(), None),
            (None, None) => (first(), Some(RUNS)),
        };
        Ok(Deal { first, total: total.map(|t| shard.share(t)), hunts, shard })
    }

    /// The hunt's number and the seed of this part's `index`-th run.
    fn task(&self, index: u64) -> (usize, u64) {
        let task = self.shard.task(index);
        ((task % self.hunts) as usize, self.first.wrapping_add(task / self.hunts))
    }
}

pub fn hunt(args: &Hunt, talk: &Talk, voice: &Voice) -> Result<Exit, Failed> {
    let quarry = quarry(args, talk)?;
    if quarry.is_empty() {
        voice.insist("no hunt in the library");
        return Ok(Exit::NothingRan);
    }
    if args.check_determinism && (args.time.is_some() || args.seeds.is_none()) {
        return Err(Failed::usage("--check-determinism compares the same seeds twice: give --seeds, and no --for"));
    }
    let deal = Deal::of(args, quarry.len() as u64)?;
    voice.insist(&format!("{} hunts, first seed {}", quarry.len(), Seed(deal.first)));
    let mut tally = run_all(args, &quarry, deal, talk, voice)?;
    if args.check_determinism {
        twice::compare(args, deal.first, talk, &mut tally)?;
    }
    if !args.no_demands && args.without.without.is_empty() {
        tally.judge_demands(&quarry);
    }
    engine::save_junit(args.junit.as_deref(), "zabra-lab hunt", || tally.cases(&quarry))?;
    voice.document(&tally.document(&quarry, Seed(deal.first), args.hashes));
    voice.tell(&tally.table(&quarry, voice.paint));
    for card in tally.cards(voice.paint) {
        voice.tell(&card);
    }
    Ok(tally.exit())
}

fn quarry(args: &Hunt, talk: &Talk) -> Result<Vec<Quarry>, Failed> {
    let library = Library::find(talk.library.as_deref());
    if !args.all && args.scenarios.is_empty() {
        return Err(Failed::usage("name the hunts, or take --all"));
    }
    let items = if args.all {
        library.all(Kind::Hunt)?
    } else {
        args.scenarios.iter().map(|word| library.named(word, &[Kind::Hunt])).collect::<Result<_, _>>()?
    };
    let words = items.iter().enumerate().map(|(i, item)| args.scenarios.get(i).unwrap_or(&item.name).clone());
    let scenarios = items.iter().map(|item| engine::loaded(item, &args.without.without));
    let quarry = |(word, scenario): (String, Result<Scenario, Failed>)| {
        Ok(Quarry { origin: Origin::of(&word, talk), scenario: scenario? })
    };
    words.zip(scenarios).map(quarry).collect()
}

fn run_all(args: &Hunt, quarry: &[Quarry], deal: Deal, talk: &Talk, voice: &Voice) -> Result<Tally, Failed> {
    let limit = args.time.map(|span| Duration::from_millis(span.0));
    let mut progress = Progress::new(voice, deal.total, limit);
    let mut tally = Tally::new(quarry.len(), args.hashes || args.check_determinism);
    let (began, interrupted) = (Instant::now(), pool::interrupted());
    let mut unwritten = None;
    let most = if args.fail_fast { 1 } else { args.max_failures.get() };
    let task = |index| {
        let (hunt, seed) = deal.task(index);
        Ran::of(hunt, &quarry[hunt], seed)
    };
    pool::run(args.jobs.unwrap_or_else(pool::cores), deal.total, task, |result| {
        if let Some((_, mut ran)) = result {
            unwritten = unwritten.take().or(ran.save(&quarry[ran.hunt], &talk.out).err());
            tally.add(ran);
        }
        progress.update(tally.runs(), tally.failed());
        let over = limit.is_some_and(|l| began.elapsed() >= l) || tally.failed() >= most as u64;
        if interrupted.load(Ordering::Relaxed) {
            tally.interrupted = true;
        }
        if over || tally.interrupted || unwritten.is_some() { Go::Stop } else { Go::On }
    });
    progress.finish();
    tally.wall_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    unwritten.map_or(Ok(tally), Err)
}
