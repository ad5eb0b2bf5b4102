//! What the bytes of an applied record say, worked out once per zxid.

use zabra_core::id::{SessionId, Xid, Zxid};
use zabra_core::log::Record;
use zabra_core::wire::txn::{CreateTxn, MultiTxn, TxnHeader};
use zabra_core::wire::{Jute, Op, Reader};

/// The header of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transaction {
    pub session: SessionId,
    pub cxid: Xid,
    pub op: i32,
    /// A write that failed its checks; of a multi one of its operations did.
    failed: bool,
    pub makes_ephemerals: bool,
}

impl Transaction {
    /// `None` if the bytes are no transaction: that stops the server, and `stops` objects.
    pub fn of(record: &Record) -> Option<Transaction> {
        let mut r = Reader::new(&record.bytes);
        let TxnHeader { session, cxid, op, .. } = TxnHeader::decode(&mut r).ok()?;
        let mut transaction =
            Transaction { session: SessionId(session), cxid: Xid(cxid), op, failed: false, makes_ephemerals: false };
        match op {
            Op::ERROR => transaction.failed = true,
            Op::MULTI => {
                let parts = MultiTxn::decode(&mut r).ok()?.txns;
                transaction.failed = parts.iter().any(|part| part.op == Op::ERROR);
                let makes = parts.iter().any(|part| is_ephemeral(part.op, part.data.unwrap_or_default()));
                transaction.makes_ephemerals = makes && !transaction.failed;
            }
            op => transaction.makes_ephemerals = is_ephemeral(op, r.rest()),
        }
        Some(transaction)
    }

    pub fn is_error(self) -> bool {
        self.failed
    }

    /// createSession, closeSession, or what a leader deletes of its own accord: these carry no request
    /// number of a client's own.
    pub fn is_of_sessions(self) -> bool {
        matches!(self.op, Op::CREATE_SESSION | Op::CLOSE_SESSION) || self.session == SessionId::NONE
    }
}

fn is_ephemeral(op: i32, body: &[u8]) -> bool {
    matches!(op, Op::CREATE | Op::CREATE2) && CreateTxn::decode(&mut Reader::new(body)).is_ok_and(|txn| txn.ephemeral)
}

/// Whether an operation becomes a transaction that bears its request's number.
pub fn is_write(op: i32) -> bool {
    matches!(
        op,
        Op::CREATE
            | Op::DELETE
            | Op::SET_DATA
            | Op::SET_ACL
            | Op::MULTI
            | Op::CREATE2
            | Op::RECONFIG
            | Op::CREATE_CONTAINER
            | Op::DELETE_CONTAINER
            | Op::CREATE_TTL
    )
}

/// Whether a record is applied for the first time anywhere. Application has one order (oracle
/// `commit_safety`), so what a record means need be worked out once only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FirstApplied {
    done: Zxid,
}

impl FirstApplied {
    pub fn take(&mut self, zxid: Zxid) -> bool {
        let first = zxid > self.done;
        self.done = self.done.max(zxid);
        first
    }
}
