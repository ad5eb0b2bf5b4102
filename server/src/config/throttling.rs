//! How fast new connections are let in (`connection_throttle_*`).

/// A bucket of tokens, and a chance to be refused that grows while it is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttling {
    /// Tokens in the full bucket; 0: nobody is refused.
    pub tokens: u32,
    /// So many tokens come back in so many milliseconds.
    pub fill_ms: u32,
    pub fill_count: u32,
    /// How long the chance stays as it is; without, there is none.
    pub freeze_ms: Option<u32>,
    /// By how much the chance grows and falls, and which part of the tokens may be out when it falls: in
    /// millionths.
    pub increase: u32,
    pub decrease: u32,
    pub decrease_at: u32,
    /// What a new session and one that is opened again cost, where they cost more than one token.
    pub weights: Option<(u32, u32)>,
}

/// What is certain, in millionths.
pub const CERTAIN: u32 = 1_000_000;

impl Default for Throttling {
    fn default() -> Self {
        Throttling {
            tokens: 0,
            fill_ms: 1,
            fill_count: 1,
            freeze_ms: None,
            increase: 20_000,
            decrease: 2_000,
            decrease_at: 0,
            weights: None,
        }
    }
}

/// A part of one, as Java writes it, in millionths; what is finer is left out.
pub fn millionths(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || (whole.is_empty() && part.is_empty()) {
        return None;
    }
    let part: String = part.chars().chain("000000".chars()).take(6).collect();
    let whole: u32 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let all = whole.checked_mul(CERTAIN)?.checked_add(part.parse().ok()?)?;
    (all <= CERTAIN).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_one_are_read_and_nothing_else_is() {
        let good = ["0.02", ".5", "1", "1.0", "0.0000019", "0"].map(millionths);
        assert_eq!(good, [20_000, 500_000, CERTAIN, CERTAIN, 1, 0].map(Some));
        assert_eq!(["", ".", "1.1", "-1", "0.x", "2", "99999999999"].map(millionths), [None; 7]);
    }
}
