//! The scheme `digest`: a user's name and a hash of name and password.

use super::base64;
use super::sha1::sha1;
use alloc::vec::Vec;

/// The id that belongs to `user:password`: the user and the hash of both.
pub(super) fn identity(shown: &[u8]) -> Vec<u8> {
    let mut id = user(shown).to_vec();
    id.push(b':');
    base64::encode(&sha1(shown), &mut id);
    id
}

/// What stands before the first colon.
pub(super) fn user(id: &[u8]) -> &[u8] {
    id.split(|byte| *byte == b':').next().unwrap_or_default()
}

/// Two parts, as Java's `split(":")` counts them: empty ones at the end do not count.
pub(super) fn is_valid(id: &[u8]) -> bool {
    let mut parts = id.split(|byte| *byte == b':').collect::<Vec<_>>();
    while parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    parts.len() == 2
}

/// An id without its hash, for those who may not administer the znode: `user:x`. Java's pattern
/// ends at the end of a line.
pub(in super::super) fn redacted(id: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(id.len().min(64) + 2);
    for (at, line) in id.split(|byte| matches!(byte, b'\n' | b'\r')).enumerate() {
        if at > 0 {
            shown.push(b'\n');
        }
        match line.iter().position(|byte| *byte == b':') {
            Some(colon) => {
                shown.extend_from_slice(&line[..colon]);
                shown.extend_from_slice(b":x");
            }
            None => shown.extend_from_slice(line),
        }
    }
    shown
}
