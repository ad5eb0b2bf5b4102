//! What a server keeps across role changes: epochs, history, watermarks, and the writes that are
//! not durable yet.
//!
//! ```text
//!   applied ≤ committed ≤ end of history        durable ≤ end of history
//! ```
//!
//! Every storage action is issued here and nowhere else, so that each stands in the queue that
//! `Durable` empties.

use super::configured::Configured;
use super::history::History;
use super::{Notification, Vote};
use crate::config::Config;
use crate::contract::{Action, Cx, Event};
use crate::id::{Epoch, ServerId, Zxid};
use crate::log::{Image, Record, Recovered, Standing};
use crate::rule::{Rule, Rules};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The memory of a server that no role owns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ledger {
    /// The newest epoch accepted in discovery; durable before ACKEPOCH.
    pub accepted: Epoch,
    /// The newest epoch whose NEWLEADER was accepted.
    pub current: Epoch,
    history: Arc<History>,
    /// What is known to be committed in this life (contract section 4).
    pub committed: Zxid,
    /// The election round (`electionEpoch`, Apache's logical clock).
    pub round: u64,
    /// The vote with which this server left LOOKING; its epoch follows the leader's
    /// (`updateElectionVote`).
    pub elected: Option<Vote>,
    /// The newest LOOKING vote of each peer that arrived while this server was not LOOKING.
    pub early: BTreeMap<ServerId, Arc<Notification>>,
    pub standing: Standing,
    pub configured: Configured,
    writes: VecDeque<Write>,
}

/// A storage action that is not durable yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Write {
    Append(Zxid),
    Truncate,
    Accepted(Epoch),
    Current(Epoch),
    Install(Zxid),
}

impl Ledger {
    pub fn restore(recovered: &Recovered, mut configured: Configured) -> Ledger {
        let image = recovered.image.zxid();
        recovered.log.iter().for_each(|record| configured.log(record));
        Ledger {
            accepted: recovered.accepted,
            current: recovered.current,
            history: Arc::new(History::restore(image, recovered.log.iter().cloned())),
            committed: image,
            round: 0,
            elected: None,
            early: BTreeMap::new(),
            standing: recovered.standing,
            configured,
            writes: VecDeque::new(),
        }
    }

    pub fn history(&self) -> &History {
        &self.history
    }

    pub fn end(&self) -> Zxid {
        self.history.end()
    }

    /// The records that are logged but not known to be committed.
    pub fn uncommitted(&self) -> impl DoubleEndedIterator<Item = &Record> + ExactSizeIterator + Clone {
        self.history.above(self.committed)
    }

    /// The vote for itself: the end of the history, whatever of it was applied (ZOOKEEPER-2845).
    ///
    /// `None` for a server that has no say: an observer, or one whose disk was lost.
    pub fn own_vote<R: Rules>(&self, cx: &Cx<'_, R>) -> Option<Vote> {
        if cx.enforces(Rule::EmptyAbstains) && self.standing == Standing::Lost {
            return None;
        }
        if cx.enforces(Rule::VoteFromVoter) && !cx.config.is_voter() {
            return None;
        }
        let zxid = if cx.enforces(Rule::VoteFromHistory) { self.end() } else { self.committed };
        Some(Vote { epoch: self.current, zxid, leader: cx.config.me })
    }

    /// Everything up to `zxid` is known to be committed.
    pub(super) fn commit(&mut self, zxid: Zxid) {
        self.committed = zxid;
        self.configured.commit(zxid);
    }

    pub fn append<R: Rules>(&mut self, cx: &mut Cx<'_, R>, record: Record) {
        self.writes.push_back(Write::Append(record.zxid));
        self.configured.log(&record);
        cx.act(Action::Append(record.clone()));
        Arc::make_mut(&mut self.history).push(record);
    }

    pub fn truncate<R: Rules>(&mut self, cx: &mut Cx<'_, R>, after: Zxid) {
        if self.end() <= after {
            return;
        }
        self.writes.push_back(Write::Truncate);
        cx.act(Action::Truncate { after });
        Arc::make_mut(&mut self.history).truncate(after);
        self.configured.cut(after);
        cx.report(Event::Truncated { after });
    }

    /// What happens without the rule `QueueKept`: records that wait for the disk are dropped with the
    /// role that logged them. A queue cannot be taken back here, so they are cut off behind it.
    pub fn take_back<R: Rules>(&mut self, cx: &mut Cx<'_, R>) {
        let first = self.writes.iter().find_map(|write| match write {
            Write::Append(zxid) => Some(*zxid),
            Write::Truncate | Write::Accepted(_) | Write::Current(_) | Write::Install(_) => None,
        });
        let Some(before) = first.and_then(|zxid| self.history.floor(Zxid(zxid.0.saturating_sub(1)))) else {
            return;
        };
        if before.max(self.committed) < self.end() {
            self.truncate(cx, before.max(self.committed));
            cx.act(Action::Sync);
        }
    }

    pub fn save_accepted<R: Rules>(&mut self, cx: &mut Cx<'_, R>, epoch: Epoch) {
        self.accepted = epoch;
        self.writes.push_back(Write::Accepted(epoch));
        cx.act(Action::SaveAccepted(epoch));
        cx.act(Action::Sync);
    }

    pub fn save_current<R: Rules>(&mut self, cx: &mut Cx<'_, R>, epoch: Epoch) {
        self.current = epoch;
        self.writes.push_back(Write::Current(epoch));
        cx.act(Action::SaveCurrent(epoch));
        cx.act(Action::Sync);
    }

    /// Replaces disk and history by an image of what the leader has committed.
    pub fn install<R: Rules>(&mut self, cx: &mut Cx<'_, R>, image: Image) {
        let zxid = image.zxid();
        self.writes.push_back(Write::Install(zxid));
        cx.act(Action::Install(image));
        self.adopt(zxid);
        cx.report(Event::ImageInstalled { zxid });
    }

    /// The history becomes that of an image, in memory only.
    pub fn adopt(&mut self, image: Zxid) {
        self.history = Arc::new(History::after_base(image));
        self.configured.cut(Zxid::ZERO);
        self.committed = image;
    }

    /// `Durable`: takes the oldest writes, as many as were reported and are known.
    ///
    /// A lost disk is whole again with its current epoch, for the synchronized history was durable
    /// before it: here as for the store, and whether or not the leader is still there to hear of it.
    pub fn take_durable(&mut self, count: u32, taken: &mut Vec<Write>) {
        let known = self.writes.len().min(count as usize);
        for write in self.writes.drain(..known) {
            if matches!(write, Write::Current(epoch) if epoch > Epoch::ZERO) {
                self.standing = Standing::Intact;
            }
            taken.push(write);
        }
    }

    pub fn pending_writes(&self) -> impl ExactSizeIterator<Item = Write> + '_ {
        self.writes.iter().copied()
    }

    pub fn is_durable(&self) -> bool {
        self.writes.is_empty()
    }

    pub fn forget_synced(&mut self, from: Zxid, to: Zxid) {
        Arc::make_mut(&mut self.history).forget(from, to);
    }

    pub fn trim(&mut self, config: &Config, applied: Zxid) {
        if self.history.bytes() > config.limits.window_bytes {
            Arc::make_mut(&mut self.history).trim(applied, config.limits.window_bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Ensemble;
    use crate::id::ServerSet;
    use crate::quorum::Quorum;
    use crate::tree::Database;

    #[test]
    fn a_lost_disk_is_whole_when_its_current_epoch_is_durable_and_not_before() {
        let standing = Standing::Lost;
        let image = Arc::new(Database::default());
        let recovered = Recovered { accepted: Epoch::ZERO, current: Epoch::ZERO, image, log: Vec::new(), standing };
        let quorum = Quorum::majority([ServerId(1)].into_iter().collect()).expect("one voter");
        let ensemble = Ensemble { quorum, observers: ServerSet::EMPTY, version: 0, text: Arc::from(*b"") };
        let configured = Configured::new(&Config::new(ServerId(1), Arc::new(ensemble)));
        let mut ledger = Ledger::restore(&recovered, configured);
        ledger.writes.extend([
            Write::Accepted(Epoch(3)),
            Write::Append(Zxid::new(Epoch(2), 1)),
            Write::Current(Epoch(3)),
        ]);
        ledger.take_durable(2, &mut Vec::new());
        assert_eq!(ledger.standing, Standing::Lost);
        ledger.take_durable(1, &mut Vec::new());
        assert_eq!(ledger.standing, Standing::Intact);
    }
}
