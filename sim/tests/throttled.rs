//! Servers that serve few requests at once (`request_throttle_max_requests`), under faults: some seeds of the hunt
//! `throttled3`. No oracle objects, and some requests really wait, some for too long.

use zabra_sim::marks::Mark;
use zabra_sim::run::run;
use zabra_sim::scenario::Scenario;

#[test]
fn a_line_of_requests_breaks_no_promise() {
    let text = include_str!("../../scenarios/hunts/throttled3.toml");
    let scenario: Scenario = toml::from_str(text).expect("a hunt");
    let mut reached = [0; 3];
    for seed in 0..8 {
        let report = run(&scenario, seed).expect("a scenario that can be run");
        assert_eq!(report.verdict, "pass", "seed {seed}: {:?}", report.finding);
        for (count, mark) in reached.iter_mut().zip([Mark::Throttled, Mark::ThrottledOp, Mark::StaleRequest]) {
            *count += report.marks.get(mark.name()).copied().unwrap_or(0);
        }
    }
    assert!(reached.iter().all(|count| *count > 0), "{reached:?}");
}
