//! What ZAB asks of the server that it is part of: the service hears of it through `replica`.

use super::Request;
use crate::contract::Fault;
use crate::id::{ConnId, ServerId, SessionId, Zxid};
use crate::log::{Image, Record};

/// One consequence of a step outside ZAB, in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The record is committed: apply it.
    Deliver(Record),
    /// The leader's image replaces the database.
    Install(Image),
    /// As leader: a learner needs an image of the database; call `send_image`.
    SendImage { conn: ConnId },
    /// As leader: leadership is established.
    Established,
    /// As learner: UPTODATE arrived.
    UpToDate,
    /// As leader: a learner forwards a request.
    Forwarded { conn: ConnId, request: Request },
    /// As leader: a learner asks whether a session is alive.
    Revalidate { conn: ConnId, session: SessionId },
    /// As learner: the leader's answer.
    Revalidated { session: SessionId, valid: bool },
    /// As leader: a learner heard of these sessions.
    Touched { sessions: alloc::vec::Vec<(SessionId, i32)> },
    /// As learner: the leader's PING wants the touched sessions.
    AnswerPing { conn: ConnId, zxid: Zxid },
    /// The oldest `sync` of this server's own clients is answered.
    Synced,
    /// As leader: a learner's connection ended.
    LearnerGone { conn: ConnId },
    /// The server must stop.
    Stop(Fault),
}

/// What becomes of the role after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Next {
    Stay,
    Look,
    Lead,
    Learn { leader: ServerId },
}
