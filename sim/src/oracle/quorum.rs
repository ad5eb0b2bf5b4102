//! Every "have a quorum" is justified: by distinct voters of the configuration, each of which did
//! what it is counted for.
//!
//! Where the ensemble changes, a decision needs a quorum of every configuration that counts for the server
//! that takes it (whoever only follows a leader goes by the one in force), and what it goes by is held against the histories: a configuration is in force when it is
//! committed, and one that is logged counts until then. A commit, and a reign's beginning, need besides a quorum of
//! the newest configuration that was committed before them, whether or not the leader knows of it.

use super::configurations::Configurations;
use super::{Fact, Oracle, Sight, Verdict};
use std::collections::BTreeMap;
use std::fmt;
use zabra_core::config::Ensemble;
use zabra_core::contract::{Ballot, Event, Joined};
use zabra_core::id::{Epoch, ServerId, ServerSet, Zxid};
use zabra_core::quorum::Quorum;
use zabra_core::zab::Vote;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QuorumIsReal {
    configurations: Configurations,
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
        QuorumIsReal { configurations: Configurations::new(ensemble), servers: BTreeMap::new() }
    }

    fn did(&self, server: ServerId) -> Did {
        self.servers.get(&server).copied().unwrap_or_default()
    }

    /// Of every configuration that counts for the server that decides.
    fn check(&self, sight: &Sight<'_>, what: fmt::Arguments<'_>, servers: ServerSet) -> Verdict {
        self.configurations
            .of(sight.server)
            .try_for_each(|quorum| QuorumIsReal::check_one(sight, what, servers, quorum))
    }

    fn check_one(sight: &Sight<'_>, what: fmt::Arguments<'_>, servers: ServerSet, quorum: &Quorum) -> Verdict {
        if quorum.contains(servers) {
            return Ok(());
        }
        let sentence = format!("{what} without a quorum");
        let did = format!("server {} counted {servers}", sight.server);
        let voters = format!("the voters are {}", quorum.voters());
        Err(sight.breaks(Self::ID, sentence, did, voters))
    }

    fn elected(&self, sight: &Sight<'_>, vote: Vote, ballots: &[Ballot], joined: Joined) -> Verdict {
        let claims = &self.configurations.claims;
        let voters = claims.voters(sight.server);
        let mut counted: ServerSet = ballots.iter().map(|b| b.from).collect();
        let what = format_args!("a server left LOOKING");
        match joined {
            Joined::Election if vote.leader == sight.server => self.check(sight, what, counted)?,
            // Who follows decides nothing, and what is logged here may never be committed there.
            Joined::Election | Joined::RunningEnsemble => {
                QuorumIsReal::check_one(sight, what, counted, claims.active(sight.server))?;
            }
        }
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

    /// A reign begins, with its leader's history: of the newest configuration before it, and of those in the
    /// history that it commits.
    fn begins(&self, sight: &Sight<'_>, what: fmt::Arguments<'_>, epoch: Epoch, acked: ServerSet) -> Verdict {
        self.check(sight, what, acked)?;
        let (at, newest) = self.configurations.committed_below(epoch.start());
        let open = self.configurations.above(sight.server, at).map(|(_, quorum)| quorum);
        std::iter::once(newest).chain(open).try_for_each(|quorum| QuorumIsReal::check_one(sight, what, acked, quorum))
    }

    fn committed(&self, sight: &Sight<'_>, zxid: Zxid, acked: ServerSet) -> Verdict {
        let what = format_args!("{zxid} was committed");
        self.check(sight, what, acked).map_err(|v| v.at(zxid))?;
        let (_, newest) = self.configurations.committed_below(zxid);
        let own = self.configurations.logged_at(sight.server, zxid);
        std::iter::once(newest)
            .chain(own)
            .try_for_each(|quorum| QuorumIsReal::check_one(sight, what, acked, quorum))
            .map_err(|v| v.at(zxid))?;
        self.each(sight, acked, format_args!("acknowledged {zxid}"), |did| did.acked >= zxid)
            .map_err(|v| v.at(zxid))?;
        if acked.contains(sight.server) && self.did(sight.server).acked < zxid {
            let counts = format!("server {} counts itself for {zxid}", sight.server);
            let sentence = "a leader counted itself for a record that it did not acknowledge";
            return Err(sight.breaks(Self::ID, sentence, counts, "it did not report its own ACK").at(zxid));
        }
        Ok(())
    }

    /// What a server says that it goes by.
    fn configured(&self, sight: &Sight<'_>, version: u64, voters: &Quorum, proposed: Option<&Quorum>) -> Verdict {
        let (me, zxid) = (sight.server, Zxid(version));
        let (sentence, known, said) = match proposed {
            Some(proposed) => {
                let logged = self.configurations.logged_at(me, zxid);
                ("a configuration counts that is not in the history", logged, proposed)
            }
            // What a server was told at its start.
            None if version == 0 => return Ok(()),
            None => {
                let committed = self.configurations.committed_at(zxid);
                ("a configuration is in force that is not committed", committed, voters)
            }
        };
        if known == Some(said) {
            return Ok(());
        }
        let goes_by = format!("server {me} goes by voters {} of {zxid}", said.voters());
        let truth = match known {
            Some(known) => format!("its voters are {}", known.voters()),
            None => "no such record".to_owned(),
        };
        Err(sight.breaks(Self::ID, sentence, goes_by, truth).at(zxid))
    }

    fn judge(&self, sight: &Sight<'_>, event: &Event) -> Verdict {
        #[expect(clippy::wildcard_enum_match_arm, reason = "an oracle names the events that concern it")]
        match event {
            Event::Elected { vote, ballots, joined, .. } => self.elected(sight, *vote, ballots, *joined),
            Event::Configured { version, voters, proposed } => {
                self.configured(sight, *version, voters, proposed.as_ref())
            }
            Event::EpochProposed { epoch, informed } => {
                let heard = informed.iter().map(|(s, _)| *s).collect();
                self.check(sight, format_args!("epoch {epoch} was proposed"), heard)
            }
            Event::EpochAcked { epoch, acked, .. } => {
                self.begins(sight, format_args!("discovery of epoch {epoch} ended"), *epoch, *acked)?;
                self.each(sight, *acked, format_args!("vouched for epoch {epoch}"), |did| did.vouched >= *epoch)
            }
            Event::Established { epoch, acked, .. } => {
                self.begins(sight, format_args!("epoch {epoch} was established"), *epoch, *acked)?;
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
    const STATES: &'static str = "Every election, epoch, establishment and commit is justified by distinct voters that form a quorum of every configuration that counts and that did what they are counted for; a configuration counts from its record on, and alone once that is committed; whoever follows may go by the one in force alone.";
    const SOURCE: &'static str = "I-QUORUM, I-CONFIG; Zab paper (DSN 2011); USENIX ATC 2012; ZOOKEEPER-2959, 2988, 764";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        match sight.fact {
            Fact::Reported(event) => {
                self.judge(sight, event)?;
                self.learn(sight.server, event);
            }
            Fact::Booted { .. } | Fact::Crashed | Fact::Destroyed { .. } => {}
        }
        self.configurations.follow(sight);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, ballot, ensemble, s, set, txn, vote, z};
    use super::*;
    use zabra_core::log::Record;
    use zabra_core::wire::txn::SetDataTxn;
    use zabra_core::wire::{Jute, Op};

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

    fn reconfiguration(voters: &[u8], counter: u32) -> Record {
        let zxid = z(1, counter);
        let mut text: String = voters.iter().map(|id| format!("server.{id}=h{id}:2:3;4\n")).collect();
        text.push_str(&format!("version={:x}", zxid.0));
        let data = Some(text.as_bytes());
        let body = SetDataTxn { path: b"/zookeeper/config", data, version: -1 }.to_bytes();
        txn(zxid, 7, 1, Op::RECONFIG, &body)
    }

    fn majority(voters: &[u8]) -> Quorum {
        Quorum::majority(voters.iter().map(|id| s(*id)).collect()).expect("voters")
    }

    fn configured(counter: u32, voters: &[u8], proposed: Option<&[u8]>) -> Event {
        let proposed = proposed.map(majority);
        Event::Configured { version: z(1, counter).0, voters: majority(voters), proposed }
    }

    /// Leader 3 of voters 1 to 3 has proposed that 4 and 5 vote in place of 1 and 2; all have acknowledged it.
    fn pending() -> Stage<QuorumIsReal> {
        let mut stage = stage();
        stage.ok(3, Event::Proposed { record: reconfiguration(&[3, 4, 5], 1) });
        stage.ok(3, configured(1, &[1, 2, 3], Some(&[3, 4, 5])));
        for server in [1, 2, 4, 5] {
            stage.ok(server, Event::Accepted { record: reconfiguration(&[3, 4, 5], 1) });
        }
        for server in 1..=5 {
            stage.ok(server, Event::Acked { zxid: z(1, 1) }).ok(server, Event::Acked { zxid: z(1, 2) });
        }
        stage
    }

    #[test]
    fn a_pending_configuration_counts_beside_the_one_in_force_and_then_alone() {
        let mut stage = pending();
        stage.ok(3, committed(1, [2, 3, 4])).ok(3, configured(1, &[3, 4, 5], None)).ok(3, committed(2, [3, 4]));
    }

    #[test]
    fn a_reconfiguration_without_both_quorums_is_caught() {
        pending().caught(3, committed(1, [2, 3]), "without a quorum");
        pending().caught(3, committed(1, [3, 4, 5]), "without a quorum");
    }

    #[test]
    fn who_follows_goes_by_the_configuration_in_force_and_who_leads_by_the_pending_one_too() {
        let mut stage = pending();
        for server in [1, 2] {
            stage.ok(server, configured(1, &[1, 2, 3], Some(&[3, 4, 5])));
        }
        stage.clone().ok(2, elected(1, &[1, 2])).ok(1, elected(1, &[1, 2, 4, 5]));
        stage.clone().caught(1, elected(1, &[1, 2]), "without a quorum");
        stage.caught(2, elected(1, &[2, 4, 5]), "without a quorum");
    }

    #[test]
    fn a_leader_that_has_logged_a_configuration_and_does_not_speak_of_it_is_caught() {
        let mut stage = stage();
        stage.ok(3, Event::Proposed { record: reconfiguration(&[3, 4, 5], 1) });
        stage.ok(2, synced()).caught(3, established([2, 3]), "without a quorum");
    }

    #[test]
    fn a_commit_by_the_voters_of_the_past_is_caught() {
        let mut stage = pending();
        stage.ok(3, committed(1, [2, 3, 4])).caught(2, committed(2, [1, 2]), "without a quorum");
    }

    #[test]
    fn a_reign_that_began_before_a_configuration_may_not_know_it() {
        let mut stage = pending();
        let ended = |epoch| Event::EpochAcked { epoch: Epoch(epoch), acked: set([1, 2]), history_end: z(0, 0) };
        let vouched = |epoch| Event::EpochAccepted { epoch: Epoch(epoch), leader: s(1), vouches: true };
        stage.ok(1, Event::Truncated { after: z(0, 0) }).ok(3, committed(1, [2, 3, 4]));
        stage.clone().ok(2, vouched(1)).ok(1, ended(1));
        stage.ok(2, vouched(2)).caught(1, ended(2), "without a quorum");
    }

    #[test]
    fn what_a_server_goes_by_is_held_against_the_histories() {
        let mut stage = pending();
        stage.clone().caught(2, configured(1, &[3, 4, 5], None), "not committed");
        stage.clone().caught(2, configured(2, &[1, 2, 3], Some(&[1, 2, 4])), "not in the history");
        stage.ok(3, committed(1, [2, 3, 4])).caught(2, configured(1, &[1, 2, 3], None), "not committed");
        let mut stage = pending();
        stage.ok(2, Event::Truncated { after: z(0, 0) });
        stage.clone().caught(2, configured(1, &[1, 2, 3], Some(&[3, 4, 5])), "not in the history");
        stage.ok(2, Event::Configured { version: 0, voters: majority(&[1, 2, 3]), proposed: None });
    }
}
