//! The service: client connections, sessions, watches, the leader's preparation of requests into
//! transactions, their application to the tree, and reads.
//!
//! It knows nothing of elections or quorums. [`crate::replica`] tells it what role the server has
//! and which transactions are committed; it answers with [`Want`]s.

mod access;
mod ahead;
mod apply;
mod connection;
mod expire;
mod fading;
mod local;
mod many;
mod open;
mod prepare;
mod read;
mod read_only;
mod reply;
mod role;
#[cfg(test)]
mod tests;
mod throttle;
mod watching;

pub use crate::contract::RequestOrigin;

use crate::config::{Config, Limits};
use crate::contract::{Action, ClientOrigin, Cx, DropReason, Event};
use crate::id::{ClientId, SessionId, Xid, Zxid};
use crate::log::Image;
use crate::rule::Rules;
use crate::session::{SessionIds, Tracker};
use crate::watch::Watches;
use crate::wire::records::{AuthPacket, RequestHeader, SaslToken};
use crate::wire::{Code, Jute, Op, Reader};
use crate::zab::Request;
use ahead::Ahead;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use connection::{Connection, Pending, Phase, Then, Wait};
use local::Local;
use reply::Address;
use role::{Role, Tail};

/// What the service asks of the rest of the server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Want {
    /// A write. A leader prepares and proposes it; a learner forwards it.
    Propose(Request),
    /// A `sync`: [`Service::synced`] is called once per want, in the order of the wants. Those that
    /// are not answered when the role ends are forgotten, and wanted again in the next one.
    Sync(Request),
    /// As learner: ask the leader whether this session is alive.
    Revalidate { session: SessionId, timeout_ms: i32 },
}

/// The service of one server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Service {
    database: Image,
    role: Role,
    ids: SessionIds,
    clients: BTreeMap<ClientId, Connection>,
    /// Requests in the queues of all connections.
    waiting: Waiting,
    /// Requests that wait to be taken into those queues.
    line: throttle::Line,
    /// Which connection carries, or is opening, a session. At most one does.
    carriers: BTreeMap<SessionId, ClientId>,
    /// Sessions of this server alone, with their timeouts: no transaction knows of them.
    locals: BTreeMap<SessionId, Local>,
    watches: Watches,
    /// Whose `sync` each `Want::Sync` is that was not answered; `None` if its connection ended.
    syncs: VecDeque<Option<ClientId>>,
    /// As learner: how many `Want::Revalidate` of each session were not answered.
    asked: BTreeMap<SessionId, u32>,
    /// As learner: the sessions heard of since the last PING was answered.
    touched: BTreeMap<SessionId, i32>,
    /// As leader: what is proposed and not applied.
    ahead: Ahead,
    /// As leader: over whom each session is used.
    tracker: Tracker,
    /// As leader: the search for what fades by itself.
    sweep: fading::Sweep,
    /// Tokens of SASL that came: no two challenges are equal.
    negotiations: u64,
}

impl Service {
    /// A service over a recovered database. New session ids count up from `session_base`.
    pub fn restore(_config: &Config, image: Image, session_base: SessionId) -> Self {
        Service {
            database: image,
            role: Role::Looking,
            ids: SessionIds::new(session_base),
            clients: BTreeMap::new(),
            waiting: Waiting::default(),
            line: throttle::Line::default(),
            carriers: BTreeMap::new(),
            locals: BTreeMap::new(),
            watches: Watches::default(),
            syncs: VecDeque::new(),
            asked: BTreeMap::new(),
            touched: BTreeMap::new(),
            ahead: Ahead::default(),
            tracker: Tracker::default(),
            sweep: fading::Sweep::default(),
            negotiations: 0,
        }
    }

    /// The zxid of the last transaction applied.
    pub fn applied(&self) -> Zxid {
        self.database.zxid()
    }

    pub fn database(&self) -> &crate::tree::Database {
        &self.database
    }

    /// The database, frozen: what a snapshot or SNAP carries.
    pub fn image(&self) -> Image {
        Arc::clone(&self.database)
    }

    /// The connections that carry a session, with the session, in the order of the connections.
    pub fn attached(&self) -> impl Iterator<Item = (ClientId, SessionId)> {
        self.clients.iter().filter_map(|(client, connection)| match connection.phase {
            Phase::Attached { session, .. } => Some((*client, session)),
            Phase::New | Phase::Creating(_) | Phase::Revalidating(_) => None,
        })
    }

    /// The session that a connection carries, and its timeout.
    pub fn session(&self, client: ClientId) -> Option<(SessionId, i32)> {
        match self.clients.get(&client)?.phase {
            Phase::Attached { session, timeout_ms } => Some((session, timeout_ms)),
            Phase::New | Phase::Creating(_) | Phase::Revalidating(_) => None,
        }
    }

    /// The connections with data watches, and their paths.
    pub fn watches_by_client(&self) -> impl ExactSizeIterator<Item = (ClientId, impl Iterator<Item = &[u8]>)> {
        self.watches.by_client()
    }

    /// The paths with data watches, and who watches them.
    pub fn watches_by_path(&self) -> impl ExactSizeIterator<Item = (&[u8], impl Iterator<Item = ClientId>)> {
        self.watches.by_path()
    }

    /// How many connections have data watches, on how many paths, and how many watches that makes.
    pub fn watched(&self) -> (usize, usize, usize) {
        (self.watches.by_client().len(), self.watches.by_path().len(), self.watches.data_len())
    }

    /// How many connections there are, with and without a session.
    pub fn connections_len(&self) -> usize {
        self.clients.len()
    }

    /// How many watches stand.
    pub fn watches_len(&self) -> usize {
        self.watches.len()
    }

    pub fn client_opened<R: Rules>(&mut self, cx: &mut Cx<'_, R>, client: ClientId, from: ClientOrigin) {
        self.forget(cx, client);
        self.clients.insert(client, Connection::new(&cx.config.access, &from));
    }

    pub fn client_closed<R: Rules>(&mut self, cx: &mut Cx<'_, R>, client: ClientId) {
        self.leave_line(cx, client, true);
        self.forget(cx, client);
    }

    pub fn client_frame<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: ClientId,
        frame: &[u8],
        wants: &mut Vec<Want>,
    ) {
        // A frame may have been on its way while the connection was being closed.
        let (is_too_large, has_line) = (self.is_too_large(cx, frame.len()), self.has_line(cx));
        let Some(connection) = self.clients.get_mut(&client) else {
            return;
        };
        match connection.phase {
            Phase::New if connection.held.is_empty() => self.on_connect(cx, client, frame, wants),
            Phase::New | Phase::Creating(_) | Phase::Revalidating(_) => {
                connection.hold(frame);
                self.press_back(cx, client);
            }
            Phase::Attached { .. } if is_too_large => {
                cx.report(Event::LargeRequestRefused { client, bytes: frame.len() });
                self.drop_client(cx, client, DropReason::LargeRequest);
            }
            Phase::Attached { session, timeout_ms } if has_line => {
                self.touch_one(cx, session, timeout_ms);
                self.line_up(cx, client, frame);
            }
            Phase::Attached { session, timeout_ms } => {
                self.touch_one(cx, session, timeout_ms);
                self.on_request(cx, client, session, frame, wants);
            }
        }
    }

    /// A request of a connection whose session is attached.
    fn on_request<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: ClientId,
        session: SessionId,
        frame: &[u8],
        wants: &mut Vec<Want>,
    ) {
        let mut r = Reader::new(frame);
        let Ok(RequestHeader { xid, op }) = RequestHeader::decode(&mut r) else {
            return self.drop_client(cx, client, DropReason::Malformed);
        };
        let (xid, body) = (Xid(xid), r.rest());
        cx.report(Event::Requested { client, session, xid, op });
        let (serves, is_read_only) = (self.serves(session), self.is_read_only());
        let connection = self.clients.get_mut(&client).expect("the caller has seen the connection");
        let request = |body| Request {
            session,
            cxid: xid,
            op,
            body: Arc::from(body),
            auth: connection.auth.clone(),
            is_local: false,
        };
        let class = Class::of(op);
        let says_who = matches!(class, Class::Auth | Class::Sasl);
        let wait = match class {
            _ if !says_who && !access::admits(&cx.config.access, &connection.auth) => {
                Wait::Failed { err: Code::SessionClosedRequireSaslAuth, then: Then::Drop(DropReason::AuthFailed) }
            }
            // The common case takes no copy of the request.
            Class::Read if connection.queue.is_empty() && serves => {
                let known = connection.auth.len();
                return self.read(cx, Address { client, session, xid, op }, body, known);
            }
            Class::Read => Wait::Read { body: Arc::from(body), known: connection.auth.len() },
            Class::Write | Class::Sync if serves && is_read_only => read_only::answer(op),
            Class::Write => Wait::Write(request(body)),
            Class::Sync => Wait::Sync { request: request(body), answered: false },
            Class::Auth => match AuthPacket::decode(&mut Reader::new(body)) {
                Ok(packet) => connection.authenticate(cx.config, &packet),
                Err(_) => return self.drop_client(cx, client, DropReason::Malformed),
            },
            Class::Sasl => match SaslToken::decode(&mut Reader::new(body)) {
                Ok(SaslToken { token }) => {
                    self.negotiations = self.negotiations.wrapping_add(1);
                    connection.negotiate(cx.config, self.negotiations, token.unwrap_or_default())
                }
                Err(_) => return self.drop_client(cx, client, DropReason::Malformed),
            },
            Class::Unknown => Wait::Failed { err: Code::Unimplemented, then: Then::Drop(DropReason::UnknownOperation) },
        };
        let is_behind_sync = connection.syncs > 0;
        self.enqueue(cx, client, Pending { xid, op, bytes: frame.len(), wait });
        if serves && !is_behind_sync {
            let last = self.clients[&client].queue.len() - 1;
            self.ask(cx, client, last, &Tail::default(), wants);
        }
        self.drain(cx, client);
        self.press_back(cx, client);
    }

    /// A request waits for its reply.
    fn enqueue<R: Rules>(&mut self, cx: &Cx<'_, R>, client: ClientId, pending: Pending) {
        self.waiting.add(pending.bytes, &cx.config.limits);
        self.clients.get_mut(&client).expect("the caller has seen the connection").enqueue(pending);
    }

    /// Beyond the limit reading is switched off. A driver that goes on all the same (it had read
    /// ahead) is given as much again; then the connection is closed, for memory is bounded.
    fn press_back<R: Rules>(&mut self, cx: &mut Cx<'_, R>, client: ClientId) {
        let is_crowded = self.is_crowded(cx);
        let Some(connection) = self.clients.get_mut(&client) else { return };
        if connection.is_beyond(&cx.config.limits, 2) {
            return self.drop_client(cx, client, DropReason::LimitReached);
        }
        let is_held_back = is_crowded && connection.waits();
        if (connection.is_enough(&cx.config.limits) || is_held_back) && !connection.paused {
            connection.paused = true;
            cx.act(Action::Pause { client });
        }
    }

    /// Whether the requests of all connections are too many: those that wait have to be answered first.
    fn is_crowded<R: Rules>(&self, cx: &Cx<'_, R>) -> bool {
        let line = &self.line.waiting;
        self.waiting.count.max(line.count) > cx.config.waiting_limit(self.role == Role::Leading)
            || self.waiting.bytes + line.bytes > cx.config.limits.outstanding_bytes_of_all
    }

    /// Asks for what a connection's requests need, from this place of its queue on. A write that
    /// stands in the history (`tail`) may still commit, and is not asked for twice.
    ///
    /// Nothing behind a `sync` is asked for before that is answered: a write could be applied
    /// first, and a read between the two would show it, though it was sent before the write.
    fn ask<R: Rules>(&mut self, cx: &mut Cx<'_, R>, client: ClientId, from: usize, tail: &Tail, wants: &mut Vec<Want>) {
        for at in from..self.clients[&client].queue.len() {
            match &self.clients[&client].queue[at].wait {
                Wait::Write(request) if !tail.contains(request.session, request.cxid) => {
                    let request = request.clone();
                    self.ask_to_write(cx, client, at, request, wants);
                }
                Wait::Sync { request, answered: false } => {
                    self.syncs.push_back(Some(client));
                    return wants.push(Want::Sync(request.clone()));
                }
                Wait::Write(_)
                | Wait::Sync { .. }
                | Wait::Failed { .. }
                | Wait::Read { .. }
                | Wait::Authenticated
                | Wait::Token(_)
                | Wait::Closed
                | Wait::Done(_) => {}
            }
        }
    }

    /// Whose the session is is looked at now, behind all that the connection sent before: a request there may
    /// have made it the ensemble's (ZOOKEEPER-3471).
    fn ask_to_write<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: ClientId,
        at: usize,
        request: Request,
        wants: &mut Vec<Want>,
    ) {
        if request.op == Op::CLOSE_SESSION && self.is_local(request.session) {
            let connection = self.clients.get_mut(&client).expect("the caller has seen the connection");
            connection.queue[at].wait = Wait::Closed;
            return;
        }
        self.upgrade_for(cx, &request, wants);
        let is_local = self.is_local(request.session);
        wants.push(Want::Propose(Request { is_local, ..request }));
    }

    /// The oldest `Want::Sync` was answered.
    pub fn synced<R: Rules>(&mut self, cx: &mut Cx<'_, R>, wants: &mut Vec<Want>) {
        let Some(Some(client)) = self.syncs.pop_front() else { return };
        let connection = self.clients.get_mut(&client).expect("a connection that ended has left the queue");
        let behind = connection.synced() + 1;
        self.ask(cx, client, behind, &Tail::default(), wants);
        self.drain(cx, client);
    }
}

/// Requests in the queues of all connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Waiting {
    count: usize,
    /// Of their frames.
    bytes: usize,
    /// Of the large ones among them.
    large: usize,
}

impl Waiting {
    fn add(&mut self, bytes: usize, limits: &Limits) {
        self.count += 1;
        self.bytes += bytes;
        self.large += if limits.is_large(bytes) { bytes } else { 0 };
    }

    fn remove(&mut self, bytes: usize, limits: &Limits) {
        self.count -= 1;
        self.bytes -= bytes;
        self.large -= if limits.is_large(bytes) { bytes } else { 0 };
    }
}

/// What becomes of a request, by its operation code (section 1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Answered from this server's tree, a ping included.
    Read,
    Write,
    Sync,
    /// Says who the client is.
    Auth,
    /// The same, in several steps.
    Sasl,
    /// Does not exist for clients: −6, then the connection is closed. createSession and
    /// deleteContainer are servers' operations, though Apache takes them from clients.
    Unknown,
}

impl Class {
    fn of(op: i32) -> Class {
        match op {
            Op::PING
            | Op::EXISTS
            | Op::GET_DATA
            | Op::GET_ACL
            | Op::GET_CHILDREN
            | Op::GET_CHILDREN2
            | Op::MULTI_READ
            | Op::CHECK_WATCHES
            | Op::REMOVE_WATCHES
            | Op::SET_WATCHES
            | Op::SET_WATCHES2
            | Op::ADD_WATCH
            | Op::GET_EPHEMERALS
            | Op::GET_ALL_CHILDREN_NUMBER
            | Op::WHO_AM_I => Class::Read,
            Op::CREATE
            | Op::CREATE2
            | Op::CREATE_CONTAINER
            | Op::CREATE_TTL
            | Op::DELETE
            | Op::SET_DATA
            | Op::SET_ACL
            | Op::MULTI
            | Op::RECONFIG
            | Op::CLOSE_SESSION => Class::Write,
            Op::SYNC => Class::Sync,
            Op::AUTH => Class::Auth,
            Op::SASL => Class::Sasl,
            _ => Class::Unknown,
        }
    }
}
