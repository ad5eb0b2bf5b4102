//! What is counted while a load runs: latencies, failures, and the gaps between successes.

use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;
use zabra_client::Outcome;

/// Microseconds as a histogram takes them.
pub(super) fn micros(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u64::MAX)
}

/// Latencies are told apart up to ten minutes.
const LONGEST: u64 = 600_000_000;

#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Tally>>);

impl Shared {
    pub fn new() -> Shared {
        Shared(Arc::new(Mutex::new(Tally::new())))
    }

    pub fn lock(&self) -> MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Tally {
    /// Of what succeeded while it was measured.
    pub latency: Histogram<u64>,
    /// What did not succeed, by its name.
    pub failures: BTreeMap<String, u64>,
    /// Connections that were lost.
    pub lost: u64,
    /// Set when the blow of a failover fell: gaps are counted from then on.
    pub struck: Option<Instant>,
    last: Option<Instant>,
    /// The longest time without any success.
    pub gap: u64,
    /// The longest time without a success of one session.
    pub session_gap: u64,
}

impl Tally {
    fn new() -> Tally {
        let latency = Histogram::new_with_bounds(1, LONGEST, 3).expect("bounds and a precision of histograms");
        let failures = BTreeMap::new();
        Tally { latency, failures, lost: 0, struck: None, last: None, gap: 0, session_gap: 0 }
    }

    pub fn failed(&mut self, outcome: &Outcome) {
        let name = match outcome {
            Outcome::Done(_) => return,
            Outcome::Failed(code) => format!("{code:?}"),
            Outcome::Unknown => "Unknown".to_owned(),
            Outcome::NotSent => "NotSent".to_owned(),
        };
        *self.failures.entry(name).or_insert(0) += 1;
    }

    pub fn succeeded(&mut self, since: Instant, now: Instant) {
        self.latency.saturating_record(micros(since, now));
    }

    /// No more successes are awaited: the gap that is open ends here.
    pub fn ended(&mut self, now: Instant) {
        if let Some(struck) = self.struck {
            self.gap = self.gap.max(micros(self.last.unwrap_or(struck).max(struck), now));
        }
    }

    /// A success at this time, the session's last one at that: gaps end.
    pub fn breathed(&mut self, session_last: Option<Instant>, now: Instant) {
        let Some(struck) = self.struck else {
            self.last = Some(now);
            return;
        };
        let last = self.last.unwrap_or(struck);
        self.gap = self.gap.max(micros(last, now));
        self.session_gap = self.session_gap.max(micros(session_last.unwrap_or(struck), now));
        self.last = Some(now);
    }
}
