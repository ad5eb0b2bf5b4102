//! How sessions are kept alive and how they end in silence (reference/zookeeper.md section 1.3).
//!
//! Only the established leader measures silence: it arms a timer per session, and learners tell it
//! which sessions they have heard of. A timer that fires proposes closeSession; the session ends
//! when that is applied.

use super::role::Role;
use super::{Service, Want};
use crate::contract::{Action, Cx, Event, Timer};
use crate::id::{SessionId, Xid};
use crate::rule::{Rule, Rules};
use crate::wire::Op;
use crate::zab::Request;
use alloc::sync::Arc;
use alloc::vec::Vec;

impl Service {
    /// As leader: a session's timer fired.
    pub fn session_fired<R: Rules>(&mut self, cx: &mut Cx<'_, R>, session: SessionId, wants: &mut Vec<Want>) {
        if self.is_local(session) {
            return self.expire_local(cx, session);
        }
        if cx.enforces(Rule::LeaderExpires) && self.role != Role::Leading {
            return;
        }
        let Some(timeout_ms) = self.database.session_timeout(session) else { return };
        if !self.role.serves() {
            return Self::arm_session(cx, session, timeout_ms);
        }
        if self.ahead.is_closing(session) {
            return;
        }
        cx.report(Event::SessionExpiring { session });
        let (op, body) = (Op::CLOSE_SESSION, Arc::from([]));
        wants.push(Want::Propose(Request { session, cxid: Xid(0), op, body, auth: Vec::new(), is_local: false }));
    }

    /// As leader: a learner heard of these sessions.
    pub fn touch<R: Rules>(&mut self, cx: &mut Cx<'_, R>, sessions: &[(SessionId, i32)]) {
        let alive = |session: &SessionId| self.database.session_timeout(*session).is_some();
        let sessions: Vec<SessionId> = sessions.iter().map(|(session, _)| *session).filter(alive).collect();
        if self.role == Role::Leading && !sessions.is_empty() && cx.enforces(Rule::WordRenews) {
            cx.act(Action::Touch { sessions });
        }
    }

    /// As learner: the sessions heard of since the last call, for the answer to a PING.
    pub fn take_touched(&mut self) -> Vec<(SessionId, i32)> {
        core::mem::take(&mut self.touched).into_iter().collect()
    }

    /// A client of this server was heard of.
    pub(super) fn touch_one<R: Rules>(&mut self, cx: &mut Cx<'_, R>, session: SessionId, timeout_ms: i32) {
        if self.is_local(session) {
            return cx.act(Action::Touch { sessions: Vec::from([session]) });
        }
        match self.role {
            Role::Leading => cx.act(Action::Touch { sessions: Vec::from([session]) }),
            Role::Learning => {
                self.touched.insert(session, timeout_ms);
            }
            Role::Looking | Role::ReadOnly => {}
        }
    }

    /// One tick more than the timeout, for a touch may be under way for so long.
    pub(super) fn arm_session<R: Rules>(cx: &mut Cx<'_, R>, session: SessionId, timeout_ms: i32) {
        let timeout_ms = u32::try_from(timeout_ms).unwrap_or(0);
        cx.arm(Timer::Session(session), timeout_ms.saturating_add(cx.config.tick_ms));
    }
}
