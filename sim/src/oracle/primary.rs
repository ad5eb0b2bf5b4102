//! An epoch has one primary.
//!
//! An epoch may legally be *proposed* twice: a leader that crashes before anybody accepted its epoch
//! leaves no trace of it. What must be unique is the reign: the server, and its tenure, that begins
//! to synchronize learners in an epoch. Two rules make it so, and both are watched where they act: an
//! epoch is above all that were heard, and nobody vouches for an epoch twice.

use super::{Fact, Oracle, Sight, Verdict};
use std::collections::BTreeMap;
use zabra_core::contract::Event;
use zabra_core::id::{Epoch, ServerId};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OnePrimary {
    /// The epoch for which each leader has a quorum of ACKEPOCH, in its present tenure.
    tenures: BTreeMap<ServerId, Epoch>,
    primaries: BTreeMap<Epoch, ServerId>,
    vouched: BTreeMap<ServerId, (Epoch, ServerId)>,
}

impl OnePrimary {
    fn proposed(sight: &Sight<'_>, epoch: Epoch, informed: &[(ServerId, Epoch)]) -> Verdict {
        match informed.iter().find(|(_, accepted)| *accepted >= epoch) {
            None => Ok(()),
            Some((server, accepted)) => {
                let proposes = format!("server {} proposes epoch {epoch}", sight.server);
                let heard = format!("it heard that {server} has accepted epoch {accepted}");
                Err(sight
                    .breaks(Self::ID, "a proposed epoch is not above an epoch that was heard", proposes, heard)
                    .with(*server))
            }
        }
    }

    fn vouches(&mut self, sight: &Sight<'_>, epoch: Epoch, leader: ServerId) -> Verdict {
        match self.vouched.insert(sight.server, (epoch, leader)) {
            Some((before, other)) if before >= epoch => {
                let vouches = format!("server {} vouches for epoch {epoch} of {leader}", sight.server);
                let had = format!("it had vouched for epoch {before} of {other}");
                Err(sight
                    .breaks(Self::ID, "a server vouches for an epoch twice", vouches, had)
                    .with(leader)
                    .with(other))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn acked(&mut self, sight: &Sight<'_>, epoch: Epoch) -> Verdict {
        self.tenures.insert(sight.server, epoch);
        match self.primaries.get(&epoch) {
            None => Ok(()),
            Some(primary) => {
                let begins = format!("server {} ends discovery of epoch {epoch}", sight.server);
                let was = format!("server {primary} was the primary of epoch {epoch} before");
                Err(sight.breaks(Self::ID, "an epoch has two reigns", begins, was).with(*primary))
            }
        }
    }

    fn reigns(&mut self, sight: &Sight<'_>) -> Verdict {
        let me = sight.server;
        let Some(epoch) = self.tenures.get(&me).copied() else {
            let acts = format!("server {me} acts as a leader");
            let sentence = "a server acts as leader without an epoch";
            return Err(sight.breaks(Self::ID, sentence, acts, "no quorum of ACKEPOCH was heard in this tenure"));
        };
        let primary = *self.primaries.entry(epoch).or_insert(me);
        if primary != me {
            let acts = format!("server {me} is the primary of epoch {epoch}");
            let other = format!("server {primary} is too");
            return Err(sight.breaks(Self::ID, "an epoch has two primaries", acts, other).with(primary));
        }
        Ok(())
    }

    fn tenure_ends(&mut self, server: ServerId) {
        self.tenures.remove(&server);
    }
}

impl Oracle for OnePrimary {
    const ID: &'static str = "primary";
    const STATES: &'static str = "An epoch has one primary, in one tenure, over all time; a proposed epoch is above every accepted epoch heard; a server vouches for an epoch once.";
    const SOURCE: &'static str = "catalogue 1, I-PRIMARY; Remix I-1 primary uniqueness; ZOOKEEPER-1343";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        let event = match sight.fact {
            Fact::Reported(event) => event,
            Fact::Booted { .. } | Fact::Crashed => {
                self.tenure_ends(sight.server);
                return Ok(());
            }
            Fact::Destroyed { .. } => {
                self.vouched.remove(&sight.server);
                self.tenure_ends(sight.server);
                return Ok(());
            }
        };
        #[expect(clippy::wildcard_enum_match_arm, reason = "an oracle names the events that concern it")]
        match event {
            Event::EpochProposed { epoch, informed } => OnePrimary::proposed(sight, *epoch, informed),
            Event::EpochAccepted { epoch, leader, vouches: true } => self.vouches(sight, *epoch, *leader),
            Event::EpochAcked { epoch, .. } => self.acked(sight, *epoch),
            Event::SyncPlanned { .. } | Event::Established { .. } | Event::Proposed { .. } => self.reigns(sight),
            Event::Role { .. } | Event::Resigned { .. } => {
                self.tenure_ends(sight.server);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Who is the established leader of something, and of which epoch: by its own word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reigns {
    established: BTreeMap<ServerId, Epoch>,
}

impl Reigns {
    pub fn of(&self, server: ServerId) -> Option<Epoch> {
        self.established.get(&server).copied()
    }

    /// Takes a fact in.
    pub fn follow(&mut self, sight: &Sight<'_>) {
        match sight.fact {
            Fact::Reported(Event::Established { epoch, .. }) => {
                self.established.insert(sight.server, *epoch);
            }
            Fact::Reported(Event::Role { .. } | Event::Resigned { .. })
            | Fact::Booted { .. }
            | Fact::Crashed
            | Fact::Destroyed { .. } => {
                self.established.remove(&sight.server);
            }
            Fact::Reported(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, recovered, s, set, z};
    use super::*;
    use zabra_core::contract::SyncMode;

    fn stage() -> Stage<OnePrimary> {
        Stage::new(OnePrimary::default())
    }

    fn proposed(epoch: u32, informed: &[(u8, u32)]) -> Event {
        Event::EpochProposed {
            epoch: Epoch(epoch),
            informed: informed.iter().map(|(id, e)| (s(*id), Epoch(*e))).collect(),
        }
    }

    fn vouches(epoch: u32, leader: u8) -> Event {
        Event::EpochAccepted { epoch: Epoch(epoch), leader: s(leader), vouches: true }
    }

    fn acked(epoch: u32) -> Event {
        Event::EpochAcked { epoch: Epoch(epoch), acked: set([1, 2]), history_end: z(0, 0) }
    }

    fn planned() -> Event {
        Event::SyncPlanned { learner: s(2), mode: SyncMode::Diff, peer: z(0, 0), end: z(0, 0) }
    }

    #[test]
    fn an_epoch_proposed_twice_but_led_once_is_legal() {
        let mut stage = stage();
        stage.ok(1, proposed(1, &[(1, 0), (2, 0)])).crash(1).boot(1, &recovered(1, 0, &[]));
        stage.ok(3, proposed(1, &[(3, 0), (2, 0)])).ok(2, vouches(1, 3)).ok(3, acked(1)).ok(3, planned());
        stage.ok(1, Event::EpochAccepted { epoch: Epoch(1), leader: s(3), vouches: false }).ok(3, planned());
    }

    #[test]
    fn an_epoch_that_equals_one_heard_is_caught() {
        stage().caught(1, proposed(3, &[(1, 2), (2, 3)]), "not above");
    }

    #[test]
    fn vouching_twice_is_caught() {
        let mut stage = stage();
        stage.ok(2, vouches(1, 1)).crash(2).boot(2, &recovered(1, 0, &[]));
        stage.caught(2, vouches(1, 3), "vouches for an epoch twice");
    }

    #[test]
    fn two_reigns_in_an_epoch_are_caught() {
        let mut stage = stage();
        stage.ok(1, acked(1)).ok(1, planned());
        stage.clone().caught(3, acked(1), "two reigns");
        stage.crash(1).boot(1, &recovered(1, 1, &[])).caught(1, acked(1), "two reigns");
    }

    #[test]
    fn two_primaries_of_an_epoch_are_caught() {
        let mut stage = stage();
        stage.ok(1, acked(1)).ok(3, acked(1)).ok(1, planned());
        stage.caught(3, planned(), "two primaries");
    }

    #[test]
    fn a_leader_without_an_epoch_is_caught() {
        let mut stage = stage();
        stage.ok(1, acked(1)).crash(1).caught(1, planned(), "without an epoch");
    }
}
