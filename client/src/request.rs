//! Every other request of a client, in a type of its own: what [`Operation`]'s own variants leave out.
//!
//! A [`Request`] travels as [`Operation::Raw`], and [`Request::answer`] reads what came back. The
//! session treats it as one request among the others: it is answered in order and never sent twice.
//! What a connection knew and a new one does not, identities given by `auth` and watches of
//! `addWatch`, is the caller's to give again, unless [`Config::remembers`](crate::Config) says so.

use crate::operation::{Grant, Operation, acl_of};
use zabra_core::wire::multi::{self, PartResult};
use zabra_core::wire::records::{
    AddWatchRequest, AllChildrenNumberReply, AuthPacket, CheckVersionRequest, ClientInfo, Create2Reply, CreateRequest,
    CreateTtlRequest, DeleteRequest, ErrorReply, GetAclReply, GetChildrenReply, GetDataReply, PathRequest, ReadRequest,
    ReconfigRequest, SetAclRequest, SetDataRequest, Stat, StatReply, WatchesRequest,
};
use zabra_core::wire::{Jute, Malformed, Op, Reader};

/// What a create makes: all seven kinds of znode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Persistent,
    Ephemeral,
    PersistentSequential,
    EphemeralSequential,
    /// Goes when its last child has gone.
    Container,
    /// Goes when it had no change and no child for so many milliseconds.
    Ttl(i64),
    SequentialTtl(i64),
}

impl Kind {
    fn flags(self) -> i32 {
        match self {
            Kind::Persistent => 0,
            Kind::Ephemeral => 1,
            Kind::PersistentSequential => 2,
            Kind::EphemeralSequential => 3,
            Kind::Container => 4,
            Kind::Ttl(_) => 5,
            Kind::SequentialTtl(_) => 6,
        }
    }
}

/// One operation of a multi.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    Create { path: Vec<u8>, data: Vec<u8>, acl: Vec<Grant>, kind: Kind },
    Delete { path: Vec<u8>, version: i32 },
    SetData { path: Vec<u8>, data: Vec<u8>, version: i32 },
    Check { path: Vec<u8>, version: i32 },
}

/// One operation of a multiRead.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Read {
    Data { path: Vec<u8> },
    Children { path: Vec<u8> },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    Create {
        path: Vec<u8>,
        data: Option<Vec<u8>>,
        acl: Vec<Grant>,
        kind: Kind,
    },
    GetAcl {
        path: Vec<u8>,
    },
    SetAcl {
        path: Vec<u8>,
        acl: Vec<Grant>,
        version: i32,
    },
    Auth {
        scheme: Vec<u8>,
        auth: Vec<u8>,
    },
    Multi(Vec<Change>),
    MultiRead(Vec<Read>),
    AddWatch {
        path: Vec<u8>,
        recursive: bool,
    },
    /// The watcher types of the protocol: 1 children, 2 data, 3 any, 4 persistent, 5 persistent recursive.
    CheckWatches {
        path: Vec<u8>,
        kind: i32,
    },
    RemoveWatches {
        path: Vec<u8>,
        kind: i32,
    },
    GetEphemerals {
        prefix: Vec<u8>,
    },
    GetAllChildrenNumber {
        path: Vec<u8>,
    },
    WhoAmI,
    Reconfig {
        joining: Option<Vec<u8>>,
        leaving: Option<Vec<u8>>,
        members: Option<Vec<u8>>,
        config: i64,
    },
}

/// What a request that succeeded brought.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    Created {
        path: Vec<u8>,
        stat: Stat,
    },
    Acl {
        acl: Vec<Grant>,
        stat: Stat,
    },
    Stat(Stat),
    Parts(Vec<Part>),
    Done,
    Paths(Vec<Vec<u8>>),
    Number(i32),
    /// Scheme and user.
    Identities(Vec<(Vec<u8>, Vec<u8>)>),
    Data {
        data: Option<Vec<u8>>,
        stat: Stat,
    },
}

/// The result of one part of a multi or a multiRead.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    Created {
        path: Vec<u8>,
        stat: Option<Stat>,
    },
    Deleted,
    Set(Stat),
    Checked,
    Data {
        data: Option<Vec<u8>>,
        stat: Stat,
    },
    Children(Vec<Vec<u8>>),
    /// The code, 0 for what stood before the part that failed.
    Failed(i32),
}

impl Request {
    pub fn code(&self) -> i32 {
        match self {
            Request::Create { kind, .. } => create_code(*kind),
            Request::GetAcl { .. } => Op::GET_ACL,
            Request::SetAcl { .. } => Op::SET_ACL,
            Request::Auth { .. } => Op::AUTH,
            Request::Multi(_) => Op::MULTI,
            Request::MultiRead(_) => Op::MULTI_READ,
            Request::AddWatch { .. } => Op::ADD_WATCH,
            Request::CheckWatches { .. } => Op::CHECK_WATCHES,
            Request::RemoveWatches { .. } => Op::REMOVE_WATCHES,
            Request::GetEphemerals { .. } => Op::GET_EPHEMERALS,
            Request::GetAllChildrenNumber { .. } => Op::GET_ALL_CHILDREN_NUMBER,
            Request::WhoAmI => Op::WHO_AM_I,
            Request::Reconfig { .. } => Op::RECONFIG,
        }
    }

    /// The operation to submit.
    pub fn operation(&self) -> Operation {
        Operation::Raw { op: self.code(), body: self.body() }
    }

    fn body(&self) -> Vec<u8> {
        match self {
            Request::Create { path, data, acl, kind } => create_body(path, data.as_deref(), acl, *kind),
            Request::GetAcl { path }
            | Request::GetEphemerals { prefix: path }
            | Request::GetAllChildrenNumber { path } => PathRequest { path }.to_bytes(),
            Request::SetAcl { path, acl, version } => {
                SetAclRequest { path, acl: Some(acl_of(acl)), version: *version }.to_bytes()
            }
            Request::Auth { scheme, auth } => AuthPacket { kind: 0, scheme, auth: Some(auth) }.to_bytes(),
            Request::Multi(changes) => {
                let bodies: Vec<_> = changes.iter().map(Change::encoded).collect();
                parts(&bodies)
            }
            Request::MultiRead(reads) => {
                let bodies: Vec<_> = reads.iter().map(Read::encoded).collect();
                parts(&bodies)
            }
            Request::AddWatch { path, recursive } => AddWatchRequest { path, mode: i32::from(*recursive) }.to_bytes(),
            Request::CheckWatches { path, kind } | Request::RemoveWatches { path, kind } => {
                WatchesRequest { path, kind: *kind }.to_bytes()
            }
            Request::WhoAmI => Vec::new(),
            Request::Reconfig { joining, leaving, members, config } => ReconfigRequest {
                joining: joining.as_deref(),
                leaving: leaving.as_deref(),
                new_members: members.as_deref(),
                config_id: *config,
            }
            .to_bytes(),
        }
    }

    /// Reads the body of this request's successful reply.
    pub fn answer(&self, body: &[u8]) -> Result<Answer, Malformed> {
        Ok(match self {
            Request::Create { .. } => {
                let Create2Reply { path, stat } = Create2Reply::from_bytes(body)?;
                Answer::Created { path: path.to_vec(), stat }
            }
            Request::GetAcl { .. } => {
                let GetAclReply { acl, stat } = GetAclReply::from_bytes(body)?;
                let grant = |entry: &zabra_core::wire::records::Acl<'_>| Grant {
                    perms: entry.perms,
                    scheme: entry.id.scheme.to_vec(),
                    id: entry.id.id.to_vec(),
                };
                Answer::Acl { acl: acl.iter().map(grant).collect(), stat }
            }
            Request::SetAcl { .. } => Answer::Stat(StatReply::from_bytes(body)?.stat),
            Request::Multi(_) | Request::MultiRead(_) => {
                Answer::Parts(multi::decode_results(body)?.into_iter().map(Part::from).collect())
            }
            Request::AddWatch { .. } => {
                ErrorReply::from_bytes(body)?;
                Answer::Done
            }
            Request::Auth { .. } | Request::CheckWatches { .. } | Request::RemoveWatches { .. } => {
                Reader::new(body).end("an empty reply")?;
                Answer::Done
            }
            Request::GetEphemerals { .. } => Answer::Paths(owned(&GetChildrenReply::from_bytes(body)?.children)),
            Request::GetAllChildrenNumber { .. } => Answer::Number(AllChildrenNumberReply::from_bytes(body)?.total),
            Request::WhoAmI => {
                let mut r = Reader::new(body);
                let infos: Vec<ClientInfo<'_>> = Jute::decode(&mut r)?;
                r.end("WhoAmIResponse")?;
                Answer::Identities(infos.iter().map(|info| (info.scheme.to_vec(), info.user.to_vec())).collect())
            }
            Request::Reconfig { .. } => {
                let GetDataReply { data, stat } = GetDataReply::from_bytes(body)?;
                Answer::Data { data: data.map(<[u8]>::to_vec), stat }
            }
        })
    }
}

impl Change {
    fn encoded(&self) -> (i32, Vec<u8>) {
        match self {
            Change::Create { path, data, acl, kind } => {
                (create_code(*kind), create_body(path, Some(data.as_slice()), acl, *kind))
            }
            Change::Delete { path, version } => (Op::DELETE, DeleteRequest { path, version: *version }.to_bytes()),
            Change::SetData { path, data, version } => {
                (Op::SET_DATA, SetDataRequest { path, data: Some(data.as_slice()), version: *version }.to_bytes())
            }
            Change::Check { path, version } => (Op::CHECK, CheckVersionRequest { path, version: *version }.to_bytes()),
        }
    }
}

impl Read {
    fn encoded(&self) -> (i32, Vec<u8>) {
        let (op, path) = match self {
            Read::Data { path } => (Op::GET_DATA, path),
            Read::Children { path } => (Op::GET_CHILDREN, path),
        };
        (op, ReadRequest { path, watch: false }.to_bytes())
    }
}

impl From<PartResult<'_>> for Part {
    fn from(result: PartResult<'_>) -> Part {
        match result {
            PartResult::Created { path, stat } => Part::Created { path: path.to_vec(), stat },
            PartResult::Deleted => Part::Deleted,
            PartResult::Set(stat) => Part::Set(stat),
            PartResult::Checked => Part::Checked,
            PartResult::Data { data, stat } => Part::Data { data: data.map(<[u8]>::to_vec), stat },
            PartResult::Children(children) => Part::Children(owned(&children)),
            PartResult::Failed(code) => Part::Failed(code),
        }
    }
}

fn create_code(kind: Kind) -> i32 {
    match kind {
        Kind::Container => Op::CREATE_CONTAINER,
        Kind::Ttl(_) | Kind::SequentialTtl(_) => Op::CREATE_TTL,
        Kind::Persistent | Kind::Ephemeral | Kind::PersistentSequential | Kind::EphemeralSequential => Op::CREATE2,
    }
}

fn create_body(path: &[u8], data: Option<&[u8]>, acl: &[Grant], kind: Kind) -> Vec<u8> {
    let (acl, flags) = (Some(acl_of(acl)), kind.flags());
    match kind {
        Kind::Ttl(ttl) | Kind::SequentialTtl(ttl) => CreateTtlRequest { path, data, acl, flags, ttl }.to_bytes(),
        Kind::Persistent
        | Kind::Ephemeral
        | Kind::PersistentSequential
        | Kind::EphemeralSequential
        | Kind::Container => CreateRequest { path, data, acl, flags }.to_bytes(),
    }
}

fn parts(bodies: &[(i32, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    multi::encode_request(bodies.iter().map(|(op, body)| (*op, body.as_slice())), &mut out);
    out
}

fn owned(paths: &[&[u8]]) -> Vec<Vec<u8>> {
    paths.iter().map(|path| path.to_vec()).collect()
}

#[cfg(test)]
mod tests;
