//! A current epoch on disk vouches for the history that belongs to it.
//!
//! Looked at whenever a server's durable current epoch has changed, also over a crash: that is how a
//! driver or a core that lets the epoch overtake the history shows itself.

use super::{DurableState, Fact, Oracle, Sight, Verdict};
use std::collections::BTreeMap;
use zabra_core::contract::Event;
use zabra_core::id::{Epoch, ServerId, Zxid};
use zabra_core::zab::ServerState;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct StorageOrder {
    current: BTreeMap<ServerId, Epoch>,
    /// Where the initial history of each epoch ends.
    initial: BTreeMap<Epoch, Zxid>,
}

impl StorageOrder {
    fn cut(sight: &Sight<'_>, after: Zxid) -> Verdict {
        if sight.view.is_none_or(|view| is_asked_for(view.state(), view.current_epoch(), sight.disk, after)) {
            return Ok(());
        }
        let cuts = format!("server {} cuts its history after {after}", sight.server);
        let sentence = "what the disk was asked for is taken back";
        Err(sight.breaks(Self::ID, sentence, cuts, "it has no leader that could ask for that").at(after))
    }
}

/// Whether a leader's synchronization can have asked for a cut. Who has no leader by the end of the step cut on its own,
/// unless NEWLEADER was the last packet: a server that is no voter of the configuration that comes with it leaves
/// at once, to come back as what it is now. Then what is cut is durable, for whoever votes waits for its disk, and the
/// epoch is not yet.
fn is_asked_for(state: ServerState, current: Epoch, disk: DurableState, after: Zxid) -> bool {
    state != ServerState::Looking || (current > disk.current && after < disk.history_end)
}

impl Oracle for StorageOrder {
    const ID: &'static str = "storage_order";
    const STATES: &'static str = "When a current epoch becomes durable, the initial history of that epoch is durable, and no tail that does not belong to it is left; histories are cut by a leader's synchronization only.";
    const SOURCE: &'static str = "catalogue 15; ZOOKEEPER-4643, 4785";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        match sight.fact {
            Fact::Destroyed { .. } => {
                self.current.remove(&sight.server);
                return Ok(());
            }
            Fact::Reported(Event::EpochAcked { epoch, history_end, .. }) => {
                self.initial.insert(*epoch, *history_end);
            }
            Fact::Reported(Event::Truncated { after }) => StorageOrder::cut(sight, *after)?,
            Fact::Reported(_) | Fact::Booted { .. } | Fact::Crashed => {}
        }
        let (epoch, end) = (sight.disk.current, sight.disk.history_end);
        match self.current.insert(sight.server, epoch) {
            Some(before) if before != epoch => {}
            Some(_) | None => return Ok(()),
        }
        match self.initial.get(&epoch) {
            Some(initial) if end.epoch() != epoch && end != *initial => {
                let holds = format!("server {} holds current epoch {epoch} and a history up to {end}", sight.server);
                let ends = format!("the initial history of epoch {epoch} ends at {initial}");
                let sentence = "a current epoch is durable before its history";
                Err(sight.breaks(Self::ID, sentence, holds, ends).at(*initial))
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, record, recovered, set, z};
    use super::*;

    /// Epoch 2 begins after 1.5; server 1 has followed epoch 1 up to 1.7.
    fn stage() -> Stage<StorageOrder> {
        let mut stage = Stage::new(StorageOrder::default());
        stage.boot(1, &recovered(2, 1, &[record(1, 7)]));
        stage.ok(3, Event::EpochAcked { epoch: Epoch(2), acked: set([2, 3]), history_end: z(1, 5) });
        stage
    }

    fn looks() -> Event {
        Event::PacketIgnored { packet: "PING" }
    }

    #[test]
    fn history_before_epoch_is_legal() {
        stage().disk(1, 2, 1, z(1, 5)).ok(1, looks()).disk(1, 2, 2, z(1, 5)).ok(1, looks());
        stage().disk(1, 2, 2, z(2, 3)).ok(1, looks());
    }

    #[test]
    fn a_later_cut_below_the_initial_history_is_legal() {
        let mut stage = stage();
        stage.disk(1, 2, 2, z(1, 5)).ok(1, looks()).disk(1, 3, 2, z(1, 4)).ok(1, looks());
    }

    #[test]
    fn who_looks_may_have_cut_for_a_leader_only_what_is_durable_behind_a_new_epoch() {
        let disk = DurableState { accepted: Epoch(2), current: Epoch(1), history_end: z(1, 7), image: Zxid::ZERO };
        assert!(is_asked_for(ServerState::Following, Epoch(1), disk, z(1, 7)));
        assert!(is_asked_for(ServerState::Looking, Epoch(2), disk, z(1, 5)));
        assert!(!is_asked_for(ServerState::Looking, Epoch(1), disk, z(1, 5)), "no leader gave it an epoch");
        assert!(!is_asked_for(ServerState::Looking, Epoch(2), disk, z(1, 7)), "what waits for the disk is cut");
    }

    #[test]
    fn an_epoch_before_its_history_is_caught() {
        stage().disk(1, 2, 2, z(1, 4)).caught(1, looks(), "before its history");
    }

    #[test]
    fn an_epoch_before_the_cut_is_caught() {
        stage().disk(1, 2, 2, z(1, 7)).caught(1, looks(), "before its history");
    }

    #[test]
    fn an_epoch_that_overtook_the_history_in_a_crash_is_caught() {
        let mut stage = stage();
        let image = recovered(2, 2, &[record(1, 4)]);
        stage.crash(1).disk(1, 2, 2, z(1, 4));
        assert!(stage.fact(1, Fact::Booted { recovered: &image }).is_err());
    }
}
