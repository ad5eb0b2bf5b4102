//! What a server commands.

use super::{Event, StorageError, Timer};
use crate::config::Ensemble;
use crate::id::{ClientId, ConnId, Epoch, ServerId, SessionId, Zxid};
use crate::log::{Image, Record, StorageAction};
use crate::zab::{Notification, Packet};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// One command of a server to its driver. The driver performs the actions of a step in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Send an election message; the newest replaces one that still waits (`zab::election::links`).
    Notify {
        to: ServerId,
        notification: Arc<Notification>,
    },
    /// Open a quorum connection. Answered by `Opened` or `Refused`.
    Dial {
        peer: ServerId,
    },
    /// Close a quorum connection. Nothing more of it is delivered to this server.
    Hang {
        conn: ConnId,
    },
    Send {
        conn: ConnId,
        packet: Packet,
    },

    /// Append to the log.
    Append(Record),
    /// Cut the log: every record above `after` goes.
    Truncate {
        after: Zxid,
    },
    SaveAccepted(Epoch),
    SaveCurrent(Epoch),
    /// Replace snapshots and log by this image.
    Install(Image),
    /// A barrier: nothing issued after it becomes durable before everything issued before it is.
    Sync,
    /// Write a snapshot in the background; at most one at a time. Answered by `Checkpointed`.
    Checkpoint(Image),
    /// Read the log from the record `after` itself (which proves that the log holds it) up to and
    /// including `until`, for a learner's synchronization. Answered by `LogRead`, unless the connection ends first.
    ReadLog {
        conn: ConnId,
        after: Zxid,
        until: Zxid,
    },

    /// Send a frame (length included), a span of the arena, to one client.
    Reply {
        client: ClientId,
        frame: Span,
    },
    /// Send one frame to many clients: `clients` is a span of [`Actions::watchers`].
    Watch {
        clients: Span,
        frame: Span,
    },
    /// Close a client's connection after what was sent to it before.
    Drop {
        client: ClientId,
        reason: DropReason,
    },
    /// Stop reading from a client.
    Pause {
        client: ClientId,
    },
    Resume {
        client: ClientId,
    },

    /// These are the ensemble's configurations from now on: where members listen stands in their texts. What
    /// is in force is kept for the next start.
    Configure {
        active: Arc<Ensemble>,
        proposed: Option<Arc<Ensemble>>,
    },

    /// Arm a timer anew: it fires once, after so many milliseconds.
    Arm {
        timer: Timer,
        after_ms: u32,
    },
    Disarm {
        timer: Timer,
    },
    /// These sessions were heard of: their armed timers start again with the same duration.
    Touch {
        sessions: Vec<SessionId>,
    },

    /// The server must exit; a restart recovers. Always the last action.
    Stop {
        fault: Fault,
    },
}

impl Action {
    /// The storage action that this is, or the action itself if it is none.
    pub fn into_storage(self) -> Result<StorageAction, Action> {
        match self {
            Action::Append(record) => Ok(StorageAction::Append(record)),
            Action::Truncate { after } => Ok(StorageAction::Truncate { after }),
            Action::SaveAccepted(epoch) => Ok(StorageAction::SaveAccepted(epoch)),
            Action::SaveCurrent(epoch) => Ok(StorageAction::SaveCurrent(epoch)),
            Action::Install(image) => Ok(StorageAction::Install(image)),
            Action::Sync => Ok(StorageAction::Sync),
            Action::Checkpoint(image) => Ok(StorageAction::Checkpoint(image)),
            other @ (Action::Notify { .. }
            | Action::Dial { .. }
            | Action::Hang { .. }
            | Action::Send { .. }
            | Action::ReadLog { .. }
            | Action::Reply { .. }
            | Action::Watch { .. }
            | Action::Drop { .. }
            | Action::Pause { .. }
            | Action::Resume { .. }
            | Action::Configure { .. }
            | Action::Arm { .. }
            | Action::Disarm { .. }
            | Action::Touch { .. }
            | Action::Stop { .. }) => Err(other),
        }
    }
}

/// A range of the arena or of the list of watchers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    pub start: u32,
    pub len: u32,
}

/// Why a client's connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// The bytes were no request.
    Malformed,
    /// The client has seen a later zxid than this server has applied (section 1.3).
    ZxidAhead,
    /// The session could not be re-opened: unknown, expired or a wrong password.
    SessionRefused,
    /// The session was closed by its client.
    SessionClosed,
    SessionExpired,
    /// Another server or connection has taken the session over.
    SessionMoved,
    /// The operation does not exist (error −6 was sent).
    UnknownOperation,
    /// The tree was replaced or cut: pending requests cannot be answered.
    Resynchronized,
    /// The wait for a leader passed the session's timeout.
    NoLeader,
    LimitReached,
    /// A large request came, and the others' are as many bytes as there may be.
    LargeRequest,
    /// A request waited to be taken for longer than its session's timeout.
    StaleRequest,
    /// An auth packet showed nothing (error −115 was sent).
    AuthFailed,
    /// A read-only server was asked for a session that it did not give: whether it is alive, it cannot know.
    NotOurSession,
    /// A quorum came: the connection was served without one.
    ReadOnlyEnded,
}

/// Why a server stops itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A COMMIT that is not the head of the proposals waiting for one (Apache's exit code 12).
    UnmatchedCommit {
        expected: Option<Zxid>,
        got: Zxid,
    },
    /// A leader asked to cut below what is committed here.
    TruncateCommitted {
        committed: Zxid,
        after: Zxid,
    },
    Storage(StorageError),
    /// A committed transaction that cannot be decoded.
    UnreadableTransaction {
        zxid: Zxid,
    },
    /// The epochs on disk contradict each other or the log (section 3.8).
    EpochsContradict,
    /// No reign can follow the accepted epoch on disk.
    EpochsExhausted,
}

/// The actions and events of a step, with the arena that holds the bytes of replies.
///
/// The driver owns it, performs the list in order, and clears it for the next step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Actions {
    list: Vec<Action>,
    arena: Vec<u8>,
    watchers: Vec<ClientId>,
    events: Vec<Event>,
    is_stopped: bool,
}

/// Room for replies that is kept from step to step.
const KEPT_BYTES: usize = 4 << 20;

impl Actions {
    pub fn new() -> Self {
        Actions::default()
    }

    pub fn clear(&mut self) {
        self.list.clear();
        self.arena.clear();
        // A burst's room is given back.
        self.arena.shrink_to(KEPT_BYTES);
        self.watchers.clear();
        self.events.clear();
        self.is_stopped = false;
    }

    pub fn push(&mut self, action: Action) {
        self.is_stopped |= matches!(action, Action::Stop { .. });
        self.list.push(action);
    }

    /// Whether the server stops: nothing more is decided in this step.
    pub fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    pub fn report(&mut self, event: Event) {
        self.events.push(event);
    }

    pub fn list(&self) -> &[Action] {
        &self.list
    }

    /// Takes the actions out, leaving arena, watchers and events readable.
    pub fn drain(&mut self) -> alloc::vec::Drain<'_, Action> {
        self.list.drain(..)
    }

    /// The same, in exchange for an empty list, whose room the next step uses.
    pub fn exchange(&mut self, list: &mut Vec<Action>) {
        assert!(list.is_empty(), "what is taken in has been performed");
        core::mem::swap(&mut self.list, list);
    }

    /// What the step reports to metrics, logs, oracles and marks; in the order it happened.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// How many bytes of replies and events this step has written.
    pub fn arena_len(&self) -> usize {
        self.arena.len()
    }

    /// The bytes of a span of the arena.
    pub fn bytes(&self, span: Span) -> &[u8] {
        &self.arena[span.start as usize..(span.start + span.len) as usize]
    }

    /// The connections that a `Watch` action names.
    pub fn watchers(&self, span: Span) -> &[ClientId] {
        &self.watchers[span.start as usize..(span.start + span.len) as usize]
    }

    /// Writes one frame into the arena: the closure writes the payload, the length is put before it.
    pub fn frame(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Span {
        let start = self.arena.len();
        self.arena.extend_from_slice(&[0; 4]);
        write(&mut self.arena);
        let payload = u32::try_from(self.arena.len() - start - 4).expect("a frame is bounded by Limits");
        self.arena[start..start + 4].copy_from_slice(&payload.to_be_bytes());
        Span { start: u32::try_from(start).expect("a step's arena is below 4 GiB"), len: payload + 4 }
    }

    /// Adds a list of connections that one frame goes to.
    pub fn add_watchers(&mut self, clients: impl IntoIterator<Item = ClientId>) -> Span {
        let start = self.watchers.len();
        self.watchers.extend(clients);
        Span { start: start as u32, len: (self.watchers.len() - start) as u32 }
    }
}
