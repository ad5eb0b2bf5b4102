//! At the leader: over which server each session was last opened (section 1.3, "moved sessions").
//!
//! Requests of a session are valid only from its owner, so that a request that was delayed on an
//! old path cannot follow one that came on the new path (ZOOKEEPER-417). Owners are forgotten with
//! the leadership: under a new leader the first request of a session claims it.

use crate::id::{ConnId, SessionId};
use alloc::collections::BTreeMap;

/// Over whom a session is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Owner {
    /// A connection of this server's own client port.
    Local,
    /// A learner.
    Learner(ConnId),
    /// A learner whose connection has ended. Nobody claims such a session by a mere request: one
    /// that was delayed at another learner could be older than what the owner had sent. It is
    /// taken over when a client re-opens it.
    Gone,
}

/// The owners of sessions. A session that is not listed has no owner yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tracker {
    owners: BTreeMap<SessionId, Owner>,
}

impl Tracker {
    /// A client opened or re-opened the session over `owner`.
    pub(crate) fn open(&mut self, session: SessionId, owner: Owner) {
        assert!(owner != Owner::Gone, "a session is opened over a living connection");
        self.owners.insert(session, owner);
    }

    /// Whether the session has an owner; under a new leader it has none until its first request.
    pub(crate) fn has_owner(&self, session: SessionId) -> bool {
        self.owners.contains_key(&session)
    }

    pub(crate) fn is_owner(&self, session: SessionId, owner: Owner) -> bool {
        self.owners.get(&session) == Some(&owner)
    }

    pub(crate) fn closed(&mut self, session: SessionId) {
        self.owners.remove(&session);
    }

    pub(crate) fn learner_gone(&mut self, conn: ConnId) {
        for owner in self.owners.values_mut().filter(|owner| **owner == Owner::Learner(conn)) {
            *owner = Owner::Gone;
        }
    }

    /// Leadership ended.
    pub(crate) fn clear(&mut self) {
        self.owners.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: SessionId = SessionId(7);
    const A: Owner = Owner::Learner(ConnId(1));
    const B: Owner = Owner::Learner(ConnId(2));

    #[test]
    fn the_latest_opening_owns_the_session() {
        let mut tracker = Tracker::default();
        assert!(!tracker.has_owner(S));
        tracker.open(S, A);
        assert!(tracker.is_owner(S, A));
        tracker.open(S, B);
        assert!(tracker.is_owner(S, B));
        assert!(!tracker.is_owner(S, A));
    }

    #[test]
    fn a_session_of_a_lost_learner_is_not_claimed_by_a_delayed_request() {
        let mut tracker = Tracker::default();
        tracker.open(S, A);
        tracker.learner_gone(ConnId(1));
        assert!(tracker.has_owner(S), "nobody becomes its owner by a mere request");
        assert!(!tracker.is_owner(S, A), "the slot may belong to another learner by now");
    }

    #[test]
    fn nothing_is_left_of_a_closed_session() {
        let mut tracker = Tracker::default();
        tracker.open(S, A);
        tracker.closed(S);
        assert_eq!(tracker, Tracker::default());
    }
}
