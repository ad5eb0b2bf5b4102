//! What passes between a session and its driver: what happened, and what is to be done or known.
//! Types only.

use crate::operation::{Code, Operation, Reply};
use crate::watches::WatchEvent;
use zabra_core::id::{SessionId, Zxid};
use zabra_core::wire::Malformed;

/// What a session is told once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// The caller's names of the servers, in the order in which they are tried; not empty.
    pub servers: Vec<u32>,
    /// The session timeout asked for; the server may clamp it.
    pub timeout_ms: u32,
    /// Whether the optional readOnly byte is sent, and its value.
    pub read_only: Option<bool>,
    /// The pause after all servers were tried in vain.
    pub retry_ms: u32,
    /// The longest frame taken from a server; the Java client's limit unless told otherwise.
    pub frame_bytes: u32,
    /// Whether identities and the watches of addWatch are given again on every new connection.
    pub remembers: bool,
}

impl Config {
    pub fn new(servers: Vec<u32>, timeout_ms: u32) -> Config {
        Config { servers, timeout_ms, read_only: Some(false), retry_ms: 1000, frame_bytes: 0xf_ffff, remembers: false }
    }
}

/// The caller's name of a submitted operation; it comes back with the completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    Connect,
    Ping,
    Read,
    Retry,
}

/// Something that happened. Inputs that do not fit the state (a timer that was just disarmed, bytes
/// of a connection that was hung up) change nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input<'a> {
    /// Begin a new session: at first, and after the last one ended.
    Start,
    /// The connection that was asked for is open.
    Connected,
    /// Bytes of the open connection, cut anywhere.
    Received(&'a [u8]),
    /// The connection broke, or could not be opened. Not said after `Output::Hang`.
    Disconnected,
    Fired(Timer),
    Submit {
        handle: Handle,
        operation: Operation,
    },
}

/// Something for the driver to do or to know, in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// Open a connection to this server of the list. There is at most one connection.
    Connect {
        server: u32,
    },
    Send(Vec<u8>),
    /// Close the connection (or give up opening it).
    Hang,
    /// Arm a timer anew: it fires once, after so many milliseconds.
    Arm {
        timer: Timer,
        after_ms: u32,
    },
    Disarm {
        timer: Timer,
    },
    /// The operation's request leaves now, under this xid: from here on it may take effect.
    Sent {
        handle: Handle,
        session: SessionId,
        xid: i32,
    },
    /// The operation is finished; every submitted operation gets exactly one completion.
    Completed {
        handle: Handle,
        session: SessionId,
        /// `None` if it was never sent.
        xid: Option<i32>,
        /// The reply's zxid, if there was a reply.
        zxid: Option<Zxid>,
        outcome: Outcome,
    },
    Watch(WatchEvent),
    Session(SessionEvent),
}

/// What became of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Done(Reply),
    Failed(Code),
    /// It was sent, and the connection ended before its reply: it may have been executed.
    Unknown,
    /// It was never sent: the session ended before.
    NotSent,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SessionEvent {
    /// The session is attached to a server: `fresh` for the first time.
    Attached {
        session: SessionId,
        server: u32,
        timeout_ms: u32,
        read_only: bool,
        fresh: bool,
    },
    /// A setWatches packet was answered at this zxid: what its watches missed was told before, and
    /// they are registered again. `last` for the last packet of this connection.
    WatchesRearmed {
        zxid: Zxid,
        last: bool,
    },
    /// The connection is gone; the session may be alive.
    Disconnected,
    /// A server sent what the protocol does not allow; the connection is closed and the next
    /// server tried.
    ServerWrong(Wrong),
    Ended(Ended),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// A server refused the session.
    Expired,
    /// The server confirmed the close.
    Closed,
    /// The connection ended after the close was sent: the session is closed or expires.
    Abandoned,
}

/// Bytes from a server that are not what the protocol says they must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wrong {
    FrameLength(i32),
    Record(Malformed),
    /// A reply that answers nothing, or not the oldest request.
    Xid {
        expected: Option<i32>,
        got: i32,
    },
    /// An error code that servers do not send.
    ErrorCode(i32),
    /// A watch event of a kind that servers do not send.
    EventKind(i32),
    /// Another session than the one asked for was attached.
    OtherSession(SessionId),
}

impl From<Malformed> for Wrong {
    fn from(malformed: Malformed) -> Self {
        Wrong::Record(malformed)
    }
}
