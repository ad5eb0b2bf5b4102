//! Discovery: a new epoch above every accepted one, and the proof that no follower's history is
//! more recent than the leader's (Zab paper phase 1; reference/zookeeper.md section 3.4, steps 1–4).

use super::effect::{Effect, Next};
use super::leader::{Kind, Leading, LearnerStage, Stage};
use super::learner::{Learning, Phase};
use super::ledger::Ledger;
use super::message::Packet;
use crate::contract::{Action, Cx, Event, Fault, Resigned};
use crate::id::{ConnId, Epoch, ServerId, Zxid};
use crate::rule::{Rule, Rules};
use alloc::vec::Vec;

impl Leading {
    /// A learner told its accepted epoch: is there a quorum, or can it be asked at once?
    ///
    /// An accepted epoch above this reign's is of a leader that proposed it and was lost before its
    /// reign began. Whoever accepted it refuses this one for ever, so the reign ends; this server
    /// accepts that epoch too, so that the next one is above it, whoever is heard first. (Apache's
    /// leader does not see it and the learner never comes back: section 3.4.)
    pub(super) fn on_informed<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        conn: ConnId,
        effects: &mut Vec<Effect>,
    ) -> Next {
        if let LearnerStage::Informed { accepted } = self.learners[&conn].stage
            && self.epoch().is_some_and(|epoch| accepted > epoch)
        {
            ledger.save_accepted(cx, accepted);
            return self.resign(cx, Resigned::EpochPassed);
        }
        match self.stage {
            Stage::Discovery => self.propose_epoch(cx, ledger, effects),
            Stage::Accepting(_) => Next::Stay,
            Stage::Acknowledging(epoch)
            | Stage::Recording(epoch)
            | Stage::Synchronization(epoch)
            | Stage::Broadcast(epoch) => {
                self.ask(cx, conn, epoch);
                Next::Stay
            }
        }
    }

    /// With a quorum of voters' FOLLOWERINFO (this server included), the epoch above all accepted
    /// epochs that were heard, observers' included, is proposed, first of all to this server's own disk.
    pub fn propose_epoch<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let mut informed: Vec<(ServerId, Epoch)> = Vec::from([(cx.config.me, ledger.accepted)]);
        for learner in self.learners.values() {
            if let (Some(server), LearnerStage::Informed { accepted }) = (learner.server, learner.stage) {
                informed.push((server, accepted));
            }
        }
        let mut voters = self.followers(|l| matches!(l.stage, LearnerStage::Informed { .. }));
        voters.insert(cx.config.me);
        let quorum = cx.has_quorum(voters);
        if !quorum && cx.enforces(Rule::EpochQuorum) {
            return Next::Stay;
        }
        if !ledger.accepted.can_be_followed() {
            effects.push(Effect::Stop(Fault::EpochsExhausted));
            return Next::Stay;
        }
        let epoch = new_epoch(cx, &informed);
        cx.report(Event::EpochProposed { epoch, informed });
        self.stage = Stage::Accepting(epoch);
        ledger.save_accepted(cx, epoch);
        if cx.enforces(Rule::AcceptedDurable) {
            return Next::Stay;
        }
        self.ask_for_epoch(cx, ledger, epoch, effects)
    }

    /// The new epoch is durable here: LEADERINFO to everyone who asked, and the own vouching.
    pub(super) fn ask_for_epoch<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        epoch: Epoch,
        effects: &mut Vec<Effect>,
    ) -> Next {
        self.stage = Stage::Acknowledging(epoch);
        self.vouched.insert(cx.config.me);
        let waiting: Vec<ConnId> = self
            .learners
            .iter()
            .filter(|(_, l)| matches!(l.stage, LearnerStage::Informed { .. }))
            .map(|(conn, _)| *conn)
            .collect();
        for conn in waiting {
            self.ask(cx, conn, epoch);
        }
        self.record_epoch_with_quorum(cx, ledger, epoch, effects)
    }

    fn ask<R: Rules>(&mut self, cx: &mut Cx<'_, R>, conn: ConnId, epoch: Epoch) {
        *self.stage_of(conn) = LearnerStage::Asked;
        cx.act(Action::Send { conn, packet: Packet::LeaderInfo { epoch } });
    }

    pub(super) fn on_ack_epoch<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        conn: ConnId,
        current: Option<Epoch>,
        last: Zxid,
        effects: &mut Vec<Effect>,
    ) -> Next {
        if self.learners[&conn].stage != LearnerStage::Asked {
            return self.refuse(cx, conn, "an ACKEPOCH that was not asked for", effects);
        }
        *self.stage_of(conn) = LearnerStage::Vouched { last };
        match self.stage {
            Stage::Acknowledging(epoch) => {
                let Some(current) = current else {
                    return Next::Stay;
                };
                if cx.enforces(Rule::LeaderMostRecent) && (current, last) > (ledger.current, ledger.end()) {
                    return self.resign(cx, Resigned::FollowerAhead);
                }
                let learner = &self.learners[&conn];
                if let (Kind::Follower, Some(server)) = (learner.kind, learner.server) {
                    self.vouched.insert(server);
                }
                self.record_epoch_with_quorum(cx, ledger, epoch, effects)
            }
            Stage::Synchronization(_) | Stage::Broadcast(_) => self.synchronize(cx, ledger, conn, effects),
            Stage::Discovery | Stage::Accepting(_) | Stage::Recording(_) => Next::Stay,
        }
    }

    /// With a quorum vouching, the leader's own epoch goes to disk before it syncs anyone.
    fn record_epoch_with_quorum<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        epoch: Epoch,
        effects: &mut Vec<Effect>,
    ) -> Next {
        if !cx.has_quorum(self.vouched) {
            return Next::Stay;
        }
        cx.report(Event::EpochAcked { epoch, acked: self.vouched, history_end: ledger.end() });
        self.stage = Stage::Recording(epoch);
        ledger.save_current(cx, epoch);
        if cx.enforces(Rule::LeaderEpochDurable) {
            return Next::Stay;
        }
        self.begin_synchronization(cx, ledger, epoch, effects)
    }
}

/// One above every accepted epoch that was heard (ZOOKEEPER-1343: equality included).
fn new_epoch<R: Rules>(cx: &Cx<'_, R>, informed: &[(ServerId, Epoch)]) -> Epoch {
    if cx.enforces(Rule::EpochAboveAll) {
        return informed.iter().map(|(_, accepted)| *accepted).max().unwrap_or(Epoch::ZERO).next();
    }
    informed.iter().fold(
        Epoch::ZERO,
        |epoch, (_, accepted)| {
            if *accepted > epoch || epoch == Epoch::ZERO { accepted.next() } else { epoch }
        },
    )
}

impl Learning {
    /// LEADERINFO: accept the epoch, durably, and answer with the own history's end.
    pub(super) fn on_leader_info<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &mut Ledger, epoch: Epoch) -> Next {
        if epoch < ledger.accepted && cx.enforces(Rule::EpochNotLower) {
            cx.report(Event::PeerRefused { why: "an epoch below the accepted one" });
            return Next::Look;
        }
        if epoch == Epoch::LAST {
            cx.report(Event::PeerRefused { why: "an epoch that no reign can follow" });
            return Next::Look;
        }
        let vouches = epoch != ledger.accepted || !cx.enforces(Rule::EqualDoesNotVouch);
        let current = vouches.then_some(ledger.current);
        self.phase = Phase::Accepting { epoch, current };
        if epoch == ledger.accepted {
            return self.acknowledge_epoch(cx, ledger);
        }
        ledger.save_accepted(cx, epoch);
        if cx.enforces(Rule::AcceptedDurable) {
            return Next::Stay;
        }
        self.acknowledge_epoch(cx, ledger)
    }

    /// ACKEPOCH leaves: the accepted epoch is durable.
    pub(super) fn acknowledge_epoch<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &mut Ledger) -> Next {
        if let Phase::Accepting { epoch, current } = self.phase {
            cx.report(Event::EpochAccepted { epoch, leader: self.leader, vouches: current.is_some() });
            self.send(cx, Packet::AckEpoch { current, last: ledger.end() });
            self.phase = Phase::Planned { epoch };
        }
        Next::Stay
    }
}
