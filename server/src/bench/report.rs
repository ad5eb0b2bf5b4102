//! What a load was: for readers, and as JSON for scripts.

use super::tally::Tally;
use super::{Load, Plan};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

pub(super) struct Report {
    pub connections: usize,
    elapsed: u64,
    operations: u64,
    /// Name and microseconds.
    latency: Vec<(&'static str, u64)>,
    failures: BTreeMap<String, u64>,
    lost: u64,
    gaps: Option<(u64, u64)>,
    /// Of watches: how long the last one took, round by round.
    pub rounds: Vec<u64>,
    /// What the command said.
    pub said: Option<String>,
    /// Whether every request was answered.
    pub is_drained: bool,
}

impl Report {
    pub fn of(tally: &Tally, elapsed: u64) -> Report {
        let latency = &tally.latency;
        let at = |quantile: f64| latency.value_at_quantile(quantile);
        Report {
            connections: 0,
            elapsed,
            operations: latency.len(),
            latency: vec![
                ("min", latency.min()),
                ("p50", at(0.5)),
                ("p90", at(0.9)),
                ("p99", at(0.99)),
                ("p999", at(0.999)),
                ("max", latency.max()),
            ],
            failures: tally.failures.clone(),
            lost: tally.lost,
            gaps: tally.struck.map(|_| (tally.gap, tally.session_gap)),
            rounds: Vec::new(),
            said: None,
            is_drained: true,
        }
    }

    fn per_second(&self) -> u64 {
        self.operations.saturating_mul(1_000_000) / self.elapsed.max(1)
    }

    pub fn json(&self, plan: &Plan) -> Value {
        let latency: BTreeMap<&str, u64> = self.latency.iter().copied().collect();
        let mut value = json!({
            "load": name(plan.arguments.load),
            "servers": plan.arguments.servers,
            "connections": self.connections,
            "outstanding": plan.arguments.outstanding,
            "value_bytes": plan.arguments.value_bytes,
            "elapsed_us": self.elapsed,
            "operations": self.operations,
            "per_second": self.per_second(),
            "latency_us": latency,
            "failures": self.failures,
            "connections_lost": self.lost,
            "drained": self.is_drained,
        });
        if let Some((gap, session_gap)) = self.gaps {
            value["gap_us"] = gap.into();
            value["session_gap_us"] = session_gap.into();
        }
        if !self.rounds.is_empty() {
            value["rounds_us"] = self.rounds.clone().into();
        }
        if let Some(said) = &self.said {
            value["run_said"] = said.clone().into();
        }
        value
    }

    pub fn text(&self, plan: &Plan) -> String {
        let mut text = format!(
            "{}: {} in {}, {} per second, {} sessions",
            name(plan.arguments.load),
            self.operations,
            duration(self.elapsed),
            self.per_second(),
            self.connections
        );
        for (quantile, value) in &self.latency {
            let _infallible = write!(text, "\n  {quantile:<4} {}", duration(*value));
        }
        if let Some((gap, session_gap)) = self.gaps {
            let _infallible =
                write!(text, "\n  no success for {}, of one session for {}", duration(gap), duration(session_gap));
        }
        for round in &self.rounds {
            let _infallible = write!(text, "\n  the last watch after {}", duration(*round));
        }
        for (failure, n) in &self.failures {
            let _infallible = write!(text, "\n  {failure}: {n}");
        }
        if self.lost > 0 {
            let _infallible = write!(text, "\n  connections lost: {}", self.lost);
        }
        if !self.is_drained {
            text.push_str("\n  some requests were never answered");
        }
        if let Some(said) = &self.said {
            let _infallible = write!(text, "\n  the command said: {said}");
        }
        text
    }
}

fn name(load: Load) -> &'static str {
    match load {
        Load::Set => "set",
        Load::Get => "get",
        Load::Create => "create",
        Load::Mix => "mix",
        Load::Watches => "watches",
        Load::Sessions => "sessions",
        Load::Hold => "hold",
        Load::Failover => "failover",
    }
}

/// Microseconds in the unit that fits.
fn duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} us"),
        1_000..1_000_000 => format!("{}.{:02} ms", us / 1_000, us % 1_000 / 10),
        1_000_000.. => format!("{}.{:02} s", us / 1_000_000, us % 1_000_000 / 10_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_shown_in_the_unit_that_fits() {
        assert_eq!([999, 1_250, 12_345_678].map(duration), ["999 us", "1.25 ms", "12.34 s"]);
    }
}
