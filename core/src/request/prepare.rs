//! The leader makes a transaction of a request: it checks the request against what is applied and
//! what is proposed, in ZooKeeper's order of checks (reference/zookeeper.md section 2.4), for the
//! order decides which error a client sees.
//!
//! A request that fails becomes an error transaction (section 1.5). What each operation checks stands
//! in the files below.

mod change;
mod create;
mod multi;
mod reconfig;

use super::ahead::{Changes, Draft};
use super::{RequestOrigin, Service};
use crate::config::Access;
use crate::contract::{Cx, Event};
use crate::id::{ServerSet, SessionId, Zxid};
use crate::rule::{Rule, Rules};
use crate::session::Owner as SessionOwner;
use crate::tree::{Path, digest};
use crate::wire::multi::{AnyCreate, Part, decode_multi};
use crate::wire::records::{DeleteRequest, ReconfigRequest, SetAclRequest, SetDataRequest};
use crate::wire::txn::{CloseSessionTxn, CreateSessionTxn, DeleteTxn, ErrorTxn, TxnDigest, TxnHeader};
use crate::wire::{Code, Jute, Malformed, Op, Reader};
use crate::zab::{Identity, Request};
use alloc::sync::Arc;
use alloc::vec::Vec;
use create::Kind;

impl From<Malformed> for Code {
    /// A body that cannot be read (section 1.5).
    fn from(_: Malformed) -> Code {
        Code::MarshallingError
    }
}

impl From<RequestOrigin> for SessionOwner {
    fn from(origin: RequestOrigin) -> Self {
        match origin {
            RequestOrigin::Local => SessionOwner::Local,
            RequestOrigin::Learner(conn) => SessionOwner::Learner(conn),
        }
    }
}

/// Who asks.
struct Asker<'a> {
    session: SessionId,
    identities: &'a [Identity],
    access: &'a Access,
    /// The session is a server's alone, and owns no ephemerals.
    is_local: bool,
}

impl Service {
    /// As leader: makes a transaction of a request, against the database and what is proposed but
    /// not applied. A request that fails its checks becomes an error transaction: it takes the
    /// zxid all the same (rule `FreshZxid`). Returns `TxnHeader`, body and `TxnDigest`; an error
    /// carries no digest, as Apache's do. `synced`: this server and the followers in step with it.
    pub fn prepare<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        zxid: Zxid,
        origin: RequestOrigin,
        request: &Request,
        synced: ServerSet,
    ) -> Arc<[u8]> {
        assert!(self.is_leader(), "only an established leader prepares requests");
        cx.report(Event::Prepared { zxid, session: request.session, origin });
        let time = cx.at.0;
        let header =
            |op| TxnHeader { session: request.session.0, cxid: request.cxid.0, zxid: zxid.to_wire(), time, op };
        let mut bytes = Vec::with_capacity(request.body.len() + 96);
        header(request.op).encode(&mut bytes);
        let prepared = self.body(cx, (zxid, synced), origin, request, &mut bytes);
        match prepared.and_then(|prepared| within(cx, &bytes).map(|()| prepared)) {
            Ok(Prepared { op, changes, digest }) => {
                self.ahead.merge(zxid, changes);
                TxnDigest { version: digest::APACHE_VERSION, digest: digest as i64 }.encode(&mut bytes);
                if op != request.op {
                    let mut head = Vec::with_capacity(TxnHeader::MIN);
                    header(op).encode(&mut head);
                    bytes[..head.len()].copy_from_slice(&head);
                }
            }
            Err(code) => {
                bytes.clear();
                header(Op::ERROR).encode(&mut bytes);
                ErrorTxn { err: code.to_wire() }.encode(&mut bytes);
            }
        }
        Arc::from(bytes)
    }

    /// Appends the transaction's body; says what it changes and the digest after it.
    fn body<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        (zxid, synced): (Zxid, ServerSet),
        origin: RequestOrigin,
        request: &Request,
        out: &mut Vec<u8>,
    ) -> Result<Prepared, Code> {
        let (session, op) = (request.session, request.op);
        let (config, time) = (cx.config, cx.at.0);
        let is_local = request.is_local && !self.knows(session) && cx.enforces(Rule::UpgradeBeforeEphemeral);
        let asker = Asker { session, identities: &request.auth, access: &config.access, is_local };
        let r = &mut Reader::new(&request.body);
        match op {
            Op::CREATE | Op::CREATE2 | Op::CREATE_CONTAINER | Op::CREATE_TTL => {
                let create = AnyCreate::decode(op, r)?;
                let kind = Kind::of(&create)?;
                self.check_session(cx, request, origin)?;
                let mut draft = Draft::new(self.database.tree(), &self.ahead, zxid, time);
                create::draft(&mut draft, &asker, &create, kind, out)?;
                Ok(Prepared::of(kind.txn_op(op), draft))
            }
            Op::DELETE => {
                let delete = DeleteRequest::decode(r)?;
                self.check_session(cx, request, origin)?;
                let mut draft = Draft::new(self.database.tree(), &self.ahead, zxid, time);
                change::draft_delete(&mut draft, &asker, &delete, out)?;
                Ok(Prepared::of(op, draft))
            }
            Op::SET_DATA => {
                let set = SetDataRequest::decode(r)?;
                self.check_session(cx, request, origin)?;
                let mut draft = Draft::new(self.database.tree(), &self.ahead, zxid, time);
                change::draft_set_data(&mut draft, &asker, &set, out)?;
                Ok(Prepared::of(op, draft))
            }
            Op::SET_ACL => {
                let set = SetAclRequest::decode(r)?;
                self.check_session(cx, request, origin)?;
                let mut draft = Draft::new(self.database.tree(), &self.ahead, zxid, time);
                change::draft_set_acl(&mut draft, &asker, &set, out)?;
                Ok(Prepared::of(op, draft))
            }
            Op::MULTI => {
                let parts = decode_multi(&request.body)?;
                let may_write = self.check_session(cx, request, origin);
                let draft = Draft::new(self.database.tree(), &self.ahead, zxid, time);
                let unchanged = draft.digest();
                let (draft, passed) = multi::draft(draft, &asker, may_write, &parts, out);
                let (changes, digest) = match passed || !cx.enforces(Rule::FailedMultiForgotten) {
                    true => done(draft),
                    false => (Changes::default(), unchanged),
                };
                Ok(Prepared { op, changes, digest })
            }
            Op::RECONFIG => {
                let reconfig = ReconfigRequest::decode(r)?;
                reconfig::check_enabled(config)?;
                self.check_session(cx, request, origin)?;
                let mut draft = Draft::new(self.database.tree(), &self.ahead, zxid, time);
                let is_free = config.proposed.is_none() || !cx.enforces(Rule::OneReconfiguration);
                let leader = reconfig::Leader { zxid, synced, is_free };
                reconfig::draft_reconfig(&mut draft, &asker, config, &leader, &reconfig, out)?;
                Ok(Prepared::of(op, draft))
            }
            _ => self.upkeep(cx, zxid, origin, request, out),
        }
    }

    /// What no client asks for as such: sessions come and go, and so does what fades.
    fn upkeep<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        zxid: Zxid,
        origin: RequestOrigin,
        request: &Request,
        out: &mut Vec<u8>,
    ) -> Result<Prepared, Code> {
        let (session, op, time) = (request.session, request.op, cx.at.0);
        let r = &mut Reader::new(&request.body);
        match op {
            Op::CREATE_SESSION => {
                let txn = CreateSessionTxn::decode(r)?;
                self.own(cx, session, origin);
                txn.encode(out);
                let mut draft = Draft::new(self.database.tree(), &self.ahead, zxid, time);
                draft.open(session);
                Ok(Prepared::of(op, draft))
            }
            Op::CLOSE_SESSION => {
                let mut draft = Draft::new(self.database.tree(), &self.ahead, zxid, time);
                let paths = draft.close(session);
                let bytes: usize = paths.iter().map(|path| path.as_bytes().len() + 4).sum();
                // A list that fits no packet is left out: whoever applies it knows what the session owns
                // (ZOOKEEPER-4306).
                let told = if bytes <= room(cx) / 2 { &paths[..] } else { &[] };
                CloseSessionTxn { paths: told.iter().map(Path::as_bytes).collect() }.encode(out);
                Ok(Prepared::of(op, draft))
            }
            // A leader's own: clients are refused, whatever server they are connected to.
            Op::DELETE_CONTAINER if session == SessionId::NONE && origin == RequestOrigin::Local => {
                let mut draft = Draft::new(self.database.tree(), &self.ahead, zxid, time);
                let DeleteTxn { path } = DeleteTxn::decode(r)?;
                change::draft_delete_faded(&mut draft, path, out)?;
                Ok(Prepared::of(op, draft))
            }
            _ => Err(Code::Unimplemented),
        }
    }

    /// Whether a session is the ensemble's, or is proposed to be.
    fn knows(&self, session: SessionId) -> bool {
        self.database.session_timeout(session).is_some() || self.ahead.is_opening(session)
    }

    /// Whether a session may still write, and over this origin. One that is a server's alone has no other.
    fn check_session<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        request: &Request,
        origin: RequestOrigin,
    ) -> Result<(), Code> {
        let session = request.session;
        let is_closing = cx.enforces(Rule::NoWriteAfterClose) && self.ahead.is_closing(session);
        if is_closing {
            return Err(Code::SessionExpired);
        }
        if !self.knows(session) {
            let may = request.is_local || !cx.enforces(Rule::LocalWritesMarked);
            return if may { Ok(()) } else { Err(Code::SessionExpired) };
        }
        if !self.tracker.has_owner(session) {
            self.own(cx, session, origin);
        }
        let is_owner = self.tracker.is_owner(session, origin.into());
        if cx.enforces(Rule::OwnerOnly) && !is_owner { Err(Code::SessionMoved) } else { Ok(()) }
    }
}

/// What a request comes to.
struct Prepared {
    /// The type of the transaction.
    op: i32,
    changes: Changes,
    digest: u64,
}

impl Prepared {
    fn of(op: i32, draft: Draft<'_>) -> Prepared {
        let (changes, digest) = done(draft);
        Prepared { op, changes, digest }
    }
}

fn done(draft: Draft<'_>) -> (Changes, u64) {
    let digest = draft.digest();
    (draft.finish(), digest)
}

/// Whether a request makes ephemerals. One that cannot be read makes none.
pub(super) fn makes_ephemerals(op: i32, body: &[u8]) -> bool {
    let is_ephemeral = |create: &AnyCreate<'_>| Kind::of(create).is_ok_and(Kind::is_ephemeral);
    match op {
        Op::CREATE | Op::CREATE2 => AnyCreate::decode(op, &mut Reader::new(body)).is_ok_and(|c| is_ephemeral(&c)),
        Op::MULTI => decode_multi(body).is_ok_and(|parts| {
            parts.iter().any(|part| match part {
                Part::Create(create) => is_ephemeral(create),
                Part::Delete(_) | Part::SetData(_) | Part::Check(_) => false,
            })
        }),
        _ => false,
    }
}

/// A transaction must fit a packet. Only lists that name `auth` again and again grow beyond it.
fn within<R>(cx: &Cx<'_, R>, bytes: &[u8]) -> Result<(), Code> {
    if bytes.len() <= room(cx) { Ok(()) } else { Err(Code::BadArguments) }
}

/// How long a transaction may be.
fn room<R>(cx: &Cx<'_, R>) -> usize {
    cx.config.limits.packet_bytes as usize / 2
}

fn check_version(current: i32, expected: i32) -> Result<(), Code> {
    if expected == -1 || expected == current { Ok(()) } else { Err(Code::BadVersion) }
}

/// The parent's path, as much of the path as is looked at before its znodes are (section 2.4).
fn parent_of(path: &[u8]) -> Result<&[u8], Code> {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) if !path.contains(&0) => Ok(&path[..slash]),
        Some(_) | None => Err(Code::BadArguments),
    }
}
