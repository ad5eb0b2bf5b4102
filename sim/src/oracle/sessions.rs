//! Sessions begin and end in the log, once, and only the established leader ends a silent one.

use super::primary::Reigns;
use super::transaction::{FirstApplied, Transaction};
use super::{Fact, Oracle, Sight, Verdict};
use std::collections::BTreeMap;
use zabra_core::contract::Event;
use zabra_core::id::{SessionId, Zxid};
use zabra_core::log::Record;
use zabra_core::wire::Op;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sessions {
    reigns: Reigns,
    first: FirstApplied,
    created: BTreeMap<SessionId, Zxid>,
    closed: BTreeMap<SessionId, Zxid>,
}

impl Sessions {
    fn applied(&mut self, sight: &Sight<'_>, record: &Record) -> Verdict {
        let zxid = record.zxid;
        if !self.first.take(zxid) {
            return Ok(());
        }
        let Some(transaction) = Transaction::of(record) else {
            return Ok(());
        };
        let session = transaction.session;
        let breaks = |sentence: &str, does: &str, before: String| {
            let does = format!("{zxid} {does} session {session}");
            Err(sight.breaks(Self::ID, sentence, does, before).at(zxid).of(session))
        };
        if session.is_read_only() {
            return breaks(
                "a read-only server's session is in the log",
                "is of",
                "it is that server's alone".to_owned(),
            );
        }
        if transaction.op == Op::CREATE_SESSION {
            if let Some(before) = self.created.insert(session, zxid) {
                return breaks("a session id is given twice", "creates", format!("{before} created it"));
            }
            return Ok(());
        }
        if transaction.op == Op::CLOSE_SESSION {
            self.closed.entry(session).or_insert(zxid);
            return Ok(());
        }
        if transaction.makes_ephemerals && !self.created.contains_key(&session) {
            return breaks(
                "a session that no transaction created owns an ephemeral",
                "makes one for",
                "it is one server's alone".to_owned(),
            );
        }
        match self.closed.get(&session) {
            Some(closed) if !transaction.is_error() => {
                breaks("a closed session writes", "is a write of", format!("{closed} closed it"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn expiring(&self, sight: &Sight<'_>, session: SessionId) -> Verdict {
        if self.reigns.of(sight.server).is_some() {
            return Ok(());
        }
        let expires = format!("server {} expires session {session}", sight.server);
        let sentence = "a session is expired by a server that is no established leader";
        Err(sight.breaks(Self::ID, sentence, expires, "it was not established in this tenure").of(session))
    }
}

impl Oracle for Sessions {
    const ID: &'static str = "sessions";
    const STATES: &'static str = "A session id is created once, ever; after closeSession no write of the session succeeds; only an established leader expires a session of the ensemble; ephemerals are of sessions that a transaction created; no transaction is of a read-only server's session.";
    const SOURCE: &'static str = "catalogue 36, 37, I-SESSION; ZOOKEEPER-1208; etcd 15247";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        self.reigns.follow(sight);
        match sight.fact {
            Fact::Reported(Event::Applied { record, .. }) => self.applied(sight, record),
            Fact::Reported(Event::SessionExpiring { session }) => self.expiring(sight, *session),
            Fact::Reported(_) | Fact::Booted { .. } | Fact::Crashed | Fact::Destroyed { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, applied, set, txn, z};
    use super::*;
    use zabra_core::id::Epoch;
    use zabra_core::wire::Jute;
    use zabra_core::wire::txn::{CreateTxn, MultiTxn, Txn};

    fn stage() -> Stage<Sessions> {
        let mut stage = Stage::new(Sessions::default());
        stage.ok(1, applied(txn(z(1, 1), 7, 0, Op::CREATE_SESSION, &[])));
        stage.ok(1, applied(txn(z(1, 2), 7, 1, Op::SET_DATA, &[])));
        stage.ok(1, applied(txn(z(1, 3), 7, 0, Op::CLOSE_SESSION, &[])));
        stage
    }

    #[test]
    fn failed_writes_and_second_closes_after_the_close_are_legal() {
        let mut stage = stage();
        stage.ok(1, applied(txn(z(1, 4), 7, 2, Op::ERROR, &[])));
        stage.ok(1, applied(txn(z(1, 5), 7, 0, Op::CLOSE_SESSION, &[])));
        stage.ok(1, applied(txn(z(1, 6), 8, 2, Op::SET_DATA, &[])));
        stage.ok(2, applied(txn(z(1, 1), 7, 0, Op::CREATE_SESSION, &[])));
        stage.ok(2, applied(txn(z(1, 2), 7, 1, Op::SET_DATA, &[])));
    }

    #[test]
    fn a_write_after_the_close_is_caught() {
        stage().caught(1, applied(txn(z(1, 4), 7, 2, Op::SET_DATA, &[])), "closed session writes");
    }

    #[test]
    fn an_ephemeral_of_a_session_that_no_transaction_created_is_caught() {
        let create = |ephemeral| {
            let (path, data, acl) = (&b"/a"[..], None, Some(Vec::new()));
            CreateTxn { path, data, acl, ephemeral, parent_cversion: 1 }.to_bytes()
        };
        let mut stage = stage();
        stage.ok(1, applied(txn(z(1, 4), 8, 2, Op::CREATE, &create(false))));
        stage.clone().caught(1, applied(txn(z(1, 5), 8, 3, Op::CREATE, &create(true))), "no transaction created");
        let part = Txn { op: Op::CREATE, data: Some(&create(true)) };
        let body = MultiTxn { txns: vec![part] }.to_bytes();
        stage.clone().caught(1, applied(txn(z(1, 5), 8, 3, Op::MULTI, &body)), "no transaction created");
        stage.ok(1, applied(txn(z(1, 5), 8, 0, Op::CREATE_SESSION, &[])));
        stage.ok(1, applied(txn(z(1, 6), 8, 3, Op::CREATE, &create(true))));
    }

    #[test]
    fn a_session_id_given_twice_is_caught() {
        stage().caught(1, applied(txn(z(1, 4), 7, 0, Op::CREATE_SESSION, &[])), "given twice");
    }

    #[test]
    fn a_transaction_of_a_read_only_servers_session_is_caught() {
        let session = SessionId(7).marked_read_only().0;
        stage().caught(1, applied(txn(z(1, 4), session, 0, Op::CREATE_SESSION, &[])), "read-only server's session");
    }

    #[test]
    fn only_an_established_leader_expires() {
        let expiring = Event::SessionExpiring { session: SessionId(7) };
        let mut stage = stage();
        stage.ok(1, Event::Established { epoch: Epoch(1), acked: set([1]), initial_end: z(0, 0) });
        stage.ok(1, expiring.clone());
        stage.clone().caught(2, expiring.clone(), "no established leader");
        stage.crash(1).caught(1, expiring, "no established leader");
    }
}
