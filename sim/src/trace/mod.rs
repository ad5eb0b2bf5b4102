//! What happened, as a hash and as lines.
//!
//! The hash covers time, sequence number, kind, sender, receiver and payload of every event, with a
//! hasher of our own that writes little-endian 64-bit words, so that the same (scenario, seed,
//! build) gives the same number on every machine. The lines ([`print`]) are made only when a run is
//! recorded.

pub mod print;

use std::hash::{Hash, Hasher};

/// One multiplication per eight bytes; no seed, no dependence on the machine's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceHasher(u64);

const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Default for TraceHasher {
    fn default() -> Self {
        TraceHasher(SPREAD)
    }
}

impl TraceHasher {
    fn word(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(SPREAD);
    }

    pub fn value(self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^ (mixed >> 32)
    }
}

impl Hasher for TraceHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.word(u64::from_le_bytes(word.try_into().expect("eight bytes")));
        }
        let rest = words.remainder();
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(last) ^ (rest.len() as u64) << 56);
        }
    }

    fn write_u8(&mut self, i: u8) {
        self.word(u64::from(i));
    }

    fn write_u16(&mut self, i: u16) {
        self.word(u64::from(i));
    }

    fn write_u32(&mut self, i: u32) {
        self.word(u64::from(i));
    }

    fn write_u64(&mut self, i: u64) {
        self.word(i);
    }

    fn write_usize(&mut self, i: usize) {
        self.word(i as u64);
    }

    fn write_i32(&mut self, i: i32) {
        self.word(i as i64 as u64);
    }

    fn write_i64(&mut self, i: i64) {
        self.word(i as u64);
    }

    fn write_isize(&mut self, i: isize) {
        self.word(i as i64 as u64);
    }

    fn finish(&self) -> u64 {
        self.value()
    }
}

/// The running hash of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceHash {
    hasher: TraceHasher,
    pub events: u64,
}

impl TraceHash {
    pub fn event(&mut self, time: u64, kind: u8, from: u16, to: u16, payload: &impl Hash) {
        self.events += 1;
        self.hasher.word(time);
        self.hasher.word(u64::from(kind) << 32 | u64::from(from) << 16 | u64::from(to));
        self.hasher.word(self.events);
        payload.hash(&mut self.hasher);
    }

    pub fn value(self) -> u64 {
        self.hasher.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_depends_on_every_part() {
        let of = |time, kind, from, to, payload: &str| {
            let mut hash = TraceHash::default();
            hash.event(time, kind, from, to, &payload);
            hash.value()
        };
        let base = of(1, 2, 3, 4, "payload");
        for other in [of(2, 2, 3, 4, "payload"), of(1, 3, 3, 4, "payload"), of(1, 2, 4, 4, "payload")] {
            assert_ne!(base, other);
        }
        assert_ne!(base, of(1, 2, 3, 5, "payload"));
        assert_ne!(base, of(1, 2, 3, 4, "payloae"));
        assert_eq!(base, of(1, 2, 3, 4, "payload"));
    }
}
