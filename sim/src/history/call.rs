//! Calls of clients and their answers, as histories hold them.

use super::Text;
use serde::{Deserialize, Serialize};
use zabra_client::{Operation, Outcome, Reply};
use zabra_core::wire::{Code, records};

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Call {
    /// `granted` is the length of the access control list.
    Create {
        path: Text,
        data: Option<Text>,
        flags: i32,
        granted: u32,
    },
    Delete {
        path: Text,
        version: i32,
    },
    Exists {
        path: Text,
        watch: bool,
    },
    GetData {
        path: Text,
        watch: bool,
    },
    SetData {
        path: Text,
        data: Option<Text>,
        version: i32,
    },
    GetChildren {
        path: Text,
        watch: bool,
    },
    GetChildren2 {
        path: Text,
        watch: bool,
    },
    Sync {
        path: Text,
    },
    Close,
}

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Answer {
    Created {
        path: Text,
    },
    Deleted,
    Stat(Stat),
    Data {
        data: Option<Text>,
        stat: Stat,
    },
    /// Sorted: the order on the wire means nothing.
    Children(Vec<Text>),
    Children2 {
        children: Vec<Text>,
        stat: Stat,
    },
    Synced {
        path: Text,
    },
    Closed,
    Error(i32),
}

/// A znode's metadata, as clients see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stat {
    pub czxid: u64,
    pub mzxid: u64,
    pub pzxid: u64,
    pub ctime: i64,
    pub mtime: i64,
    pub version: i32,
    pub cversion: i32,
    pub aversion: i32,
    pub owner: i64,
    pub data_length: i32,
    pub num_children: i32,
}

impl Call {
    /// Whether it goes through the quorum and has a transaction.
    pub fn is_write(&self) -> bool {
        match self {
            Call::Create { .. } | Call::Delete { .. } | Call::SetData { .. } | Call::Close => true,
            Call::Exists { .. }
            | Call::GetData { .. }
            | Call::GetChildren { .. }
            | Call::GetChildren2 { .. }
            | Call::Sync { .. } => false,
        }
    }

    pub fn path(&self) -> Option<&Text> {
        match self {
            Call::Create { path, .. }
            | Call::Delete { path, .. }
            | Call::Exists { path, .. }
            | Call::GetData { path, .. }
            | Call::SetData { path, .. }
            | Call::GetChildren { path, .. }
            | Call::GetChildren2 { path, .. }
            | Call::Sync { path } => Some(path),
            Call::Close => None,
        }
    }
}

impl From<&Operation> for Call {
    fn from(operation: &Operation) -> Call {
        match operation {
            Operation::Create { path, data, acl, mode } => Call::Create {
                path: path.into(),
                data: data.as_ref().map(Text::from),
                flags: mode.flags(),
                granted: u32::try_from(acl.len()).unwrap_or(u32::MAX),
            },
            Operation::Delete { path, version } => Call::Delete { path: path.into(), version: *version },
            Operation::Exists { path, watch } => Call::Exists { path: path.into(), watch: *watch },
            Operation::GetData { path, watch } => Call::GetData { path: path.into(), watch: *watch },
            Operation::SetData { path, data, version } => {
                Call::SetData { path: path.into(), data: data.as_ref().map(Text::from), version: *version }
            }
            Operation::GetChildren { path, watch } => Call::GetChildren { path: path.into(), watch: *watch },
            Operation::GetChildren2 { path, watch } => Call::GetChildren2 { path: path.into(), watch: *watch },
            Operation::Sync { path } => Call::Sync { path: path.into() },
            Operation::Close => Call::Close,
            Operation::Raw { op, .. } => {
                unreachable!("no simulated client submits a raw request ({op}): no oracle knows it")
            }
        }
    }
}

impl Answer {
    /// Whether the server answered that the request had waited too long, and did nothing else about it.
    pub fn is_throttled(&self) -> bool {
        *self == Answer::Error(Code::ThrottledOp.to_wire())
    }

    /// The answer that a client's outcome holds; `None` if it never learned of one.
    pub fn of(outcome: &Outcome) -> Option<Answer> {
        match outcome {
            Outcome::Done(reply) => Some(reply.into()),
            Outcome::Failed(code) => Some(Answer::Error(code.to_wire())),
            Outcome::Unknown | Outcome::NotSent => None,
        }
    }
}

impl From<&Reply> for Answer {
    fn from(reply: &Reply) -> Answer {
        match reply {
            Reply::Created { path } => Answer::Created { path: path.into() },
            Reply::Deleted => Answer::Deleted,
            Reply::Stat(stat) => Answer::Stat(stat.into()),
            Reply::Data { data, stat } => Answer::Data { data: data.as_ref().map(Text::from), stat: stat.into() },
            Reply::Children(children) => Answer::Children(sorted(children)),
            Reply::Children2 { children, stat } => Answer::Children2 { children: sorted(children), stat: stat.into() },
            Reply::Synced { path } => Answer::Synced { path: path.into() },
            Reply::Closed => Answer::Closed,
            Reply::Raw(_) => unreachable!("no simulated client submits a raw request"),
        }
    }
}

fn sorted(children: &[Vec<u8>]) -> Vec<Text> {
    let mut children: Vec<Text> = children.iter().map(Text::from).collect();
    children.sort();
    children
}

impl From<&records::Stat> for Stat {
    fn from(stat: &records::Stat) -> Stat {
        Stat {
            czxid: stat.czxid as u64,
            mzxid: stat.mzxid as u64,
            pzxid: stat.pzxid as u64,
            ctime: stat.ctime,
            mtime: stat.mtime,
            version: stat.version,
            cversion: stat.cversion,
            aversion: stat.aversion,
            owner: stat.ephemeral_owner,
            data_length: stat.data_length,
            num_children: stat.num_children,
        }
    }
}
