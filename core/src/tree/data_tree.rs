//! The znode tree: what each transaction does to it, and how it is read (reference/zookeeper.md
//! sections 2.1, 2.8 and 4.4).
//!
//! Nothing here checks versions, permissions or paths: a transaction was checked before it was
//! proposed. What a snapshot already holds is applied again without harm.

use super::acl::{AclList, RawAcl};
use super::acl_table::AclTable;
use super::digest::{Digests, parts};
use super::map::Store;
use super::path::{Path, join_into, split};
use super::record::Record;
use super::stat::{self, Owner};
use crate::id::{SessionId, Zxid};
use crate::wire::Code;
use crate::wire::records::{Stat, StatPersisted};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The znodes, ordered by (parent path, name): parents stand before their children and siblings
/// stand together, sorted. A clone is O(1) and shares what neither side changes.
#[derive(Clone, Debug)]
pub struct DataTree {
    nodes: Store,
    acls: Arc<AclTable>,
    /// An index of `nodes`: which of them belong to which session.
    ephemerals: Arc<BTreeMap<SessionId, BTreeSet<Path>>>,
    digests: Digests,
    len: usize,
    /// Bytes of all paths and data.
    bytes: u64,
}

/// One znode of a tree.
#[derive(Clone, Debug)]
pub struct Znode<'a> {
    record: Record<'a>,
    acls: &'a AclTable,
}

impl<'a> Znode<'a> {
    /// The stat as clients see it.
    pub fn stat(&self) -> Stat {
        stat::wire(&self.record.stat, self.record.data.map_or(0, <[u8]>::len), self.record.children)
    }

    /// The stat as snapshots and digests hold it; `cversion` is raw.
    pub fn persisted(&self) -> &StatPersisted {
        &self.record.stat
    }

    /// Null and empty differ.
    pub fn data(&self) -> Option<&'a [u8]> {
        self.record.data
    }

    pub fn acl(&self) -> &'a AclList {
        self.acls.list(self.record.acl)
    }

    pub fn children_len(&self) -> u32 {
        self.record.children
    }

    pub fn owner(&self) -> Owner {
        Owner::from_stored(self.record.stat.ephemeral_owner)
    }
}

/// One step of an iteration over a tree.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// The parent's path; empty for the root and for its children.
    pub parent: &'a [u8],
    /// Empty for the root.
    pub name: &'a [u8],
    pub znode: Znode<'a>,
}

impl Entry<'_> {
    /// Appends the path as snapshots write it: empty for the root.
    pub fn write_path(&self, out: &mut Vec<u8>) {
        if !(self.parent.is_empty() && self.name.is_empty()) {
            join_into(self.parent, self.name, out);
        }
    }
}

/// A create, as its transaction says it.
#[derive(Clone, Debug)]
pub struct Create<'a> {
    pub path: &'a [u8],
    pub data: Option<&'a [u8]>,
    pub acl: RawAcl<'a>,
    pub owner: Owner,
    /// The parent's raw cversion after this create; −1 for "one more".
    pub parent_cversion: i32,
    pub zxid: Zxid,
    pub time: i64,
}

impl DataTree {
    /// The tree that every ensemble begins with: `/`, `/zookeeper`, its `quota` and `config`
    /// (section 2.8). `config` is readable by everyone and written by reconfig only.
    pub fn new() -> DataTree {
        let mut tree = DataTree::without_nodes();
        let open = AclList::open();
        for path in [&b"/"[..], b"/zookeeper", b"/zookeeper/quota"] {
            tree.insert(path, Some(b""), &open, stat::ZERO).expect("parents come first");
        }
        tree.insert_config();
        tree
    }

    /// Java gives the ACL by setACL with version −1, and the stat keeps that.
    pub(super) fn insert_config(&mut self) {
        let stat = StatPersisted { aversion: -1, ..stat::ZERO };
        let inserted = self.insert(b"/zookeeper/config", Some(b""), &AclList::world_read(), stat);
        inserted.expect("/zookeeper stands before its config");
    }

    pub(super) fn without_nodes() -> DataTree {
        DataTree {
            nodes: Store::default(),
            acls: Arc::default(),
            ephemerals: Arc::default(),
            digests: Digests::default(),
            len: 0,
            bytes: 0,
        }
    }

    pub fn get(&self, path: &[u8]) -> Option<Znode<'_>> {
        let (parent, name) = split(path)?;
        let record = self.nodes.get(parent, name)?;
        Some(Znode { record, acls: &self.acls })
    }

    pub fn contains(&self, path: &[u8]) -> bool {
        split(path).is_some_and(|(parent, name)| self.nodes.get(parent, name).is_some())
    }

    /// The names of a znode's children, sorted; none if it does not exist.
    pub fn children(&self, path: &[u8]) -> impl Iterator<Item = &[u8]> {
        self.children_from(path, b"")
    }

    /// The names of a znode's children from `first` on, sorted.
    pub fn children_from(&self, path: &[u8], first: &[u8]) -> impl Iterator<Item = &[u8]> {
        let parent = if path == b"/" { b"" } else { path };
        self.nodes
            .range_from(parent, first)
            .take_while(move |(p, _, _)| *p == parent)
            .map(|(_, name, _)| name)
            .filter(move |name| !(parent.is_empty() && name.is_empty()))
    }

    /// How many znodes stand below this one, at any depth.
    pub fn descendants_len(&self, path: &[u8]) -> usize {
        let parent = if path == b"/" { b"" } else { path };
        if parent.is_empty() {
            return self.len.saturating_sub(1);
        }
        let mut below = parent.to_vec();
        below.push(b'/');
        let deeper = self.nodes.range_from(&below, b"").take_while(|(p, _, _)| p.starts_with(&below)).count();
        self.children(path).count() + deeper
    }

    /// Every znode, in key order: parents stand before their children.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        self.nodes.range_from(b"", b"").map(|(parent, name, record)| Entry {
            parent,
            name,
            znode: Znode { record, acls: &self.acls },
        })
    }

    /// The znodes from this key on, in key order: how an iteration goes on where it left off.
    pub fn iter_from(&self, parent: &[u8], name: &[u8]) -> impl Iterator<Item = Entry<'_>> {
        self.nodes.range_from(parent, name).map(|(parent, name, record)| Entry {
            parent,
            name,
            znode: Znode { record, acls: &self.acls },
        })
    }

    /// How many znodes there are.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes of all paths and data: what admin commands call the approximate data size.
    pub fn approximate_bytes(&self) -> u64 {
        self.bytes
    }

    /// The lists that znodes use, ordered by their bytes. [`Znode::acl`] is always one of them.
    pub fn acl_lists(&self) -> impl Iterator<Item = &AclList> {
        self.acls.lists()
    }

    /// A session's ephemeral znodes, sorted.
    pub fn ephemerals(&self, session: SessionId) -> impl Iterator<Item = &Path> {
        self.ephemerals.get(&session).into_iter().flatten()
    }

    /// The sessions that own ephemeral znodes, sorted.
    pub fn ephemeral_owners(&self) -> impl Iterator<Item = SessionId> {
        self.ephemerals.keys().copied()
    }

    /// The running digests of all znodes.
    pub fn digests(&self) -> Digests {
        self.digests
    }

    /// Creates a znode. If it exists already, a snapshot held it: its ACL and its parent's
    /// cversion follow the transaction all the same (section 4.4), and the answer is
    /// `NodeExists`. Without a parent nothing happens.
    pub fn create(&mut self, create: &Create<'_>) -> Result<Stat, Code> {
        let Create { path, data, acl, owner, parent_cversion, zxid, time } = *create;
        let (parent, name) = split(path).ok_or(Code::NoNode)?;
        let is_root = parent.is_empty() && name.is_empty();
        let exists = is_root || self.nodes.get(parent, name).is_some();
        if is_root {
            return Err(Code::NodeExists);
        }
        let found = self.change(parent, |stat, children| {
            stat::child_created(stat, parent_cversion, zxid);
            *children += u32::from(!exists);
        });
        if !found {
            return Err(Code::NoNode);
        }
        if exists {
            self.change_acl(parent, name, acl, |_| {});
            return Err(Code::NodeExists);
        }
        let stat = stat::created(zxid, time, owner);
        let seen = stat::wire(&stat, data.map_or(0, <[u8]>::len), 0);
        self.add(parent, name, data, acl, stat, 0);
        Ok(seen)
    }

    /// Deletes a znode. A missing one still raises the parent's pzxid (section 4.4).
    ///
    /// Descendants go with it. A transaction deletes only what has no children, so any that are
    /// here come from a snapshot that is ahead of the transaction, and are created again by later
    /// ones; `gone` hears of each, children first.
    pub fn delete(&mut self, path: &[u8], zxid: Zxid, mut gone: impl FnMut(Path)) -> Result<(), Code> {
        let (parent, name) = split(path).ok_or(Code::NoNode)?;
        if parent.is_empty() && name.is_empty() {
            return Err(Code::BadArguments);
        }
        let found = self.nodes.get(parent, name).map(|record| record.children);
        let has_parent = self.change(parent, |stat, children| {
            stat::child_deleted(stat, zxid);
            *children -= u32::from(found.is_some());
        });
        let children = found.filter(|_| has_parent).ok_or(Code::NoNode)?;
        if children > 0 {
            self.delete_below(path, &mut gone);
        }
        self.take(parent, name);
        Ok(())
    }

    fn delete_below(&mut self, path: &[u8], gone: &mut impl FnMut(Path)) {
        let mut below = path.to_vec();
        below.push(b'/');
        let deeper = self.nodes.range_from(&below, b"").take_while(|(p, _, _)| p.starts_with(&below));
        let mut paths: Vec<Path> = deeper.map(|(parent, name, _)| Path::join(parent, name)).collect();
        let children: Vec<Path> = self.children(path).map(|name| Path::join(path, name)).collect();
        paths.splice(0..0, children);
        for path in paths.into_iter().rev() {
            let (parent, name) = split(path.as_bytes()).expect("it was joined from a parent and a name");
            self.take(parent, name);
            gone(path);
        }
    }

    /// Sets the data and the version that the transaction says.
    pub fn set_data(
        &mut self,
        path: &[u8],
        data: Option<&[u8]>,
        version: i32,
        zxid: Zxid,
        time: i64,
    ) -> Result<Stat, Code> {
        let (parent, name) = split(path).ok_or(Code::NoNode)?;
        let old = self.nodes.get(parent, name).ok_or(Code::NoNode)?;
        let acl = self.acls.list(old.acl);
        self.digests.subtract(parts(parent, name, old.data, acl, &old.stat));
        self.bytes -= old.data.map_or(0, <[u8]>::len) as u64;
        self.bytes += data.map_or(0, <[u8]>::len) as u64;
        let mut new = Record { stat: old.stat, data, acl: old.acl, children: old.children };
        stat::data_set(&mut new.stat, version, zxid, time);
        self.digests.add(parts(parent, name, data, acl, &new.stat));
        let seen = stat::wire(&new.stat, data.map_or(0, <[u8]>::len), new.children);
        self.nodes.put(parent, name, &new);
        Ok(seen)
    }

    /// Sets the ACL and the aversion that the transaction says.
    pub fn set_acl(&mut self, path: &[u8], acl: RawAcl<'_>, version: i32) -> Result<Stat, Code> {
        let (parent, name) = split(path).ok_or(Code::NoNode)?;
        self.change_acl(parent, name, acl, |stat| stat.aversion = version).ok_or(Code::NoNode)
    }

    /// Inserts a znode as a snapshot holds it; its parent must be there.
    pub(super) fn insert(
        &mut self,
        path: &[u8],
        data: Option<&[u8]>,
        acl: &AclList,
        stat: StatPersisted,
    ) -> Result<(), Code> {
        let (parent, name) = split(path).ok_or(Code::NoNode)?;
        if self.nodes.get(parent, name).is_some() {
            return Err(Code::NodeExists);
        }
        let is_root = parent.is_empty() && name.is_empty();
        if !is_root && !self.change(parent, |_, children| *children += 1) {
            return Err(Code::NoNode);
        }
        self.add(parent, name, data, acl.raw(), stat, 0);
        Ok(())
    }

    /// Changes stat and child count of the znode at `path`, if it is there.
    fn change(&mut self, path: &[u8], with: impl FnOnce(&mut StatPersisted, &mut u32)) -> bool {
        let Some((parent, name)) = split(path) else { return false };
        let Some(mut record) = self.nodes.get(parent, name) else { return false };
        let acl = self.acls.list(record.acl);
        let before = parts(parent, name, record.data, acl, &record.stat);
        with(&mut record.stat, &mut record.children);
        let after = parts(parent, name, record.data, acl, &record.stat);
        let data = record.data.map(<[u8]>::to_vec);
        let record = Record { stat: record.stat, data: data.as_deref(), acl: record.acl, children: record.children };
        self.nodes.put(parent, name, &record);
        self.digests.subtract(before);
        self.digests.add(after);
        true
    }

    fn change_acl(
        &mut self,
        parent: &[u8],
        name: &[u8],
        acl: RawAcl<'_>,
        with: impl FnOnce(&mut StatPersisted),
    ) -> Option<Stat> {
        let mut record = self.nodes.get(parent, name)?;
        self.digests.subtract(parts(parent, name, record.data, self.acls.list(record.acl), &record.stat));
        let acls = Arc::make_mut(&mut self.acls);
        let id = acls.acquire(acl);
        acls.release(record.acl);
        with(&mut record.stat);
        self.digests.add(parts(parent, name, record.data, self.acls.list(id), &record.stat));
        let data = record.data.map(<[u8]>::to_vec);
        let record = Record { stat: record.stat, data: data.as_deref(), acl: id, children: record.children };
        self.nodes.put(parent, name, &record);
        Some(stat::wire(&record.stat, record.data.map_or(0, <[u8]>::len), record.children))
    }

    /// Adds a znode that is not there; its parent's count is the caller's.
    fn add(
        &mut self,
        parent: &[u8],
        name: &[u8],
        data: Option<&[u8]>,
        acl: RawAcl<'_>,
        stat: StatPersisted,
        children: u32,
    ) {
        let id = Arc::make_mut(&mut self.acls).acquire(acl);
        self.digests.add(parts(parent, name, data, self.acls.list(id), &stat));
        if let Some(session) = Owner::from_stored(stat.ephemeral_owner).session() {
            let paths = Arc::make_mut(&mut self.ephemerals).entry(session).or_default();
            paths.insert(Path::join(parent, name));
        }
        self.len += 1;
        self.bytes += entry_bytes(parent, name, data);
        self.nodes.put(parent, name, &Record { stat, data, acl: id, children });
    }

    /// Takes a znode away; its parent's count is the caller's.
    fn take(&mut self, parent: &[u8], name: &[u8]) {
        let record = self.nodes.get(parent, name).expect("what is taken away is there");
        self.digests.subtract(parts(parent, name, record.data, self.acls.list(record.acl), &record.stat));
        self.len -= 1;
        self.bytes -= entry_bytes(parent, name, record.data);
        let acl = record.acl;
        if let Some(session) = Owner::from_stored(record.stat.ephemeral_owner).session() {
            let ephemerals = Arc::make_mut(&mut self.ephemerals);
            let paths = ephemerals.get_mut(&session).expect("an owner is in the index");
            paths.remove(Path::join(parent, name).as_bytes());
            if paths.is_empty() {
                ephemerals.remove(&session);
            }
        }
        Arc::make_mut(&mut self.acls).release(acl);
        self.nodes.remove(parent, name);
    }
}

fn entry_bytes(parent: &[u8], name: &[u8], data: Option<&[u8]>) -> u64 {
    let slash = usize::from(!name.is_empty());
    (parent.len() + slash + name.len() + data.map_or(0, <[u8]>::len)) as u64
}

impl Default for DataTree {
    fn default() -> Self {
        DataTree::new()
    }
}

/// Of the content. May be O(n); unequal digests and shared pages are seen at once.
impl PartialEq for DataTree {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: Entry<'_>, b: Entry<'_>| {
            a.parent == b.parent
                && a.name == b.name
                && a.znode.record.stat == b.znode.record.stat
                && a.znode.record.data == b.znode.record.data
                && a.znode.acl() == b.znode.acl()
        };
        if self.len != other.len || self.digests != other.digests {
            return false;
        }
        self.nodes.is_same(&other.nodes) || self.iter().zip(other.iter()).all(|(a, b)| same(a, b))
    }
}

impl Eq for DataTree {}

/// Of the running state digest.
impl core::hash::Hash for DataTree {
    fn hash<H: core::hash::Hasher>(&self, hasher: &mut H) {
        self.digests.hash(hasher);
    }
}
