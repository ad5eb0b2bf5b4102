//! Values of every record, made from a few drawn bytes, so that property tests need no generator
//! per record and shrink to short inputs.

use alloc::vec::Vec;

/// Drawn bytes, used up from the front; once they are used up, everything is zero or empty.
pub struct Source<'a>(pub &'a [u8]);

impl<'a> Source<'a> {
    pub fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }
}

/// A value that can be made from drawn bytes; every value of the type can come.
pub trait Sample<'a> {
    fn sample(s: &mut Source<'a>) -> Self;
}

impl Sample<'_> for bool {
    fn sample(s: &mut Source<'_>) -> Self {
        s.byte() % 2 == 1
    }
}

impl Sample<'_> for i32 {
    fn sample(s: &mut Source<'_>) -> Self {
        i64::sample(s) as i32
    }
}

impl Sample<'_> for i64 {
    /// One byte tells how many more there are, so that small numbers and −1 are frequent.
    fn sample(s: &mut Source<'_>) -> Self {
        let width = s.byte();
        let sign = if width >= 128 { -1 } else { 0 };
        s.take(usize::from(width % 9)).iter().fold(sign, |n, b| (n << 8) | i64::from(*b))
    }
}

impl<'a> Sample<'a> for &'a [u8] {
    fn sample(s: &mut Source<'a>) -> Self {
        let n = s.byte() % 32;
        s.take(usize::from(n))
    }
}

impl<'a, T: Sample<'a>> Sample<'a> for Option<T> {
    fn sample(s: &mut Source<'a>) -> Self {
        bool::sample(s).then(|| T::sample(s))
    }
}

impl<'a, T: Sample<'a>> Sample<'a> for Vec<T> {
    fn sample(s: &mut Source<'a>) -> Self {
        let n = s.byte() % 4;
        (0..n).map(|_| T::sample(s)).collect()
    }
}
