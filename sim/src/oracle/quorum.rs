//! Every "have a quorum" is justified: by distinct voters of the configuration, each of which did
//! what it is counted for.

use super::{Fact, Oracle, Sight, Verdict};
use std::collections::BTreeMap;
use std::fmt;
use zabra_core::config::Ensemble;
use zabra_core::contract::{Ballot, Event};
use zabra_core::id::{Epoch, ServerId, ServerSet, Zxid};
use zabra_core::quorum::Quorum;
use zabra_core::zab::Vote;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QuorumIsReal {
    quorum: Quorum,
    servers: BTreeMap<ServerId, Did>,
}

/// What a server is known to have done; later deeds cover earlier ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Did {
    /// The newest epoch that it vouched for, as learner.
    vouched: Epoch,
    /// The newest epoch whose NEWLEADER it acknowledged.
    synced: Epoch,
    /// The newest record that it acknowledged.
    acked: Zxid,
}

impl QuorumIsReal {
    pub fn new(ensemble: &Ensemble) -> Self {
        QuorumIsReal { quorum: ensemble.quorum.clone(), servers: BTreeMap::new() }
    }

    fn did(&self, server: ServerId) -> Did {
        self.servers.get(&server).copied().unwrap_or_default()
    }

    fn check(&self, sight: &Sight<'_>, what: fmt::Arguments<'_>, servers: ServerSet) -> Verdict {
        if self.quorum.contains(servers) {
            return Ok(());
        }
        let sentence = format!("{what} without a quorum");
        let did = format!("server {} counted {servers}", sight.server);
        let voters = format!("the voters are {}", self.quorum.voters());
        Err(sight.breaks(Self::ID, sentence, did, voters))
    }

    fn elected(&self, sight: &Sight<'_>, vote: Vote, ballots: &[Ballot]) -> Verdict {
        let voters = self.quorum.voters();
        let mut counted: ServerSet = ballots.iter().map(|b| b.from).collect();
        self.check(sight, format_args!("a server left LOOKING"), counted)?;
        counted.insert(vote.leader);
        if let Some(stray) = counted.difference(voters).iter().next() {
            let counts = format!("server {} counts votes of {counted}", sight.server);
            let sentence = "the vote of a server that is no voter was counted, or was for one";
            return Err(sight.breaks(Self::ID, sentence, counts, format!("the voters are {voters}")).with(stray));
        }
        Ok(())
    }

    /// The leader's own part is judged by `epochs` and `ack_durability`.
    fn each(
        &self,
        sight: &Sight<'_>,
        servers: ServerSet,
        what: fmt::Arguments<'_>,
        did: impl Fn(Did) -> bool,
    ) -> Verdict {
        match servers.iter().find(|s| *s != sight.server && !did(self.did(*s))) {
            None => Ok(()),
            Some(idle) => {
                let counts = format!("server {} counts {idle} among {servers}", sight.server);
                let never = format!("{idle} never {what}");
                Err(sight.breaks(Self::ID, "a server was counted for what it did not do", counts, never).with(idle))
            }
        }
    }

    fn committed(&self, sight: &Sight<'_>, zxid: Zxid, acked: ServerSet) -> Verdict {
        self.check(sight, format_args!("{zxid} was committed"), acked).map_err(|v| v.at(zxid))?;
        self.each(sight, acked, format_args!("acknowledged {zxid}"), |did| did.acked >= zxid)
            .map_err(|v| v.at(zxid))?;
        if acked.contains(sight.server) && self.did(sight.server).acked < zxid {
            let counts = format!("server {} counts itself for {zxid}", sight.server);
            let sentence = "a leader counted itself for a record that it did not acknowledge";
            return Err(sight.breaks(Self::ID, sentence, counts, "it did not report its own ACK").at(zxid));
        }
        Ok(())
    }

    fn judge(&self, sight: &Sight<'_>, event: &Event) -> Verdict {
        #[expect(clippy::wildcard_enum_match_arm, reason = "an oracle names the events that concern it")]
        match event {
            Event::Elected { vote, ballots, .. } => self.elected(sight, *vote, ballots),
            Event::EpochProposed { epoch, informed } => {
                let heard = informed.iter().map(|(s, _)| *s).collect();
                self.check(sight, format_args!("epoch {epoch} was proposed"), heard)
            }
            Event::EpochAcked { epoch, acked, .. } => {
                self.check(sight, format_args!("discovery of epoch {epoch} ended"), *acked)?;
                self.each(sight, *acked, format_args!("vouched for epoch {epoch}"), |did| did.vouched >= *epoch)
            }
            Event::Established { epoch, acked, .. } => {
                self.check(sight, format_args!("epoch {epoch} was established"), *acked)?;
                self.each(sight, *acked, format_args!("acknowledged NEWLEADER of epoch {epoch}"), |did| {
                    did.synced >= *epoch
                })
            }
            Event::Committed { zxid, acked } => self.committed(sight, *zxid, *acked),
            _ => Ok(()),
        }
    }

    fn learn(&mut self, server: ServerId, event: &Event) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "an oracle names the events that concern it")]
        match event {
            Event::EpochAccepted { epoch, vouches: true, .. } => {
                let did = self.servers.entry(server).or_default();
                did.vouched = did.vouched.max(*epoch);
            }
            Event::NewLeaderAcked { epoch, history_end, .. } => {
                let did = self.servers.entry(server).or_default();
                did.synced = did.synced.max(*epoch);
                did.acked = did.acked.max(*history_end);
            }
            Event::Acked { zxid } => {
                let did = self.servers.entry(server).or_default();
                did.acked = did.acked.max(*zxid);
            }
            _ => {}
        }
    }
}

impl Oracle for QuorumIsReal {
    const ID: &'static str = "quorum";
    const STATES: &'static str = "Every election, epoch, establishment and commit is justified by distinct voters that form a quorum and that did what they are counted for.";
    const SOURCE: &'static str = "I-QUORUM; Zab paper (DSN 2011); ZOOKEEPER-2959, 2988, 764";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        match sight.fact {
            Fact::Reported(event) => {
                self.judge(sight, event)?;
                self.learn(sight.server, event);
            }
            Fact::Booted { .. } | Fact::Crashed | Fact::Destroyed { .. } => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, ballot, ensemble, s, set, vote, z};
    use super::*;
    use zabra_core::contract::Joined;

    /// Voters 1 to 3, observers 4 and 5; the leader is 3.
    fn stage() -> Stage<QuorumIsReal> {
        Stage::new(QuorumIsReal::new(&ensemble(3, 2)))
    }

    fn elected(leader: u8, voters: &[u8]) -> Event {
        let vote = vote(0, z(0, 0), leader);
        let ballots = voters.iter().map(|v| ballot(*v, 1, vote)).collect();
        Event::Elected { vote, round: 1, ballots, joined: Joined::Election }
    }

    fn informed<const N: usize>(ids: [u8; N]) -> Event {
        Event::EpochProposed { epoch: Epoch(1), informed: ids.map(|id| (s(id), Epoch(0))).to_vec() }
    }

    fn accepted(vouches: bool) -> Event {
        Event::EpochAccepted { epoch: Epoch(1), leader: s(3), vouches }
    }

    fn epoch_acked<const N: usize>(ids: [u8; N]) -> Event {
        Event::EpochAcked { epoch: Epoch(1), acked: set(ids), history_end: z(0, 0) }
    }

    fn synced() -> Event {
        Event::NewLeaderAcked { epoch: Epoch(1), leader: s(3), history_end: z(0, 0) }
    }

    fn established<const N: usize>(ids: [u8; N]) -> Event {
        Event::Established { epoch: Epoch(1), acked: set(ids), initial_end: z(0, 0) }
    }

    fn committed<const N: usize>(counter: u32, ids: [u8; N]) -> Event {
        Event::Committed { zxid: z(1, counter), acked: set(ids) }
    }

    #[test]
    fn a_reign_with_real_quorums_is_legal() {
        let mut stage = stage();
        stage.ok(3, elected(3, &[2, 3])).ok(3, informed([2, 3])).ok(2, accepted(true)).ok(3, epoch_acked([2, 3]));
        stage.ok(2, synced()).ok(3, established([2, 3]));
        stage.ok(3, Event::Acked { zxid: z(1, 1) }).ok(2, Event::Acked { zxid: z(1, 1) });
        stage.ok(3, committed(1, [2, 3]));
    }

    #[test]
    fn an_ack_of_newleader_counts_for_what_came_before_it() {
        let mut stage = stage();
        stage.ok(2, Event::NewLeaderAcked { epoch: Epoch(1), leader: s(3), history_end: z(1, 2) });
        stage.ok(3, Event::Acked { zxid: z(1, 2) }).ok(3, committed(1, [2, 3])).ok(3, committed(2, [2, 3]));
    }

    #[test]
    fn decisions_without_a_quorum_are_caught() {
        stage().caught(3, elected(3, &[3]), "without a quorum");
        stage().caught(3, informed([3]), "without a quorum");
        stage().caught(3, informed([3, 4, 5]), "without a quorum");
        stage().caught(3, epoch_acked([3]), "without a quorum");
        stage().caught(3, established([3, 4]), "without a quorum");
        stage().caught(3, committed(1, [3, 4, 5]), "without a quorum");
    }

    #[test]
    fn votes_of_or_for_observers_are_caught() {
        stage().caught(3, elected(3, &[2, 3, 4]), "no voter");
        stage().caught(3, elected(4, &[2, 3]), "no voter");
    }

    #[test]
    fn a_learner_that_did_not_vouch_is_not_counted() {
        stage().caught(3, epoch_acked([2, 3]), "did not do");
        let mut stage = stage();
        stage.ok(2, accepted(false)).caught(3, epoch_acked([2, 3]), "did not do");
    }

    #[test]
    fn a_learner_that_did_not_acknowledge_newleader_is_not_counted() {
        stage().caught(3, established([2, 3]), "did not do");
    }

    #[test]
    fn a_server_that_did_not_acknowledge_a_record_is_not_counted() {
        let mut stage = stage();
        stage.ok(3, Event::Acked { zxid: z(1, 2) }).ok(2, Event::Acked { zxid: z(1, 1) });
        stage.ok(3, committed(1, [2, 3]));
        stage.caught(3, committed(2, [2, 3]), "did not do");
        let mut stage = self::stage();
        stage.ok(2, Event::Acked { zxid: z(1, 1) }).caught(3, committed(1, [2, 3]), "counted itself");
    }
}
