//! Election connections: who keeps one, and what waits to be sent on it.
//!
//! One connection per pair of servers, started by the larger id (reference/zookeeper.md 3.1). Each
//! direction holds one message in flight and one that waits; the newest waiting message wins, and
//! the last message is sent again on a new connection, for the old one may have swallowed it
//! (ZOOKEEPER-480). Shells and simulators drive this machine, so that no liveness rule lives there.

use crate::id::ServerId;
use crate::zab::Notification;
use alloc::sync::Arc;

/// What a server does about the election connection with a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Initiative {
    /// This server has the larger id: its connection is the one that survives.
    Mine,
    /// The peer has the larger id: a connection from here only asks it to connect back.
    Theirs,
}

impl Initiative {
    pub fn of(me: ServerId, peer: ServerId) -> Initiative {
        if me > peer { Initiative::Mine } else { Initiative::Theirs }
    }
}

/// One direction of an election link, at the sender.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Outbox {
    waiting: Option<Arc<Notification>>,
    last: Option<Arc<Notification>>,
    sending: bool,
}

impl Outbox {
    /// A message is to be sent. Returns it if the connection is free, else it waits and replaces
    /// what waited before.
    pub fn send(&mut self, message: Arc<Notification>, link: LinkState) -> Option<Arc<Notification>> {
        if self.sending || link == LinkState::Down {
            self.waiting = Some(message);
            return None;
        }
        Some(self.start(message))
    }

    /// The message in flight was handed over: the waiting one may go.
    pub fn sent(&mut self) -> Option<Arc<Notification>> {
        self.sending = false;
        let next = self.waiting.take()?;
        Some(self.start(next))
    }

    /// What waits to be sent.
    pub fn waiting(&self) -> Option<&Arc<Notification>> {
        self.waiting.as_ref()
    }

    /// For an adversary that reorders: what waits goes first, and this waits.
    pub fn overtake(&mut self, flying: Arc<Notification>) -> Option<Arc<Notification>> {
        self.waiting.replace(flying)
    }

    /// A new connection: the waiting message goes, or the last one again.
    pub fn connected(&mut self) -> Option<Arc<Notification>> {
        self.sending = false;
        let next = self.waiting.take().or_else(|| self.last.clone())?;
        Some(self.start(next))
    }

    /// The connection ended; what was in flight is not known to have arrived.
    pub fn broken(&mut self) {
        self.sending = false;
    }

    /// Whether something would be sent on a new connection.
    pub fn wants_link(&self) -> bool {
        self.waiting.is_some()
    }

    /// Whether anything was ever said here: a new connection would carry it.
    pub fn has_spoken(&self) -> bool {
        self.waiting.is_some() || self.last.is_some()
    }

    /// For explorers: forgets the last message where nothing will ask for it again, for a newer one
    /// waits, or the connection `stays`.
    pub fn forget_last(&mut self, stays: bool) {
        if stays || self.waiting.is_some() {
            self.last = None;
        }
    }

    /// For explorers: what is to be sent is replaced by what its receiver cannot tell from it.
    pub fn replace(&mut self, with: impl Fn(&Arc<Notification>) -> Arc<Notification>) {
        self.waiting = self.waiting.as_ref().map(&with);
        self.last = self.last.as_ref().map(&with);
    }

    fn start(&mut self, message: Arc<Notification>) -> Arc<Notification> {
        self.sending = true;
        self.last = Some(Arc::clone(&message));
        message
    }
}

/// Whether the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkState {
    Up,
    Down,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zab::ServerState;

    fn message(round: u64) -> Arc<Notification> {
        Arc::new(Notification { state: ServerState::Looking, vote: None, round, config: Arc::from([]) })
    }

    #[test]
    fn the_newest_waiting_message_wins() {
        let mut outbox = Outbox::default();
        assert!(outbox.send(message(1), LinkState::Up).is_some());
        assert!(outbox.send(message(2), LinkState::Up).is_none());
        assert!(outbox.send(message(3), LinkState::Up).is_none());
        assert_eq!(outbox.sent().map(|m| m.round), Some(3));
        assert_eq!(outbox.sent(), None);
    }

    #[test]
    fn the_last_message_is_sent_again_on_a_new_connection() {
        let mut outbox = Outbox::default();
        outbox.send(message(1), LinkState::Up);
        outbox.broken();
        assert_eq!(outbox.connected().map(|m| m.round), Some(1));
    }

    #[test]
    fn the_larger_id_keeps_the_connection() {
        assert_eq!(Initiative::of(ServerId(3), ServerId(1)), Initiative::Mine);
        assert_eq!(Initiative::of(ServerId(1), ServerId(3)), Initiative::Theirs);
    }
}
