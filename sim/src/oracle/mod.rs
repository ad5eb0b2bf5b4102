//! Oracles: one property per file, named, with its statement and source, incremental.
//!
//! The same objects serve the random explorer, the models and recorded runs. An oracle sees facts
//! and views, never a replica, so it cannot depend on how the core is written. Its ghost state is
//! `Clone + Eq + Hash` and small, for in models it is part of the state.

mod ack_durability;
mod all;
mod atomic;
mod chain;
mod commit_matching;
mod commit_safety;
mod configurations;
mod contiguity;
mod digest;
mod early_expiry;
mod election;
mod epochs;
mod exactly_once;
mod fifo;
mod fresh_sync;
mod leader_completeness;
mod log_matching;
mod ownership;
mod prediction;
mod primary;
mod quorum;
mod quotas;
mod read_only;
mod session_order;
mod sessions;
mod step_down;
mod stops;
mod storage_order;
mod transaction;
mod vote;
mod zxid;

#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod stage;

pub use all::{OneOracle, OracleEntry, Oracles};

use crate::time::Micros;
use zabra_core::contract::Event;
use zabra_core::id::{Epoch, ServerId, ServerSet, SessionId, Zxid};
use zabra_core::log::Recovered;
use zabra_core::replica::View;

/// One thing that an oracle is shown, at the moment it happened.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    pub now: Micros,
    pub server: ServerId,
    pub fact: Fact<'a>,
    /// The server after the step; `None` while it is down.
    pub view: Option<View<'a>>,
    /// What of this server's storage is durable right now.
    pub disk: DurableState,
}

#[derive(Clone, Copy)]
pub enum Fact<'a> {
    /// The server starts from what its disk holds.
    Booted { recovered: &'a Recovered },
    /// The core reported an event.
    Reported(&'a Event),
    /// The server crashed; what was not durable may be gone.
    Crashed,
    /// A destroying fault: the disk is empty or damaged from now on (contract section 7, clause 2).
    /// What the disk held until then comes with it.
    Destroyed { held: DurableState },
}

/// What of a server's storage would survive any crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DurableState {
    pub accepted: Epoch,
    pub current: Epoch,
    /// The end of the durable history (log, or image if the log is empty).
    pub history_end: Zxid,
    /// The zxid of the newest durable image.
    pub image: Zxid,
}

/// A property that was violated, with the two facts that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Violation {
    /// The oracle's [`Oracle::ID`].
    pub oracle: &'static str,
    /// One sentence.
    pub sentence: String,
    pub facts: [String; 2],
    pub servers: ServerSet,
    pub zxid: Option<Zxid>,
    pub session: Option<SessionId>,
    pub path: Option<String>,
}

pub type Verdict = Result<(), Violation>;

impl Sight<'_> {
    /// A violation on this server: the property, what went wrong, and the two facts.
    fn breaks(
        &self,
        oracle: &'static str,
        sentence: impl Into<String>,
        first: impl Into<String>,
        second: impl Into<String>,
    ) -> Violation {
        Violation {
            oracle,
            sentence: sentence.into(),
            facts: [first.into(), second.into()],
            servers: ServerSet::from_iter([self.server]),
            zxid: None,
            session: None,
            path: None,
        }
    }
}

impl Violation {
    fn at(mut self, zxid: Zxid) -> Self {
        self.zxid = Some(zxid);
        self
    }

    fn of(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    fn with(mut self, server: ServerId) -> Self {
        self.servers.insert(server);
        self
    }
}

/// The world at the end of a run, healed (contract section 7, clause 4).
pub trait Facts {
    fn servers(&self) -> ServerSet;
    fn view(&self, server: ServerId) -> Option<View<'_>>;
}

/// A property of runs.
pub trait Oracle {
    /// Short, stable, `snake_case`: what reports, hunts and the kill matrix say.
    const ID: &'static str;
    /// The property, in one sentence.
    const STATES: &'static str;
    /// Paper, TLA+ name, ZOOKEEPER id or catalogue number (reference/oracles.md).
    const SOURCE: &'static str;

    /// O(1) amortised: nothing here walks the tree, the sessions or the log.
    fn see(&mut self, sight: &Sight<'_>) -> Verdict;

    fn end(&mut self, _facts: &dyn Facts) -> Verdict {
        Ok(())
    }
}
