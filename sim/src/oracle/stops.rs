//! Servers that follow the protocol never talk each other into stopping.

use super::{Fact, Oracle, Sight, Verdict};
use zabra_core::contract::{Event, Fault};
use zabra_core::id::{ServerId, ServerSet};

/// Only a disk that fails stops a server. (An unmatched COMMIT is `commit_matching`'s.)
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stops {
    /// Contract section 7, clause 2: what a destroyed disk gives back may contradict itself.
    destroyed: ServerSet,
}

impl Stops {
    fn stopped(&self, sight: &Sight<'_>, fault: Fault) -> Verdict {
        let me: ServerId = sight.server;
        let stops = format!("server {me} stops itself");
        match fault {
            Fault::Storage(_) | Fault::UnmatchedCommit { .. } => Ok(()),
            Fault::EpochsContradict if self.destroyed.contains(me) => Ok(()),
            Fault::EpochsContradict => {
                let sentence = "a disk that was written by the protocol contradicts itself";
                Err(sight.breaks(Self::ID, sentence, stops, "its epochs contradict each other or its log"))
            }
            Fault::EpochsExhausted => {
                let sentence = "the epochs are exhausted";
                Err(sight.breaks(Self::ID, sentence, stops, "its accepted epoch is the last that there can be"))
            }
            Fault::TruncateCommitted { committed, after } => {
                let asked = format!("its leader asked it to cut after {after}; committed is {committed}");
                Err(sight.breaks(Self::ID, "a leader asked to cut what is committed", stops, asked).at(committed))
            }
            Fault::UnreadableTransaction { zxid } => {
                let sentence = "a committed transaction cannot be read";
                Err(sight.breaks(Self::ID, sentence, stops, format!("{zxid} cannot be decoded")).at(zxid))
            }
        }
    }
}

impl Oracle for Stops {
    const ID: &'static str = "stops";
    const STATES: &'static str = "No server stops itself unless its storage failed or was destroyed.";
    const SOURCE: &'static str = "I-ROBUST, I-RECOVER; contract section 7";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        match sight.fact {
            Fact::Reported(Event::Stopped { fault }) => self.stopped(sight, *fault),
            Fact::Destroyed { .. } => {
                self.destroyed.insert(sight.server);
                Ok(())
            }
            Fact::Reported(Event::NewLeaderAcked { .. }) => {
                self.destroyed.remove(sight.server);
                Ok(())
            }
            Fact::Reported(_) | Fact::Booted { .. } | Fact::Crashed => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, z};
    use super::*;
    use zabra_core::contract::StorageError;

    fn stopped(fault: Fault) -> Event {
        Event::Stopped { fault }
    }

    fn stage() -> Stage<Stops> {
        Stage::new(Stops::default())
    }

    #[test]
    fn a_full_disk_and_a_destroyed_one_may_stop_a_server() {
        stage().ok(1, stopped(Fault::Storage(StorageError::Full)));
        stage().destroy(1).ok(1, stopped(Fault::EpochsContradict));
    }

    #[test]
    fn every_other_stop_is_caught() {
        stage().caught(1, stopped(Fault::EpochsContradict), "contradicts itself");
        stage().caught(1, stopped(Fault::EpochsExhausted), "exhausted");
        let fault = Fault::TruncateCommitted { committed: z(1, 2), after: z(1, 1) };
        stage().caught(1, stopped(fault), "cut what is committed");
        stage().caught(1, stopped(Fault::UnreadableTransaction { zxid: z(1, 2) }), "cannot be read");
    }
}
