//! Sessions of this server alone (reference/zookeeper.md section 1.11): no transaction knows of them,
//! so this server itself measures their silence and ends them.

use super::Service;
use crate::contract::{Cx, DropReason, Timer};
use crate::id::SessionId;
use crate::rule::Rules;

impl Service {
    /// A session of this server begins.
    pub(super) fn begin_local<R: Rules>(&mut self, cx: &mut Cx<'_, R>, session: SessionId, timeout_ms: i32) {
        let earlier = self.locals.insert(session, timeout_ms);
        assert_eq!(earlier, None, "a new session has an id of its own");
        Self::arm_session(cx, session, timeout_ms);
    }

    /// A session of this server ends; its connection, if it has one, is the caller's to close.
    pub(super) fn end_local<R: Rules>(&mut self, cx: &mut Cx<'_, R>, session: SessionId) {
        self.locals.remove(&session);
        cx.disarm(Timer::Session(session));
    }

    /// A session of this server was silent for too long.
    pub(super) fn expire_local<R: Rules>(&mut self, cx: &mut Cx<'_, R>, session: SessionId) {
        if let Some(&client) = self.carriers.get(&session) {
            self.drop_client(cx, client, DropReason::SessionExpired);
        }
        self.end_local(cx, session);
    }
}
