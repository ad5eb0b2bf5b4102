//! Building a store from records in key order: leaves are filled one after the other, the inner
//! pages come last.

use super::inner::{Inner, Key};
use super::{DataEdit, Leaf, Meta, Node, Parts, Sizes, Store};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A store in the making.
#[derive(Clone, Debug)]
pub(in crate::tree) struct Bulk {
    sizes: Sizes,
    /// Full leaves with their smallest keys.
    full: Vec<(Key, Leaf)>,
    last: Leaf,
}

impl Bulk {
    pub(in crate::tree) fn new(page_bytes: usize) -> Bulk {
        Bulk { sizes: Sizes::of(page_bytes), full: Vec::new(), last: Leaf::default() }
    }

    /// Whether the key stands above all others, so that [`Bulk::push`] takes it.
    pub(in crate::tree) fn takes(&self, key: Parts<'_>) -> bool {
        self.last.len() == 0 || self.last.key(self.last.len() - 1) < key
    }

    /// Adds a record; the caller has asked [`Bulk::takes`], which costs as much as the rest.
    pub(in crate::tree) fn push(&mut self, key: Parts<'_>, meta: &Meta, data: Option<&[u8]>) {
        let slot = self.last.len();
        self.last.insert(slot, key, meta, data, self.sizes.large);
        // An eighth stays free: the first change of a record makes it longer.
        if let Some(next) = self.last.split_if_over(self.sizes.page / 8 * 7, Some(slot)) {
            self.close_last();
            // In the memory of the page before: it has grown to a page's size already.
            (0..next.len()).for_each(|slot| self.last.push_copy(&next, slot));
        }
    }

    /// Changes a record that was pushed.
    pub(in crate::tree) fn update<R>(&mut self, key: Parts<'_>, with: impl FnOnce(&mut Meta) -> R) -> Option<R> {
        let after = self.full.partition_point(|(smallest, _)| smallest.parts() <= key);
        let in_last = self.last.len() > 0 && self.last.key(0) <= key;
        let leaf = if in_last { &mut self.last } else { &mut self.full.get_mut(after.checked_sub(1)?)?.1 };
        let slot = leaf.search(key).ok()?;
        let mut meta = leaf.record(slot).meta;
        let result = with(&mut meta);
        leaf.update(slot, &meta, DataEdit::Keep, self.sizes.large);
        Some(result)
    }

    pub(in crate::tree) fn finish(mut self) -> Store {
        if self.last.len() == 0 {
            return Store::new(self.sizes.page);
        }
        self.close_last();
        let leaves = self.full.into_iter().map(|(key, leaf)| (key, Arc::new(Node::Leaf(leaf))));
        let mut level: Vec<(Key, Arc<Node>)> = leaves.collect();
        while level.len() > 1 {
            let pages = level.len().div_ceil(self.sizes.fanout);
            let per_page = level.len().div_ceil(pages);
            let mut children = level.into_iter().peekable();
            let mut above = Vec::with_capacity(pages);
            while let Some((smallest, _)) = children.peek() {
                let smallest = smallest.clone();
                above.push((smallest, Arc::new(Node::Inner(Inner::of(children.by_ref().take(per_page))))));
            }
            level = above;
        }
        let (_, root) = level.pop().expect("at least one leaf");
        Store { root, sizes: self.sizes }
    }

    fn close_last(&mut self) {
        let leaf = self.last.drain();
        self.full.push((Key::of(leaf.key(0)), leaf));
    }
}
