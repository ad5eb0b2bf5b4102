//! Leaf pages: packed records and where each begins.
//!
//! A changed record that no longer fits its place is written again at the end; what it leaves
//! behind is garbage until the page is written anew, which happens when it grows over its size.
//! The path of a parent stands once per page, before the first record that was written below it.

use super::record::{Kind, Meta, PackedMeta, Record, read_meta, read_varint, skip_meta, write_varint};
use super::{DataEdit, Parts};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;

#[derive(Clone, Debug, Default)]
pub(super) struct Leaf {
    /// Records and parents' paths, in no order.
    bytes: Vec<u8>,
    /// Where each record begins, in key order.
    slots: Vec<u32>,
    /// How many of `bytes` are in use.
    live: usize,
    large: Vec<Option<Arc<[u8]>>>,
}

/// Where the parts of a record stand.
struct Spans {
    start: usize,
    flags: u16,
    /// Offset of the parent's path.
    parent_at: usize,
    /// Behind the parent's offset.
    name_at: usize,
    meta_at: usize,
}

impl Leaf {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The bytes in use.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// The bytes in use, counted anew.
    #[cfg(test)]
    pub(super) fn count_live(&self) -> usize {
        let all: Vec<Spans> = (0..self.len()).map(|slot| self.spans(slot)).collect();
        let parents: alloc::collections::BTreeSet<usize> = all.iter().map(|spans| spans.parent_at).collect();
        let parent_len = |&parent_at: &usize| {
            let mut at = parent_at;
            let len = read_varint(&self.bytes, &mut at) as usize;
            at + len - parent_at
        };
        let records: usize = all.iter().map(|spans| self.data_span(spans).1 - spans.start).sum();
        records + parents.iter().map(parent_len).sum::<usize>()
    }

    /// Records of one parent share the place of its path, so that it is read and compared once.
    pub(super) fn search(&self, (parent, name): Parts<'_>) -> Result<usize, usize> {
        let mut compared = None;
        self.slots.binary_search_by(|&start| {
            let mut at = start as usize + 2;
            let parent_at = read_varint(&self.bytes, &mut at) as usize;
            let order = match compared {
                Some((place, order)) if place == parent_at => order,
                _ => self.span_at(parent_at).cmp(parent),
            };
            compared = Some((parent_at, order));
            order.then_with(|| self.span_at(at).cmp(name))
        })
    }

    pub(super) fn key(&self, slot: usize) -> Parts<'_> {
        self.key_at(self.slots[slot] as usize)
    }

    fn key_at(&self, start: usize) -> Parts<'_> {
        let mut at = start + 2;
        let parent_at = read_varint(&self.bytes, &mut at) as usize;
        (self.span_at(parent_at), self.span_at(at))
    }

    /// The bytes that stand behind their length.
    fn span_at(&self, mut at: usize) -> &[u8] {
        let len = read_varint(&self.bytes, &mut at) as usize;
        &self.bytes[at..at + len]
    }

    pub(super) fn record(&self, slot: usize) -> Record<'_> {
        let spans = self.spans(slot);
        let mut at = spans.meta_at;
        let meta = read_meta(&self.bytes, &mut at, spans.flags);
        let data = match Kind::from_flags(spans.flags) {
            Kind::Null => None,
            Kind::Inline => {
                let len = read_varint(&self.bytes, &mut at) as usize;
                Some(&self.bytes[at..at + len])
            }
            Kind::Large => {
                let number = read_varint(&self.bytes, &mut at) as usize;
                Some(&**self.large[number].as_ref().expect("a record's large data are kept"))
            }
        };
        Record { meta, data }
    }

    pub(super) fn insert(&mut self, slot: usize, key: Parts<'_>, meta: &Meta, data: Option<&[u8]>, large: usize) {
        let parent_at = self.parent_at(slot, key.0);
        let (start, packed) = (self.bytes.len(), PackedMeta::of(meta));
        let kind = Kind::of(data, large);
        let inline = if kind == Kind::Inline { data.map_or(0, <[u8]>::len) } else { 0 };
        self.reserve(2 + 10 + 10 + key.1.len() + packed.as_bytes().len() + 10 + inline);
        self.bytes.extend_from_slice(&(packed.flags | kind as u16).to_le_bytes());
        write_varint(parent_at, &mut self.bytes);
        write_varint(key.1.len(), &mut self.bytes);
        self.bytes.extend_from_slice(key.1);
        self.bytes.extend_from_slice(packed.as_bytes());
        self.write_data(kind, data, None);
        self.add_slot(slot, start);
    }

    /// Changes a record. It stays where it is if it does not grow.
    pub(super) fn update(&mut self, slot: usize, meta: &Meta, data: DataEdit<'_>, large: usize) {
        let spans = self.spans(slot);
        let (data_at, end) = self.data_span(&spans);
        let packed = PackedMeta::of(meta);
        let old_kind = Kind::from_flags(spans.flags);
        let number = (old_kind == Kind::Large).then(|| read_varint(&self.bytes, &mut { data_at }) as usize);
        let kind = match data {
            DataEdit::Keep => old_kind,
            DataEdit::Set(data) => Kind::of(data, large),
        };
        if let (Some(number), false) = (number, kind == Kind::Large) {
            self.large[number] = None;
        }

        let flags = (packed.flags | kind as u16).to_le_bytes();
        let meta_len = packed.as_bytes().len();
        if matches!(data, DataEdit::Keep) && meta_len <= data_at - spans.meta_at {
            self.bytes[spans.start..spans.start + 2].copy_from_slice(&flags);
            self.bytes[spans.meta_at..spans.meta_at + meta_len].copy_from_slice(packed.as_bytes());
            self.bytes.copy_within(data_at..end, spans.meta_at + meta_len);
            self.live -= data_at - spans.meta_at - meta_len;
            return;
        }
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&flags);
        self.bytes.extend_from_within(spans.start + 2..spans.meta_at);
        self.bytes.extend_from_slice(packed.as_bytes());
        match data {
            DataEdit::Keep => self.bytes.extend_from_within(data_at..end),
            DataEdit::Set(data) => self.write_data(kind, data, number),
        }
        let (old_len, new_len) = (end - spans.start, self.bytes.len() - at);
        self.live = self.live - old_len + new_len;
        if new_len <= old_len {
            self.bytes.copy_within(at.., spans.start);
            self.bytes.truncate(at);
        } else {
            self.slots[slot] = at as u32;
        }
    }

    pub(super) fn remove(&mut self, slot: usize) {
        let spans = self.spans(slot);
        let (mut data_at, end) = self.data_span(&spans);
        if Kind::from_flags(spans.flags) == Kind::Large {
            let number = read_varint(&self.bytes, &mut data_at) as usize;
            self.large[number] = None;
        }
        self.live -= end - spans.start;
        self.slots.remove(slot);
        let is_of_parent = |slot: usize| slot < self.len() && self.spans(slot).parent_at == spans.parent_at;
        if !(is_of_parent(slot) || slot > 0 && is_of_parent(slot - 1)) {
            let mut at = spans.parent_at;
            let len = read_varint(&self.bytes, &mut at) as usize;
            self.live -= at + len - spans.parent_at;
        }
    }

    /// What does not fit into a page of this size: the upper half by bytes. But where the record that
    /// was added at `added` is the last one of its parent's, more are likely to follow it, as counters
    /// and times ascend: then it is the first of the right page, so that the left one stays full.
    pub(super) fn split_if_over(&mut self, page: usize, added: Option<usize>) -> Option<Leaf> {
        if self.bytes.len() <= page {
            return None;
        }
        let at_end = added.is_some_and(|slot| slot + 1 == self.len());
        // In key order and without garbage: what stands last in the order stands last in the page.
        if self.live < self.bytes.len() || at_end && self.slots.last() != self.slots.iter().max() {
            *self = self.copied(0..self.len());
        }
        if self.live <= page || self.len() == 1 {
            return None;
        }
        if at_end {
            let last = self.len() - 1;
            let right = self.copied(last..self.len());
            let start = self.slots[last] as usize;
            self.remove(last);
            self.bytes.truncate(start);
            return Some(right);
        }
        let half = self.half();
        let cut = added.filter(|&slot| slot > half && self.key(slot).0 != self.key(slot + 1).0).unwrap_or(half);
        let right = self.copied(cut..self.len());
        *self = self.copied(0..cut);
        Some(right)
    }

    /// The slot at which the second half of the bytes begins; never the first.
    fn half(&self) -> usize {
        let mut bytes = 0;
        let over = |slot: &usize| {
            let spans = self.spans(*slot);
            bytes += self.data_span(&spans).1 - spans.start;
            bytes * 2 > self.live
        };
        let half = (0..self.len()).find(over).unwrap_or(0);
        half.clamp(1, self.len() - 1)
    }

    pub(super) fn joined(left: &Leaf, right: &Leaf) -> Leaf {
        let mut joined = Leaf::default();
        joined.bytes.reserve_exact(left.live + right.live);
        joined.slots.reserve_exact(left.len() + right.len());
        (0..left.len()).for_each(|slot| joined.push_copy(left, slot));
        (0..right.len()).for_each(|slot| joined.push_copy(right, slot));
        joined
    }

    /// Some of the records, without garbage, in key order.
    fn copied(&self, slots: core::ops::Range<usize>) -> Leaf {
        let mut copy = Leaf::default();
        if slots.len() == self.len() {
            copy.bytes.reserve_exact(self.live);
        }
        copy.slots.reserve_exact(slots.len());
        slots.for_each(|slot| copy.push_copy(self, slot));
        copy.bytes.shrink_to_fit();
        copy
    }

    pub(super) fn push_copy(&mut self, other: &Leaf, slot: usize) {
        let spans = other.spans(slot);
        let (mut data_at, end) = other.data_span(&spans);
        let parent_at = self.parent_at(self.len(), other.key(slot).0);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes[spans.start..spans.start + 2]);
        write_varint(parent_at, &mut self.bytes);
        self.bytes.extend_from_slice(&other.bytes[spans.name_at..data_at]);
        if Kind::from_flags(spans.flags) == Kind::Large {
            let number = read_varint(&other.bytes, &mut data_at) as usize;
            write_varint(self.large.len(), &mut self.bytes);
            self.large.push(other.large[number].clone());
        } else {
            self.bytes.extend_from_slice(&other.bytes[data_at..end]);
        }
        self.add_slot(self.len(), start);
    }

    fn add_slot(&mut self, slot: usize, start: usize) {
        self.live += self.bytes.len() - start;
        if self.slots.len() == self.slots.capacity() {
            self.slots.reserve_exact(8);
        }
        self.slots.insert(slot, u32::try_from(start).expect("a page is far below 4 GiB"));
    }

    /// The offset of the parent's path, for a record that comes to stand at `slot`: a neighbour
    /// has it, or it is written.
    fn parent_at(&mut self, slot: usize, parent: &[u8]) -> usize {
        for neighbour in [slot.checked_sub(1), Some(slot)].into_iter().flatten() {
            if neighbour < self.len() {
                let parent_at = self.spans(neighbour).parent_at;
                let mut at = parent_at;
                let len = read_varint(&self.bytes, &mut at) as usize;
                if &self.bytes[at..at + len] == parent {
                    return parent_at;
                }
            }
        }
        let at = self.bytes.len();
        self.reserve(10 + parent.len());
        write_varint(parent.len(), &mut self.bytes);
        self.bytes.extend_from_slice(parent);
        self.live += self.bytes.len() - at;
        at
    }

    /// Large data that replace others take their number.
    fn write_data(&mut self, kind: Kind, data: Option<&[u8]>, number: Option<usize>) {
        let data = data.unwrap_or(&[]);
        match kind {
            Kind::Null => {}
            Kind::Inline => {
                write_varint(data.len(), &mut self.bytes);
                self.bytes.extend_from_slice(data);
            }
            Kind::Large => {
                let number = number.unwrap_or_else(|| {
                    self.large.push(None);
                    self.large.len() - 1
                });
                self.large[number] = Some(Arc::from(data));
                write_varint(number, &mut self.bytes);
            }
        }
    }

    fn spans(&self, slot: usize) -> Spans {
        let start = self.slots[slot] as usize;
        let flags = u16::from_le_bytes([self.bytes[start], self.bytes[start + 1]]);
        let mut at = start + 2;
        let parent_at = read_varint(&self.bytes, &mut at) as usize;
        let name_at = at;
        let name_len = read_varint(&self.bytes, &mut at) as usize;
        Spans { start, flags, parent_at, name_at, meta_at: at + name_len }
    }

    /// Where a record's data begin (their length, or their number) and where the record ends.
    fn data_span(&self, spans: &Spans) -> (usize, usize) {
        let mut at = spans.meta_at;
        skip_meta(&self.bytes, &mut at, spans.flags);
        let data_at = at;
        let end = match Kind::from_flags(spans.flags) {
            Kind::Null => at,
            Kind::Inline => {
                let len = read_varint(&self.bytes, &mut at) as usize;
                at + len
            }
            Kind::Large => {
                read_varint(&self.bytes, &mut at);
                at
            }
        };
        (data_at, end)
    }

    /// Moves to memory of the size that is needed: allocators shrink nothing in place.
    pub(super) fn fit(&mut self) {
        self.bytes = self.bytes.as_slice().to_vec();
        self.slots = self.slots.as_slice().to_vec();
    }

    /// A copy that takes as much memory as it needs; this page is empty then, and keeps its memory.
    pub(super) fn drain(&mut self) -> Leaf {
        let drained = self.clone();
        self.clear();
        drained
    }

    /// Empties the page, which keeps its memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.slots.clear();
        self.large.clear();
        self.live = 0;
    }

    /// Brings records that were inserted in no order into key order. Answers the key of which there
    /// are two, if there is one.
    pub(super) fn sort(&mut self) -> Option<Parts<'_>> {
        let mut keys: Vec<(Parts<'_>, u32)> =
            self.slots.iter().map(|&start| (self.key_at(start as usize), start)).collect();
        // Siblings that came together share the place of their parent's path.
        let order = |(parent, name): Parts<'_>, other: Parts<'_>| {
            let parents = if core::ptr::eq(parent, other.0) { Ordering::Equal } else { parent.cmp(other.0) };
            parents.then_with(|| name.cmp(other.1))
        };
        keys.sort_unstable_by(|&(a, _), &(b, _)| order(a, b));
        let twice = keys.array_windows().position(|&[(a, _), (b, _)]| order(a, b).is_eq());
        self.slots = keys.into_iter().map(|(_, start)| start).collect();
        twice.map(|slot| self.key(slot))
    }

    /// Room for more bytes, with a little to spare: pages stay close to their size.
    fn reserve(&mut self, more: usize) {
        if self.bytes.capacity() - self.bytes.len() < more {
            self.bytes.reserve_exact(more + self.bytes.len() / 16);
        }
    }
}
