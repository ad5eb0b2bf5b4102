//! Clients that use everything the service offers, under faults: no oracle objects, and what they do
//! really happens.

use zabra_sim::run::run;
use zabra_sim::scenario::{ClientSpec, EnsembleSpec, FaultSpec, Kind, Mix, Scenario};

fn scenario() -> Scenario {
    let often = |every_ms, lasts_ms| Kind { on_ppm: 500_000, every_ms, lasts_ms };
    Scenario {
        name: "surface".to_owned(),
        ensemble: EnsembleSpec { container_check_ms: 300, container_unused_ms: 1000, ..EnsembleSpec::default() },
        clients: ClientSpec {
            count: 8,
            raw: 5,
            surface: 5,
            millihertz: 5000,
            mix: Mix { registers: 2, counters: 1, queues: 1, ephemerals: 1, watches: 2 },
            ..ClientSpec::default()
        },
        faults: FaultSpec {
            client_reset: often([300, 5000], [0, 0]),
            crash: often([2000, 10_000], [50, 2000]),
            depose: often([2000, 10_000], [0, 0]),
            ..FaultSpec::default()
        },
        ..Scenario::default()
    }
}

#[test]
fn clients_that_use_everything_find_no_fault() {
    for seed in 0..12 {
        let report = run(&scenario(), seed).expect("a scenario that can be run");
        assert_eq!(report.verdict, "pass", "seed {seed}: {:?}", report.finding);
    }
}
