//! Histories as chains: what stands before a record, who holds what, and what is chosen.
//!
//! All histories of an ensemble are branches of one tree. Within an epoch zxids are consecutive
//! (oracle `contiguity`), so the tree is known once it is known what stands before the first record
//! of each epoch: that is all that is kept, and every question is answered in O(epochs).

use super::{Fact, Sight};
use std::collections::BTreeMap;
use zabra_core::contract::Event;
use zabra_core::id::{Epoch, ServerId, Zxid};

/// What stands before the first record of each epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Chain {
    joints: BTreeMap<Epoch, Zxid>,
}

impl Chain {
    /// The record before this one; `None` if that was never seen.
    pub fn before(&self, zxid: Zxid) -> Option<Zxid> {
        match zxid.counter() {
            0 => None,
            1 => self.joints.get(&zxid.epoch()).copied(),
            _ => Some(Zxid(zxid.0 - 1)),
        }
    }

    /// `zxid` follows `end` in some history. The first to say what an epoch begins after is believed.
    pub fn link(&mut self, end: Zxid, zxid: Zxid) {
        if zxid.counter() == 1 {
            self.joints.entry(zxid.epoch()).or_insert(end);
        }
    }

    /// How many records stand from `first` to `end`, both included, in the history that ends at `end`;
    /// `None` if that is not known.
    pub fn count(&self, first: Zxid, end: Zxid) -> Option<u64> {
        let (mut end, mut count) = (end, 0);
        while end.epoch() > first.epoch() {
            count += u64::from(end.counter());
            end = *self.joints.get(&end.epoch())?;
        }
        (end.epoch() == first.epoch() && end >= first).then(|| count + u64::from(end.counter() - first.counter()) + 1)
    }

    /// Whether a history that ends at `end` holds `zxid`.
    pub fn holds(&self, end: Zxid, zxid: Zxid) -> bool {
        self.branch(end, zxid).is_some()
    }

    /// The record that follows `zxid` in the history that ends at `end`, or `zxid` itself if that is
    /// the end; `None` if that history does not hold `zxid`.
    pub fn branch(&self, end: Zxid, zxid: Zxid) -> Option<Zxid> {
        if end == zxid {
            return Some(zxid);
        }
        let mut end = end;
        let mut after = None;
        while end > zxid {
            if end.epoch() == zxid.epoch() {
                return Some(Zxid(zxid.0 + 1));
            }
            after = Some(Zxid::new(end.epoch(), 1));
            end = *self.joints.get(&end.epoch())?;
        }
        if end == zxid { after } else { None }
    }
}

/// Where the history of each server ends, as its events tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ends {
    ends: BTreeMap<ServerId, Zxid>,
}

impl Ends {
    pub fn of(&self, server: ServerId) -> Zxid {
        self.ends.get(&server).copied().unwrap_or(Zxid::ZERO)
    }

    /// Takes a fact in; call it after judging.
    pub fn follow(&mut self, sight: &Sight<'_>) {
        let end = match sight.fact {
            Fact::Booted { recovered } => {
                recovered.log.last().map_or(Zxid::ZERO, |r| r.zxid).max(recovered.image.zxid())
            }
            Fact::Reported(Event::Proposed { record } | Event::Accepted { record }) => record.zxid,
            Fact::Reported(Event::Truncated { after }) => *after,
            Fact::Reported(Event::ImageInstalled { zxid }) => *zxid,
            Fact::Reported(Event::SyncAborted { .. }) => {
                sight.view.map_or(sight.disk.history_end, |view| view.history_end())
            }
            Fact::Reported(_) | Fact::Crashed | Fact::Destroyed { .. } => return,
        };
        self.ends.insert(sight.server, end);
    }
}

/// The chosen records: one chain, so per epoch the last of them says it all.
///
/// A record is chosen once a leader has committed it (its quorum is judged by `quorum`), or once a
/// leader is established whose initial history holds it. This is later than the moment at which a
/// quorum has it durable, by the time an ACK travels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Chosen {
    through: BTreeMap<Epoch, u32>,
    end: Zxid,
}

impl Chosen {
    /// The newest chosen record.
    pub fn end(&self) -> Zxid {
        self.end
    }

    pub fn contains(&self, zxid: Zxid) -> bool {
        zxid.counter() == 0 || self.through.get(&zxid.epoch()).is_some_and(|last| zxid.counter() <= *last)
    }

    /// Everything up to `zxid` in its history is chosen.
    pub fn choose(&mut self, chain: &Chain, zxid: Zxid) {
        self.end = self.end.max(zxid);
        let mut zxid = zxid;
        while !self.contains(zxid) {
            self.through.insert(zxid.epoch(), zxid.counter());
            match chain.before(Zxid::new(zxid.epoch(), 1)) {
                Some(before) => zxid = before,
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::z;
    use super::*;

    #[test]
    fn a_branch_is_followed_across_epochs() {
        let mut chain = Chain::default();
        chain.link(Zxid::ZERO, z(1, 1));
        chain.link(z(1, 3), z(2, 1));
        chain.link(z(1, 5), z(3, 1));
        assert!(chain.holds(z(3, 2), z(1, 5)));
        assert!(!chain.holds(z(3, 2), z(2, 1)));
        assert!(!chain.holds(z(2, 9), z(1, 4)));
        assert_eq!(chain.branch(z(3, 2), z(1, 5)), Some(z(3, 1)));
        assert_eq!(chain.branch(z(3, 2), z(1, 4)), Some(z(1, 5)));
        assert_eq!(chain.branch(z(3, 2), z(3, 2)), Some(z(3, 2)));
        assert_eq!(chain.branch(z(3, 2), Zxid::ZERO), Some(z(1, 1)));
    }

    #[test]
    fn choosing_a_record_chooses_what_stands_before_it_and_nothing_else() {
        let mut chain = Chain::default();
        chain.link(Zxid::ZERO, z(1, 1));
        chain.link(z(1, 3), z(2, 1));
        let mut chosen = Chosen::default();
        chosen.choose(&chain, z(2, 2));
        assert!(chosen.contains(z(1, 3)));
        assert!(!chosen.contains(z(1, 4)));
        assert!(!chosen.contains(z(2, 3)));
    }
}
