//! How fast new connections are let in (reference/zookeeper.md section 1.11): a bucket of tokens, and
//! BLUE, a chance to be refused that grows while the bucket is empty and falls while it is full.
//!
//! Apache draws for that chance; here what is owed of it adds up, and who makes it whole is refused. The
//! same connections at the same times are always answered alike.

use crate::config::throttling::{CERTAIN, Throttling};

/// The bucket, at a time in milliseconds that only goes forward.
#[derive(Clone, Debug)]
pub struct Throttle {
    rules: Throttling,
    tokens: u32,
    filled_ms: u64,
    /// The chance to be refused, in millionths, and when it changed.
    chance: u32,
    frozen_ms: u64,
    /// What is owed of it.
    owed: u32,
}

impl Throttle {
    pub fn new(rules: Throttling, now_ms: u64) -> Throttle {
        let tokens = rules.tokens;
        Throttle { rules, tokens, filled_ms: now_ms, chance: 0, frozen_ms: now_ms, owed: 0 }
    }

    /// Whether a client that asks for a session, a new one or its own, is let in.
    pub fn admits(&mut self, asks_anew: bool, now_ms: u64) -> bool {
        if self.rules.tokens == 0 {
            return true;
        }
        self.fill(now_ms);
        if self.rules.freeze_ms.is_some_and(|freeze_ms| self.refuses_by_chance(now_ms, freeze_ms)) {
            return false;
        }
        let need = match self.rules.weights {
            Some((anew, _)) if asks_anew => anew,
            Some((_, again)) => again,
            None => 1,
        };
        match self.tokens.checked_sub(need) {
            Some(left) => {
                self.tokens = left;
                true
            }
            None => false,
        }
    }

    /// Tokens that are out.
    pub fn deficit(&self) -> u32 {
        self.rules.tokens - self.tokens
    }

    fn fill(&mut self, now_ms: u64) {
        let since = now_ms.saturating_sub(self.filled_ms);
        if since > u64::from(self.rules.fill_ms) {
            let come = since.saturating_mul(u64::from(self.rules.fill_count)) / u64::from(self.rules.fill_ms);
            let come = u32::try_from(come).unwrap_or(u32::MAX);
            self.tokens = self.tokens.saturating_add(come).min(self.rules.tokens);
            self.filled_ms = now_ms;
        }
    }

    fn refuses_by_chance(&mut self, now_ms: u64, freeze_ms: u32) -> bool {
        let rules = &self.rules;
        if now_ms.saturating_sub(self.frozen_ms) > u64::from(freeze_ms) {
            let calm = u64::from(rules.tokens) * u64::from(rules.decrease_at) / u64::from(CERTAIN);
            if self.tokens == 0 {
                self.chance = self.chance.saturating_add(rules.increase).min(CERTAIN);
            } else if u64::from(self.deficit()) <= calm {
                self.chance = self.chance.saturating_sub(rules.decrease);
            }
            self.frozen_ms = now_ms;
        }
        self.owed += self.chance;
        let refuses = self.owed >= CERTAIN;
        if refuses {
            self.owed -= CERTAIN;
        }
        refuses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many clients are let in that come at the same time.
    fn admitted(throttle: &mut Throttle, clients: u32, now_ms: u64) -> u32 {
        (0..clients).map(|_| u32::from(throttle.admits(true, now_ms))).sum()
    }

    #[test]
    fn without_tokens_nobody_is_refused() {
        assert_eq!(admitted(&mut Throttle::new(Throttling::default(), 0), 1000, 0), 1000);
    }

    #[test]
    fn a_bucket_lets_in_what_it_holds_and_what_comes_back() {
        let rules = Throttling { tokens: 5, fill_ms: 100, fill_count: 2, ..Throttling::default() };
        let mut throttle = Throttle::new(rules, 1_000);
        assert_eq!(admitted(&mut throttle, 9, 1_000), 5);
        assert_eq!(throttle.deficit(), 5);
        assert_eq!(admitted(&mut throttle, 9, 1_100), 0, "a fill time has to pass whole");
        assert_eq!(admitted(&mut throttle, 9, 1_200), 4);
        assert_eq!(admitted(&mut throttle, 9, 900_000), 5, "no more than it holds");
        assert_eq!(admitted(&mut throttle, 9, 800_000), 0, "a clock that goes back fills nothing");
    }

    #[test]
    fn sessions_weigh_what_they_cost() {
        let rules = Throttling { tokens: 6, weights: Some((3, 2)), ..Throttling::default() };
        let mut throttle = Throttle::new(rules, 0);
        assert_eq!([true, false, true, false].map(|anew| throttle.admits(anew, 0)), [true, true, false, false]);
    }

    #[test]
    fn the_chance_to_be_refused_grows_while_the_bucket_is_empty_and_falls_while_it_is_full() {
        let rules = Throttling {
            tokens: 2,
            fill_ms: 10,
            fill_count: 2,
            freeze_ms: Some(0),
            increase: 250_000,
            decrease: 250_000,
            ..Throttling::default()
        };
        let mut throttle = Throttle::new(rules, 0);
        assert_eq!(admitted(&mut throttle, 2, 0), 2);
        (1..=2).for_each(|now_ms| assert!(!throttle.admits(true, now_ms)));
        assert_eq!(throttle.chance, 500_000);
        throttle.frozen_ms = 20;
        assert_eq!(admitted(&mut throttle, 2, 20), 1, "every second client");
        assert!(!throttle.admits(true, 60), "what was owed makes one more");
        assert!(throttle.admits(true, 100));
        assert_eq!(throttle.chance, 0);
    }
}
