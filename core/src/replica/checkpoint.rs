//! When a checkpoint is taken (contract section 3): enough was applied since the last one, it is
//! durable locally, and none is being written.

use crate::config::Config;
use crate::id::Zxid;

/// What has been applied since the last checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Checkpoints {
    last: Zxid,
    running: bool,
    /// Due at the next chance: a configuration came into force, and a server that starts from the log
    /// alone cannot know it.
    hurried: bool,
    records: u32,
    bytes: u64,
}

impl Checkpoints {
    pub fn restore(image: Zxid) -> Checkpoints {
        Checkpoints { last: image, running: false, hurried: false, records: 0, bytes: 0 }
    }

    pub fn on_applied(&mut self, bytes: u64) {
        self.records = self.records.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    pub fn hurry(&mut self) {
        self.hurried = true;
    }

    pub fn on_saved(&mut self, zxid: Zxid) {
        self.running = false;
        self.last = self.last.max(zxid);
    }

    pub fn start(&mut self, zxid: Zxid) {
        self.running = true;
        self.hurried = false;
        self.last = zxid;
        self.records = 0;
        self.bytes = 0;
    }

    /// Servers do not all write at once: each waits up to an eighth longer, by a hash of itself and
    /// its last checkpoint.
    pub fn is_due(&self, config: &Config, applied: Zxid) -> bool {
        if self.running || applied <= self.last {
            return false;
        }
        if self.hurried {
            return true;
        }
        let limit = config.limits.checkpoint_records;
        let mixed = (self.last.0 ^ u64::from(config.me.0)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let spread = (mixed % u64::from(limit / 8 + 1)) as u32;
        self.records >= limit.saturating_add(spread) || self.bytes >= config.limits.checkpoint_bytes
    }
}
