//! The learner's side: log, acknowledge, commit at the head of the queue.

use crate::contract::{Action, Cx, Event, Fault};
use crate::id::Zxid;
use crate::log::Record;
use crate::rule::{Rule, Rules};
use crate::zab::effect::{Effect, Next};
use crate::zab::leader::Kind;
use crate::zab::learner::Learning;
use crate::zab::ledger::Ledger;
use crate::zab::message::Packet;
use alloc::vec::Vec;

impl Learning {
    /// PROPOSAL, COMMIT or INFORM of a serving learner.
    pub(in crate::zab) fn on_broadcast<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        packet: Packet,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match packet {
            Packet::Proposal(record) => self.on_proposal(cx, ledger, record, effects),
            Packet::Commit(zxid) | Packet::CommitAndActivate { zxid, .. } => self.on_commit(cx, ledger, zxid, effects),
            Packet::Inform(record) | Packet::InformAndActivate { record, .. } => {
                self.on_inform(cx, ledger, record, effects)
            }
            Packet::Request(_)
            | Packet::Ack(_)
            | Packet::Ping { .. }
            | Packet::Revalidate { .. }
            | Packet::Revalidated { .. }
            | Packet::Sync
            | Packet::NewLeader { .. }
            | Packet::FollowerInfo(_)
            | Packet::ObserverInfo(_)
            | Packet::LeaderInfo { .. }
            | Packet::AckEpoch { .. }
            | Packet::UpToDate
            | Packet::Diff(_)
            | Packet::Trunc(_)
            | Packet::Snap { .. } => self.refuse(cx, "not a packet of broadcast"),
        }
    }

    fn on_proposal<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        record: Record,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let checks = cx.enforces(Rule::SyncForwardsRest) && cx.enforces(Rule::ProposedOnce);
        if checks && !ledger.end().is_followed_by(record.zxid) {
            return self.refuse(cx, "a gap in the proposals");
        }
        if !ledger.configured.accepts(&record) {
            return self.refuse(cx, "a configuration that cannot be read");
        }
        let zxid = record.zxid;
        cx.report(Event::Accepted { record: record.clone() });
        if !cx.enforces(Rule::ApplyCommitted) {
            effects.push(Effect::Deliver(record.clone()));
        }
        ledger.append(cx, record);
        cx.act(Action::Sync);
        if !cx.enforces(Rule::AckAfterDurable) {
            self.acknowledge(cx, zxid);
        }
        Next::Stay
    }

    /// A logged proposal is durable: its ACK leaves (section 3.7).
    pub(in crate::zab) fn on_append_durable<R: Rules>(&mut self, cx: &mut Cx<'_, R>, zxid: Zxid) -> Next {
        if self.kind == Kind::Follower && cx.enforces(Rule::AckAfterDurable) {
            self.acknowledge(cx, zxid);
        }
        Next::Stay
    }

    pub(in crate::zab) fn acknowledge<R: Rules>(&self, cx: &mut Cx<'_, R>, zxid: Zxid) {
        cx.report(Event::Acked { zxid });
        self.send(cx, Packet::Ack(zxid));
    }

    fn on_commit<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        zxid: Zxid,
        effects: &mut Vec<Effect>,
    ) -> Next {
        if !cx.enforces(Rule::AppliedBeforeServing) {
            // What UPTODATE had committed is applied now, late.
            self.commit_up_to(ledger, zxid, effects);
            return Next::Stay;
        }
        let head = ledger.uncommitted().next().cloned();
        match head {
            Some(record) if record.zxid == zxid => {
                ledger.commit(zxid);
                self.deliver(cx, record, effects);
                Next::Stay
            }
            head if cx.enforces(Rule::CommitMatches) => {
                let expected = head.map(|r| r.zxid);
                effects.push(Effect::Stop(Fault::UnmatchedCommit { expected, got: zxid }));
                Next::Stay
            }
            _ => {
                if let Some(record) = ledger.history().get(zxid).cloned() {
                    ledger.commit(zxid);
                    self.deliver(cx, record, effects);
                }
                Next::Stay
            }
        }
    }

    /// INFORM carries a committed transaction: an observer logs and applies it.
    fn on_inform<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        record: Record,
        effects: &mut Vec<Effect>,
    ) -> Next {
        if !ledger.end().is_followed_by(record.zxid) {
            return self.refuse(cx, "a gap in what is committed");
        }
        if ledger.uncommitted().next().is_some() {
            return self.refuse(cx, "an INFORM before the COMMIT of what was proposed");
        }
        if !ledger.configured.accepts(&record) {
            return self.refuse(cx, "a configuration that cannot be read");
        }
        cx.report(Event::Accepted { record: record.clone() });
        ledger.append(cx, record.clone());
        cx.act(Action::Sync);
        ledger.commit(record.zxid);
        effects.push(Effect::Deliver(record));
        Next::Stay
    }

    fn deliver<R: Rules>(&self, cx: &Cx<'_, R>, record: Record, effects: &mut Vec<Effect>) {
        if cx.enforces(Rule::ApplyCommitted) {
            effects.push(Effect::Deliver(record));
        }
    }

    /// Everything up to `zxid` that is in the history is committed.
    pub(in crate::zab) fn commit_up_to(&self, ledger: &mut Ledger, zxid: Zxid, effects: &mut Vec<Effect>) {
        let committed: Vec<Record> = ledger.uncommitted().take_while(|r| r.zxid <= zxid).cloned().collect();
        if let Some(last) = committed.last() {
            ledger.commit(last.zxid);
        }
        effects.extend(committed.into_iter().map(Effect::Deliver));
    }
}
