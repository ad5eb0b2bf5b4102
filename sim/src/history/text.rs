//! Paths and data in histories: cheap to copy, readable in files.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// A shared byte string. In files it is a string in which everything but printable ASCII is escaped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Arc<[u8]>);

impl Text {
    pub fn new(bytes: &[u8]) -> Text {
        Text(Arc::from(bytes))
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// A path's parent and name: `/a/b` gives `/a` and `b`, `/a` gives `/` and `a`.
    pub fn split(&self) -> Option<(Text, Text)> {
        self.cut().map(|(parent, name)| (Text::new(parent), Text::new(name)))
    }

    /// The same, as parts of it.
    pub fn cut(&self) -> Option<(&[u8], &[u8])> {
        let slash = self.0.iter().rposition(|byte| *byte == b'/')?;
        Some((&self.0[..slash.max(1)], &self.0[slash + 1..]))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text::new(text.as_bytes())
    }
}

impl From<&Vec<u8>> for Text {
    fn from(bytes: &Vec<u8>) -> Self {
        Text::new(bytes)
    }
}

impl Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let escaped = String::deserialize(deserializer)?;
        let bytes = unescape(&escaped).ok_or_else(|| D::Error::custom(format!("`{escaped}` has a bad escape")))?;
        Ok(Text(Arc::from(bytes)))
    }
}

fn unescape(escaped: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(escaped.len());
    let mut rest = escaped.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (&kind, after) = rest.split_first()?;
        rest = after;
        out.push(match kind {
            b't' => b'\t',
            b'n' => b'\n',
            b'r' => b'\r',
            b'\\' | b'\'' | b'"' => kind,
            b'x' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                rest = &rest[2..];
                u8::from_str_radix(digits, 16).ok()?
            }
            _ => return None,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_string_survives_a_file() {
        let all: Vec<u8> = (0..=255).collect();
        let json = serde_json::to_string(&Text::new(&all)).expect("serializes");
        assert!(json.is_ascii());
        assert_eq!(serde_json::from_str::<Text>(&json).expect("reads back").bytes(), all);
    }

    #[test]
    fn bad_escapes_are_refused() {
        for bad in [r#""\\q""#, r#""\\x0""#, r#""\\""#] {
            assert!(serde_json::from_str::<Text>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_splits_at_its_last_slash() {
        assert_eq!(Text::from("/a/b").split(), Some(("/a".into(), "b".into())));
        assert_eq!(Text::from("/a").split(), Some(("/".into(), "a".into())));
        assert_eq!(Text::from("a").split(), None);
    }
}
