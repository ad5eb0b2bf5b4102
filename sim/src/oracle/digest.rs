//! The state after a zxid is one state: on every server, in every life, in every image.

use super::{Fact, Oracle, Sight, Verdict};
use std::collections::BTreeMap;
use zabra_core::contract::Event;
use zabra_core::id::{ServerId, Zxid};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OneState {
    /// The state digest after each zxid, and who said so first.
    states: BTreeMap<Zxid, (u64, ServerId)>,
}

impl OneState {
    fn agrees(&mut self, sight: &Sight<'_>, zxid: Zxid, digest: u64) -> Verdict {
        let (known, first) = *self.states.entry(zxid).or_insert((digest, sight.server));
        if known == digest {
            return Ok(());
        }
        let here = format!("on server {} the digest after {zxid} is {digest:016x}", sight.server);
        let there = format!("on server {first} it is {known:016x}");
        Err(sight.breaks(Self::ID, "two servers differ after the same zxid", here, there).at(zxid).with(first))
    }
}

impl Oracle for OneState {
    const ID: &'static str = "digest";
    const STATES: &'static str = "At equal zxid all databases are equal (state digest over znodes, ACLs and sessions): applied, recovered or installed.";
    const SOURCE: &'static str = "catalogue 21, 22, 36, I-DIGEST";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        match sight.fact {
            Fact::Reported(Event::Applied { record, digest }) => self.agrees(sight, record.zxid, *digest),
            Fact::Reported(Event::ImageInstalled { zxid }) => match sight.view {
                Some(view) if view.applied() == *zxid => self.agrees(sight, *zxid, view.database().digests().state),
                Some(_) | None => Ok(()),
            },
            Fact::Booted { recovered } => self.agrees(sight, recovered.image.zxid(), recovered.image.digests().state),
            Fact::Reported(_) | Fact::Crashed | Fact::Destroyed { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, record, recovered};
    use super::*;

    fn applied(counter: u32, digest: u64) -> Event {
        Event::Applied { record: record(1, counter), digest }
    }

    #[test]
    fn equal_states_are_legal() {
        let mut stage = Stage::new(OneState::default());
        stage.boot(1, &recovered(0, 0, &[])).boot(2, &recovered(0, 0, &[]));
        stage.ok(1, applied(1, 7)).ok(1, applied(2, 8)).ok(2, applied(1, 7)).crash(1).ok(1, applied(1, 7));
    }

    #[test]
    fn different_states_are_caught() {
        let mut stage = Stage::new(OneState::default());
        stage.ok(1, applied(1, 7)).caught(2, applied(1, 8), "differ after the same zxid");
        stage.crash(1).caught(1, applied(1, 9), "differ after the same zxid");
    }

    #[test]
    fn a_recovered_image_that_differs_is_caught() {
        let mut stage = Stage::new(OneState::default());
        stage.oracle.states.insert(Zxid::ZERO, (1, ServerId(2)));
        let empty = recovered(0, 0, &[]);
        assert!(stage.fact(1, Fact::Booted { recovered: &empty }).is_err());
    }
}
