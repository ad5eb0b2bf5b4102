//! Servers that serve few requests at once (`request_throttle_max_requests`), under faults: no oracle objects, and some
//! requests really wait, some for too long.

use zabra_sim::marks::Mark;
use zabra_sim::run::run;
use zabra_sim::scenario::{ClientSpec, EnsembleSpec, FaultSpec, Kind, Scenario};

fn scenario() -> Scenario {
    let often = |every_ms, lasts_ms| Kind { on_ppm: 600_000, every_ms, lasts_ms };
    Scenario {
        name: "throttled".to_owned(),
        ensemble: EnsembleSpec {
            throttle_requests: 2,
            throttled_op_wait_ms: 300,
            drops_stale: true,
            ..EnsembleSpec::default()
        },
        clients: ClientSpec {
            count: 10,
            raw: 3,
            surface: 1,
            millihertz: 6000,
            timeout_ms: [400, 1500],
            ..ClientSpec::default()
        },
        faults: FaultSpec {
            client_reset: often([500, 5000], [0, 0]),
            depose: often([2000, 10_000], [0, 0]),
            disk_stall: often([1000, 6000], [200, 3000]),
            ..FaultSpec::default()
        },
        ..Scenario::default()
    }
}

#[test]
fn a_line_of_requests_breaks_no_promise() {
    let mut reached = [0; 3];
    for seed in 0..8 {
        let report = run(&scenario(), seed).expect("a scenario that can be run");
        assert_eq!(report.verdict, "pass", "seed {seed}: {:?}", report.finding);
        for (count, mark) in reached.iter_mut().zip([Mark::Throttled, Mark::ThrottledOp, Mark::StaleRequest]) {
            *count += report.marks.get(mark.name()).copied().unwrap_or(0);
        }
    }
    assert!(reached.iter().all(|count| *count > 0), "{reached:?}");
}
