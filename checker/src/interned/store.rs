//! The states that were seen, exactly: their words one after the other, found by hash, each with the
//! state that it was first reached from. What is not expanded yet is a range at the end.
//!
//! Under a key a state that was expanded is its fingerprint only: two states may be taken for one.

use super::index::{Index, fingerprint, hash_words};

/// A state's number within its shard.
pub type Local = u32;

/// The states whose hash falls into one part.
#[derive(Debug, Default)]
pub struct Shard {
    words: Vec<u32>,
    /// Where each state's words end.
    ends: Vec<u64>,
    /// The first state whose words are held.
    held: Local,
    key: Option<u64>,
    /// Of each state, under a key.
    prints: Vec<u64>,
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
    pub fn under(key: Option<u64>) -> Shard {
        Shard { key, ..Shard::default() }
    }

    pub fn len(&self) -> usize {
        self.parents.len()
    }

    /// The words of a state that are held.
    pub fn get(&self, local: Local) -> &[u32] {
        let at = (local - self.held) as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.words[start..self.ends[at] as usize]
    }

    /// Whether a state is this one, as far as is known of it.
    pub fn is(&self, local: Local, words: &[u32]) -> bool {
        match self.key {
            None => self.get(local) == words,
            Some(key) => self.prints[local as usize] == fingerprint(key, words),
        }
    }

    /// Under a key the words of what was expanded are not needed any more.
    fn forget(&mut self, until: Local) {
        let count = (until - self.held) as usize;
        if self.key.is_some() && count > 0 {
            let gone = self.ends[count - 1];
            self.ends.drain(..count);
            self.ends.iter_mut().for_each(|end| *end -= gone);
            self.words.drain(..gone as usize);
            self.held = until;
        }
    }

    pub fn parent(&self, local: Local) -> u32 {
        self.parents[local as usize]
    }

    pub fn moved(&self, local: Local) -> u8 {
        self.moved[local as usize]
    }

    /// What comes now is of the next level; the level that begins here is expanded.
    pub fn begin_level(&mut self, start: usize) {
        self.forget(start as Local);
        self.fresh = self.len() as Local;
    }

    pub fn bytes(&self) -> usize {
        let held = self.words.len() * 4 + self.ends.len() * 8 + self.prints.len() * 8;
        held + self.parents.len() * 4 + self.moved.len() + self.index.bytes()
    }

    pub fn find(&self, hash: u32, words: &[u32]) -> Option<Local> {
        match self.key {
            None => self.index.find(hash, |local| self.get(local) == words),
            Some(key) => {
                let print = fingerprint(key, words);
                self.index.find(hash, |local| self.prints[local as usize] == print)
            }
        }
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
        self.prints.extend(self.key.map(|key| fingerprint(key, words)));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(key: Option<u64>) -> Shard {
        let mut shard = Shard::under(key);
        for n in 0..500u32 {
            let words = [n, n / 7, n * n];
            assert!(shard.add(place(&words, 1).0, n, 3, &words));
        }
        shard
    }

    #[test]
    fn what_was_expanded_is_known_by_its_fingerprint() {
        let mut shard = shard(Some(17));
        let bytes = shard.bytes();
        shard.begin_level(300);
        assert!(shard.bytes() < bytes, "the words of what was expanded are gone");
        for n in 0..500u32 {
            let words = [n, n / 7, n * n];
            assert_eq!(shard.find(place(&words, 1).0, &words), Some(n));
            assert!(shard.is(n, &words) && !shard.is(n, &[n, n / 7, n * n + 1]));
        }
        assert_eq!(shard.get(300), [300, 42, 90_000]);
        assert!(shard.add(place(&[1, 1], 1).0, 0, 1, &[1, 1]) && !shard.add(place(&[1, 1], 1).0, 0, 2, &[1, 1]));
        assert_eq!((shard.get(500), shard.moved(500), shard.len()), ([1, 1].as_slice(), 0, 501));
    }

    #[test]
    fn without_a_key_all_words_are_held() {
        let mut shard = shard(None);
        shard.begin_level(300);
        assert_eq!(shard.get(3), [3, 0, 9]);
        assert!(shard.is_settled(place(&[3, 0, 9], 1).0, &[3, 0, 9]));
    }
}
