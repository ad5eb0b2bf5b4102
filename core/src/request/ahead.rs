//! What the leader has proposed and not applied: the prediction against which requests are checked
//! (contract section 5; Apache's "outstanding changes").
//!
//! A request is checked on a [`Draft`] above the [`Ahead`] above the tree. A draft that succeeds
//! is merged, one that fails is dropped whole, so a multi is one draft. What was merged at a zxid
//! leaves when that zxid is applied, for then the tree says the same.
//!
//! Laws: after everything is applied nothing is left and the prediction was right; dropping it at
//! any moment equals never having had it.

use crate::id::{SessionId, Zxid};
use crate::tree::{AclList, DataTree, Owner, Path, digest, path, stat};
use crate::wire::records::StatPersisted;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A znode as it will be when everything proposed is applied.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Predicted {
    pub(super) stat: StatPersisted,
    pub(super) children: u32,
    pub(super) acl: AclList,
    data: Data,
    /// Its part of ZooKeeper's digest.
    digest: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Data {
    /// No proposal changes it: it stands in the tree.
    Applied,
    Proposed(Option<Arc<[u8]>>),
}

impl Predicted {
    pub(super) fn owner(&self) -> Owner {
        Owner::from_stored(self.stat.ephemeral_owner)
    }

    fn from_tree(tree: &DataTree, path: &[u8]) -> Option<Predicted> {
        let znode = tree.get(path)?;
        let stat = znode.persisted().clone();
        let digest = digest::node_digest(path, znode.data(), &stat);
        let (children, acl) = (znode.children_len(), znode.acl().clone());
        Some(Predicted { stat, children, acl, data: Data::Applied, digest })
    }
}

/// The prediction: what differs from the tree, by path; and the sessions that are being closed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Ahead {
    /// With each path the zxid that last touched it; `None` is a deleted znode.
    nodes: BTreeMap<Path, (Zxid, Option<Predicted>)>,
    closing: BTreeMap<SessionId, Zxid>,
    /// The sessions that are being created: one that was a server's alone writes before that is applied.
    opening: BTreeMap<SessionId, Zxid>,
    /// What each proposal that is not applied has changed, oldest first.
    proposals: VecDeque<Effects>,
    /// How far the predicted digest is from the tree's.
    delta: u64,
}

/// What one proposal changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Effects {
    zxid: Zxid,
    paths: Vec<Path>,
    closing: Option<SessionId>,
    opening: Option<SessionId>,
    delta: u64,
}

impl Ahead {
    /// Whether a proposal closes this session.
    pub(super) fn is_closing(&self, session: SessionId) -> bool {
        self.closing.contains_key(&session)
    }

    /// Whether a proposal creates this session.
    pub(super) fn is_opening(&self, session: SessionId) -> bool {
        self.opening.contains_key(&session)
    }

    /// A transaction was applied: the tree says what was predicted for it.
    pub(super) fn applied(&mut self, zxid: Zxid) {
        while let Some(effects) = self.proposals.pop_front_if(|effects| effects.zxid <= zxid) {
            self.delta = self.delta.wrapping_sub(effects.delta);
            for path in &effects.paths {
                if self.nodes.get(path).is_some_and(|(last, _)| *last == effects.zxid) {
                    self.nodes.remove(path);
                }
            }
            if let Some(session) = effects.closing
                && self.closing.get(&session) == Some(&effects.zxid)
            {
                self.closing.remove(&session);
            }
            if let Some(session) = effects.opening {
                self.opening.remove(&session);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Ahead::default();
    }

    /// Takes over what a draft found out, as the proposal `zxid`.
    pub(super) fn merge(&mut self, zxid: Zxid, changes: Changes) {
        let Changes { nodes, closing, opening, delta } = changes;
        if nodes.is_empty() && closing.is_none() && opening.is_none() {
            return;
        }
        assert!(self.proposals.back().is_none_or(|last| last.zxid < zxid), "proposals are merged in order");
        self.delta = self.delta.wrapping_add(delta);
        if let Some(session) = closing {
            self.closing.insert(session, zxid);
        }
        if let Some(session) = opening {
            self.opening.insert(session, zxid);
        }
        self.proposals.push_back(Effects { zxid, paths: nodes.keys().cloned().collect(), closing, opening, delta });
        self.nodes.extend(nodes.into_iter().map(|(path, node)| (path, (zxid, node))));
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        *self == Ahead::default()
    }
}

/// What a request would change, on top of the prediction.
pub(super) struct Draft<'a> {
    tree: &'a DataTree,
    ahead: &'a Ahead,
    zxid: Zxid,
    time: i64,
    changes: Changes,
}

/// What a draft found out.
#[derive(Default)]
pub(super) struct Changes {
    nodes: BTreeMap<Path, Option<Predicted>>,
    closing: Option<SessionId>,
    opening: Option<SessionId>,
    delta: u64,
}

impl<'a> Draft<'a> {
    pub(super) fn new(tree: &'a DataTree, ahead: &'a Ahead, zxid: Zxid, time: i64) -> Self {
        Draft { tree, ahead, zxid, time, changes: Changes::default() }
    }

    pub(super) fn finish(self) -> Changes {
        self.changes
    }

    /// ZooKeeper's digest of the tree after this draft.
    pub(super) fn digest(&self) -> u64 {
        self.tree.digests().apache.wrapping_add(self.ahead.delta).wrapping_add(self.changes.delta)
    }

    /// The znode as it will be. The empty path is another name of the root.
    pub(super) fn node(&self, path: &[u8]) -> Option<Predicted> {
        let path = if path.is_empty() { b"/" } else { path };
        if let Some(node) = self.changes.nodes.get(path) {
            return node.clone();
        }
        match self.ahead.nodes.get(path) {
            Some((_, node)) => node.clone(),
            None => Predicted::from_tree(self.tree, path),
        }
    }

    /// Creates a znode that does not exist, below a parent that does.
    pub(super) fn create(
        &mut self,
        path: &Path,
        data: Option<&[u8]>,
        acl: AclList,
        owner: Owner,
        parent_cversion: i32,
    ) {
        let zxid = self.zxid;
        self.change_parent(path, |parent| {
            stat::child_created(&mut parent.stat, parent_cversion, zxid);
            parent.children += 1;
        });
        let stat = stat::created(zxid, self.time, owner);
        let digest = digest::node_digest(path.as_bytes(), data, &stat);
        let data = Data::Proposed(data.map(Arc::from));
        self.put(path.clone(), Predicted { stat, children: 0, acl, data, digest });
    }

    /// Deletes a znode that exists and has no children.
    pub(super) fn delete(&mut self, path: &Path) {
        let zxid = self.zxid;
        self.change_parent(path, |parent| {
            stat::child_deleted(&mut parent.stat, zxid);
            parent.children = parent.children.saturating_sub(1);
        });
        let old = self.node(path.as_bytes()).expect("what is deleted exists");
        self.changes.delta = self.changes.delta.wrapping_sub(old.digest);
        self.changes.nodes.insert(path.clone(), None);
    }

    pub(super) fn set_data(&mut self, path: &Path, data: Option<&[u8]>, version: i32) {
        let mut node = self.node(path.as_bytes()).expect("what is set exists");
        stat::data_set(&mut node.stat, version, self.zxid, self.time);
        node.data = Data::Proposed(data.map(Arc::from));
        self.update(path.clone(), node);
    }

    pub(super) fn set_acl(&mut self, path: &Path, acl: AclList, aversion: i32) {
        let mut node = self.node(path.as_bytes()).expect("what is set exists");
        node.acl = acl;
        node.stat.aversion = aversion;
        self.update(path.clone(), node);
    }

    /// Whether a hard limit permits so many more znodes and bytes at this path.
    pub(super) fn exceeds_quota(&self, path: &[u8], znodes: i64, bytes: i64) -> bool {
        self.tree.exceeds_quota(path, znodes, bytes)
    }

    /// The length of a znode's data as it will be.
    pub(super) fn data_len(&self, path: &[u8], node: &Predicted) -> usize {
        match &node.data {
            Data::Applied => self.tree.get(path).and_then(|znode| znode.data()).map_or(0, <[u8]>::len),
            Data::Proposed(data) => data.as_deref().map_or(0, <[u8]>::len),
        }
    }

    /// Creates a session.
    pub(super) fn open(&mut self, session: SessionId) {
        self.changes.opening = Some(session);
    }

    /// Closes a session: its ephemeral znodes, those included that are only proposed, go with it.
    /// Returns their paths, sorted.
    pub(super) fn close(&mut self, session: SessionId) -> Vec<Path> {
        self.changes.closing = Some(session);
        let owned = |node: &Option<Predicted>| node.as_ref().is_some_and(|n| n.owner() == Owner::Session(session));
        let in_tree = self.tree.ephemerals(session).filter(|path| !self.ahead.nodes.contains_key(*path)).cloned();
        let ahead = self.ahead.nodes.iter().filter(|(_, (_, node))| owned(node)).map(|(path, _)| path.clone());
        let paths: BTreeSet<Path> = in_tree.chain(ahead).collect();
        for path in &paths {
            self.delete(path);
        }
        paths.into_iter().collect()
    }

    fn change_parent(&mut self, path: &Path, change: impl FnOnce(&mut Predicted)) {
        let parent = path::parent(path.as_bytes()).expect("the root is neither created nor deleted");
        // The parent of a znode that exists is missing only if the prediction is not of this reign
        // (rule `PredictionDropped`). Then the digests differ, and whoever compares them says so.
        let Some(mut node) = self.node(parent) else { return };
        change(&mut node);
        self.update(Path::lax(parent), node);
    }

    /// Replaces a znode whose stat or data changed.
    fn update(&mut self, path: Path, mut node: Predicted) {
        self.changes.delta = self.changes.delta.wrapping_sub(node.digest);
        let data = match &node.data {
            Data::Applied => self.tree.get(path.as_bytes()).and_then(|znode| znode.data()),
            Data::Proposed(data) => data.as_deref(),
        };
        node.digest = digest::node_digest(path.as_bytes(), data, &node.stat);
        self.put(path, node);
    }

    fn put(&mut self, path: Path, node: Predicted) {
        self.changes.delta = self.changes.delta.wrapping_add(node.digest);
        self.changes.nodes.insert(path, Some(node));
    }
}
