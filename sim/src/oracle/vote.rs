//! What a server says of itself in an election is what its disk says.
//!
//! The first vote of a round speaks of the end of the durable history and of the durable current
//! epoch, so a server that votes while its own writes are pending, from what it has applied, or from
//! an image that it has since forgotten, is seen at once. After that a vote may only get better.

use super::configurations::Claims;
use super::{DurableState, Fact, Oracle, Sight, Verdict};
use std::collections::BTreeMap;
use zabra_core::config::Ensemble;
use zabra_core::contract::Event;
use zabra_core::id::{Epoch, ServerId, ServerSet, Zxid};
use zabra_core::log::Standing;
use zabra_core::zab::Vote;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VoteIsTrue {
    claims: Claims,
    /// Servers that started from a lost disk: they have no vote before it holds an epoch.
    lost: ServerSet,
    /// The best that each server could say of itself before its disk lost it: a vote for it of then
    /// may still be on its way, and comes back to it as somebody's vote for a better candidate.
    withdrawn: BTreeMap<ServerId, Vote>,
    /// The last vote of each server that looks, with its round.
    last: BTreeMap<ServerId, (u64, Vote)>,
}

impl VoteIsTrue {
    pub fn new(ensemble: &Ensemble) -> Self {
        VoteIsTrue {
            claims: Claims::new(ensemble),
            lost: ServerSet::EMPTY,
            withdrawn: BTreeMap::new(),
            last: BTreeMap::new(),
        }
    }

    /// For explorers where nobody is elected any more: no vote of an earlier round is compared with.
    pub fn forget_rounds(&mut self) {
        self.last.clear();
    }

    pub fn remembers_rounds(&self) -> bool {
        !self.last.is_empty()
    }

    /// What this disk held of the history is about to go, or gone.
    fn withdraws(&mut self, server: ServerId, held: DurableState) {
        let best = Vote { epoch: held.current, zxid: held.history_end, leader: server };
        let withdrawn = self.withdrawn.entry(server).or_insert(best);
        *withdrawn = best.max(*withdrawn);
    }

    /// The order of votes for this server: who votes in the configuration in force comes before others that have the
    /// same history, where another one is logged.
    fn rank(&self, me: ServerId, vote: Vote) -> (Epoch, Zxid, bool, ServerId) {
        let in_force = self.claims.proposed(me).is_none() || self.claims.active(me).weight(vote.leader) > 0;
        (vote.epoch, vote.zxid, in_force, vote.leader)
    }

    fn voted(&mut self, sight: &Sight<'_>, round: u64, vote: Vote) -> Verdict {
        let me = sight.server;
        let says = format!("server {me} votes for {} as {}, {} in round {round}", vote.leader, vote.epoch, vote.zxid);
        // With its current epoch durable the synchronized history is, so the disk is whole again, as
        // it would be after a restart (docs/decisions/0005-lost-disk.md).
        if self.lost.contains(me) && sight.disk.current == Epoch::ZERO {
            return Err(sight.breaks(Self::ID, "a server whose disk was lost votes", says, "its disk was lost"));
        }
        let own = Vote { epoch: sight.disk.current, zxid: sight.disk.history_end, leader: me };
        let disk = format!("its disk holds epoch {} and a history up to {}", own.epoch, own.zxid);
        if self.withdrawn.get(&me).is_some_and(|best| *best <= own) {
            self.withdrawn.remove(&me);
        }
        let heard = vote > own && self.withdrawn.get(&me).is_some_and(|best| vote <= *best);
        if vote.leader == me && vote != own && !heard {
            let sentence = "a server's vote for itself is not what its disk holds";
            return Err(sight.breaks(Self::ID, sentence, says, disk).at(own.zxid));
        }
        let may_lead = self.claims.of(me).any(|quorum| quorum.weight(me) > 0);
        if may_lead && self.rank(me, vote) < self.rank(me, own) {
            let sentence = "a server votes for a worse candidate than itself";
            return Err(sight.breaks(Self::ID, sentence, says, disk).at(own.zxid).with(vote.leader));
        }
        let last = self.last.insert(me, (round, vote));
        match last {
            Some((same, before)) if same == round && self.rank(me, before) > self.rank(me, vote) => {
                let was = format!("it had voted for {} as {}, {}", before.leader, before.epoch, before.zxid);
                Err(sight.breaks(Self::ID, "a vote got worse within a round", says, was).with(before.leader))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Oracle for VoteIsTrue {
    const ID: &'static str = "vote";
    const STATES: &'static str = "A server votes for itself as its disk is, or for a better candidate that it has heard of (itself, as it once was, included); within a round its votes only get better; a server whose disk was lost does not vote before it holds an epoch again.";
    const SOURCE: &'static str = "catalogue 20; ZOOKEEPER-2845, 4712, 3642, 1419; contract section 7";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        self.claims.follow(sight);
        match sight.fact {
            Fact::Reported(Event::Voted { vote, round }) => return self.voted(sight, *round, *vote),
            Fact::Reported(Event::Elected { .. } | Event::Role { .. }) => {
                self.last.remove(&sight.server);
            }
            Fact::Booted { recovered } => {
                self.last.remove(&sight.server);
                match recovered.standing {
                    Standing::Lost => self.lost.insert(sight.server),
                    Standing::Intact => self.lost.remove(sight.server),
                }
            }
            Fact::Reported(Event::Truncated { .. } | Event::ImageInstalled { .. }) => {
                self.withdraws(sight.server, sight.disk);
            }
            Fact::Destroyed { held } => self.withdraws(sight.server, held),
            Fact::Reported(_) | Fact::Crashed => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, ensemble, recovered, vote, z};
    use super::*;

    fn stage() -> Stage<VoteIsTrue> {
        let mut stage = Stage::new(VoteIsTrue::new(&ensemble(3, 1)));
        stage.disk(1, 1, 1, z(1, 5));
        stage
    }

    fn voted(round: u64, vote: Vote) -> Event {
        Event::Voted { vote, round }
    }

    #[test]
    fn votes_that_get_better_are_legal_and_a_new_round_starts_afresh() {
        let mut stage = stage();
        stage.ok(1, voted(1, vote(1, z(1, 5), 1))).ok(1, voted(1, vote(1, z(1, 5), 3)));
        stage.ok(1, voted(2, vote(1, z(1, 5), 1))).ok(1, voted(2, vote(2, z(1, 2), 2)));
    }

    #[test]
    fn a_vote_from_what_was_applied_is_caught() {
        stage().caught(1, voted(1, vote(1, z(1, 3), 1)), "not what its disk holds");
    }

    #[test]
    fn a_vote_before_pending_writes_are_durable_is_caught() {
        stage().caught(1, voted(1, vote(1, z(1, 6), 1)), "not what its disk holds");
    }

    #[test]
    fn a_vote_with_an_epoch_that_is_not_durable_is_caught() {
        stage().caught(1, voted(1, vote(2, z(1, 5), 1)), "not what its disk holds");
    }

    #[test]
    fn a_claim_that_was_true_before_the_disk_lost_its_ground_may_come_back_and_no_better_one() {
        let mut stage = stage();
        stage.ok(1, voted(1, vote(1, z(1, 5), 1)));
        stage.ok(1, Event::Truncated { after: z(1, 2) }).disk(1, 1, 1, z(1, 2));
        stage.clone().ok(1, voted(2, vote(1, z(1, 5), 1)));
        stage.clone().caught(1, voted(2, vote(1, z(1, 6), 1)), "not what its disk holds");
        stage.clone().caught(1, voted(2, vote(1, z(1, 1), 1)), "not what its disk holds");
        let mut stage = self::stage();
        stage.destroy(1).boot(1, &recovered(1, 0, &[])).disk(1, 1, 1, z(1, 2));
        stage.clone().ok(1, voted(2, vote(1, z(1, 5), 1)));
        stage.caught(1, voted(2, vote(1, z(1, 6), 1)), "not what its disk holds");
    }

    #[test]
    fn a_vote_for_a_worse_candidate_is_caught() {
        stage().caught(1, voted(1, vote(0, z(1, 9), 3)), "worse candidate than itself");
        stage().caught(1, voted(1, vote(1, z(1, 4), 3)), "worse candidate than itself");
    }

    #[test]
    fn a_vote_that_gets_worse_within_a_round_is_caught() {
        let mut stage = stage();
        stage.ok(1, voted(1, vote(1, z(1, 5), 3)));
        stage.caught(1, voted(1, vote(1, z(1, 5), 2)), "got worse");
    }

    #[test]
    fn leaving_the_election_forgets_the_round() {
        let mut stage = stage();
        stage.ok(1, voted(5, vote(1, z(1, 5), 3)));
        stage.crash(1).boot(1, &recovered(1, 0, &[]));
        stage.disk(1, 1, 1, z(1, 5)).ok(1, voted(5, vote(1, z(1, 5), 1)));
    }

    #[test]
    fn a_vote_of_a_server_that_lost_its_disk_is_caught_until_it_holds_an_epoch_again() {
        let mut stage = stage();
        let mut empty = recovered(0, 0, &[]);
        empty.standing = Standing::Lost;
        stage.destroy(1).boot(1, &empty).disk(1, 1, 0, z(0, 0));
        stage.clone().caught(1, voted(1, vote(0, z(0, 0), 1)), "disk was lost");
        stage.disk(1, 1, 1, z(1, 5)).ok(1, voted(1, vote(1, z(1, 5), 1)));
    }
}
