//! One server: dispatch only, one line per arm.

use crate::config::Config;
use crate::contract::{Actions, Input};
use crate::id::{Epoch, ServerId, SessionId, Stamp, Zxid};
use crate::log::{Record, Recovered};
use crate::request::Service;
use crate::rule::Rules;
use crate::tree::Database;
use crate::zab::ServerState;
use alloc::sync::Arc;

/// A complete server, as a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Replica {
    config: Arc<Config>,
    service: Service,
}

impl Replica {
    /// A server at start, from what its disk holds. Session ids count up from `session_base`.
    pub fn restore(
        config: Arc<Config>,
        recovered: Recovered,
        session_base: SessionId,
        _at: Stamp,
        _out: &mut Actions,
    ) -> Replica {
        let service = Service::restore(&config, recovered.image, session_base);
        Replica { config, service }
    }

    /// One thing happened: changes the server and appends what it commands and reports.
    pub fn step<R: Rules>(&mut self, _rules: R, _at: Stamp, _input: Input<'_>, _out: &mut Actions) {}

    pub fn view(&self) -> View<'_> {
        View { replica: self }
    }
}

/// What logs, oracles, models and admin commands may know of a server.
#[derive(Clone, Copy)]
pub struct View<'a> {
    replica: &'a Replica,
}

impl<'a> View<'a> {
    pub fn me(self) -> ServerId {
        self.replica.config.me
    }

    pub fn state(self) -> ServerState {
        ServerState::Looking
    }

    /// Whether this server serves: an established leader, or a learner after UPTODATE.
    pub fn serving(self) -> bool {
        false
    }

    /// The leader that this server follows, or itself when leading.
    pub fn leader(self) -> Option<ServerId> {
        None
    }

    pub fn accepted_epoch(self) -> Epoch {
        Epoch::ZERO
    }

    pub fn current_epoch(self) -> Epoch {
        Epoch::ZERO
    }

    /// The records in memory, oldest first: the committed window, then what is not yet committed.
    pub fn history(self) -> impl DoubleEndedIterator<Item = &'a Record> + ExactSizeIterator {
        [].iter()
    }

    /// The end of the history: the zxid that votes and ACKEPOCH carry.
    pub fn history_end(self) -> Zxid {
        Zxid::ZERO
    }

    /// What is known to be committed in this life.
    pub fn committed(self) -> Zxid {
        Zxid::ZERO
    }

    pub fn applied(self) -> Zxid {
        self.replica.service.applied()
    }

    pub fn database(self) -> &'a Database {
        self.replica.service.database()
    }

    /// The election round.
    pub fn round(self) -> u64 {
        0
    }

    /// How many storage actions wait to become durable.
    pub fn pending_writes(self) -> usize {
        0
    }
}
