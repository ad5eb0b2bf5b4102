//! Inner pages: which child holds a key, and how children are split, joined and freed.

use super::{Leaf, Node, Parts, Sizes};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A key that separates two children.
#[derive(Clone, Debug)]
pub(super) struct Key {
    bytes: Box<[u8]>,
    parent_len: usize,
}

impl Key {
    pub(super) fn of((parent, name): Parts<'_>) -> Key {
        Key { bytes: [parent, name].concat().into(), parent_len: parent.len() }
    }

    pub(super) fn parts(&self) -> Parts<'_> {
        self.bytes.split_at(self.parent_len)
    }
}

/// Keys one behind the other: a search in them reads a few neighbouring cache lines, not one for
/// each key somewhere in the heap.
#[derive(Clone, Debug, Default)]
struct Keys {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

/// Where a key ends, and how much of it is the parent's path. It begins where the one before ends.
#[derive(Clone, Copy, Debug)]
struct Span {
    end: u32,
    parent_len: u32,
}

impl Keys {
    fn len(&self) -> usize {
        self.spans.len()
    }

    fn start(&self, i: usize) -> usize {
        i.checked_sub(1).map_or(0, |before| self.spans[before].end as usize)
    }

    fn get(&self, i: usize) -> Parts<'_> {
        let Span { end, parent_len } = self.spans[i];
        self.bytes[self.start(i)..end as usize].split_at(parent_len as usize)
    }

    fn push(&mut self, (parent, name): Parts<'_>) {
        self.bytes.extend_from_slice(parent);
        self.bytes.extend_from_slice(name);
        self.spans.push(Span { end: small(self.bytes.len()), parent_len: small(parent.len()) });
    }

    fn insert(&mut self, i: usize, (parent, name): Parts<'_>) {
        let (start, len) = (self.start(i), parent.len() + name.len());
        self.bytes.splice(start..start, parent.iter().chain(name).copied());
        self.spans.insert(i, Span { end: small(start), parent_len: small(parent.len()) });
        self.spans[i..].iter_mut().for_each(|span| span.end = small(span.end as usize + len));
    }

    fn remove(&mut self, i: usize) {
        let start = self.start(i);
        let span = self.spans.remove(i);
        self.bytes.drain(start..span.end as usize);
        let len = span.end - small(start);
        self.spans[i..].iter_mut().for_each(|span| span.end -= len);
    }

    /// Appends another's keys from the second on.
    fn append_rest(&mut self, other: &Keys) {
        (1..other.len()).for_each(|i| self.push(other.get(i)));
    }

    /// Takes the keys from `i` on away.
    fn split_off(&mut self, i: usize) -> Keys {
        let start = self.start(i);
        let mut right = Keys { bytes: self.bytes.split_off(start), spans: self.spans.split_off(i) };
        right.spans.iter_mut().for_each(|span| span.end -= small(start));
        right
    }
}

/// Paths are below a frame's length, and pages have a few hundred keys.
fn small(len: usize) -> u32 {
    u32::try_from(len).expect("a page's keys are far below 4 GiB")
}

/// Children in key order. Key i is at most the smallest key of child i and above all of child
/// i − 1; the first key bounds nothing and is never read.
#[derive(Clone, Debug)]
pub(super) struct Inner {
    keys: Keys,
    children: Vec<Arc<Node>>,
}

impl Inner {
    pub(super) fn of_two(left: Arc<Node>, separator: Key, right: Arc<Node>) -> Inner {
        Inner::of([(separator.clone(), left), (separator, right)])
    }

    /// Of children with their smallest keys, at least one.
    pub(super) fn of(children: impl IntoIterator<Item = (Key, Arc<Node>)>) -> Inner {
        let mut inner = Inner { keys: Keys::default(), children: Vec::new() };
        for (key, child) in children {
            inner.keys.push(key.parts());
            inner.children.push(child);
        }
        assert!(!inner.children.is_empty(), "an inner page has children");
        inner
    }

    pub(super) fn children(&self) -> &[Arc<Node>] {
        &self.children
    }

    /// What separates child `i` from the one before it.
    #[cfg(test)]
    pub(super) fn key(&self, i: usize) -> Parts<'_> {
        self.keys.get(i)
    }

    pub(super) fn child_mut(&mut self, i: usize) -> &mut Arc<Node> {
        &mut self.children[i]
    }

    /// The child that holds, or would hold, a key.
    pub(super) fn child_for(&self, key: Parts<'_>) -> usize {
        let (mut first, mut after) = (1, self.keys.len());
        while first < after {
            let middle = first.midpoint(after);
            if self.keys.get(middle) <= key {
                first = middle + 1;
            } else {
                after = middle;
            }
        }
        first - 1
    }

    /// Takes in what child `i` split into, or sees whether it grew too small.
    pub(super) fn absorb(&mut self, i: usize, split: Option<(Key, Arc<Node>)>, sizes: Sizes) {
        match split {
            Some((key, right)) => {
                self.keys.insert(i + 1, key.parts());
                self.children.insert(i + 1, right);
                self.join_if_small(i + 1, sizes);
            }
            None => self.join_if_small(i, sizes),
        }
    }

    fn join_if_small(&mut self, i: usize, sizes: Sizes) {
        if self.children.len() == 1 || !self.children[i].is_small(sizes) {
            return;
        }
        if self.children[i].is_empty() {
            self.keys.remove(i);
            self.children.remove(i);
            return;
        }
        if i + 1 < self.children.len() && self.children[i].fits_with(&self.children[i + 1], sizes) {
            self.join(i);
        } else if i > 0 && self.children[i - 1].fits_with(&self.children[i], sizes) {
            self.join(i - 1);
        }
    }

    /// Joins child `i` and its right neighbour.
    fn join(&mut self, i: usize) {
        let right = self.children.remove(i + 1);
        let joined = match (&*self.children[i], &*right) {
            (Node::Leaf(left), Node::Leaf(right)) => Node::Leaf(Leaf::joined(left, right)),
            (Node::Inner(left), Node::Inner(right)) => {
                let mut joined = left.clone();
                joined.keys.push(self.keys.get(i + 1));
                joined.keys.append_rest(&right.keys);
                joined.children.extend_from_slice(&right.children);
                Node::Inner(joined)
            }
            (Node::Leaf(_), Node::Inner(_)) | (Node::Inner(_), Node::Leaf(_)) => {
                unreachable!("siblings stand on one level")
            }
        };
        self.keys.remove(i + 1);
        self.children[i] = Arc::new(joined);
    }

    /// The upper half, if there are too many children.
    pub(super) fn split_if_over(&mut self, sizes: Sizes) -> Option<(Key, Inner)> {
        if self.children.len() <= sizes.fanout {
            return None;
        }
        let half = self.children.len() / 2;
        let keys = self.keys.split_off(half);
        let children = self.children.split_off(half);
        Some((Key::of(keys.get(0)), Inner { keys, children }))
    }
}
