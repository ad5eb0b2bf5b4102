//! One client connection: which session it carries, and the queue of requests whose replies have
//! not left (contract section 5).
//!
//! Only the head of the queue leaves: a read runs when it reaches the head, a write when its
//! transaction has been applied. This file holds the queue's own rules; running and replying is
//! done by its siblings.

use super::access;
use super::access::sasl::{Exchange, Said};
use crate::config::{Access, Config, Limits};
use crate::contract::{ClientOrigin, DropReason};
use crate::id::{SessionId, Xid, Zxid};
use crate::tree::Path;
use crate::wire::Code;
use crate::wire::records::{AuthPacket, Stat};
use crate::zab::{Identity, Request};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

/// A client's connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Connection {
    pub(super) address: IpAddr,
    /// The identities that its requests carry, the address first (section 1.10).
    pub(super) auth: Vec<Identity>,
    pub(super) phase: Phase,
    pub(super) queue: VecDeque<Pending>,
    /// Frames that came before the session was attached.
    pub(super) held: VecDeque<Arc<[u8]>>,
    /// How many of its requests wait to be taken, behind those of others.
    pub(super) lined_up: usize,
    /// Bytes of the frames of all of them.
    pub(super) bytes: usize,
    /// How many `sync`s of the queue the leader has not answered: the first of them was asked for.
    pub(super) syncs: usize,
    /// Whether reading is switched off.
    pub(super) paused: bool,
    pub(super) exchange: Exchange,
}

/// How far the session of a connection is.
///
/// ```text
/// New ──> Creating ─────┐
///  └────> Revalidating ─┴─> Attached
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// The ConnectRequest has not been looked at: it did not come, or there is no leader.
    New,
    /// The session's createSession transaction is not applied yet.
    Creating(Opening),
    /// As learner: the leader was asked whether the session is alive.
    Revalidating(Opening),
    Attached {
        session: SessionId,
        timeout_ms: i32,
    },
}

/// A session that is being attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Opening {
    pub(super) session: SessionId,
    /// The client's wish within the server's bounds.
    pub(super) timeout_ms: i32,
    /// The last zxid that the client has seen.
    pub(super) last_seen: Zxid,
    pub(super) form: Form,
}

/// The two forms of the opening records (section 1.3): servers answer in the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Form {
    /// Without the trailing readOnly flag.
    Old,
    WithReadOnly,
}

/// A request whose reply has not left.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pending {
    pub(super) xid: Xid,
    pub(super) op: i32,
    /// Bytes of its frame.
    pub(super) bytes: usize,
    pub(super) wait: Wait,
}

/// What a request waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Wait {
    /// Its turn: it failed here, without a transaction.
    Failed { err: Code, then: Then },
    /// Its turn: then it is run.
    Read {
        body: Arc<[u8]>,
        /// So many identities the connection had when it sent this; later ones do not count.
        known: usize,
    },
    /// Its turn: the auth packet was looked at when it came.
    Authenticated,
    /// Its turn: the token was looked at when it came, and this is the answer to it.
    Token(Arc<[u8]>),
    /// Its transaction, which has not been applied here.
    Write(Request),
    /// Its turn: its transaction has been applied.
    Done(Outcome),
    /// Its turn: then its session ends, which is this server's alone.
    Closed,
    /// The leader's answer, and its turn.
    Sync { request: Request, answered: bool },
}

/// What applying a write's transaction gave: everything that its reply says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Outcome {
    pub(super) zxid: Zxid,
    pub(super) err: i32,
    pub(super) body: Body,
    pub(super) then: Then,
}

/// The body of a write's reply.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Body {
    Empty,
    /// Of all creates: which form is sent is the request's.
    Created(Path, Option<Stat>),
    Stat(Stat),
    /// As getData answers.
    Data(Arc<[u8]>, Stat),
    /// Of a multi: the results, encoded.
    Results(Arc<[u8]>),
}

/// What follows a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Then {
    Continue,
    Drop(DropReason),
}

impl Pending {
    /// Whether nothing but its place in the queue keeps it from being answered.
    fn is_ready(&self) -> bool {
        match &self.wait {
            Wait::Failed { .. }
            | Wait::Read { .. }
            | Wait::Authenticated
            | Wait::Token(_)
            | Wait::Done(_)
            | Wait::Closed => true,
            Wait::Write(_) => false,
            Wait::Sync { answered, .. } => *answered,
        }
    }
}

/// Which pending requests may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Head,
    /// Whatever is ready: what the absence of the rule `OneOrder` means.
    Anywhere,
}

impl Connection {
    pub(super) fn new(access: &Access, from: &ClientOrigin) -> Self {
        Connection {
            auth: access::on_arrival(access, from),
            address: from.address,
            phase: Phase::New,
            queue: VecDeque::new(),
            held: VecDeque::new(),
            lined_up: 0,
            bytes: 0,
            syncs: 0,
            paused: false,
            exchange: Exchange::default(),
        }
    }

    /// The session that this connection is, or is going to be, used for.
    pub(super) fn session(&self) -> Option<SessionId> {
        match &self.phase {
            Phase::New => None,
            Phase::Creating(opening) | Phase::Revalidating(opening) => Some(opening.session),
            Phase::Attached { session, .. } => Some(*session),
        }
    }

    pub(super) fn timeout_ms(&self) -> Option<i32> {
        match &self.phase {
            Phase::New => None,
            Phase::Creating(opening) | Phase::Revalidating(opening) => Some(opening.timeout_ms),
            Phase::Attached { timeout_ms, .. } => Some(*timeout_ms),
        }
    }

    /// Whether more waits than so many times what the limits allow.
    pub(super) fn is_beyond(&self, limits: &Limits, times: usize) -> bool {
        let count = (limits.outstanding as usize).saturating_mul(times);
        let bytes = limits.outstanding_bytes.saturating_mul(times);
        self.queue.len() + self.held.len() + self.lined_up > count || self.bytes > bytes
    }

    /// Whether so much waits that reading is switched off. Until its session is attached little is taken
    /// of a client: it has not shown anything, and there may be no leader for long.
    pub(super) fn is_enough(&self, limits: &Limits) -> bool {
        let is_attached = matches!(self.phase, Phase::Attached { .. });
        self.is_beyond(limits, 1) || (!is_attached && self.bytes > limits.held_bytes)
    }

    /// Whether so little waits that reading goes on: less than half of either.
    pub(super) fn is_relieved(&self, limits: &Limits) -> bool {
        let waiting = self.queue.len() + self.held.len() + self.lined_up;
        waiting * 2 < limits.outstanding as usize && self.bytes * 2 < limits.outstanding_bytes
    }

    /// Whether a request of it waits.
    pub(super) fn waits(&self) -> bool {
        !self.queue.is_empty() || self.lined_up > 0
    }

    /// A frame waits for the session.
    pub(super) fn hold(&mut self, frame: &[u8]) {
        self.bytes += frame.len();
        self.held.push_back(Arc::from(frame));
    }

    /// The frames that have waited for the session, to be looked at now.
    pub(super) fn take_held(&mut self) -> VecDeque<Arc<[u8]>> {
        let held = core::mem::take(&mut self.held);
        self.bytes -= held.iter().map(|frame| frame.len()).sum::<usize>();
        held
    }

    /// A request waits for its reply.
    pub(super) fn enqueue(&mut self, pending: Pending) {
        self.bytes += pending.bytes;
        self.syncs += usize::from(matches!(pending.wait, Wait::Sync { answered: false, .. }));
        self.queue.push_back(pending);
    }

    /// The client says who it is: from the next request on it is known so. What shows nothing is
    /// answered, and ends the connection.
    pub(super) fn authenticate(&mut self, config: &Config, packet: &AuthPacket<'_>) -> Wait {
        let failed = |reason| Wait::Failed { err: Code::AuthFailed, then: Then::Drop(reason) };
        match access::authenticate(&config.access, &mut self.auth, packet) {
            Ok(()) if self.auth.len() > config.limits.identities => failed(DropReason::LimitReached),
            Ok(()) => Wait::Authenticated,
            Err(_) => failed(DropReason::AuthFailed),
        }
    }

    /// The client says who it is by SASL.
    pub(super) fn negotiate(&mut self, config: &Config, count: u64, token: &[u8]) -> Wait {
        let refused = |reason| Wait::Failed { err: Code::AuthFailed, then: Then::Drop(reason) };
        let Some(sasl) = &config.access.sasl else {
            return Wait::Failed { err: Code::Unimplemented, then: Then::Continue };
        };
        match self.exchange.heard(sasl, count, token) {
            Said::Challenge(challenge) => Wait::Token(challenge.into()),
            Said::Known { user, proof } => {
                access::add(&mut self.auth, b"sasl", user.as_bytes());
                if sasl.superusers.contains(user.as_str()) {
                    access::add(&mut self.auth, access::SUPER, b"");
                }
                match self.auth.len() > config.limits.identities {
                    true => refused(DropReason::LimitReached),
                    false => Wait::Token(proof.into()),
                }
            }
            Said::Refused if sasl.lets_failed_stay && !config.access.required.contains("sasl") => {
                Wait::Token(Arc::from([]))
            }
            Said::Refused => refused(DropReason::AuthFailed),
        }
    }

    /// Takes out the next request that may be answered.
    pub(super) fn next(&mut self, reach: Reach) -> Option<Pending> {
        let scope = match reach {
            Reach::Head => 1,
            Reach::Anywhere => usize::MAX,
        };
        let at = self.queue.iter().take(scope).position(Pending::is_ready)?;
        let pending = self.queue.remove(at)?;
        self.bytes -= pending.bytes;
        Some(pending)
    }

    /// A transaction of this connection's session was applied: if the oldest write that waits has
    /// its cxid, it is done. Writes of a connection are applied in their order, so the transaction of
    /// a younger cxid is not of this connection, whatever waits behind. Returns whether it was its own.
    pub(super) fn complete(&mut self, cxid: Xid, outcome: Outcome) -> bool {
        let oldest = self.queue.iter_mut().find(|pending| matches!(pending.wait, Wait::Write(_)));
        match oldest.filter(|pending| pending.xid == cxid) {
            Some(pending) => {
                pending.wait = Wait::Done(outcome);
                true
            }
            None => false,
        }
    }

    /// Whether a transaction of this connection's session with this cxid shows that the session is
    /// used elsewhere: it is none of this connection's writes, and follows one that waits here.
    pub(super) fn is_overtaken_by(&self, cxid: Xid) -> bool {
        let oldest = self.queue.iter().find(|pending| matches!(pending.wait, Wait::Write(_)));
        oldest.is_some_and(|oldest| oldest.xid < cxid)
    }

    /// The oldest `sync` that waits was answered by the leader. Returns its place in the queue.
    pub(super) fn synced(&mut self) -> usize {
        let waits = |pending: &Pending| matches!(pending.wait, Wait::Sync { answered: false, .. });
        let at = self.queue.iter().position(waits).expect("the leader answers what it was asked");
        if let Wait::Sync { answered, .. } = &mut self.queue[at].wait {
            *answered = true;
        }
        self.syncs -= 1;
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;

    fn connection() -> Connection {
        let from = ClientOrigin { address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7)), subject: None };
        Connection::new(&Access::default(), &from)
    }

    fn write(cxid: i32) -> Pending {
        let body = Arc::from(*b"");
        let request =
            Request { session: SessionId(1), cxid: Xid(cxid), op: 5, body, auth: Vec::new(), is_local: false };
        Pending { xid: Xid(cxid), op: 5, bytes: 0, wait: Wait::Write(request) }
    }

    fn read(xid: i32) -> Pending {
        Pending { xid: Xid(xid), op: 4, bytes: 0, wait: Wait::Read { body: Arc::from(*b""), known: 1 } }
    }

    fn outcome() -> Outcome {
        Outcome { zxid: Zxid(9), err: 0, body: Body::Empty, then: Then::Continue }
    }

    #[test]
    fn a_connection_carries_its_address_as_an_identity() {
        let auth = connection().auth;
        assert_eq!((&*auth[0].scheme, &*auth[0].id), (&b"ip"[..], &b"10.0.0.7"[..]));
    }

    #[test]
    fn a_read_behind_a_write_waits_and_a_write_behind_others_is_done_where_it_stands() {
        let mut connection = connection();
        connection.queue.extend([write(1), read(2), write(3)]);
        assert_eq!(connection.next(Reach::Head), None);
        assert!(!connection.complete(Xid(3), outcome()), "it cannot be this connection's: an older one waits");
        assert!(connection.complete(Xid(1), outcome()));
        assert!(connection.complete(Xid(3), outcome()));
        let left: Vec<_> = core::iter::from_fn(|| connection.next(Reach::Head)).collect();
        let done = |xid| Pending { xid: Xid(xid), op: 5, bytes: 0, wait: Wait::Done(outcome()) };
        assert_eq!(left, [done(1), read(2), done(3)]);
    }

    #[test]
    fn a_later_write_from_elsewhere_overtakes_one_that_waits() {
        let mut connection = connection();
        assert!(!connection.is_overtaken_by(Xid(7)));
        connection.queue.extend([write(5), write(6)]);
        assert!(!connection.is_overtaken_by(Xid(4)), "an earlier write may still come");
        assert!(!connection.is_overtaken_by(Xid(5)), "it is this connection's own");
        assert!(connection.is_overtaken_by(Xid(6)), "one with this number waits, and is another: 5 comes first");
        assert!(connection.is_overtaken_by(Xid(7)));
    }

    #[test]
    fn without_the_order_whatever_is_ready_leaves() {
        let mut connection = connection();
        connection.queue.extend([write(1), read(2)]);
        assert_eq!(connection.next(Reach::Anywhere), Some(read(2)));
        assert_eq!(connection.next(Reach::Anywhere), None);
    }
}
