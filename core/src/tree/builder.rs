//! Building a tree from a snapshot's znodes.

use super::acl::AclList;
use super::data_tree::DataTree;
use super::pages::{Bulk, Unfit};
use super::path::{Path, split};
use crate::wire::records::StatPersisted;
use core::fmt;

/// Takes a snapshot's znodes in any order. The tree's own is the fastest; then one in which
/// siblings stand together, as in Apache's files.
#[derive(Clone, Debug)]
pub struct Builder {
    /// Counts the znodes, which are all in `nodes`.
    tree: DataTree,
    nodes: Bulk,
}

/// Why a snapshot's znodes are no tree.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BuildError {
    /// Under these bytes no znode can stand.
    NoPath(Path),
    /// This znode has children, and was not there.
    NoParent(Path),
    /// This path came twice.
    Twice(Path),
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
        Builder { tree: DataTree::without_nodes(page_bytes), nodes: Bulk::new(page_bytes) }
    }

    /// Adds a znode; the root's path is empty or `/`. Whether the znodes are a tree shows in the
    /// end.
    pub fn push(
        &mut self,
        path: &[u8],
        data: Option<&[u8]>,
        acl: &AclList,
        stat: StatPersisted,
    ) -> Result<(), BuildError> {
        let key = split(path).ok_or_else(|| BuildError::NoPath(Path::lax(path)))?;
        let meta = self.tree.count_in(key, data, acl.raw(), stat);
        self.nodes.push(key, &meta, data);
        Ok(())
    }

    /// The tree. Snapshots of old servers have no `/zookeeper/config`; it is added.
    pub fn finish(mut self) -> Result<DataTree, BuildError> {
        self.tree.set_nodes(self.nodes.finish()?);
        if !self.tree.contains(b"/") {
            return Err(BuildError::NoRoot);
        }
        if self.tree.contains(b"/zookeeper") && !self.tree.contains(b"/zookeeper/config") {
            self.tree.insert_config();
        }
        Ok(self.tree)
    }
}

impl PartialEq for Builder {
    /// Whether the same znodes came.
    fn eq(&self, other: &Self) -> bool {
        self.clone().finish() == other.clone().finish()
    }
}

impl Eq for Builder {}

impl From<Unfit> for BuildError {
    fn from(unfit: Unfit) -> BuildError {
        match unfit {
            Unfit::NoParent(parent) if parent.as_bytes().is_empty() => BuildError::NoRoot,
            Unfit::NoParent(parent) => BuildError::NoParent(parent),
            Unfit::Twice(path) => BuildError::Twice(path),
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::NoPath(path) => write!(f, "a znode stands under {path:?}, which is no path"),
            BuildError::NoParent(path) => write!(f, "{path} has children and is not there"),
            BuildError::Twice(path) => write!(f, "{path} stands there twice"),
            BuildError::NoRoot => f.write_str("there is no root"),
        }
    }
}

impl core::error::Error for BuildError {}
