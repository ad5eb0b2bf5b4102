//! The service: client connections, sessions, watches, the leader's preparation of requests into
//! transactions, their application to the tree, and reads.
//!
//! It knows nothing of elections or quorums. [`crate::replica`] tells it what role the server has
//! and which transactions are committed; it answers with [`Want`]s.

use crate::config::Config;
use crate::contract::{ClientOrigin, Cx};
use crate::id::{ClientId, ConnId, SessionId, Zxid};
use crate::log::{Image, Record};
use crate::rule::Rules;
use crate::zab::Request;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What the service asks of the rest of the server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Want {
    /// A write. A leader prepares and proposes it; a learner forwards it.
    Propose(Request),
    /// A `sync`: [`Service::synced`] is called once per want, in the order of the wants.
    Sync(Request),
    /// As learner: ask the leader whether this session is alive.
    Revalidate { session: SessionId, timeout_ms: i32 },
}

/// Where the leader heard a request: the owner of a session is one of these (rule `OwnerOnly`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestOrigin {
    Local,
    Learner(ConnId),
}

/// The service of one server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Service {
    database: Image,
}

impl Service {
    /// A service over a recovered database. New session ids count up from `session_base`.
    pub fn restore(_config: &Config, image: Image, _session_base: SessionId) -> Self {
        Service { database: image }
    }

    /// The zxid of the last transaction applied.
    pub fn applied(&self) -> Zxid {
        self.database.zxid()
    }

    pub fn database(&self) -> &crate::tree::Database {
        &self.database
    }

    /// The database, frozen: what a snapshot or SNAP carries.
    pub fn image(&self) -> Image {
        Arc::clone(&self.database)
    }

    /// The server has no leader any more: predictions are dropped (rule `PredictionDropped`),
    /// session timers are disarmed, reads and new writes wait (`Timer::NoLeader` per connection).
    pub fn look<R: Rules>(&mut self, _cx: &mut Cx<'_, R>) {}

    /// This server is the established leader: every session's timer is armed, waiting writes that
    /// cannot commit any more are proposed.
    pub fn lead<R: Rules>(&mut self, _cx: &mut Cx<'_, R>, _wants: &mut Vec<Want>) {}

    /// This server is up to date with its leader: waiting writes that are not in the history
    /// (`contains` tells by session and cxid, for records above `applied`) are wanted again.
    pub fn learn<R: Rules>(&mut self, _cx: &mut Cx<'_, R>, _wants: &mut Vec<Want>) {}

    /// The leader's image replaces the database: client connections are closed.
    pub fn install<R: Rules>(&mut self, _cx: &mut Cx<'_, R>, image: Image) {
        self.database = image;
    }

    pub fn client_opened<R: Rules>(&mut self, _cx: &mut Cx<'_, R>, _client: ClientId, _from: ClientOrigin) {}

    pub fn client_frame<R: Rules>(
        &mut self,
        _cx: &mut Cx<'_, R>,
        _client: ClientId,
        _frame: &[u8],
        _wants: &mut Vec<Want>,
    ) {
    }

    pub fn client_closed<R: Rules>(&mut self, _cx: &mut Cx<'_, R>, _client: ClientId) {}

    /// As leader: a session's timer fired.
    pub fn session_fired<R: Rules>(&mut self, _cx: &mut Cx<'_, R>, _session: SessionId, _wants: &mut Vec<Want>) {}

    /// A connection waited for a leader longer than its session's timeout: it is closed.
    pub fn no_leader_fired<R: Rules>(&mut self, _cx: &mut Cx<'_, R>, _client: ClientId) {}

    /// As leader: a learner heard of these sessions.
    pub fn touch<R: Rules>(&mut self, _cx: &mut Cx<'_, R>, _sessions: &[(SessionId, i32)]) {}

    /// As learner: the sessions heard of since the last call, for the answer to a PING.
    pub fn take_touched(&mut self) -> Vec<(SessionId, i32)> {
        Vec::new()
    }

    /// As leader: whether a learner may attach this session; it becomes the session's owner.
    pub fn revalidate<R: Rules>(&mut self, _cx: &mut Cx<'_, R>, _origin: ConnId, _session: SessionId) -> bool {
        false
    }

    /// As learner: the leader's answer to `Want::Revalidate`.
    pub fn revalidated<R: Rules>(
        &mut self,
        _cx: &mut Cx<'_, R>,
        _session: SessionId,
        _valid: bool,
        _wants: &mut Vec<Want>,
    ) {
    }

    /// As leader: makes a transaction of a request, against the database and what is proposed but
    /// not applied. A request that fails its checks becomes an error transaction: it takes the
    /// zxid all the same (rule `FreshZxid`). Returns `TxnHeader`, body and `TxnDigest`.
    pub fn prepare<R: Rules>(
        &mut self,
        _cx: &mut Cx<'_, R>,
        _zxid: Zxid,
        _origin: RequestOrigin,
        _request: &Request,
    ) -> Arc<[u8]> {
        Arc::from([])
    }

    /// Applies a committed transaction: tree, sessions, watches; completes the write that waits for
    /// it and releases the replies behind it.
    pub fn apply<R: Rules>(&mut self, _cx: &mut Cx<'_, R>, _record: &Record, _wants: &mut Vec<Want>) {}

    /// The oldest `Want::Sync` was answered.
    pub fn synced<R: Rules>(&mut self, _cx: &mut Cx<'_, R>, _wants: &mut Vec<Want>) {}

    /// A learner's connection ended (as leader): sessions that it owned keep running.
    pub fn learner_gone(&mut self, _origin: ConnId) {}
}
