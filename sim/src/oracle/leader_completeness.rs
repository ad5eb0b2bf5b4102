//! A chosen record is in the initial history of every later leader.
//!
//! Judged when a leader begins to synchronize learners from its history, when it is established,
//! and when an older leader still commits something. The rule that guarantees it, that no follower
//! of the quorum is ahead of the leader, is judged where it acts: at the quorum of ACKEPOCH.

use super::chain::{Chain, Ends};
use super::{Fact, Oracle, Sight, Verdict};
use std::collections::BTreeMap;
use zabra_core::contract::Event;
use zabra_core::id::{Epoch, ServerId, ServerSet, Zxid};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LeaderCompleteness {
    ends: Ends,
    chain: Chain,
    /// The newest record that was chosen in each epoch: committed by its leader, or of the initial
    /// history that its leader was established with. A leader of an earlier epoch may still try to
    /// begin, from a history without it; it finds no quorum any more.
    chosen: BTreeMap<Epoch, Zxid>,
    /// Epoch and initial history of leaders that ended discovery.
    claims: BTreeMap<ServerId, (Epoch, Zxid)>,
    /// Where the initial history of each epoch ends, with its leader.
    initial: BTreeMap<Epoch, (Zxid, ServerId)>,
    /// Epoch, current epoch and end of history that each server last vouched with.
    vouched: BTreeMap<ServerId, (Epoch, Epoch, Zxid)>,
    /// The current epoch that a leader proposed a new one with.
    proposed: BTreeMap<ServerId, Epoch>,
}

impl LeaderCompleteness {
    fn most_recent(&mut self, sight: &Sight<'_>, epoch: Epoch, acked: ServerSet, history_end: Zxid) -> Verdict {
        let me = sight.server;
        self.claims.insert(me, (epoch, history_end));
        let own = (self.proposed.get(&me).copied().unwrap_or(sight.disk.current), history_end);
        for learner in acked.iter().filter(|s| *s != me) {
            match self.vouched.get(&learner) {
                Some((same, current, end)) if *same == epoch && (*current, *end) > own => {
                    let leads = format!("server {me} leads epoch {epoch} with current epoch {} up to {}", own.0, own.1);
                    let ahead = format!("{learner} vouched with current epoch {current} up to {end}");
                    let sentence = "a leader's history is older than a follower's that vouched";
                    return Err(sight.breaks(Self::ID, sentence, leads, ahead).at(*end).with(learner));
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    fn begins(&mut self, sight: &Sight<'_>) -> Verdict {
        let Some((epoch, end)) = self.claims.get(&sight.server).copied() else {
            return Ok(());
        };
        if self.initial.insert(epoch, (end, sight.server)).is_some() {
            return Ok(());
        }
        let before = self.chosen.range(..epoch).map(|(_, zxid)| *zxid).max().unwrap_or(Zxid::ZERO);
        self.complete(sight, epoch, (end, sight.server), before)
    }

    /// The initial history of `epoch` holds the chosen record `zxid`.
    fn complete(&self, sight: &Sight<'_>, epoch: Epoch, (end, leader): (Zxid, ServerId), zxid: Zxid) -> Verdict {
        if self.chain.holds(end, zxid) || zxid.epoch() >= epoch || zxid.counter() == 0 {
            return Ok(());
        }
        let leads = format!("server {leader} leads epoch {epoch} from a history that ends at {end}");
        let chosen = format!("{zxid} is chosen and not in it");
        Err(sight.breaks(Self::ID, "a later leader lacks a chosen record", leads, chosen).at(zxid).with(leader))
    }

    /// Everything up to `zxid` is chosen in `epoch`.
    fn chooses(&mut self, sight: &Sight<'_>, epoch: Epoch, zxid: Zxid) -> Verdict {
        let newest = self.chosen.entry(epoch).or_default();
        *newest = zxid.max(*newest);
        let later = self.initial.range(epoch.next()..);
        later.into_iter().try_for_each(|(epoch, initial)| self.complete(sight, *epoch, *initial, zxid))
    }

    fn judge(&mut self, sight: &Sight<'_>, event: &Event) -> Verdict {
        #[expect(clippy::wildcard_enum_match_arm, reason = "an oracle names the events that concern it")]
        match event {
            Event::Proposed { record } | Event::Accepted { record } => {
                self.chain.link(self.ends.of(sight.server), record.zxid);
                Ok(())
            }
            Event::EpochAccepted { epoch, vouches: true, .. } => {
                let disk = sight.disk;
                self.vouched.insert(sight.server, (*epoch, disk.current, disk.history_end));
                Ok(())
            }
            Event::EpochProposed { .. } => {
                self.proposed.insert(sight.server, sight.disk.current);
                Ok(())
            }
            Event::EpochAcked { epoch, acked, history_end } => self.most_recent(sight, *epoch, *acked, *history_end),
            Event::SyncPlanned { .. } => self.begins(sight),
            Event::Established { epoch, initial_end, .. } => {
                self.begins(sight)?;
                self.chooses(sight, *epoch, *initial_end)
            }
            Event::Committed { zxid, .. } => self.chooses(sight, zxid.epoch(), *zxid),
            Event::Role { .. } => {
                self.tenure_ends(sight.server);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn tenure_ends(&mut self, server: ServerId) {
        self.claims.remove(&server);
        self.proposed.remove(&server);
    }
}

impl Oracle for LeaderCompleteness {
    const ID: &'static str = "leader_completeness";
    const STATES: &'static str = "Every record chosen in an earlier epoch is in the initial history of each leader that begins to lead, and no follower whose word the leader counted is ahead of it.";
    const SOURCE: &'static str = "catalogue 6, 7, 23, I-DUR; Remix I-8 initial history integrity";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        match sight.fact {
            Fact::Reported(event) => self.judge(sight, event)?,
            Fact::Booted { recovered } => {
                for pair in recovered.log.windows(2) {
                    self.chain.link(pair[0].zxid, pair[1].zxid);
                }
                self.tenure_ends(sight.server);
            }
            Fact::Crashed | Fact::Destroyed { .. } => self.tenure_ends(sight.server),
        }
        self.ends.follow(sight);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, record, recovered, s, set, z};
    use super::*;
    use zabra_core::contract::SyncMode;

    fn proposed(epoch: u32) -> Event {
        Event::EpochProposed { epoch: Epoch(epoch), informed: vec![] }
    }

    fn vouches(epoch: u32, leader: u8) -> Event {
        Event::EpochAccepted { epoch: Epoch(epoch), leader: s(leader), vouches: true }
    }

    fn acked<const N: usize>(epoch: u32, ids: [u8; N], history_end: Zxid) -> Event {
        Event::EpochAcked { epoch: Epoch(epoch), acked: set(ids), history_end }
    }

    fn planned() -> Event {
        Event::SyncPlanned { learner: s(2), mode: SyncMode::Diff, peer: z(0, 0), end: z(0, 0) }
    }

    fn committed(epoch: u32, counter: u32) -> Event {
        Event::Committed { zxid: z(epoch, counter), acked: set([1, 2]) }
    }

    /// Servers 1 and 2 have 1.1 and 1.2, both chosen by leader 1; server 3 has 1.1 only.
    fn stage() -> Stage<LeaderCompleteness> {
        let mut stage = Stage::new(LeaderCompleteness::default());
        for (server, last) in [(1, 2), (2, 2), (3, 1)] {
            for counter in 1..=last {
                stage.ok(server, Event::Accepted { record: record(1, counter) });
            }
            stage.disk(server, 1, 1, z(1, last));
        }
        stage.ok(1, committed(1, 1)).ok(1, committed(1, 2));
        stage
    }

    #[test]
    fn a_leader_with_everything_that_is_chosen_is_legal() {
        let mut stage = stage();
        stage.ok(2, proposed(2)).ok(3, vouches(2, 2)).ok(2, acked(2, [2, 3], z(1, 2))).ok(2, planned());
        stage.ok(2, Event::Established { epoch: Epoch(2), acked: set([2, 3]), initial_end: z(1, 2) });
        stage.ok(2, Event::Proposed { record: record(2, 1) }).ok(2, committed(2, 1)).ok(1, committed(1, 2));
    }

    #[test]
    fn a_leader_that_lacks_a_chosen_record_is_caught() {
        let mut stage = stage();
        stage.ok(3, proposed(2)).ok(3, acked(2, [3], z(1, 1))).caught(3, planned(), "lacks a chosen record");
    }

    #[test]
    fn a_leader_with_a_longer_but_other_history_is_caught() {
        let mut stage = stage();
        stage.ok(3, Event::Accepted { record: record(2, 1) }).ok(3, acked(3, [3], z(2, 1)));
        stage.caught(3, planned(), "lacks a chosen record");
    }

    #[test]
    fn a_commit_of_an_older_leader_behind_a_later_ones_back_is_caught() {
        let mut stage = stage();
        stage.ok(1, Event::Accepted { record: record(1, 3) });
        stage.ok(2, acked(2, [2, 3], z(1, 2))).ok(2, planned());
        stage.caught(1, committed(1, 3), "lacks a chosen record");
    }

    #[test]
    fn a_leader_that_a_later_one_has_passed_by_may_begin_without_what_that_one_chose() {
        let mut stage = Stage::new(LeaderCompleteness::default());
        stage.ok(3, Event::Proposed { record: record(1, 1) });
        stage.ok(2, proposed(2)).ok(2, acked(2, [1, 2], Zxid::ZERO));
        stage.ok(3, proposed(3)).ok(3, acked(3, [1, 3], z(1, 1))).ok(3, planned());
        stage.ok(3, Event::Established { epoch: Epoch(3), acked: set([1, 3]), initial_end: z(1, 1) });
        stage.ok(2, planned());
        stage.ok(1, acked(4, [1, 2], Zxid::ZERO)).caught(1, planned(), "lacks a chosen record");
    }

    #[test]
    fn a_follower_ahead_of_the_leader_is_caught() {
        let mut stage = stage();
        stage.ok(3, proposed(2)).ok(2, vouches(2, 3)).caught(3, acked(2, [2, 3], z(1, 1)), "older than a follower's");
        let mut stage = self::stage();
        stage.ok(2, proposed(2)).disk(3, 2, 2, z(1, 1)).ok(3, vouches(2, 2));
        stage.caught(2, acked(2, [2, 3], z(1, 2)), "older than a follower's");
    }

    #[test]
    fn a_claim_that_ends_before_it_acts_is_no_reign() {
        let mut stage = stage();
        stage.ok(3, acked(2, [3], z(1, 1))).crash(3).boot(3, &recovered(2, 1, &[record(1, 1)]));
        stage.ok(1, committed(1, 2));
    }
}
