//! The records of the client port (reference/zookeeper.md sections 1.3 to 1.9), borrowed from the
//! frame that they were decoded from.
//!
//! Strings are bytes: what Java writes need not be valid UTF-8.

use super::jute::record;
use alloc::vec::Vec;

pub use super::connect::{ConnectRequest, ConnectResponse};

record! {
    /// An identity: scheme and id within the scheme.
    Id<'a> { scheme: &'a [u8], id: &'a [u8] }
    /// One entry of an access control list; `perms` is a set of permission bits.
    Acl<'a> { perms: i32, id: Id<'a> }
    /// A znode's metadata as clients see it (68 bytes). `cversion` is 2·raw − `num_children`.
    Stat {
        czxid: i64, mzxid: i64, ctime: i64, mtime: i64, version: i32, cversion: i32, aversion: i32,
        ephemeral_owner: i64, data_length: i32, num_children: i32, pzxid: i64,
    }
    /// A znode's metadata as logs, snapshots and digests hold it (60 bytes). `cversion` is raw.
    StatPersisted {
        czxid: i64, mzxid: i64, ctime: i64, mtime: i64, version: i32, cversion: i32, aversion: i32,
        ephemeral_owner: i64, pzxid: i64,
    }
    RequestHeader { xid: i32, op: i32 }
    /// `err` other than 0 means that no body follows.
    ReplyHeader { xid: i32, zxid: i64, err: i32 }
    CreateRequest<'a> { path: &'a [u8], data: Option<&'a [u8]>, acl: Option<Vec<Acl<'a>>>, flags: i32 }
    CreateTtlRequest<'a> { path: &'a [u8], data: Option<&'a [u8]>, acl: Option<Vec<Acl<'a>>>, flags: i32, ttl: i64 }
    DeleteRequest<'a> { path: &'a [u8], version: i32 }
    SetDataRequest<'a> { path: &'a [u8], data: Option<&'a [u8]>, version: i32 }
    SetAclRequest<'a> { path: &'a [u8], acl: Option<Vec<Acl<'a>>>, version: i32 }
    CheckVersionRequest<'a> { path: &'a [u8], version: i32 }
    /// exists, getData, getChildren and getChildren2 share this shape.
    ReadRequest<'a> { path: &'a [u8], watch: bool }
    /// sync, getACL, getAllChildrenNumber and getEphemerals share this shape.
    PathRequest<'a> { path: &'a [u8] }
    AddWatchRequest<'a> { path: &'a [u8], mode: i32 }
    /// checkWatches and removeWatches share this shape.
    WatchesRequest<'a> { path: &'a [u8], kind: i32 }
    SetWatches<'a> { relative_zxid: i64, data: Vec<&'a [u8]>, exist: Vec<&'a [u8]>, child: Vec<&'a [u8]> }
    SetWatches2<'a> {
        relative_zxid: i64, data: Vec<&'a [u8]>, exist: Vec<&'a [u8]>, child: Vec<&'a [u8]>,
        persistent: Vec<&'a [u8]>, persistent_recursive: Vec<&'a [u8]>,
    }
    ReconfigRequest<'a> { joining: Option<&'a [u8]>, leaving: Option<&'a [u8]>, new_members: Option<&'a [u8]>, config_id: i64 }
    AuthPacket<'a> { kind: i32, scheme: &'a [u8], auth: Option<&'a [u8]> }
    SaslToken<'a> { token: Option<&'a [u8]> }
    MultiHeader { op: i32, done: bool, err: i32 }
    /// The path of a created or synced znode.
    PathReply<'a> { path: &'a [u8] }
    Create2Reply<'a> { path: &'a [u8], stat: Stat }
    /// exists, setData and setACL share this shape.
    StatReply { stat: Stat }
    GetDataReply<'a> { data: Option<&'a [u8]>, stat: Stat }
    GetChildrenReply<'a> { children: Vec<&'a [u8]> }
    GetChildren2Reply<'a> { children: Vec<&'a [u8]>, stat: Stat }
    GetAclReply<'a> { acl: Vec<Acl<'a>>, stat: Stat }
    AllChildrenNumberReply { total: i32 }
    /// The body of addWatch's reply, and of a failed operation inside a multi.
    ErrorReply { err: i32 }
    ClientInfo<'a> { scheme: &'a [u8], user: &'a [u8] }
    WatcherEvent<'a> { kind: i32, state: i32, path: &'a [u8] }
}
