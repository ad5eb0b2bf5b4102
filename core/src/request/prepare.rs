//! The leader makes a transaction of a request: it checks the request against what is applied and
//! what is proposed, in ZooKeeper's order of checks (reference/zookeeper.md section 2.4), for the
//! order decides which error a client sees.
//!
//! A request that fails becomes an error transaction (section 1.5). ACLs are not checked here.

use super::ahead::{Changes, Draft};
use super::{RequestOrigin, Service};
use crate::contract::{Cx, Event};
use crate::id::{SessionId, Zxid};
use crate::rule::{Rule, Rules};
use crate::session::Owner as SessionOwner;
use crate::tree::{Owner, Path, digest, stat};
use crate::wire::records::{Acl, CreateRequest, DeleteRequest, SetDataRequest};
use crate::wire::txn::{
    CloseSessionTxn, CreateSessionTxn, CreateTxn, DeleteTxn, ErrorTxn, SetDataTxn, TxnDigest, TxnHeader,
};
use crate::wire::{Code, Jute, Malformed, Op, Reader};
use crate::zab::Request;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

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

impl Service {
    /// As leader: makes a transaction of a request, against the database and what is proposed but
    /// not applied. A request that fails its checks becomes an error transaction: it takes the
    /// zxid all the same (rule `FreshZxid`). Returns `TxnHeader`, body and `TxnDigest`; an error
    /// carries no digest, as Apache's do.
    pub fn prepare<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        zxid: Zxid,
        origin: RequestOrigin,
        request: &Request,
    ) -> Arc<[u8]> {
        assert!(self.is_leader(), "only an established leader prepares requests");
        cx.report(Event::Prepared { zxid, session: request.session, origin });
        let time = cx.at.0;
        let header =
            |op| TxnHeader { session: request.session.0, cxid: request.cxid.0, zxid: zxid.to_wire(), time, op };
        let mut bytes = Vec::with_capacity(request.body.len() + 96);
        header(request.op).encode(&mut bytes);
        match self.body(cx, zxid, origin, request, &mut bytes) {
            Ok((changes, digest)) => {
                self.ahead.merge(zxid, changes);
                TxnDigest { version: digest::APACHE_VERSION, digest: digest as i64 }.encode(&mut bytes);
            }
            Err(code) => {
                bytes.clear();
                header(Op::ERROR).encode(&mut bytes);
                ErrorTxn { err: code.to_wire() }.encode(&mut bytes);
            }
        }
        Arc::from(bytes)
    }

    /// Appends the transaction's body; returns what it changes and the digest after it.
    fn body<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        zxid: Zxid,
        origin: RequestOrigin,
        request: &Request,
        out: &mut Vec<u8>,
    ) -> Result<(Changes, u64), Code> {
        let session = request.session;
        match request.op {
            Op::CREATE_SESSION => {
                let txn = CreateSessionTxn::decode(&mut Reader::new(&request.body))?;
                self.own(cx, session, origin);
                txn.encode(out);
                let draft = Draft::new(self.database.tree(), &self.ahead, zxid, cx.at.0);
                Ok((Changes::default(), draft.digest()))
            }
            Op::CLOSE_SESSION => {
                let mut draft = Draft::new(self.database.tree(), &self.ahead, zxid, cx.at.0);
                let paths = draft.close(session);
                CloseSessionTxn { paths: paths.iter().map(Path::as_bytes).collect() }.encode(out);
                Ok(done(draft))
            }
            Op::CREATE | Op::CREATE2 => {
                let create = CreateRequest::decode(&mut Reader::new(&request.body))?;
                let mode = Mode::from_flags(create.flags)?;
                self.check_session(cx, session, origin)?;
                let mut draft = Draft::new(self.database.tree(), &self.ahead, zxid, cx.at.0);
                draft_create(&mut draft, session, &create, mode, out)?;
                Ok(done(draft))
            }
            Op::DELETE => {
                let delete = DeleteRequest::decode(&mut Reader::new(&request.body))?;
                self.check_session(cx, session, origin)?;
                let mut draft = Draft::new(self.database.tree(), &self.ahead, zxid, cx.at.0);
                draft_delete(&mut draft, &delete, out)?;
                Ok(done(draft))
            }
            Op::SET_DATA => {
                let set = SetDataRequest::decode(&mut Reader::new(&request.body))?;
                self.check_session(cx, session, origin)?;
                let mut draft = Draft::new(self.database.tree(), &self.ahead, zxid, cx.at.0);
                draft_set_data(&mut draft, &set, out)?;
                Ok(done(draft))
            }
            _ => Err(Code::Unimplemented),
        }
    }

    /// Whether a session may still write, and over this origin.
    fn check_session<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        session: SessionId,
        origin: RequestOrigin,
    ) -> Result<(), Code> {
        let is_closing = cx.enforces(Rule::NoWriteAfterClose) && self.ahead.is_closing(session);
        if is_closing || self.database.session_timeout(session).is_none() {
            return Err(Code::SessionExpired);
        }
        if !self.tracker.has_owner(session) {
            self.own(cx, session, origin);
        }
        let is_owner = self.tracker.is_owner(session, origin.into());
        if cx.enforces(Rule::OwnerOnly) && !is_owner { Err(Code::SessionMoved) } else { Ok(()) }
    }
}

fn done(draft: Draft<'_>) -> (Changes, u64) {
    let digest = draft.digest();
    (draft.finish(), digest)
}

/// What the flags of a create ask for (section 1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Persistent,
    Ephemeral,
    PersistentSequential,
    EphemeralSequential,
}

impl Mode {
    fn from_flags(flags: i32) -> Result<Mode, Code> {
        match flags {
            0 => Ok(Mode::Persistent),
            1 => Ok(Mode::Ephemeral),
            2 => Ok(Mode::PersistentSequential),
            3 => Ok(Mode::EphemeralSequential),
            // Containers and znodes with a time to live.
            4..=6 => Err(Code::Unimplemented),
            _ => Err(Code::BadArguments),
        }
    }

    fn is_ephemeral(self) -> bool {
        match self {
            Mode::Ephemeral | Mode::EphemeralSequential => true,
            Mode::Persistent | Mode::PersistentSequential => false,
        }
    }

    fn is_sequential(self) -> bool {
        match self {
            Mode::PersistentSequential | Mode::EphemeralSequential => true,
            Mode::Persistent | Mode::Ephemeral => false,
        }
    }
}

fn draft_create(
    draft: &mut Draft<'_>,
    session: SessionId,
    request: &CreateRequest<'_>,
    mode: Mode,
    out: &mut Vec<u8>,
) -> Result<(), Code> {
    let parent_path = parent_of(request.path)?;
    let acl = distinct(request.acl.as_deref().unwrap_or_default())?;
    let parent = draft.node(parent_path).ok_or(Code::NoNode)?;
    let path = match mode.is_sequential() {
        true => sequential(request.path, parent.stat.cversion)?,
        false => Path::parse(request.path)?,
    };
    if draft.node(path.as_bytes()).is_some() {
        return Err(Code::NodeExists);
    }
    if parent.owner().session().is_some() {
        return Err(Code::NoChildrenForEphemerals);
    }
    let owner = if mode.is_ephemeral() { Owner::Session(session) } else { Owner::Nobody };
    let parent_cversion = stat::next_cversion(&parent.stat);
    draft.create(&path, request.data, owner, parent_cversion);
    let txn = CreateTxn {
        path: path.as_bytes(),
        data: request.data,
        acl: Some(acl),
        ephemeral: mode.is_ephemeral(),
        parent_cversion,
    };
    txn.encode(out);
    Ok(())
}

fn draft_delete(draft: &mut Draft<'_>, request: &DeleteRequest<'_>, out: &mut Vec<u8>) -> Result<(), Code> {
    let parent = parent_of(request.path)?;
    if matches!(request.path, b"/" | b"/zookeeper" | b"/zookeeper/quota" | b"/zookeeper/config") {
        return Err(Code::BadArguments);
    }
    draft.node(parent).ok_or(Code::NoNode)?;
    let node = draft.node(request.path).ok_or(Code::NoNode)?;
    check_version(node.stat.version, request.version)?;
    if node.children > 0 {
        return Err(Code::NotEmpty);
    }
    draft.delete(&Path::lax(request.path));
    DeleteTxn { path: request.path }.encode(out);
    Ok(())
}

fn draft_set_data(draft: &mut Draft<'_>, request: &SetDataRequest<'_>, out: &mut Vec<u8>) -> Result<(), Code> {
    let path = Path::parse(request.path)?;
    let node = draft.node(request.path).ok_or(Code::NoNode)?;
    check_version(node.stat.version, request.version)?;
    let version = stat::next_version(node.stat.version);
    draft.set_data(&path, request.data, version);
    SetDataTxn { path: request.path, data: request.data, version }.encode(out);
    Ok(())
}

/// The parent's path, as much of the path as is looked at before its znodes are (section 2.4).
fn parent_of(path: &[u8]) -> Result<&[u8], Code> {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) if !path.contains(&0) => Ok(&path[..slash]),
        Some(_) | None => Err(Code::BadArguments),
    }
}

/// The path of a sequential znode: the parent's raw cversion before this create, signed, with at
/// least ten digits (section 2.2).
fn sequential(prefix: &[u8], parent_cversion: i32) -> Result<Path, Code> {
    let mut bytes = prefix.to_vec();
    bytes.extend_from_slice(format!("{parent_cversion:010}").as_bytes());
    Path::parse(&bytes)
}

/// The list without repeated entries; an empty one is no list (section 1.10).
fn distinct<'a>(acl: &[Acl<'a>]) -> Result<Vec<Acl<'a>>, Code> {
    let mut distinct: Vec<Acl<'a>> = Vec::with_capacity(acl.len());
    for entry in acl {
        if !distinct.contains(entry) {
            distinct.push(entry.clone());
        }
    }
    if distinct.is_empty() { Err(Code::InvalidAcl) } else { Ok(distinct) }
}

fn check_version(current: i32, expected: i32) -> Result<(), Code> {
    if expected == -1 || expected == current { Ok(()) } else { Err(Code::BadVersion) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_have_ten_digits_and_go_negative() {
        let golden = [(0, "/a0000000000"), (7, "/a0000000007"), (i32::MAX, "/a2147483647"), (-5, "/a-000000005")];
        for (cversion, expected) in golden {
            assert_eq!(sequential(b"/a", cversion), Ok(Path::lax(expected.as_bytes())));
        }
        assert_eq!(sequential(b"/a/", i32::MIN), Ok(Path::lax(b"/a/-2147483648")));
    }

    #[test]
    fn flags_beyond_this_version_are_told_from_nonsense() {
        assert_eq!(Mode::from_flags(3), Ok(Mode::EphemeralSequential));
        for later in 4..=6 {
            assert_eq!(Mode::from_flags(later), Err(Code::Unimplemented));
        }
        for wrong in [-1, 7, i32::MIN] {
            assert_eq!(Mode::from_flags(wrong), Err(Code::BadArguments));
        }
    }
}
