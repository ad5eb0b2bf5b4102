//! A committed transaction takes effect: tree, sessions, watches, and the reply of the request that
//! it came from (contract section 5).

use super::access::{self, Perms};
use super::connection::{Body, Outcome, Phase, Then};
use super::reply::notify;
use super::{Service, Want};
use crate::contract::{Action, Cx, DropReason, Event, Fault, Timer};
use crate::id::{ClientId, SessionId, Xid, Zxid};
use crate::log::Record;
use crate::rule::Rules;
use crate::tree::{self, AclList, Change, Database, Path, digest, path};
use crate::watch::EventKind;
use crate::wire::txn::{SetDataTxn, TxnHeader};
use crate::wire::{Code, Jute, Op, Reader, multi};
use alloc::sync::Arc;
use alloc::vec::Vec;

impl Service {
    /// Applies a committed transaction: tree, sessions, watches; completes the write that waits for
    /// it and releases the replies behind it.
    pub fn apply<R: Rules>(&mut self, cx: &mut Cx<'_, R>, record: &Record, wants: &mut Vec<Want>) {
        let database = Arc::make_mut(&mut self.database);
        let Some(applied) = apply_record(database, record) else {
            let fault = Fault::UnreadableTransaction { zxid: record.zxid };
            cx.report(Event::Stopped { fault });
            return cx.act(Action::Stop { fault });
        };
        let digests = database.digests();
        cx.report(Event::Applied { record: record.clone(), digest: digests.state });
        if let Some(carried) = &applied.digest
            && carried.version == digest::APACHE_VERSION
            && carried.digest as u64 != digests.apache
        {
            let (carried, computed) = (carried.digest as u64, digests.apache);
            cx.report(Event::DigestMismatch { zxid: record.zxid, carried, computed });
        }
        self.ahead.applied(record.zxid);
        for change in applied.changes() {
            self.on_change(cx, change, &applied, record.zxid);
        }
        self.complete(cx, &applied, record, wants);
    }

    /// Watch events come before the replies that the same transaction releases.
    fn on_change<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        change: &Change<'_>,
        applied: &tree::Applied<'_>,
        zxid: Zxid,
    ) {
        match change {
            Change::Created { path } => {
                self.fire(cx, EventKind::NodeCreated, path, None, applied, zxid);
                self.fire_parent(cx, path, applied, zxid);
                self.arm_sweep(cx);
            }
            Change::Deleted { path, acl } => {
                self.fire(cx, EventKind::NodeDeleted, path, Some(acl), applied, zxid);
                self.fire_parent(cx, path, applied, zxid);
            }
            Change::DataChanged { path } => self.fire(cx, EventKind::NodeDataChanged, path, None, applied, zxid),
            Change::AclChanged { .. } => {}
            Change::SessionCreated { session, timeout_ms } => {
                self.locals.remove(session);
                if self.is_leader() {
                    Self::arm_session(cx, *session, *timeout_ms);
                }
            }
            Change::SessionClosed { session } => {
                if self.is_leader() {
                    cx.disarm(Timer::Session(*session));
                }
                self.tracker.closed(*session);
                self.touched.remove(session);
            }
        }
    }

    /// Tells those watchers of it who may read the znode, or might when it was deleted
    /// (CVE-2024-23944). A one-shot watch is gone in any case.
    fn fire<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        kind: EventKind,
        path: &[u8],
        ended: Option<&AclList>,
        applied: &tree::Applied<'_>,
        zxid: Zxid,
    ) {
        let mut watchers = self.watches.fire(kind, path);
        if watchers.is_empty() {
            return;
        }
        // A znode that came and went in one transaction has its list among the changes.
        let standing = self.database.tree().get(path).map(|znode| znode.acl());
        let passed = || applied.changes().iter().find_map(|change| change.deleted(path));
        let acl = ended.or(standing).or_else(passed);
        if let Some(acl) = acl {
            let may_read = |client: &ClientId| {
                let identities = self.clients.get(client).map_or(&[][..], |connection| &connection.auth);
                access::permits(&cx.config.access, acl, Perms::READ, identities)
            };
            watchers.retain(may_read);
        }
        notify(cx, watchers, kind, path, zxid.to_wire());
    }

    fn fire_parent<R: Rules>(&mut self, cx: &mut Cx<'_, R>, path: &[u8], applied: &tree::Applied<'_>, zxid: Zxid) {
        if let Some(parent) = path::parent(path) {
            self.fire(cx, EventKind::NodeChildrenChanged, parent, None, applied, zxid);
        }
    }

    /// The connection that carries the transaction's session hears of it.
    fn complete<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        applied: &tree::Applied<'_>,
        record: &Record,
        wants: &mut Vec<Want>,
    ) {
        let (session, cxid) = (SessionId(applied.header.session), Xid(applied.header.cxid));
        let Some(&client) = self.carriers.get(&session) else { return };
        let connection = self.clients.get_mut(&client).expect("a carrier is a connection");
        let op = applied.header.op;
        if op == Op::CREATE_SESSION {
            // A session that was this server's alone is attached already, and nobody waits for this.
            return match connection.phase {
                Phase::Creating(opening) => self.attach(cx, client, opening, wants),
                Phase::New | Phase::Revalidating(_) | Phase::Attached { .. } => {}
            };
        }
        let closes = op == Op::CLOSE_SESSION;
        let is_own = connection.complete(cxid, outcome(applied, record));
        if closes && !is_own {
            return self.drop_client(cx, client, DropReason::SessionExpired);
        }
        if !is_own && connection.is_overtaken_by(cxid) {
            return self.drop_client(cx, client, DropReason::SessionMoved);
        }
        if is_own {
            self.release(cx, client);
        }
    }
}

/// Applies a record whose header says the record's own zxid; `None` if it is not readable.
fn apply_record<'a>(database: &mut Database, record: &'a Record) -> Option<tree::Applied<'a>> {
    let mut r = Reader::new(&record.bytes);
    let header = TxnHeader::decode(&mut r).ok()?;
    if Zxid::from_wire(header.zxid) != record.zxid {
        return None;
    }
    database.apply(&header, r.rest()).ok()
}

/// What the reply to a write says, by the type of its transaction.
fn outcome(applied: &tree::Applied<'_>, record: &Record) -> Outcome {
    let zxid = record.zxid;
    let tree::Outcome { op, err, path, stat } = &applied.outcome;
    if *op == Op::MULTI {
        return multi_outcome(applied, zxid);
    }
    let body = match (*op, stat) {
        (Op::CREATE | Op::CREATE2 | Op::CREATE_CONTAINER | Op::CREATE_TTL, stat) => {
            Body::Created(Path::lax(path), stat.clone())
        }
        (Op::SET_DATA | Op::SET_ACL, Some(stat)) => Body::Stat(stat.clone()),
        (Op::RECONFIG, Some(stat)) => Body::Data(data_of(record), stat.clone()),
        _ => Body::Empty,
    };
    let then = if *op == Op::CLOSE_SESSION { Then::Drop(DropReason::SessionClosed) } else { Then::Continue };
    Outcome { zxid, err: *err, body, then }
}

/// What a reconfiguration has put into `/zookeeper/config`.
fn data_of(record: &Record) -> Arc<[u8]> {
    let mut r = Reader::new(&record.bytes);
    let txn = TxnHeader::decode(&mut r).and_then(|_| SetDataTxn::decode(&mut r));
    Arc::from(txn.ok().and_then(|txn| txn.data).unwrap_or_default())
}

/// The reply to a multi has no error of its own: each operation's stands in its place (section 1.8).
/// Only a moved session is one of the whole.
fn multi_outcome(applied: &tree::Applied<'_>, zxid: Zxid) -> Outcome {
    let moved = Code::SessionMoved.to_wire();
    if applied.multi.iter().any(|part| part.op == Op::ERROR && part.err == moved) {
        return Outcome { zxid, err: moved, body: Body::Empty, then: Then::Continue };
    }
    let mut results = Vec::new();
    for tree::Outcome { op, err, path, stat } in &applied.multi {
        match *op {
            Op::ERROR => multi::encode_error(*err, &mut results),
            op => multi::encode_result(op, path, stat.as_ref(), &mut results),
        }
    }
    multi::encode_end(&mut results);
    Outcome { zxid, err: 0, body: Body::Results(Arc::from(results)), then: Then::Continue }
}
