//! Sessions outside the database: their ids, their passwords, and who owns them.
//!
//! Which sessions exist, and with which timeout, is a function of the applied transactions and
//! lives in [`crate::tree::Database`]. What stands here belongs to one server: the ids that it
//! gives out, the arithmetic of passwords, and, at the leader, over which server each session was
//! last used (reference/zookeeper.md section 1.3).

mod password;
mod tracker;

pub use password::{Password, password};
pub(crate) use tracker::{Owner, Tracker};

use crate::id::SessionId;

/// The ids that a server gives to new sessions: they count up from a base of the server's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionIds {
    last: SessionId,
}

impl SessionIds {
    pub(crate) fn new(base: SessionId) -> Self {
        SessionIds { last: base }
    }

    /// The next id. 0 means "no session", and the smallest number marks containers (section 1.3).
    pub(crate) fn next(&mut self) -> SessionId {
        self.last = SessionId(self.last.0.wrapping_add(1));
        if matches!(self.last, SessionId(0 | i64::MIN)) {
            self.last = SessionId(self.last.0.wrapping_add(1));
        }
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_up_and_skip_the_two_that_mean_something_else() {
        let mut ids = SessionIds::new(SessionId(0x0100_0000_0000_0000));
        assert_eq!((ids.next().0, ids.next().0), (0x0100_0000_0000_0001, 0x0100_0000_0000_0002));
        assert_eq!(SessionIds::new(SessionId(-1)).next().0, 1);
        assert_eq!(SessionIds::new(SessionId(i64::MAX)).next().0, i64::MIN + 1);
    }
}
