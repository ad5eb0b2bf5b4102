//! `report.json`, schema `zabra-report/1`: the source of every other form of a report.
//!
//! Changes within `/1` only add. Times are integer nanoseconds; zxids, sessions, seeds and hashes
//! are hex strings, for a JSON number does not hold 64 bits.

use crate::card::{Failure, Shrink};
use crate::exit::Exit;
use serde::Serialize;
use std::collections::BTreeMap;

pub const SCHEMA: &str = "zabra-report/1";

/// Hex, as every 64-bit number is written.
pub fn hex(value: u64) -> String {
    format!("{value:#x}")
}

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub schema: &'static str,
    pub tool: Tool,
    pub run: Run,
    pub repro: Vec<Repro>,
    pub nodes: Vec<Node>,
    pub properties: Vec<Property>,
    pub findings: Vec<Finding>,
    pub events: Vec<Event>,
    pub stats: Stats,
    pub coverage: Coverage,
}

#[derive(Clone, Debug, Serialize)]
pub struct Tool {
    pub name: &'static str,
    pub version: &'static str,
    /// `debug` or `lab` or `release`: with or without debug assertions and optimisation.
    pub assertions: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Run {
    pub scenario: String,
    /// The name or the file by which the hunt is found.
    pub hunt: String,
    pub seed: String,
    pub verdict: &'static str,
    pub exit: u8,
    pub without: Vec<String>,
    pub sim_ns: u64,
    pub wall_ms: u64,
    pub steps: u64,
    pub determinism: Determinism,
}

#[derive(Clone, Debug, Serialize)]
pub struct Determinism {
    pub trace_hash: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Repro {
    pub label: String,
    pub cmd: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Node {
    /// `n2` for server 2, `c0` for client 0.
    pub id: String,
    /// `server` or `client`.
    pub kind: &'static str,
    /// `participant` or `observer`; empty for clients.
    pub role0: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct Property {
    pub id: String,
    /// `always` or `sometimes`.
    pub kind: &'static str,
    pub text: String,
    pub source: String,
    /// For `always`: 1 if it held. For `sometimes`: how often it was reached.
    pub held: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    pub id: String,
    pub property: String,
    pub severity: &'static str,
    pub msg: String,
    pub signature: String,
    pub at_ns: u64,
    pub servers: Vec<String>,
    pub zxid: Option<String>,
    pub session: Option<String>,
    pub path: Option<String>,
    pub explain: Vec<Explain>,
    pub shrink: Vec<ShrinkPass>,
    pub necessary: Vec<Necessary>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Explain {
    pub step: usize,
    pub text: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct ShrinkPass {
    pub pass: &'static str,
    pub steps: usize,
    pub ms: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Necessary {
    pub what: String,
    pub without: &'static str,
}

/// One line of the minimal trace, or of the window before the violation.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    pub i: usize,
    pub t_ns: u64,
    pub n: String,
    pub text: String,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Stats {
    /// Messages that arrived: packets, notifications, client frames.
    pub delivered: u64,
    pub writes: u64,
    pub reads: u64,
    /// Operations whose outcome the client never learned.
    pub unknown: u64,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Coverage {
    pub faults: BTreeMap<String, u64>,
    pub sometimes: BTreeMap<String, u64>,
}

impl Tool {
    pub fn this() -> Tool {
        Tool { name: "zabra-lab", version: env!("CARGO_PKG_VERSION"), assertions: cfg!(debug_assertions) }
    }
}

impl Finding {
    pub fn of(failure: &Failure, number: usize) -> Finding {
        let pass = |pass, steps, ms| ShrinkPass { pass, steps, ms };
        let shrink = |s: Shrink| vec![pass("start", s.steps_before, 0), pass("minimal", s.steps_after, s.millis)];
        Finding {
            id: format!("{}#{number}", failure.oracle),
            property: failure.oracle.clone(),
            severity: if failure.exit == Exit::Inconclusive { "warning" } else { "error" },
            msg: failure.sentence.clone(),
            signature: failure.signature(),
            at_ns: failure.at_us.saturating_mul(1000),
            servers: failure.servers.iter().map(|s| format!("n{s}")).collect(),
            zxid: failure.zxid.clone(),
            session: failure.session.clone(),
            path: failure.path.clone(),
            explain: failure
                .facts
                .iter()
                .enumerate()
                .map(|(i, text)| Explain { step: i + 1, text: text.clone() })
                .collect(),
            shrink: failure.shrink.map(shrink).unwrap_or_default(),
            necessary: failure.causes.iter().map(|c| Necessary { what: c.clone(), without: "pass" }).collect(),
        }
    }
}

impl Repro {
    pub fn of(failure: &Failure) -> Vec<Repro> {
        failure.again.iter().map(|(label, cmd)| Repro { label: label.clone(), cmd: cmd.clone() }).collect()
    }
}

impl Report {
    /// The document, ending in a newline.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report has only string keys") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::tests::sample;

    #[test]
    fn report_json_reads_like_this() {
        let failure = sample();
        let report = Report {
            schema: SCHEMA,
            tool: Tool { name: "zabra-lab", version: "0.1.0", assertions: true },
            run: Run {
                scenario: failure.scenario.clone(),
                hunt: failure.scenario.clone(),
                seed: hex(failure.seed),
                verdict: "fail",
                exit: failure.exit.code(),
                without: failure.without.clone(),
                sim_ns: 2_450_000_000,
                wall_ms: 412,
                steps: 1268,
                determinism: Determinism { trace_hash: hex(failure.trace_hash) },
            },
            repro: Repro::of(&failure),
            nodes: vec![Node { id: "n1".into(), kind: "server", role0: "participant" }],
            properties: vec![],
            findings: vec![Finding::of(&failure, 1)],
            events: vec![Event { i: 0, t_ns: 1_616_000_000, n: "n2".into(), text: "2 → 3 ACK 3.17".into() }],
            stats: Stats::default(),
            coverage: Coverage { faults: BTreeMap::from([("crash".into(), 1)]), sometimes: BTreeMap::new() },
        };
        insta::assert_snapshot!("report", report.json());
    }
}
