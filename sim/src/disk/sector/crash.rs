//! What a crash leaves of a list of calls.

use super::file::{Content, Sector, parts};
use super::{Call, Files, SECTOR, parent};
use crate::disk::Chooser;
use std::collections::{BTreeMap, BTreeSet};

/// For each call, whether a later sync of the list makes it durable.
pub(super) fn synced(calls: &[Call]) -> Vec<bool> {
    let mut files = BTreeSet::new();
    let mut dirs = BTreeSet::new();
    let mut synced = vec![false; calls.len()];
    for (call, synced) in calls.iter().zip(&mut synced).rev() {
        *synced = match call {
            Call::Sync { inode } => {
                files.insert(*inode);
                false
            }
            Call::SyncDir { dir } => {
                dirs.insert(dir.as_str());
                false
            }
            Call::Write { inode, .. } | Call::SetLen { inode, .. } => files.contains(inode),
            Call::Link { name, .. } | Call::Remove { name } | Call::MakeDir { name } => dirs.contains(parent(name)),
            Call::Rename { to, .. } => dirs.contains(parent(to)),
        };
    }
    synced
}

/// Applies to `files` what survives of `calls`.
pub(super) fn survive(files: &mut Files, calls: &[Call], strict: bool, choose: &mut dyn Chooser) {
    let synced = synced(calls);
    let mut histories: BTreeMap<u32, History> = BTreeMap::new();
    let mut names: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for (call, synced) in calls.iter().zip(synced) {
        match call {
            call if synced => files.apply(call),
            Call::Write { inode, .. } | Call::SetLen { inode, .. } => {
                let durable = || files.inodes.get(inode).cloned().unwrap_or_default();
                histories.entry(*inode).or_insert_with(|| History::of(durable())).add(call);
            }
            Call::Link { name, .. } | Call::Remove { name } | Call::MakeDir { name } => {
                names.entry(parent(name)).or_default().push(call);
            }
            Call::Rename { to, .. } => names.entry(parent(to)).or_default().push(call),
            Call::Sync { .. } | Call::SyncDir { .. } => {}
        }
    }
    for (inode, history) in histories {
        files.inodes.insert(inode, history.choose(choose));
    }
    for operations in names.into_values() {
        if strict {
            operations.iter().filter(|_| choose.below(2) == 1).for_each(|call| files.apply(call));
        } else {
            let kept = choose.below(operations.len() as u64 + 1) as usize;
            operations[..kept].iter().for_each(|call| files.apply(call));
        }
    }
}

/// The states that a file's length and each of its sectors went through since its last sync.
struct History {
    now: Content,
    durable: Content,
    lengths: Vec<u64>,
    sectors: BTreeMap<u64, Vec<Sector>>,
}

impl History {
    fn of(durable: Content) -> Self {
        History { now: durable.clone(), lengths: vec![durable.len()], durable, sectors: BTreeMap::new() }
    }

    fn add(&mut self, call: &Call) {
        let touched: Vec<u64> = match call {
            Call::Write { offset, bytes, .. } => {
                self.now.write(*offset, bytes);
                parts(*offset, bytes).map(|(index, _, _)| index).collect()
            }
            Call::SetLen { len, .. } => {
                let touched = self.now.sectors_from(len / SECTOR as u64);
                self.now.set_len(*len);
                touched
            }
            Call::Sync { .. }
            | Call::SyncDir { .. }
            | Call::Link { .. }
            | Call::Rename { .. }
            | Call::Remove { .. }
            | Call::MakeDir { .. } => unreachable!("only content has a history"),
        };
        self.lengths.push(self.now.len());
        for index in touched {
            let durable = &self.durable;
            let states = self.sectors.entry(index).or_insert_with(|| vec![durable.sector(index)]);
            states.push(self.now.sector(index));
        }
    }

    fn choose(self, choose: &mut dyn Chooser) -> Content {
        let mut left = self.durable;
        for (index, states) in self.sectors {
            let state = choose.below(states.len() as u64) as usize;
            let mut sector = states[state];
            // Torn: the first bytes are of this state, the rest are of the one before.
            if state > 0 && choose.below(4) == 0 {
                let cut = choose.below(SECTOR as u64) as usize;
                sector[cut..].copy_from_slice(&states[state - 1][cut..]);
            }
            left.set_sector(index, sector);
        }
        let len = self.lengths[choose.below(self.lengths.len() as u64) as usize];
        // What lies behind the length is not there; a longer length shows zeros.
        left.set_len(len);
        left
    }
}
