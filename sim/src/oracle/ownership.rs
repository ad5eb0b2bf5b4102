//! A session's requests come over one way: what comes over another fails.

use super::transaction::Transaction;
use super::{Fact, Oracle, Sight, Verdict};
use std::collections::BTreeMap;
use zabra_core::contract::Event;
use zabra_core::id::{ServerId, SessionId};
use zabra_core::log::Record;
use zabra_core::request::RequestOrigin;

/// Owners are a leader's knowledge, kept for its tenure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ownership {
    owners: BTreeMap<(ServerId, SessionId), RequestOrigin>,
    /// Where the request came from that is being made into a transaction.
    prepared: BTreeMap<ServerId, (SessionId, RequestOrigin)>,
}

impl Ownership {
    fn proposed(&mut self, sight: &Sight<'_>, record: &Record) -> Verdict {
        let me = sight.server;
        let Some((session, origin)) = self.prepared.remove(&me) else {
            return Ok(());
        };
        let Some(transaction) = Transaction::of(record) else {
            return Ok(());
        };
        if transaction.is_error() || transaction.is_of_sessions() {
            return Ok(());
        }
        match self.owners.get(&(me, session)) {
            Some(owner) if *owner != origin => {
                let proposes = format!("server {me} proposes a write of session {session} that came over {origin:?}");
                let owned = format!("the session belongs to {owner:?}");
                let sentence = "a write is accepted that came over a way that the session has left";
                Err(sight.breaks(Self::ID, sentence, proposes, owned).at(record.zxid).of(session))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn tenure_ends(&mut self, server: ServerId) {
        self.owners.retain(|(leader, _), _| *leader != server);
        self.prepared.remove(&server);
    }
}

impl Oracle for Ownership {
    const ID: &'static str = "ownership";
    const STATES: &'static str = "A leader accepts a session's writes only over the way (its own clients, or one learner's connection) that attached the session last.";
    const SOURCE: &'static str = "catalogue 40; ZOOKEEPER-417";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        match sight.fact {
            Fact::Reported(Event::SessionOwned { session, origin }) => {
                self.owners.insert((sight.server, *session), *origin);
            }
            Fact::Reported(Event::Prepared { session, origin, .. }) => {
                self.prepared.insert(sight.server, (*session, *origin));
            }
            Fact::Reported(Event::Proposed { record }) => return self.proposed(sight, record),
            Fact::Reported(Event::Role { .. } | Event::Resigned { .. })
            | Fact::Booted { .. }
            | Fact::Crashed
            | Fact::Destroyed { .. } => self.tenure_ends(sight.server),
            Fact::Reported(_) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, txn, z};
    use super::*;
    use zabra_core::id::ConnId;
    use zabra_core::wire::Op;

    const OLD: RequestOrigin = RequestOrigin::Learner(ConnId(1));
    const NEW: RequestOrigin = RequestOrigin::Local;

    fn prepared(origin: RequestOrigin) -> Event {
        Event::Prepared { zxid: z(1, 1), session: SessionId(7), origin }
    }

    fn proposed(op: i32) -> Event {
        Event::Proposed { record: txn(z(1, 1), 7, 1, op, &[]) }
    }

    /// Session 7 was attached over a learner, then over the leader itself.
    fn stage() -> Stage<Ownership> {
        let mut stage = Stage::new(Ownership::default());
        for origin in [OLD, NEW] {
            stage.ok(1, Event::SessionOwned { session: SessionId(7), origin });
        }
        stage
    }

    #[test]
    fn writes_of_the_owner_and_failures_of_others_are_legal() {
        stage().ok(1, prepared(NEW)).ok(1, proposed(Op::SET_DATA));
        stage().ok(1, prepared(OLD)).ok(1, proposed(Op::ERROR));
        stage().ok(1, prepared(OLD)).ok(1, proposed(Op::CLOSE_SESSION));
        stage().crash(1).ok(1, prepared(OLD)).ok(1, proposed(Op::SET_DATA));
    }

    #[test]
    fn a_write_over_the_way_that_was_left_is_caught() {
        stage().ok(1, prepared(OLD)).caught(1, proposed(Op::SET_DATA), "has left");
    }
}
