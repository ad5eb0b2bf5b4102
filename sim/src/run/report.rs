//! What a run came to.

use crate::marks::Marks;
use crate::oracle::Violation;
use crate::plan::Plan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Pass,
    Safety(Box<Violation>),
    /// Progress was demanded and did not come: what is missing.
    Liveness(String),
    Panic(String),
    /// Too much happened to be judged: why.
    Unjudged(String),
}

impl Outcome {
    /// The classes of exit codes: pass, safety, liveness, panic, no verdict.
    pub fn exit_code(&self) -> u8 {
        match self {
            Outcome::Pass => 0,
            Outcome::Safety(_) => 20,
            Outcome::Liveness(_) => 21,
            Outcome::Panic(_) => 22,
            Outcome::Unjudged(_) => 24,
        }
    }

    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Safety(_) => "safety",
            Outcome::Liveness(_) => "liveness",
            Outcome::Panic(_) => "panic",
            Outcome::Unjudged(_) => "inconclusive",
        }
    }
}

/// A violation, for files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The oracle's id, or `liveness`, `panic` or `inconclusive`.
    pub oracle: String,
    pub sentence: String,
    pub facts: Vec<String>,
    pub servers: Vec<u8>,
    pub zxid: Option<String>,
    pub session: Option<String>,
    pub path: Option<String>,
    /// When, in microseconds of virtual time.
    pub at_us: u64,
}

impl Finding {
    pub fn of(outcome: &Outcome, at_us: u64) -> Option<Finding> {
        let plain = |oracle: &str, sentence: &str| Finding {
            oracle: oracle.to_owned(),
            sentence: sentence.to_owned(),
            facts: Vec::new(),
            servers: Vec::new(),
            zxid: None,
            session: None,
            path: None,
            at_us,
        };
        match outcome {
            Outcome::Pass => None,
            Outcome::Safety(violation) => Some(Finding {
                facts: violation.facts.to_vec(),
                servers: violation.servers.iter().map(|server| server.0).collect(),
                zxid: violation.zxid.map(|zxid| zxid.to_string()),
                session: violation.session.map(|session| session.to_string()),
                path: violation.path.clone(),
                ..plain(violation.oracle, &violation.sentence)
            }),
            Outcome::Liveness(missing) => Some(plain("liveness", missing)),
            Outcome::Panic(words) => Some(plain("panic", words)),
            Outcome::Unjudged(why) => Some(plain("inconclusive", why)),
        }
    }
}

/// Everything that a run came to; a function of (scenario, seed, build).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunReport {
    pub scenario: String,
    pub seed: u64,
    /// `pass`, `safety`, `liveness`, `panic` or `inconclusive`.
    pub verdict: String,
    pub exit_code: u8,
    pub finding: Option<Finding>,
    pub trace_hash: u64,
    /// Events of the loop that did something.
    pub steps: u64,
    /// Messages that arrived: packets, election messages, client frames both ways.
    pub messages: u64,
    pub simulated_us: u64,
    pub writes: u64,
    pub reads: u64,
    /// Operations whose outcome the client never learned.
    pub unknown: u64,
    /// Planned faults that struck, by name.
    pub faults: BTreeMap<String, u64>,
    pub marks: BTreeMap<String, u64>,
    pub plan: Plan,
}

/// Names and counts.
pub(super) fn counts(marks: &Marks) -> BTreeMap<String, u64> {
    marks.iter().map(|(mark, count)| (mark.name().to_owned(), count)).collect()
}
