//! The learner's side: what the leader sends is staged until NEWLEADER, then goes to disk in the
//! order history, epoch, ACK (ZOOKEEPER-4643, 4646, 3911); UPTODATE makes it count.

use crate::contract::Action;
use crate::contract::{Cx, Event, Fault, SyncMode, Timer};
use crate::id::{Epoch, Zxid};
use crate::log::{Image, Record};
use crate::rule::{Rule, Rules};
use crate::zab::effect::{Effect, Next};
use crate::zab::leader::Kind;
use crate::zab::learner::{Learning, Phase};
use crate::zab::ledger::{Ledger, Write};
use crate::zab::message::Packet;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What a synchronization has brought, not yet part of the history.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Staged {
    base: Base,
    records: Vec<Record>,
    /// The newest COMMIT among it.
    committed: Zxid,
}

/// What the staged records follow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Base {
    /// The own history as it is.
    Own,
    /// The own history, cut above this zxid.
    Cut(Zxid),
    Image(Image),
}

impl Staged {
    pub fn mode(&self) -> SyncMode {
        match (&self.base, self.records.is_empty()) {
            (Base::Own, _) => SyncMode::Diff,
            (Base::Cut(_), true) => SyncMode::Trunc,
            (Base::Cut(_), false) => SyncMode::TruncDiff,
            (Base::Image(_), _) => SyncMode::Snap,
        }
    }

    fn end(&self, own_end: Zxid) -> Zxid {
        let base = match &self.base {
            Base::Own => own_end,
            Base::Cut(to) => *to,
            Base::Image(image) => image.zxid(),
        };
        self.records.last().map_or(base, |r| r.zxid)
    }
}

impl Learning {
    /// DIFF: what follows continues the own history. Up to the packet's zxid all is committed.
    pub(in crate::zab) fn on_diff<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &Ledger, zxid: Zxid) -> Next {
        let committed = zxid.min(ledger.end());
        self.stage(cx, Staged { base: Base::Own, records: Vec::new(), committed })
    }

    /// TRUNC: the leader does not have what is above `after`.
    pub(in crate::zab) fn on_trunc<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &Ledger,
        after: Zxid,
        effects: &mut Vec<Effect>,
    ) -> Next {
        if after < ledger.committed && cx.enforces(Rule::TruncateNotCommitted) {
            effects.push(Effect::Stop(Fault::TruncateCommitted { committed: ledger.committed, after }));
            return Next::Stay;
        }
        // A leader cuts only to its own initial history, which UPTODATE declares committed.
        self.stage(cx, Staged { base: Base::Cut(after), records: Vec::new(), committed: after })
    }

    pub(in crate::zab) fn on_snap<R: Rules>(&mut self, cx: &mut Cx<'_, R>, image: Image) -> Next {
        let committed = image.zxid();
        self.stage(cx, Staged { base: Base::Image(image), records: Vec::new(), committed })
    }

    fn stage<R: Rules>(&mut self, cx: &mut Cx<'_, R>, staged: Staged) -> Next {
        let Phase::Planned { epoch } = self.phase else {
            return self.refuse(cx, "a synchronization out of turn");
        };
        self.phase = Phase::Staging { epoch, staged };
        Next::Stay
    }

    /// A proposal before NEWLEADER.
    pub(in crate::zab) fn on_staged_proposal<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &Ledger,
        record: Record,
    ) -> Next {
        let Phase::Staging { staged, .. } = &mut self.phase else {
            return Next::Stay;
        };
        if cx.enforces(Rule::SyncNoGap) && !staged.end(ledger.end()).is_followed_by(record.zxid) {
            return self.refuse(cx, "a gap in the synchronized history");
        }
        if !ledger.configured.accepts(&record) {
            return self.refuse(cx, "a configuration that cannot be read");
        }
        staged.records.push(record);
        Next::Stay
    }

    pub(in crate::zab) fn on_staged_commit(&mut self, zxid: Zxid) -> Next {
        if let Phase::Staging { staged, .. } = &mut self.phase {
            staged.committed = staged.committed.max(zxid);
        }
        Next::Stay
    }

    /// NEWLEADER: the staged history goes to disk, then the epoch, then the ACK leaves.
    pub(in crate::zab) fn on_new_leader<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        epoch: Epoch,
        config: Arc<[u8]>,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let phase = core::mem::replace(&mut self.phase, Phase::Dialing { after_ms: 0 });
        let Phase::Staging { epoch: agreed, staged } = phase else {
            return self.refuse(cx, "a NEWLEADER out of turn");
        };
        if agreed != epoch {
            return self.refuse(cx, "a NEWLEADER of another epoch");
        }
        let own_end = ledger.end();
        let committed = staged.committed;
        self.log_staged(cx, ledger, staged, effects);
        let is_new = ledger.current != epoch;
        if !ledger.is_durable() && (cx.enforces(Rule::HistoryBeforeEpoch) || !is_new) {
            cx.act(Action::Sync);
        }
        if is_new {
            ledger.save_current(cx, epoch);
        }
        let synced_from = own_end.min(ledger.end());
        self.phase = Phase::Logging { epoch, config, committed, synced_from, acked: false, kept: Vec::new() };
        self.acknowledge_new_leader(cx, ledger)
    }

    /// Puts what was staged into the history.
    ///
    /// An image of a state that this server's own history already contains is not installed: that
    /// would for a moment replace records that a quorum may count on. The history is cut where it
    /// departs from the leader's instead.
    fn log_staged<R: Rules>(&self, cx: &mut Cx<'_, R>, ledger: &mut Ledger, staged: Staged, effects: &mut Vec<Effect>) {
        let Staged { base, records, .. } = staged;
        match base {
            Base::Own => {}
            Base::Cut(after) => ledger.truncate(cx, after),
            Base::Image(image) if holds_prefix(ledger, image.zxid(), &records) => {
                let after = common_end(ledger, image.zxid(), &records);
                if after < ledger.committed && cx.enforces(Rule::TruncateNotCommitted) {
                    effects.push(Effect::Stop(Fault::TruncateCommitted { committed: ledger.committed, after }));
                    return;
                }
                ledger.truncate(cx, after);
            }
            Base::Image(image) => {
                ledger.install(cx, Image::clone(&image));
                effects.push(Effect::Install(image));
            }
        }
        let end = ledger.end();
        for record in records {
            if record.zxid > end {
                cx.report(Event::Accepted { record: record.clone() });
                ledger.append(cx, record);
            }
        }
    }

    /// Sends ACK(NEWLEADER) as soon as everything that it promises is durable.
    pub(in crate::zab) fn acknowledge_new_leader<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &mut Ledger) -> Next {
        let Phase::Logging { epoch, acked: false, .. } = self.phase else {
            return Next::Stay;
        };
        if !promise_is_durable(cx, ledger) {
            return Next::Stay;
        }
        if let Phase::Logging { acked, .. } = &mut self.phase {
            *acked = true;
        }
        cx.report(Event::NewLeaderAcked { epoch, leader: self.leader, history_end: ledger.end() });
        self.send(cx, Packet::Ack(epoch.start()));
        Next::Stay
    }

    /// A proposal or commit between NEWLEADER and UPTODATE is kept (ZOOKEEPER-4394).
    pub(in crate::zab) fn keep<R: Rules>(&mut self, cx: &mut Cx<'_, R>, packet: Packet) -> Next {
        let proposal = matches!(packet, Packet::Proposal(_));
        if let Phase::Logging { kept, .. } = &mut self.phase
            && (!proposal || cx.enforces(Rule::KeepProposalsInSync))
        {
            kept.push(packet);
        }
        Next::Stay
    }

    /// UPTODATE: what the leader has committed is applied, and the server serves.
    pub(in crate::zab) fn on_up_to_date<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let phase = core::mem::replace(&mut self.phase, Phase::Broadcast);
        let Phase::Logging { epoch, config, committed, synced_from, acked: true, kept } = phase else {
            return self.refuse(cx, "an UPTODATE before the ACK of NEWLEADER");
        };
        cx.disarm(Timer::InitLimit);
        if let Some(vote) = &mut ledger.elected {
            vote.epoch = epoch;
        }
        self.send(cx, Packet::Ack(epoch.start()));
        let mut declared = committed;
        if cx.enforces(Rule::AppliedBeforeServing) {
            self.commit_up_to(ledger, committed, effects);
            declared = ledger.committed;
        }
        ledger.configured.adopt_leaders(&config, ledger.committed);
        cx.report(Event::UpToDate { epoch, leader: self.leader, committed: declared });
        // Proposals in flight that came before NEWLEADER are durable since its ACK.
        if self.kind == Kind::Follower {
            let in_flight: Vec<Zxid> = ledger.uncommitted().map(|r| r.zxid).collect();
            for zxid in in_flight {
                self.acknowledge(cx, zxid);
            }
        }
        if !cx.enforces(Rule::WindowContiguous) {
            ledger.forget_synced(synced_from, ledger.committed);
        }
        effects.push(Effect::UpToDate);
        for packet in kept {
            let next = self.on_broadcast(cx, ledger, packet, effects);
            if next != Next::Stay {
                return next;
            }
        }
        if self.rejoins_as_voter(cx) { Next::Look } else { Next::Stay }
    }

    /// The connection ended in the middle of a synchronization: what it brought is forgotten, or a
    /// vote would speak of a state that no disk holds (ZOOKEEPER-3642).
    pub(in crate::zab) fn abort_synchronization<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        effects: &mut Vec<Effect>,
    ) {
        let Phase::Staging { staged, .. } = &self.phase else {
            return;
        };
        cx.report(Event::SyncAborted { mode: staged.mode() });
        if !cx.enforces(Rule::AbortedSyncForgotten)
            && let Base::Image(image) = &staged.base
        {
            ledger.adopt(image.zxid());
            effects.push(Effect::Install(Image::clone(image)));
        }
    }
}

/// Whether the own history holds the image's state and, of the leader's records, at least those
/// that it may have acknowledged: then nothing is to be replaced by the image.
fn holds_prefix(ledger: &Ledger, image: Zxid, records: &[Record]) -> bool {
    let history = ledger.history();
    match image >= history.base() {
        true => history.contains(image),
        // The image is older than what is in memory; the records must reach the memory's base,
        // which an own image or committed records stand behind.
        false => records.iter().any(|r| r.zxid == history.base()),
    }
}

/// Up to where the own history and the leader's are the same, given that the own one holds the
/// image's state.
fn common_end(ledger: &Ledger, image: Zxid, records: &[Record]) -> Zxid {
    let history = ledger.history();
    let in_memory = records.iter().filter(|r| r.zxid > history.base());
    let common = in_memory.take_while(|r| history.get(r.zxid) == Some(*r)).last();
    common.map_or(image.max(history.base()), |r| r.zxid)
}

/// History durable, then epoch durable: what ACK(NEWLEADER) promises.
fn promise_is_durable<R: Rules>(cx: &Cx<'_, R>, ledger: &Ledger) -> bool {
    let (mut history, mut image, mut epoch) = (false, false, false);
    for write in ledger.pending_writes() {
        match write {
            Write::Append(_) | Write::Truncate => history = true,
            Write::Install(_) => image = true,
            Write::Current(_) => epoch = true,
            Write::Accepted(_) => {}
        }
    }
    if history {
        return !cx.enforces(Rule::HistoryBeforeAck);
    }
    if image {
        return !cx.enforces(Rule::ImageBeforeAck);
    }
    !epoch || !cx.enforces(Rule::EpochBeforeAck)
}
