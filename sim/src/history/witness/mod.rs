//! The witness checks: O(n log n) in the length of the history.
//!
//! Zxids are the witness: a write's reply carries the zxid of its transaction, a read's reply the
//! zxid of the state that it was evaluated on. Each check is one file with one property. An outcome
//! that the client never learned counts as possibly applied: such an operation may have one
//! transaction or none.

mod ephemerals;
mod exactly_once;
mod fresh_sync;
mod index;
mod linearizable_writes;
mod replay;
mod sequential_nodes;
mod session_order;
mod triggers;
mod watches;

pub use index::{Index, Operation, Returned};

use super::History;
use crate::oracle::Violation;
use zabra_core::id::{ServerSet, SessionId, Zxid};

/// One property of histories.
#[derive(Clone, Copy)]
pub struct Check {
    /// Short, stable: what reports, hunts and the kill matrix say.
    pub id: &'static str,
    /// The property, in one sentence.
    pub states: &'static str,
    /// Catalogue numbers of reference/oracles.md, ZOOKEEPER ids.
    pub source: &'static str,
    run: fn(&Index<'_>) -> Judged,
}

/// The first violation that a check finds.
type Judged = Result<(), Box<Violation>>;

/// Every check. Earlier ones say more of what is wrong when several fail.
pub const CHECKS: [Check; 8] = [
    exactly_once::CHECK,
    session_order::CHECK,
    linearizable_writes::CHECK,
    fresh_sync::CHECK,
    sequential_nodes::CHECK,
    ephemerals::CHECK,
    watches::CHECK,
    replay::CHECK,
];

/// Judges a history: at most one violation of each property, none for a legal history.
pub fn check(history: &History) -> Vec<Violation> {
    let index = Index::new(history);
    CHECKS.iter().filter_map(|check| (check.run)(&index).err()).map(|violation| *violation).collect()
}

impl Check {
    /// Judges this property alone.
    pub fn judge(&self, index: &Index<'_>) -> Option<Violation> {
        (self.run)(index).err().map(|violation| *violation)
    }

    fn violation(&self, sentence: impl Into<String>, facts: [String; 2]) -> Box<Violation> {
        Box::new(Violation {
            oracle: self.id,
            sentence: sentence.into(),
            facts,
            servers: ServerSet::EMPTY,
            zxid: None,
            session: None,
            path: None,
        })
    }
}

/// What a violation is about.
trait About {
    fn zxid(self, zxid: u64) -> Self;
    fn session(self, session: i64) -> Self;
    fn path(self, path: &super::Text) -> Self;
}

impl About for Box<Violation> {
    fn zxid(mut self, zxid: u64) -> Self {
        self.zxid = Some(Zxid(zxid));
        self
    }

    fn session(mut self, session: i64) -> Self {
        self.session = Some(SessionId(session));
        self
    }

    fn path(mut self, path: &super::Text) -> Self {
        self.path = Some(path.to_string());
        self
    }
}

#[cfg(test)]
mod tests;
