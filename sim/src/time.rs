//! Virtual time.

use std::fmt;

/// Microseconds of virtual time since the start of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub u64);

impl Micros {
    pub const ZERO: Micros = Micros(0);

    pub const fn from_ms(ms: u64) -> Micros {
        Micros(ms * 1000)
    }

    pub fn after(self, us: u64) -> Micros {
        Micros(self.0.saturating_add(us))
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} ms", self.0 / 1000, self.0 % 1000)
    }
}
