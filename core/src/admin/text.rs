//! Text with a bound: an answer about a million watches is cut, and says so.

use alloc::string::String;
use core::fmt::{self, Arguments, Write};

/// Bytes of the longest answer.
pub(super) const BYTES_MAX: usize = 8 << 20;

/// Lines, as long as there is room for them.
#[derive(Debug, Default)]
pub(super) struct Lines {
    text: String,
    left_out: u64,
}

impl Lines {
    /// Adds a line.
    pub(super) fn line(&mut self, line: Arguments<'_>) {
        self.add(line);
        self.add(format_args!("\n"));
    }

    /// Adds what is no whole line.
    pub(super) fn add(&mut self, part: Arguments<'_>) {
        if self.is_full() {
            self.left_out += 1;
        } else {
            self.text.write_fmt(part).expect("a String takes everything");
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.text.len() >= BYTES_MAX
    }

    pub(super) fn finish(mut self) -> String {
        if self.left_out > 0 {
            self.line_anyway(format_args!("\n(the answer is cut at {BYTES_MAX} bytes)"));
        }
        self.text
    }

    fn line_anyway(&mut self, line: Arguments<'_>) {
        writeln!(self.text, "{line}").expect("a String takes everything");
    }
}

/// Bytes that should be UTF-8, as text.
pub(super) struct Shown<'a>(pub(super) &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_an_end() {
        let mut lines = Lines::default();
        for at in 0..2_000_000_u32 {
            lines.line(format_args!("line {at}"));
        }
        let text = lines.finish();
        assert!(text.len() < BYTES_MAX + 100);
        assert!(text.ends_with("\n(the answer is cut at 8388608 bytes)\n"));
    }
}
