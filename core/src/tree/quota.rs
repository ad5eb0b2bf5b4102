//! Quotas: limits on a subtree, and the count of what is in it (reference/zookeeper.md section 2.7).
//!
//! A quota of `/a` is the znode `/zookeeper/quota/a/zookeeper_limits`; what `/a` and everything below
//! take stands beside it in `zookeeper_stats`, and follows each transaction without being one. Only
//! the longest path with a quota counts. Nothing here refuses anything: a leader asks
//! [`DataTree::exceeds_quota`] if quotas are to be kept.

use super::data_tree::DataTree;
use super::path::{is_at_or_below, parent};
use alloc::format;
use alloc::vec::Vec;
use core::fmt;

const TOP: &[u8] = b"/zookeeper/quota";
const LIMITS: &[u8] = b"zookeeper_limits";
const STATS: &[u8] = b"zookeeper_stats";

/// What limits and stats say; −1 is nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Track {
    count: i64,
    bytes: i64,
    count_hard: i64,
    bytes_hard: i64,
}

impl Track {
    const NOTHING: Track = Track { count: -1, bytes: -1, count_hard: -1, bytes_hard: -1 };

    /// As Apache's clients write it: pairs behind `,` or `;`, with a stray `=` behind the bytes. `None`
    /// for what is no such text, which Apache's servers do not survive.
    pub(super) fn parse(data: &[u8]) -> Option<Track> {
        let mut track = Track::NOTHING;
        let text = core::str::from_utf8(data).ok()?;
        for pair in text.split([',', ';']).filter(|pair| !pair.is_empty()) {
            let mut parts = pair.split('=');
            let (key, value) = (parts.next()?, parts.next()?);
            let value = if value.is_empty() { -1 } else { value.parse().ok()? };
            match key {
                "count" => track.count = value,
                "bytes" => track.bytes = value,
                "countHardLimit" => track.count_hard = value,
                "byteHardLimit" => track.bytes_hard = value,
                _ => {}
            }
        }
        Some(track)
    }
}

impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "count={},bytes={}", self.count, self.bytes)?;
        let hard = [("byteHardLimit", self.bytes_hard), ("countHardLimit", self.count_hard)];
        let mut before = "=";
        for (key, value) in hard.into_iter().filter(|(_, value)| *value != -1) {
            write!(f, "{before};{key}={value}")?;
            before = "";
        }
        Ok(())
    }
}

/// Whether a znode is the limit of a quota.
pub(super) fn is_limit((parent, name): (&[u8], &[u8])) -> bool {
    name == LIMITS && parent.len() > TOP.len() && is_at_or_below(parent, TOP)
}

impl DataTree {
    /// A znode at this path came (1), went (−1) or changed its data (0), by so many bytes.
    pub(super) fn count_for_quota(&mut self, path: &[u8], znodes: i64, bytes: i64) {
        if let Some(counted) = counted_anew(path, znodes) {
            self.recount(counted);
        }
        if self.quotas() == 0 || (znodes == 0 && bytes == 0) {
            return;
        }
        let Some(prefix) = self.quota_of(path) else { return };
        let stats = [TOP, prefix, b"/", STATS].concat();
        let Some(znode) = self.get(&stats) else { return };
        let Some(mut track) = Track::parse(znode.data().unwrap_or_default()) else {
            let prefix = prefix.to_vec();
            return self.recount(&prefix);
        };
        track.count = track.count.wrapping_add(znodes);
        track.bytes = track.bytes.wrapping_add(bytes);
        self.replace_data(&stats, format!("{track}").as_bytes());
    }

    /// The longest path at or above this one that has a quota.
    fn quota_of<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        let mut at = path;
        loop {
            if at.len() <= 1 {
                return None;
            }
            if self.contains(&[TOP, at, b"/", LIMITS].concat()) {
                return Some(at);
            }
            at = parent(at)?;
        }
    }

    /// Counts everything at and below a path.
    fn recount(&mut self, path: &[u8]) {
        let track = self.tally(path);
        self.replace_data(&[TOP, path, b"/", STATS].concat(), format!("{track}").as_bytes());
    }

    fn tally(&self, path: &[u8]) -> Track {
        let mut track = Track { count: 0, bytes: 0, ..Track::NOTHING };
        let own = self.get(path).map(|znode| znode.data().map_or(0, <[u8]>::len));
        let below: Vec<u8> = [path, b"/"].concat();
        let beneath = self.iter_from(path, b"").take_while(|entry| entry.parent == path);
        let deeper = self.iter_from(&below, b"").take_while(|entry| entry.parent.starts_with(&below));
        let lens = beneath.chain(deeper).map(|entry| entry.znode.data().map_or(0, <[u8]>::len));
        for len in own.into_iter().chain(lens) {
            track.count += 1;
            track.bytes += len as i64;
        }
        track
    }

    /// What the stats of the quota of a path say, and what a count gives: equal unless another quota
    /// stands below it, or a client has set the stats.
    pub fn quota_stats(&self, path: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let said = self.get(&[TOP, path, b"/", STATS].concat())?.data().unwrap_or_default().to_vec();
        Some((said, format!("{}", self.tally(path)).into_bytes()))
    }

    /// Whether one more znode (or none) and so many more bytes at this path are more than a hard limit
    /// permits. What is proposed and not applied does not count, as in Apache's server.
    pub fn exceeds_quota(&self, path: &[u8], znodes: i64, bytes: i64) -> bool {
        if self.quotas() == 0 {
            return false;
        }
        let Some(prefix) = self.quota_of(path) else { return false };
        let read = |name: &[u8]| {
            let znode = self.get(&[TOP, prefix, b"/", name].concat())?;
            Track::parse(znode.data().unwrap_or_default())
        };
        let (Some(limits), Some(stats)) = (read(LIMITS), read(STATS)) else { return false };
        let over = |limit: i64, now: i64, more: i64| limit > -1 && more != 0 && now.saturating_add(more) > limit;
        over(limits.count_hard, stats.count, znodes) || over(limits.bytes_hard, stats.bytes, bytes)
    }
}

/// A stats znode that is created counts its subtree.
fn counted_anew(path: &[u8], znodes: i64) -> Option<&[u8]> {
    let counted = path.strip_prefix(TOP)?.strip_suffix(STATS)?.strip_suffix(b"/")?;
    (znodes == 1 && !counted.is_empty()).then_some(counted)
}

#[cfg(test)]
mod tests;
