//! The transaction log's format (reference/zookeeper.md section 4.2), and the marks that tell a torn
//! tail from rot (contract section 3).
//!
//! ```text
//!  0         16                       end of data              length − 4112      length − 16
//!  │ header  │ record │ record │ …    │ zeros …                │ mark │ zeros …   │ mark │
//!
//!  record = Adler32 (8 bytes) │ length (4) │ TxnHeader, body, digest │ 0x42
//!  mark   = offset (8 bytes)  │ checksum (8): the batch that starts at this offset is being written
//! ```
//!
//! A length of zero ends the data of a file, so Java never sees a mark. There are two slots, in
//! different disk blocks, written by turns: a mark that is torn leaves the one before it whole.

use super::vfs::{FileId, Vfs, VfsError};
use crate::id::Zxid;
use crate::wire::txn::TxnHeader;
use crate::wire::{Jute, Op, Reader};
use alloc::vec::Vec;

/// `ZKLG`
const MAGIC: u32 = 0x5a4b_4c47;
const VERSION: u32 = 2;
/// Where the first record of a file starts.
pub const HEADER_BYTES: u64 = 16;
const RECORD_HEADER: usize = 12;
const END_BYTE: u8 = 0x42;
/// What a record takes beside its bytes.
pub const RECORD_OVERHEAD: u64 = RECORD_HEADER as u64 + 1;
/// `TxnHeader`: no transaction is shorter.
const TXN_HEADER: usize = 32;
pub const MARK_BYTES: usize = 16;
/// Distance of the two mark slots: one disk block.
const SLOT_DISTANCE: u64 = 4096;
/// What a file needs behind its data: a record header of zeros, and the mark slots.
pub const TAIL_BYTES: u64 = RECORD_HEADER as u64 + SLOT_DISTANCE + MARK_BYTES as u64;

pub fn encode_header() -> [u8; HEADER_BYTES as usize] {
    let mut header = [0; HEADER_BYTES as usize];
    header[..4].copy_from_slice(&MAGIC.to_be_bytes());
    header[4..8].copy_from_slice(&VERSION.to_be_bytes());
    header
}

/// Whether these bytes begin a log. The database id is not looked at, as in Java.
pub fn is_header(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER_BYTES as usize && bytes[..4] == MAGIC.to_be_bytes() && bytes[4..8] == VERSION.to_be_bytes()
}

pub fn adler32(bytes: &[u8]) -> u32 {
    let mut adler = simd_adler32::Adler32::new();
    adler.write(bytes);
    adler.finish()
}

/// Appends a transaction as it stands in a log.
pub fn encode_record(transaction: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(transaction.len()).expect("a transaction is bounded by Limits");
    assert!(transaction.len() >= TXN_HEADER, "a transaction starts with its header");
    out.extend_from_slice(&u64::from(adler32(transaction)).to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(transaction);
    out.push(END_BYTE);
}

/// The zxid in a transaction's header.
pub fn zxid_of(transaction: &[u8]) -> Option<Zxid> {
    let bytes: [u8; 8] = transaction.get(12..20)?.try_into().ok()?;
    (transaction.len() >= TXN_HEADER).then_some(Zxid(u64::from_be_bytes(bytes)))
}

/// Where the mark slots of a file of this length are. Shorter files have none.
pub fn slots(file_len: u64) -> Option<[u64; 2]> {
    (file_len >= HEADER_BYTES + TAIL_BYTES)
        .then(|| [file_len - MARK_BYTES as u64, file_len - MARK_BYTES as u64 - SLOT_DISTANCE])
}

pub fn encode_mark(offset: u64) -> [u8; MARK_BYTES] {
    let mut mark = [0; MARK_BYTES];
    mark[..8].copy_from_slice(&offset.to_be_bytes());
    mark[8..].copy_from_slice(&mark_sum(offset).to_be_bytes());
    mark
}

/// The offset that a mark names, if it is one.
pub fn decode_mark(mark: &[u8]) -> Option<u64> {
    let offset = u64::from_be_bytes(mark.get(..8)?.try_into().ok()?);
    let sum = u64::from_be_bytes(mark.get(8..16)?.try_into().ok()?);
    (sum == mark_sum(offset)).then_some(offset)
}

fn mark_sum(offset: u64) -> u64 {
    let half = |salt: &[u8]| {
        let mut crc = crc32fast::Hasher::new();
        crc.update(salt);
        crc.update(&offset.to_be_bytes());
        u64::from(crc.finalize())
    };
    half(b"batch") << 32 | half(b"start")
}

/// Something that a log can be read from, by offset.
pub trait Source {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, VfsError>;
}

impl Source for &[u8] {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, VfsError> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or(&[]);
        let n = rest.len().min(into.len());
        into[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}

/// A file of a [`Vfs`].
pub struct FileSource<'a, V> {
    pub vfs: &'a mut V,
    pub file: FileId,
}

impl<V: Vfs> Source for FileSource<'_, V> {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, VfsError> {
        self.vfs.read_at(self.file, offset, into)
    }
}

/// What stands at an offset of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// An intact record.
    Record {
        zxid: Zxid,
        at: u64,
        bytes: &'a [u8],
    },
    /// The data ends here: a length of zero, or the end of the file.
    End {
        at: u64,
    },
    Damage {
        at: u64,
        what: Damage,
    },
}

/// How a record is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Damage {
    /// The file does not begin as a log.
    Header,
    /// A length that no record has.
    Length,
    /// The file ends within the record.
    Short,
    Checksum,
    EndByte,
    /// Too short for a transaction's header.
    Transaction,
}

impl Damage {
    pub fn expected(self) -> &'static str {
        match self {
            Damage::Header => "the header of a transaction log",
            Damage::Length => "the length of a record",
            Damage::Short => "a record before the end of the file",
            Damage::Checksum => "a record with its checksum",
            Damage::EndByte => "a record with its end byte",
            Damage::Transaction => "a transaction's header",
        }
    }
}

/// Reads a log record by record, in bounded memory: the longest record and one chunk.
pub struct Scanner<S> {
    source: S,
    /// The file's bytes from `start` on.
    window: Vec<u8>,
    start: u64,
    at: u64,
    record_bytes_max: u32,
}

const CHUNK: usize = 64 * 1024;

impl<S: Source> Scanner<S> {
    /// Starts at the first record. Check the header with [`Scanner::header`].
    pub fn new(source: S, record_bytes_max: u32) -> Self {
        Scanner { source, window: Vec::new(), start: 0, at: HEADER_BYTES, record_bytes_max }
    }

    pub fn seek(&mut self, at: u64) {
        self.at = at;
    }

    /// Whether the file begins as a log does.
    pub fn header(&mut self) -> Result<bool, VfsError> {
        self.fill(0, HEADER_BYTES as usize).map(is_header)
    }

    /// The item at the cursor; the cursor moves behind a record, and stays at anything else.
    pub fn read_item(&mut self) -> Result<Item<'_>, VfsError> {
        let at = self.at;
        let max = self.record_bytes_max;
        let head = self.fill(at, RECORD_HEADER)?;
        if head.len() < RECORD_HEADER {
            let item = if head.iter().all(|b| *b == 0) { Item::End { at } } else { damage(at, Damage::Short) };
            return Ok(item);
        }
        let sum = u64::from_be_bytes(head[..8].try_into().expect("eight bytes"));
        let length = u32::from_be_bytes(head[8..].try_into().expect("four bytes"));
        match (length, sum) {
            (0, 0) => return Ok(Item::End { at }),
            (0, _) => return Ok(damage(at, Damage::Length)),
            (length, _) if length > max => return Ok(damage(at, Damage::Length)),
            _ => {}
        }
        let whole = RECORD_HEADER + length as usize + 1;
        let bytes = self.fill(at, whole)?;
        if bytes.len() < whole {
            return Ok(damage(at, Damage::Short));
        }
        let transaction = &bytes[RECORD_HEADER..whole - 1];
        if bytes[whole - 1] != END_BYTE {
            return Ok(damage(at, Damage::EndByte));
        }
        if u64::from(adler32(transaction)) != sum {
            return Ok(damage(at, Damage::Checksum));
        }
        if zxid_of(transaction).is_none() {
            return Ok(damage(at, Damage::Transaction));
        }
        self.at = at + whole as u64;
        let offset = (at - self.start) as usize;
        let transaction = &self.window[offset + RECORD_HEADER..offset + whole - 1];
        Ok(Item::Record { zxid: zxid_of(transaction).expect("just read"), at, bytes: transaction })
    }

    /// Whether an intact record starts anywhere behind `from`: damage before it is then no torn
    /// tail. Reads up to the end of the file; zeros cost little.
    pub fn record_follows(&mut self, from: u64) -> Result<bool, VfsError> {
        let mut at = from;
        loop {
            let head = self.fill(at, RECORD_HEADER)?;
            if head.len() < RECORD_HEADER {
                return Ok(false);
            }
            // A checksum of 32 bits and a plausible length: nearly every other offset fails here.
            let length = u32::from_be_bytes(head[8..12].try_into().expect("four bytes"));
            let plausible = head[..4] == [0; 4] && length as usize >= TXN_HEADER && length <= self.record_bytes_max;
            if plausible {
                let before = self.at;
                self.at = at;
                let found = matches!(self.read_item()?, Item::Record { .. });
                self.at = before;
                if found {
                    return Ok(true);
                }
            }
            at += 1;
        }
    }

    /// Up to `n` bytes of the file at `at`; fewer only at its end.
    fn fill(&mut self, at: u64, n: usize) -> Result<&[u8], VfsError> {
        let kept = at.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        let whole = kept.is_some_and(|skip| skip + n <= self.window.len());
        if !whole {
            match kept {
                Some(skip) if skip <= self.window.len() => {
                    self.window.drain(..skip);
                }
                _ => self.window.clear(),
            }
            self.start = at;
            // The file is read chunk by chunk, so a length that lies costs no more than the file has.
            while self.window.len() < n {
                let had = self.window.len();
                self.window.resize(had + CHUNK, 0);
                let got = self.source.read_at(self.start + had as u64, &mut self.window[had..])?;
                self.window.truncate(had + got);
                if got == 0 {
                    break;
                }
            }
        }
        let skip = (at - self.start) as usize;
        Ok(&self.window[skip..self.window.len().min(skip + n)])
    }
}

fn damage(at: u64, what: Damage) -> Item<'static> {
    Item::Damage { at, what }
}

/// Reads a whole log from memory: the records before the first thing that is none. For tests and
/// fuzzing; files are read by [`Scanner`].
#[expect(clippy::type_complexity, reason = "records, where they end, and what ends them")]
pub fn decode_log(bytes: &[u8]) -> (Vec<(Zxid, Vec<u8>)>, u64, Option<Damage>) {
    let mut scanner = Scanner::new(bytes, u32::MAX / 4);
    let mut records = Vec::new();
    if !scanner.header().expect("memory does not fail") {
        return (records, 0, Some(Damage::Header));
    }
    loop {
        match scanner.read_item().expect("memory does not fail") {
            Item::Record { zxid, bytes, .. } => records.push((zxid, bytes.to_vec())),
            Item::End { at } => return (records, at, None),
            Item::Damage { at, what } => return (records, at, Some(what)),
        }
    }
}

/// Whether a record only repeats the zxid of the one before it: Apache 3.9 logs an error so for a
/// write that it cannot read (docs/differences.md). It changes nothing and is passed over.
pub fn repeats(before: Option<Zxid>, zxid: Zxid, bytes: &[u8]) -> bool {
    let is_error = || TxnHeader::decode(&mut Reader::new(bytes)).is_ok_and(|header| header.op == Op::ERROR);
    before == Some(zxid) && is_error()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A transaction with this zxid and some more bytes.
    fn transaction(zxid: u64, more: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::from([0; 12]);
        bytes.extend_from_slice(&zxid.to_be_bytes());
        bytes.extend_from_slice(&[0; 12]);
        bytes.extend_from_slice(more);
        bytes
    }

    fn log(transactions: &[Vec<u8>]) -> Vec<u8> {
        let mut out = encode_header().to_vec();
        for transaction in transactions {
            encode_record(transaction, &mut out);
        }
        out
    }

    #[test]
    fn a_record_is_checksum_length_bytes_and_b() {
        let mut out = Vec::new();
        encode_record(&transaction(0x1_0000_0001, b"x"), &mut out);
        assert_eq!(out.len(), 8 + 4 + 33 + 1);
        assert_eq!(out[8..12], [0, 0, 0, 33]);
        assert_eq!(*out.last().unwrap(), 0x42);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }

    #[test]
    fn padding_and_the_end_of_the_file_end_a_log_alike() {
        let bytes = log(&[transaction(1, b"a"), transaction(2, b"")]);
        let (records, end, damage) = decode_log(&bytes);
        assert_eq!((records.len(), end, damage), (2, bytes.len() as u64, None));
        let mut padded = bytes.clone();
        padded.resize(bytes.len() + 5, 0);
        assert_eq!(decode_log(&padded), decode_log(&bytes));
        padded.resize(bytes.len() + 5000, 0);
        assert_eq!(decode_log(&padded), decode_log(&bytes));
    }

    #[test]
    fn each_kind_of_damage_is_told_apart_and_placed() {
        let bytes = log(&[transaction(1, b"a"), transaction(2, b"bb")]);
        let second = 16 + 13 + 33;
        let hurt = |at: usize, to: u8| {
            let mut bytes = bytes.clone();
            bytes[at] = to;
            let (records, at, damage) = decode_log(&bytes);
            (records.len(), at, damage)
        };
        assert_eq!(hurt(0, b'X'), (0, 0, Some(Damage::Header)));
        assert_eq!(hurt(second + 20, 9), (1, second as u64, Some(Damage::Checksum)));
        assert_eq!(hurt(bytes.len() - 1, 9), (1, second as u64, Some(Damage::EndByte)));
        assert_eq!(hurt(second + 8, 0x7f), (1, second as u64, Some(Damage::Length)));
        assert_eq!(hurt(second + 11, 35), (1, second as u64, Some(Damage::Short)));
        let (records, at, damage) = decode_log(&bytes[..bytes.len() - 10]);
        assert_eq!((records.len(), at, damage), (1, second as u64, Some(Damage::Short)));
    }

    #[test]
    fn an_intact_record_behind_damage_is_found_even_when_the_damaged_length_lies() {
        let mut bytes = log(&[transaction(1, b"a"), transaction(2, b"bb")]);
        bytes[16 + 8] = 0x10;
        let mut scanner = Scanner::new(&bytes[..], 1 << 26);
        assert!(scanner.record_follows(17).unwrap());
        bytes.truncate(bytes.len() - 1);
        let mut scanner = Scanner::new(&bytes[..], 1 << 26);
        assert!(!scanner.record_follows(17).unwrap());
    }

    #[test]
    fn a_mark_names_its_offset_and_zeros_are_no_mark() {
        assert_eq!(decode_mark(&encode_mark(16)), Some(16));
        assert_eq!(decode_mark(&[0; 16]), None);
        let mut torn = encode_mark(4711);
        torn[8..].copy_from_slice(&encode_mark(16)[8..]);
        assert_eq!(decode_mark(&torn), None);
        assert_eq!(slots(8192), Some([8176, 4080]));
        assert_eq!(slots(4096), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), valid in any::<bool>()) {
            let mut log = if valid { encode_header().to_vec() } else { Vec::new() };
            log.extend_from_slice(&bytes);
            decode_log(&log);
            Scanner::new(&log[..], 1 << 20).record_follows(0).unwrap();
        }

        #[test]
        fn what_was_written_is_read(lengths in proptest::collection::vec(0usize..100_000, 0..6)) {
            let transactions: Vec<_> =
                lengths.iter().enumerate().map(|(i, n)| transaction(i as u64, &alloc::vec![i as u8; *n])).collect();
            let (records, _, damage) = decode_log(&log(&transactions));
            prop_assert_eq!(damage, None);
            prop_assert_eq!(records.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>(), transactions);
        }
    }
}
