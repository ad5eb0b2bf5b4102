//! The black-box search of histories: is there one order of all operations that explains what the
//! clients saw (contract section 6; the witness checks stand in `zabra_sim::history`)?
//!
//! The promise is OSC(U), ordered sequential consistency: one order that the sequential specification
//! allows, that keeps each session's own order, and in which an update (a write, or a sync) stands
//! after everything that was over when it was invoked. Reads may be late. Neither the zxids of
//! replies nor the committed log are looked at, nor the zxids and times in a stat; only the judge is
//! shared with the witness checks. A write whose outcome was never learned may stand anywhere after
//! its invocation or nowhere, and a session may expire at any time.
//!
//! Not here: watch events, which the witness judges alone.

mod compare;
mod parts;
mod search;

#[cfg(test)]
mod tests;

use zabra_sim::history::History;

/// So many configurations of one part are looked at before the search gives up.
pub const CONFIGURATIONS: usize = 200_000;

/// What the search says of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// There is such an order.
    Explained {
        /// Configurations looked at.
        configurations: usize,
        /// Independent parts: no session and no subtree is in two of them.
        parts: usize,
    },
    /// There is none: the sentence says how far the search came.
    Refused(String),
    /// It cannot be told; the sentence says why.
    Undecided(&'static str),
}

impl Opinion {
    pub fn is_refusal(&self) -> bool {
        matches!(self, Opinion::Refused(_))
    }
}

/// Searches for an order that explains the history.
pub fn search(history: &History) -> Opinion {
    search_within(history, CONFIGURATIONS)
}

/// The same, with another limit for each part.
pub fn search_within(history: &History, limit: usize) -> Opinion {
    if !history.foreign.is_empty() {
        return Opinion::Undecided("sessions took part whose requests were not recorded");
    }
    let sessions = match parts::sessions(history) {
        Ok(sessions) => sessions,
        Err(why) => return Opinion::Refused(why),
    };
    let parts = parts::independent(&sessions);
    let mut configurations = 0;
    for part in &parts {
        match search::explain(part, limit) {
            Opinion::Explained { configurations: looked, .. } => configurations += looked,
            other @ (Opinion::Refused(_) | Opinion::Undecided(_)) => return other,
        }
    }
    Opinion::Explained { configurations, parts: parts.len() }
}
