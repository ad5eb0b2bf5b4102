//! The clients of a world: a session state machine of `zabra-client`, or a raw socket that behaves
//! as badly as it likes.

use std::sync::Arc;
use zabra_client::{Config, Operation, Output, Session, Timer};
use zabra_core::id::ServerId;

/// A client of the world.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    pub kind: ClientKind,
    /// The connection in use.
    pub line: Option<u32>,
    /// Operations submitted so far: the next handle.
    pub submitted: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClientKind {
    Session(Box<Session>),
    Raw,
}

impl Client {
    pub fn session(config: Config) -> Client {
        Client { kind: ClientKind::Session(Box::new(Session::new(Arc::new(config)))), line: None, submitted: 0 }
    }

    pub fn raw() -> Client {
        Client { kind: ClientKind::Raw, line: None, submitted: 0 }
    }

    /// The session state machine of a well-behaved client.
    pub fn state(&self) -> Option<&Session> {
        match &self.kind {
            ClientKind::Session(session) => Some(session),
            ClientKind::Raw => None,
        }
    }
}

/// What happens to a client or to its connections; `nth` counts from the oldest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClientStep {
    /// A well-behaved client begins a session.
    Start,
    Submit(Operation),
    Fire(Timer),
    /// What the client sent arrives at the server, all of the oldest write or so many bytes.
    Up {
        nth: u8,
        bytes: Option<u32>,
    },
    /// What the server sent arrives at the client.
    Down {
        nth: u8,
        bytes: Option<u32>,
    },
    Break {
        nth: u8,
        keep: [u16; 2],
    },
    /// A raw client opens one more connection.
    Dial {
        server: ServerId,
    },
    /// A raw client writes to one of its connections.
    Write {
        nth: u8,
        bytes: Vec<u8>,
    },
    /// A raw client closes one of its connections.
    Hang {
        nth: u8,
    },
}

/// What a client learned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClientEvent {
    /// What a session machine put out beside its commands to the driver.
    Said(Output),
    /// Bytes that a raw client received.
    Received {
        line: u32,
        bytes: Vec<u8>,
    },
    Lost {
        line: u32,
    },
}
