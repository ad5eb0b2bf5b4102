//! A leader gives a session its whole timeout, counted from when it last heard of it.
//!
//! It hears of a session when it is established (it may have been used a moment before), when the
//! session's creation is applied there, when a connection of its own is attached to it or brings a
//! request, and when a learner asks whether it may be attached, or names it in its answer to a PING. A
//! request that a learner forwards is no such word, in ZooKeeper as here: the answer to a PING follows.
//! What counts is true time: a clock that runs fast makes a timeout shorter by so much, and no more.
//!
//! Only a world with a clock can be judged: where time is a count of steps, timers fire when somebody
//! says so. There this oracle keeps nothing.

use super::transaction::{FirstApplied, Transaction};
use super::{Fact, Oracle, Sight, Verdict};
use crate::time::Micros;
use std::collections::BTreeMap;
use zabra_core::contract::{Event, LocalTurn};
use zabra_core::id::{ServerId, SessionId};
use zabra_core::log::Record;
use zabra_core::wire::txn::{CreateSessionTxn, TxnHeader};
use zabra_core::wire::{Jute, Op, Reader};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct EarlyExpiry {
    /// There is a true clock.
    timed: bool,
    first: FirstApplied,
    /// What was negotiated, in milliseconds.
    timeouts: BTreeMap<SessionId, i32>,
    reigns: BTreeMap<ServerId, Reign>,
    /// Sessions that are one server's alone: when that heard of them last, and their timeouts.
    locals: BTreeMap<(ServerId, SessionId), (Micros, i32)>,
    /// Parts per million by which a server's clock was fast at most, if it ever was.
    fastest_ppm: BTreeMap<ServerId, u32>,
}

/// An established leader, and what it heard.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Reign {
    since: Micros,
    heard: BTreeMap<SessionId, Micros>,
}

impl EarlyExpiry {
    /// For a world whose time is true time.
    pub fn with_clock(mut self) -> Self {
        self.timed = true;
        self
    }

    /// A server's clock is this fast from now on.
    pub fn drifts(&mut self, server: ServerId, ppm: i32) {
        let fastest = self.fastest_ppm.entry(server).or_default();
        *fastest = (*fastest).max(u32::try_from(ppm).unwrap_or(0));
    }

    /// A server heard of a session: a learner's word of it arrives.
    pub fn heard(&mut self, now: Micros, server: ServerId, session: SessionId) {
        if let Some(reign) = self.reigns.get_mut(&server) {
            reign.heard.insert(session, now);
        }
    }

    fn applied(&mut self, sight: &Sight<'_>, record: &Record) {
        let Some(transaction) = Transaction::of(record) else { return };
        let session = transaction.session;
        if transaction.op == Op::CREATE_SESSION {
            self.heard(sight.now, sight.server, session);
        }
        if !self.first.take(record.zxid) {
            return;
        }
        if transaction.op == Op::CREATE_SESSION {
            let mut r = Reader::new(&record.bytes);
            let txn = TxnHeader::decode(&mut r).and_then(|_| CreateSessionTxn::decode(&mut r));
            self.timeouts.extend(txn.ok().map(|txn| (session, txn.timeout_ms)));
        }
    }

    fn expiring(&self, sight: &Sight<'_>, session: SessionId) -> Verdict {
        let (Some(reign), Some(timeout_ms)) = (self.reigns.get(&sight.server), self.timeouts.get(&session)) else {
            return Ok(());
        };
        let last = reign.heard.get(&session).copied().unwrap_or(reign.since);
        self.check(sight, session, last, *timeout_ms)
    }

    fn local_expiring(&mut self, sight: &Sight<'_>, session: SessionId) -> Verdict {
        match self.locals.remove(&(sight.server, session)) {
            Some((last, timeout_ms)) => self.check(sight, session, last, timeout_ms),
            None => Ok(()),
        }
    }

    fn check(&self, sight: &Sight<'_>, session: SessionId, last: Micros, timeout_ms: i32) -> Verdict {
        let fast = u64::from(self.fastest_ppm.get(&sight.server).copied().unwrap_or(0));
        // Microseconds: a thousand to the millisecond, and a million parts to the whole.
        let least = u64::try_from(timeout_ms).unwrap_or(0) * 1_000_000u64.saturating_sub(fast) / 1000;
        let silent = sight.now.0.saturating_sub(last.0);
        if silent >= least {
            return Ok(());
        }
        let expires = format!("server {} expires session {session} at {}", sight.server, sight.now);
        let heard =
            format!("it heard of it at {last}; the timeout is {timeout_ms} ms, its clock {fast} ppm fast at most");
        Err(sight.breaks(Self::ID, "a session is expired before its timeout", expires, heard).of(session))
    }
}

impl Oracle for EarlyExpiry {
    const ID: &'static str = "early_expiry";
    const STATES: &'static str = "A leader, or the server whose alone it is, expires a session only when it has not heard of it for the negotiated timeout, in true time as its clock runs.";
    const SOURCE: &'static str = "catalogue 38; reference/zookeeper.md section 1.3";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        if !self.timed {
            return Ok(());
        }
        match sight.fact {
            Fact::Reported(Event::Established { .. }) => {
                self.reigns.insert(sight.server, Reign { since: sight.now, heard: BTreeMap::new() });
            }
            Fact::Reported(Event::Resigned { .. }) | Fact::Booted { .. } | Fact::Crashed | Fact::Destroyed { .. } => {
                self.reigns.remove(&sight.server);
            }
            Fact::Reported(Event::Applied { record, .. }) => self.applied(sight, record),
            Fact::Reported(Event::SessionAttached { session, timeout_ms, .. }) => {
                self.heard(sight.now, sight.server, *session);
                if let Some(local) = self.locals.get_mut(&(sight.server, *session)) {
                    *local = (sight.now, *timeout_ms);
                }
            }
            Fact::Reported(Event::Requested { session, .. }) => {
                self.heard(sight.now, sight.server, *session);
                if let Some((heard, _)) = self.locals.get_mut(&(sight.server, *session)) {
                    *heard = sight.now;
                }
            }
            Fact::Reported(Event::LocalSession { session, turn: LocalTurn::Begins }) => {
                self.locals.insert((sight.server, *session), (sight.now, 0));
            }
            Fact::Reported(Event::LocalSession { session, turn: LocalTurn::Expires }) => {
                return self.local_expiring(sight, *session);
            }
            Fact::Reported(Event::LocalSession { session, turn: LocalTurn::Upgrades | LocalTurn::Ends }) => {
                self.locals.remove(&(sight.server, *session));
            }
            Fact::Reported(Event::SessionExpiring { session }) => return self.expiring(sight, *session),
            Fact::Reported(_) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, applied, attached, requested, s, set, txn, z};
    use super::*;
    use zabra_core::id::Epoch;

    const SESSION: SessionId = SessionId(7);

    /// Server 1 leads since 10 ms; session 7 with a timeout of 1000 ms was created at 20 ms.
    fn stage() -> Stage<EarlyExpiry> {
        let mut stage = Stage::new(EarlyExpiry::default().with_clock());
        stage.now = Micros::from_ms(10);
        stage.ok(1, Event::Established { epoch: Epoch(1), acked: set([1]), initial_end: z(0, 0) });
        stage.now = Micros::from_ms(20);
        let body = CreateSessionTxn { timeout_ms: 1000 }.to_bytes();
        stage.ok(1, applied(txn(z(1, 1), 7, 0, Op::CREATE_SESSION, &body)));
        stage
    }

    fn expiring() -> Event {
        Event::SessionExpiring { session: SESSION }
    }

    #[test]
    fn a_session_that_was_silent_for_its_timeout_may_expire_and_one_that_was_not_may_not() {
        let mut stage = stage();
        stage.now = Micros::from_ms(1020);
        stage.clone().ok(1, expiring());
        stage.now = Micros::from_ms(1019);
        stage.caught(1, expiring(), "before its timeout");
    }

    #[test]
    fn whatever_a_leader_hears_of_a_session_counts() {
        let mut stage = stage();
        stage.now = Micros::from_ms(500);
        let mut opened = stage.clone();
        opened.ok(1, attached(0, z(1, 1)));
        let mut pinged = stage.clone();
        pinged.oracle.heard(Micros::from_ms(500), s(1), SESSION);
        let mut elsewhere = stage;
        elsewhere.oracle.heard(Micros::from_ms(500), s(2), SESSION);
        for stage in [&mut opened, &mut pinged, &mut elsewhere] {
            stage.now = Micros::from_ms(1100);
        }
        opened.caught(1, expiring(), "before its timeout");
        pinged.caught(1, expiring(), "before its timeout");
        elsewhere.ok(1, expiring());
    }

    #[test]
    fn another_reign_begins_with_the_whole_timeout_and_a_fast_clock_shortens_it() {
        let mut stage = stage();
        stage.now = Micros::from_ms(900);
        stage.ok(2, Event::Established { epoch: Epoch(2), acked: set([2]), initial_end: z(1, 1) });
        stage.now = Micros::from_ms(1800);
        stage.clone().caught(2, expiring(), "before its timeout");
        stage.oracle.drifts(s(2), 100_000);
        stage.clone().ok(2, expiring());
        stage.now = Micros::from_ms(1799);
        stage.caught(2, expiring(), "before its timeout");
    }

    #[test]
    fn a_session_that_is_one_servers_alone_has_its_whole_timeout_too() {
        let turn = |turn| Event::LocalSession { session: SESSION, turn };
        let mut stage = stage();
        stage.now = Micros::from_ms(100);
        stage.ok(2, turn(LocalTurn::Begins)).ok(2, attached(0, z(1, 1)));
        stage.now = Micros::from_ms(600);
        stage.ok(2, requested(0, 1, Op::PING));
        stage.now = Micros::from_ms(4600);
        stage.clone().ok(2, turn(LocalTurn::Expires));
        stage.now = Micros::from_ms(4599);
        stage.caught(2, turn(LocalTurn::Expires), "before its timeout");
    }

    #[test]
    fn without_a_clock_nothing_is_said_and_nothing_is_kept() {
        let mut stage = Stage::new(EarlyExpiry::default());
        stage.ok(1, Event::Established { epoch: Epoch(1), acked: set([1]), initial_end: z(0, 0) });
        stage.ok(1, applied(txn(z(1, 1), 7, 0, Op::CREATE_SESSION, &1000i32.to_be_bytes())));
        stage.ok(1, expiring());
        assert_eq!(stage.oracle, EarlyExpiry::default());
    }
}
