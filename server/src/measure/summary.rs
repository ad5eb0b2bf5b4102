//! Distributions: count, sum, extremes, and quantiles of about the last minute.

use hdrhistogram::Histogram;
use std::time::Duration;
use tokio::time::Instant;

/// Quantiles are of the last one to two of these.
const WINDOW: Duration = Duration::from_secs(30);

/// Whether a distribution's tail is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    Basic,
    Advanced,
}

/// A distribution of numbers.
#[derive(Debug)]
pub struct Summary {
    detail: Detail,
    count: u64,
    sum: u64,
    min: u64,
    max: u64,
    /// What came in the window that is open, and in the one before.
    now: Histogram<u32>,
    before: Histogram<u32>,
    opened: Instant,
}

/// Two digits: a summary takes some hundred bytes, and what it tells is read by people.
fn empty() -> Histogram<u32> {
    Histogram::new(2).expect("two digits are few enough")
}

impl Summary {
    pub fn new(detail: Detail, now: Instant) -> Summary {
        Summary { detail, count: 0, sum: 0, min: 0, max: 0, now: empty(), before: empty(), opened: now }
    }

    pub fn add(&mut self, value: u64, at: Instant) {
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        self.count += 1;
        self.sum = self.sum.saturating_add(value);
        let age = at.saturating_duration_since(self.opened);
        if age >= WINDOW {
            self.before = std::mem::replace(&mut self.now, empty());
            if age >= 2 * WINDOW {
                self.before.reset();
            }
            self.opened = at;
        }
        self.now.saturating_record(value);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn sum(&self) -> u64 {
        self.sum
    }

    pub fn min(&self) -> u64 {
        self.min
    }

    pub fn max(&self) -> u64 {
        self.max
    }

    /// Quantiles, as Prometheus labels them; none if nothing came lately.
    #[cfg_attr(madsim, expect(dead_code, reason = "nobody asks a simulated server by HTTP"))]
    pub fn quantiles(&self, at: Instant) -> Vec<(&'static str, Option<u64>)> {
        let told: &[(&str, f64)] = match self.detail {
            Detail::Basic => &[("0.5", 0.5)],
            Detail::Advanced => &[("0.5", 0.5), ("0.95", 0.95), ("0.99", 0.99)],
        };
        self.at(told, at)
    }

    /// Percentiles, as `mntr` names them: of distributions whose tail is told.
    pub fn percentiles(&self, at: Instant) -> Vec<(&'static str, u64)> {
        let told: &[(&str, f64)] = match self.detail {
            Detail::Basic => &[],
            Detail::Advanced => &[("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)],
        };
        self.at(told, at).into_iter().map(|(name, value)| (name, value.unwrap_or(0))).collect()
    }

    fn at(&self, told: &[(&'static str, f64)], at: Instant) -> Vec<(&'static str, Option<u64>)> {
        let mut recent = self.now.clone();
        recent.add(&self.before).expect("a histogram that grows takes another");
        if at.saturating_duration_since(self.opened) >= 2 * WINDOW {
            recent.reset();
        }
        told.iter().map(|(name, q)| (*name, (!recent.is_empty()).then(|| recent.value_at_quantile(*q)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_last_minute_and_totals_of_all_time() {
        let start = Instant::now();
        let mut summary = Summary::new(Detail::Advanced, start);
        (1..=100).for_each(|value| summary.add(value, start));
        assert_eq!(summary.quantiles(start), [("0.5", Some(50)), ("0.95", Some(95)), ("0.99", Some(99))]);
        let later = start + 2 * WINDOW;
        assert_eq!(summary.quantiles(later)[0].1, None);
        summary.add(7, later);
        assert_eq!((summary.quantiles(later)[2].1, summary.count(), summary.max()), (Some(7), 101, 100));
    }
}
