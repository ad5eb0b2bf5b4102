//! What a client sees never goes back in time.
//!
//! Across connections it is the client that carries its floor, in the ConnectRequest: a server that
//! is behind it must refuse. Within a connection each reply's zxid is at least the one before.

use super::{Fact, Oracle, Sight, Verdict};
use std::collections::BTreeMap;
use zabra_core::contract::Event;
use zabra_core::id::{ClientId, ServerId, SessionId, Zxid};
use zabra_core::wire::Op;

/// The newest zxid that each connection's client has been shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SessionOrder {
    floors: BTreeMap<(ServerId, ClientId), Zxid>,
}

impl SessionOrder {
    fn attached(&mut self, sight: &Sight<'_>, session: SessionId, client: ClientId, last_seen: Zxid) -> Verdict {
        self.floors.insert((sight.server, client), last_seen);
        match sight.view.map(|view| view.applied()) {
            Some(applied) if applied < last_seen => {
                let attaches = format!("server {} attaches a client that has seen {last_seen}", sight.server);
                let behind = format!("it has applied {applied}");
                let sentence = "a client is attached to a server that is behind it";
                Err(sight.breaks(Self::ID, sentence, attaches, behind).at(last_seen).of(session))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn replied(&mut self, sight: &Sight<'_>, session: SessionId, client: ClientId, zxid: Zxid) -> Verdict {
        let floor = self.floors.insert((sight.server, client), zxid).unwrap_or(Zxid::ZERO);
        if zxid >= floor {
            return Ok(());
        }
        let replies = format!("server {} replies with {zxid}", sight.server);
        let seen = format!("the client has seen {floor}");
        Err(sight.breaks(Self::ID, "a client is shown an older state than before", replies, seen).at(zxid).of(session))
    }
}

impl Oracle for SessionOrder {
    const ID: &'static str = "session_order";
    const STATES: &'static str = "The zxids of a connection's replies never decrease and are at least what its client had seen; no server attaches a client that has seen more than it has applied.";
    const SOURCE: &'static str = "catalogue 28, 29, I-FIFO; reference/zookeeper.md 1.3";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        match sight.fact {
            Fact::Reported(Event::SessionAttached { session, client, last_seen, .. }) => {
                self.attached(sight, *session, *client, *last_seen)
            }
            // Answers to authentication carry no state.
            Fact::Reported(Event::Replied { op: Op::AUTH | Op::SASL, .. }) => Ok(()),
            Fact::Reported(Event::Replied { session, client, zxid, .. }) => {
                self.replied(sight, *session, *client, *zxid)
            }
            Fact::Booted { .. } | Fact::Crashed | Fact::Destroyed { .. } => {
                let me = sight.server;
                self.floors.retain(|(server, _), _| *server != me);
                Ok(())
            }
            Fact::Reported(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, attached, recovered, replied, s, z};
    use super::super::{DurableState, Sight};
    use super::*;
    use crate::time::Micros;
    use std::sync::Arc;
    use zabra_core::config::Config;
    use zabra_core::contract::Actions;
    use zabra_core::id::Stamp;
    use zabra_core::replica::Replica;

    fn stage() -> Stage<SessionOrder> {
        let mut stage = Stage::new(SessionOrder::default());
        stage.ok(1, attached(0, z(1, 3)));
        stage
    }

    #[test]
    fn replies_that_do_not_go_back_are_legal() {
        stage().ok(1, replied(0, 1, 4, z(1, 3))).ok(1, replied(0, 2, 4, z(1, 5))).ok(1, replied(0, 3, 4, z(1, 5)));
        stage().ok(1, attached(0, z(0, 0))).ok(1, replied(0, 1, 4, z(1, 1)));
        stage().ok(1, replied(0, -4, 100, z(0, 0))).ok(1, replied(0, 1, 4, z(1, 3)));
    }

    #[test]
    fn a_reply_below_what_the_client_had_seen_is_caught() {
        stage().caught(1, replied(0, 1, 4, z(1, 2)), "older state");
    }

    #[test]
    fn a_reply_below_an_earlier_one_is_caught() {
        stage().ok(1, replied(0, 1, 4, z(1, 5))).caught(1, replied(0, 2, 4, z(1, 4)), "older state");
    }

    #[test]
    fn attaching_a_client_that_is_ahead_is_caught() {
        let config = Config::new(s(1), Arc::new(super::super::stage::ensemble(1, 0)));
        let replica =
            Replica::restore(Arc::new(config), recovered(0, 0, &[]), SessionId(1), Stamp(1), &mut Actions::new());
        let mut oracle = SessionOrder::default();
        let mut see = |event: &Event| {
            oracle.see(&Sight {
                now: Micros::ZERO,
                server: s(1),
                fact: Fact::Reported(event),
                view: Some(replica.view()),
                disk: DurableState::default(),
            })
        };
        assert_eq!(see(&attached(0, z(0, 0))), Ok(()));
        assert!(see(&attached(0, z(1, 1))).is_err_and(|v| v.sentence.contains("behind it")));
    }
}
