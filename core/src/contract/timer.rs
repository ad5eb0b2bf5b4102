//! The timers of a server: who arms, who disarms, what firing does.
//!
//! | timer | armed by | disarmed by | firing |
//! |---|---|---|---|
//! | `Notification` | entering LOOKING; each firing, with the doubled interval | leaving LOOKING | sends the vote again |
//! | `FinalizeWait` | a quorum for the own vote | a better vote; leaving LOOKING | the vote is final: leave LOOKING |
//! | `InitLimit` | taking a role | UPTODATE received; leadership established; leaving the role | back to LOOKING |
//! | `SyncLimit` | a learner at UPTODATE and at each packet of its leader | leaving the role | back to LOOKING |
//! | `Learner(conn)` | a leader at each packet of that learner | the connection's end; leaving the role | hangs up; without a quorum, back to LOOKING |
//! | `Ping` | an established leader, each half tick | leaving the role | pings every learner |
//! | `Redial` | a refused dial | leaving the role | dials the leader again |
//! | `Session(id)` | the established leader, for each session | the session's end; losing leadership | proposes closeSession |
//! | `NoLeader(client)` | a connection that waits while LOOKING | the wait's end; the connection's end | closes the connection |
//! | `Containers` | the established leader, while there are containers or znodes with a time to live; each firing | losing leadership | proposes to delete those that have faded |
//! | `ReadOnly` | entering LOOKING, where read-only mode is enabled | leaving LOOKING | read-only clients are served |
//! | `Throttle` | a request that waits to be taken; each firing | the end of the line | counts ages; drops the head if it is stale |
//!
//! Firing late or early by any amount must be safe.

use crate::id::{ClientId, ConnId, SessionId};

/// A named timer; at most one deadline per value is armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    Notification,
    FinalizeWait,
    InitLimit,
    SyncLimit,
    Learner(ConnId),
    Ping,
    Redial,
    Session(SessionId),
    NoLeader(ClientId),
    Containers,
    ReadOnly,
    Throttle,
}
