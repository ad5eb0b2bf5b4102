//! The names of a data directory (reference/zookeeper.md section 4.1), and the store's own for what
//! is not complete. Apache's tools ignore names that they do not know.

use crate::id::Zxid;
use alloc::format;
use alloc::string::String;

/// The directory of logs, snapshots and epoch files.
pub const DIR: &str = "version-2";
/// Says that an empty directory is a new server's, not one that was lost. Stands beside [`DIR`].
pub const INITIALIZE: &str = "initialize";
pub const ACCEPTED: &str = "acceptedEpoch";
pub const CURRENT: &str = "currentEpoch";
/// A log segment that is being prepared.
pub const NEXT_SEGMENT: &str = "segment.tmp";
/// A snapshot that is being written by a checkpoint, or by an installation.
pub const NEXT_SNAPSHOT: &str = "checkpoint.tmp";
pub const NEXT_INSTALL: &str = "received.tmp";
/// Says that this directory was found empty without [`INITIALIZE`], and that no synchronization
/// has been completed since.
pub const LOST: &str = "lost";

/// A file of [`DIR`] whose name carries a zxid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileName {
    /// `log.<first zxid>`
    Log(Zxid),
    /// `snapshot.<last zxid>`, with the suffix of a compression that the `Vfs` undoes.
    Snapshot(Zxid, Suffix),
    /// `install.<zxid>`: a complete image that replaces everything else; the rest is being removed.
    Install(Zxid),
    /// `truncate.<zxid>`: records above it are being removed.
    Truncate(Zxid),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suffix {
    None,
    Gz,
    Snappy,
}

impl FileName {
    pub fn parse(name: &str) -> Option<FileName> {
        let (kind, rest) = name.split_once('.')?;
        let (hex, suffix) = match rest.split_once('.') {
            None => (rest, Suffix::None),
            Some((hex, "gz")) => (hex, Suffix::Gz),
            Some((hex, "snappy")) => (hex, Suffix::Snappy),
            Some(_) => return None,
        };
        if hex.is_empty() || hex.len() > 16 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let zxid = Zxid(u64::from_str_radix(hex, 16).ok()?);
        match (kind, suffix) {
            ("log", Suffix::None) => Some(FileName::Log(zxid)),
            ("snapshot", suffix) => Some(FileName::Snapshot(zxid, suffix)),
            ("install", Suffix::None) => Some(FileName::Install(zxid)),
            ("truncate", Suffix::None) => Some(FileName::Truncate(zxid)),
            (_, Suffix::None | Suffix::Gz | Suffix::Snappy) => None,
        }
    }

    /// The path from the root of the data directory.
    pub fn path(self) -> String {
        match self {
            FileName::Log(zxid) => format!("{DIR}/log.{:x}", zxid.0),
            FileName::Snapshot(zxid, Suffix::None) => format!("{DIR}/snapshot.{:x}", zxid.0),
            FileName::Snapshot(zxid, Suffix::Gz) => format!("{DIR}/snapshot.{:x}.gz", zxid.0),
            FileName::Snapshot(zxid, Suffix::Snappy) => format!("{DIR}/snapshot.{:x}.snappy", zxid.0),
            FileName::Install(zxid) => format!("{DIR}/install.{:x}", zxid.0),
            FileName::Truncate(zxid) => format!("{DIR}/truncate.{:x}", zxid.0),
        }
    }

    pub fn snapshot(zxid: Zxid) -> FileName {
        FileName::Snapshot(zxid, Suffix::None)
    }
}

/// The path of a file of [`DIR`].
pub fn in_dir(name: &str) -> String {
    format!("{DIR}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Epoch;

    #[test]
    fn names_are_hexadecimal_and_come_back() {
        let zxid = Zxid::new(Epoch(3), 0x1f);
        for name in [
            FileName::Log(zxid),
            FileName::snapshot(zxid),
            FileName::Snapshot(zxid, Suffix::Gz),
            FileName::Install(Zxid::ZERO),
            FileName::Truncate(zxid),
        ] {
            let path = name.path();
            assert_eq!(FileName::parse(path.strip_prefix("version-2/").unwrap()), Some(name));
        }
        assert_eq!(FileName::Log(zxid).path(), "version-2/log.30000001f");
    }

    #[test]
    fn other_names_are_not_ours() {
        for name in
            ["log", "log.", "log.xyz", "log.1.gz", "snapshot.1.zip", "currentEpoch.tmp", "log.11111111111111111"]
        {
            assert_eq!(FileName::parse(name), None, "{name}");
        }
    }
}
