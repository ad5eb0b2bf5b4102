//! Followers can match every COMMIT that the protocol sends them.

use super::{Fact, Oracle, Sight, Verdict};
use zabra_core::contract::{Event, Fault};

/// A learner stops itself on a COMMIT that is not the head of its waiting proposals. That guards
/// the history; that it ever happens among servers that follow the protocol is a bug.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CommitMatching;

impl Oracle for CommitMatching {
    const ID: &'static str = "commit_matching";
    const STATES: &'static str = "No server gets a COMMIT that does not match the oldest proposal that waits for one.";
    const SOURCE: &'static str = "catalogue 17, I-COMMIT; Remix I-14; ZOOKEEPER-4394";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        match sight.fact {
            Fact::Reported(Event::Stopped { fault: Fault::UnmatchedCommit { expected, got } }) => {
                let gets = format!("server {} got COMMIT {got}", sight.server);
                let waits = match expected {
                    Some(expected) => format!("it waited for COMMIT {expected}"),
                    None => "no proposal waited for a COMMIT".into(),
                };
                Err(sight.breaks(Self::ID, "a COMMIT matches no proposal", gets, waits).at(*got))
            }
            Fact::Reported(_) | Fact::Booted { .. } | Fact::Crashed | Fact::Destroyed { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, z};
    use super::*;
    use zabra_core::contract::StorageError;

    #[test]
    fn a_broken_disk_may_stop_a_server() {
        let fault = Fault::Storage(StorageError::Io);
        Stage::new(CommitMatching).ok(1, Event::Stopped { fault });
    }

    #[test]
    fn an_unmatched_commit_is_caught() {
        let mut stage = Stage::new(CommitMatching);
        let fault = Fault::UnmatchedCommit { expected: None, got: z(1, 1) };
        stage.caught(1, Event::Stopped { fault }, "matches no proposal");
        let fault = Fault::UnmatchedCommit { expected: Some(z(1, 1)), got: z(1, 2) };
        stage.caught(1, Event::Stopped { fault }, "matches no proposal");
    }
}
