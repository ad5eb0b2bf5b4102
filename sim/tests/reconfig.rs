//! An ensemble that becomes another one under faults: some seeds of the hunt `reconfig5`, which reaches more.

use zabra_sim::run::run;
use zabra_sim::scenario::Scenario;

#[test]
fn an_ensemble_that_changes_under_faults_passes_and_changes() {
    let text = include_str!("../../scenarios/hunts/reconfig5.toml");
    let scenario: Scenario = toml::from_str(text).expect("a hunt");
    let (mut joined, mut wrong) = (0, Vec::new());
    for seed in SEEDS.chain(MORE) {
        let report = run(&scenario, seed).expect("a usable scenario");
        joined += report.marks.get("voter-joined").copied().unwrap_or_default();
        if report.verdict != "pass" {
            wrong.push((seed, report.verdict, report.finding));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(joined > 0, "nobody joined: nothing was tested");
}

/// With one in it that could not progress while a server that waits to be joined counted itself among those that it
/// waits for.
const SEEDS: std::ops::Range<u64> = 140..165;

/// In the first a voter waited for the quorum of a change that nobody else had, and followed nobody. In the second one
/// learns from NEWLEADER, which also cuts its history, that it votes no more: it leaves in the same step.
const MORE: [u64; 2] = [0x6bc, 0x1bd68];
