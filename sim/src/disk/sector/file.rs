//! The content of one file: its length, and those of its sectors that are not all zeros.

use super::SECTOR;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) type Sector = [u8; SECTOR];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    len: u64,
    sectors: BTreeMap<u64, Arc<Sector>>,
}

impl Content {
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn sector(&self, index: u64) -> Sector {
        self.sectors.get(&index).map_or([0; SECTOR], |sector| **sector)
    }

    pub fn set_sector(&mut self, index: u64, sector: Sector) {
        if sector == [0; SECTOR] {
            self.sectors.remove(&index);
        } else {
            self.sectors.insert(index, Arc::new(sector));
        }
    }

    pub fn set_len(&mut self, len: u64) {
        self.cut_sectors(len);
        self.len = len;
    }

    /// Forgets what lies behind `len`.
    fn cut_sectors(&mut self, len: u64) {
        let whole = len.div_ceil(SECTOR as u64);
        self.sectors.split_off(&whole);
        let last = len / SECTOR as u64;
        if !len.is_multiple_of(SECTOR as u64) && self.sectors.contains_key(&last) {
            let mut sector = self.sector(last);
            sector[(len % SECTOR as u64) as usize..].fill(0);
            self.set_sector(last, sector);
        }
    }

    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        for (index, from, part) in parts(offset, bytes) {
            let mut sector = self.sector(index);
            sector[from..from + part.len()].copy_from_slice(part);
            self.set_sector(index, sector);
        }
        self.len = self.len.max(offset + bytes.len() as u64);
    }

    /// Reads what there is; returns how many bytes.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> usize {
        let n = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX).min(into.len());
        into[..n].fill(0);
        let last = (offset + n as u64).div_ceil(SECTOR as u64);
        for (index, sector) in self.sectors.range(offset / SECTOR as u64..last) {
            let start = index * SECTOR as u64;
            let from = start.max(offset);
            let to = (start + SECTOR as u64).min(offset + n as u64);
            into[(from - offset) as usize..(to - offset) as usize]
                .copy_from_slice(&sector[(from - start) as usize..(to - start) as usize]);
        }
        n
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len as usize];
        self.read(0, &mut bytes);
        bytes
    }

    /// The sectors from `from` on that are not all zeros.
    pub fn sectors_from(&self, from: u64) -> Vec<u64> {
        self.sectors.range(from..).map(|(index, _)| *index).collect()
    }
}

/// A write, sector by sector: index, offset within, bytes.
pub(super) fn parts(offset: u64, bytes: &[u8]) -> impl Iterator<Item = (u64, usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let position = offset + at as u64;
        let from = (position % SECTOR as u64) as usize;
        let n = (SECTOR - from).min(bytes.len() - at);
        let part = &bytes[at..at + n];
        at += n;
        (n > 0).then_some((position / SECTOR as u64, from, part))
    })
}
