//! The keys about how fast new connections are let in, how many requests are served at once, and how much waits.

use super::Check;
use crate::config::throttling::{Throttling, millionths};
use zabra_core::config::{Limits, LocalSessions, RequestThrottle};

impl Check {
    pub(super) fn throttling(&mut self) -> Throttling {
        let plain = Throttling::default();
        let key = |name: &str| format!("connection_throttle_{name}");
        let most = i32::MAX as u32;
        let mut number = |name: &str, min, plain| self.number(&key(name), min, most).unwrap_or(plain);
        let (tokens, fill_count) = (number("tokens", 0, plain.tokens), number("fill_count", 0, plain.fill_count));
        let fill_ms = number("fill_time", 1, plain.fill_ms);
        // A session of this server alone is the lightest; the others weigh at least as much.
        let local = number("local_session_weight", 1, 1);
        let global = number("global_session_weight", 1, 3).max(local);
        let renewed = number("renew_session_weight", 1, 2).max(local);
        let freeze_ms = self.number(&key("freeze_time"), 0, most);
        // The bucket is meant for sessions of the ensemble: with weights it is as much larger.
        let is_weighed = self.flag(&key("weight_enabled")).unwrap_or_default();
        let anew = if self.local_sessions() == LocalSessions::Off { global } else { local };
        let larger = if is_weighed { global } else { 1 };
        Throttling {
            tokens: tokens.saturating_mul(larger),
            fill_ms,
            fill_count: fill_count.saturating_mul(larger),
            freeze_ms,
            increase: self.part(&key("drop_increase")).unwrap_or(plain.increase),
            decrease: self.part(&key("drop_decrease")).unwrap_or(plain.decrease),
            decrease_at: self.part(&key("decrease_ratio")).unwrap_or(plain.decrease_at),
            weights: is_weighed.then_some((anew, renewed)),
        }
    }

    /// The line in which requests wait (`request_throttle_*`).
    pub(super) fn requests(&mut self) -> RequestThrottle {
        let plain = RequestThrottle::default();
        let most = i32::MAX as u32;
        let drops = self.flag("request_throttle_drop_stale").unwrap_or(true);
        RequestThrottle {
            max_requests: self.number("request_throttle_max_requests", 0, most).unwrap_or(plain.max_requests),
            stall_ms: self.number("request_throttle_stall_time", 1, most).unwrap_or(plain.stall_ms),
            drops_stale: self.flag("request_stale_latency_check").unwrap_or(false) && drops,
            wait_ms: self.number("throttled_op_wait_time", 0, most).unwrap_or(plain.wait_ms),
        }
    }

    /// Which requests are large, and how many bytes of them may wait (`largeRequest*`).
    pub(super) fn large_requests(&mut self) -> (Option<u32>, u32) {
        let most = i32::MAX as u32;
        let bytes = self.number("largeRequestMaxBytes", 1, most);
        (self.number("largeRequestThreshold", 1, most), bytes.unwrap_or(Limits::default().large_request_bytes_of_all))
    }

    /// No fewer than one client may let wait.
    pub(super) fn bytes(&mut self, key: &str) -> Option<usize> {
        self.number(key, 64 << 20, u32::MAX).map(|bytes| bytes as usize)
    }

    fn part(&mut self, key: &str) -> Option<u32> {
        let entry = self.entries.get(key)?;
        let (line, part) = (entry.line, millionths(&entry.value));
        if part.is_none() {
            let text = format!("{key}: expected a number from 0 to 1, found {:?}", entry.value);
            self.error(Some(line), text);
        }
        part
    }
}
