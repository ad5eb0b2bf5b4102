//! Where znodes are kept: a copy-on-write B+tree of packed byte pages (contract section 3).
//!
//! ```text
//!   Store ── root ── Inner ─┬─ Inner ─┬─ Leaf   records in slot order, bytes in any order
//!                           │         └─ Leaf
//!                           └─ Inner ─── Leaf
//! ```
//!
//! Keys are (parent path, name). One `Arc` per page: a clone shares every page, and a change copies
//! the pages on its way only while they are shared. A leaf that outgrows its size is split, one
//! under a quarter of it joins a neighbour that has room, an empty one is freed. Records know
//! nothing of paths, digests or sessions: that is the tree's part.

mod bulk;
mod inner;
mod leaf;
mod record;
#[cfg(test)]
mod tests;

use inner::Inner;
use leaf::Leaf;

use alloc::sync::Arc;
use alloc::vec::Vec;
pub(super) use bulk::{Bulk, Unfit};
pub(super) use record::{Meta, Record};

/// A key: parent path and name.
pub(super) type Parts<'a> = (&'a [u8], &'a [u8]);

/// The sizes that follow from the size of a page.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    /// A leaf with more bytes is split, if it holds more than one record.
    page: usize,
    /// An inner page with more children is split.
    fanout: usize,
    /// Data longer than this stands outside of its page.
    large: usize,
}

impl Sizes {
    /// Of a page of about so many bytes, at least 64.
    fn of(page_bytes: usize) -> Sizes {
        let page = page_bytes.max(64);
        Sizes { page, fanout: (page / 32).max(4), large: (page / 4).min(1024) }
    }
}

/// Records in key order.
#[derive(Clone, Debug)]
pub(super) struct Store {
    root: Arc<Node>,
    sizes: Sizes,
}

#[derive(Clone, Debug)]
enum Node {
    Leaf(Leaf),
    Inner(Inner),
}

/// What a change does to a record's data.
#[derive(Clone, Copy, Debug)]
pub(super) enum DataEdit<'a> {
    Keep,
    Set(Option<&'a [u8]>),
}

impl Store {
    pub(super) fn new(page_bytes: usize) -> Store {
        Store { root: Arc::new(Node::Leaf(Leaf::default())), sizes: Sizes::of(page_bytes) }
    }

    pub(super) fn page_bytes(&self) -> usize {
        self.sizes.page
    }

    pub(super) fn get(&self, key: Parts<'_>) -> Option<Record<'_>> {
        let (leaf, found) = self.find(key);
        found.map(|slot| leaf.record(slot))
    }

    pub(super) fn contains(&self, key: Parts<'_>) -> bool {
        self.find(key).1.is_some()
    }

    fn find(&self, key: Parts<'_>) -> (&Leaf, Option<usize>) {
        let mut node = &self.root;
        loop {
            match &**node {
                Node::Inner(inner) => node = &inner.children()[inner.child_for(key)],
                Node::Leaf(leaf) => return (leaf, leaf.search(key).ok()),
            }
        }
    }

    /// Adds a record if its key is not there, which it answers; only then `meta` is asked.
    pub(super) fn insert(&mut self, key: Parts<'_>, data: Option<&[u8]>, meta: impl FnOnce() -> Meta) -> bool {
        let large = self.sizes.large;
        self.edit(key, |leaf, found| {
            let Err(slot) = found else { return false };
            leaf.insert(slot, key, &meta(), data, large);
            true
        })
    }

    /// Changes a record, if it is there; `with` sees its data as they were.
    pub(super) fn update<R>(
        &mut self,
        key: Parts<'_>,
        data: DataEdit<'_>,
        with: impl FnOnce(&mut Meta, Option<&[u8]>) -> R,
    ) -> Option<R> {
        let large = self.sizes.large;
        self.edit(key, |leaf, found| {
            let slot = found.ok()?;
            let Record { mut meta, data: old } = leaf.record(slot);
            let result = with(&mut meta, old);
            leaf.update(slot, &meta, data, large);
            Some(result)
        })
    }

    /// Takes a record away, if it is there; `with` sees it before.
    pub(super) fn remove<R>(&mut self, key: Parts<'_>, with: impl FnOnce(Record<'_>) -> R) -> Option<R> {
        self.edit(key, |leaf, found| {
            let slot = found.ok()?;
            let result = with(leaf.record(slot));
            leaf.remove(slot);
            Some(result)
        })
    }

    /// The records from a key on, in key order.
    pub(super) fn range_from(&self, key: Parts<'_>) -> Range<'_> {
        let mut stack = Vec::new();
        let mut node = &self.root;
        loop {
            match &**node {
                Node::Inner(inner) => {
                    let i = inner.child_for(key);
                    stack.push(inner.children()[i + 1..].iter());
                    node = &inner.children()[i];
                }
                Node::Leaf(leaf) => {
                    let slot = leaf.search(key).unwrap_or_else(|slot| slot);
                    return Range { stack, leaf, slot };
                }
            }
        }
    }

    /// Whether two stores are one: cheap, and false does not mean that they differ.
    pub(super) fn is_same(&self, other: &Store) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
    }

    /// The store's pages one after the other, in key order, each released when the caller drops it.
    pub(super) fn into_pages(self) -> Pages {
        Pages { stack: Vec::from([self.root]) }
    }

    fn edit<R>(&mut self, key: Parts<'_>, change: impl FnOnce(&mut Leaf, Result<usize, usize>) -> R) -> R {
        let (result, split) = edit(&mut self.root, key, self.sizes, change);
        if let Some((separator, right)) = split {
            let left = core::mem::replace(&mut self.root, Arc::new(Node::Leaf(Leaf::default())));
            self.root = Arc::new(Node::Inner(Inner::of_two(left, separator, right)));
        }
        while let Node::Inner(inner) = &*self.root
            && let [only] = inner.children()
        {
            self.root = Arc::clone(only);
        }
        result
    }
}

/// Changes the leaf that holds, or would hold, the key; what it split into is the caller's to keep.
fn edit<R>(
    node: &mut Arc<Node>,
    key: Parts<'_>,
    sizes: Sizes,
    change: impl FnOnce(&mut Leaf, Result<usize, usize>) -> R,
) -> (R, Option<(inner::Key, Arc<Node>)>) {
    match Arc::make_mut(node) {
        Node::Leaf(leaf) => {
            let found = leaf.search(key);
            let before = leaf.len();
            let result = change(leaf, found);
            let added = found.err().filter(|_| leaf.len() > before);
            let right = leaf.split_if_over(sizes.page, added);
            if right.is_some() {
                leaf.fit();
            }
            (result, right.map(|right| (inner::Key::of(right.key(0)), Arc::new(Node::Leaf(right)))))
        }
        Node::Inner(inner) => {
            let i = inner.child_for(key);
            let (result, split) = edit(inner.child_mut(i), key, sizes, change);
            inner.absorb(i, split, sizes);
            (result, inner.split_if_over(sizes).map(|(key, right)| (key, Arc::new(Node::Inner(right)))))
        }
    }
}

impl Node {
    fn is_empty(&self) -> bool {
        match self {
            Node::Leaf(leaf) => leaf.len() == 0,
            Node::Inner(inner) => inner.children().iter().all(|child| child.is_empty()),
        }
    }

    /// Under a quarter full.
    fn is_small(&self, sizes: Sizes) -> bool {
        match self {
            Node::Leaf(leaf) => leaf.live() < sizes.page / 4,
            Node::Inner(inner) => inner.children().len() <= sizes.fanout / 4,
        }
    }

    /// Whether two neighbours make one page with some room left.
    fn fits_with(&self, right: &Node, sizes: Sizes) -> bool {
        match (self, right) {
            (Node::Leaf(left), Node::Leaf(right)) => left.live() + right.live() <= sizes.page / 4 * 3,
            (Node::Inner(left), Node::Inner(right)) => {
                left.children().len() + right.children().len() <= sizes.fanout / 4 * 3
            }
            (Node::Leaf(_), Node::Inner(_)) | (Node::Inner(_), Node::Leaf(_)) => {
                unreachable!("siblings stand on one level")
            }
        }
    }
}

/// Records in key order.
#[derive(Clone, Debug)]
pub(super) struct Range<'a> {
    stack: Vec<core::slice::Iter<'a, Arc<Node>>>,
    leaf: &'a Leaf,
    slot: usize,
}

impl<'a> Iterator for Range<'a> {
    type Item = (Parts<'a>, Record<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.slot == self.leaf.len() {
            match self.stack.last_mut()?.next().map(|node| &**node) {
                Some(Node::Leaf(leaf)) => (self.leaf, self.slot) = (leaf, 0),
                Some(Node::Inner(inner)) => self.stack.push(inner.children().iter()),
                None => drop(self.stack.pop()),
            }
        }
        let slot = self.slot;
        self.slot += 1;
        Some((self.leaf.key(slot), self.leaf.record(slot)))
    }
}

/// The pages of a store, in key order.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    stack: Vec<Arc<Node>>,
}

impl Iterator for Pages {
    type Item = Page;

    fn next(&mut self) -> Option<Page> {
        loop {
            let node = self.stack.pop()?;
            match &*node {
                Node::Leaf(_) => return Some(Page(node)),
                Node::Inner(inner) => self.stack.extend(inner.children().iter().rev().cloned()),
            }
        }
    }
}

/// One page of records.
#[derive(Clone, Debug)]
pub(super) struct Page(Arc<Node>);

impl Page {
    pub(super) fn records(&self) -> Range<'_> {
        match &*self.0 {
            Node::Leaf(leaf) => Range { stack: Vec::new(), leaf, slot: 0 },
            Node::Inner(_) => unreachable!("a page of records is a leaf"),
        }
    }
}
