//! What happens to a server.

use super::Timer;
use crate::id::{ClientId, ConnId, ServerId, Zxid};
use crate::log::{Record, StoreError, VfsError};
use crate::zab::{Notification, Packet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

/// One thing that happened to a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input<'a> {
    /// An election message arrived.
    Notified { from: ServerId, notification: Arc<Notification> },
    /// Nothing answers at the election address of this peer: its process is not there. Said at each
    /// attempt to connect; a peer that is merely silent is never reported. The shell says it only of a peer
    /// that was there before (decision 0041).
    Unreachable { peer: ServerId },
    /// A quorum connection opened: one that this server dialled, or one that it accepted.
    Opened { conn: ConnId, origin: Origin },
    /// The peer that `Dial` named could not be reached.
    Refused { peer: ServerId },
    /// A packet arrived on a quorum connection, in order.
    Packet { conn: ConnId, packet: Packet },
    /// A quorum connection ended. Nothing more of it is delivered.
    Broken { conn: ConnId },

    /// A client connected.
    ClientOpened { client: ClientId, from: ClientOrigin },
    /// A client sent a frame: the bytes after the length.
    ClientFrame { client: ClientId, frame: &'a [u8] },
    /// A client's connection ended. Nothing more of it is delivered.
    ClientClosed { client: ClientId },

    /// The oldest `count` storage actions of this incarnation that were not yet reported are
    /// durable. `Append`, `Truncate`, `SaveAccepted`, `SaveCurrent` and `Install` count; `Sync`
    /// and `Checkpoint` do not.
    Durable { count: u32 },
    /// The checkpoint of `zxid` is complete: `bytes` long.
    Checkpointed { zxid: Zxid, bytes: u64 },
    /// The answer to `ReadLog` for this connection: contiguous records that begin with the one that
    /// was named, or none when the log does not hold it.
    LogRead { conn: ConnId, records: Vec<Record> },
    /// A storage action failed. The server stops; a failed write is never retried.
    StorageFailed { error: StorageError },

    /// An armed timer fired. Firing late or early by any amount is safe.
    Fired { timer: Timer },
}

/// How a quorum connection came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    Dialed(ServerId),
    Accepted,
}

/// Where a client connects from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientOrigin {
    pub address: IpAddr,
    /// The subject of the client's TLS certificate, if it showed one.
    pub subject: Option<Arc<[u8]>>,
}

/// Why a storage action failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StorageError {
    Io,
    Full,
}

impl From<&StoreError> for StorageError {
    fn from(error: &StoreError) -> Self {
        match error.error {
            VfsError::Full => StorageError::Full,
            VfsError::Io | VfsError::NotFound | VfsError::Exists => StorageError::Io,
        }
    }
}
