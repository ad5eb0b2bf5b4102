//! Sessions live once, and an ephemeral node lives with its session.

use super::{About, Check, Index, Judged};
use crate::history::{Answer, Body, Call, Kind, Text, Txn};
use std::collections::{BTreeMap, BTreeSet};
use zabra_core::wire::Code;

pub(super) const CHECK: Check = Check {
    id: "ephemerals",
    states: "an ephemeral node is created by an open session and goes with it, in the transaction that closes it; \
             a session opens once, and does nothing after its close",
    source: "catalogue 36, 37, 39; I-EPH; ZOOKEEPER-1208",
    run,
};

/// The sessions and their nodes, and nothing else of the service.
#[derive(Default)]
struct Sessions {
    open: BTreeMap<i64, BTreeSet<Text>>,
    opened: BTreeSet<i64>,
    /// The position in the log of each session's first close.
    closed: BTreeMap<i64, usize>,
    owner: BTreeMap<Text, i64>,
}

fn run(index: &Index<'_>) -> Judged {
    let mut sessions = Sessions::default();
    for (at, txn) in index.history.log.iter().enumerate() {
        sessions.see(index, at, txn)?;
    }
    for (at, event) in index.history.events.iter().enumerate() {
        match &event.kind {
            Kind::Attached { .. }
                if !sessions.opened.contains(&event.session) && !index.history.local.contains(&event.session) =>
            {
                let facts = [index.tell(at), "the log has no createSession of it".to_string()];
                return Err(CHECK
                    .violation("a session was attached that was never created", facts)
                    .session(event.session));
            }
            Kind::Return { xid, zxid, answer } => sessions.on_return(index, at, *xid, *zxid, answer)?,
            Kind::Attached { .. }
            | Kind::Rearmed { .. }
            | Kind::Disconnected
            | Kind::Invoke { .. }
            | Kind::Watch { .. }
            | Kind::Expired
            | Kind::Wronged { .. } => {}
        }
    }
    Ok(())
}

impl Sessions {
    fn see(&mut self, index: &Index<'_>, at: usize, txn: &Txn) -> Judged {
        txn.body.changes().iter().try_for_each(|body| self.see_change(index, at, txn, body))
    }

    fn see_change(&mut self, index: &Index<'_>, at: usize, txn: &Txn, body: &Body) -> Judged {
        let session = txn.session;
        let fail = |sentence: &str, other: String| {
            Err(CHECK.violation(sentence, [index.tell_txn(at), other]).zxid(txn.zxid).session(session))
        };
        // What a leader deletes of its own accord is of no session.
        let is_local = index.history.local.contains(&session) && !self.opened.contains(&session);
        let is_over = session != 0 && !self.open.contains_key(&session) && !is_local;
        match body {
            Body::CreateSession { .. } => {
                if !self.opened.insert(session) {
                    return fail("a session was created twice", "an earlier record creates it".to_string());
                }
                self.open.insert(session, BTreeSet::new());
            }
            Body::CloseSession { paths } => {
                let owned = self.open.remove(&session).unwrap_or_default();
                if !paths.iter().eq(owned.iter()) {
                    return fail("a close does not list its session's ephemerals", format!("it owns {owned:?}"));
                }
                for path in &owned {
                    self.owner.remove(path);
                }
                self.closed.entry(session).or_insert(at);
            }
            // A request that comes too late is an error.
            Body::Error { .. } | Body::Other { .. } | Body::Multi { .. } => {}
            Body::Create { .. } | Body::Delete { .. } | Body::SetData { .. } | Body::SetAcl { .. } if is_over => {
                let why =
                    self.closed.get(&session).map_or("it was never created".to_string(), |at| index.tell_txn(*at));
                return fail("a session that is not open wrote", why);
            }
            Body::Create { path, ephemeral, .. } => {
                let asked = index.operation_of(at).map(|operation| operation.call);
                let asked = match asked {
                    Some(Call::Create { flags, .. }) => flags & 1 != 0,
                    Some(_) | None => *ephemeral,
                };
                if *ephemeral != asked {
                    return fail("a node was not created as asked", format!("an ephemeral was asked for: {asked}"));
                }
                if *ephemeral && is_local {
                    let why = "no record before it creates the session".to_string();
                    return fail("an ephemeral was created by a session that is one server's alone", why);
                }
                if *ephemeral {
                    self.open.entry(session).or_default().insert(path.clone());
                    self.owner.insert(path.clone(), session);
                }
            }
            Body::Delete { path } => {
                if let Some(owner) = self.owner.remove(path) {
                    self.open.entry(owner).or_default().remove(path);
                }
            }
            Body::SetData { .. } | Body::SetAcl { .. } => {}
        }
        Ok(())
    }

    /// A closed session is answered its close, or that it is expired, and nothing else.
    fn on_return(&self, index: &Index<'_>, at: usize, xid: i32, zxid: u64, answer: &Answer) -> Judged {
        let session = index.history.events[at].session;
        let Some(&closed) = self.closed.get(&session).filter(|closed| index.history.log[**closed].zxid <= zxid) else {
            return Ok(());
        };
        let is_close = index.operation(session, xid).is_some_and(|operation| *operation.call == Call::Close);
        if is_close || *answer == Answer::Error(Code::SessionExpired.to_wire()) {
            return Ok(());
        }
        let facts = [index.tell_txn(closed), index.tell(at)];
        Err(CHECK.violation("a closed session was served", facts).zxid(zxid).session(session))
    }
}
