//! Building a tree from a snapshot's znodes.

use super::acl::AclList;
use super::data_tree::{DataTree, ROOT};
use super::pages::{Bulk, Meta};
use super::path::split;
use crate::wire::records::StatPersisted;
use alloc::vec::Vec;
use core::fmt;

/// Takes a snapshot's znodes in any order that puts parents first, as Apache's files do. The
/// tree's own order is several times faster, for pages are then filled one after the other.
#[derive(Clone, Debug)]
pub struct Builder {
    /// Without the znodes that still are in `sorted`.
    tree: DataTree,
    /// While the znodes come in key order.
    sorted: Option<Sorted>,
}

#[derive(Clone, Debug)]
struct Sorted {
    pages: Bulk,
    /// The parent of the last znodes, and how many of its children came: they come together.
    parent: Vec<u8>,
    children: u32,
}

/// Why a snapshot's znodes are no tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BuildError {
    /// A znode came before its parent, or without one. It may be reported one znode late.
    NoParent,
    /// A path came twice.
    Twice,
    /// There was no root.
    NoRoot,
}

impl Builder {
    #[expect(clippy::new_without_default, reason = "an empty builder is not a tree yet")]
    pub fn new() -> Builder {
        Builder::with_page_bytes(DataTree::PAGE_BYTES)
    }

    /// A builder of a tree in pages of about so many bytes.
    pub fn with_page_bytes(page_bytes: usize) -> Builder {
        let sorted = Sorted { pages: Bulk::new(page_bytes), parent: Vec::new(), children: 0 };
        Builder { tree: DataTree::without_nodes(page_bytes), sorted: Some(sorted) }
    }

    /// Adds a znode; the root's path is empty or `/`.
    pub fn push(
        &mut self,
        path: &[u8],
        data: Option<&[u8]>,
        acl: &AclList,
        stat: StatPersisted,
    ) -> Result<(), BuildError> {
        let key = split(path).ok_or(BuildError::NoParent)?;
        if let Some(sorted) = &mut self.sorted
            && sorted.pages.takes(key)
        {
            if key != ROOT {
                sorted.count_child(key.0)?;
            }
            let meta = self.tree.count_in(key, data, acl.raw(), stat);
            sorted.pages.push(key, &meta, data);
            return Ok(());
        }
        self.settle()?;
        if self.tree.contains(path) {
            return Err(BuildError::Twice);
        }
        self.tree.insert(path, data, acl, stat).map_err(|_| BuildError::NoParent)
    }

    /// The tree. Snapshots of old servers have no `/zookeeper/config`; it is added.
    pub fn finish(mut self) -> Result<DataTree, BuildError> {
        self.settle()?;
        if !self.tree.contains(b"/") {
            return Err(BuildError::NoRoot);
        }
        if self.tree.contains(b"/zookeeper") && !self.tree.contains(b"/zookeeper/config") {
            self.tree.insert_config();
        }
        Ok(self.tree)
    }

    /// The sorted part ends here.
    fn settle(&mut self) -> Result<(), BuildError> {
        if let Some(mut sorted) = self.sorted.take() {
            sorted.close_parent()?;
            self.tree.set_nodes(sorted.pages.finish());
        }
        Ok(())
    }
}

impl PartialEq for Builder {
    /// Whether the same znodes came.
    fn eq(&self, other: &Self) -> bool {
        self.clone().finish() == other.clone().finish()
    }
}

impl Eq for Builder {}

impl Sorted {
    fn count_child(&mut self, parent: &[u8]) -> Result<(), BuildError> {
        if self.parent != parent {
            self.close_parent()?;
            self.parent.clear();
            self.parent.extend_from_slice(parent);
        }
        self.children += 1;
        Ok(())
    }

    fn close_parent(&mut self) -> Result<(), BuildError> {
        let children = core::mem::take(&mut self.children);
        if children == 0 {
            return Ok(());
        }
        let key = split(&self.parent).ok_or(BuildError::NoParent)?;
        let found = self.pages.update(key, |meta: &mut Meta| meta.children = children);
        found.ok_or(BuildError::NoParent)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BuildError::NoParent => "a znode stands before its parent",
            BuildError::Twice => "a znode stands there twice",
            BuildError::NoRoot => "there is no root",
        })
    }
}

impl core::error::Error for BuildError {}
