//! One table of watches, by path and by connection.

use super::Mode;
use crate::id::ClientId;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Who watches which path, and how. The index by connection holds the same pairs, so that a
/// connection's end costs what the connection left, not what all of them left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Table {
    by_path: BTreeMap<Arc<[u8]>, BTreeMap<ClientId, Mode>>,
    by_client: BTreeMap<ClientId, BTreeSet<Arc<[u8]>>>,
}

impl Table {
    /// The same watch twice is one watch.
    pub(super) fn add(&mut self, path: &[u8], client: ClientId, mode: Mode) {
        let path: Arc<[u8]> = match self.by_path.get_key_value(path) {
            Some((shared, _)) => Arc::clone(shared),
            None => Arc::from(path),
        };
        self.by_path.entry(Arc::clone(&path)).or_default().insert(client, mode);
        self.by_client.entry(client).or_default().insert(path);
    }

    /// The watchers of `path`, ascending; those that watched for one event are taken out.
    pub(super) fn fire(&mut self, path: &[u8]) -> Vec<ClientId> {
        let Some(watchers) = self.by_path.get_mut(path) else {
            return Vec::new();
        };
        let fired: Vec<ClientId> = watchers.keys().copied().collect();
        watchers.retain(|_, mode| match mode {
            Mode::OneShot => false,
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

    pub(super) fn forget(&mut self, client: ClientId) {
        for path in self.by_client.remove(&client).unwrap_or_default() {
            let watchers = self.by_path.get_mut(&path).expect("both indexes hold the same pairs");
            watchers.remove(&client);
            if watchers.is_empty() {
                self.by_path.remove(&path);
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_client.values().map(BTreeSet::len).sum()
    }

    fn unlink(&mut self, client: ClientId, path: &[u8]) {
        let paths = self.by_client.get_mut(&client).expect("both indexes hold the same pairs");
        paths.remove(path);
        if paths.is_empty() {
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
        assert_eq!(table.len(), 3);
        table.forget(ClientId(1));
        assert_eq!(table.fire(b"/a"), [ClientId(2)]);
        table.forget(ClientId(2));
        assert_eq!(table, Table::default());
    }
}
