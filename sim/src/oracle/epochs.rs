//! The two epoch files: monotone, in order, and durable before what depends on them.

use super::{DurableState, Fact, Oracle, Sight, Verdict};
use std::collections::BTreeMap;
use zabra_core::contract::Event;
use zabra_core::id::{Epoch, ServerId};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Epochs {
    /// What each server's disk was last seen to hold.
    durable: BTreeMap<ServerId, (Epoch, Epoch)>,
    /// The epoch that each leader is about to reign in.
    tenures: BTreeMap<ServerId, Epoch>,
}

impl Epochs {
    fn files(&mut self, sight: &Sight<'_>, disk: DurableState) -> Verdict {
        let now = (disk.accepted, disk.current);
        let before = self.durable.insert(sight.server, now);
        let holds =
            || format!("server {} holds accepted epoch {}, current epoch {} durably", sight.server, now.0, now.1);
        if now.1 > now.0 {
            let sentence = "a current epoch is above the accepted epoch";
            return Err(sight.breaks(Self::ID, sentence, holds(), "current ≤ accepted, at every moment"));
        }
        match before {
            Some((accepted, current)) if accepted > now.0 || current > now.1 => {
                let held = format!("it held {accepted} and {current} before");
                Err(sight.breaks(Self::ID, "a durable epoch went backwards", holds(), held))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn accepted(sight: &Sight<'_>, epoch: Epoch, leader: ServerId) -> Verdict {
        let durable = sight.disk.accepted;
        if durable == epoch {
            return Ok(());
        }
        let sentence = match epoch > durable {
            true => "an epoch is acknowledged before it is durable",
            false => "an epoch below the accepted one is acknowledged",
        };
        let acks = format!("server {} acknowledges epoch {epoch} of {leader}", sight.server);
        Err(sight.breaks(Self::ID, sentence, acks, format!("its accepted epoch is {durable}, durably")).with(leader))
    }

    fn acts(&self, sight: &Sight<'_>, what: &str) -> Verdict {
        let Some(epoch) = self.tenures.get(&sight.server).copied() else {
            return Ok(());
        };
        if sight.disk.accepted >= epoch && sight.disk.current >= epoch {
            return Ok(());
        }
        let acts = format!("server {} {what} in epoch {epoch}", sight.server);
        let (accepted, current) = (sight.disk.accepted, sight.disk.current);
        let holds = format!("durable are accepted epoch {accepted} and current epoch {current}");
        Err(sight.breaks(Self::ID, "a leader acts before its own epoch files are durable", acts, holds))
    }
}

impl Oracle for Epochs {
    const ID: &'static str = "epochs";
    const STATES: &'static str = "Per server, the durable current epoch ≤ the durable accepted epoch, neither ever goes backwards, an epoch is acknowledged when it is durable and never when a later one is, and a leader syncs nobody before its own epoch files are durable.";
    const SOURCE: &'static str = "catalogue 2, I-EPOCH; Zab paper (DSN 2011)";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        let event = match sight.fact {
            Fact::Destroyed { .. } => {
                self.durable.remove(&sight.server);
                self.tenures.remove(&sight.server);
                return Ok(());
            }
            Fact::Crashed => {
                self.tenures.remove(&sight.server);
                return self.files(sight, sight.disk);
            }
            Fact::Booted { .. } => return self.files(sight, sight.disk),
            Fact::Reported(event) => event,
        };
        self.files(sight, sight.disk)?;
        #[expect(clippy::wildcard_enum_match_arm, reason = "an oracle names the events that concern it")]
        match event {
            Event::EpochAccepted { epoch, leader, .. } => Epochs::accepted(sight, *epoch, *leader),
            Event::EpochAcked { epoch, .. } => {
                self.tenures.insert(sight.server, *epoch);
                Ok(())
            }
            Event::SyncPlanned { .. } => self.acts(sight, "syncs a learner"),
            Event::Established { .. } => self.acts(sight, "is established"),
            Event::Role { .. } => {
                self.tenures.remove(&sight.server);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, recovered, s, set, z};
    use super::*;
    use zabra_core::contract::SyncMode;
    use zabra_core::id::Zxid;

    fn stage() -> Stage<Epochs> {
        let mut stage = Stage::new(Epochs::default());
        stage.boot(1, &recovered(3, 2, &[]));
        stage
    }

    fn accepted(epoch: u32) -> Event {
        Event::EpochAccepted { epoch: Epoch(epoch), leader: s(3), vouches: true }
    }

    fn acked(epoch: u32) -> Event {
        Event::EpochAcked { epoch: Epoch(epoch), acked: set([1, 2]), history_end: z(0, 0) }
    }

    fn planned() -> Event {
        Event::SyncPlanned { learner: s(2), mode: SyncMode::Diff, peer: z(0, 0), end: z(0, 0) }
    }

    #[test]
    fn epochs_that_grow_and_are_durable_in_time_are_legal() {
        let mut stage = stage();
        stage.disk(1, 4, 2, Zxid::ZERO).ok(1, accepted(4)).disk(1, 4, 4, Zxid::ZERO).ok(1, accepted(4));
        stage.crash(1).boot(1, &recovered(5, 4, &[])).disk(1, 5, 4, Zxid::ZERO).ok(1, acked(5));
        stage.disk(1, 5, 5, Zxid::ZERO).ok(1, planned());
    }

    #[test]
    fn an_epoch_acknowledged_before_it_is_durable_is_caught() {
        stage().caught(1, accepted(4), "before it is durable");
    }

    #[test]
    fn a_lower_epoch_is_caught() {
        stage().caught(1, accepted(2), "below the accepted one");
    }

    #[test]
    fn a_file_that_goes_backwards_is_caught() {
        stage().disk(1, 2, 2, Zxid::ZERO).caught(1, accepted(2), "went backwards");
        let mut stage = stage();
        let image = recovered(3, 1, &[]);
        stage.disk(1, 3, 1, Zxid::ZERO);
        assert!(stage.fact(1, Fact::Booted { recovered: &image }).is_err());
    }

    #[test]
    fn a_current_epoch_above_the_accepted_one_is_caught() {
        stage().disk(1, 3, 4, Zxid::ZERO).caught(1, planned(), "above the accepted");
    }

    #[test]
    fn a_leader_that_syncs_before_its_epoch_is_durable_is_caught() {
        let mut stage = stage();
        stage.disk(1, 4, 2, Zxid::ZERO).ok(1, acked(4)).caught(1, planned(), "before its own epoch files");
        let mut stage = self::stage();
        stage.ok(1, acked(4)).caught(1, planned(), "before its own epoch files");
    }

    #[test]
    fn a_destroyed_server_starts_again_from_nothing() {
        stage().destroy(1).boot(1, &recovered(0, 0, &[])).disk(1, 1, 0, Zxid::ZERO).ok(1, accepted(1));
    }
}
