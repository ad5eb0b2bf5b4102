//! How a connection gets its session: opened, re-opened, refused (reference/zookeeper.md
//! section 1.3).
//!
//! The checks stand in ZooKeeper's order, but for one: the password is looked at before another
//! connection of the same session is closed, so that a stranger cannot close it.

use super::connection::{Form, Opening, Phase};
use super::local::{Local, creation};
use super::role::Role;
use super::{RequestOrigin, Service, Want};
use crate::config::LocalSessions;
use crate::contract::{Action, Cx, DropReason, Event};
use crate::id::{ClientId, ConnId, SessionId, Zxid};
use crate::rule::{Rule, Rules};
use crate::session::{Password, password};
use crate::wire::records::{ConnectRequest, ConnectResponse};
use crate::wire::{Jute, Reader};
use crate::zab::Request;
use alloc::vec::Vec;

impl Opening {
    /// The request that creates the session.
    pub(super) fn request(&self) -> Request {
        creation(self.session, self.timeout_ms)
    }
}

impl Service {
    /// The first frame of a connection. Without a leader it waits.
    pub(super) fn on_connect<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: ClientId,
        frame: &[u8],
        wants: &mut Vec<Want>,
    ) {
        let Ok(request) = ConnectRequest::decode(&mut Reader::new(frame)) else {
            return self.drop_client(cx, client, DropReason::Malformed);
        };
        if self.role == Role::ReadOnly && request.read_only == Some(true) {
            return self.on_read_only_connect(cx, client, &request, wants);
        }
        if !self.role.serves() {
            let connection = self.clients.get_mut(&client).expect("the caller has seen the connection");
            connection.hold(frame);
            return Self::await_leader(cx, client, negotiated(cx, request.timeout_ms));
        }
        let is_ahead = request.last_zxid_seen > self.applied().to_wire();
        if is_ahead && cx.enforces(Rule::ClientNotAhead) {
            return self.drop_client(cx, client, DropReason::ZxidAhead);
        }
        let form = if request.read_only.is_some() { Form::WithReadOnly } else { Form::Old };
        let last_seen = Zxid::from_wire(request.last_zxid_seen.max(0));
        let timeout_ms = negotiated(cx, request.timeout_ms);
        match SessionId(request.session) {
            SessionId::NONE if cx.config.local_sessions != LocalSessions::Off => {
                let opening = Opening { session: self.unused_id(), timeout_ms, last_seen, form };
                self.begin_local(cx, opening.session, timeout_ms);
                self.begin(client, Phase::Creating(opening));
                self.attach(cx, client, opening, wants);
            }
            SessionId::NONE => {
                let opening = Opening { session: self.unused_id(), timeout_ms, last_seen, form };
                self.begin(client, Phase::Creating(opening));
                wants.push(Want::Propose(opening.request()));
            }
            session => {
                let opening = Opening { session, timeout_ms, last_seen, form };
                if request.password != Some(&password(session)) {
                    return self.refuse(cx, client, opening);
                }
                if let Some(&other) = self.carriers.get(&session) {
                    self.drop_client(cx, other, DropReason::SessionMoved);
                }
                match self.locals.get(&session) {
                    Some(Local { upgrades: false, .. }) => {
                        self.begin(client, Phase::Creating(opening));
                        self.attach(cx, client, opening, wants);
                    }
                    // Its transaction is under way: the leader may not know of it yet.
                    Some(Local { upgrades: true, timeout_ms }) => {
                        let opening = Opening { timeout_ms: *timeout_ms, ..opening };
                        self.begin(client, Phase::Creating(opening));
                    }
                    None => {
                        self.begin(client, Phase::Revalidating(opening));
                        self.revalidate_own(cx, client, opening, wants);
                    }
                }
            }
        }
    }

    /// The next id that nobody has: a client may be asking for one that was never given out, and a clock
    /// that went back over a restart makes ids come again.
    pub(super) fn unused_id(&mut self) -> SessionId {
        loop {
            let id = self.ids.next();
            if !self.carriers.contains_key(&id)
                && !self.locals.contains_key(&id)
                && self.database.session_timeout(id).is_none()
            {
                return id;
            }
        }
    }

    pub(super) fn begin(&mut self, client: ClientId, phase: Phase) {
        let connection = self.clients.get_mut(&client).expect("the caller has seen the connection");
        connection.phase = phase;
        let session = connection.session().expect("the phase names a session");
        let other = self.carriers.insert(session, client);
        assert_eq!(other, None, "one connection carries a session");
    }

    /// Finds out whether a session is alive that a client of this server wants to re-open.
    pub(super) fn revalidate_own<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: ClientId,
        opening: Opening,
        wants: &mut Vec<Want>,
    ) {
        let Opening { session, timeout_ms, .. } = opening;
        match self.role {
            Role::Looking | Role::ReadOnly => unreachable!("without a leader a connection waits"),
            Role::Learning => {
                *self.asked.entry(session).or_default() += 1;
                wants.push(Want::Revalidate { session, timeout_ms });
            }
            Role::Leading if self.is_alive(session) => {
                self.own(cx, session, RequestOrigin::Local);
                self.attach(cx, client, opening, wants);
            }
            Role::Leading => self.refuse(cx, client, opening),
        }
    }

    /// As leader: whether a session may still be used.
    fn is_alive(&self, session: SessionId) -> bool {
        self.database.session_timeout(session).is_some() && !self.ahead.is_closing(session)
    }

    /// As leader: from now on requests of this session are taken from `origin` only.
    pub(super) fn own<R: Rules>(&mut self, cx: &mut Cx<'_, R>, session: SessionId, origin: RequestOrigin) {
        self.tracker.open(session, origin.into());
        cx.report(Event::SessionOwned { session, origin });
    }

    /// As leader: whether a learner may attach this session; it becomes the session's owner.
    pub fn revalidate<R: Rules>(&mut self, cx: &mut Cx<'_, R>, origin: ConnId, session: SessionId) -> bool {
        if self.role != Role::Leading || !self.is_alive(session) {
            return false;
        }
        self.own(cx, session, RequestOrigin::Learner(origin));
        cx.act(Action::Touch { sessions: Vec::from([session]) });
        // The client has left this server: its old connection here is only not known to be broken.
        if let Some(&client) = self.carriers.get(&session) {
            self.drop_client(cx, client, DropReason::SessionMoved);
        }
        true
    }

    /// As learner: the leader's answer to `Want::Revalidate`.
    pub fn revalidated<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        session: SessionId,
        valid: bool,
        wants: &mut Vec<Want>,
    ) {
        // A client may have come back while the question for its earlier connection was on its way.
        // Only the answer to the newest question attaches: the leader has heard that one too, so it
        // cannot arrive there after the client has moved on, and take the session back.
        let Some(asked) = self.asked.get_mut(&session) else { return };
        *asked -= 1;
        if *asked > 0 {
            return;
        }
        self.asked.remove(&session);
        let Some(&client) = self.carriers.get(&session) else { return };
        let connection = self.clients.get(&client).expect("a carrier is a connection");
        match (&connection.phase, valid) {
            (&Phase::Revalidating(opening), true) => self.attach(cx, client, opening, wants),
            (&Phase::Revalidating(opening), false) => self.refuse(cx, client, opening),
            (Phase::New | Phase::Creating(_) | Phase::Attached { .. }, _) => {}
        }
    }

    /// The session is open over this connection: the client hears so, then what it sent meanwhile
    /// is looked at. The timeout of a session is the one that it was created with.
    pub(super) fn attach<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: ClientId,
        opening: Opening,
        wants: &mut Vec<Want>,
    ) {
        let Opening { session, last_seen, form, .. } = opening;
        let known =
            self.database.session_timeout(session).or_else(|| self.locals.get(&session).map(|local| local.timeout_ms));
        let timeout_ms = known.unwrap_or(opening.timeout_ms);
        self.respond(cx, client, timeout_ms, session, password(session), form);
        cx.report(Event::SessionAttached { session, client, timeout_ms, last_seen });
        let connection = self.clients.get_mut(&client).expect("the caller has seen the connection");
        connection.phase = Phase::Attached { session, timeout_ms };
        let held = connection.take_held();
        self.touch_one(cx, session, timeout_ms);
        for frame in held {
            self.client_frame(cx, client, &frame, wants);
        }
        self.drain(cx, client);
    }

    /// The client learns that its session has expired (it is told no difference).
    pub(super) fn refuse<R: Rules>(&mut self, cx: &mut Cx<'_, R>, client: ClientId, opening: Opening) {
        self.respond(cx, client, 0, SessionId::NONE, [0; 16], opening.form);
        cx.report(Event::SessionRefused { session: opening.session });
        self.drop_client(cx, client, DropReason::SessionRefused);
    }

    fn respond<R: Rules>(
        &self,
        cx: &mut Cx<'_, R>,
        client: ClientId,
        timeout_ms: i32,
        session: SessionId,
        password: Password,
        form: Form,
    ) {
        let read_only = match form {
            Form::Old => None,
            Form::WithReadOnly => Some(self.is_read_only()),
        };
        let response =
            ConnectResponse { protocol: 0, timeout_ms, session: session.0, password: Some(&password), read_only };
        let frame = cx.out.frame(|out| response.encode(out));
        cx.act(Action::Reply { client, frame });
    }
}

/// The client's wish within the server's bounds.
pub(super) fn negotiated<R>(cx: &Cx<'_, R>, timeout_ms: i32) -> i32 {
    let bound = |ms: u32| i32::try_from(ms).unwrap_or(i32::MAX);
    let (min, max) = (bound(cx.config.session_timeout_min_ms), bound(cx.config.session_timeout_max_ms));
    timeout_ms.max(min).min(max)
}
