//! Building a store from records in any order.
//!
//! Records that come in key order fill one leaf after the other. From the first one that does not,
//! they are heaped up and sorted, a heap at a time, into runs of leaves. In the end the runs are
//! merged; a leaf that overlaps no other stays as it is. So it is with Apache's snapshots, where the
//! children of a znode stand together, in no order of their own. The inner pages come last.

use super::inner::{Inner, Key};
use super::{DataEdit, Leaf, Meta, Node, Parts, Sizes, Store};
use crate::tree::path::{Path, split};
use alloc::collections::BinaryHeap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::{Ordering, Reverse};

/// A store in the making.
#[derive(Clone, Debug)]
pub(in crate::tree) struct Bulk {
    sizes: Sizes,
    /// Runs of full leaves with their smallest keys.
    full: Vec<(Key, Leaf)>,
    last: Leaf,
    /// What came in no order and is in no run yet, as it came.
    heap: Leaf,
    /// Whether everything came in key order, so that there is one run.
    is_sorted: bool,
    /// A path that two records of one run had.
    twice: Option<Path>,
}

/// Why records are no store of znodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::tree) enum Unfit {
    /// The path of this parent has no record.
    NoParent(Path),
    /// There are two records of this path.
    Twice(Path),
}

impl Bulk {
    /// A heap has so many pages' bytes, to stay in a core's cache while it is sorted. It ends with the
    /// siblings that it holds, so that no other run has some of them in between, as far as that is possible.
    const HEAP_PAGES: usize = 64;
    const HEAP_PAGES_MAX: usize = 1024;

    pub(in crate::tree) fn new(page_bytes: usize) -> Bulk {
        Bulk {
            sizes: Sizes::of(page_bytes),
            full: Vec::new(),
            last: Leaf::default(),
            heap: Leaf::default(),
            is_sorted: true,
            twice: None,
        }
    }

    /// Adds a record, which counts no children yet.
    pub(in crate::tree) fn push(&mut self, key: Parts<'_>, meta: &Meta, data: Option<&[u8]>) {
        let is_above = |last: &Leaf| last.len() == 0 || last.key(last.len() - 1) < key;
        self.is_sorted = self.is_sorted && is_above(&self.last);
        if self.is_sorted {
            self.last.insert(self.last.len(), key, meta, data, self.sizes.large);
            self.cut_last();
            return;
        }
        let pages = self.heap.live() / self.sizes.page;
        let is_sibling = |heap: &Leaf| heap.key(heap.len() - 1).0 == key.0;
        if pages >= Self::HEAP_PAGES && (pages >= Self::HEAP_PAGES_MAX || !is_sibling(&self.heap)) {
            self.sort_heap();
        }
        self.heap.insert(self.heap.len(), key, meta, data, self.sizes.large);
    }

    /// The store, in which every record counts its children.
    pub(in crate::tree) fn finish(mut self) -> Result<Store, Unfit> {
        self.sort_heap();
        if !self.is_sorted {
            self.merge_runs();
        }
        if let Some(path) = self.twice {
            return Err(Unfit::Twice(path));
        }
        self.count_children()?;
        Ok(Bulk::with_inner_pages(self.full, self.sizes))
    }

    /// Makes a run of the heap.
    fn sort_heap(&mut self) {
        self.close_last();
        if let Some((parent, name)) = self.heap.sort() {
            self.twice = Some(Path::join(parent, name));
        }
        for slot in 0..self.heap.len() {
            self.last.push_copy(&self.heap, slot);
            self.cut_last();
        }
        self.close_last();
        self.heap.clear();
    }

    /// Makes one run of all. Each leaf is let go of when its last record has been copied.
    fn merge_runs(&mut self) {
        self.full.sort_by(|(a, _), (b, _)| a.parts().cmp(&b.parts()));
        let mut waiting = core::mem::take(&mut self.full).into_iter().peekable();
        let mut open: BinaryHeap<Reverse<Cursor>> = BinaryHeap::new();
        loop {
            let is_next = |smallest: &Key| open.peek().is_none_or(|Reverse(first)| smallest.parts() <= first.key());
            if let Some((_, leaf)) = waiting.next_if(|(smallest, _)| is_next(smallest)) {
                open.push(Reverse(Cursor { leaf, slot: 0 }));
                continue;
            }
            let Some(Reverse(mut first)) = open.pop() else { break };
            if self.last.len() > 0 && self.last.key(self.last.len() - 1) == first.key() {
                self.twice = Some(Path::join(first.key().0, first.key().1));
            }
            let largest = first.leaf.key(first.leaf.len() - 1);
            let is_apart = open.peek().is_none_or(|Reverse(next)| largest < next.key())
                && waiting.peek().is_none_or(|(smallest, _)| largest < smallest.parts());
            if first.slot == 0 && is_apart {
                self.close_last();
                self.full.push((Key::of(first.key()), first.leaf));
                continue;
            }
            self.last.push_copy(&first.leaf, first.slot);
            self.cut_last();
            first.slot += 1;
            if first.slot < first.leaf.len() {
                open.push(Reverse(first));
            }
        }
        self.close_last();
    }

    /// Siblings stand together: they are counted as they pass, whole leaves of them at once.
    fn count_children(&mut self) -> Result<(), Unfit> {
        let mut parent = Vec::new();
        let mut children = 0;
        for leaf in 0..self.full.len() {
            let mut slot = 0;
            while slot < self.full[leaf].1.len() {
                let (_, records) = &self.full[leaf];
                let (above, name) = records.key(slot);
                if above != parent {
                    let before = core::mem::replace(&mut parent, above.to_vec());
                    self.set_children(&before, core::mem::take(&mut children))?;
                    continue;
                }
                let siblings = if records.key(records.len() - 1).0 == parent { records.len() - slot } else { 1 };
                slot += siblings;
                // The root is nobody's child.
                children += siblings as u32 - u32::from((above, name) == (b"", b""));
            }
        }
        self.set_children(&parent, children)
    }

    fn set_children(&mut self, path: &[u8], children: u32) -> Result<(), Unfit> {
        if children == 0 {
            return Ok(());
        }
        let found = split(path).and_then(|key| {
            let after = self.full.partition_point(|(smallest, _)| smallest.parts() <= key);
            let leaf = &mut self.full.get_mut(after.checked_sub(1)?)?.1;
            let slot = leaf.search(key).ok()?;
            let meta = Meta { children, ..leaf.record(slot).meta };
            leaf.update(slot, &meta, DataEdit::Keep, self.sizes.large);
            Some(())
        });
        found.ok_or_else(|| Unfit::NoParent(Path::lax(path)))
    }

    fn with_inner_pages(leaves: Vec<(Key, Leaf)>, sizes: Sizes) -> Store {
        let mut level: Vec<(Key, Arc<Node>)> =
            leaves.into_iter().map(|(key, leaf)| (key, Arc::new(Node::Leaf(leaf)))).collect();
        while level.len() > 1 {
            let pages = level.len().div_ceil(sizes.fanout);
            let per_page = level.len().div_ceil(pages);
            let mut children = level.into_iter().peekable();
            let mut above = Vec::with_capacity(pages);
            while let Some((smallest, _)) = children.peek() {
                let smallest = smallest.clone();
                above.push((smallest, Arc::new(Node::Inner(Inner::of(children.by_ref().take(per_page))))));
            }
            level = above;
        }
        match level.pop() {
            Some((_, root)) => Store { root, sizes },
            None => Store::new(sizes.page),
        }
    }

    /// Closes the last leaf if it is full but for an eighth: the first change of a record makes it
    /// longer.
    fn cut_last(&mut self) {
        let added = self.last.len() - 1;
        if let Some(next) = self.last.split_if_over(self.sizes.page / 8 * 7, Some(added)) {
            self.close_last();
            // In the memory of the page before: it has grown to a page's size already.
            (0..next.len()).for_each(|slot| self.last.push_copy(&next, slot));
        }
    }

    fn close_last(&mut self) {
        if self.last.len() > 0 {
            let leaf = self.last.drain();
            self.full.push((Key::of(leaf.key(0)), leaf));
        }
    }
}

/// How far a leaf is merged. Ordered by the key that comes next.
#[derive(Debug)]
struct Cursor {
    leaf: Leaf,
    slot: usize,
}

impl Cursor {
    fn key(&self) -> Parts<'_> {
        self.leaf.key(self.slot)
    }
}

impl Ord for Cursor {
    fn cmp(&self, other: &Cursor) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Cursor {
    fn partial_cmp(&self, other: &Cursor) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Cursor {
    fn eq(&self, other: &Cursor) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Cursor {}
