//! Inner pages: which child holds a key, and how children are split, joined and freed.

use super::{Leaf, Node, Parts, Sizes};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A key that separates two children.
#[derive(Clone, Debug)]
pub(super) struct Key {
    bytes: Arc<[u8]>,
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

/// Children in key order. `keys[i]` is at most the smallest key of child i and above all of child
/// i − 1; `keys[0]` bounds nothing and is never read.
#[derive(Clone, Debug)]
pub(super) struct Inner {
    keys: Vec<Key>,
    children: Vec<Arc<Node>>,
}

impl Inner {
    pub(super) fn of_two(left: Arc<Node>, separator: Key, right: Arc<Node>) -> Inner {
        Inner { keys: Vec::from([separator.clone(), separator]), children: Vec::from([left, right]) }
    }

    /// Of children with their smallest keys, at least one.
    pub(super) fn of(children: impl IntoIterator<Item = (Key, Arc<Node>)>) -> Inner {
        let (keys, children): (Vec<Key>, Vec<Arc<Node>>) = children.into_iter().unzip();
        assert!(!children.is_empty(), "an inner page has children");
        Inner { keys, children }
    }

    pub(super) fn children(&self) -> &[Arc<Node>] {
        &self.children
    }

    /// What separates child `i` from the one before it.
    #[cfg(test)]
    pub(super) fn key(&self, i: usize) -> Parts<'_> {
        self.keys[i].parts()
    }

    pub(super) fn child_mut(&mut self, i: usize) -> &mut Arc<Node> {
        &mut self.children[i]
    }

    /// The child that holds, or would hold, a key.
    pub(super) fn child_for(&self, key: Parts<'_>) -> usize {
        self.keys[1..].partition_point(|separator| separator.parts() <= key)
    }

    /// Takes in what child `i` split into, or sees whether it grew too small.
    pub(super) fn absorb(&mut self, i: usize, split: Option<(Key, Arc<Node>)>, sizes: Sizes) {
        match split {
            Some((key, right)) => {
                self.keys.insert(i + 1, key);
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
        let (key, right) = (self.keys.remove(i + 1), self.children.remove(i + 1));
        let joined = match (&*self.children[i], &*right) {
            (Node::Leaf(left), Node::Leaf(right)) => Node::Leaf(Leaf::joined(left, right)),
            (Node::Inner(left), Node::Inner(right)) => {
                let mut joined = left.clone();
                joined.keys.push(key);
                joined.keys.extend_from_slice(&right.keys[1..]);
                joined.children.extend_from_slice(&right.children);
                Node::Inner(joined)
            }
            (Node::Leaf(_), Node::Inner(_)) | (Node::Inner(_), Node::Leaf(_)) => {
                unreachable!("siblings stand on one level")
            }
        };
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
        Some((keys[0].clone(), Inner { keys, children }))
    }
}
