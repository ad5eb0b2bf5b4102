//! The history: the records that this server has logged, as far as they are kept in memory.

use crate::id::Zxid;
use crate::log::Record;
use alloc::collections::VecDeque;

/// A run of records in zxid order.
///
/// ```text
///   base      first … committed   … end
///   (not here)  └ committed window ┘└ not yet known to be committed ┘
/// ```
///
/// The watermark `committed` belongs to the [`Ledger`](super::Ledger); here is only what was logged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct History {
    /// The zxid before the first record: an image's, or that of the last record trimmed away.
    base: Zxid,
    records: VecDeque<Record>,
    bytes: u64,
}

impl History {
    /// An empty history that continues after `base`.
    pub fn after_base(base: Zxid) -> History {
        History { base, records: VecDeque::new(), bytes: 0 }
    }

    /// The history of a disk: `log` is contiguous and may begin before the image's zxid.
    pub fn restore(image: Zxid, log: impl IntoIterator<Item = Record>) -> History {
        let mut history = History::after_base(image);
        for record in log {
            if history.records.is_empty() && record.zxid <= image {
                // The predecessor of the oldest record is not known by name, only that it is older.
                history.base = Zxid(record.zxid.0.saturating_sub(1));
            }
            history.push(record);
        }
        if history.end() < image {
            return History::after_base(image);
        }
        history
    }

    pub fn base(&self) -> Zxid {
        self.base
    }

    /// The zxid of the newest record: what votes and ACKEPOCH carry (rule `VoteFromHistory`).
    pub fn end(&self) -> Zxid {
        self.records.back().map_or(self.base, |r| r.zxid)
    }

    pub fn push(&mut self, record: Record) {
        self.bytes += record.bytes.len() as u64;
        self.records.push_back(record);
    }

    /// Drops every record above `after`.
    pub fn truncate(&mut self, after: Zxid) {
        while self.records.back().is_some_and(|r| r.zxid > after) {
            let gone = self.records.pop_back().expect("the back was just seen");
            self.bytes -= gone.bytes.len() as u64;
        }
    }

    /// Whether a record with this zxid is here, or it is the base.
    pub fn contains(&self, zxid: Zxid) -> bool {
        zxid == self.base || self.get(zxid).is_some()
    }

    pub fn get(&self, zxid: Zxid) -> Option<&Record> {
        let at = self.first_above(zxid).checked_sub(1)?;
        self.records.get(at).filter(|r| r.zxid == zxid)
    }

    /// The newest zxid at or below `zxid` that is here; `None` below the base.
    pub fn floor(&self, zxid: Zxid) -> Option<Zxid> {
        match self.first_above(zxid) {
            0 => (self.base <= zxid).then_some(self.base),
            n => self.records.get(n - 1).map(|r| r.zxid),
        }
    }

    /// The records above `zxid`, oldest first.
    pub fn above(&self, zxid: Zxid) -> impl DoubleEndedIterator<Item = &Record> + ExactSizeIterator + Clone {
        self.records.range(self.first_above(zxid)..)
    }

    pub fn records(&self) -> impl DoubleEndedIterator<Item = &Record> + ExactSizeIterator + Clone {
        self.records.iter()
    }

    /// Bytes of all records held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Forgets the oldest records up to `applied` while more than `bytes_max` are held.
    pub fn trim(&mut self, applied: Zxid, bytes_max: u64) {
        while self.bytes > bytes_max && self.records.front().is_some_and(|r| r.zxid <= applied) {
            let gone = self.records.pop_front().expect("the front was just seen");
            self.bytes -= gone.bytes.len() as u64;
            self.base = gone.zxid;
        }
    }

    /// Forgets the records between `from` and `to`, both exclusive: what a window without the rule
    /// `WindowContiguous` does with synchronized records.
    pub fn forget(&mut self, from: Zxid, to: Zxid) {
        self.records.retain(|r| r.zxid <= from || r.zxid >= to);
        self.bytes = self.records.iter().map(|r| r.bytes.len() as u64).sum();
    }

    fn first_above(&self, zxid: Zxid) -> usize {
        let Some(last) = self.records.back().filter(|r| r.zxid > zxid) else {
            return self.records.len();
        };
        // Counters of one epoch ascend by one, so that a zxid tells its place. The search, through
        // memory that was not touched for long, is for the others.
        let place = usize::try_from(last.zxid.0 - zxid.0).ok().and_then(|above| self.records.len().checked_sub(above));
        let is_there = |place: &usize| place.checked_sub(1).is_some_and(|at| self.records[at].zxid == zxid);
        place.filter(is_there).unwrap_or_else(|| self.records.partition_point(|r| r.zxid <= zxid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Epoch;
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    fn record(epoch: u32, counter: u32) -> Record {
        Record { zxid: Zxid::new(Epoch(epoch), counter), bytes: Arc::from(&[0u8; 10][..]) }
    }

    fn zxid(epoch: u32, counter: u32) -> Zxid {
        Zxid::new(Epoch(epoch), counter)
    }

    #[test]
    fn the_end_of_an_empty_history_is_its_base() {
        assert_eq!(History::after_base(zxid(2, 7)).end(), zxid(2, 7));
    }

    #[test]
    fn truncation_keeps_what_is_at_or_below_the_cut() {
        let mut history = History::restore(Zxid::ZERO, [record(1, 1), record(1, 2), record(2, 1)]);
        history.truncate(zxid(1, 9));
        assert_eq!(history.end(), zxid(1, 2));
        assert!(history.contains(zxid(1, 1)) && !history.contains(zxid(2, 1)));
    }

    #[test]
    fn a_log_that_ends_before_the_image_is_replaced_by_the_image() {
        let history = History::restore(zxid(1, 5), [record(1, 1), record(1, 2)]);
        assert_eq!((history.base(), history.end()), (zxid(1, 5), zxid(1, 5)));
    }

    #[test]
    fn the_floor_is_the_newest_record_at_or_below() {
        let history = History::restore(zxid(1, 3), [record(1, 4), record(3, 1)]);
        assert_eq!(history.floor(zxid(2, 9)), Some(zxid(1, 4)));
        assert_eq!(history.floor(zxid(1, 3)), Some(zxid(1, 3)));
        assert_eq!(history.floor(zxid(1, 2)), None);
    }

    #[test]
    fn every_zxid_finds_its_place_with_and_without_gaps() {
        let counters = [(1, 3), (1, 4), (1, 7), (2, 1), (2, 2), (4, 1), (4, 2), (4, 3)];
        let history = History::restore(zxid(1, 2), counters.map(|(epoch, counter)| record(epoch, counter)));
        for asked in (0..6).flat_map(|epoch| (0..9).map(move |counter| zxid(epoch, counter))) {
            let above: Vec<Zxid> = history.above(asked).map(|r| r.zxid).collect();
            let expected: Vec<Zxid> = history.records().map(|r| r.zxid).filter(|&zxid| zxid > asked).collect();
            assert_eq!(above, expected, "above {asked:?}");
        }
    }

    #[test]
    fn trimming_never_forgets_what_is_not_applied() {
        let mut history = History::restore(Zxid::ZERO, [record(1, 1), record(1, 2), record(1, 3)]);
        history.trim(zxid(1, 2), 0);
        assert_eq!(history.base(), zxid(1, 2));
        assert_eq!(history.above(Zxid::ZERO).map(|r| r.zxid).collect::<Vec<_>>(), [zxid(1, 3)]);
    }
}
