//! The operations of a client, their request frames and their typed results (sections 1.4 to 1.6).

use crate::deframe::frame;
pub use zabra_core::wire::Code;
use zabra_core::wire::records::{
    Acl, CreateRequest, DeleteRequest, GetChildren2Reply, GetChildrenReply, GetDataReply, Id, PathReply, PathRequest,
    ReadRequest, RequestHeader, SetDataRequest, Stat, StatReply,
};
use zabra_core::wire::{Jute, Malformed, Op};

/// What kind of znode a create makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CreateMode {
    Persistent,
    Ephemeral,
    PersistentSequential,
    EphemeralSequential,
    /// Any flags, for conversations that no well-behaved client has.
    Raw(i32),
}

impl CreateMode {
    pub fn flags(self) -> i32 {
        match self {
            CreateMode::Persistent => 0,
            CreateMode::Ephemeral => 1,
            CreateMode::PersistentSequential => 2,
            CreateMode::EphemeralSequential => 3,
            CreateMode::Raw(flags) => flags,
        }
    }
}

/// One entry of an access control list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    pub perms: i32,
    pub scheme: Vec<u8>,
    pub id: Vec<u8>,
}

impl Grant {
    /// Everything for everybody: `world:anyone:cdrwa`.
    pub fn open() -> Vec<Grant> {
        vec![Grant { perms: 31, scheme: b"world".to_vec(), id: b"anyone".to_vec() }]
    }
}

/// A request of a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    Create {
        path: Vec<u8>,
        data: Option<Vec<u8>>,
        acl: Vec<Grant>,
        mode: CreateMode,
    },
    /// A version of −1 is any.
    Delete {
        path: Vec<u8>,
        version: i32,
    },
    Exists {
        path: Vec<u8>,
        watch: bool,
    },
    GetData {
        path: Vec<u8>,
        watch: bool,
    },
    SetData {
        path: Vec<u8>,
        data: Option<Vec<u8>>,
        version: i32,
    },
    GetChildren {
        path: Vec<u8>,
        watch: bool,
    },
    GetChildren2 {
        path: Vec<u8>,
        watch: bool,
    },
    Sync {
        path: Vec<u8>,
    },
    /// Ends the session; nothing can be submitted after it.
    Close,
    /// Any other request, its body already encoded: see [`crate::request`].
    Raw {
        op: i32,
        body: Vec<u8>,
    },
}

/// What a successful operation returned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    Created {
        path: Vec<u8>,
    },
    Deleted,
    /// exists and setData.
    Stat(Stat),
    Data {
        data: Option<Vec<u8>>,
        stat: Stat,
    },
    Children(Vec<Vec<u8>>),
    Children2 {
        children: Vec<Vec<u8>>,
        stat: Stat,
    },
    Synced {
        path: Vec<u8>,
    },
    Closed,
    /// The body of the reply to a raw request.
    Raw(Vec<u8>),
}

impl Operation {
    /// An open, persistent znode: the usual create.
    pub fn create(path: &str, data: &[u8], mode: CreateMode) -> Operation {
        Operation::Create { path: path.as_bytes().to_vec(), data: Some(data.to_vec()), acl: Grant::open(), mode }
    }

    pub fn code(&self) -> i32 {
        match self {
            Operation::Create { .. } => Op::CREATE,
            Operation::Delete { .. } => Op::DELETE,
            Operation::Exists { .. } => Op::EXISTS,
            Operation::GetData { .. } => Op::GET_DATA,
            Operation::SetData { .. } => Op::SET_DATA,
            Operation::GetChildren { .. } => Op::GET_CHILDREN,
            Operation::GetChildren2 { .. } => Op::GET_CHILDREN2,
            Operation::Sync { .. } => Op::SYNC,
            Operation::Close => Op::CLOSE_SESSION,
            Operation::Raw { op, .. } => *op,
        }
    }

    /// Whether it goes through the quorum and has a transaction.
    pub fn is_write(&self) -> bool {
        match self {
            Operation::Create { .. } | Operation::Delete { .. } | Operation::SetData { .. } | Operation::Close => true,
            Operation::Exists { .. }
            | Operation::GetData { .. }
            | Operation::GetChildren { .. }
            | Operation::GetChildren2 { .. }
            | Operation::Sync { .. } => false,
            Operation::Raw { op, .. } => matches!(
                *op,
                Op::CREATE2 | Op::CREATE_CONTAINER | Op::CREATE_TTL | Op::SET_ACL | Op::MULTI | Op::RECONFIG
            ),
        }
    }

    /// The request frame, length included.
    pub fn frame(&self, xid: i32) -> Vec<u8> {
        frame(|out| {
            RequestHeader { xid, op: self.code() }.encode(out);
            self.encode_body(out);
        })
    }

    fn encode_body(&self, out: &mut Vec<u8>) {
        match self {
            Operation::Create { path, data, acl, mode } => {
                let acl = Some(acl_of(acl));
                CreateRequest { path, data: data.as_deref(), acl, flags: mode.flags() }.encode(out);
            }
            Operation::Delete { path, version } => DeleteRequest { path, version: *version }.encode(out),
            Operation::SetData { path, data, version } => {
                SetDataRequest { path, data: data.as_deref(), version: *version }.encode(out);
            }
            Operation::Exists { path, watch }
            | Operation::GetData { path, watch }
            | Operation::GetChildren { path, watch }
            | Operation::GetChildren2 { path, watch } => ReadRequest { path, watch: *watch }.encode(out),
            Operation::Sync { path } => PathRequest { path }.encode(out),
            Operation::Close => {}
            Operation::Raw { body, .. } => out.extend_from_slice(body),
        }
    }

    /// Reads the body of this operation's successful reply.
    pub fn decode_reply(&self, body: &[u8]) -> Result<Reply, Malformed> {
        Ok(match self {
            Operation::Create { .. } => Reply::Created { path: PathReply::from_bytes(body)?.path.to_vec() },
            Operation::Sync { .. } => Reply::Synced { path: PathReply::from_bytes(body)?.path.to_vec() },
            Operation::Exists { .. } | Operation::SetData { .. } => Reply::Stat(StatReply::from_bytes(body)?.stat),
            Operation::GetData { .. } => {
                let reply = GetDataReply::from_bytes(body)?;
                Reply::Data { data: reply.data.map(<[u8]>::to_vec), stat: reply.stat }
            }
            Operation::GetChildren { .. } => Reply::Children(owned(&GetChildrenReply::from_bytes(body)?.children)),
            Operation::GetChildren2 { .. } => {
                let reply = GetChildren2Reply::from_bytes(body)?;
                Reply::Children2 { children: owned(&reply.children), stat: reply.stat }
            }
            Operation::Delete { .. } => {
                Nothing::from_bytes(body)?;
                Reply::Deleted
            }
            Operation::Close => {
                Nothing::from_bytes(body)?;
                Reply::Closed
            }
            Operation::Raw { .. } => Reply::Raw(body.to_vec()),
        })
    }
}

/// An access control list as the records hold it.
pub(crate) fn acl_of(grants: &[Grant]) -> Vec<Acl<'_>> {
    grants.iter().map(|grant| Acl { perms: grant.perms, id: Id { scheme: &grant.scheme, id: &grant.id } }).collect()
}

fn owned(paths: &[&[u8]]) -> Vec<Vec<u8>> {
    paths.iter().map(|path| path.to_vec()).collect()
}

/// A record without fields.
struct Nothing;

impl Jute<'_> for Nothing {
    fn encode(&self, _: &mut Vec<u8>) {}

    fn decode(_: &mut zabra_core::wire::Reader<'_>) -> Result<Self, Malformed> {
        Ok(Nothing)
    }
}

/// The error code of a reply header, if servers send such a code.
pub(crate) fn code_from_wire(err: i32) -> Option<Code> {
    const ALL: [Code; 28] = [
        Code::Ok,
        Code::SystemError,
        Code::RuntimeInconsistency,
        Code::DataInconsistency,
        Code::MarshallingError,
        Code::Unimplemented,
        Code::BadArguments,
        Code::UnknownSession,
        Code::NewConfigNoQuorum,
        Code::ReconfigInProgress,
        Code::ApiError,
        Code::NoNode,
        Code::NoAuth,
        Code::BadVersion,
        Code::NoChildrenForEphemerals,
        Code::NodeExists,
        Code::NotEmpty,
        Code::SessionExpired,
        Code::InvalidAcl,
        Code::AuthFailed,
        Code::SessionMoved,
        Code::NotReadOnly,
        Code::EphemeralOnLocalSession,
        Code::NoWatcher,
        Code::ReconfigDisabled,
        Code::SessionClosedRequireSaslAuth,
        Code::QuotaExceeded,
        Code::ThrottledOp,
    ];
    ALL.into_iter().find(|code| code.to_wire() == err)
}
