//! Reading the log back, for learners that are behind the committed window.

use super::Store;
use crate::id::Zxid;
use crate::log::Record;
use crate::log::error::StoreError;
use crate::log::name::FileName;
use crate::log::record::{FileSource, Item, Scanner, repeats};
use crate::log::vfs::{Vfs, VfsError};
use alloc::sync::Arc;
use alloc::vec::Vec;

impl<V: Vfs> Store<V> {
    /// The records from `after` itself up to and including `until`, contiguous. None when the log
    /// does not hold `after`, when there are more bytes of them than `read_bytes`, or when something
    /// on the way cannot be read: the learner then takes an image.
    pub fn read_log(&mut self, after: Zxid, until: Zxid) -> Result<Vec<Record>, StoreError> {
        self.flush()?;
        let first = self.segments.iter().rposition(|segment| *segment <= after).unwrap_or(0);
        let mut wanted = Wanted { after, until, list: Vec::new(), left: self.limits.read_bytes };
        for segment in self.segments.get(first..).unwrap_or_default().to_vec() {
            let path = FileName::Log(segment).path();
            let file = self.vfs.open(&path).map_err(StoreError::at(&path, "open"))?;
            let mut scanner = Scanner::new(FileSource { vfs: &mut self.vfs, file }, self.limits.record_bytes);
            let state = wanted.take_from(&mut scanner);
            self.vfs.close(file);
            match state.map_err(StoreError::at(&path, "read"))? {
                State::More => {}
                State::Complete => break,
                State::Impossible => return Ok(Vec::new()),
            }
        }
        Ok(wanted.list)
    }
}

struct Wanted {
    after: Zxid,
    until: Zxid,
    list: Vec<Record>,
    left: u64,
}

enum State {
    More,
    Complete,
    Impossible,
}

impl Wanted {
    fn take_from<V: Vfs>(&mut self, scanner: &mut Scanner<FileSource<'_, V>>) -> Result<State, VfsError> {
        loop {
            let (zxid, bytes) = match scanner.read_item()? {
                Item::Record { zxid, bytes, .. } => (zxid, bytes),
                Item::End { .. } => return Ok(State::More),
                Item::Damage { .. } => return Ok(State::Impossible),
            };
            if zxid < self.after {
                continue;
            }
            if repeats(self.list.last().map(|last| last.zxid), zxid, bytes) {
                continue;
            }
            let reaches = match self.list.last() {
                Some(last) => last.zxid.is_followed_by(zxid),
                None => zxid == self.after,
            };
            if !reaches {
                return Ok(State::Impossible);
            }
            if zxid > self.until {
                return Ok(State::Complete);
            }
            let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
                return Ok(State::Impossible);
            };
            self.left = left;
            self.list.push(Record { zxid, bytes: Arc::from(bytes) });
        }
    }
}
