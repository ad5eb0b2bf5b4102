//! `sync`, strictly: answered when everything proposed before it is committed and a quorum has
//! answered a PING sent after its arrival, so that a deposed leader cannot answer
//! (ZOOKEEPER-1675; contract section 4). Apache's learners answer every PING, so mixed ensembles
//! stay correct.

use crate::contract::{Action, Cx};
use crate::id::{ConnId, ServerSet, Zxid};
use crate::rule::{Rule, Rules};
use crate::zab::effect::Effect;
use crate::zab::leader::{Kind, Leading, LearnerStage};
use crate::zab::ledger::Ledger;
use crate::zab::message::Packet;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// A `sync` that waits for its quorum.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QuorumSync {
    /// `None`: a client of the leader itself.
    origin: Option<ConnId>,
    /// Everything up to here must be committed first.
    after: Zxid,
    committed: bool,
    /// How many PING answers each learner still owes before one counts.
    owed: BTreeMap<ConnId, u32>,
    answered: bool,
}

impl Leading {
    /// A `sync` arrived, from a learner or from an own client.
    pub fn sync<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &Ledger,
        origin: Option<ConnId>,
        effects: &mut Vec<Effect>,
    ) {
        let after = ledger.end();
        let mut sync = QuorumSync {
            origin,
            after,
            committed: ledger.committed >= after,
            owed: BTreeMap::new(),
            answered: !cx.enforces(Rule::SyncNeedsFreshQuorum),
        };
        self.ping(cx);
        for (conn, learner) in &self.learners {
            if learner.stage == LearnerStage::Serving {
                sync.owed.insert(*conn, learner.pings);
            }
        }
        self.syncs.push_back(sync);
        self.answer_syncs(cx, effects);
    }

    /// How many of a learner wait.
    pub(super) fn syncs_of(&self, conn: ConnId) -> usize {
        self.syncs.iter().filter(|sync| sync.origin == Some(conn)).count()
    }

    /// Everything up to `committed` is committed, and its delivery stands in `effects`.
    pub(in crate::zab) fn note_commit_in_syncs<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        committed: Zxid,
        effects: &mut Vec<Effect>,
    ) {
        for sync in self.syncs.iter_mut().filter(|s| s.after <= committed) {
            sync.committed = true;
        }
        self.answer_syncs(cx, effects);
    }

    pub(in crate::zab) fn note_pong_in_syncs<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        conn: ConnId,
        effects: &mut Vec<Effect>,
    ) {
        for sync in &mut self.syncs {
            if let Some(owed) = sync.owed.get_mut(&conn) {
                *owed = owed.saturating_sub(1);
            }
        }
        self.answer_syncs(cx, effects);
    }

    /// A learner serves from now on: the next PING that it is sent is later than every sync that
    /// waits. Without it a sync whose first learners have all come and gone would wait for nobody,
    /// and all later ones behind it, for as long as the reign lasts.
    pub(in crate::zab) fn owe_in_syncs(&mut self, conn: ConnId) {
        let owed = self.learners.get(&conn).map_or(1, |learner| learner.pings.saturating_add(1));
        for sync in &mut self.syncs {
            sync.owed.insert(conn, owed);
        }
    }

    pub(in crate::zab) fn forget_in_syncs<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        conn: ConnId,
        effects: &mut Vec<Effect>,
    ) {
        self.syncs.retain(|s| s.origin != Some(conn));
        for sync in &mut self.syncs {
            sync.owed.remove(&conn);
        }
        self.answer_syncs(cx, effects);
    }

    /// Answers the oldest syncs that may be answered; they keep their order.
    pub(in crate::zab) fn answer_syncs<R: Rules>(&mut self, cx: &mut Cx<'_, R>, effects: &mut Vec<Effect>) {
        while let Some(sync) = self.syncs.front() {
            let mut heard = self.followers_heard(sync);
            heard.insert(cx.config.me);
            if !sync.committed || !(sync.answered || cx.has_quorum(heard)) {
                return;
            }
            match sync.origin {
                None => effects.push(Effect::Synced),
                Some(conn) => cx.act(Action::Send { conn, packet: Packet::Sync }),
            }
            self.syncs.pop_front();
        }
    }

    fn followers_heard(&self, sync: &QuorumSync) -> ServerSet {
        let heard = sync.owed.iter().filter(|(_, owed)| **owed == 0);
        heard
            .filter_map(|(conn, _)| self.learners.get(conn))
            .filter(|l| l.kind == Kind::Follower)
            .filter_map(|l| l.server)
            .collect()
    }
}
