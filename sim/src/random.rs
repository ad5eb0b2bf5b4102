//! The draws of a run: one master seed, one ChaCha8 stream per purpose, integers only.
//!
//! A new draw for one purpose does not shift the draws of another, so a plan stays the same when a
//! workload changes. Probabilities are parts per million.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};
use zabra_core::id::ServerId;

/// What a stream is drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Plan,
    Workload,
    Network,
    Disk(ServerId),
    Timers(ServerId),
    Client(u32),
}

impl Purpose {
    fn stream(self) -> u64 {
        match self {
            Purpose::Plan => 1,
            Purpose::Workload => 2,
            Purpose::Network => 3,
            Purpose::Disk(server) => 0x100 + u64::from(server.0),
            Purpose::Timers(server) => 0x200 + u64::from(server.0),
            Purpose::Client(client) => 0x1_0000 + u64::from(client),
        }
    }
}

/// A stream of draws.
#[derive(Clone, Debug)]
pub struct Draws(ChaCha8Rng);

/// One million: certainty.
pub const PPM: u32 = 1_000_000;

impl Draws {
    pub fn new(seed: u64, purpose: Purpose) -> Draws {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(purpose.stream());
        Draws(rng)
    }

    pub fn word(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`; 0 if the bound is 0. The bias of the multiplication is below 2^-32.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(bound)) >> 32) as u32
    }

    /// A number of the closed range.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        if high <= low {
            return low;
        }
        match (high - low).checked_add(1) {
            Some(span) => low + self.below(span),
            None => self.0.next_u32(),
        }
    }

    /// Whether an event of this probability happens.
    pub fn chance(&mut self, ppm: u32) -> bool {
        ppm > 0 && self.below(PPM) < ppm
    }

    /// A delay around `mean` with a long tail: most draws below the mean, few many times above it
    /// (a geometric number of halvings stands for the logarithm of an exponential draw).
    pub fn tail(&mut self, mean: u32) -> u32 {
        let word = self.0.next_u32();
        let doublings = word.leading_zeros().min(5);
        let within = (u64::from(word & 0xffff) * u64::from(mean)) >> 16;
        ((u64::from(doublings) * u64::from(mean)) / 2 + within / 2 + u64::from(mean) / 8).min(u64::from(u32::MAX))
            as u32
    }

    /// One element of a slice that is not empty.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u32) as usize]
    }

    /// The elements in a random order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.below(i as u32 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purpose_has_its_own_draws_and_a_seed_repeats_them() {
        let draw = |seed, purpose| Draws::new(seed, purpose).word();
        assert_eq!(draw(7, Purpose::Plan), draw(7, Purpose::Plan));
        assert_ne!(draw(7, Purpose::Plan), draw(7, Purpose::Network));
        assert_ne!(draw(7, Purpose::Plan), draw(8, Purpose::Plan));
        assert_ne!(draw(7, Purpose::Disk(ServerId(1))), draw(7, Purpose::Disk(ServerId(2))));
    }

    #[test]
    fn draws_stay_in_their_range() {
        let mut draws = Draws::new(1, Purpose::Plan);
        for _ in 0..1000 {
            assert!((3..=9).contains(&draws.between(3, 9)));
            assert!(draws.below(5) < 5);
            assert!(draws.tail(1000) <= 1000 * 4);
        }
        assert_eq!(draws.between(4, 4), 4);
        assert!(!draws.chance(0));
        assert!(draws.chance(PPM));
    }
}
