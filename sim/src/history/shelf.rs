//! A map from paths to values that a long history is not slow in: found by a hash without a seed, told in
//! the order of the paths.

use super::Text;
use std::hash::{Hash, Hasher};

/// Values by path.
#[derive(Clone, Debug)]
pub(super) struct Shelf<V> {
    /// Of each place in the table: one more than the number of its entry; 0 for none.
    table: Vec<u32>,
    entries: Vec<(Text, V)>,
}

const SMALLEST: usize = 16;

/// A hash of bytes that is the same everywhere.
pub(super) fn hash_of(bytes: &[u8]) -> usize {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = bytes.len() as u64;
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let word = u64::from_le_bytes(word.try_into().expect("eight bytes"));
        hash = (hash.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    }
    let rest = words.remainder().iter().fold(0, |word: u64, byte| word << 8 | u64::from(*byte));
    hash = (hash.rotate_left(23) ^ rest).wrapping_mul(FACTOR);
    (hash ^ hash >> 29) as usize
}

impl<V> Shelf<V> {
    pub fn new() -> Shelf<V> {
        Shelf { table: vec![0; SMALLEST], entries: Vec::new() }
    }

    /// The place of a path: that of its entry, or where it would be put.
    fn place(&self, path: &[u8]) -> usize {
        let mask = self.table.len() - 1;
        let mut at = hash_of(path) & mask;
        while let Some(entry) = self.table[at].checked_sub(1)
            && self.entries[entry as usize].0.bytes() != path
        {
            at = (at + 1) & mask;
        }
        at
    }

    fn number(&self, path: &[u8]) -> Option<usize> {
        self.table[self.place(path)].checked_sub(1).map(|entry| entry as usize)
    }

    pub fn get(&self, path: &[u8]) -> Option<&V> {
        self.number(path).map(|entry| &self.entries[entry].1)
    }

    pub fn get_mut(&mut self, path: &[u8]) -> Option<&mut V> {
        self.number(path).map(|entry| &mut self.entries[entry].1)
    }

    pub fn contains(&self, path: &[u8]) -> bool {
        self.number(path).is_some()
    }

    /// Puts what is not there yet.
    pub fn insert(&mut self, path: Text, value: V) {
        let place = self.place(path.bytes());
        if let Some(entry) = self.table[place].checked_sub(1) {
            self.entries[entry as usize].1 = value;
            return;
        }
        self.entries.push((path, value));
        self.table[place] = self.entries.len() as u32;
        if self.entries.len() * 2 > self.table.len() {
            self.fill(self.table.len() * 2);
        }
    }

    fn fill(&mut self, len: usize) {
        self.table = vec![0; len];
        for entry in 0..self.entries.len() {
            let place = self.place(self.entries[entry].0.bytes());
            self.table[place] = entry as u32 + 1;
        }
    }

    pub fn remove(&mut self, path: &[u8]) -> Option<V> {
        let place = self.place(path);
        let entry = self.table[place].checked_sub(1)? as usize;
        self.vacate(place);
        let last = self.entries.len() - 1;
        if entry != last {
            let moved = self.place(self.entries[last].0.bytes());
            self.table[moved] = entry as u32 + 1;
        }
        Some(self.entries.swap_remove(entry).1)
    }

    /// Empties a place, and moves up what was put behind it because it was taken.
    fn vacate(&mut self, place: usize) {
        let mask = self.table.len() - 1;
        let (mut hole, mut at) = (place, place);
        self.table[hole] = 0;
        loop {
            at = (at + 1) & mask;
            let Some(entry) = self.table[at].checked_sub(1) else { return };
            let home = hash_of(self.entries[entry as usize].0.bytes()) & mask;
            // Between its home and where it is lies the hole.
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(hole) & mask) {
                self.table[hole] = std::mem::take(&mut self.table[at]);
                hole = at;
            }
        }
    }

    fn sorted(&self) -> Vec<&(Text, V)> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries
    }

    /// Every path, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &Text> {
        self.sorted().into_iter().map(|(path, _)| path)
    }
}

impl<V> Default for Shelf<V> {
    fn default() -> Self {
        Shelf::new()
    }
}

impl<V: PartialEq> PartialEq for Shelf<V> {
    fn eq(&self, other: &Self) -> bool {
        let held = |(path, value): &(Text, V)| other.get(path.bytes()) == Some(value);
        self.entries.len() == other.entries.len() && self.entries.iter().all(held)
    }
}

impl<V: Eq> Eq for Shelf<V> {}

impl<V: Hash> Hash for Shelf<V> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.sorted().hash(hasher);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn a_shelf_is_a_map(changes in proptest::collection::vec((0u8..40, any::<bool>(), 0u32..9), 0..200)) {
            let (mut shelf, mut map) = (Shelf::new(), BTreeMap::new());
            for (path, put, value) in changes {
                let path = Text::from(format!("/{path}").as_str());
                if put {
                    shelf.insert(path.clone(), value);
                    map.insert(path, value);
                } else {
                    prop_assert_eq!(shelf.remove(path.bytes()), map.remove(path.bytes()));
                }
                prop_assert!(shelf.paths().eq(map.keys()));
                prop_assert!(map.iter().all(|(path, value)| shelf.get(path.bytes()) == Some(value)));
            }
            let mut again = Shelf::new();
            map.iter().rev().for_each(|(path, value)| again.insert(path.clone(), *value));
            prop_assert_eq!(again, shelf);
        }
    }
}
