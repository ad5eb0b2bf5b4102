//! The leader's side: DIFF, TRUNC or SNAP, the records that follow, NEWLEADER, UPTODATE.

use super::plan::{Plan, mode, plan};
use crate::contract::{Action, Cx, Event, SyncMode, Timer};
use crate::id::{ConnId, Epoch, Zxid};
use crate::log::{Image, Record};
use crate::rule::{Rule, Rules};
use crate::zab::effect::{Effect, Next};
use crate::zab::leader::{Kind, Leading, Learner, LearnerStage, Stage};
use crate::zab::ledger::Ledger;
use crate::zab::message::Packet;
use alloc::sync::Arc;
use alloc::vec::Vec;

impl Leading {
    /// The epoch is recorded: whoever vouched is synchronized now.
    pub(in crate::zab) fn begin_synchronization<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        epoch: Epoch,
        effects: &mut Vec<Effect>,
    ) -> Next {
        self.stage = Stage::Synchronization(epoch);
        self.proposed = epoch.start();
        let vouched: Vec<ConnId> = self
            .learners
            .iter()
            .filter(|(_, l)| matches!(l.stage, LearnerStage::Vouched { .. }))
            .map(|(conn, _)| *conn)
            .collect();
        for conn in vouched {
            let next = self.synchronize(cx, ledger, conn, effects);
            if next != Next::Stay {
                return next;
            }
        }
        self.establish_with_quorum(cx, ledger, epoch, effects)
    }

    /// Plans for one learner and sends, in the same step that registers it for what is proposed
    /// from now on (ZOOKEEPER-962).
    pub(in crate::zab) fn synchronize<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        conn: ConnId,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let LearnerStage::Vouched { last: peer } = self.learners[&conn].stage else {
            return Next::Stay;
        };
        let mut plan = plan(ledger.history(), peer);
        if !cx.enforces(Rule::SyncFromCommonPoint)
            && let Plan::Trunc { to } = plan
        {
            plan = Plan::Diff { from: to };
        }
        match plan {
            Plan::Diff { from } => {
                cx.act(Action::Send { conn, packet: Packet::Diff(self.sync_end(ledger)) });
                self.send_history(cx, ledger, conn, plan, from, peer);
            }
            Plan::Trunc { to } => {
                cx.act(Action::Send { conn, packet: Packet::Trunc(to) });
                self.send_history(cx, ledger, conn, plan, to, peer);
            }
            Plan::ReadLog => {
                *self.stage_of(conn) = LearnerStage::Reading { last: peer };
                cx.act(Action::ReadLog { conn, after: peer, until: ledger.history().base() });
            }
            Plan::Snap => effects.push(Effect::SendImage { conn }),
        }
        Next::Stay
    }

    /// The older part of a DIFF, read from the log. It must begin with the learner's end and reach
    /// the window that is in memory now (rule `SyncNoGap`, ZOOKEEPER-2418); else SNAP.
    pub fn on_log_read<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        conn: ConnId,
        records: &[Record],
        effects: &mut Vec<Effect>,
    ) -> Next {
        let Some(LearnerStage::Reading { last: peer }) = self.learners.get(&conn).map(|l| l.stage) else {
            return Next::Stay;
        };
        *self.stage_of(conn) = LearnerStage::Vouched { last: peer };
        let begins = records.first().is_some_and(|r| r.zxid == peer);
        let read_to = records.last().map_or(Zxid::ZERO, |r| r.zxid);
        if !begins || (cx.enforces(Rule::SyncNoGap) && !ledger.history().contains(read_to)) {
            effects.push(Effect::SendImage { conn });
            return Next::Stay;
        }
        cx.act(Action::Send { conn, packet: Packet::Diff(self.sync_end(ledger)) });
        for record in &records[1..] {
            self.send_committed(cx, conn, record.clone());
        }
        self.send_history(cx, ledger, conn, Plan::ReadLog, read_to, peer);
        Next::Stay
    }

    /// SNAP: the database at `image`, then what follows it.
    pub fn send_image<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &Ledger, conn: ConnId, image: Image) {
        let Some(LearnerStage::Vouched { last: peer }) = self.learners.get(&conn).map(|l| l.stage) else {
            return;
        };
        let zxid = image.zxid();
        cx.act(Action::Send { conn, packet: Packet::Snap { zxid, image } });
        self.send_history(cx, ledger, conn, Plan::Snap, zxid, peer);
    }

    /// Up to where records are sent with their COMMIT. Before the leader is established that is its
    /// whole history, which NEWLEADER's quorum commits.
    fn sync_end(&self, ledger: &Ledger) -> Zxid {
        if self.is_established() { ledger.committed } else { ledger.end() }
    }

    /// The records above `from`, the proposals in flight, NEWLEADER; from here on the learner is
    /// registered.
    fn send_history<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &Ledger,
        conn: ConnId,
        plan: Plan,
        from: Zxid,
        peer: Zxid,
    ) {
        let Some(epoch) = self.epoch() else {
            return;
        };
        let committed_end = self.sync_end(ledger);
        let mut sent = 0;
        let mut known = from;
        for record in ledger.history().above(from) {
            if record.zxid <= committed_end {
                self.send_committed(cx, conn, record.clone());
            } else if self.learners[&conn].kind == Kind::Follower {
                cx.act(Action::Send { conn, packet: Packet::Proposal(record.clone()) });
            } else {
                break;
            }
            known = record.zxid.min(committed_end.max(from));
            sent += 1;
        }
        // Until the leader is established its whole history is to be committed with it, configurations too.
        let ensemble = if self.is_established() { &cx.config.ensemble } else { cx.config.newest() };
        let config = Arc::clone(&ensemble.text);
        cx.act(Action::Send { conn, packet: Packet::NewLeader { epoch, config } });
        if !cx.enforces(Rule::ProposedOnce) && self.learners[&conn].kind == Kind::Follower {
            // Registered before the plan was made: what was in flight comes a second time.
            for record in ledger.history().above(committed_end) {
                cx.act(Action::Send { conn, packet: Packet::Proposal(record.clone()) });
            }
        }
        let learner = self.learners.get_mut(&conn).expect("the caller looked the learner up");
        learner.stage = LearnerStage::Syncing { known };
        learner.in_flight = ledger.end();
        if let Some(server) = learner.server {
            let mode: SyncMode = mode(plan, sent);
            cx.report(Event::SyncPlanned { learner: server, mode, peer, end: ledger.end() });
        }
    }

    fn send_committed<R: Rules>(&self, cx: &mut Cx<'_, R>, conn: ConnId, record: Record) {
        let zxid = record.zxid;
        cx.act(Action::Send { conn, packet: Packet::Proposal(record) });
        cx.act(Action::Send { conn, packet: Packet::Commit(zxid) });
    }

    /// ACK of NEWLEADER: the learner's history is durable there.
    pub(in crate::zab) fn on_new_leader_ack<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        conn: ConnId,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let learner = self.learners.get_mut(&conn).expect("the caller looked the learner up");
        let LearnerStage::Syncing { known } = learner.stage else {
            // The second one answers UPTODATE and says nothing new.
            return Next::Stay;
        };
        learner.stage = LearnerStage::Synced;
        learner.acked = known;
        match self.stage {
            Stage::Synchronization(epoch) => self.establish_with_quorum(cx, ledger, epoch, effects),
            Stage::Broadcast(_) => {
                self.serve_synced(cx, ledger.committed);
                self.commit_acknowledged(cx, ledger, effects)
            }
            Stage::Discovery | Stage::Accepting(_) | Stage::Acknowledging(_) | Stage::Recording(_) => Next::Stay,
        }
    }

    /// With a quorum of ACK(NEWLEADER), this server included, the initial history is committed and
    /// the ensemble serves.
    fn establish_with_quorum<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        epoch: Epoch,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let mut acked = self.followers(|l| l.stage.is_synced());
        acked.insert(cx.config.me);
        if cx.enforces(Rule::EstablishedByQuorum) && !cx.has_quorum(acked) {
            return Next::Stay;
        }
        self.stage = Stage::Broadcast(epoch);
        self.acked = ledger.end();
        cx.disarm(Timer::InitLimit);
        cx.report(Event::Established { epoch, acked, initial_end: ledger.end() });
        let initial: Vec<Record> = ledger.uncommitted().cloned().collect();
        ledger.commit(ledger.end());
        if let Some(vote) = &mut ledger.elected {
            vote.epoch = epoch;
        }
        effects.extend(initial.into_iter().map(Effect::Deliver));
        effects.push(Effect::Established);
        self.serve_synced(cx, ledger.committed);
        cx.arm(Timer::Ping, (cx.config.tick_ms / 2).max(1));
        Next::Stay
    }

    /// UPTODATE to every synced learner that knows what is in flight.
    pub(in crate::zab) fn serve_synced<R: Rules>(&mut self, cx: &mut Cx<'_, R>, committed: Zxid) {
        let knows = |l: &Learner| l.kind == Kind::Follower || l.in_flight <= committed;
        let ready = self.learners.iter().filter(|(_, l)| l.stage == LearnerStage::Synced && knows(l));
        let ready: Vec<ConnId> = ready.map(|(conn, _)| *conn).collect();
        for conn in ready {
            self.send_up_to_date(cx, conn);
        }
    }

    fn send_up_to_date<R: Rules>(&mut self, cx: &mut Cx<'_, R>, conn: ConnId) {
        *self.stage_of(conn) = LearnerStage::Serving;
        self.owe_in_syncs(conn);
        cx.act(Action::Send { conn, packet: Packet::UpToDate });
        cx.arm(Timer::Learner(conn), cx.config.tick_ms.saturating_mul(cx.config.sync_limit));
    }
}
