//! Fresh zxids: a leader's proposals count up from (epoch, 1) and never wrap.

use super::primary::Reigns;
use super::{Fact, Oracle, Sight, Verdict};
use std::collections::BTreeMap;
use zabra_core::contract::Event;
use zabra_core::id::{ServerId, Zxid};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FreshZxids {
    /// The counter that ends an epoch.
    counter_end: u32,
    reigns: Reigns,
    /// What each established leader proposed last.
    proposed: BTreeMap<ServerId, Zxid>,
    /// Transactions that were prepared and are to be proposed next.
    prepared: BTreeMap<ServerId, Zxid>,
}

impl Default for FreshZxids {
    fn default() -> Self {
        FreshZxids {
            counter_end: u32::MAX,
            reigns: Reigns::default(),
            proposed: BTreeMap::new(),
            prepared: BTreeMap::new(),
        }
    }
}

impl FreshZxids {
    /// In a world whose zxids have less room.
    pub fn with_counter_end(mut self, counter_end: u32) -> Self {
        self.counter_end = counter_end;
        self
    }

    fn prepared(&mut self, sight: &Sight<'_>, zxid: Zxid) -> Verdict {
        match self.prepared.insert(sight.server, zxid) {
            None => Ok(()),
            Some(before) => {
                let prepares = format!("server {} prepares {zxid}", sight.server);
                let waits = format!("{before} was prepared and not proposed");
                Err(sight.breaks(Self::ID, "a request that was prepared took no zxid", prepares, waits).at(zxid))
            }
        }
    }

    fn proposed(&mut self, sight: &Sight<'_>, zxid: Zxid) -> Verdict {
        let me = sight.server;
        let proposes = || format!("server {me} proposes {zxid}");
        let Some(epoch) = self.reigns.of(me) else {
            let sentence = "a server proposes that is no established leader";
            return Err(sight.breaks(Self::ID, sentence, proposes(), "it was not established in this tenure").at(zxid));
        };
        let last = self.proposed.insert(me, zxid).unwrap_or(epoch.start());
        if last.next() != Some(zxid) {
            let was = format!("its last proposal in epoch {epoch} was {last}");
            return Err(sight.breaks(Self::ID, "a proposal does not take the next zxid", proposes(), was).at(zxid));
        }
        if zxid.counter() >= self.counter_end {
            let sentence = "the counter is used up and the epoch goes on";
            let ends = format!("counter {:#x} ends an epoch", self.counter_end);
            return Err(sight.breaks(Self::ID, sentence, proposes(), ends).at(zxid));
        }
        match self.prepared.remove(&me) {
            Some(prepared) if prepared != zxid => {
                let was = format!("{prepared} was prepared");
                Err(sight.breaks(Self::ID, "another zxid is proposed than was prepared", proposes(), was).at(zxid))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Oracle for FreshZxids {
    const ID: &'static str = "zxid";
    const STATES: &'static str = "An established leader's proposals are (e,1), (e,2), … of its own epoch e and end before counter 0xffffffff; every prepared request takes one.";
    const SOURCE: &'static str = "catalogue 4 and 19, I-ZXID; ZOOKEEPER-1277; reference/zookeeper.md 1.5";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        self.reigns.follow(sight);
        if self.reigns.of(sight.server).is_none() {
            self.proposed.remove(&sight.server);
            self.prepared.remove(&sight.server);
        }
        match sight.fact {
            Fact::Reported(Event::Prepared { zxid, .. }) => self.prepared(sight, *zxid),
            Fact::Reported(Event::Proposed { record }) => self.proposed(sight, record.zxid),
            Fact::Reported(_) | Fact::Booted { .. } | Fact::Crashed | Fact::Destroyed { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, record, recovered, set, z};
    use super::*;
    use zabra_core::id::{Epoch, SessionId};
    use zabra_core::request::RequestOrigin;

    fn established(epoch: u32) -> Event {
        Event::Established { epoch: Epoch(epoch), acked: set([1]), initial_end: z(0, 0) }
    }

    fn proposed(epoch: u32, counter: u32) -> Event {
        Event::Proposed { record: record(epoch, counter) }
    }

    fn prepared(epoch: u32, counter: u32) -> Event {
        Event::Prepared { zxid: z(epoch, counter), session: SessionId(1), origin: RequestOrigin::Local }
    }

    fn stage() -> Stage<FreshZxids> {
        let mut stage = Stage::new(FreshZxids::default());
        stage.ok(1, established(1)).ok(1, prepared(1, 1)).ok(1, proposed(1, 1));
        stage
    }

    #[test]
    fn counting_up_is_legal_and_a_new_reign_begins_at_one() {
        let mut stage = stage();
        stage.ok(1, proposed(1, 2)).crash(1).boot(1, &recovered(1, 1, &[])).ok(1, established(3)).ok(1, proposed(3, 1));
    }

    #[test]
    fn a_zxid_used_again_or_skipped_or_of_another_epoch_is_caught() {
        stage().caught(1, proposed(1, 1), "next zxid");
        stage().caught(1, proposed(1, 3), "next zxid");
        stage().caught(1, proposed(2, 1), "next zxid");
    }

    #[test]
    fn a_request_that_takes_no_zxid_is_caught() {
        stage().ok(1, prepared(1, 2)).caught(1, prepared(1, 2), "took no zxid");
        stage().ok(1, prepared(1, 3)).caught(1, proposed(1, 2), "than was prepared");
    }

    #[test]
    fn an_epoch_that_goes_on_after_its_last_zxid_is_caught() {
        let mut stage = stage();
        stage.oracle.proposed.insert(ServerId(1), z(1, u32::MAX - 1));
        stage.clone().caught(1, proposed(1, u32::MAX), "used up");
        stage.oracle.proposed.insert(ServerId(1), z(1, u32::MAX));
        stage.caught(1, proposed(2, 0), "next zxid");
    }

    #[test]
    fn a_proposal_of_a_server_that_does_not_lead_is_caught() {
        stage().caught(2, proposed(1, 2), "no established leader");
    }
}
