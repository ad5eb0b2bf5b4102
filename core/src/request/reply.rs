//! Replies: what leaves a connection's queue, in which order, and the frames of replies and watch
//! events (reference/zookeeper.md sections 1.4 and 1.9). Also the end of a connection.

use super::connection::{Body, Connection, Pending, Phase, Reach, Then, Wait};
use super::{Class, Service};
use crate::contract::{Action, Cx, DropReason, Event, LocalTurn, Timer};
use crate::id::{ClientId, SessionId, Xid, Zxid};
use crate::rule::{Rule, Rules};
use crate::watch::EventKind;
use crate::wire::records::{
    Create2Reply, GetDataReply, PathReply, PathRequest, ReplyHeader, SaslToken, StatReply, WatcherEvent,
};
use crate::wire::{Code, Jute, Op, Reader, ReservedXid};
use alloc::vec::Vec;

/// The state that every event names: the session is connected.
const SYNC_CONNECTED: i32 = 3;

/// The zxid where no transaction is meant: of events that setWatches makes, and of refused operations.
pub(super) const NO_ZXID: i64 = -1;

/// Whom a reply goes to, and for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    pub(super) client: ClientId,
    pub(super) session: SessionId,
    pub(super) xid: Xid,
    pub(super) op: i32,
}

impl Address {
    /// A ping is answered with its reserved xid, whatever it carried.
    fn xid_on_wire(&self) -> i32 {
        if self.op == Op::PING { ReservedXid::PING } else { self.xid.0 }
    }

    /// What no client may ask for is refused before it has a zxid; saying who one is has none.
    fn zxid_on_wire(&self, zxid: Zxid) -> i64 {
        match Class::of(self.op) {
            Class::Unknown => NO_ZXID,
            Class::Auth | Class::Sasl => 0,
            Class::Read | Class::Write | Class::Sync => zxid.to_wire(),
        }
    }
}

/// Sends a reply. Behind an error there is no body, but for one: a token that is none, when SASL has failed.
pub(super) fn reply<R: Rules>(cx: &mut Cx<'_, R>, to: Address, zxid: Zxid, err: i32, body: impl FnOnce(&mut Vec<u8>)) {
    let Address { client, session, xid, op } = to;
    let header = ReplyHeader { xid: to.xid_on_wire(), zxid: to.zxid_on_wire(zxid), err };
    let frame = cx.out.frame(|out| {
        header.encode(out);
        if err == 0 {
            body(out);
        } else if op == Op::SASL && err == Code::AuthFailed.to_wire() {
            SaslToken { token: None }.encode(out);
        }
    });
    cx.act(Action::Reply { client, frame });
    cx.report(Event::Replied { client, session, xid, op, zxid, err });
}

/// Tells watchers of a change: one frame for all of them. `zxid` is that of the transaction, −1 for
/// events that setWatches makes (section 1.4).
pub(super) fn notify<R: Rules>(cx: &mut Cx<'_, R>, watchers: Vec<ClientId>, kind: EventKind, path: &[u8], zxid: i64) {
    if watchers.is_empty() {
        return;
    }
    let frame = cx.out.frame(|out| {
        ReplyHeader { xid: ReservedXid::NOTIFICATION, zxid, err: 0 }.encode(out);
        WatcherEvent { kind: kind as i32, state: SYNC_CONNECTED, path }.encode(out);
    });
    let clients = cx.out.add_watchers(watchers);
    cx.act(Action::Watch { clients, frame });
}

impl Service {
    /// Answers what may leave a connection's queue, if this server serves.
    pub(super) fn drain<R: Rules>(&mut self, cx: &mut Cx<'_, R>, client: ClientId) {
        let session = || self.clients.get(&client).and_then(Connection::session);
        if self.role.serves() || session().is_some_and(|session| self.serves(session)) {
            self.release(cx, client);
        }
    }

    /// Answers what may leave a connection's queue, head first. After a write that was found in
    /// the history this happens also before the server serves: a read behind it runs now, for
    /// later it would show the next write of the connection, which was sent after the read.
    pub(super) fn release<R: Rules>(&mut self, cx: &mut Cx<'_, R>, client: ClientId) {
        let reach = if cx.enforces(Rule::OneOrder) { Reach::Head } else { Reach::Anywhere };
        let began = cx.out.arena_len();
        while let Some(connection) = self.clients.get_mut(&client) {
            if cx.out.arena_len() - began > cx.config.limits.burst_bytes {
                return self.drop_client(cx, client, DropReason::LimitReached);
            }
            let Phase::Attached { session, .. } = connection.phase else { return };
            let Some(pending) = connection.next(reach) else {
                return self.relieve(cx, client);
            };
            self.waiting.remove(pending.bytes, &cx.config.limits);
            self.answer(cx, client, session, pending);
        }
    }

    /// Reading goes on where little waits: of this connection, and of all, or nothing of this one.
    fn relieve<R: Rules>(&mut self, cx: &mut Cx<'_, R>, client: ClientId) {
        let is_crowded = self.is_crowded(cx);
        let Some(connection) = self.clients.get_mut(&client) else { return };
        let may_go_on = !is_crowded || !connection.waits();
        if connection.paused && may_go_on && connection.is_relieved(&cx.config.limits) {
            connection.paused = false;
            cx.act(Action::Resume { client });
        }
    }

    fn answer<R: Rules>(&mut self, cx: &mut Cx<'_, R>, client: ClientId, session: SessionId, pending: Pending) {
        let Pending { xid, op, wait, .. } = pending;
        let to = Address { client, session, xid, op };
        let then = match wait {
            Wait::Read { body, known } => return self.read(cx, to, &body, known),
            Wait::Authenticated => {
                reply(cx, to, self.applied(), 0, |_| {});
                Then::Continue
            }
            Wait::Token(token) => {
                let token = (!token.is_empty()).then_some(&*token);
                reply(cx, to, Zxid::ZERO, 0, |out| SaslToken { token }.encode(out));
                Then::Continue
            }
            Wait::Failed { err, then } => {
                // Nobody in particular is told nothing of the state.
                let is_kept_out = err == Code::SessionClosedRequireSaslAuth;
                let zxid = if is_kept_out { Zxid::ZERO } else { self.applied() };
                reply(cx, to, zxid, err.to_wire(), |_| {});
                then
            }
            // The client must not take an answer from here: it has another connection (section 1.3).
            Wait::Done(outcome) if outcome.err == Code::SessionMoved.to_wire() => Then::Drop(DropReason::SessionMoved),
            Wait::Done(outcome) => {
                reply(cx, to, outcome.zxid, outcome.err, |out| match outcome.body {
                    Body::Empty => {}
                    // The request's form: the transaction's type says what was created.
                    Body::Created(path, Some(stat)) if op != Op::CREATE => {
                        Create2Reply { path: path.as_bytes(), stat }.encode(out);
                    }
                    Body::Created(path, _) => PathReply { path: path.as_bytes() }.encode(out),
                    Body::Results(results) => out.extend_from_slice(&results),
                    Body::Stat(stat) => StatReply { stat }.encode(out),
                    Body::Data(data, stat) => GetDataReply { data: Some(&data), stat }.encode(out),
                });
                outcome.then
            }
            Wait::Closed => {
                reply(cx, to, self.applied(), 0, |_| {});
                self.drop_client(cx, client, DropReason::SessionClosed);
                return self.end_local(cx, session, LocalTurn::Ends);
            }
            Wait::Sync { request, answered } => {
                assert!(answered, "a sync leaves after the leader's answer");
                self.answer_sync(cx, to, &request.body);
                Then::Continue
            }
            Wait::Write(_) => unreachable!("a write leaves after its transaction was applied"),
        };
        match then {
            Then::Continue => {}
            Then::Drop(reason) => self.drop_client(cx, client, reason),
        }
    }

    fn answer_sync<R: Rules>(&self, cx: &mut Cx<'_, R>, to: Address, body: &[u8]) {
        let applied = self.applied();
        match PathRequest::decode(&mut Reader::new(body)) {
            Ok(PathRequest { path }) => reply(cx, to, applied, 0, |out| PathReply { path }.encode(out)),
            Err(_) => reply(cx, to, applied, Code::MarshallingError.to_wire(), |_| {}),
        }
        cx.report(Event::SyncAnswered { applied });
    }

    /// Closes a connection.
    pub(super) fn drop_client<R: Rules>(&mut self, cx: &mut Cx<'_, R>, client: ClientId, reason: DropReason) {
        self.forget(cx, client);
        cx.act(Action::Drop { client, reason });
    }

    /// The connection is gone: so are its requests and its watches, and nothing else.
    pub(super) fn forget<R: Rules>(&mut self, cx: &mut Cx<'_, R>, client: ClientId) {
        self.leave_line(cx, client, false);
        let Some(connection) = self.clients.remove(&client) else { return };
        connection.queue.iter().for_each(|pending| self.waiting.remove(pending.bytes, &cx.config.limits));
        if let Some(session) = connection.session() {
            let carrier = self.carriers.remove(&session);
            assert_eq!(carrier, Some(client), "one connection carries a session");
        }
        self.watches.forget(client);
        if connection.syncs > 0 {
            let asked = self.syncs.iter_mut().filter(|sync| **sync == Some(client));
            asked.for_each(|sync| *sync = None);
        }
        if self.is_waiting(&connection) {
            cx.disarm(Timer::NoLeader(client));
        }
    }
}
