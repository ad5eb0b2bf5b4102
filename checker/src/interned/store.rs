//! The states that were seen, exactly: their words one after the other, found by hash, each with the
//! state that it was first reached from. What is not expanded yet is a range at the end.

use super::index::{Index, hash_words};

/// A state's number within its shard.
pub type Local = u32;

/// The states whose hash falls into one part.
#[derive(Debug, Default)]
pub struct Shard {
    words: Vec<u32>,
    /// Where each state's words end.
    ends: Vec<u64>,
    parents: Vec<u32>,
    /// Who moved last, whichever way one comes here: see [`super::faults`].
    moved: Vec<u8>,
    /// Where the level begins that is being added to.
    fresh: Local,
    index: Index,
}

/// States on their way into a shard.
#[derive(Debug, Default)]
pub struct Batch {
    words: Vec<u32>,
    heads: Vec<Head>,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    hash: u32,
    parent: u32,
    moved: u8,
    end: usize,
}

impl Batch {
    pub fn push(&mut self, hash: u32, parent: u32, moved: u8, words: &[u32]) {
        self.words.extend_from_slice(words);
        self.heads.push(Head { hash, parent, moved, end: self.words.len() });
    }

    pub fn len(&self) -> usize {
        self.heads.len()
    }

    pub fn clear(&mut self) {
        self.heads.clear();
        self.words.clear();
    }
}

impl Shard {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn get(&self, local: Local) -> &[u32] {
        let at = local as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.words[start..self.ends[at] as usize]
    }

    pub fn parent(&self, local: Local) -> u32 {
        self.parents[local as usize]
    }

    pub fn moved(&self, local: Local) -> u8 {
        self.moved[local as usize]
    }

    /// What comes now is of the next level.
    pub fn begin_level(&mut self) {
        self.fresh = self.len() as Local;
    }

    pub fn bytes(&self) -> usize {
        self.words.len() * 4 + self.ends.len() * 8 + self.parents.len() * 4 + self.moved.len() + self.index.bytes()
    }

    pub fn find(&self, hash: u32, words: &[u32]) -> Option<Local> {
        self.index.find(hash, |local| self.get(local) == words)
    }

    /// Whether a state is known and nothing more can be learned of it.
    pub fn is_settled(&self, hash: u32, words: &[u32]) -> bool {
        self.find(hash, words).is_some_and(|local| local < self.fresh)
    }

    /// Adds what is new.
    pub fn take(&mut self, batch: &Batch) {
        let mut start = 0;
        for head in &batch.heads {
            self.add(head.hash, head.parent, head.moved, &batch.words[start..head.end]);
            start = head.end;
        }
    }

    /// Adds a state, unless it is known.
    pub fn add(&mut self, hash: u32, parent: u32, moved: u8, words: &[u32]) -> bool {
        if let Some(local) = self.find(hash, words) {
            if local >= self.fresh {
                self.moved[local as usize] &= moved;
            }
            return false;
        }
        let local = u32::try_from(self.len()).expect("a shard numbers its states in 32 bits");
        self.words.extend_from_slice(words);
        self.ends.push(self.words.len() as u64);
        self.parents.push(parent);
        self.moved.push(moved);
        self.index.insert(hash, local);
        true
    }
}

/// The hash of a state, and the shard that it belongs to.
pub fn place(words: &[u32], shards: usize) -> (u32, usize) {
    let hash = hash_words(words);
    (hash, (hash as usize & 0xffff) % shards)
}
