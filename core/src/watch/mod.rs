//! Watches: who wants to hear of which path (reference/zookeeper.md section 1.9).
//!
//! A server has two tables, data and child. A watch belongs to a connection and dies with it. This
//! module knows which watchers a change concerns, and takes one-shot watches out when they fire;
//! who of them may hear of it, what an event looks like on the wire, and when it is sent, is the
//! service's part.

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

/// How long a watch lasts, and how far it reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Mode {
    /// Until it fires.
    OneShot = 1,
    /// Until it is removed.
    Persistent = 2,
    /// Until it is removed, for the path and everything below.
    Recursive = 4,
}

/// In which ways one connection watches one path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Modes(u8);

impl Modes {
    pub(crate) const ALL: Modes = Modes(7);

    fn has(self, mode: Mode) -> bool {
        self.0 & mode as u8 != 0
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn shared(self, other: Modes) -> Modes {
        Modes(self.0 & other.0)
    }

    fn insert(&mut self, mode: Mode) {
        self.0 |= mode as u8;
    }

    fn remove(&mut self, mode: Mode) {
        self.subtract(mode.into());
    }

    fn subtract(&mut self, other: Modes) {
        self.0 &= !other.0;
    }
}

impl From<Mode> for Modes {
    fn from(mode: Mode) -> Modes {
        Modes(mode as u8)
    }
}

/// Which watches checkWatches and removeWatches mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Selection {
    Children,
    Data,
    Any,
    Persistent,
    Recursive,
}

impl Selection {
    /// As it stands on the wire.
    pub(crate) fn from_wire(kind: i32) -> Option<Selection> {
        Some(match kind {
            1 => Selection::Children,
            2 => Selection::Data,
            3 => Selection::Any,
            4 => Selection::Persistent,
            5 => Selection::Recursive,
            _ => return None,
        })
    }

    /// What it means in the data table and in the child table.
    fn modes(self) -> (Modes, Modes) {
        let none = Modes::default();
        match self {
            Selection::Children => (none, Mode::OneShot.into()),
            Selection::Data => (Mode::OneShot.into(), none),
            Selection::Any => (Modes::ALL, Modes::ALL),
            Selection::Persistent => (Mode::Persistent.into(), Mode::Persistent.into()),
            Selection::Recursive => (Mode::Recursive.into(), none),
        }
    }
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

    /// A watch that stays: a persistent one stands in both tables, a recursive one among the data
    /// watches only, so that it never hears NodeChildrenChanged.
    pub(crate) fn add_lasting(&mut self, path: &[u8], client: ClientId, mode: Mode) {
        self.data.add(path, client, mode);
        match mode {
            Mode::Recursive => {}
            Mode::OneShot | Mode::Persistent => self.child.add(path, client, mode),
        }
    }

    /// Whether a connection watches a path in one of these ways.
    pub(crate) fn contains(&self, path: &[u8], client: ClientId, selection: Selection) -> bool {
        let (data, child) = match selection {
            // A persistent watch is looked for among the data watches: it stands in both tables.
            Selection::Persistent => (Mode::Persistent.into(), Modes::default()),
            other @ (Selection::Children | Selection::Data | Selection::Any | Selection::Recursive) => other.modes(),
        };
        let has = |table: &Table, modes| !table.modes(path, client).shared(modes).is_empty();
        has(&self.data, data) || has(&self.child, child)
    }

    /// Takes a connection's watches of a path away. Returns whether there was one.
    pub(crate) fn remove(&mut self, path: &[u8], client: ClientId, selection: Selection) -> bool {
        let (data, child) = selection.modes();
        // Both tables are looked at.
        self.data.remove(path, client, data) | self.child.remove(path, client, child)
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

    /// The connections with data watches, and their paths. Apache's reports leave child watches out.
    pub(crate) fn by_client(&self) -> impl ExactSizeIterator<Item = (ClientId, impl Iterator<Item = &[u8]>)> {
        self.data.by_client()
    }

    /// The paths with data watches, and their watchers.
    pub(crate) fn by_path(&self) -> impl ExactSizeIterator<Item = (&[u8], impl Iterator<Item = ClientId>)> {
        self.data.by_path()
    }

    /// How many data watches stand.
    pub(crate) fn data_len(&self) -> usize {
        self.data.len()
    }

    /// What the watches of a connection take, about.
    pub(crate) fn bytes(&self, client: ClientId) -> usize {
        self.data.bytes(client) + self.child.bytes(client)
    }

    /// How many watches stand: (path, connection, table) triples.
    pub(crate) fn len(&self) -> usize {
        self.data.len() + self.child.len()
    }
}

#[cfg(test)]
mod tests;
