//! How a tree is seen: borrowed views of its znodes, never shared node objects.

use super::acl::AclList;
use super::acl_table::AclTable;
use super::pages::{Page, Pages, Parts, Record};
use super::path::join_into;
use super::stat::{self, Owner};
use crate::wire::records::{Stat, StatPersisted};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// One znode of a tree.
#[derive(Clone, Debug)]
pub struct Znode<'a> {
    record: Record<'a>,
    acls: &'a AclTable,
}

impl<'a> Znode<'a> {
    pub(super) fn new(record: Record<'a>, acls: &'a AclTable) -> Self {
        Znode { record, acls }
    }

    /// The stat as clients see it.
    pub fn stat(&self) -> Stat {
        stat::wire(&self.record.meta.stat, self.record.data.map_or(0, <[u8]>::len), self.record.meta.children)
    }

    /// The stat as snapshots and digests hold it; `cversion` is raw.
    pub fn persisted(&self) -> &StatPersisted {
        &self.record.meta.stat
    }

    /// Null and empty differ.
    pub fn data(&self) -> Option<&'a [u8]> {
        self.record.data
    }

    pub fn acl(&self) -> &'a AclList {
        self.acls.list(self.record.meta.acl)
    }

    pub fn children_len(&self) -> u32 {
        self.record.meta.children
    }

    pub fn owner(&self) -> Owner {
        Owner::from_stored(self.record.meta.stat.ephemeral_owner)
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

impl<'a> Entry<'a> {
    pub(super) fn new((parent, name): Parts<'a>, record: Record<'a>, acls: &'a AclTable) -> Self {
        Entry { parent, name, znode: Znode::new(record, acls) }
    }

    /// Appends the path as snapshots write it: empty for the root.
    pub fn write_path(&self, out: &mut Vec<u8>) {
        if !(self.parent.is_empty() && self.name.is_empty()) {
            join_into(self.parent, self.name, out);
        }
    }
}

/// A frozen tree that is consumed page by page, in key order: what was written is released, so
/// that a snapshot under load does not keep two whole trees.
#[derive(Clone, Debug)]
pub struct FrozenPages {
    pages: Pages,
    acls: Arc<AclTable>,
}

impl FrozenPages {
    pub(super) fn new(pages: Pages, acls: Arc<AclTable>) -> Self {
        FrozenPages { pages, acls }
    }
}

impl Iterator for FrozenPages {
    type Item = FrozenPage;

    fn next(&mut self) -> Option<FrozenPage> {
        let page = self.pages.next()?;
        Some(FrozenPage { page, acls: Arc::clone(&self.acls) })
    }
}

/// Some neighbouring znodes of a frozen tree.
#[derive(Clone, Debug)]
pub struct FrozenPage {
    page: Page,
    acls: Arc<AclTable>,
}

impl FrozenPage {
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.page.records().map(|(key, record)| Entry::new(key, record, &self.acls))
    }
}
