//! At the moment an ACK leaves, what it promises is durable.

use super::{Fact, Oracle, Sight, Verdict};
use std::collections::BTreeMap;
use zabra_core::contract::Event;
use zabra_core::id::{Epoch, ServerId, Zxid};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AckDurability {
    /// Images installed and not yet acknowledged by ACK(NEWLEADER).
    installed: BTreeMap<ServerId, Zxid>,
}

impl AckDurability {
    fn record(sight: &Sight<'_>, zxid: Zxid) -> Verdict {
        let durable = sight.disk.history_end;
        if durable >= zxid {
            return Ok(());
        }
        let acks = format!("server {} acknowledges {zxid}", sight.server);
        let holds = format!("its durable history ends at {durable}");
        Err(sight.breaks(Self::ID, "a record is acknowledged before it is durable", acks, holds).at(zxid))
    }

    /// History, image, epoch. A durable history may be longer than what NEWLEADER closed by
    /// proposals of the new epoch only; anything else is a tail whose cut is not durable.
    fn new_leader(&mut self, sight: &Sight<'_>, epoch: Epoch, history_end: Zxid) -> Verdict {
        let disk = sight.disk;
        let acks = || format!("server {} acknowledges NEWLEADER of epoch {epoch}", sight.server);
        let ends = || format!("it synchronized up to {history_end}, durable is a history up to {}", disk.history_end);
        if disk.history_end < history_end {
            let sentence = "NEWLEADER is acknowledged before the history is durable";
            return Err(sight.breaks(Self::ID, sentence, acks(), ends()).at(history_end));
        }
        if disk.history_end > history_end && disk.history_end.epoch() != epoch {
            let sentence = "NEWLEADER is acknowledged before the truncation is durable";
            return Err(sight.breaks(Self::ID, sentence, acks(), ends()).at(disk.history_end));
        }
        if let Some(image) = self.installed.remove(&sight.server)
            && disk.image != image
        {
            let holds = format!("the image {image} was installed, durable is the image {}", disk.image);
            let sentence = "NEWLEADER is acknowledged before the image is durable";
            return Err(sight.breaks(Self::ID, sentence, acks(), holds).at(image));
        }
        if disk.current < epoch {
            let holds = format!("its current epoch is {}, durably", disk.current);
            let sentence = "NEWLEADER is acknowledged before the current epoch is durable";
            return Err(sight.breaks(Self::ID, sentence, acks(), holds));
        }
        Ok(())
    }
}

impl Oracle for AckDurability {
    const ID: &'static str = "ack_durability";
    const STATES: &'static str = "When ACK(z) leaves (or a leader counts itself), everything up to z is durable; when ACK(NEWLEADER) leaves, the whole synchronized history, the installed image and then the current epoch are.";
    const SOURCE: &'static str = "catalogue 14, I-ACK; Remix I-12; ZOOKEEPER-3911, 4646, 1282, 2872";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        match sight.fact {
            Fact::Reported(Event::Acked { zxid }) => return AckDurability::record(sight, *zxid),
            Fact::Reported(Event::NewLeaderAcked { epoch, history_end, .. }) => {
                return self.new_leader(sight, *epoch, *history_end);
            }
            Fact::Reported(Event::ImageInstalled { zxid }) => {
                self.installed.insert(sight.server, *zxid);
            }
            Fact::Reported(Event::SyncAborted { .. } | Event::Role { .. })
            | Fact::Booted { .. }
            | Fact::Crashed
            | Fact::Destroyed { .. } => {
                self.installed.remove(&sight.server);
            }
            Fact::Reported(_) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, s, z};
    use super::*;

    fn stage() -> Stage<AckDurability> {
        Stage::new(AckDurability::default())
    }

    fn acked(zxid: Zxid) -> Event {
        Event::Acked { zxid }
    }

    fn new_leader(epoch: u32, history_end: Zxid) -> Event {
        Event::NewLeaderAcked { epoch: Epoch(epoch), leader: s(3), history_end }
    }

    #[test]
    fn acks_of_what_is_durable_are_legal() {
        let mut stage = stage();
        stage.disk(1, 2, 2, z(1, 5)).ok(1, new_leader(2, z(1, 5)));
        stage.disk(1, 2, 2, z(2, 1)).ok(1, acked(z(2, 1))).ok(1, new_leader(2, z(1, 5)));
    }

    #[test]
    fn an_ack_before_durability_is_caught() {
        stage().disk(1, 1, 1, z(1, 1)).caught(1, acked(z(1, 2)), "before it is durable");
    }

    #[test]
    fn a_newleader_acknowledged_too_early_is_caught() {
        stage().disk(1, 2, 2, z(1, 4)).caught(1, new_leader(2, z(1, 5)), "history is durable");
        stage().disk(1, 2, 2, z(1, 6)).caught(1, new_leader(2, z(1, 5)), "truncation is durable");
        stage().disk(1, 2, 1, z(1, 5)).caught(1, new_leader(2, z(1, 5)), "current epoch is durable");
    }

    #[test]
    fn an_image_must_be_durable_too() {
        let installed = Event::ImageInstalled { zxid: z(1, 5) };
        let mut stage = stage();
        stage.ok(1, installed.clone()).disk(1, 2, 2, z(1, 5));
        stage.clone().caught(1, new_leader(2, z(1, 5)), "image is durable");
        stage.disks.get_mut(&s(1)).unwrap().image = z(1, 5);
        stage.ok(1, new_leader(2, z(1, 5)));
        let mut stage = self::stage();
        stage.ok(1, installed).crash(1).disk(1, 2, 2, z(1, 5)).ok(1, new_leader(2, z(1, 5)));
    }
}
