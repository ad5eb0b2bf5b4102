//! The line in front of the service (Apache's RequestThrottler; reference/zookeeper.md section 1.11): while as many
//! requests are being served as may be, those of all connections wait in one line, and are taken from its head.
//!
//! Pressing back on a connection bounds what each lets wait; the line bounds what is asked of the pipeline at once,
//! however many connections there are. What is being served is what stands in the connections' queues. The
//! line keeps each connection's order, for whoever has something in it lines up behind it.
//!
//! Age is counted in looks at the line (`Timer::Throttle`), whole ones: a request may have waited almost two stall times
//! longer than is counted. The wall clock may jump, so no instant is kept (contract section 1).

use super::connection::{Pending, Phase, Then, Wait};
use super::local::Local;
use super::{Service, Waiting, Want};
use crate::config::Limits;
use crate::contract::{Cx, DropReason, Event, LineTurn, LocalTurn, Timer};
use crate::id::{ClientId, SessionId, Xid};
use crate::rule::Rules;
use crate::wire::records::RequestHeader;
use crate::wire::{Code, Jute, Op, Reader};
use crate::zab::Request;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The requests that wait to be taken, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Line {
    pub(super) requests: VecDeque<Waits>,
    /// How many they are, and how many bytes.
    pub(super) waiting: Waiting,
    is_armed: bool,
    /// How often the line was looked at since it was empty.
    looks: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Waits {
    whose: Whose,
    pub(super) frame: Arc<[u8]>,
    /// The looks before it came.
    since: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Whose {
    Client(ClientId),
    /// It closes this session, and its client did not wait for the answer.
    Session(SessionId),
}

/// Of a request: its xid and its operation.
const HEADER_BYTES: usize = 8;

impl Waits {
    /// The first look may have come at once.
    fn waited_ms(&self, looks: u32, stall_ms: u32) -> u64 {
        u64::from(looks.saturating_sub(self.since).saturating_sub(1)) * u64::from(stall_ms)
    }

    fn op(&self) -> Option<i32> {
        RequestHeader::decode(&mut Reader::new(&self.frame)).ok().map(|header| header.op)
    }

    /// What keeps a session, ends it, says whose it is or brings its watches back is done however late: a client
    /// that hears of no watch any more does not ask why.
    fn may_be_late(&self) -> bool {
        let Some(op) = self.op() else { return false };
        !matches!(op, Op::PING | Op::CLOSE_SESSION | Op::AUTH | Op::SASL | Op::SET_WATCHES | Op::SET_WATCHES2)
    }
}

impl Line {
    /// The requests of a connection that ends go; the first that closes its session stays, if that is asked for: the last
    /// wish of its client. No connection answers for its bytes any more, so its header is all that is kept.
    fn leave(&mut self, client: ClientId, closing: Option<SessionId>, limits: &Limits) {
        let (waiting, mut closing) = (&mut self.waiting, closing);
        self.requests.retain_mut(|waits| {
            if waits.whose != Whose::Client(client) {
                return true;
            }
            waiting.remove(waits.frame.len(), limits);
            let Some(session) = closing.take_if(|_| waits.op() == Some(Op::CLOSE_SESSION)) else { return false };
            waits.whose = Whose::Session(session);
            waits.frame = Arc::from(&waits.frame[..HEADER_BYTES]);
            waiting.add(HEADER_BYTES, limits);
            true
        });
    }
}

impl Service {
    /// Whether a request that comes now has to wait for others.
    pub(super) fn has_line<R: Rules>(&self, cx: &Cx<'_, R>) -> bool {
        cx.config.throttle.max_requests > 0 && (!self.line.requests.is_empty() || !self.has_room(cx, 0))
    }

    /// `beside`: what is asked for that stands in no connection's queue.
    fn has_room<R: Rules>(&self, cx: &Cx<'_, R>, beside: usize) -> bool {
        let max = cx.config.throttle.max_requests;
        max == 0 || self.waiting.count.saturating_add(beside) < max as usize
    }

    /// A request lines up.
    pub(super) fn line_up<R: Rules>(&mut self, cx: &mut Cx<'_, R>, client: ClientId, frame: &[u8]) {
        let connection = self.clients.get_mut(&client).expect("the caller has seen the connection");
        connection.lined_up += 1;
        connection.bytes += frame.len();
        self.line.waiting.add(frame.len(), &cx.config.limits);
        let (whose, since) = (Whose::Client(client), self.line.looks);
        self.line.requests.push_back(Waits { whose, frame: Arc::from(frame), since });
        cx.report(Event::Throttled { client, turn: LineTurn::Waits, waited_ms: 0 });
        self.press_back(cx, client);
    }

    /// The end of a step: as many requests as there is room for are taken from the line. `closing`: how many sessions
    /// this step closes whose clients have left, for they stand in no connection's queue.
    pub fn take_from_line<R: Rules>(&mut self, cx: &mut Cx<'_, R>, wants: &mut Vec<Want>, closing: &mut usize) {
        while let Some(first) = self.line.requests.front() {
            let is_stale = self.is_stale(cx, first);
            if !is_stale && !self.has_room(cx, *closing) {
                break;
            }
            let waits = self.line.requests.pop_front().expect("it was just looked at");
            self.line.waiting.remove(waits.frame.len(), &cx.config.limits);
            match waits.whose {
                Whose::Client(client) => self.take(cx, client, &waits, is_stale, wants),
                Whose::Session(session) => {
                    *closing += 1;
                    self.close_left(cx, session, &waits.frame, wants);
                }
            }
        }
        let has_to_look = !self.line.requests.is_empty();
        if !has_to_look {
            self.line.looks = 0;
        }
        if has_to_look != self.line.is_armed {
            self.line.is_armed = has_to_look;
            match has_to_look {
                true => cx.arm(Timer::Throttle, cx.config.throttle.stall_ms),
                false => cx.disarm(Timer::Throttle),
            }
        }
    }

    /// The line is looked at again at the end of this step.
    pub fn throttle_fired(&mut self) {
        self.line.is_armed = false;
        self.line.looks = self.line.looks.saturating_add(1);
    }

    fn waited_ms<R: Rules>(&self, cx: &Cx<'_, R>, waits: &Waits) -> u64 {
        waits.waited_ms(self.line.looks, cx.config.throttle.stall_ms)
    }

    /// Whether a request has waited longer than its session lasts. One that closes its session never has.
    fn is_stale<R: Rules>(&self, cx: &Cx<'_, R>, waits: &Waits) -> bool {
        let Whose::Client(client) = waits.whose else { return false };
        let Some((_, timeout_ms)) = self.session(client) else { return false };
        let is_late = self.waited_ms(cx, waits) > u64::try_from(timeout_ms).unwrap_or(0);
        cx.config.throttle.drops_stale && is_late && waits.op() != Some(Op::CLOSE_SESSION)
    }

    fn take<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: ClientId,
        waits: &Waits,
        is_stale: bool,
        wants: &mut Vec<Want>,
    ) {
        let connection = self.clients.get_mut(&client).expect("a connection that ends leaves the line");
        connection.lined_up -= 1;
        connection.bytes -= waits.frame.len();
        let Phase::Attached { session, timeout_ms } = connection.phase else {
            unreachable!("only a connection with a session lines up, and it keeps it")
        };
        let waited_ms = self.waited_ms(cx, waits);
        let wait_ms = u64::from(cx.config.throttle.wait_ms);
        let turn = match is_stale {
            true => LineTurn::Stale,
            false if wait_ms > 0 && waited_ms > wait_ms && waits.may_be_late() => LineTurn::Late,
            false => LineTurn::Taken,
        };
        cx.report(Event::Throttled { client, turn, waited_ms });
        if turn == LineTurn::Stale {
            return self.drop_client(cx, client, DropReason::StaleRequest);
        }
        // A session whose requests are being taken is not silent.
        self.touch_one(cx, session, timeout_ms);
        if turn == LineTurn::Late {
            self.answer_late(cx, client, session, &waits.frame);
        } else {
            self.on_request(cx, client, session, &waits.frame, wants);
        }
        self.drain(cx, client);
    }

    /// A request that has waited too long has its place among the replies of its connection, and no effect.
    fn answer_late<R: Rules>(&mut self, cx: &mut Cx<'_, R>, client: ClientId, session: SessionId, frame: &[u8]) {
        let Ok(RequestHeader { xid, op }) = RequestHeader::decode(&mut Reader::new(frame)) else { return };
        let xid = Xid(xid);
        cx.report(Event::Requested { client, session, xid, op });
        let wait = Wait::Failed { err: Code::ThrottledOp, then: Then::Continue };
        self.enqueue(cx, client, Pending { xid, op, bytes: frame.len(), wait });
    }

    /// A session is closed whose client has gone without waiting for the answer. If it is used again, or nobody
    /// leads, it ends in silence as others do.
    fn close_left<R: Rules>(&mut self, cx: &mut Cx<'_, R>, session: SessionId, frame: &[u8], wants: &mut Vec<Want>) {
        let Ok(RequestHeader { xid, op }) = RequestHeader::decode(&mut Reader::new(frame)) else { return };
        if self.carriers.contains_key(&session) || !self.role.serves() {
            return;
        }
        match self.locals.get(&session) {
            Some(Local { upgrades: false, .. }) => self.end_local(cx, session, LocalTurn::Ends),
            Some(Local { upgrades: true, .. }) | None => {
                let (cxid, body) = (Xid(xid), Arc::from([]));
                wants.push(Want::Propose(Request { session, cxid, op, body, auth: Vec::new(), is_local: false }));
            }
        }
    }

    /// A connection ends: its requests leave the line. What `client_closed` says is its client's doing, and leaves
    /// the session to be closed, if that was asked for.
    pub(super) fn leave_line<R: Rules>(&mut self, cx: &Cx<'_, R>, client: ClientId, is_left: bool) {
        let Some(connection) = self.clients.get_mut(&client).filter(|connection| connection.lined_up > 0) else {
            return;
        };
        connection.lined_up = 0;
        let session = connection.session().filter(|_| is_left);
        self.line.leave(client, session, &cx.config.limits);
    }

    /// Whether a large request is one too many.
    pub(super) fn is_too_large<R: Rules>(&self, cx: &Cx<'_, R>, bytes: usize) -> bool {
        let limits = &cx.config.limits;
        let large = self.waiting.large + self.line.waiting.large;
        limits.is_large(bytes) && large.saturating_add(bytes) > limits.large_request_bytes_of_all as usize
    }
}
