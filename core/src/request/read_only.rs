//! Read-only mode: a server that has been without a quorum for a while answers the reads of clients
//! that allow for it (reference/zookeeper.md section 1.11).
//!
//! What it answers from is committed, for nothing else is ever applied, and it may be old. Nothing that
//! it does is logged: its sessions are its own, and end when a quorum comes. A session of the ensemble
//! it neither opens nor refuses: whether that is alive, only a leader knows.

use super::connection::{Form, Opening, Phase, Then, Wait};
use super::open::negotiated;
use super::role::Role;
use super::{Service, Want};
use crate::contract::{Cx, DropReason, Event, LocalTurn, Timer};
use crate::id::{ClientId, SessionId, Zxid};
use crate::rule::{Rule, Rules};
use crate::session::password;
use crate::wire::records::ConnectRequest;
use crate::wire::{Code, Jute, Op, Reader};
use alloc::vec::Vec;

/// What becomes of a request that is not a read.
pub(super) fn answer(op: i32) -> Wait {
    match op {
        Op::CLOSE_SESSION => Wait::Closed,
        _ => Wait::Failed { err: Code::NotReadOnly, then: Then::Continue },
    }
}

impl Service {
    pub(super) fn await_read_only<R: Rules>(cx: &mut Cx<'_, R>) {
        if cx.config.read_only {
            cx.arm(Timer::ReadOnly, cx.config.read_only_grace_ms());
        }
    }

    /// Whether reads are answered without a quorum.
    pub fn is_read_only(&self) -> bool {
        self.role == Role::ReadOnly
    }

    /// There has been no quorum for a while: clients that wait and allow for it are served.
    pub fn begin_read_only<R: Rules>(&mut self, cx: &mut Cx<'_, R>, wants: &mut Vec<Want>) {
        if self.role != Role::Looking || !cx.config.read_only {
            return;
        }
        self.role = Role::ReadOnly;
        cx.report(Event::ReadOnly { serves: true });
        let waiting: Vec<ClientId> = self.clients.keys().copied().collect();
        for client in waiting {
            let Some(connection) = self.clients.get_mut(&client) else { continue };
            let allows = connection.held.front().is_some_and(|frame| allows_for_it(frame));
            if connection.phase == Phase::New && allows {
                let frame = connection.held.pop_front().expect("it was looked at");
                connection.bytes -= frame.len();
                cx.disarm(Timer::NoLeader(client));
                self.on_connect(cx, client, &frame, wants);
            }
        }
    }

    /// A quorum has come: whom this server served without one comes back, to a server that has one.
    pub fn end_read_only<R: Rules>(&mut self, cx: &mut Cx<'_, R>) {
        if cx.config.read_only {
            cx.disarm(Timer::ReadOnly);
        }
        if self.role != Role::ReadOnly {
            return;
        }
        let ends = |session: &SessionId| session.is_read_only() && cx.enforces(Rule::ReadOnlySessionsEnd);
        let sessions: Vec<SessionId> = self.locals.keys().copied().filter(ends).collect();
        for session in sessions {
            if let Some(&client) = self.carriers.get(&session) {
                self.drop_client(cx, client, DropReason::ReadOnlyEnded);
            }
            self.end_local(cx, session, LocalTurn::Ends);
        }
        self.role = Role::Looking;
        cx.report(Event::ReadOnly { serves: false });
    }

    /// The first frame of a connection whose client allows for old answers.
    pub(super) fn on_read_only_connect<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: ClientId,
        request: &ConnectRequest<'_>,
        wants: &mut Vec<Want>,
    ) {
        let is_ahead = request.last_zxid_seen > self.applied().to_wire();
        if is_ahead && cx.enforces(Rule::ClientNotAhead) {
            return self.drop_client(cx, client, DropReason::ZxidAhead);
        }
        let last_seen = Zxid::from_wire(request.last_zxid_seen.max(0));
        let timeout_ms = negotiated(cx, request.timeout_ms);
        let opening = |session| Opening { session, timeout_ms, last_seen, form: Form::WithReadOnly };
        let session = match SessionId(request.session) {
            SessionId::NONE => {
                let session = self.unused_read_only_id();
                self.begin_local(cx, session, timeout_ms);
                session
            }
            session if request.password != Some(&password(session)) => {
                return self.refuse(cx, client, opening(session));
            }
            session if session.is_read_only() && self.locals.contains_key(&session) => session,
            // Another read-only server's, or one that has ended: nobody has it any more.
            session if session.is_read_only() && self.database.session_timeout(session).is_none() => {
                return self.refuse(cx, client, opening(session));
            }
            _ => return self.drop_client(cx, client, DropReason::NotOurSession),
        };
        if let Some(&other) = self.carriers.get(&session) {
            self.drop_client(cx, other, DropReason::SessionMoved);
        }
        self.begin(client, Phase::Creating(opening(session)));
        self.attach(cx, client, opening(session), wants);
    }

    fn unused_read_only_id(&mut self) -> SessionId {
        loop {
            let session = self.unused_id().marked_read_only();
            let is_used = self.carriers.contains_key(&session) || self.locals.contains_key(&session);
            if !is_used && self.database.session_timeout(session).is_none() {
                return session;
            }
        }
    }
}

/// Whether a first frame says that its client is content with a read-only server.
fn allows_for_it(frame: &[u8]) -> bool {
    ConnectRequest::decode(&mut Reader::new(frame)).is_ok_and(|request| request.read_only == Some(true))
}
