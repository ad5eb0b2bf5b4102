//! Building a tree from a snapshot's znodes.

use super::acl::AclList;
use super::data_tree::DataTree;
use crate::wire::Code;
use crate::wire::records::StatPersisted;
use core::fmt;

/// Takes a snapshot's znodes in any order that puts parents first, as Apache's files do. The
/// tree's own order is the fast one.
#[derive(Debug)]
pub struct Builder {
    tree: DataTree,
}

/// Why a snapshot's znodes are no tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BuildError {
    /// A znode came before its parent, or without one.
    NoParent,
    /// A path came twice.
    Twice,
    /// There was no root.
    NoRoot,
}

impl Builder {
    #[expect(clippy::new_without_default, reason = "an empty builder is not a tree yet")]
    pub fn new() -> Builder {
        Builder { tree: DataTree::without_nodes() }
    }

    /// Adds a znode; the root's path is empty or `/`.
    pub fn push(
        &mut self,
        path: &[u8],
        data: Option<&[u8]>,
        acl: &AclList,
        stat: StatPersisted,
    ) -> Result<(), BuildError> {
        self.tree.insert(path, data, acl, stat).map_err(|code| match code {
            Code::NodeExists => BuildError::Twice,
            _ => BuildError::NoParent,
        })
    }

    /// The tree. Snapshots of old servers have no `/zookeeper/config`; it is added.
    pub fn finish(mut self) -> Result<DataTree, BuildError> {
        if !self.tree.contains(b"/") {
            return Err(BuildError::NoRoot);
        }
        if self.tree.contains(b"/zookeeper") && !self.tree.contains(b"/zookeeper/config") {
            self.tree.insert_config();
        }
        Ok(self.tree)
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
