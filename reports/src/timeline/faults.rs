//! The faults of a plan as bands over a timeline, in words.

use super::Band;
use std::fmt::Write;
use zabra_sim::fault::{Fault, Target};
use zabra_sim::plan::Plan;

/// Every fault that began before the run was over. All of them end when the world is healed.
pub fn bands(plan: &Plan, end: u64) -> Vec<Band> {
    let healed = plan.safety_us.min(end);
    let begun = plan.faults.iter().filter(|planned| planned.at_us <= healed);
    let mut bands: Vec<Band> = begun
        .map(|planned| {
            let (text, lasts_us) = words(&planned.fault);
            Band { from: planned.at_us, until: planned.at_us.saturating_add(lasts_us).min(healed), text }
        })
        .collect();
    bands.sort_by_key(|band| (band.from, band.until));
    bands
}

fn whom(target: Target) -> String {
    match target {
        Target::Server(id) => id.to_string(),
        Target::LeaderOr(id) => format!("the leader (else {id})"),
    }
}

fn paths(paths: &[(u8, u8)]) -> String {
    let mut text = String::new();
    for (from, to) in paths {
        write!(text, " {from}>{to}").expect("a String takes everything");
    }
    text
}

/// What a fault does, and for how many microseconds.
fn words(fault: &Fault) -> (String, u64) {
    match fault {
        Fault::Crash { target, for_us, patient_us, silent } => {
            let silent = if *silent { ", cut off before and behind" } else { "" };
            (format!("crash {}{silent}", whom(*target)), patient_us.saturating_add(*for_us))
        }
        Fault::CrashAll { for_us } => ("crash all".to_owned(), *for_us),
        Fault::CrashCheckpoint { target, for_us, patient_us } => {
            (format!("crash {} in a checkpoint", whom(*target)), patient_us.saturating_add(*for_us))
        }
        Fault::FalseStart { target, times, for_us } => {
            (format!("crash {} and {times} times in its recovery", whom(*target)), *for_us)
        }
        Fault::RollingRestart { for_us } => ("restart each in turn".to_owned(), *for_us),
        Fault::CrashLoop { server, times, for_us } => {
            (format!("crash {server} {times} times"), for_us.saturating_mul(u64::from(*times)))
        }
        Fault::Wipe { server, for_us } => (format!("wipe the disk of {server}"), *for_us),
        Fault::Pause { target, for_us } => (format!("pause {}", whom(*target)), *for_us),
        Fault::Cut { paths: cut, for_us } => (format!("cut{}", paths(cut)), *for_us),
        Fault::Flap { a, b, every_us, for_us } => {
            (format!("cut and heal {a}-{b} every {} ms", every_us / 1000), *for_us)
        }
        Fault::Slow { paths: slow, factor, for_us } => (format!("{factor} times slower:{}", paths(slow)), *for_us),
        Fault::Reset { a, b } => (format!("reset connections {a}-{b}"), 0),
        Fault::ElectionReset { a, b } => (format!("reset election connection {a}-{b}"), 0),
        Fault::Depose => ("reset all connections of the leader".to_owned(), 0),
        Fault::ClientReset { client } => (format!("reset client {client}"), 0),
        Fault::Drift { server, ppm, for_us } => (format!("clock of {server} drifts by {ppm} ppm"), *for_us),
        Fault::Jump { server, ms } => (format!("clock of {server} jumps by {ms} ms"), 0),
        Fault::DiskStall { server, for_us } => (format!("disk of {server} stalls"), *for_us),
        Fault::Interrupt { image } => {
            (format!("break the next synchronization{}", if *image { " by an image" } else { "" }), 0)
        }
        Fault::DiskError { server, full, for_us } => {
            (format!("disk of {server} {}", if *full { "is full" } else { "fails" }), *for_us)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zabra_sim::scenario::Scenario;

    #[test]
    fn faults_end_with_the_faulty_phase_and_read_like_this() {
        let mut plan = Plan::draw(&Scenario::default(), 1);
        plan.safety_us = 5_000;
        let at = |at_us, fault| zabra_sim::fault::Planned { at_us, fault };
        plan.faults = vec![
            at(1_000, Fault::Crash { target: Target::LeaderOr(2), for_us: 100, patient_us: 50, silent: true }),
            at(2_000, Fault::Cut { paths: vec![(1, 2), (2, 1)], for_us: 9_000 }),
            at(3_000, Fault::Depose),
            at(6_000, Fault::CrashAll { for_us: 1 }),
        ];
        let told: Vec<String> =
            bands(&plan, 10_000).iter().map(|b| format!("{}..{} {}", b.from, b.until, b.text)).collect();
        assert_eq!(
            told,
            [
                "1000..1150 crash the leader (else 2), cut off before and behind",
                "2000..5000 cut 1>2 2>1",
                "3000..3000 reset all connections of the leader"
            ]
        );
    }
}
