//! The packed form of one record.
//!
//! ```text
//!   flags u16 │ parent: offset in the page │ name: length, bytes │ meta │ data: length, bytes
//! ```
//!
//! Integers are variable-length, low seven bits first. Most znodes were created and never changed,
//! so a stat is written as its difference from that: the flags say which fields follow. A record
//! ends where its data end.

use crate::tree::acl_table::AclId;
use crate::wire::records::StatPersisted;

/// One znode, without its key. `children` is how many it has; the store does not check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::tree) struct Record<'a> {
    pub meta: Meta,
    pub data: Option<&'a [u8]>,
}

/// What a record holds besides its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::tree) struct Meta {
    pub stat: StatPersisted,
    pub acl: AclId,
    pub children: u32,
}

/// How the data of a record stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Inline,
    /// In an `Arc` of its own; the record holds its number in the page.
    Large,
}

impl Kind {
    pub(super) fn of(data: Option<&[u8]>, large: usize) -> Kind {
        match data {
            None => Kind::Null,
            Some(data) if data.len() <= large => Kind::Inline,
            Some(_) => Kind::Large,
        }
    }

    pub(super) fn from_flags(flags: u16) -> Kind {
        match flags & 3 {
            0 => Kind::Null,
            1 => Kind::Inline,
            _ => Kind::Large,
        }
    }
}

/// The optional fields, in the order in which they stand.
const ACL: u16 = 1 << 2;
const MZXID: u16 = 1 << 3;
const PZXID: u16 = 1 << 4;
const MTIME: u16 = 1 << 5;
const VERSION: u16 = 1 << 6;
const CVERSION: u16 = 1 << 7;
const AVERSION: u16 = 1 << 8;
const OWNER: u16 = 1 << 9;
const CHILDREN: u16 = 1 << 10;

/// An encoded [`Meta`]: its flags (without the kind of the data) and its bytes.
pub(super) struct PackedMeta {
    pub flags: u16,
    bytes: [u8; PackedMeta::MAX],
    len: usize,
}

impl PackedMeta {
    /// Two 32-bit counts of up to five bytes, eight integers of up to ten and one of eight.
    const MAX: usize = 2 * 5 + 8 * 10 + 8;

    pub(super) fn of(meta: &Meta) -> PackedMeta {
        let stat = &meta.stat;
        let mut packed = PackedMeta { flags: 0, bytes: [0; PackedMeta::MAX], len: 0 };
        packed.push(stat.czxid as u64);
        packed.push(stat.ctime as u64);
        packed.push_if(ACL, u64::from(meta.acl.0));
        packed.push_if(MZXID, zigzag(stat.mzxid.wrapping_sub(stat.czxid)));
        packed.push_if(PZXID, zigzag(stat.pzxid.wrapping_sub(stat.czxid)));
        packed.push_if(MTIME, zigzag(stat.mtime.wrapping_sub(stat.ctime)));
        packed.push_if(VERSION, zigzag(i64::from(stat.version)));
        packed.push_if(CVERSION, zigzag(i64::from(stat.cversion)));
        packed.push_if(AVERSION, zigzag(i64::from(stat.aversion)));
        if stat.ephemeral_owner != 0 {
            packed.flags |= OWNER;
            packed.bytes[packed.len..packed.len + 8].copy_from_slice(&stat.ephemeral_owner.to_le_bytes());
            packed.len += 8;
        }
        packed.push_if(CHILDREN, u64::from(meta.children));
        packed
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push_if(&mut self, flag: u16, value: u64) {
        if value != 0 {
            self.flags |= flag;
            self.push(value);
        }
    }

    fn push(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes[self.len] = value as u8 | 0x80;
            self.len += 1;
            value >>= 7;
        }
        self.bytes[self.len] = value as u8;
        self.len += 1;
    }
}

/// Reads the meta that stands at `at`, and moves `at` behind it.
pub(super) fn read_meta(bytes: &[u8], at: &mut usize, flags: u16) -> Meta {
    let czxid = read_varint(bytes, at) as i64;
    let ctime = read_varint(bytes, at) as i64;
    let mut field = |flag: u16| if flags & flag != 0 { read_varint(bytes, at) } else { 0 };
    let acl = AclId(field(ACL) as u32);
    let mzxid = czxid.wrapping_add(unzigzag(field(MZXID)));
    let pzxid = czxid.wrapping_add(unzigzag(field(PZXID)));
    let mtime = ctime.wrapping_add(unzigzag(field(MTIME)));
    let version = unzigzag(field(VERSION)) as i32;
    let cversion = unzigzag(field(CVERSION)) as i32;
    let aversion = unzigzag(field(AVERSION)) as i32;
    let mut ephemeral_owner = 0;
    if flags & OWNER != 0 {
        let owner = bytes[*at..*at + 8].try_into().expect("eight bytes");
        ephemeral_owner = i64::from_le_bytes(owner);
        *at += 8;
    }
    let children = if flags & CHILDREN != 0 { read_varint(bytes, at) as u32 } else { 0 };
    let stat = StatPersisted { czxid, mzxid, ctime, mtime, version, cversion, aversion, ephemeral_owner, pzxid };
    Meta { stat, acl, children }
}

/// Moves `at` behind the meta that stands there.
pub(super) fn skip_meta(bytes: &[u8], at: &mut usize, flags: u16) {
    let before_owner = flags & (ACL | MZXID | PZXID | MTIME | VERSION | CVERSION | AVERSION);
    skip_varints(bytes, at, 2 + before_owner.count_ones());
    if flags & OWNER != 0 {
        *at += 8;
    }
    skip_varints(bytes, at, u32::from(flags & CHILDREN != 0));
}

#[inline]
pub(super) fn read_varint(bytes: &[u8], at: &mut usize) -> u64 {
    let first = bytes[*at];
    if first < 0x80 {
        *at += 1;
        return u64::from(first);
    }
    read_long_varint(bytes, at)
}

/// The last byte of each integer is below 0x80: these bits of a word tell where they end.
const ENDS: u64 = 0x8080_8080_8080_8080;

/// Eight bytes at once where there are as many: stats are decoded several times for each write.
fn read_long_varint(bytes: &[u8], at: &mut usize) -> u64 {
    let word = word_at(bytes, *at).unwrap_or(!0);
    let ends = !word & ENDS;
    if ends == 0 {
        return read_varint_by_bytes(bytes, at);
    }
    *at += ends.trailing_zeros() as usize / 8 + 1;
    let ours = word & (ends ^ (ends - 1)) & !ENDS;
    let pairs = ours & 0x007f_007f_007f_007f | (ours & 0x7f00_7f00_7f00_7f00) >> 1;
    let fours = pairs & 0x0000_3fff_0000_3fff | (pairs & 0x3fff_0000_3fff_0000) >> 2;
    fours & 0x0fff_ffff | (fours & 0x0fff_ffff_0000_0000) >> 4
}

fn read_varint_by_bytes(bytes: &[u8], at: &mut usize) -> u64 {
    let mut value = 0;
    let mut shift = 0;
    loop {
        let byte = bytes[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return value;
        }
        shift += 7;
    }
}

fn skip_varints(bytes: &[u8], at: &mut usize, mut count: u32) {
    while count > 0 {
        let Some(word) = word_at(bytes, *at) else {
            while count > 0 {
                count -= u32::from(bytes[*at] < 0x80);
                *at += 1;
            }
            return;
        };
        let mut ends = !word & ENDS;
        if ends.count_ones() < count {
            count -= ends.count_ones();
            *at += 8;
            continue;
        }
        (1..count).for_each(|_| ends &= ends - 1);
        *at += ends.trailing_zeros() as usize / 8 + 1;
        return;
    }
}

#[inline]
fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*word))
}

pub(super) fn write_varint(mut value: usize, out: &mut alloc::vec::Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Small negative numbers become small numbers too.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
