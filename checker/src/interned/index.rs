//! Tables that number their values by content: exact equality decides, hashes only find.
//!
//! The standard maps are not used, for their order is the machine's; here nothing is ever iterated.

use rustc_hash::FxHasher;
#[expect(clippy::disallowed_types, reason = "SipHash, to look for clashes within one run: it decides nothing")]
use std::hash::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The number of a value in its table.
pub type Id = u32;

/// Where a hash leads: open addressing over `(hash, number + 1)`; zero is an empty slot.
#[derive(Clone, Debug, Default)]
pub struct Index {
    slots: Vec<u64>,
    len: usize,
}

/// 32 bits of a structural hash.
pub fn hash_of<T: Hash + ?Sized>(value: &T) -> u32 {
    let mut hasher = FxHasher::default();
    value.hash(&mut hasher);
    finish(hasher.finish())
}

/// 64 bits of a structural hash, of a better one than finds things.
#[expect(clippy::disallowed_types, reason = "see its import")]
fn long_hash_of<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// 32 bits of the hash of a few words.
pub fn hash_words(words: &[u32]) -> u32 {
    let step = |hash: u64, word: &u32| (hash.rotate_left(5) ^ u64::from(*word)).wrapping_mul(0x517c_c1b7_2722_0a95);
    finish(words.iter().fold(words.len() as u64, step))
}

/// 64 bits that stand for words, differently under each key. Each step can be undone, so that words of
/// one length that differ in one place never fall together.
pub fn fingerprint(key: u64, words: &[u32]) -> u64 {
    let step = |print: u64, word: &u32| {
        let mixed = (print ^ u64::from(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 32)
    };
    let print = words.iter().fold(key ^ (words.len() as u64) << 32, step);
    let print = (print ^ (print >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    print ^ (print >> 27)
}

fn finish(hash: u64) -> u32 {
    ((hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

impl Index {
    /// The number under this hash for which `is` holds.
    pub fn find(&self, hash: u32, is: impl Fn(Id) -> bool) -> Option<Id> {
        if self.slots.is_empty() {
            return None;
        }
        let mut at = self.home(hash);
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return None;
            }
            let id = slot as u32 - 1;
            if (slot >> 32) as u32 == hash && is(id) {
                return Some(id);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// Puts a number under a hash. The caller knows that it is not there yet.
    pub fn insert(&mut self, hash: u32, id: Id) {
        if self.slots.len() * 3 <= self.len * 4 {
            self.grow();
        }
        self.put(u64::from(hash) << 32 | u64::from(id + 1));
        self.len += 1;
    }

    pub fn bytes(&self) -> usize {
        self.slots.len() * 8
    }

    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.slots.len() as u64) >> 32) as usize
    }

    fn put(&mut self, slot: u64) {
        let mut at = self.home((slot >> 32) as u32);
        while self.slots[at] != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = slot;
    }

    fn grow(&mut self) {
        let bigger = vec![0; (self.slots.len() * 2).max(64)];
        for slot in std::mem::replace(&mut self.slots, bigger).into_iter().filter(|slot| *slot != 0) {
            self.put(slot);
        }
    }
}

/// Values, each once, by number.
#[derive(Debug)]
pub struct Table<T> {
    values: Vec<Arc<T>>,
    index: Index,
}

impl<T: Hash + Eq> Table<T> {
    pub fn new() -> Table<T> {
        Table { values: Vec::new(), index: Index::default() }
    }

    /// The number of this value, and whether it is new.
    pub fn intern(&mut self, value: T) -> (Id, bool) {
        let hash = hash_of(&value);
        self.intern_hashed(hash, value)
    }

    /// The same of a value whose hash is at hand.
    pub fn intern_hashed(&mut self, hash: u32, value: T) -> (Id, bool) {
        if let Some(id) = self.index.find(hash, |id| *self.values[id as usize] == value) {
            return (id, false);
        }
        let id = self.values.len() as Id;
        self.values.push(Arc::new(value));
        self.index.insert(hash, id);
        (id, true)
    }

    pub fn get(&self, id: Id) -> &Arc<T> {
        &self.values[id as usize]
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// How many values, distinct as all here are, have the long hash of another.
    pub fn clashes(&self) -> usize {
        let mut hashes: Vec<u64> = self.values.iter().map(|value| long_hash_of(value.as_ref())).collect();
        hashes.sort_unstable();
        hashes.windows(2).filter(|pair| pair[0] == pair[1]).count()
    }
}

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table { values: Vec::new(), index: Index::default() }
    }
}

/// What was asked last of those questions whose hash leads to the same place: forgetful, but one look.
#[derive(Debug)]
pub struct Lately<K, V> {
    slots: Vec<Option<(K, V)>>,
}

impl<K: Hash + Eq + Copy, V: Copy> Lately<K, V> {
    /// Room for so many.
    pub fn of(room: usize) -> Lately<K, V> {
        Lately { slots: vec![None; room] }
    }

    pub fn get(&self, key: &K) -> Option<V> {
        self.slots[self.place(key)].filter(|(known, _)| known == key).map(|(_, value)| value)
    }

    pub fn put(&mut self, key: K, value: V) {
        let at = self.place(&key);
        self.slots[at] = Some((key, value));
    }

    fn place(&self, key: &K) -> usize {
        ((u64::from(hash_of(key)) * self.slots.len() as u64) >> 32) as usize
    }
}

/// A function that is worked out once for each argument.
#[derive(Debug)]
pub struct Memo<K> {
    entries: Vec<(K, Id)>,
    index: Index,
}

impl<K: Hash + Eq> Memo<K> {
    pub fn new() -> Memo<K> {
        Memo { entries: Vec::new(), index: Index::default() }
    }

    pub fn get(&self, key: &K) -> Option<Id> {
        self.find(key, |known| known == key)
    }

    /// What is known of a key that is not at hand as one value, but hashes like it.
    pub fn find<Q: Hash>(&self, like: Q, is: impl Fn(&K) -> bool) -> Option<Id> {
        let entry = self.index.find(hash_of(&like), |at| is(&self.entries[at as usize].0))?;
        Some(self.entries[entry as usize].1)
    }

    pub fn insert(&mut self, key: K, value: Id) {
        let at = self.entries.len() as Id;
        self.index.insert(hash_of(&key), at);
        self.entries.push((key, value));
    }

    pub fn entries(&self) -> &[(K, Id)] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_numbers_each_value_once() {
        let mut table = Table::new();
        let ids: Vec<Id> = (0..1000u64).map(|n| table.intern(n * n % 997).0).collect();
        let again: Vec<Id> = (0..1000u64).map(|n| table.intern(n * n % 997).0).collect();
        assert_eq!(ids, again);
        let mut distinct: Vec<u64> = (0..1000).map(|n| n * n % 997).collect();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(table.len(), distinct.len());
    }

    #[test]
    fn what_was_asked_lately_is_what_was_answered() {
        let mut lately = Lately::of(64);
        for n in 0..1000u64 {
            lately.put(n, n * n);
            assert_eq!(lately.get(&n), Some(n * n));
        }
        let known = (0..1000).filter(|n| lately.get(n).is_some_and(|value| value == n * n)).count();
        assert!(known > 32 && (0..1000).filter(|n| lately.get(n).is_some()).count() == known);
    }

    #[test]
    fn values_under_one_hash_are_told_apart() {
        let mut index = Index::default();
        for id in 0..500 {
            index.insert(7, id);
        }
        assert!((0..500).all(|wanted| index.find(7, |id| id == wanted) == Some(wanted)));
        assert_eq!(index.find(7, |_| false), None);
        assert_eq!(index.find(8, |_| true), None);
    }
}
