//! A request is carried out at most once, and its answer is its own transaction's.
//!
//! Requests are counted, not numbers: a raw client may use a number twice, and then two transactions
//! may bear it.

use super::transaction::{FirstApplied, Transaction, is_write};
use super::{Fact, Oracle, Sight, Verdict};
use std::collections::BTreeMap;
use zabra_core::contract::Event;
use zabra_core::id::{SessionId, Xid, Zxid};
use zabra_core::log::Record;
use zabra_core::wire::Op;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ExactlyOnce {
    first: FirstApplied,
    /// Writes that were asked for and have no transaction yet; how many under each number.
    asked: BTreeMap<(SessionId, Xid), u32>,
    /// Whose request each transaction came from.
    done: BTreeMap<Zxid, (SessionId, Xid)>,
}

impl ExactlyOnce {
    fn applied(&mut self, sight: &Sight<'_>, record: &Record) -> Verdict {
        if !self.first.take(record.zxid) {
            return Ok(());
        }
        let Some(transaction) = Transaction::of(record).filter(|t| !t.is_of_sessions()) else {
            return Ok(());
        };
        let request = (transaction.session, transaction.cxid);
        self.done.insert(record.zxid, request);
        match self.asked.get_mut(&request) {
            Some(1) => {
                self.asked.remove(&request);
                Ok(())
            }
            Some(count) => {
                *count -= 1;
                Ok(())
            }
            None => {
                let bears = format!("{} bears request {} of session {}", record.zxid, request.1.0, request.0);
                let asked = "no request of that number waits for a transaction";
                let sentence = "a transaction has no request of its own";
                Err(sight.breaks(Self::ID, sentence, bears, asked).at(record.zxid).of(request.0))
            }
        }
    }

    fn replied(&self, sight: &Sight<'_>, request: (SessionId, Xid), zxid: Zxid) -> Verdict {
        if self.done.get(&zxid) == Some(&request) {
            return Ok(());
        }
        let (session, xid) = request;
        let answers = format!("server {} answers write {} of session {session} with {zxid}", sight.server, xid.0);
        let bears = match self.done.get(&zxid) {
            Some((session, xid)) => format!("{zxid} is write {} of session {session}", xid.0),
            None => format!("{zxid} is no client's write"),
        };
        let sentence = "a write is answered with another transaction than its own";
        Err(sight.breaks(Self::ID, sentence, answers, bears).at(zxid).of(session))
    }
}

impl Oracle for ExactlyOnce {
    const ID: &'static str = "exactly_once";
    const STATES: &'static str = "Every transaction of a client has a request of its own, and a successful write is answered with the zxid of its own transaction.";
    const SOURCE: &'static str = "catalogue 9, 33; I-INTEG";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        match sight.fact {
            Fact::Reported(Event::Requested { session, xid, op, .. }) if is_write(*op) => {
                *self.asked.entry((*session, *xid)).or_default() += 1;
                Ok(())
            }
            Fact::Reported(Event::Applied { record, .. }) => self.applied(sight, record),
            // A read-only server's session ends where it is, without a transaction.
            Fact::Reported(Event::Replied { session, op: Op::CLOSE_SESSION, err: 0, .. }) if session.is_read_only() => {
                Ok(())
            }
            Fact::Reported(Event::Replied { session, xid, op, zxid, err: 0, .. }) if is_write(*op) => {
                self.replied(sight, (*session, *xid), *zxid)
            }
            Fact::Reported(_) | Fact::Booted { .. } | Fact::Crashed | Fact::Destroyed { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, applied, replied, requested, txn, z};
    use super::*;

    fn stage() -> Stage<ExactlyOnce> {
        let mut stage = Stage::new(ExactlyOnce::default());
        stage.ok(1, requested(0, 1, Op::SET_DATA));
        stage
    }

    fn write(counter: u32, cxid: i32) -> Event {
        applied(txn(z(1, counter), 7, cxid, Op::SET_DATA, &[]))
    }

    #[test]
    fn one_transaction_for_each_request_is_legal() {
        let mut stage = stage();
        stage.ok(1, write(1, 1)).ok(1, replied(0, 1, Op::SET_DATA, z(1, 1))).ok(2, write(1, 1));
        stage.ok(2, requested(0, 1, Op::SET_DATA)).ok(1, applied(txn(z(1, 2), 7, 1, Op::ERROR, &[])));
        stage.ok(1, applied(txn(z(1, 3), 7, 0, Op::CLOSE_SESSION, &[])));
    }

    #[test]
    fn a_request_carried_out_twice_is_caught() {
        stage().ok(1, write(1, 1)).caught(1, write(2, 1), "no request of its own");
    }

    #[test]
    fn a_write_that_nobody_asked_for_is_caught() {
        stage().caught(1, write(1, 2), "no request of its own");
    }

    #[test]
    fn an_answer_with_another_transaction_is_caught() {
        stage().ok(1, write(1, 1)).caught(1, replied(0, 1, Op::SET_DATA, z(1, 0)), "than its own");
        let mut stage = stage();
        stage.ok(1, requested(1, 2, Op::SET_DATA)).ok(1, write(1, 1)).ok(1, write(2, 2));
        stage.caught(1, replied(0, 1, Op::SET_DATA, z(1, 2)), "than its own");
    }
}
