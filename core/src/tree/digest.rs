//! The two digests of a database, each a wrapping 64-bit sum over its parts, so that a change
//! subtracts the old part and adds the new one (contract section 3, reference/zookeeper.md 2.9).
//!
//! * `apache`: ZooKeeper's own, version 2, for the wire and for files. It leaves out ACLs,
//!   sessions and everything below `/zookeeper`, and swapped siblings can hide from it.
//! * `state`: every field of every znode and every session; what `Hash` and the oracles use.

use super::acl::AclList;
use super::path::split;
use crate::id::SessionId;
use crate::wire::records::StatPersisted;
use core::hash::{Hash, Hasher};

/// The version of ZooKeeper's digest that this is, for `TxnDigest`.
pub const APACHE_VERSION: i32 = 2;

/// A tree's two sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    pub apache: u64,
    pub state: u64,
}

impl Digests {
    pub(super) fn add(&mut self, part: Digests) {
        self.apache = self.apache.wrapping_add(part.apache);
        self.state = self.state.wrapping_add(part.state);
    }

    pub(super) fn subtract(&mut self, part: Digests) {
        self.apache = self.apache.wrapping_sub(part.apache);
        self.state = self.state.wrapping_sub(part.state);
    }
}

/// One znode's part of ZooKeeper's digest, for a leader that predicts the digest after its
/// transaction: subtract the old part, add the new one.
pub fn node_digest(path: &[u8], data: Option<&[u8]>, stat: &StatPersisted) -> u64 {
    split(path).map_or(0, |(parent, name)| apache_part(parent, name, data, stat))
}

/// Both parts of the znode `name` below `parent` (the root is a pair of empty strings).
pub(super) fn parts(
    (parent, name): (&[u8], &[u8]),
    data: Option<&[u8]>,
    acl: &AclList,
    stat: &StatPersisted,
) -> Digests {
    let state = state_with(state_prefix(parent, name, data, acl), stat);
    Digests { apache: apache_part(parent, name, data, stat), state }
}

/// Both parts as far as a change of the stat leaves them as they are.
pub(super) struct Prefix {
    apache: Option<crc32fast::Hasher>,
    state: Mix,
}

impl Prefix {
    pub(super) fn new((parent, name): (&[u8], &[u8]), data: Option<&[u8]>, acl: &AclList) -> Prefix {
        Prefix { apache: apache_prefix(parent, name, data), state: state_prefix(parent, name, data, acl) }
    }

    pub(super) fn with(&self, stat: &StatPersisted) -> Digests {
        let apache = self.apache.as_ref().map_or(0, |crc| apache_with(crc.clone(), stat));
        Digests { apache, state: state_with(self.state, stat) }
    }
}

fn apache_part(parent: &[u8], name: &[u8], data: Option<&[u8]>, stat: &StatPersisted) -> u64 {
    if is_left_out(parent) {
        return 0;
    }
    let mut crc = crc32fast::Hasher::new();
    let [parent, slash, name, data] = digested(parent, name, data);
    update_all(&mut crc, [parent, slash, name, data, &stat_bytes(stat)]);
    u64::from(crc.finalize())
}

fn apache_prefix(parent: &[u8], name: &[u8], data: Option<&[u8]>) -> Option<crc32fast::Hasher> {
    if is_left_out(parent) {
        return None;
    }
    let mut crc = crc32fast::Hasher::new();
    update_all(&mut crc, digested(parent, name, data));
    Some(crc)
}

/// What is below `/zookeeper`, the digest leaves out.
fn is_left_out(parent: &[u8]) -> bool {
    parent.strip_prefix(b"/zookeeper").is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// What the digest covers before the stat; the root has no path there.
fn digested<'a>(parent: &'a [u8], name: &'a [u8], data: Option<&'a [u8]>) -> [&'a [u8]; 4] {
    let is_root = parent.is_empty() && name.is_empty();
    [parent, if is_root { b"" } else { b"/" }, name, data.unwrap_or(&[])]
}

/// Short runs one by one cost several times as much as one of them all: the machine's instructions
/// for a CRC begin to pay at some hundred bytes.
fn update_all<const N: usize>(crc: &mut crc32fast::Hasher, parts: [&[u8]; N]) {
    let mut together = [0; 512];
    if parts.iter().map(|part| part.len()).sum::<usize>() > together.len() {
        return parts.iter().for_each(|part| crc.update(part));
    }
    let mut len = 0;
    for part in parts {
        together[len..len + part.len()].copy_from_slice(part);
        len += part.len();
    }
    crc.update(&together[..len]);
}

fn apache_with(mut crc: crc32fast::Hasher, stat: &StatPersisted) -> u64 {
    crc.update(&stat_bytes(stat));
    u64::from(crc.finalize())
}

/// The 60 bytes of a stat that ZooKeeper's digest covers, in its order.
fn stat_bytes(stat: &StatPersisted) -> [u8; 60] {
    let mut bytes = [0; 60];
    for (i, long) in [stat.czxid, stat.mzxid, stat.pzxid, stat.ctime, stat.mtime].into_iter().enumerate() {
        bytes[8 * i..8 * i + 8].copy_from_slice(&long.to_be_bytes());
    }
    for (i, int) in [stat.version, stat.cversion, stat.aversion].into_iter().enumerate() {
        bytes[40 + 4 * i..44 + 4 * i].copy_from_slice(&int.to_be_bytes());
    }
    bytes[52..].copy_from_slice(&stat.ephemeral_owner.to_be_bytes());
    bytes
}

fn state_prefix(parent: &[u8], name: &[u8], data: Option<&[u8]>, acl: &AclList) -> Mix {
    let mut mix = Mix(0x5a4e_4f44_4500_0001);
    mix.bytes(parent);
    mix.bytes(name);
    mix.word(u64::from(data.is_some()));
    mix.bytes(data.unwrap_or(&[]));
    mix.bytes(acl.as_bytes());
    mix
}

fn state_with(mut mix: Mix, stat: &StatPersisted) -> u64 {
    for long in [stat.czxid, stat.mzxid, stat.pzxid, stat.ctime, stat.mtime, stat.ephemeral_owner] {
        mix.word(long as u64);
    }
    mix.word(u64::from(stat.version as u32) << 32 | u64::from(stat.cversion as u32));
    mix.word(u64::from(stat.aversion as u32));
    mix.finish()
}

/// One session's part of the state digest.
pub(super) fn session_part(session: SessionId, timeout_ms: i32) -> u64 {
    let mut mix = Mix(0x5a53_4553_5300_0001);
    mix.word(session.0 as u64);
    mix.word(u64::from(timeout_ms as u32));
    mix.finish()
}

/// A hasher of our own, equal on every machine: each word is multiplied into 128 bits and folded.
#[derive(Clone, Copy)]
struct Mix(u64);

impl Mix {
    fn word(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * 0x9e37_79b9_7f4a_7c15;
        self.0 = ((product >> 64) as u64 ^ product as u64).wrapping_add(0xd6e8_feb8_6659_fd93);
    }

    /// The length first, so that neighbouring strings cannot trade bytes.
    fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.word(u64::from_le_bytes(word.try_into().expect("a chunk of eight bytes")));
        }
        let rest = words.remainder();
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(last));
        }
    }

    fn finish(mut self) -> u64 {
        self.word(0);
        self.0 ^= self.0 >> 32;
        self.0.wrapping_mul(0xff51_afd7_ed55_8ccd)
    }
}

impl Hash for Digests {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.state);
    }
}

#[cfg(test)]
mod tests {
    use super::super::stat::ZERO;
    use super::*;

    #[test]
    fn the_znodes_of_an_empty_tree_have_apaches_digests() {
        assert_eq!(node_digest(b"/", Some(b""), &ZERO), 68_323_592);
        assert_eq!(node_digest(b"", None, &ZERO), 68_323_592);
        assert_eq!(node_digest(b"/zookeeper", Some(b""), &ZERO), 1_303_661_912);
        assert_eq!(node_digest(b"/zookeeper/quota", Some(b""), &ZERO), 0);
        assert_ne!(node_digest(b"/zookeepers/quota", Some(b""), &ZERO), 0);
    }

    #[test]
    fn apaches_digest_is_one_crc_of_path_data_and_stat_however_long_they_are() {
        let stat = StatPersisted { czxid: 7, mtime: -1, ephemeral_owner: 9, ..ZERO };
        for len in [0, 1, 100, 440, 441, 445, 446, 600, 4000] {
            let data = alloc::vec![b'x'; len];
            let whole = [b"/a/b", &data[..], &stat_bytes(&stat)].concat();
            let expected = u64::from(crc32fast::hash(&whole));
            assert_eq!(node_digest(b"/a/b", Some(&data), &stat), expected, "{len} bytes");
            let acl = AclList::open();
            assert_eq!(Prefix::new((b"/a", b"b"), Some(&data), &acl).with(&stat).apache, expected, "{len} bytes");
            assert_eq!(parts((b"/a", b"b"), Some(&data), &acl, &stat).apache, expected, "{len} bytes");
        }
    }

    #[test]
    fn the_state_digest_sees_every_field() {
        let base = || StatPersisted { cversion: 1, ..ZERO };
        let of = |name: &[u8], data: Option<&[u8]>, acl: AclList, stat: StatPersisted| {
            parts((b"/a", name), data, &acl, &stat).state
        };
        let one = of(b"b", Some(b"c"), AclList::open(), base());
        let others = [
            of(b"bc", Some(b""), AclList::open(), base()),
            of(b"b", None, AclList::open(), base()),
            of(b"b", Some(b"c"), AclList::new(&[]), base()),
            of(b"b", Some(b"c"), AclList::open(), StatPersisted { czxid: 1, ..base() }),
            of(b"b", Some(b"c"), AclList::open(), StatPersisted { mzxid: 1, ..base() }),
            of(b"b", Some(b"c"), AclList::open(), StatPersisted { pzxid: 1, ..base() }),
            of(b"b", Some(b"c"), AclList::open(), StatPersisted { ctime: 1, ..base() }),
            of(b"b", Some(b"c"), AclList::open(), StatPersisted { mtime: 1, ..base() }),
            of(b"b", Some(b"c"), AclList::open(), StatPersisted { version: 1, ..base() }),
            of(b"b", Some(b"c"), AclList::open(), StatPersisted { cversion: 2, ..base() }),
            of(b"b", Some(b"c"), AclList::open(), StatPersisted { aversion: 1, ..base() }),
            of(b"b", Some(b"c"), AclList::open(), StatPersisted { ephemeral_owner: 1, ..base() }),
        ];
        for (i, other) in others.into_iter().enumerate() {
            assert_ne!(other, one, "variant {i}");
        }
        assert_ne!(of(b"b", None, AclList::open(), base()), of(b"b", Some(b""), AclList::open(), base()));
    }
}
