//! The random explorer: one world on virtual time, driven by one seed (design section 3).
//!
//! [`run`] draws the plan, executes it, judges every step, and returns a [`RunReport`]. One thread,
//! no clock, no statics: the same (scenario, seed, build) gives the same report.

mod agenda;
mod board;
mod explorer;
mod judge;
mod load;
mod observe;
mod operator;
mod phases;
mod raw;
mod report;
mod schedule;
mod strike;
mod surface;

pub use explorer::Explorer;
pub use judge::Judge;
pub use report::{Finding, Outcome, RunReport};

use crate::oracle::Sight;
use crate::plan::Plan;
use crate::scenario::{Scenario, Unusable};
use crate::step::Step;
use crate::story::Start;
use crate::time::Micros;
use crate::trace::print::Printer;
use crate::world::World;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Somebody who watches a run that is replayed: status lines, timelines, reports.
pub trait Spectator {
    fn see(&mut self, _sight: &Sight<'_>) {}
    /// A planned fault begins or ends.
    fn fault(&mut self, _now: Micros, _began: bool, _what: &str) {}
    /// The world is about to take a step.
    fn step(&mut self, _now: Micros, _world: &World, _step: &Step) {}
    /// A step is taken: the world holds what it caused; the lines are what its printer wrote of it.
    fn took(&mut self, _now: Micros, _world: &World, _lines: &[String]) {}
}

/// Runs one seed. The fast path: nothing is recorded.
pub fn run(scenario: &Scenario, seed: u64) -> Result<RunReport, Unusable> {
    scenario.check()?;
    let plan = Plan::draw(scenario, seed);
    Ok(run_plan(scenario, plan, None).0)
}

/// A run as explicit steps, which need no seed.
#[derive(Clone, Debug)]
pub struct Recording {
    pub report: RunReport,
    pub start: Start,
    pub steps: Vec<Step>,
}

/// Runs one seed and records its steps, which [`crate::shrink`] makes small and readable.
pub fn record(scenario: &Scenario, seed: u64) -> Result<Recording, Unusable> {
    scenario.check()?;
    let plan = Plan::draw(scenario, seed);
    let mut recorder = Recorder::default();
    let (report, clients) = {
        let (report, explorer) = run_plan(scenario, plan, Some(&mut recorder));
        (report, explorer.load.configs.clone())
    };
    let start = Start { scenario: scenario.clone(), clients };
    Ok(Recording { report, start, steps: recorder.0 })
}

/// Runs a plan (drawn, or edited) with an optional spectator.
pub fn run_plan<'a>(
    scenario: &'a Scenario,
    plan: Plan,
    spectator: Option<&'a mut dyn Spectator>,
) -> (RunReport, Explorer<'a>) {
    let mut explorer = Explorer::new(scenario, plan, spectator);
    (ended(&mut explorer), explorer)
}

/// Runs a plan before a spectator who is also told every line of the trace.
pub fn watch(scenario: &Scenario, plan: Plan, spectator: &mut dyn Spectator) -> RunReport {
    let mut explorer = Explorer::new(scenario, plan, Some(spectator));
    explorer.world.printer = Some(Printer::new(explorer.world.machines.len()));
    ended(&mut explorer)
}

fn ended(explorer: &mut Explorer<'_>) -> RunReport {
    match catch_unwind(AssertUnwindSafe(|| explorer.run())) {
        Ok(outcome) => explorer.report(outcome),
        Err(cause) => explorer.report(Outcome::Panic(words_of(&*cause))),
    }
}

#[derive(Default)]
struct Recorder(Vec<Step>);

impl Spectator for Recorder {
    fn step(&mut self, _now: Micros, _world: &World, step: &Step) {
        self.0.push(step.clone());
    }
}

/// What a panic said.
fn words_of(cause: &(dyn std::any::Any + Send)) -> String {
    if let Some(words) = cause.downcast_ref::<&str>() {
        return (*words).to_owned();
    }
    cause.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic without words".to_owned())
}
