//! The snapshot's format: files (reference/zookeeper.md section 4.3) and the stream that follows a
//! SNAP packet (section 3.6).
//!
//! ```text
//!  file   = header │ body │ seal │ digest │ seal │ last processed zxid │ seal
//!  stream =          body │ "BenWasHere"
//!  body   = sessions │ ACL lists │ znodes, parents first │ the path "/"
//!  seal   = Adler32 of everything before it │ "/"
//! ```
//!
//! Sections behind the first seal may be absent: older servers do not write them. Writing goes piece
//! by piece over an image in key order; reading takes bytes cut anywhere. Neither holds more than a
//! piece, or one znode, beside the tree itself.

mod decode;
mod encode;

pub use decode::{DecodeError, Decoded, SnapshotDecoder, decode_snapshot};
pub use encode::SnapshotEncoder;

use alloc::vec::Vec;

/// `ZKSN`
const MAGIC: u32 = 0x5a4b_534e;
const VERSION: u32 = 2;
const DB_ID: i64 = -1;
const HEADER_BYTES: usize = 16;
/// The version of ZooKeeper's digest (section 2.9).
pub const DIGEST_VERSION: i32 = 2;
/// ACL id of the null list.
const OPEN_ACL: i64 = -1;
const END_PATH: &[u8] = b"/";
const SIGNATURE: &[u8] = b"BenWasHere";
/// Every whole, uncompressed snapshot ends with the string "/": a cheap test before reading it all.
pub const LAST_BYTES: [u8; 5] = [0, 0, 0, 1, b'/'];

/// Where a snapshot's body stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    File,
    Stream,
}

fn header() -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(&MAGIC.to_be_bytes());
    header.extend_from_slice(&VERSION.to_be_bytes());
    header.extend_from_slice(&DB_ID.to_be_bytes());
    header
}

#[cfg(test)]
mod tests;
