//! The znode tree: what each transaction does to it, and how it is read (reference/zookeeper.md
//! sections 2.1, 2.8 and 4.4).
//!
//! Nothing here checks versions, permissions or paths: a transaction was checked before it was
//! proposed. What a snapshot already holds is applied again without harm.

use super::acl::{AclList, RawAcl};
use super::acl_table::AclTable;
use super::digest::{Digests, Prefix, parts};
use super::pages::{DataEdit, Meta, Parts, Record, Store};
use super::path::{Path, split};
use super::quota::is_limit;
use super::stat::{self, Owner};
use super::view::{Entry, FrozenPages, Znode};
use crate::id::{SessionId, Zxid};
use crate::wire::Code;
use crate::wire::records::{Stat, StatPersisted};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Bound;

/// The znodes, ordered by (parent path, name): parents stand before their children and siblings
/// stand together, sorted. A clone is O(1) and shares what neither side changes.
#[derive(Clone)]
pub struct DataTree {
    nodes: Store,
    acls: Arc<AclTable>,
    /// An index of `nodes`: which of them belong to which session.
    ephemerals: Arc<BTreeMap<SessionId, Arc<BTreeSet<Path>>>>,
    /// Another: the containers and the znodes with a time to live.
    fading: Arc<BTreeSet<Path>>,
    /// How many quotas there are.
    quotas: u32,
    digests: Digests,
    len: usize,
    /// Bytes of all paths and data.
    bytes: u64,
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

/// What a tree counts of its znodes, to be changed while one is inserted.
struct Tally<'a> {
    acls: &'a mut Arc<AclTable>,
    ephemerals: &'a mut Arc<BTreeMap<SessionId, Arc<BTreeSet<Path>>>>,
    fading: &'a mut Arc<BTreeSet<Path>>,
    quotas: &'a mut u32,
    digests: &'a mut Digests,
    len: &'a mut usize,
    bytes: &'a mut u64,
}

impl Tally<'_> {
    fn count_in(&mut self, key: Parts<'_>, data: Option<&[u8]>, acl: RawAcl<'_>, stat: StatPersisted) -> Meta {
        let id = Arc::make_mut(self.acls).acquire(acl);
        self.digests.add(parts(key, data, self.acls.list(id), &stat));
        match Owner::from_stored(stat.ephemeral_owner) {
            Owner::Session(session) => {
                let paths = Arc::make_mut(self.ephemerals).entry(session).or_default();
                Arc::make_mut(paths).insert(Path::join(key.0, key.1));
            }
            Owner::Container | Owner::Ttl { .. } => {
                Arc::make_mut(self.fading).insert(Path::join(key.0, key.1));
            }
            Owner::Nobody => {}
        }
        *self.quotas += u32::from(is_limit(key));
        *self.len += 1;
        *self.bytes += entry_bytes(key, data);
        Meta { stat, acl: id, children: 0 }
    }
}

impl DataTree {
    /// The size of a page on a server: larger ones cost more per change, smaller ones more memory.
    pub const PAGE_BYTES: usize = 4096;

    /// The tree that every ensemble begins with: `/`, `/zookeeper`, its `quota` and `config`
    /// (section 2.8). `config` is readable by everyone and written by reconfig only.
    pub fn new() -> DataTree {
        DataTree::with_page_bytes(DataTree::PAGE_BYTES)
    }

    /// The same in pages of about so many bytes. Explorers take tiny pages, so that splits, merges
    /// and sharing happen in small worlds; the size is no part of the content.
    pub fn with_page_bytes(page_bytes: usize) -> DataTree {
        let mut tree = DataTree::without_nodes(page_bytes);
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

    pub(super) fn without_nodes(page_bytes: usize) -> DataTree {
        DataTree {
            nodes: Store::new(page_bytes),
            acls: Arc::default(),
            ephemerals: Arc::default(),
            fading: Arc::default(),
            quotas: 0,
            digests: Digests::default(),
            len: 0,
            bytes: 0,
        }
    }

    /// The size of this tree's pages, for another tree of the same world.
    pub fn page_bytes(&self) -> usize {
        self.nodes.page_bytes()
    }

    pub fn get(&self, path: &[u8]) -> Option<Znode<'_>> {
        let (parent, name) = split(path)?;
        let record = self.nodes.get((parent, name))?;
        Some(Znode::new(record, &self.acls))
    }

    pub fn contains(&self, path: &[u8]) -> bool {
        split(path).is_some_and(|key| self.nodes.contains(key))
    }

    /// The names of a znode's children, sorted; none if it does not exist.
    pub fn children(&self, path: &[u8]) -> impl Iterator<Item = &[u8]> {
        self.children_from(path, b"")
    }

    /// The names of a znode's children from `first` on, sorted.
    pub fn children_from(&self, path: &[u8], first: &[u8]) -> impl Iterator<Item = &[u8]> {
        let parent = if path == b"/" { b"" } else { path };
        self.nodes
            .range_from((parent, first))
            .map(|(key, _)| key)
            .take_while(move |(p, _)| *p == parent)
            .map(|(_, name)| name)
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
        let deeper = self.keys_below(&below).count();
        self.children(path).count() + deeper
    }

    /// Every znode, in key order: parents stand before their children.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        self.nodes.range_from(ROOT).map(|(key, record)| Entry::new(key, record, &self.acls))
    }

    /// The tree, to be consumed: for whoever writes a frozen one while its successor changes.
    pub fn into_pages(self) -> FrozenPages {
        FrozenPages::new(self.nodes.into_pages(), self.acls)
    }

    /// The keys whose parent's path begins with `below`, which ends in a slash.
    fn keys_below<'a>(&'a self, below: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.nodes.range_from((below, b"")).map(|(key, _)| key).take_while(move |(p, _)| p.starts_with(below))
    }

    /// The znodes from this key on, in key order: how an iteration goes on where it left off.
    pub fn iter_from(&self, parent: &[u8], name: &[u8]) -> impl Iterator<Item = Entry<'_>> {
        self.nodes.range_from((parent, name)).map(|(key, record)| Entry::new(key, record, &self.acls))
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
        self.ephemerals.get(&session).into_iter().flat_map(|paths| paths.iter())
    }

    /// The sessions that own ephemeral znodes, sorted.
    pub fn ephemeral_owners(&self) -> impl Iterator<Item = SessionId> {
        self.ephemerals.keys().copied()
    }

    /// The containers and the znodes with a time to live: what may go by itself. Sorted, from the
    /// path after `after` on.
    pub fn fading(&self, after: Option<&Path>) -> impl Iterator<Item = &Path> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.fading.range::<Path, _>((from, Bound::Unbounded))
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
        let key = split(path).ok_or(Code::NoNode)?;
        if key == ROOT {
            return Err(Code::NodeExists);
        }
        let parent = self.change(key.0, |meta| {
            stat::child_created(&mut meta.stat, parent_cversion, zxid);
            meta.children += 1;
        });
        parent.ok_or(Code::NoNode)?;
        let stat = stat::created(zxid, time, owner);
        let seen = stat::wire(&stat, len(data), 0);
        if !self.insert_new(key, data, acl, stat) {
            self.count_children(key.0, |children| children - 1);
            self.change_acl(key, acl, |_| {});
            return Err(Code::NodeExists);
        }
        self.count_for_quota(path, 1, len(data) as i64);
        Ok(seen)
    }

    /// Deletes a znode. A missing one still raises the parent's pzxid (section 4.4).
    ///
    /// Descendants go with it. A transaction deletes only what has no children, so any that are
    /// here come from a snapshot that is ahead of the transaction, and are created again by later
    /// ones; `gone` hears of each, children before their parents. Returns the znode's list.
    pub fn delete(&mut self, path: &[u8], zxid: Zxid, mut gone: impl FnMut(Path, AclList)) -> Result<AclList, Code> {
        let key = split(path).ok_or(Code::NoNode)?;
        if key == ROOT {
            return Err(Code::BadArguments);
        }
        let children = self.nodes.get(key).map(|record| record.meta.children);
        let parent = self.change(key.0, |meta| {
            stat::child_deleted(&mut meta.stat, zxid);
            meta.children -= u32::from(children.is_some());
        });
        parent.ok_or(Code::NoNode)?;
        if children.ok_or(Code::NoNode)? > 0 {
            self.delete_below(path, &mut gone);
        }
        Ok(self.take(key))
    }

    fn delete_below(&mut self, path: &[u8], gone: &mut impl FnMut(Path, AclList)) {
        let below = [path, b"/"].concat();
        let children = self.children(path).map(|name| Path::join(path, name));
        let deeper = self.keys_below(&below).map(|(parent, name)| Path::join(parent, name));
        let paths: Vec<Path> = children.chain(deeper).collect();
        for path in paths.into_iter().rev() {
            let acl = self.take(split(path.as_bytes()).expect("it was joined from a parent and a name"));
            gone(path, acl);
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
        let key = split(path).ok_or(Code::NoNode)?;
        let DataTree { nodes, acls, digests, bytes, .. } = self;
        let mut grown = 0;
        let set = nodes.update(key, DataEdit::Set(data), |meta, old| {
            let acl = acls.list(meta.acl);
            digests.subtract(parts(key, old, acl, &meta.stat));
            stat::data_set(&mut meta.stat, version, zxid, time);
            digests.add(parts(key, data, acl, &meta.stat));
            *bytes = *bytes - len(old) as u64 + len(data) as u64;
            grown = len(data) as i64 - len(old) as i64;
            stat::wire(&meta.stat, len(data), meta.children)
        });
        let seen = set.ok_or(Code::NoNode)?;
        self.count_for_quota(path, 0, grown);
        Ok(seen)
    }

    /// Replaces data and nothing else: what counts for a quota is no transaction's.
    pub(super) fn replace_data(&mut self, path: &[u8], data: &[u8]) {
        let Some(key) = split(path) else { return };
        let DataTree { nodes, acls, digests, bytes, .. } = self;
        nodes.update(key, DataEdit::Set(Some(data)), |meta, old| {
            let acl = acls.list(meta.acl);
            digests.subtract(parts(key, old, acl, &meta.stat));
            digests.add(parts(key, Some(data), acl, &meta.stat));
            *bytes = *bytes - len(old) as u64 + data.len() as u64;
        });
    }

    pub(super) fn quotas(&self) -> u32 {
        self.quotas
    }

    /// Sets the ACL and the aversion that the transaction says.
    pub fn set_acl(&mut self, path: &[u8], acl: RawAcl<'_>, version: i32) -> Result<Stat, Code> {
        let key = split(path).ok_or(Code::NoNode)?;
        self.change_acl(key, acl, |stat| stat.aversion = version).ok_or(Code::NoNode)
    }

    /// Inserts a znode as a snapshot holds it; its parent must be there.
    pub(super) fn insert(
        &mut self,
        path: &[u8],
        data: Option<&[u8]>,
        acl: &AclList,
        stat: StatPersisted,
    ) -> Result<(), Code> {
        let key = split(path).ok_or(Code::NoNode)?;
        if key != ROOT {
            self.count_children(key.0, |children| children + 1).ok_or(Code::NoNode)?;
        }
        if !self.insert_new(key, data, acl.raw(), stat) {
            if key != ROOT {
                self.count_children(key.0, |children| children - 1);
            }
            return Err(Code::NodeExists);
        }
        Ok(())
    }

    /// Inserts a znode and counts it in, if it is not there; its parent's count is the caller's.
    fn insert_new(&mut self, key: Parts<'_>, data: Option<&[u8]>, acl: RawAcl<'_>, stat: StatPersisted) -> bool {
        let (nodes, mut tally) = self.apart();
        nodes.insert(key, data, || tally.count_in(key, data, acl, stat))
    }

    /// Changes a znode's child count, which no digest holds.
    fn count_children(&mut self, path: &[u8], with: impl FnOnce(u32) -> u32) -> Option<()> {
        self.nodes.update(split(path)?, DataEdit::Keep, |meta, _| meta.children = with(meta.children))
    }

    /// Changes the stat, but not the ACL, or the child count of the znode at `path`, if it is there.
    fn change(&mut self, path: &[u8], with: impl FnOnce(&mut Meta)) -> Option<()> {
        let key = split(path)?;
        let DataTree { nodes, acls, digests, .. } = self;
        nodes.update(key, DataEdit::Keep, |meta, data| {
            let parts = Prefix::new(key, data, acls.list(meta.acl));
            digests.subtract(parts.with(&meta.stat));
            with(meta);
            digests.add(parts.with(&meta.stat));
        })
    }

    fn change_acl(&mut self, key: Parts<'_>, acl: RawAcl<'_>, with: impl FnOnce(&mut StatPersisted)) -> Option<Stat> {
        let DataTree { nodes, acls, digests, .. } = self;
        let acls = Arc::make_mut(acls);
        nodes.update(key, DataEdit::Keep, |meta, data| {
            digests.subtract(parts(key, data, acls.list(meta.acl), &meta.stat));
            let id = acls.acquire(acl);
            acls.release(meta.acl);
            meta.acl = id;
            with(&mut meta.stat);
            digests.add(parts(key, data, acls.list(id), &meta.stat));
            stat::wire(&meta.stat, len(data), meta.children)
        })
    }

    /// Counts a new znode in, wherever its record is kept.
    pub(super) fn count_in(
        &mut self,
        key: Parts<'_>,
        data: Option<&[u8]>,
        acl: RawAcl<'_>,
        stat: StatPersisted,
    ) -> Meta {
        self.apart().1.count_in(key, data, acl, stat)
    }

    /// The znodes, and what is counted of them.
    fn apart(&mut self) -> (&mut Store, Tally<'_>) {
        let DataTree { nodes, acls, ephemerals, fading, quotas, digests, len, bytes } = self;
        (nodes, Tally { acls, ephemerals, fading, quotas, digests, len, bytes })
    }

    /// Gives a tree that counted its znodes in their records.
    pub(super) fn set_nodes(&mut self, nodes: Store) {
        self.nodes = nodes;
    }

    /// Takes a znode away; its parent's count is the caller's. Returns its list.
    fn take(&mut self, key: Parts<'_>) -> AclList {
        let DataTree { nodes, acls, digests, bytes, .. } = self;
        let mut shrunk = 0;
        let taken = nodes.remove(key, |Record { meta, data }| {
            shrunk = len(data) as i64;
            digests.subtract(parts(key, data, acls.list(meta.acl), &meta.stat));
            *bytes -= entry_bytes(key, data);
            meta
        });
        let meta = taken.expect("what is taken away is there");
        let acl = acls.list(meta.acl).clone();
        Arc::make_mut(acls).release(meta.acl);
        self.len -= 1;
        match Owner::from_stored(meta.stat.ephemeral_owner) {
            Owner::Session(session) => {
                let ephemerals = Arc::make_mut(&mut self.ephemerals);
                let paths = ephemerals.get_mut(&session).expect("an owner is in the index");
                Arc::make_mut(paths).remove(Path::join(key.0, key.1).as_bytes());
                if paths.is_empty() {
                    ephemerals.remove(&session);
                }
            }
            Owner::Container | Owner::Ttl { .. } => {
                Arc::make_mut(&mut self.fading).remove(Path::join(key.0, key.1).as_bytes());
            }
            Owner::Nobody => {}
        }
        self.quotas -= u32::from(is_limit(key));
        if self.quotas > 0 {
            self.count_for_quota(Path::join(key.0, key.1).as_bytes(), -1, -shrunk);
        }
        acl
    }
}

pub(super) const ROOT: Parts<'static> = (b"", b"");

fn len(data: Option<&[u8]>) -> usize {
    data.map_or(0, <[u8]>::len)
}

fn entry_bytes(key: Parts<'_>, data: Option<&[u8]>) -> u64 {
    let slash = usize::from(key != ROOT);
    (key.0.len() + slash + key.1.len() + len(data)) as u64
}

impl Default for DataTree {
    fn default() -> Self {
        DataTree::new()
    }
}

/// How many znodes, and the digest; with `{:#?}` every znode.
impl fmt::Debug for DataTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return f.debug_list().entries(self.iter()).finish();
        }
        write!(f, "{} znodes, digest {:016x}", self.len, self.digests.state)
    }
}

/// Of the content. May be O(n); unequal digests and shared pages are seen at once.
impl PartialEq for DataTree {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: Entry<'_>, b: Entry<'_>| {
            a.parent == b.parent
                && a.name == b.name
                && a.znode.persisted() == b.znode.persisted()
                && a.znode.data() == b.znode.data()
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
