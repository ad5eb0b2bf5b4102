//! Znode records in an ordered map: the simplest store that is right.

use super::acl_table::AclId;
use super::record::Record;
use crate::wire::records::StatPersisted;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;

type Key = (Vec<u8>, Vec<u8>);

/// Records ordered by (parent path, name).
#[derive(Clone, Debug, Default)]
pub(super) struct Store(Arc<BTreeMap<Key, Stored>>);

#[derive(Clone, Debug)]
struct Stored {
    stat: StatPersisted,
    data: Option<Arc<[u8]>>,
    acl: AclId,
    children: u32,
}

impl Stored {
    fn record(&self) -> Record<'_> {
        Record { stat: self.stat.clone(), data: self.data.as_deref(), acl: self.acl, children: self.children }
    }
}

impl Store {
    pub(super) fn get(&self, parent: &[u8], name: &[u8]) -> Option<Record<'_>> {
        self.0.get(&(parent.to_vec(), name.to_vec())).map(Stored::record)
    }

    /// Inserts or replaces.
    pub(super) fn put(&mut self, parent: &[u8], name: &[u8], record: &Record<'_>) {
        let stored = Stored {
            stat: record.stat.clone(),
            data: record.data.map(Arc::from),
            acl: record.acl,
            children: record.children,
        };
        Arc::make_mut(&mut self.0).insert((parent.to_vec(), name.to_vec()), stored);
    }

    pub(super) fn remove(&mut self, parent: &[u8], name: &[u8]) {
        Arc::make_mut(&mut self.0).remove(&(parent.to_vec(), name.to_vec()));
    }

    /// The records from a key on, in key order: (parent, name, record).
    pub(super) fn range_from(&self, parent: &[u8], name: &[u8]) -> impl Iterator<Item = (&[u8], &[u8], Record<'_>)> {
        let from = Bound::Included((parent.to_vec(), name.to_vec()));
        self.0.range((from, Bound::Unbounded)).map(|((parent, name), stored)| (&parent[..], &name[..], stored.record()))
    }

    /// Whether two stores are one: cheap, and false does not mean that they differ.
    pub(super) fn is_same(&self, other: &Store) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
