//! Equal zxid, equal record, equal prefix: over all servers, all lives, and truncated tails.

use super::chain::{Chain, Ends};
use super::{Fact, Oracle, Sight, Verdict};
use std::collections::BTreeMap;
use zabra_core::contract::Event;
use zabra_core::id::Zxid;
use zabra_core::log::Record;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LogMatching {
    ends: Ends,
    chain: Chain,
    /// A fingerprint of the bytes of every record ever seen.
    records: BTreeMap<Zxid, u64>,
}

impl LogMatching {
    fn identity(&mut self, sight: &Sight<'_>, record: &Record) -> Verdict {
        let print = fingerprint(&record.bytes);
        let known = *self.records.entry(record.zxid).or_insert(print);
        if known == print {
            return Ok(());
        }
        let holds = format!("server {} holds {} with fingerprint {print:016x}", sight.server, record.zxid);
        let first = format!("it was first seen with fingerprint {known:016x}");
        Err(sight.breaks(Self::ID, "one zxid stands for two records", holds, first).at(record.zxid))
    }

    /// `record` follows `end` in the history of the sight's server.
    fn follows(&mut self, sight: &Sight<'_>, end: Zxid, record: &Record) -> Verdict {
        self.identity(sight, record)?;
        self.chain.link(end, record.zxid);
        match self.chain.before(record.zxid) {
            Some(before) if before != end => {
                let here = format!("on server {} it follows {end}", sight.server);
                let there = format!("elsewhere it follows {before}");
                Err(sight.breaks(Self::ID, "one record stands after two histories", here, there).at(record.zxid))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn cut(&self, sight: &Sight<'_>, after: Zxid) -> Verdict {
        let end = self.ends.of(sight.server);
        if self.chain.holds(end, after) {
            return Ok(());
        }
        let cuts = format!("server {} cuts after {after}", sight.server);
        let holds = format!("its history, which ends at {end}, does not hold {after}");
        Err(sight.breaks(Self::ID, "a history is cut after a record that it does not hold", cuts, holds).at(after))
    }
}

impl Oracle for LogMatching {
    const ID: &'static str = "log_matching";
    const STATES: &'static str = "Records of equal zxid have equal bytes and stand after equal histories, on all servers, in all lives, in truncated tails too.";
    const SOURCE: &'static str = "catalogue 3 and 5, I-PREFIX; ZOOKEEPER-1154";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        match sight.fact {
            Fact::Reported(Event::Proposed { record } | Event::Accepted { record }) => {
                self.follows(sight, self.ends.of(sight.server), record)?;
            }
            Fact::Reported(Event::Applied { record, .. }) => self.identity(sight, record)?,
            Fact::Reported(Event::Truncated { after }) => self.cut(sight, *after)?,
            Fact::Booted { recovered } => {
                let mut end = None;
                for record in &recovered.log {
                    match end {
                        Some(end) => self.follows(sight, end, record)?,
                        None => self.identity(sight, record)?,
                    }
                    end = Some(record.zxid);
                }
            }
            Fact::Reported(_) | Fact::Crashed | Fact::Destroyed { .. } => {}
        }
        self.ends.follow(sight);
        Ok(())
    }
}

/// A fingerprint of bytes, the same on every machine (a word-wise multiply and rotate).
fn fingerprint(bytes: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |print: u64, word: [u8; 8]| (print.rotate_left(29) ^ u64::from_le_bytes(word)).wrapping_mul(K);
    let (words, rest) = bytes.as_chunks::<8>();
    let print = words.iter().fold(bytes.len() as u64 ^ K, |print, word| mix(print, *word));
    if rest.is_empty() {
        return print;
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(print, last)
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, record, recovered, z};
    use super::*;
    use std::sync::Arc;

    fn accepted(epoch: u32, counter: u32) -> Event {
        Event::Accepted { record: record(epoch, counter) }
    }

    fn forged(epoch: u32, counter: u32) -> Record {
        Record { zxid: z(epoch, counter), bytes: Arc::from([1, 2, 3].as_slice()) }
    }

    /// Servers 1 and 2 hold 1.1, 1.2; server 1 has 1.3 besides, server 2 then 2.1.
    fn stage() -> Stage<LogMatching> {
        let mut stage = Stage::new(LogMatching::default());
        for server in [1, 2] {
            stage.ok(server, accepted(1, 1)).ok(server, accepted(1, 2));
        }
        stage.ok(1, accepted(1, 3)).ok(2, Event::Proposed { record: record(2, 1) });
        stage
    }

    #[test]
    fn a_tail_that_is_cut_and_replaced_is_legal() {
        stage().ok(1, Event::Truncated { after: z(1, 2) }).ok(1, accepted(2, 1));
    }

    #[test]
    fn an_image_in_place_of_a_tail_is_legal() {
        stage().ok(1, Event::ImageInstalled { zxid: z(1, 2) }).ok(1, accepted(2, 1));
    }

    #[test]
    fn a_tail_that_stays_is_caught() {
        stage().caught(1, accepted(2, 1), "two histories");
    }

    #[test]
    fn a_gap_before_a_new_epoch_is_caught() {
        let mut stage = stage();
        stage.ok(3, accepted(1, 1)).caught(3, accepted(2, 1), "two histories");
    }

    #[test]
    fn other_bytes_under_the_same_zxid_are_caught() {
        let mut stage = stage();
        stage.clone().caught(3, Event::Applied { record: forged(1, 1), digest: 0 }, "two records");
        stage.ok(1, Event::Truncated { after: z(1, 2) });
        stage.caught(1, Event::Accepted { record: forged(1, 3) }, "two records");
    }

    #[test]
    fn a_cut_after_what_is_not_held_is_caught() {
        stage().caught(2, Event::Truncated { after: z(1, 3) }, "does not hold");
    }

    #[test]
    fn a_disk_that_gives_back_another_history_is_caught() {
        let image = recovered(2, 2, &[record(1, 2), record(1, 3), record(2, 1)]);
        assert!(stage().fact(2, Fact::Booted { recovered: &image }).is_err());
        let image = recovered(2, 2, &[record(1, 1), forged(1, 2)]);
        assert!(stage().fact(2, Fact::Booted { recovered: &image }).is_err());
        stage().boot(2, &recovered(2, 2, &[record(1, 1), record(1, 2)]));
    }
}
