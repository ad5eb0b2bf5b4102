//! The application of committed transactions (reference/zookeeper.md sections 1.8, 2.5, 4.2 and
//! 4.4): every type of transaction, as one deterministic function of database and bytes.
//!
//! A transaction is decoded completely before anything is changed, so bytes that are no
//! transaction change nothing. A transaction that was decoded never fails: what it cannot do any
//! more, because a snapshot is ahead of it, is answered by a code and left out.

use super::acl::{AclList, RawAcl};
use super::data_tree::Create;
use super::database::Database;
use super::stat::Owner;
use crate::id::{SessionId, Zxid};
use crate::wire::jute::{Jute, Malformed, Problem, Reader, record};
use crate::wire::records::Stat;
use crate::wire::txn::{
    CheckVersionTxn, CloseSessionTxn, CreateSessionTxn, DeleteTxn, ErrorTxn, MultiTxn, SetDataTxn, TxnDigest, TxnHeader,
};
use crate::wire::{Code, Op};
use alloc::borrow::Cow;
use alloc::vec::Vec;

record! {
    /// CreateTxn with its ACL as bytes; the other creates likewise.
    RawCreate<'a> { path: &'a [u8], data: Option<&'a [u8]>, acl: RawAcl<'a>, ephemeral: bool, parent_cversion: i32 }
    RawCreateV0<'a> { path: &'a [u8], data: Option<&'a [u8]>, acl: RawAcl<'a>, ephemeral: bool }
    RawCreateTtl<'a> { path: &'a [u8], data: Option<&'a [u8]>, acl: RawAcl<'a>, parent_cversion: i32, ttl: i64 }
    RawCreateContainer<'a> { path: &'a [u8], data: Option<&'a [u8]>, acl: RawAcl<'a>, parent_cversion: i32 }
    RawSetAcl<'a> { path: &'a [u8], acl: RawAcl<'a>, version: i32 }
}

/// What a transaction did: what a server needs for its reply and for its watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied<'a> {
    pub header: TxnHeader,
    /// ZooKeeper's digest after the transaction, as its leader predicted it.
    pub digest: Option<TxnDigest>,
    /// Of the transaction itself. A multi's code is that of its first operation that has one.
    pub outcome: Outcome<'a>,
    /// One per operation of a multi; empty otherwise. If the multi failed, operations before the
    /// failing one have the type −1 and code 0, as the reply has them (section 1.8).
    pub multi: Vec<Outcome<'a>>,
    changes: Changes<'a>,
}

impl<'a> Applied<'a> {
    /// What changed, in order: the order in which watches fire.
    pub fn changes(&self) -> &[Change<'a>] {
        match &self.changes {
            Changes::None => &[],
            Changes::One(change) => core::slice::from_ref(change),
            Changes::Many(changes) => changes,
        }
    }
}

/// The result of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The operation code; that of the header for a whole transaction.
    pub op: i32,
    /// 0, or an error code as it stands on the wire.
    pub err: i32,
    /// The path that the operation names, or empty.
    pub path: &'a [u8],
    /// The stat after this operation, of creates, setData, reconfig and setACL that succeeded.
    pub stat: Option<Stat>,
}

/// One change of the database. Parents are [`super::path::parent`] of the paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    Created {
        path: &'a [u8],
    },
    Deleted {
        path: Cow<'a, [u8]>,
        /// Who might read it: nobody else hears of its end.
        acl: AclList,
    },
    DataChanged {
        path: &'a [u8],
    },
    AclChanged {
        path: &'a [u8],
    },
    SessionCreated {
        session: SessionId,
        timeout_ms: i32,
    },
    /// After the session's ephemeral znodes were deleted.
    SessionClosed {
        session: SessionId,
    },
}

impl Change<'_> {
    /// The list that the znode at this path had, if this is its end.
    pub fn deleted(&self, path: &[u8]) -> Option<&AclList> {
        if let Change::Deleted { path: gone, acl } = self
            && **gone == *path
        {
            return Some(acl);
        }
        None
    }
}

/// Most transactions change one thing, and allocate nothing for it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Changes<'a> {
    None,
    One(Change<'a>),
    Many(Vec<Change<'a>>),
}

impl<'a> Changes<'a> {
    fn push(&mut self, change: Change<'a>) {
        *self = match core::mem::replace(self, Changes::None) {
            Changes::None => Changes::One(change),
            Changes::One(first) => Changes::Many(Vec::from([first, change])),
            Changes::Many(mut changes) => {
                changes.push(change);
                Changes::Many(changes)
            }
        }
    }
}

/// A decoded transaction.
enum Body<'a> {
    One(Operation<'a>),
    Multi(Vec<(i32, Operation<'a>)>),
}

/// What stands alone or, some of it, in a multi.
enum Operation<'a> {
    Create { path: &'a [u8], data: Option<&'a [u8]>, acl: RawAcl<'a>, owner: Owner, parent_cversion: i32 },
    Delete { path: &'a [u8] },
    SetData { path: &'a [u8], data: Option<&'a [u8]>, version: i32 },
    SetAcl { path: &'a [u8], acl: RawAcl<'a>, version: i32 },
    Check { path: &'a [u8] },
    CreateSession { timeout_ms: i32 },
    CloseSession { paths: Vec<&'a [u8]> },
    Error { err: i32 },
}

impl Database {
    /// Applies a committed transaction, as logs and proposals carry it: header, body, optional
    /// digest. Bytes that are no transaction change nothing.
    pub fn apply_bytes<'a>(&mut self, transaction: &'a [u8]) -> Result<Applied<'a>, Malformed> {
        let mut r = Reader::new(transaction);
        let header = TxnHeader::decode(&mut r)?;
        self.apply_from(header, r)
    }

    /// Applies a committed transaction whose header was decoded already; `body` is the rest of
    /// its bytes.
    pub fn apply<'a>(&mut self, header: &TxnHeader, body: &'a [u8]) -> Result<Applied<'a>, Malformed> {
        self.apply_from(header.clone(), Reader::new(body))
    }

    fn apply_from<'a>(&mut self, header: TxnHeader, mut r: Reader<'a>) -> Result<Applied<'a>, Malformed> {
        let body = decode_body(&header, &mut r)?;
        // Whatever is too short for a digest is none, as in Java.
        let digest = TxnDigest::decode(&mut r).ok();
        let outcome = Outcome { op: header.op, err: 0, path: &[], stat: None };
        let mut applied = Applied { header, digest, outcome, multi: Vec::new(), changes: Changes::None };
        match body {
            Body::Multi(operations) => self.apply_multi(operations, &mut applied),
            Body::One(operation) => {
                applied.outcome = self.apply_one(applied.header.op, operation, &applied.header, &mut applied.changes);
            }
        }
        self.zxid = self.zxid.max(Zxid::from_wire(applied.header.zxid));
        Ok(applied)
    }

    /// A multi that holds an error applies nothing (section 1.8).
    fn apply_multi<'a>(&mut self, operations: Vec<(i32, Operation<'a>)>, applied: &mut Applied<'a>) {
        let failed = operations.iter().any(|(_, operation)| matches!(operation, Operation::Error { .. }));
        applied.multi.reserve_exact(operations.len());
        let mut code = Code::Ok.to_wire();
        for (op, operation) in operations {
            let outcome = if let Operation::Error { err } = operation {
                code = Code::RuntimeInconsistency.to_wire();
                Outcome { op, err, path: &[], stat: None }
            } else if failed {
                Outcome { op: Op::ERROR, err: code, path: &[], stat: None }
            } else {
                self.apply_one(op, operation, &applied.header, &mut applied.changes)
            };
            if applied.outcome.err == 0 {
                applied.outcome.err = outcome.err;
            }
            applied.multi.push(outcome);
        }
    }

    fn apply_one<'a>(
        &mut self,
        op: i32,
        operation: Operation<'a>,
        header: &TxnHeader,
        changes: &mut Changes<'a>,
    ) -> Outcome<'a> {
        let zxid = Zxid::from_wire(header.zxid);
        let (path, result) = match operation {
            Operation::Create { path, data, acl, owner, parent_cversion } => {
                let create = Create { path, data, owner, parent_cversion, zxid, time: header.time, acl };
                let result = self.tree.create(&create);
                if result.is_ok() {
                    changes.push(Change::Created { path });
                }
                (path, result.map(Some))
            }
            Operation::Delete { path } => (path, self.delete(path, zxid, changes).map(|()| None)),
            Operation::SetData { path, data, version } => {
                let result = self.tree.set_data(path, data, version, zxid, header.time);
                if result.is_ok() {
                    changes.push(Change::DataChanged { path });
                }
                (path, result.map(Some))
            }
            Operation::SetAcl { path, acl, version } => {
                let result = self.tree.set_acl(path, acl, version);
                if result.is_ok() {
                    changes.push(Change::AclChanged { path });
                }
                (path, result.map(Some))
            }
            Operation::Check { path } => (path, Ok(None)),
            Operation::CreateSession { timeout_ms } => {
                let session = SessionId(header.session);
                self.insert_session(session, timeout_ms);
                changes.push(Change::SessionCreated { session, timeout_ms });
                (&[][..], Ok(None))
            }
            Operation::CloseSession { paths } => {
                self.close_session(SessionId(header.session), &paths, zxid, changes);
                (&[][..], Ok(None))
            }
            Operation::Error { err } => return Outcome { op, err, path: &[], stat: None },
        };
        match result {
            Ok(stat) => Outcome { op, err: Code::Ok.to_wire(), path, stat },
            Err(code) => Outcome { op, err: code.to_wire(), path, stat: None },
        }
    }

    fn delete<'a>(&mut self, path: &'a [u8], zxid: Zxid, changes: &mut Changes<'a>) -> Result<(), Code> {
        let acl = self.tree.delete(path, zxid, |below, acl| {
            changes.push(Change::Deleted { path: Cow::Owned(below.as_bytes().to_vec()), acl });
        })?;
        changes.push(Change::Deleted { path: Cow::Borrowed(path), acl });
        Ok(())
    }

    /// Deletes the paths that the transaction lists, then whatever else the session owns
    /// (section 2.5).
    fn close_session<'a>(&mut self, session: SessionId, paths: &[&'a [u8]], zxid: Zxid, changes: &mut Changes<'a>) {
        for path in paths {
            // A missing one was deleted already, in a snapshot that is ahead.
            let _ = self.delete(path, zxid, changes);
        }
        loop {
            let Some(path) = self.tree.ephemerals(session).next().cloned() else { break };
            let deleted = self.tree.delete(path.as_bytes(), zxid, |below, acl| {
                changes.push(Change::Deleted { path: Cow::Owned(below.as_bytes().to_vec()), acl });
            });
            let acl = deleted.expect("the index of ephemerals names znodes that exist");
            changes.push(Change::Deleted { path: Cow::Owned(path.as_bytes().to_vec()), acl });
        }
        self.remove_session(session);
        changes.push(Change::SessionClosed { session });
    }
}

fn decode_body<'a>(header: &TxnHeader, r: &mut Reader<'a>) -> Result<Body<'a>, Malformed> {
    let operation = match header.op {
        Op::CREATE_SESSION => {
            CreateSessionTxn::decode(r).map(|CreateSessionTxn { timeout_ms }| Operation::CreateSession { timeout_ms })
        }
        Op::CLOSE_SESSION => decode_close_session(r),
        Op::SET_ACL => {
            RawSetAcl::decode(r).map(|RawSetAcl { path, acl, version }| Operation::SetAcl { path, acl, version })
        }
        Op::RECONFIG => decode_operation(Op::SET_DATA, header, r),
        Op::MULTI => return decode_multi(header, r),
        op => decode_operation(op, header, r),
    };
    operation.map(Body::One)
}

/// What may stand alone or in a multi.
fn decode_operation<'a>(op: i32, header: &TxnHeader, r: &mut Reader<'a>) -> Result<Operation<'a>, Malformed> {
    match op {
        Op::CREATE | Op::CREATE2 => decode_create(header, r),
        Op::CREATE_TTL => RawCreateTtl::decode(r).map(|RawCreateTtl { path, data, acl, parent_cversion, ttl }| {
            Operation::Create { path, data, acl, owner: Owner::Ttl { ms: ttl }, parent_cversion }
        }),
        Op::CREATE_CONTAINER => {
            RawCreateContainer::decode(r).map(|RawCreateContainer { path, data, acl, parent_cversion }| {
                Operation::Create { path, data, acl, owner: Owner::Container, parent_cversion }
            })
        }
        Op::DELETE | Op::DELETE_CONTAINER => DeleteTxn::decode(r).map(|DeleteTxn { path }| Operation::Delete { path }),
        Op::SET_DATA => {
            SetDataTxn::decode(r).map(|SetDataTxn { path, data, version }| Operation::SetData { path, data, version })
        }
        Op::CHECK => CheckVersionTxn::decode(r).map(|CheckVersionTxn { path, .. }| Operation::Check { path }),
        Op::ERROR => ErrorTxn::decode(r).map(|ErrorTxn { err }| Operation::Error { err }),
        other => Err(r.malformed("transaction type", Problem::Value(i64::from(other)))),
    }
}

/// Servers before 3.4 wrote creates without the parent's cversion: then it is one more.
fn decode_create<'a>(header: &TxnHeader, r: &mut Reader<'a>) -> Result<Operation<'a>, Malformed> {
    let start = r.clone();
    let RawCreate { path, data, acl, ephemeral, parent_cversion } = RawCreate::decode(r).or_else(|malformed| {
        *r = start;
        let RawCreateV0 { path, data, acl, ephemeral } = RawCreateV0::decode(r).map_err(|_| malformed)?;
        Ok(RawCreate { path, data, acl, ephemeral, parent_cversion: -1 })
    })?;
    let owner = if ephemeral { Owner::Session(SessionId(header.session)) } else { Owner::Nobody };
    Ok(Operation::Create { path, data, acl, owner, parent_cversion })
}

/// Older servers, and those with `closeSessionTxn.enabled=false`, write no body; a digest may
/// follow all the same, and is told apart by its length.
fn decode_close_session<'a>(r: &mut Reader<'a>) -> Result<Operation<'a>, Malformed> {
    const DIGEST_BYTES: usize = 12;
    let start = r.clone();
    match CloseSessionTxn::decode(r) {
        Ok(CloseSessionTxn { paths }) => Ok(Operation::CloseSession { paths }),
        Err(_) if start.left() == 0 || start.left() == DIGEST_BYTES => {
            *r = start;
            Ok(Operation::CloseSession { paths: Vec::new() })
        }
        Err(malformed) => Err(malformed),
    }
}

fn decode_multi<'a>(header: &TxnHeader, r: &mut Reader<'a>) -> Result<Body<'a>, Malformed> {
    let MultiTxn { txns } = MultiTxn::decode(r)?;
    let operations = txns.iter().map(|txn| {
        let body = decode_operation(txn.op, header, &mut Reader::new(txn.data.unwrap_or(&[])))?;
        Ok((txn.op, body))
    });
    operations.collect::<Result<_, _>>().map(Body::Multi)
}

#[cfg(test)]
mod tests;
