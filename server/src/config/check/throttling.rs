//! The keys about how fast new connections are let in.

use super::Check;
use crate::config::throttling::{Throttling, millionths};
use zabra_core::config::LocalSessions;

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
