//! Znode paths: their parts, their order, and which ones may be created (reference/zookeeper.md
//! section 2.3).
//!
//! Paths are bytes. The root is written `/` by clients and is the empty path inside parents: the
//! parent part of `/a` is the empty path. Nothing here knows which znodes exist.

use crate::wire::Code;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;

/// A shared path, ordered by bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Arc<[u8]>);

impl Path {
    /// A path that may be created: everything that section 2.3 asks for.
    pub fn parse(bytes: &[u8]) -> Result<Path, Code> {
        validate(bytes)?;
        Ok(Path::lax(bytes))
    }

    /// A path as it was read from a request that only looks: one that cannot exist finds nothing.
    pub fn lax(bytes: &[u8]) -> Path {
        Path(Arc::from(bytes))
    }

    /// The path of the child `name` of `parent`; `parent` is `/` or empty for the root.
    pub fn join(parent: &[u8], name: &[u8]) -> Path {
        let mut bytes = Vec::with_capacity(parent.len() + 1 + name.len());
        join_into(parent, name, &mut bytes);
        Path(Arc::from(bytes))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The parent as clients write it, `/` for children of the root; `None` for the root itself.
    pub fn parent(&self) -> Option<&[u8]> {
        parent(&self.0)
    }

    /// The last component; empty for the root.
    pub fn name(&self) -> &[u8] {
        name(&self.0)
    }
}

impl Borrow<[u8]> for Path {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Path {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.escape_ascii(), f)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The parent as clients write it: `/` for children of the root, `None` for the root and for what
/// is no path.
pub fn parent(path: &[u8]) -> Option<&[u8]> {
    match split(path)? {
        (b"", b"") => None,
        (b"", _) => Some(b"/"),
        (parent, _) => Some(parent),
    }
}

/// The last component; empty for the root.
pub fn name(path: &[u8]) -> &[u8] {
    split(path).map_or(b"", |(_, name)| name)
}

/// Whether `path` is `below` or one of its descendants. Both are whole paths.
pub fn is_at_or_below(path: &[u8], below: &[u8]) -> bool {
    let below = if below == b"/" { b"" } else { below };
    path.strip_prefix(below).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// Whether a znode may be created at this path (section 2.3). Java validates UTF-16 units, so
/// every character outside the basic plane is refused, and malformed UTF-8 (which Java reads as
/// U+FFFD) too.
pub fn validate(path: &[u8]) -> Result<(), Code> {
    let text = core::str::from_utf8(path).map_err(|_| Code::BadArguments)?;
    let Some(inside) = text.strip_prefix('/') else {
        return Err(Code::BadArguments);
    };
    let components_exist = inside.is_empty() || inside.split('/').all(|c| !matches!(c, "" | "." | ".."));
    match components_exist && text.chars().all(is_allowed) {
        true => Ok(()),
        false => Err(Code::BadArguments),
    }
}

/// Whether a sequential create may be asked for at this path: it is what stands before the
/// number, so it may end in `/`.
pub fn validate_sequential(prefix: &[u8]) -> Result<(), Code> {
    let mut path = Vec::with_capacity(prefix.len() + 1);
    path.extend_from_slice(prefix);
    path.push(b'1');
    validate(&path)
}

fn is_allowed(c: char) -> bool {
    !matches!(u32::from(c), 0x0000..=0x001f | 0x007f..=0x009f | 0xd800..=0xf8ff | 0xfff0..)
}

/// A path as (parent, name), where the root's path is empty inside `parent`; the root itself is
/// a pair of empty strings. `None` for bytes under which no znode can stand.
pub(super) fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.is_empty() {
        return Some((b"", b""));
    }
    let slash = path.iter().rposition(|&b| b == b'/')?;
    let (parent, name) = (&path[..slash], &path[slash + 1..]);
    // "x/y" has no root, and "//y" would be a second name of "/y".
    let parent_exists = parent.is_empty() || (parent[0] == b'/' && parent.len() > 1);
    parent_exists.then_some((parent, name))
}

/// Appends the path of the child `name` of `parent`.
pub(super) fn join_into(parent: &[u8], name: &[u8], out: &mut Vec<u8>) {
    if parent != b"/" {
        out.extend_from_slice(parent);
    }
    out.push(b'/');
    out.extend_from_slice(name);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_may_be_created() {
        for good in ["/", "/a", "/a/b", "/a.b/...", "/.a", "/ü", "/\u{d7ff}", "/\u{f900}", "/\u{ffef}", "/a b"] {
            assert_eq!(validate(good.as_bytes()), Ok(()), "{good}");
        }
    }

    #[test]
    fn a_path_that_may_not_be_created() {
        let bad = [
            "",
            "a",
            "a/b",
            "/a/",
            "//",
            "//a",
            "/a//b",
            "/.",
            "/..",
            "/a/./b",
            "/a/..",
            "/\0",
            "/\u{1}",
            "/\u{1f}",
            "/\u{7f}",
            "/\u{9f}",
            "/\u{e000}",
            "/\u{f8ff}",
            "/\u{fff0}",
            "/\u{ffff}",
            "/\u{10000}",
            "/\u{1f600}",
        ];
        for bad in bad {
            assert_eq!(validate(bad.as_bytes()), Err(Code::BadArguments), "{bad:?}");
        }
        assert_eq!(validate(b"/\xff"), Err(Code::BadArguments));
        assert_eq!(validate(b"/\xed\xa0\x80"), Err(Code::BadArguments), "a surrogate in CESU-8");
    }

    #[test]
    fn a_sequential_prefix_may_end_in_a_slash() {
        assert_eq!(validate_sequential(b"/a/"), Ok(()));
        assert_eq!(validate_sequential(b"/"), Ok(()));
        assert_eq!(validate_sequential(b"/a/."), Ok(()));
        assert_eq!(validate_sequential(b"/a//"), Err(Code::BadArguments));
        assert_eq!(validate_sequential(b""), Err(Code::BadArguments));
    }

    #[test]
    fn parents_and_names() {
        assert_eq!((parent(b"/"), name(b"/")), (None, &b""[..]));
        assert_eq!((parent(b"/a"), name(b"/a")), (Some(&b"/"[..]), &b"a"[..]));
        assert_eq!((parent(b"/a/b"), name(b"/a/b")), (Some(&b"/a"[..]), &b"b"[..]));
        assert_eq!(split(b""), split(b"/"));
        assert_eq!(split(b"a"), None);
        assert_eq!(split(b"a/b"), None);
        assert_eq!(split(b"//b"), None);
        assert_eq!(Path::join(b"/", b"a"), Path::lax(b"/a"));
        assert_eq!(Path::join(b"", b"a"), Path::lax(b"/a"));
        assert_eq!(Path::join(b"/a", b"b"), Path::lax(b"/a/b"));
    }

    #[test]
    fn below_means_whole_components() {
        assert!(is_at_or_below(b"/a/b", b"/a"));
        assert!(is_at_or_below(b"/a", b"/a"));
        assert!(is_at_or_below(b"/a", b"/"));
        assert!(!is_at_or_below(b"/ab", b"/a"));
        assert!(!is_at_or_below(b"/", b"/a"));
    }
}
