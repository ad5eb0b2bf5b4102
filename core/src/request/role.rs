//! What a change of the server's role means for the service.
//!
//! Connections, sessions, watches and waiting requests outlive a role (contract section 1). Without
//! a leader everything waits; in the next role, what can never commit any more is wanted again.

use super::connection::{Connection, Phase};
use super::{Service, Want};
use crate::contract::{Cx, DropReason, Timer};
use crate::id::{ClientId, ConnId, SessionId, Xid};
use crate::log::{Image, Record};
use crate::rule::{Rule, Rules};
use crate::wire::txn::TxnHeader;
use crate::wire::{Jute, Op, Reader};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// What the service may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// No leader: everything waits.
    Looking,
    /// No leader for a while: the reads of clients that allow for it are answered, everything else waits.
    ReadOnly,
    /// Up to date with a leader: reads are answered, writes forwarded.
    Learning,
    /// The established leader.
    Leading,
}

impl Role {
    pub(super) fn serves(self) -> bool {
        match self {
            Role::Looking | Role::ReadOnly => false,
            Role::Learning | Role::Leading => true,
        }
    }
}

impl Connection {
    /// Whether anything of this connection waits while there is no leader.
    pub(super) fn waits_for_leader(&self) -> bool {
        self.session().is_some() || !self.held.is_empty()
    }
}

impl Service {
    /// Whether requests of this session are answered now.
    pub(super) fn serves(&self, session: SessionId) -> bool {
        self.role.serves() || (self.role == Role::ReadOnly && self.is_read_only_session(session))
    }

    /// Whether this server gave a session without a quorum.
    fn is_read_only_session(&self, session: SessionId) -> bool {
        session.is_read_only() && self.locals.contains_key(&session)
    }

    /// Whether a connection waits for a leader.
    pub(super) fn is_waiting(&self, connection: &Connection) -> bool {
        let is_served = connection.session().is_some_and(|session| self.is_read_only_session(session));
        !self.role.serves() && connection.waits_for_leader() && !is_served
    }

    pub(super) fn is_leader(&self) -> bool {
        self.role == Role::Leading
    }

    /// The server has no leader any more: predictions are dropped (rule `PredictionDropped`),
    /// session timers are disarmed, reads and new writes wait (`Timer::NoLeader` per connection).
    pub fn look<R: Rules>(&mut self, cx: &mut Cx<'_, R>) {
        if cx.enforces(Rule::PredictionDropped) {
            self.ahead.clear();
        }
        if self.role == Role::Leading && cx.enforces(Rule::LeaderExpires) {
            self.database.sessions().for_each(|(session, _)| cx.disarm(Timer::Session(session)));
        }
        self.stop_sweep(cx);
        if self.role != Role::Looking {
            for (&client, connection) in &self.clients {
                if let Some(timeout_ms) = connection.timeout_ms() {
                    Self::await_leader(cx, client, timeout_ms);
                }
            }
        }
        self.role = Role::Looking;
        Self::await_read_only(cx);
        self.tracker.clear();
        self.touched.clear();
        self.syncs.clear();
        self.asked.clear();
    }

    /// A connection begins to wait for a leader.
    pub(super) fn await_leader<R: Rules>(cx: &mut Cx<'_, R>, client: ClientId, timeout_ms: i32) {
        cx.arm(Timer::NoLeader(client), u32::try_from(timeout_ms).unwrap_or(0));
    }

    /// This server is the established leader: every session's timer is armed, waiting writes that
    /// are not in `tail`, the records of the history that are not applied, are proposed.
    pub fn lead<R: Rules>(&mut self, cx: &mut Cx<'_, R>, tail: &[Record], wants: &mut Vec<Want>) {
        for (session, timeout_ms) in self.database.sessions() {
            Self::arm_session(cx, session, timeout_ms);
        }
        self.serve(cx, Role::Leading, tail, wants);
        self.arm_sweep(cx);
    }

    /// This server is up to date with its leader: waiting writes that are not in `tail`, the
    /// records of the history that are not applied, are wanted again.
    pub fn learn<R: Rules>(&mut self, cx: &mut Cx<'_, R>, tail: &[Record], wants: &mut Vec<Want>) {
        self.serve(cx, Role::Learning, tail, wants);
    }

    fn serve<R: Rules>(&mut self, cx: &mut Cx<'_, R>, role: Role, tail: &[Record], wants: &mut Vec<Want>) {
        assert_eq!(self.role, Role::Looking, "a role begins when the one before it has ended");
        self.role = role;
        let tail = Tail::of(tail);
        let waits = |(client, connection): (&ClientId, &Connection)| connection.waits_for_leader().then_some(*client);
        let clients: Vec<ClientId> = self.clients.iter().filter_map(waits).collect();
        clients.iter().for_each(|&client| cx.disarm(Timer::NoLeader(client)));
        self.upgrade_again(&tail, wants);
        for client in clients {
            // Taking one connection up may close another one.
            if self.clients.contains_key(&client) {
                self.take_up(cx, client, &tail, wants);
            }
        }
    }

    /// A connection that waited goes on.
    fn take_up<R: Rules>(&mut self, cx: &mut Cx<'_, R>, client: ClientId, tail: &Tail, wants: &mut Vec<Want>) {
        let connection = self.clients.get_mut(&client).expect("the caller has seen the connection");
        match connection.phase {
            Phase::New => {
                let frame = connection.held.pop_front().expect("only a held frame makes such a connection wait");
                connection.bytes -= frame.len();
                self.on_connect(cx, client, &frame, wants);
            }
            Phase::Creating(opening) => {
                if !tail.creates(opening.session) && !self.locals.contains_key(&opening.session) {
                    wants.push(Want::Propose(opening.request()));
                }
            }
            Phase::Revalidating(opening) => self.revalidate_own(cx, client, opening, wants),
            Phase::Attached { session, timeout_ms } => {
                if tail.cxids(session).any(|cxid| connection.is_overtaken_by(cxid)) {
                    return self.drop_client(cx, client, DropReason::SessionMoved);
                }
                self.ask(cx, client, 0, tail, wants);
                self.touch_one(cx, session, timeout_ms);
                self.drain(cx, client);
            }
        }
    }

    /// The leader's image replaces the database: client connections are closed, for nothing says
    /// which of their requests it contains.
    pub fn install<R: Rules>(&mut self, cx: &mut Cx<'_, R>, image: Image) {
        let clients: Vec<ClientId> = self.clients.keys().copied().collect();
        for client in clients {
            self.drop_client(cx, client, DropReason::Resynchronized);
        }
        self.ahead.clear();
        // The image may know of them, or of their end.
        self.locals.retain(|_, local| !local.upgrades);
        self.database = image;
    }

    /// A connection waited for a leader longer than its session's timeout: it is closed.
    pub fn no_leader_fired<R: Rules>(&mut self, cx: &mut Cx<'_, R>, client: ClientId) {
        if self.clients.get(&client).is_some_and(|connection| self.is_waiting(connection)) {
            self.drop_client(cx, client, DropReason::NoLeader);
        }
    }

    /// A learner's connection ended (as leader): sessions that it owned keep running.
    pub fn learner_gone(&mut self, origin: ConnId) {
        self.tracker.learner_gone(origin);
    }
}

/// Whose requests the records that are not applied came from.
#[derive(Default)]
pub(super) struct Tail {
    requests: BTreeSet<(SessionId, Xid)>,
    /// The sessions that they create: by no request of a client's own number.
    created: BTreeSet<SessionId>,
}

impl Tail {
    /// Records that cannot be read are left out: they stop the server when they are applied.
    fn of(records: &[Record]) -> Tail {
        let mut tail = Tail::default();
        for record in records {
            let Ok(header) = TxnHeader::decode(&mut Reader::new(&record.bytes)) else { continue };
            let session = SessionId(header.session);
            match header.op {
                Op::CREATE_SESSION => tail.created.insert(session),
                _ => tail.requests.insert((session, Xid(header.cxid))),
            };
        }
        tail
    }

    pub(super) fn contains(&self, session: SessionId, cxid: Xid) -> bool {
        self.requests.contains(&(session, cxid))
    }

    pub(super) fn creates(&self, session: SessionId) -> bool {
        self.created.contains(&session)
    }

    fn cxids(&self, session: SessionId) -> impl Iterator<Item = Xid> {
        self.requests.range((session, Xid(i32::MIN))..=(session, Xid(i32::MAX))).map(|(_, cxid)| *cxid)
    }
}
