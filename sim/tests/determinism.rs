//! The same scenario and seed give the same trace hash, also in another process.
#![expect(clippy::disallowed_methods, reason = "this test starts a second process to compare with")]

use zabra_sim::plan::Plan;
use zabra_sim::run::{run, run_plan};
use zabra_sim::scenario::Scenario;

const SEEDS: u64 = 12;
const CHILD: &str = "ZABRA_DETERMINISM_CHILD";

fn hashes() -> String {
    let scenario = Scenario::default();
    let hash = |seed| {
        let report = run(&scenario, seed).unwrap();
        format!("{seed} {:016x} {} {}\n", report.trace_hash, report.steps, report.verdict)
    };
    (0..SEEDS).map(hash).collect()
}

#[test]
fn two_processes_agree_on_every_trace_hash() {
    if std::env::var(CHILD).is_ok() {
        print!("<<{}>>", hashes());
        return;
    }
    let me = std::env::current_exe().unwrap();
    let child = std::process::Command::new(me)
        .args(["two_processes_agree_on_every_trace_hash", "--nocapture", "--exact"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8(child.stdout).unwrap();
    let theirs = text.split_once("<<").and_then(|(_, rest)| rest.split_once(">>")).map(|(hashes, _)| hashes);
    assert_eq!(theirs, Some(hashes().as_str()));
}

#[test]
fn a_run_with_pages_of_another_size_is_the_same_run() {
    let scenario = Scenario::default();
    for seed in 0..SEEDS {
        let of = |page_bytes| {
            let plan = Plan { page_bytes, ..Plan::draw(&scenario, seed) };
            let report = run_plan(&scenario, plan, None).0;
            (report.trace_hash, report.steps, report.verdict)
        };
        assert_eq!(of(64), of(4096), "seed {seed}");
    }
}
