//! Watches: who wants to hear of which path (reference/zookeeper.md section 1.9).
//!
//! A server has two tables, data and child. A watch belongs to a connection and dies with it. This
//! module knows which watchers a change concerns, and takes one-shot watches out when they fire;
//! what an event looks like on the wire, and when it is sent, is the service's part.

mod table;

use crate::id::ClientId;
use alloc::vec::Vec;
use table::Table;

/// What an event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum EventKind {
    NodeCreated = 1,
    NodeDeleted = 2,
    NodeDataChanged = 3,
    NodeChildrenChanged = 4,
}

/// Which of the two tables a watch stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// Left by exists and getData.
    Data,
    /// Left by getChildren and getChildren2.
    Child,
}

/// How long a watch lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Mode {
    /// Until it fires.
    OneShot,
}

/// The watches of one server's connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Watches {
    data: Table,
    child: Table,
}

impl Watches {
    pub(crate) fn add(&mut self, kind: Kind, path: &[u8], client: ClientId, mode: Mode) {
        match kind {
            Kind::Data => self.data.add(path, client, mode),
            Kind::Child => self.child.add(path, client, mode),
        }
    }

    /// The connection ended: nothing is left of its watches (ZOOKEEPER-1382).
    pub(crate) fn forget(&mut self, client: ClientId) {
        self.data.forget(client);
        self.child.forget(client);
    }

    /// The watchers that hear of `kind` at `path`, ascending: one event per connection, also when
    /// it watches in both tables.
    pub(crate) fn fire(&mut self, kind: EventKind, path: &[u8]) -> Vec<ClientId> {
        match kind {
            EventKind::NodeCreated | EventKind::NodeDataChanged => self.data.fire(path),
            EventKind::NodeChildrenChanged => self.child.fire(path),
            EventKind::NodeDeleted => {
                let mut watchers = self.data.fire(path);
                watchers.extend(self.child.fire(path));
                watchers.sort_unstable();
                watchers.dedup();
                watchers
            }
        }
    }

    /// How many watches stand: (path, connection, table) triples.
    pub(crate) fn len(&self) -> usize {
        self.data.len() + self.child.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ClientId = ClientId(1);
    const B: ClientId = ClientId(2);

    #[test]
    fn a_deletion_concerns_both_tables_and_each_connection_once() {
        let mut watches = Watches::default();
        watches.add(Kind::Data, b"/a", A, Mode::OneShot);
        watches.add(Kind::Child, b"/a", A, Mode::OneShot);
        watches.add(Kind::Child, b"/a", B, Mode::OneShot);
        assert_eq!(watches.fire(EventKind::NodeDeleted, b"/a"), [A, B]);
        assert_eq!(watches, Watches::default());
    }

    #[test]
    fn each_change_concerns_its_own_table() {
        let mut watches = Watches::default();
        watches.add(Kind::Data, b"/a", A, Mode::OneShot);
        watches.add(Kind::Child, b"/a", B, Mode::OneShot);
        assert_eq!(watches.fire(EventKind::NodeDataChanged, b"/b"), []);
        assert_eq!(watches.fire(EventKind::NodeDataChanged, b"/a"), [A]);
        assert_eq!(watches.fire(EventKind::NodeDataChanged, b"/a"), [], "a one-shot watch fires once");
        assert_eq!(watches.fire(EventKind::NodeChildrenChanged, b"/a"), [B]);
        assert_eq!(watches.len(), 0);
    }
}
