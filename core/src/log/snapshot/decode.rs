//! Reading a snapshot whose bytes arrive cut anywhere.

use super::{END_PATH, Form, HEADER_BYTES, MAGIC, OPEN_ACL, SIGNATURE, VERSION};
use crate::id::{SessionId, Zxid};
use crate::log::Image;
use crate::tree::{AclList, BuildError, Builder, Database};
use crate::wire::records::StatPersisted;
use crate::wire::{Jute, Malformed, Problem, Reader};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use simd_adler32::Adler32;

/// What a snapshot holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    pub image: Image,
    /// ZooKeeper's digest, with the zxid that it belongs to: later than the image's when a server
    /// went on writing meanwhile (Java's snapshots are fuzzy).
    pub digest: Option<(Zxid, u64)>,
    pub last_processed: Option<Zxid>,
}

/// Why bytes are no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DecodeError {
    /// `at` counts from the start of the snapshot.
    Malformed(Malformed),
    Tree {
        at: u64,
        error: BuildError,
    },
    /// The checksum is not that of the bytes before it.
    Seal {
        at: u64,
        expected: u64,
        found: u64,
    },
    /// The bytes ended too early.
    Unfinished {
        at: u64,
    },
}

impl From<Malformed> for DecodeError {
    fn from(malformed: Malformed) -> Self {
        DecodeError::Malformed(malformed)
    }
}

impl DecodeError {
    /// As the readers of connections tell it.
    pub fn into_malformed(self) -> Malformed {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        match self {
            DecodeError::Malformed(malformed) => malformed,
            DecodeError::Tree { at, error } => {
                let what = match error {
                    BuildError::NoPath(_) => "path of a znode in a SNAP",
                    BuildError::NoParent(_) => "parent of a znode in a SNAP",
                    BuildError::Twice(_) => "znode that a SNAP has twice",
                    BuildError::NoRoot => "root of a SNAP",
                };
                Malformed { what, at: place(at), problem: Problem::Value(0) }
            }
            DecodeError::Seal { at, found, .. } => {
                Malformed { what: "seal", at: place(at), problem: Problem::Value(found as i64) }
            }
            DecodeError::Unfinished { at } => {
                Malformed { what: "SNAP", at: place(at), problem: Problem::Short { needed: 1, left: 0 } }
            }
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Malformed(malformed) => malformed.fmt(f),
            DecodeError::Tree { at, error } => write!(f, "byte {at}: {error}"),
            DecodeError::Seal { at, expected, found } => {
                write!(f, "byte {at}: the checksum says {found:#x}, the bytes before it give {expected:#x}")
            }
            DecodeError::Unfinished { at } => write!(f, "it ends at byte {at}, before it is complete"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// Takes a snapshot's bytes as they come. Holds what is decoded, and the bytes of one item.
///
/// Two decoders are equal if they will behave alike, however their input was cut.
#[derive(Clone)]
pub struct SnapshotDecoder {
    form: Form,
    item_bytes_max: usize,
    stage: Stage,
    /// Bytes that are not yet decoded.
    rest: Vec<u8>,
    /// How many bytes `rest` must have before another try is worth it.
    needed: usize,
    /// How many bytes were decoded.
    at: u64,
    adler: Adler32,
    sessions: BTreeMap<SessionId, i32>,
    acls: BTreeMap<i64, AclList>,
    builder: Builder,
    digest: Option<(Zxid, u64)>,
    last_processed: Option<Zxid>,
}

impl PartialEq for SnapshotDecoder {
    /// Leaves out the checksum and `needed`: they follow from what was decoded, and from `rest`.
    fn eq(&self, other: &Self) -> bool {
        (self.form, self.item_bytes_max, self.stage, self.at)
            == (other.form, other.item_bytes_max, other.stage, other.at)
            && self.rest == other.rest
            && self.sessions == other.sessions
            && self.acls == other.acls
            && self.builder == other.builder
            && (self.digest, self.last_processed) == (other.digest, other.last_processed)
    }
}

impl Eq for SnapshotDecoder {}

impl fmt::Debug for SnapshotDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotDecoder")
            .field("form", &self.form)
            .field("stage", &self.stage)
            .field("at", &self.at)
            .finish()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Header,
    SessionCount,
    Sessions {
        left: u32,
    },
    AclCount,
    Acls {
        left: u32,
    },
    Znodes,
    Signature,
    /// Three seals; the snapshot may end behind each.
    Seal(Section),
    Digest,
    LastProcessed,
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Body,
    Digest,
    LastProcessed,
}

impl SnapshotDecoder {
    /// No item (a znode, a list) is longer than `item_bytes_max`.
    pub fn new(form: Form, item_bytes_max: usize) -> Self {
        SnapshotDecoder {
            form,
            item_bytes_max,
            stage: if form == Form::File { Stage::Header } else { Stage::SessionCount },
            rest: Vec::new(),
            needed: 0,
            at: 0,
            adler: Adler32::new(),
            sessions: BTreeMap::new(),
            acls: BTreeMap::from([(OPEN_ACL, AclList::open())]),
            builder: Builder::new(),
            digest: None,
            last_processed: None,
        }
    }

    /// Whether nothing more belongs to the snapshot.
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Takes bytes; returns how many of them belong to the snapshot: all, until it is done. What
    /// follows a stream belongs to the connection.
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize, DecodeError> {
        if self.rest.is_empty() {
            let used = self.decode(bytes)?;
            if !self.is_done() {
                self.rest.extend_from_slice(&bytes[used..]);
                return Ok(bytes.len());
            }
            return Ok(used);
        }
        let before = self.rest.len();
        self.rest.extend_from_slice(bytes);
        if self.rest.len() < self.needed {
            return Ok(bytes.len());
        }
        let mut all = core::mem::take(&mut self.rest);
        let used = self.decode(&all)?;
        if self.is_done() {
            return Ok(used.saturating_sub(before));
        }
        all.drain(..used);
        self.rest = all;
        Ok(bytes.len())
    }

    /// The snapshot, which is known to be of `zxid`: by the file's name, or by the SNAP packet.
    pub fn finish(self, zxid: Zxid) -> Result<Decoded, DecodeError> {
        let unfinished = DecodeError::Unfinished { at: self.at + self.rest.len() as u64 };
        match self.stage {
            // Older servers end their files behind an earlier seal.
            Stage::Digest | Stage::LastProcessed if self.rest.is_empty() => {}
            Stage::Done => {}
            Stage::Header
            | Stage::SessionCount
            | Stage::Sessions { .. }
            | Stage::AclCount
            | Stage::Acls { .. }
            | Stage::Znodes
            | Stage::Signature
            | Stage::Seal(_)
            | Stage::Digest
            | Stage::LastProcessed => return Err(unfinished),
        }
        let at = self.at;
        let tree = self.builder.finish().map_err(|error| DecodeError::Tree { at, error })?;
        let image = Arc::new(Database::from_parts(tree, self.sessions, zxid));
        Ok(Decoded { image, digest: self.digest, last_processed: self.last_processed })
    }

    /// Decodes whole items; returns how many bytes they had.
    fn decode(&mut self, bytes: &[u8]) -> Result<usize, DecodeError> {
        let mut used = 0;
        while !self.is_done() {
            let mut r = Reader::new(&bytes[used..]);
            match self.item(&mut r) {
                Ok(stage) => {
                    let taken = r.at();
                    if !matches!(self.stage, Stage::Seal(_)) {
                        self.adler.write(&bytes[used..used + taken]);
                    }
                    self.stage = stage;
                    used += taken;
                    self.at += taken as u64;
                }
                Err(DecodeError::Malformed(Malformed { problem: Problem::Short { needed, left }, what, at })) => {
                    let have = bytes.len() - used;
                    self.needed = have.saturating_add(needed.saturating_sub(left));
                    if self.needed > self.item_bytes_max {
                        let at = at.saturating_add(self.at as usize);
                        return Err(Malformed { what, at, problem: Problem::Length(needed as i64) }.into());
                    }
                    break;
                }
                Err(DecodeError::Malformed(m)) => {
                    return Err(Malformed { at: m.at.saturating_add(self.at as usize), ..m }.into());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(used)
    }

    /// Decodes one item and changes nothing if it is not complete; returns the next stage.
    fn item(&mut self, r: &mut Reader<'_>) -> Result<Stage, DecodeError> {
        Ok(match self.stage {
            Stage::Header => {
                let header = r.take(HEADER_BYTES, "snapshot header")?;
                if header[..4] != MAGIC.to_be_bytes() || header[4..8] != VERSION.to_be_bytes() {
                    let magic = u32::from_be_bytes(header[..4].try_into().expect("four bytes"));
                    return Err(Malformed {
                        what: "snapshot header",
                        at: 0,
                        problem: Problem::Value(i64::from(magic)),
                    }
                    .into());
                }
                Stage::SessionCount
            }
            Stage::SessionCount => sessions_left(count(r, "session count")?),
            Stage::Sessions { left } => {
                let (session, timeout_ms) = (i64::decode(r)?, i32::decode(r)?);
                self.sessions.insert(SessionId(session), timeout_ms);
                sessions_left(left - 1)
            }
            Stage::AclCount => acls_left(count(r, "ACL count")?),
            Stage::Acls { left } => {
                let id = i64::decode(r)?;
                let list = AclList::decode(r)?;
                if id != OPEN_ACL {
                    self.acls.insert(id, list);
                }
                acls_left(left - 1)
            }
            Stage::Znodes => self.znode(r)?,
            Stage::Signature => {
                expect_string(r, SIGNATURE, "signature")?;
                Stage::Done
            }
            Stage::Seal(section) => self.seal(r, section)?,
            Stage::Digest => {
                let (zxid, version, digest) = (i64::decode(r)?, i32::decode(r)?, i64::decode(r)?);
                // A server that computed none yet writes zxid 0.
                if version == super::DIGEST_VERSION && zxid != 0 {
                    self.digest = Some((Zxid::from_wire(zxid), digest as u64));
                }
                Stage::Seal(Section::Digest)
            }
            Stage::LastProcessed => {
                self.last_processed = Some(Zxid::from_wire(i64::decode(r)?));
                Stage::Seal(Section::LastProcessed)
            }
            Stage::Done => Stage::Done,
        })
    }

    fn znode(&mut self, r: &mut Reader<'_>) -> Result<Stage, DecodeError> {
        let start = r.clone();
        let path = <&[u8]>::decode(r)?;
        if path == END_PATH {
            return Ok(match self.form {
                Form::File => Stage::Seal(Section::Body),
                Form::Stream => Stage::Signature,
            });
        }
        let data = <Option<&[u8]>>::decode(r)?;
        let acl = i64::decode(r)?;
        let stat = StatPersisted::decode(r)?;
        let Some(list) = self.acls.get(&acl) else {
            return Err(start.malformed("ACL id of a znode", Problem::Value(acl)).into());
        };
        let at = self.at;
        self.builder.push(path, data, list, stat).map_err(|error| DecodeError::Tree { at, error })?;
        Ok(Stage::Znodes)
    }

    fn seal(&mut self, r: &mut Reader<'_>, section: Section) -> Result<Stage, DecodeError> {
        let start = r.clone();
        let found = i64::decode(r)? as u64;
        expect_string(r, END_PATH, "seal")?;
        let expected = u64::from(self.adler.finish());
        if found != expected {
            return Err(DecodeError::Seal { at: self.at, expected, found });
        }
        self.adler.write(&start.rest()[..r.at() - start.at()]);
        Ok(match section {
            Section::Body => Stage::Digest,
            Section::Digest => Stage::LastProcessed,
            Section::LastProcessed => Stage::Done,
        })
    }
}

/// Decodes a whole snapshot from memory. For tests and fuzzing; files are read by pieces.
pub fn decode_snapshot(bytes: &[u8], form: Form, zxid: Zxid) -> Result<Decoded, DecodeError> {
    let mut decoder = SnapshotDecoder::new(form, usize::MAX);
    decoder.push(bytes)?;
    decoder.finish(zxid)
}

fn count(r: &mut Reader<'_>, what: &'static str) -> Result<u32, Malformed> {
    let start = r.clone();
    let n = i32::decode(r)?;
    u32::try_from(n).map_err(|_| start.malformed(what, Problem::Length(i64::from(n))))
}

fn sessions_left(left: u32) -> Stage {
    if left == 0 { Stage::AclCount } else { Stage::Sessions { left } }
}

fn acls_left(left: u32) -> Stage {
    if left == 0 { Stage::Znodes } else { Stage::Acls { left } }
}

fn expect_string(r: &mut Reader<'_>, expected: &[u8], what: &'static str) -> Result<(), Malformed> {
    let start = r.clone();
    let found = <&[u8]>::decode(r)?;
    if found == expected { Ok(()) } else { Err(start.malformed(what, Problem::Length(found.len() as i64))) }
}
