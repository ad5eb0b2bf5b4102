//! What a snapshot holds: znodes, sessions, the zxid.

use super::builder::Builder;
use super::data_tree::DataTree;
use super::digest::{Digests, session_part};
use super::path::Path;
use crate::id::{SessionId, Zxid};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::hash::{Hash, Hasher};

/// What a snapshot holds and nothing else, as a function of the applied prefix. A clone is O(1)
/// and shares what neither side changes; `Hash` is O(1); `Eq` compares the content.
#[derive(Clone, Debug)]
pub struct Database {
    pub(super) tree: DataTree,
    sessions: Arc<BTreeMap<SessionId, i32>>,
    /// The sum of the sessions' parts of the state digest.
    session_digest: u64,
    pub(super) zxid: Zxid,
}

impl Database {
    /// The empty database: the tree that every ensemble begins with, zxid 0.
    pub fn new() -> Database {
        Database::with_page_bytes(DataTree::PAGE_BYTES)
    }

    /// The empty database, in pages of about so many bytes (see [`DataTree::with_page_bytes`]).
    pub fn with_page_bytes(page_bytes: usize) -> Database {
        Database::from_parts(DataTree::with_page_bytes(page_bytes), [], Zxid::ZERO)
    }

    /// The same content in pages of about so many bytes, which no later snapshot or reply shows.
    pub fn in_pages_of(&self, page_bytes: usize) -> Database {
        let mut builder = Builder::with_page_bytes(page_bytes);
        for entry in self.tree.iter() {
            let path = Path::join(entry.parent, entry.name);
            let pushed =
                builder.push(path.as_bytes(), entry.znode.data(), entry.znode.acl(), entry.znode.persisted().clone());
            assert_eq!(pushed, Ok(()), "a tree's znodes come in order");
        }
        let tree = builder.finish().expect("a tree has a root");
        Database { tree, ..self.clone() }
    }

    /// The database that a snapshot holds: sessions with their timeouts in ms.
    pub fn from_parts(tree: DataTree, sessions: impl IntoIterator<Item = (SessionId, i32)>, zxid: Zxid) -> Database {
        let sessions: BTreeMap<SessionId, i32> = sessions.into_iter().collect();
        let parts = sessions.iter().map(|(&session, &timeout_ms)| session_part(session, timeout_ms));
        let session_digest = parts.fold(0, u64::wrapping_add);
        Database { tree, sessions: Arc::new(sessions), session_digest, zxid }
    }

    /// The zxid of the last transaction applied.
    pub fn zxid(&self) -> Zxid {
        self.zxid
    }

    pub fn tree(&self) -> &DataTree {
        &self.tree
    }

    /// The tree alone: with [`DataTree::into_pages`] it is released while it is written.
    pub fn into_tree(self) -> DataTree {
        self.tree
    }

    /// Both digests. ZooKeeper's covers the znodes only; the state digest also the sessions.
    pub fn digests(&self) -> Digests {
        let mut digests = self.tree.digests();
        digests.state = digests.state.wrapping_add(self.session_digest);
        digests
    }

    /// A session's timeout in ms, if the session exists.
    pub fn session_timeout(&self, session: SessionId) -> Option<i32> {
        self.sessions.get(&session).copied()
    }

    /// The sessions with their timeouts in ms, sorted.
    pub fn sessions(&self) -> impl ExactSizeIterator<Item = (SessionId, i32)> {
        self.sessions.iter().map(|(&session, &timeout_ms)| (session, timeout_ms))
    }

    /// Creates a session, or gives it another timeout.
    pub(super) fn insert_session(&mut self, session: SessionId, timeout_ms: i32) {
        self.remove_session(session);
        Arc::make_mut(&mut self.sessions).insert(session, timeout_ms);
        self.session_digest = self.session_digest.wrapping_add(session_part(session, timeout_ms));
    }

    pub(super) fn remove_session(&mut self, session: SessionId) {
        if !self.sessions.contains_key(&session) {
            return;
        }
        if let Some(timeout_ms) = Arc::make_mut(&mut self.sessions).remove(&session) {
            self.session_digest = self.session_digest.wrapping_sub(session_part(session, timeout_ms));
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Database::new()
    }
}

impl PartialEq for Database {
    fn eq(&self, other: &Self) -> bool {
        self.zxid == other.zxid && self.sessions == other.sessions && self.tree == other.tree
    }
}

impl Eq for Database {}

impl Hash for Database {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.zxid.0);
        self.digests().hash(hasher);
    }
}
