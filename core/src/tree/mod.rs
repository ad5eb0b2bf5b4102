//! The znode tree and what else a snapshot holds.

use crate::id::Zxid;

/// What a snapshot holds and nothing else: znodes, sessions, ACLs, the zxid, both digests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Database {
    zxid: Zxid,
}

impl Database {
    /// The zxid of the last transaction applied.
    pub fn zxid(&self) -> Zxid {
        self.zxid
    }
}
