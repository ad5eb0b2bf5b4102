//! Draws from a seed: everything of a run that could be otherwise is drawn before it, or by one client.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Streams of draws, so that one more draw of a kind shifts no other.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    Plan = 1,
    Disk,
    Crash,
    Client,
}

/// Draws for one purpose of one thing.
pub fn draws(seed: u64, purpose: Purpose, which: u64) -> Draws {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(purpose as u64 * 1000 + which);
    Draws(rng)
}

pub struct Draws(ChaCha8Rng);

impl Draws {
    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}
