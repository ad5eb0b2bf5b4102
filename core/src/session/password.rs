//! The password of a session: 16 bytes computed from its id, so that every server of an ensemble
//! can check it alone (reference/zookeeper.md section 1.3). It is no secret.

use crate::id::SessionId;

/// What a client shows to re-open its session.
pub type Password = [u8; 16];

/// ZooKeeper's constant, mixed into the id.
const SECRET: i64 = 0xb341_5c00;

/// The first 16 bytes of `java.util.Random` seeded with the id and [`SECRET`].
pub fn password(session: SessionId) -> Password {
    let mut random = JavaRandom::new(session.0 ^ SECRET);
    let mut bytes = [0; 16];
    for word in bytes.chunks_exact_mut(4) {
        word.copy_from_slice(&random.next().to_le_bytes());
    }
    bytes
}

/// The linear congruential generator that Java documents for `java.util.Random`.
struct JavaRandom(u64);

impl JavaRandom {
    const MULTIPLIER: u64 = 0x5_deec_e66d;
    const MASK: u64 = (1 << 48) - 1;

    fn new(seed: i64) -> Self {
        JavaRandom((seed as u64 ^ Self::MULTIPLIER) & Self::MASK)
    }

    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(Self::MULTIPLIER).wrapping_add(0xb) & Self::MASK;
        (self.0 >> 16) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_javas() {
        let golden = [
            (1, 0x054c_c74a_3732_7db2_15e7_02e2_0c73_f005u128),
            (0x0100_0000_0000_0000, 0xf22a_cd4a_97e6_9d6d_20a4_9bb6_38ea_db38),
            (0x0100_0a2b_3c4d_0001, 0xbc47_3af4_22c9_4ce5_244b_a1f0_6f87_1acd),
        ];
        for (session, expected) in golden {
            assert_eq!(password(SessionId(session)), expected.to_be_bytes(), "{session:#x}");
        }
    }
}
