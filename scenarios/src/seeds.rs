//! Seeds: how they are written, drawn, ranged over and dealt to shards.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// One seed, written in hex or decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seed(pub u64);

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl FromStr for Seed {
    type Err = String;

    fn from_str(text: &str) -> Result<Seed, String> {
        let digits = text.replace('_', "");
        let parsed = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
            Some(hex) if !hex.starts_with('+') => u64::from_str_radix(hex, 16),
            _ if digits.starts_with('+') => "".parse(),
            _ => digits.parse(),
        };
        parsed.map(Seed).map_err(|_| format!("{text:?} is no seed: expected 64 bits as 0x2a or 42"))
    }
}

impl Seed {
    /// A seed that nobody chose. The only draw from the machine's entropy; whoever takes it prints it.
    #[expect(clippy::disallowed_types, reason = "the one draw from the machine's entropy")]
    pub fn draw() -> Seed {
        use std::hash::{BuildHasher, RandomState};
        Seed(RandomState::new().hash_one(0u64))
    }
}

/// What `--seeds` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seeds {
    /// So many runs in total, dealt over the scenarios in turn.
    Runs(u64),
    /// Each of these seeds, in every scenario.
    Each(Range<u64>),
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Seeds, String> {
        let Some((from, to)) = text.split_once("..") else {
            return Ok(Seeds::Runs(
                Seed::from_str(text).map_err(|_| format!("{text:?}: expected a number of runs, or seeds as A..B"))?.0,
            ));
        };
        let range = Seed::from_str(from)?.0..Seed::from_str(to)?.0;
        if range.is_empty() {
            Err(format!("{text:?} is empty: expected A..B with A below B"))
        } else {
            Ok(Seeds::Each(range))
        }
    }
}

/// `I/N`: the I-th of N parts of the work, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    part: u64,
    parts: u64,
}

impl Shard {
    pub const WHOLE: Shard = Shard { part: 1, parts: 1 };

    /// The number in the whole of this part's `index`-th task.
    pub fn task(self, index: u64) -> u64 {
        index.saturating_mul(self.parts).saturating_add(self.part - 1)
    }

    /// How many of `total` tasks are in this part.
    pub fn share(self, total: u64) -> u64 {
        total.saturating_sub(self.part - 1).div_ceil(self.parts)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.parts)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let wrong = || format!("{text:?} is no shard: expected I/N with I from 1 to N");
        let (part, parts) = text.split_once('/').ok_or_else(wrong)?;
        let shard = Shard { part: part.parse().map_err(|_| wrong())?, parts: parts.parse().map_err(|_| wrong())? };
        if (1..=shard.parts).contains(&shard.part) { Ok(shard) } else { Err(wrong()) }
    }
}

/// Milliseconds, written `500ms`, `60s`, `10m`, `2h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub u64);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let wrong = || format!("{text:?} is no duration: expected 500ms, 60s, 10m or 2h");
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let unit = match &text[digits..] {
            "ms" => 1,
            "s" | "" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            _ => return Err(wrong()),
        };
        let count: u64 = text[..digits].parse().map_err(|_| wrong())?;
        match count.checked_mul(unit) {
            Some(millis) if millis > 0 => Ok(Span(millis)),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_hex_or_decimal_and_nothing_else() {
        assert_eq!("0x2a".parse(), Ok(Seed(42)));
        assert_eq!("42".parse(), Ok(Seed(42)));
        assert_eq!("0xffff_ffff_ffff_ffff".parse(), Ok(Seed(u64::MAX)));
        for wrong in ["", "0x", "2a", "-1", "+1", "0x+1", "0x1ffffffffffffffff", "é"] {
            assert!(wrong.parse::<Seed>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn ranges_shards_and_spans_refuse_nonsense() {
        assert_eq!("10".parse(), Ok(Seeds::Runs(10)));
        assert_eq!("0x10..0x20".parse(), Ok(Seeds::Each(16..32)));
        assert!("5..5".parse::<Seeds>().is_err() && "9..1".parse::<Seeds>().is_err() && "..".parse::<Seeds>().is_err());
        assert!(["0/3", "4/3", "1/0", "a/b", "1"].iter().all(|s| s.parse::<Shard>().is_err()));
        assert_eq!("90s".parse(), Ok(Span(90_000)));
        assert!(
            ["", "s", "0s", "5d", "99999999999999999999s", "18446744073709551615h"]
                .iter()
                .all(|s| s.parse::<Span>().is_err())
        );
    }

    #[test]
    fn shards_cover_everything_once() {
        for total in [0, 1, 2, 3, 99, 100] {
            let shards = (1..=3).map(|i| format!("{i}/3").parse::<Shard>().unwrap());
            let mut tasks: Vec<u64> = shards.flat_map(|s| (0..s.share(total)).map(move |i| s.task(i))).collect();
            tasks.sort_unstable();
            assert_eq!(tasks, (0..total).collect::<Vec<_>>());
        }
    }
}
