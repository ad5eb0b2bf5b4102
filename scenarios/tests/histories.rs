//! The histories of simulated runs, judged twice: by their witnesses and by the black-box search.
//!
//! On a healthy core both accept. With a rule off whatever the search refuses, which looks at nothing
//! but what clients saw, the witness must refuse too; the other way round the witness sees more.

use zabra_checker::history::{Opinion, search};
use zabra_lab::engine;
use zabra_lab::library::Library;
use zabra_sim::history::{History, Kind, witness};
use zabra_sim::plan::Plan;
use zabra_sim::run::run_plan;
use zabra_sim::scenario::Scenario;

const HUNTS: [&str; 6] = ["three", "one", "partitions5", "rolling5", "queues3", "sessions5"];
/// Rules whose absence clients can see.
const RULES: [&str; 8] = [
    "CommitQuorum",
    "AckAfterDurable",
    "LeaderMostRecent",
    "SyncFromCommonPoint",
    "ApplyCommitted",
    "ClientNotAhead",
    "OneOrder",
    "SyncNeedsFreshQuorum",
];
const OPERATIONS: usize = 200;

#[derive(Debug, Default)]
struct Tally {
    histories: usize,
    longer: usize,
    accepted: usize,
    refused_by_both: usize,
    refused_by_the_witness: usize,
    undecided: usize,
    most: usize,
}

/// A hunt of few operations.
fn short(library: &Library, hunt: &str, without: &[&str]) -> Scenario {
    let without: Vec<String> = without.iter().map(|rule| (*rule).to_owned()).collect();
    let mut scenario = engine::scenario(library, hunt, &without).expect("the library has it");
    scenario.phases.safety_ms = [3000, 9000];
    scenario.clients.count = scenario.clients.count.min(5);
    scenario.clients.raw = 0;
    if !without.is_empty() {
        // The run goes on when the first oracle would object, so that clients see what comes of it.
        scenario.oracles = vec!["step_down".to_owned()];
    }
    scenario
}

fn history(scenario: &Scenario, seed: u64) -> Option<History> {
    let (_, explorer) = run_plan(scenario, Plan::draw(scenario, seed), None);
    explorer.history()
}

impl Tally {
    fn judge(&mut self, scenario: &Scenario, seed: u64) {
        let Some(history) = history(scenario, seed) else { return };
        if history.events.iter().filter(|event| matches!(event.kind, Kind::Invoke { .. })).count() >= OPERATIONS {
            self.longer += 1;
            return;
        }
        self.histories += 1;
        let witnessed = witness::check(&history);
        let whose = format!("{} {seed:#x} without {:?}", scenario.name, scenario.without);
        match search(&history) {
            Opinion::Explained { configurations, .. } => {
                self.most = self.most.max(configurations);
                let count = if witnessed.is_empty() { &mut self.accepted } else { &mut self.refused_by_the_witness };
                *count += 1;
            }
            Opinion::Refused(why) => {
                assert!(!witnessed.is_empty(), "{whose}: the search alone refuses: {why}");
                self.refused_by_both += 1;
            }
            Opinion::Undecided(_) => self.undecided += 1,
        }
    }
}

fn healthy(seeds: u64) -> Tally {
    let library = Library::find(None);
    let mut tally = Tally::default();
    for hunt in HUNTS {
        let scenario = short(&library, hunt, &[]);
        (0..seeds).for_each(|seed| tally.judge(&scenario, seed));
    }
    tally
}

fn broken(seeds: u64) -> Tally {
    let library = Library::find(None);
    let mut tally = Tally::default();
    for rule in RULES {
        for hunt in ["three", "partitions5"] {
            let scenario = short(&library, hunt, &[rule]);
            (0..seeds).for_each(|seed| tally.judge(&scenario, seed));
        }
    }
    tally
}

#[test]
fn what_clients_of_healthy_runs_saw_is_accepted_by_both() {
    let tally = healthy(5);
    println!("{tally:?}");
    assert!(tally.accepted > 10 && tally.accepted == tally.histories, "{tally:?}");
}

#[test]
fn what_the_search_refuses_of_broken_runs_the_witness_refuses() {
    let tally = broken(3);
    println!("{tally:?}");
    assert!(tally.histories > 20, "{tally:?}");
}

#[test]
#[ignore = "a minute: more seeds of the same"]
fn some_dozens_of_seeds_of_each() {
    let (healthy, broken) = (healthy(40), broken(40));
    println!("healthy {healthy:?}\nbroken {broken:?}");
    assert!(healthy.accepted == healthy.histories && broken.refused_by_both > 0, "{healthy:?} {broken:?}");
}
