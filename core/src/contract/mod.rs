//! The contract between the core and its drivers: what happens to a server, what it commands, what
//! it reports (design section 2, contract sections 1 to 3).
//!
//! Inputs are things that happened; actions are imperatives. Neither enum is open: a new variant
//! must be decided in every driver.

mod action;
mod event;
mod input;
mod timer;

pub use action::{Action, Actions, DropReason, Fault, Span};
pub use event::{Ballot, Event, Joined, LineTurn, LocalTurn, RequestOrigin, Resigned, SyncMode};
pub use input::{ClientOrigin, Input, Origin, StorageError};
pub use timer::Timer;

use crate::config::Config;
use crate::id::{ServerSet, Stamp};
use crate::rule::{Rule, Rules};

/// What a handler is given besides its own state.
pub struct Cx<'a, R> {
    pub rules: R,
    pub config: &'a Config,
    /// This server's wall clock: may be copied into a transaction's header, and tells how old something is that
    /// fades by itself.
    pub at: Stamp,
    pub out: &'a mut Actions,
}

impl<R: Rules> Cx<'_, R> {
    /// The same with a configuration that has changed meanwhile.
    pub fn with<'b>(&'b mut self, config: &'b Config) -> Cx<'b, R> {
        Cx { rules: self.rules, config, at: self.at, out: self.out }
    }

    /// Whether the safety decision `rule` is enforced: always, outside the explorers' mutants.
    pub fn enforces(&self, rule: Rule) -> bool {
        self.rules.enforces(rule)
    }

    /// Whether these servers are a quorum of every configuration that counts here.
    pub fn has_quorum(&self, servers: ServerSet) -> bool {
        if self.enforces(Rule::BothQuorums) {
            self.config.has_quorum(servers)
        } else {
            self.config.ensemble.quorum.contains(servers)
        }
    }

    pub fn act(&mut self, action: Action) {
        self.out.push(action);
    }

    pub fn report(&mut self, event: Event) {
        self.out.report(event);
    }

    pub fn arm(&mut self, timer: Timer, after_ms: u32) {
        self.act(Action::Arm { timer, after_ms });
    }

    pub fn disarm(&mut self, timer: Timer) {
        self.act(Action::Disarm { timer });
    }
}
