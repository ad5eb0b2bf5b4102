//! Sessions of this server alone (reference/zookeeper.md section 1.11): no transaction knows of them,
//! so this server itself measures their silence and ends them.
//!
//! Where the configuration says so such a session becomes the ensemble's before it asks for its first
//! ephemeral: a createSession transaction is asked for, in front of that request. From this moment on
//! the session is no longer this server's, whatever becomes of the transaction: it never goes back, so
//! the word of this server, that a session is its own, is the word that no transaction was ever asked
//! for that creates it (docs/decisions/0037).

use super::role::Tail;
use super::{Service, Want, prepare};
use crate::config::LocalSessions;
use crate::contract::{Cx, DropReason, Event, LocalTurn, Timer};
use crate::id::{SessionId, Xid};
use crate::rule::{Rule, Rules};
use crate::wire::Op;
use crate::zab::Request;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A session that this server gave without a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Local {
    pub(super) timeout_ms: i32,
    /// The transaction that makes it the ensemble's was asked for, and is not applied here.
    pub(super) upgrades: bool,
}

impl Service {
    /// Whether a session is this server's alone.
    pub(super) fn is_local(&self, session: SessionId) -> bool {
        self.locals.get(&session).is_some_and(|local| !local.upgrades)
    }

    /// The sessions of this server alone, sorted.
    pub fn local_sessions(&self) -> impl Iterator<Item = SessionId> {
        self.locals.iter().filter(|(_, local)| !local.upgrades).map(|(session, _)| *session)
    }

    /// A session of this server begins.
    pub(super) fn begin_local<R: Rules>(&mut self, cx: &mut Cx<'_, R>, session: SessionId, timeout_ms: i32) {
        let earlier = self.locals.insert(session, Local { timeout_ms, upgrades: false });
        assert_eq!(earlier, None, "a new session has an id of its own");
        cx.report(Event::LocalSession { session, turn: LocalTurn::Begins });
        Self::arm_session(cx, session, timeout_ms);
    }

    /// A session of this server ends; its connection, if it has one, is the caller's to close.
    pub(super) fn end_local<R: Rules>(&mut self, cx: &mut Cx<'_, R>, session: SessionId, turn: LocalTurn) {
        self.locals.remove(&session);
        cx.disarm(Timer::Session(session));
        cx.report(Event::LocalSession { session, turn });
    }

    /// A session of this server was silent for too long.
    pub(super) fn expire_local<R: Rules>(&mut self, cx: &mut Cx<'_, R>, session: SessionId) {
        if let Some(&client) = self.carriers.get(&session) {
            self.drop_client(cx, client, DropReason::SessionExpired);
        }
        self.end_local(cx, session, LocalTurn::Expires);
    }

    /// A request is about to be asked for: if it makes an ephemeral, its session becomes the ensemble's.
    pub(super) fn upgrade_for<R: Rules>(&mut self, cx: &mut Cx<'_, R>, request: &Request, wants: &mut Vec<Want>) {
        let session = request.session;
        let may = cx.config.local_sessions == LocalSessions::Upgraded && cx.enforces(Rule::UpgradeBeforeEphemeral);
        if !may || !self.is_local(session) || !prepare::makes_ephemerals(request.op, &request.body) {
            return;
        }
        let local = self.locals.get_mut(&session).expect("it was just looked at");
        local.upgrades = true;
        wants.push(Want::Propose(creation(session, local.timeout_ms)));
        cx.disarm(Timer::Session(session));
        cx.report(Event::LocalSession { session, turn: LocalTurn::Upgrades });
    }

    /// A role begins: the transactions that were asked for in an earlier one, and can never commit any
    /// more, are asked for again.
    pub(super) fn upgrade_again(&self, tail: &Tail, wants: &mut Vec<Want>) {
        let upgrading = self.locals.iter().filter(|(session, local)| local.upgrades && !tail.creates(**session));
        wants.extend(upgrading.map(|(session, local)| Want::Propose(creation(*session, local.timeout_ms))));
    }
}

/// The request that creates a session: its body is the timeout.
pub(super) fn creation(session: SessionId, timeout_ms: i32) -> Request {
    let body = Arc::from(timeout_ms.to_be_bytes());
    Request { session, cxid: Xid(0), op: Op::CREATE_SESSION, body, auth: Vec::new(), is_local: false }
}
