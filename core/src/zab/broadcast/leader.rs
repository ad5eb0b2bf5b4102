//! The leader's side: propose, count acknowledgements, commit.

use crate::contract::{Action, Cx, Event, Resigned, Timer};
use crate::id::{ConnId, SessionId, Zxid};
use crate::log::Record;
use crate::rule::{Rule, Rules};
use crate::wire::Op;
use crate::zab::effect::{Effect, Next};
use crate::zab::leader::{Kind, Leading, LearnerStage};
use crate::zab::ledger::Ledger;
use crate::zab::message::{Packet, Request};
use alloc::vec::Vec;

impl Leading {
    /// The zxid of the next proposal; `None` when the counter is exhausted: like Apache, no leader
    /// proposes with counter 0xffffffff (ZOOKEEPER-1277; [`Limits::counter_end`](crate::config::Limits)).
    pub fn next_zxid<R: Rules>(&self, cx: &Cx<'_, R>) -> Option<Zxid> {
        let next = Zxid(self.proposed.0.wrapping_add(1));
        (next.counter() < cx.config.limits.counter_end || !cx.enforces(Rule::EpochEnds)).then_some(next)
    }

    /// The counter is exhausted: a new epoch is needed.
    pub fn end_epoch<R: Rules>(&mut self, cx: &mut Cx<'_, R>) -> Next {
        self.resign(cx, Resigned::CounterExhausted)
    }

    /// Sends a transaction to every registered follower, and to the own log.
    ///
    /// The proposals leave before the own sync starts.
    pub fn propose<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        record: Record,
        effects: &mut Vec<Effect>,
    ) -> Next {
        self.proposed = record.zxid;
        cx.report(Event::Proposed { record: record.clone() });
        for (conn, learner) in &self.learners {
            if learner.kind == Kind::Follower && learner.stage.is_forwarded(cx) {
                cx.act(Action::Send { conn: *conn, packet: Packet::Proposal(record.clone()) });
            }
        }
        let zxid = record.zxid;
        ledger.append(cx, record);
        cx.act(Action::Sync);
        if cx.enforces(Rule::LeaderAckAfterDurable) {
            return Next::Stay;
        }
        self.on_own_append(cx, ledger, zxid, effects)
    }

    /// The leader counts itself when its own log is durable, like everyone.
    pub(in crate::zab) fn on_own_append<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        zxid: Zxid,
        effects: &mut Vec<Effect>,
    ) -> Next {
        if !self.is_established() || zxid <= self.acked {
            return Next::Stay;
        }
        self.acked = zxid;
        cx.report(Event::Acked { zxid });
        self.commit_acknowledged(cx, ledger, effects)
    }

    pub(in crate::zab) fn on_ack<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        conn: ConnId,
        zxid: Zxid,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let epoch_start = self.epoch().map(|e| e.start());
        if Some(zxid) == epoch_start {
            return self.on_new_leader_ack(cx, ledger, conn, effects);
        }
        let learner = self.learners.get_mut(&conn).expect("the caller looked the learner up");
        if zxid > ledger.end() || !learner.stage.is_synced() {
            return self.refuse(cx, conn, "an ACK for something not proposed to it", effects);
        }
        learner.acked = learner.acked.max(zxid);
        self.commit_acknowledged(cx, ledger, effects)
    }

    /// Commits, in zxid order, what a quorum of voters has acknowledged.
    pub(in crate::zab) fn commit_acknowledged<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        effects: &mut Vec<Effect>,
    ) -> Next {
        if !self.is_established() {
            return Next::Stay;
        }
        if !cx.enforces(Rule::CommitOrder) {
            return self.commit_newest(cx, ledger, effects);
        }
        loop {
            let Some(record) = ledger.uncommitted().next().cloned() else {
                break;
            };
            let mut acked = self.followers(|l| l.stage.is_synced() && l.acked >= record.zxid);
            if self.acked >= record.zxid {
                acked.insert(cx.config.me);
            }
            if cx.enforces(Rule::CommitQuorum) && !cx.has_quorum(acked) {
                break;
            }
            if acked.is_empty() {
                break;
            }
            acked = acked.intersection(cx.config.voters());
            cx.report(Event::Committed { zxid: record.zxid, acked });
            let changes = ledger.configured.is_proposed_at(record.zxid);
            self.commit(cx, ledger, record, effects);
            if changes {
                // What follows is counted anew, when the new configuration is in force.
                break;
            }
        }
        Next::Stay
    }

    /// What happens without the rule `CommitOrder`: the newest acknowledged proposal first.
    fn commit_newest<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &mut Ledger, effects: &mut Vec<Effect>) -> Next {
        let candidates: Vec<Record> = ledger.uncommitted().cloned().collect();
        for record in candidates.into_iter().rev() {
            let mut acked = self.followers(|l| l.stage.is_synced() && l.acked >= record.zxid);
            if self.acked >= record.zxid {
                acked.insert(cx.config.me);
            }
            if cx.has_quorum(acked) {
                cx.report(Event::Committed { zxid: record.zxid, acked });
                self.commit(cx, ledger, record, effects);
                break;
            }
        }
        Next::Stay
    }

    /// COMMIT to followers, INFORM to observers, and to the own tree.
    fn commit<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &mut Ledger, record: Record, effects: &mut Vec<Effect>) {
        let next = ledger.configured.proposed().filter(|next| next.version == record.zxid.0).map(|next| next.voters());
        let leader = next.map(|next| self.designated(cx, next));
        ledger.commit(record.zxid);
        for (conn, learner) in &self.learners {
            let due = learner.stage == LearnerStage::Serving || cx.enforces(Rule::UpToDateIsLatest);
            if !learner.stage.is_forwarded(cx) || !due {
                continue;
            }
            let packet = match (learner.kind, leader) {
                (Kind::Follower, None) => Packet::Commit(record.zxid),
                (Kind::Observer, None) => Packet::Inform(record.clone()),
                (Kind::Follower, Some(leader)) => Packet::CommitAndActivate { zxid: record.zxid, leader },
                (Kind::Observer, Some(leader)) => Packet::InformAndActivate { record: record.clone(), leader },
            };
            cx.act(Action::Send { conn: *conn, packet });
        }
        let zxid = record.zxid;
        self.serve_synced(cx, zxid);
        effects.push(Effect::Deliver(record));
        self.note_commit_in_syncs(cx, zxid, effects);
    }

    /// Half a tick passed: every registered learner is pinged.
    pub fn on_ping_due<R: Rules>(&mut self, cx: &mut Cx<'_, R>) -> Next {
        if self.is_established() {
            self.ping(cx);
            cx.arm(Timer::Ping, (cx.config.tick_ms / 2).max(1));
        }
        Next::Stay
    }

    pub(in crate::zab) fn ping<R: Rules>(&mut self, cx: &mut Cx<'_, R>) {
        let zxid = self.proposed;
        for (conn, learner) in &mut self.learners {
            if matches!(learner.stage, LearnerStage::Serving) {
                // Bounded: a learner that never answers is given up after syncLimit.
                learner.pings += 1;
                cx.act(Action::Send { conn: *conn, packet: Packet::Ping { zxid, sessions: Vec::new() } });
            }
        }
    }

    pub(in crate::zab) fn on_pong<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        conn: ConnId,
        sessions: Vec<(SessionId, i32)>,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let learner = self.learners.get_mut(&conn).expect("the caller looked the learner up");
        learner.pings = learner.pings.saturating_sub(1);
        if !sessions.is_empty() {
            effects.push(Effect::Touched { sessions });
        }
        self.note_pong_in_syncs(cx, conn, effects);
        Next::Stay
    }

    pub(in crate::zab) fn on_request<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        conn: ConnId,
        request: Request,
        effects: &mut Vec<Effect>,
    ) -> Next {
        if !self.is_established() || !self.learners[&conn].stage.is_synced() {
            cx.report(Event::PacketIgnored { packet: "REQUEST" });
            return Next::Stay;
        }
        if request.op == Op::SYNC && self.syncs_of(conn) >= cx.config.limits.syncs {
            return self.refuse(cx, conn, "more syncs of a learner than may wait", effects);
        }
        effects.push(Effect::Forwarded { conn, request });
        Next::Stay
    }
}
