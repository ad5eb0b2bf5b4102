//! What the log did to each path, for watches: which transactions trigger which table's watches
//! (reference/zookeeper.md section 1.9).

use crate::history::shelf::Shelf;
use crate::history::{Body, Change, Text, Txn};

/// The two tables of watches that a server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// exists and getData.
    Data,
    /// getChildren.
    Child,
}

/// The changes of each path, ascending.
#[derive(Default)]
pub struct Triggers {
    changes: Shelf<[Vec<(u64, Change)>; 2]>,
}

impl Triggers {
    pub fn new(log: &[Txn]) -> Triggers {
        let mut triggers = Triggers::default();
        for txn in log {
            for body in txn.body.changes() {
                match body {
                    Body::Create { path, .. } => {
                        triggers.add(Table::Data, path, txn.zxid, Change::Created);
                        triggers.add_to_parent(path, txn.zxid);
                    }
                    Body::Delete { path } => triggers.delete(path, txn.zxid),
                    Body::SetData { path, .. } => triggers.add(Table::Data, path, txn.zxid, Change::Data),
                    Body::CloseSession { paths } => paths.iter().for_each(|path| triggers.delete(path, txn.zxid)),
                    Body::SetAcl { .. }
                    | Body::Multi { .. }
                    | Body::CreateSession { .. }
                    | Body::Error { .. }
                    | Body::Other { .. } => {}
                }
            }
        }
        triggers
    }

    fn delete(&mut self, path: &Text, zxid: u64) {
        self.add(Table::Data, path, zxid, Change::Deleted);
        self.add(Table::Child, path, zxid, Change::Deleted);
        self.add_to_parent(path, zxid);
    }

    fn add_to_parent(&mut self, path: &Text, zxid: u64) {
        if let Some((parent, _)) = path.cut() {
            self.add_at(Table::Child, parent, zxid, Change::Children);
        }
    }

    /// Several children may go in one transaction; a watch fires once.
    fn add(&mut self, table: Table, path: &Text, zxid: u64, change: Change) {
        self.add_at(table, path.bytes(), zxid, change);
    }

    fn add_at(&mut self, table: Table, path: &[u8], zxid: u64, change: Change) {
        if !self.changes.contains(path) {
            self.changes.insert(Text::new(path), Default::default());
        }
        let changes = &mut self.changes.get_mut(path).expect("it was just put there")[table as usize];
        if changes.last() != Some(&(zxid, change)) {
            changes.push((zxid, change));
        }
    }

    fn of(&self, table: Table, path: &Text) -> &[(u64, Change)] {
        self.changes.get(path.bytes()).map_or(&[], |tables| tables[table as usize].as_slice())
    }

    /// The first change after a zxid: the one that fires a watch registered there.
    pub fn first_after(&self, table: Table, path: &Text, after: u64) -> Option<(u64, Change)> {
        let changes = self.of(table, path);
        changes.get(changes.partition_point(|(zxid, _)| *zxid <= after)).copied()
    }

    /// The zxids of a path's changes above `after`, up to `until`.
    pub fn between(&self, table: Table, path: &Text, after: u64, until: u64) -> impl Iterator<Item = u64> {
        let changes = self.of(table, path);
        let (from, to) = (changes.partition_point(|c| c.0 <= after), changes.partition_point(|c| c.0 <= until));
        changes[from.min(to)..to].iter().map(|(zxid, _)| *zxid)
    }

    fn last_until(&self, table: Table, path: &Text, until: u64) -> Option<(u64, Change)> {
        let changes = self.of(table, path);
        let end = changes.partition_point(|(zxid, _)| *zxid <= until);
        end.checked_sub(1).map(|last| changes[last])
    }

    pub fn exists(&self, path: &Text, at: u64) -> bool {
        match self.last_until(Table::Data, path, at) {
            Some((_, change)) => change != Change::Deleted,
            // What an empty ensemble has.
            None => {
                path.bytes().is_empty()
                    || ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"]
                        .iter()
                        .any(|p| p.as_bytes() == path.bytes())
            }
        }
    }

    /// The event that setWatches makes of a watch at the state `at`, if any; otherwise it registers
    /// the watch again.
    pub fn caught_up(&self, table: Table, path: &Text, was_missing: bool, relative: u64, at: u64) -> Option<Change> {
        let exists = self.exists(path, at);
        let last = |table| self.last_until(table, path, at).map_or(0, |(zxid, _)| zxid);
        match table {
            Table::Data if was_missing => exists.then_some(Change::Created),
            Table::Data if !exists => Some(Change::Deleted),
            Table::Data => (last(Table::Data) > relative).then_some(Change::Data),
            Table::Child if !exists => Some(Change::Deleted),
            // pzxid: the last change of children, or the node's own creation.
            Table::Child => {
                let created = self.of(Table::Data, path).iter().rev().find(|c| c.0 <= at && c.1 == Change::Created);
                let pzxid = last(Table::Child).max(created.map_or(0, |c| c.0));
                (pzxid > relative).then_some(Change::Children)
            }
        }
    }
}
