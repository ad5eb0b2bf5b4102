//! One table of watches, by path and by connection.

use super::{Mode, Modes};
use crate::id::ClientId;
use crate::tree::path;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Who watches which path, and how. The index by connection holds the same pairs, so that a
/// connection's end costs what the connection left, not what all of them left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Table {
    by_path: BTreeMap<Arc<[u8]>, BTreeMap<ClientId, Modes>>,
    by_client: BTreeMap<ClientId, Left>,
    /// How many watches are recursive: without any, nobody looks above a path.
    recursive: usize,
}

/// What one connection has left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Left {
    paths: BTreeSet<Arc<[u8]>>,
    /// What the paths take, with something for each of them.
    bytes: usize,
}

/// What a watch takes besides its path, about.
const WATCH_BYTES: usize = 64;

impl Table {
    /// The same watch twice is one watch.
    pub(super) fn add(&mut self, path: &[u8], client: ClientId, mode: Mode) {
        let path: Arc<[u8]> = match self.by_path.get_key_value(path) {
            Some((shared, _)) => Arc::clone(shared),
            None => Arc::from(path),
        };
        let modes = self.by_path.entry(Arc::clone(&path)).or_default().entry(client).or_default();
        self.recursive += usize::from(mode == Mode::Recursive && !modes.has(mode));
        modes.insert(mode);
        let left = self.by_client.entry(client).or_default();
        let bytes = path.len() + WATCH_BYTES;
        if left.paths.insert(path) {
            left.bytes += bytes;
        }
    }

    /// The watchers of `path`, and those who watch a path above it with all that is below; ascending.
    /// What watches for one event is taken out.
    pub(super) fn fire(&mut self, path: &[u8]) -> Vec<ClientId> {
        let mut fired = self.fire_here(path);
        if self.recursive == 0 {
            return fired;
        }
        let mut here = path;
        while let Some(parent) = path::parent(here) {
            let watchers = self.by_path.get(parent).into_iter().flatten();
            fired.extend(watchers.filter(|(_, modes)| modes.has(Mode::Recursive)).map(|(client, _)| *client));
            here = parent;
        }
        fired.sort_unstable();
        fired.dedup();
        fired
    }

    fn fire_here(&mut self, path: &[u8]) -> Vec<ClientId> {
        let Some(watchers) = self.by_path.get_mut(path) else {
            return Vec::new();
        };
        let fired: Vec<ClientId> = watchers.keys().copied().collect();
        watchers.retain(|_, modes| {
            modes.remove(Mode::OneShot);
            !modes.is_empty()
        });
        if watchers.is_empty() {
            self.by_path.remove(path);
        }
        for client in &fired {
            if !self.by_path.get(path).is_some_and(|left| left.contains_key(client)) {
                self.unlink(*client, path);
            }
        }
        fired
    }

    /// How a connection watches a path.
    pub(super) fn modes(&self, path: &[u8], client: ClientId) -> Modes {
        self.by_path.get(path).and_then(|watchers| watchers.get(&client)).copied().unwrap_or_default()
    }

    /// Takes these ways of watching a path from a connection. Returns whether it had one of them.
    pub(super) fn remove(&mut self, path: &[u8], client: ClientId, gone: Modes) -> bool {
        let Some(watchers) = self.by_path.get_mut(path) else { return false };
        let Some(modes) = watchers.get_mut(&client) else { return false };
        let had = modes.shared(gone);
        modes.subtract(gone);
        if modes.is_empty() {
            watchers.remove(&client);
            if watchers.is_empty() {
                self.by_path.remove(path);
            }
            self.unlink(client, path);
        }
        self.recursive -= usize::from(had.has(Mode::Recursive));
        !had.is_empty()
    }

    pub(super) fn forget(&mut self, client: ClientId) {
        for path in self.by_client.remove(&client).unwrap_or_default().paths {
            let watchers = self.by_path.get_mut(&path).expect("both indexes hold the same pairs");
            let modes = watchers.remove(&client).unwrap_or_default();
            self.recursive -= usize::from(modes.has(Mode::Recursive));
            if watchers.is_empty() {
                self.by_path.remove(&path);
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_client.values().map(|left| left.paths.len()).sum()
    }

    /// The connections, with what they watch.
    pub(super) fn by_client(&self) -> impl ExactSizeIterator<Item = (ClientId, impl Iterator<Item = &[u8]>)> {
        self.by_client.iter().map(|(client, left)| (*client, left.paths.iter().map(|path| &**path)))
    }

    /// The paths, with who watches them.
    pub(super) fn by_path(&self) -> impl ExactSizeIterator<Item = (&[u8], impl Iterator<Item = ClientId>)> {
        self.by_path.iter().map(|(path, watchers)| (&**path, watchers.keys().copied()))
    }

    /// What the watches of a connection take, about.
    pub(super) fn bytes(&self, client: ClientId) -> usize {
        self.by_client.get(&client).map_or(0, |left| left.bytes)
    }

    fn unlink(&mut self, client: ClientId, path: &[u8]) {
        let left = self.by_client.get_mut(&client).expect("both indexes hold the same pairs");
        if left.paths.remove(path) {
            left.bytes -= path.len() + WATCH_BYTES;
        }
        if left.paths.is_empty() {
            self.by_client.remove(&client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_leaves_nothing_behind() {
        let mut table = Table::default();
        table.add(b"/a", ClientId(1), Mode::OneShot);
        table.add(b"/a", ClientId(1), Mode::OneShot);
        table.add(b"/a", ClientId(2), Mode::OneShot);
        table.add(b"/b", ClientId(1), Mode::OneShot);
        table.add(b"/b", ClientId(1), Mode::Recursive);
        assert_eq!(table.len(), 3);
        table.forget(ClientId(1));
        assert_eq!(table.fire(b"/a"), [ClientId(2)]);
        table.forget(ClientId(2));
        assert_eq!(table, Table::default());
    }
}
