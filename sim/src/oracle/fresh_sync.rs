//! A sync shows everything that was answered before it was asked for.

use super::transaction::is_write;
use super::{Fact, Oracle, Sight, Verdict};
use std::collections::{BTreeMap, VecDeque};
use zabra_core::contract::Event;
use zabra_core::id::{ClientId, ServerId, Zxid};
use zabra_core::wire::Op;

const NOT_READ_ONLY: i32 = -119;
const THROTTLED: i32 = -127;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FreshSync {
    /// The newest write that any client was told of.
    answered: Zxid,
    /// What each waiting sync must show.
    floors: BTreeMap<(ServerId, ClientId), VecDeque<Zxid>>,
}

impl FreshSync {
    fn synced(&mut self, sight: &Sight<'_>, client: ClientId, zxid: Zxid) -> Verdict {
        let floors = self.floors.get_mut(&(sight.server, client));
        match floors.and_then(VecDeque::pop_front) {
            Some(floor) if zxid < floor => {
                let answers = format!("server {} answers a sync with {zxid}", sight.server);
                let before = format!("the write {floor} was answered before the sync was asked for");
                Err(sight
                    .breaks(Self::ID, "a sync misses a write that was answered before it", answers, before)
                    .at(floor))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Oracle for FreshSync {
    const ID: &'static str = "fresh_sync";
    const STATES: &'static str =
        "A sync is answered from a state that holds every update that any client was told of before the sync arrived.";
    const SOURCE: &'static str = "catalogue 30 (strict); ZOOKEEPER-1675";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        let me = sight.server;
        match sight.fact {
            Fact::Reported(Event::Requested { client, op: Op::SYNC, .. }) => {
                self.floors.entry((me, *client)).or_default().push_back(self.answered);
            }
            // A server without a quorum says that it cannot, one with too much to do that it will not.
            Fact::Reported(Event::Replied { client, op: Op::SYNC, err: NOT_READ_ONLY | THROTTLED, .. }) => {
                self.floors.get_mut(&(me, *client)).and_then(VecDeque::pop_front);
            }
            Fact::Reported(Event::Replied { client, op: Op::SYNC, zxid, .. }) => {
                return self.synced(sight, *client, *zxid);
            }
            Fact::Reported(Event::Replied { op, zxid, err: 0, .. }) if is_write(*op) => {
                self.answered = self.answered.max(*zxid);
            }
            Fact::Reported(Event::SessionAttached { client, .. }) => {
                self.floors.remove(&(me, *client));
            }
            Fact::Booted { .. } | Fact::Crashed | Fact::Destroyed { .. } => {
                self.floors.retain(|(server, _), _| *server != me);
            }
            Fact::Reported(_) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, replied, requested, z};
    use super::*;

    fn stage() -> Stage<FreshSync> {
        let mut stage = Stage::new(FreshSync::default());
        stage.ok(1, replied(0, 1, Op::SET_DATA, z(1, 5))).ok(2, requested(0, 1, Op::SYNC));
        stage
    }

    #[test]
    fn a_sync_that_shows_what_was_answered_before_it_is_legal() {
        let mut stage = stage();
        stage.ok(1, replied(0, 2, Op::SET_DATA, z(1, 6)));
        stage.ok(2, replied(0, 1, Op::SYNC, z(1, 5)));
    }

    #[test]
    fn a_stale_read_is_legal_without_sync() {
        stage().ok(2, requested(1, 1, Op::GET_DATA)).ok(2, replied(1, 1, Op::GET_DATA, z(1, 1)));
    }

    #[test]
    fn a_stale_sync_is_caught() {
        stage().caught(2, replied(0, 1, Op::SYNC, z(1, 4)), "sync misses a write");
    }
}
