//! A server without a quorum only reads, and only for the sessions that it gave without one.

use super::transaction::is_write;
use super::{Fact, Oracle, Sight, Verdict};
use zabra_core::contract::Event;
use zabra_core::id::{ServerSet, SessionId};
use zabra_core::wire::Op;

/// The servers that serve without a quorum.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ReadOnly {
    serving: ServerSet,
}

impl ReadOnly {
    fn replied(&self, sight: &Sight<'_>, session: SessionId, op: i32) -> Verdict {
        let is_read_only = self.serving.contains(sight.server);
        let answers = || format!("server {} answers operation {op} of session {session}", sight.server);
        if is_read_only != session.is_read_only() {
            let (sentence, serves) = if is_read_only {
                ("a session of the ensemble is served without a quorum", "it serves without a quorum")
            } else {
                ("a read-only server's session is served by another", "it does not serve without a quorum")
            };
            return Err(sight.breaks(Self::ID, sentence, answers(), serves).of(session));
        }
        if is_read_only && (is_write(op) || op == Op::SYNC) && op != Op::CLOSE_SESSION {
            let sentence = "a write succeeds without a quorum";
            return Err(sight.breaks(Self::ID, sentence, answers(), "it serves without a quorum").of(session));
        }
        Ok(())
    }
}

impl Oracle for ReadOnly {
    const ID: &'static str = "read_only";
    const STATES: &'static str = "A server without a quorum answers the sessions alone that it gave without one, no write and no sync of theirs succeeds, and nobody else answers them.";
    const SOURCE: &'static str = "reference/zookeeper.md section 1.11";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        match sight.fact {
            Fact::Reported(Event::ReadOnly { serves: true }) => {
                self.serving.insert(sight.server);
            }
            Fact::Reported(Event::ReadOnly { serves: false })
            | Fact::Booted { .. }
            | Fact::Crashed
            | Fact::Destroyed { .. } => {
                self.serving.remove(sight.server);
            }
            Fact::Reported(Event::Replied { session, op, err: 0, .. }) => return self.replied(sight, *session, *op),
            Fact::Reported(Event::Proposed { record }) if self.serving.contains(sight.server) => {
                let proposes = format!("server {} proposes {}", sight.server, record.zxid);
                let sentence = "a transaction is proposed without a quorum";
                return Err(sight.breaks(Self::ID, sentence, proposes, "it serves without a quorum").at(record.zxid));
            }
            Fact::Reported(_) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, recovered, replied, txn, z};
    use super::*;

    const SERVES: Event = Event::ReadOnly { serves: true };

    /// An answer to the session that server 1 gave without a quorum.
    fn answered(op: i32, err: i32) -> Event {
        let Event::Replied { client, xid, zxid, .. } = replied(0, 1, op, z(1, 3)) else {
            unreachable!("it is a reply")
        };
        Event::Replied { client, session: SessionId(7).marked_read_only(), xid, op, zxid, err }
    }

    fn stage() -> Stage<ReadOnly> {
        let mut stage = Stage::new(ReadOnly::default());
        stage.ok(1, SERVES);
        stage
    }

    #[test]
    fn reads_pings_refusals_and_ends_of_its_own_sessions_are_legal_and_elsewhere_everything_is() {
        for op in [Op::GET_DATA, Op::PING, Op::AUTH, Op::CLOSE_SESSION] {
            stage().ok(1, answered(op, 0));
        }
        stage().ok(1, answered(Op::SET_DATA, -119)).ok(2, replied(0, 1, Op::SET_DATA, z(1, 3)));
        stage().ok(1, Event::ReadOnly { serves: false }).ok(1, replied(0, 1, Op::SET_DATA, z(1, 3)));
        stage().crash(1).boot(1, &recovered(1, 1, &[])).ok(1, replied(0, 1, Op::SYNC, z(1, 3)));
    }

    #[test]
    fn a_write_or_a_sync_that_succeeds_is_caught() {
        stage().caught(1, answered(Op::SET_DATA, 0), "a write succeeds");
        stage().caught(1, answered(Op::MULTI, 0), "a write succeeds");
        stage().caught(1, answered(Op::SYNC, 0), "a write succeeds");
        let record = txn(z(1, 4), 7, 1, Op::SET_DATA, &[]);
        stage().caught(1, Event::Proposed { record }, "is proposed without a quorum");
    }

    #[test]
    fn a_session_of_the_ensemble_and_one_of_another_server_are_not_answered() {
        stage().caught(1, replied(0, 1, Op::GET_DATA, z(1, 3)), "a session of the ensemble is served");
        stage().ok(1, Event::ReadOnly { serves: false }).caught(1, answered(Op::GET_DATA, 0), "served by another");
        stage().caught(2, answered(Op::GET_DATA, 0), "served by another");
    }
}
