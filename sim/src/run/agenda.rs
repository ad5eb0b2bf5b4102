//! What is due when: a heap of 24-byte entries keyed by (time, sequence number).
//!
//! An entry does not hold what will happen, only where to look: the oldest item of a direction, a
//! timer's slot, a job of a disk. An entry whose place was used anew in the meantime is known by its
//! generation and does nothing.

use crate::link::Side;
use crate::step::Job;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// One thing that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// The oldest item on its way to this side of a quorum connection.
    Cable {
        to: Side,
        cable: u16,
        generation: u32,
    },
    /// The end of a connection whose data nobody acknowledged.
    GiveUp {
        cable: u16,
        generation: u32,
    },
    Note {
        from: u8,
        to: u8,
    },
    Meet {
        a: u8,
        b: u8,
    },
    Timer {
        server: u8,
        slot: u16,
        incarnation: u32,
    },
    Disk {
        server: u8,
        job: Job,
        incarnation: u32,
    },
    Line {
        to: Side,
        line: u16,
        generation: u32,
    },
    ClientTimer {
        client: u16,
        timer: zabra_client::Timer,
    },
    /// A client has an operation to do.
    ClientTurn {
        client: u16,
    },
    Restart {
        server: u8,
        incarnation: u32,
    },
    FaultBegins {
        index: u32,
    },
    FaultEnds {
        index: u32,
    },
    /// A patient crash stops waiting for a pending write.
    Patience {
        server: u8,
        index: u32,
    },
    /// The phase looks whether it is complete.
    Check,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    time: u64,
    /// Distinct in every entry: what is due needs no order of its own.
    sequence: u64,
    due: Due,
}

impl Entry {
    fn key(&self) -> u128 {
        u128::from(self.time) << 64 | u128::from(self.sequence)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The entry that is due first is the greatest, as the heap wants it.
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

/// Everything that is due.
#[derive(Debug, Default)]
pub struct Agenda {
    heap: BinaryHeap<Entry>,
    sequence: u64,
}

impl Agenda {
    pub fn push(&mut self, time: u64, due: Due) {
        self.sequence += 1;
        self.heap.push(Entry { time, sequence: self.sequence, due });
    }

    pub fn pop(&mut self) -> Option<(u64, Due)> {
        self.heap.pop().map(|entry| (entry.time, entry.due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stay_small_and_equal_times_keep_their_order() {
        assert_eq!(size_of::<Entry>(), 24);
        let mut agenda = Agenda::default();
        agenda.push(5, Due::Check);
        agenda.push(3, Due::Meet { a: 1, b: 2 });
        agenda.push(3, Due::Note { from: 1, to: 2 });
        let order: Vec<_> = std::iter::from_fn(|| agenda.pop()).collect();
        assert_eq!(order, [(3, Due::Meet { a: 1, b: 2 }), (3, Due::Note { from: 1, to: 2 }), (5, Due::Check)]);
    }
}
