//! The committed log of a history: transactions read from a server's records.

use super::Text;
use serde::{Deserialize, Serialize};
use std::fmt;
use zabra_core::log::Record;
use zabra_core::wire::txn::{
    CloseSessionTxn, CreateContainerTxn, CreateSessionTxn, CreateTtlTxn, CreateTxn, DeleteTxn, ErrorTxn, MultiTxn,
    SetAclTxn, SetDataTxn, Txn as Part, TxnDigest, TxnHeader,
};
use zabra_core::wire::{Jute, Malformed, Op, Reader};

/// One committed transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Txn {
    pub zxid: u64,
    pub session: i64,
    /// The xid of the request that it came of; 0 for what servers do on their own.
    pub cxid: i32,
    pub time: i64,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    Create {
        path: Text,
        data: Option<Text>,
        ephemeral: bool,
        parent_cversion: i32,
    },
    Delete {
        path: Text,
    },
    SetData {
        path: Text,
        data: Option<Text>,
        version: i32,
    },
    CreateSession {
        timeout_ms: i32,
    },
    /// `paths` is sorted.
    CloseSession {
        paths: Vec<Text>,
    },
    /// `aversion` is the one after it. What the list says is not judged.
    SetAcl {
        path: Text,
        aversion: i32,
    },
    /// All of them, or, if one is an error, none.
    Multi {
        parts: Vec<Body>,
    },
    /// A write that failed its checks.
    Error {
        code: i32,
    },
    /// A type that the judge does not know.
    Other {
        op: i32,
    },
}

/// A record of the log that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnreadableRecord {
    pub zxid: u64,
    pub why: Malformed,
}

impl fmt::Display for UnreadableRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the record {}.{} cannot be read: {}", self.zxid >> 32, self.zxid as u32, self.why)
    }
}

impl std::error::Error for UnreadableRecord {}

/// Reads a server's records, oldest first.
pub fn read_log<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<Vec<Txn>, UnreadableRecord> {
    records
        .into_iter()
        .map(|record| Txn::read(&record.bytes).map_err(|why| UnreadableRecord { zxid: record.zxid.0, why }))
        .collect()
}

impl Txn {
    /// Reads `TxnHeader`, the body of its type, and the digest that may follow.
    pub fn read(bytes: &[u8]) -> Result<Txn, Malformed> {
        let mut r = Reader::new(bytes);
        let header = TxnHeader::decode(&mut r)?;
        let body = Body::read(header.op, &mut r)?;
        if !matches!(body, Body::Other { .. }) && r.left() > 0 {
            TxnDigest::decode(&mut r)?;
            r.end("transaction")?;
        }
        Ok(Txn { zxid: header.zxid as u64, session: header.session, cxid: header.cxid, time: header.time, body })
    }
}

impl Body {
    /// What it changes: itself, or a multi's operations if none of them is an error.
    pub fn changes(&self) -> &[Body] {
        match self {
            Body::Multi { parts } if parts.iter().any(|part| matches!(part, Body::Error { .. })) => &[],
            Body::Multi { parts } => parts,
            Body::Create { .. }
            | Body::Delete { .. }
            | Body::SetData { .. }
            | Body::SetAcl { .. }
            | Body::CreateSession { .. }
            | Body::CloseSession { .. }
            | Body::Error { .. }
            | Body::Other { .. } => std::slice::from_ref(self),
        }
    }

    fn read(op: i32, r: &mut Reader<'_>) -> Result<Body, Malformed> {
        Ok(match op {
            Op::CREATE | Op::CREATE2 => {
                let txn = CreateTxn::decode(r)?;
                Body::Create {
                    path: Text::new(txn.path),
                    data: txn.data.map(Text::new),
                    ephemeral: txn.ephemeral,
                    parent_cversion: txn.parent_cversion,
                }
            }
            // Clients see containers and znodes with a time to live like others.
            Op::CREATE_CONTAINER => {
                let txn = CreateContainerTxn::decode(r)?;
                plain(txn.path, txn.data, txn.parent_cversion)
            }
            Op::CREATE_TTL => {
                let txn = CreateTtlTxn::decode(r)?;
                plain(txn.path, txn.data, txn.parent_cversion)
            }
            Op::SET_ACL => {
                let txn = SetAclTxn::decode(r)?;
                Body::SetAcl { path: Text::new(txn.path), aversion: txn.version }
            }
            Op::MULTI => {
                let parts = MultiTxn::decode(r)?.txns.into_iter().filter(|part| part.op != Op::CHECK);
                let read = |part: Part<'_>| Body::read(part.op, &mut Reader::new(part.data.unwrap_or_default()));
                Body::Multi { parts: parts.map(read).collect::<Result<_, _>>()? }
            }
            Op::DELETE | Op::DELETE_CONTAINER => Body::Delete { path: Text::new(DeleteTxn::decode(r)?.path) },
            Op::SET_DATA => {
                let txn = SetDataTxn::decode(r)?;
                Body::SetData { path: Text::new(txn.path), data: txn.data.map(Text::new), version: txn.version }
            }
            // It changes what stands under /zookeeper, where no client looks that is judged.
            Op::RECONFIG => {
                SetDataTxn::decode(r)?;
                Body::Multi { parts: Vec::new() }
            }
            Op::CREATE_SESSION => Body::CreateSession { timeout_ms: CreateSessionTxn::decode(r)?.timeout_ms },
            Op::CLOSE_SESSION => {
                let mut paths: Vec<Text> = CloseSessionTxn::decode(r)?.paths.into_iter().map(Text::new).collect();
                paths.sort();
                Body::CloseSession { paths }
            }
            Op::ERROR => Body::Error { code: ErrorTxn::decode(r)?.err },
            op => Body::Other { op },
        })
    }
}

fn plain(path: &[u8], data: Option<&[u8]>, parent_cversion: i32) -> Body {
    Body::Create { path: Text::new(path), data: data.map(Text::new), ephemeral: false, parent_cversion }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_with_and_without_its_digest() {
        let mut bytes = TxnHeader { session: 5, cxid: 2, zxid: 0x1_0000_0003, time: 9, op: Op::DELETE }.to_bytes();
        DeleteTxn { path: b"/a" }.encode(&mut bytes);
        let txn = Txn { zxid: 0x1_0000_0003, session: 5, cxid: 2, time: 9, body: Body::Delete { path: "/a".into() } };
        assert_eq!(Txn::read(&bytes), Ok(txn.clone()));
        TxnDigest { version: 2, digest: 7 }.encode(&mut bytes);
        assert_eq!(Txn::read(&bytes), Ok(txn));
        bytes.push(0);
        assert!(Txn::read(&bytes).is_err());
        assert!(Txn::read(&bytes[..bytes.len() - 16]).is_err());
    }
}
