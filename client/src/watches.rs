//! The watches that a session holds, and their re-arming after a reconnection.
//!
//! A watch enters the table when the reply of the read that asked for it arrives, and leaves it when
//! its event arrives; those of addWatch stay until they are removed. On a new connection the table is sent by setWatches, so that the server
//! registers each watch again or sends the event that was missed (section 1.9).

use crate::deframe::frame;
use std::collections::BTreeSet;
use zabra_core::id::Zxid;
use zabra_core::wire::records::{RequestHeader, SetWatches, SetWatches2};
use zabra_core::wire::{Jute, Op, ReservedXid};

/// setWatches packets are at most so long, unless one path alone is longer (ZOOKEEPER-706).
pub const SET_WATCHES_MAX_BYTES: usize = 128 * 1024;

/// The length prefix, the request header, the relative zxid and three counts; two more of a setWatches2 do not matter.
const EMPTY_PACKET_BYTES: usize = 4 + 8 + 8 + 12;

/// What happened to a watched path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WatchKind {
    Created,
    Deleted,
    DataChanged,
    ChildrenChanged,
}

impl WatchKind {
    pub fn from_wire(kind: i32) -> Option<WatchKind> {
        match kind {
            1 => Some(WatchKind::Created),
            2 => Some(WatchKind::Deleted),
            3 => Some(WatchKind::DataChanged),
            4 => Some(WatchKind::ChildrenChanged),
            _ => None,
        }
    }

    pub fn to_wire(self) -> i32 {
        match self {
            WatchKind::Created => 1,
            WatchKind::Deleted => 2,
            WatchKind::DataChanged => 3,
            WatchKind::ChildrenChanged => 4,
        }
    }
}

/// A watch fired.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WatchEvent {
    pub path: Vec<u8>,
    pub kind: WatchKind,
    /// The transaction that caused it; `None` for an event that setWatches made.
    pub zxid: Option<Zxid>,
}

/// The watches of a session, by the table of the server that they belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct WatchTable {
    /// Nodes that existed when they were read.
    pub data: BTreeSet<Vec<u8>>,
    /// Nodes that did not exist when `exists` asked.
    pub exist: BTreeSet<Vec<u8>>,
    pub child: BTreeSet<Vec<u8>>,
    /// Of addWatch, where the session remembers them.
    pub persistent: BTreeSet<Vec<u8>>,
    pub recursive: BTreeSet<Vec<u8>>,
}

impl WatchTable {
    pub fn is_empty(&self) -> bool {
        let tables = [&self.data, &self.exist, &self.child, &self.persistent, &self.recursive];
        tables.iter().all(|table| table.is_empty())
    }

    /// The watches of a removeWatches are gone: 1 children, 2 data, 3 any, 4 persistent, 5 recursive.
    pub fn remove(&mut self, path: &[u8], kind: i32) {
        let of = |kinds: [i32; 2]| kinds.contains(&kind);
        for (table, is_meant) in [
            (&mut self.child, of([1, 3])),
            (&mut self.data, of([2, 3])),
            (&mut self.exist, of([2, 3])),
            (&mut self.persistent, of([3, 4])),
            (&mut self.recursive, of([3, 5])),
        ] {
            if is_meant {
                table.remove(path);
            }
        }
    }

    /// An event arrived: the watches that it used up are gone.
    pub fn fired(&mut self, event: &WatchEvent) {
        let path = event.path.as_slice();
        match event.kind {
            WatchKind::Created | WatchKind::DataChanged => {
                self.data.remove(path);
                self.exist.remove(path);
            }
            WatchKind::Deleted => {
                self.data.remove(path);
                self.exist.remove(path);
                self.child.remove(path);
            }
            WatchKind::ChildrenChanged => {
                self.child.remove(path);
            }
        }
    }

    /// The setWatches frames that re-arm the table, each within the limit.
    pub fn rearm(&self, relative_zxid: i64) -> Vec<Vec<u8>> {
        let all = (self.data.iter().map(|p| (Table::Data, p)))
            .chain(self.exist.iter().map(|p| (Table::Exist, p)))
            .chain(self.child.iter().map(|p| (Table::Child, p)))
            .chain(self.persistent.iter().map(|p| (Table::Persistent, p)))
            .chain(self.recursive.iter().map(|p| (Table::Recursive, p)));
        let mut frames = Vec::new();
        let mut batch = Batch::default();
        for (table, path) in all {
            if !batch.is_empty() && batch.bytes() + 4 + path.len() > SET_WATCHES_MAX_BYTES {
                frames.push(std::mem::take(&mut batch).frame(relative_zxid));
            }
            batch.add(table, path);
        }
        if !batch.is_empty() {
            frames.push(batch.frame(relative_zxid));
        }
        frames
    }
}

#[derive(Clone, Copy)]
enum Table {
    Data,
    Exist,
    Child,
    Persistent,
    Recursive,
}

#[derive(Default)]
struct Batch<'a> {
    data: Vec<&'a [u8]>,
    exist: Vec<&'a [u8]>,
    child: Vec<&'a [u8]>,
    persistent: Vec<&'a [u8]>,
    recursive: Vec<&'a [u8]>,
    path_bytes: usize,
}

impl<'a> Batch<'a> {
    fn is_empty(&self) -> bool {
        self.path_bytes == 0
    }

    fn bytes(&self) -> usize {
        EMPTY_PACKET_BYTES + self.path_bytes
    }

    fn add(&mut self, table: Table, path: &'a [u8]) {
        self.path_bytes += 4 + path.len();
        match table {
            Table::Data => self.data.push(path),
            Table::Exist => self.exist.push(path),
            Table::Child => self.child.push(path),
            Table::Persistent => self.persistent.push(path),
            Table::Recursive => self.recursive.push(path),
        }
    }

    /// Servers before 3.6 know only the first kind: the second is sent where it is needed.
    fn frame(self, relative_zxid: i64) -> Vec<u8> {
        let Batch { data, exist, child, persistent, recursive, .. } = self;
        let xid = ReservedXid::SET_WATCHES;
        frame(|out| {
            if persistent.is_empty() && recursive.is_empty() {
                RequestHeader { xid, op: Op::SET_WATCHES }.encode(out);
                SetWatches { relative_zxid, data, exist, child }.encode(out);
            } else {
                RequestHeader { xid, op: Op::SET_WATCHES2 }.encode(out);
                SetWatches2 { relative_zxid, data, exist, child, persistent, persistent_recursive: recursive }
                    .encode(out);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_watches_are_re_armed_in_packets_within_the_limit() {
        let mut table = WatchTable::default();
        for i in 0..3000 {
            table.data.insert(format!("/{:0>90}", i).into_bytes());
            table.child.insert(format!("/{:0>90}", i).into_bytes());
        }
        let frames = table.rearm(7);
        assert!(frames.len() > 1);
        let mut again = WatchTable::default();
        for frame in &frames {
            assert!(frame.len() <= SET_WATCHES_MAX_BYTES, "a packet has {} bytes", frame.len());
            let set = SetWatches::from_bytes(&frame[12..]).expect("a setWatches record");
            assert_eq!(set.relative_zxid, 7);
            again.data.extend(set.data.iter().map(|p| p.to_vec()));
            again.child.extend(set.child.iter().map(|p| p.to_vec()));
        }
        assert_eq!(again, table);
    }

    #[test]
    fn a_deletion_uses_up_every_watch_of_the_path() {
        let path = b"/a".to_vec();
        let mut table = WatchTable::default();
        table.data.insert(path.clone());
        table.child.insert(path.clone());
        table.fired(&WatchEvent { path, kind: WatchKind::Deleted, zxid: None });
        assert!(table.is_empty());
    }
}
