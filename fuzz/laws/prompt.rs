//! A line of `zabra shell`, and what its verbs read of their words and of znodes: what makes no sense is said, never by a
//! panic.

use zabra::prompt::examine;

pub fn holds(bytes: &[u8]) {
    let Ok(line) = std::str::from_utf8(bytes) else { return };
    examine(line);
}
