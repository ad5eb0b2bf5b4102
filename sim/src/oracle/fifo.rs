//! A connection's replies leave in the order of its requests, one each.

use super::{Fact, Oracle, Sight, Verdict};
use std::collections::{BTreeMap, VecDeque};
use zabra_core::contract::Event;
use zabra_core::id::{ClientId, ServerId, Xid};

/// The requests of each connection that are not answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fifo {
    waiting: BTreeMap<(ServerId, ClientId), VecDeque<(Xid, i32)>>,
}

impl Oracle for Fifo {
    const ID: &'static str = "fifo";
    const STATES: &'static str =
        "On each connection the replies are those to its oldest unanswered requests, in order, one for each.";
    const SOURCE: &'static str = "catalogue 27, I-FIFO; ZOOKEEPER-1863";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        match sight.fact {
            Fact::Reported(Event::SessionAttached { client, .. }) => {
                self.waiting.remove(&(sight.server, *client));
            }
            Fact::Reported(Event::Requested { client, xid, op, .. }) => {
                self.waiting.entry((sight.server, *client)).or_default().push_back((*xid, *op));
            }
            Fact::Reported(Event::Replied { client, session, xid, op, .. }) => {
                let waiting = self.waiting.get_mut(&(sight.server, *client));
                let oldest = waiting.and_then(VecDeque::pop_front);
                if oldest != Some((*xid, *op)) {
                    let answers = format!("server {} answers request {} (operation {op})", sight.server, xid.0);
                    let waits = match oldest {
                        Some((xid, op)) => format!("request {} (operation {op}) came first", xid.0),
                        None => "no request of this connection waits".into(),
                    };
                    return Err(sight.breaks(Self::ID, "a reply leaves out of order", answers, waits).of(*session));
                }
            }
            Fact::Booted { .. } | Fact::Crashed | Fact::Destroyed { .. } => {
                let me = sight.server;
                self.waiting.retain(|(server, _), _| *server != me);
            }
            Fact::Reported(_) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, attached, replied, requested, z};
    use super::*;

    fn stage() -> Stage<Fifo> {
        let mut stage = Stage::new(Fifo::default());
        stage.ok(1, attached(0, z(0, 0))).ok(1, requested(0, 1, 5)).ok(1, requested(0, 2, 4));
        stage
    }

    #[test]
    fn replies_in_order_are_legal_and_an_ended_connection_leaves_nothing() {
        stage().ok(1, replied(0, 1, 5, z(1, 1))).ok(1, replied(0, 2, 4, z(1, 1)));
        stage().ok(1, attached(0, z(0, 0))).ok(1, requested(0, 9, 4)).ok(1, replied(0, 9, 4, z(1, 1)));
        stage().ok(1, requested(1, 9, 4)).ok(1, replied(1, 9, 4, z(1, 1)));
    }

    #[test]
    fn a_read_that_overtakes_a_write_is_caught() {
        stage().caught(1, replied(0, 2, 4, z(1, 1)), "out of order");
    }

    #[test]
    fn a_second_reply_is_caught() {
        stage().ok(1, replied(0, 1, 5, z(1, 1))).caught(1, replied(0, 1, 5, z(1, 1)), "out of order");
    }

    #[test]
    fn a_reply_to_nothing_is_caught() {
        stage().crash(1).caught(1, replied(0, 1, 5, z(1, 1)), "out of order");
    }
}
