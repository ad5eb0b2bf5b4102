//! What is committed, applied or answered is chosen, in one order; what is chosen is never cut.
//!
//! "Chosen" is [`Chosen`]: committed by a leader, or part of an established initial history. Every
//! server's sequence of applied records then is a walk along one chain, so any two are
//! prefix-comparable, previous lives included.

use super::chain::{Chain, Chosen, Ends};
use super::{Fact, Oracle, Sight, Verdict};
use std::collections::BTreeMap;
use zabra_core::contract::Event;
use zabra_core::id::{ServerId, Zxid};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CommitSafety {
    ends: Ends,
    chain: Chain,
    chosen: Chosen,
    /// The last record that each server has applied.
    applied: BTreeMap<ServerId, Zxid>,
}

impl CommitSafety {
    fn committed(&mut self, sight: &Sight<'_>, zxid: Zxid) -> Verdict {
        let commits = || format!("server {} commits {zxid}", sight.server);
        if let Some(before) = self.chain.before(zxid)
            && !self.chosen.contains(before)
        {
            let not = format!("{before}, which stands before it, is not committed");
            return Err(sight
                .breaks(Self::ID, "a record is committed before its predecessor", commits(), not)
                .at(zxid));
        }
        let end = self.ends.of(sight.server);
        if !self.chain.holds(end, zxid) {
            let holds = format!("its history, which ends at {end}, does not hold it");
            let sentence = "a leader commits a record that it does not have";
            return Err(sight.breaks(Self::ID, sentence, commits(), holds).at(zxid));
        }
        self.chosen.choose(&self.chain, zxid);
        Ok(())
    }

    fn applied(&mut self, sight: &Sight<'_>, zxid: Zxid) -> Verdict {
        let applies = || format!("server {} applies {zxid}", sight.server);
        if !self.chosen.contains(zxid) {
            let newest = format!("no leader has committed it; the newest chosen record is {}", self.chosen.end());
            return Err(sight
                .breaks(Self::ID, "a record is applied that is not committed", applies(), newest)
                .at(zxid));
        }
        let last = self.applied.insert(sight.server, zxid).unwrap_or(Zxid::ZERO);
        match self.chain.before(zxid) {
            Some(before) if before != last => {
                let passed = format!("it applied {last} last; {before} stands before {zxid}");
                Err(sight.breaks(Self::ID, "records are applied out of order", applies(), passed).at(zxid))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn cut(&self, sight: &Sight<'_>, after: Zxid) -> Verdict {
        let end = self.ends.of(sight.server);
        match self.chain.branch(end, after) {
            Some(lost) if lost != after && self.chosen.contains(lost) => {
                let cuts = format!("server {} cuts its history, which ends at {end}, after {after}", sight.server);
                let chosen = format!("{lost} is chosen");
                Err(sight.breaks(Self::ID, "a chosen record is cut", cuts, chosen).at(lost))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The database of a server becomes that at `zxid`: an image came, or one was recovered.
    fn replaced(&mut self, sight: &Sight<'_>, zxid: Zxid) -> Verdict {
        let first = self.applied.insert(sight.server, zxid).is_none();
        if self.chosen.contains(zxid) {
            return Ok(());
        }
        if first {
            // The world starts with histories of its own making; they are given.
            self.chosen.choose(&self.chain, zxid);
            return Ok(());
        }
        let holds = format!("server {} has an image at {zxid}", sight.server);
        let newest = format!("the newest chosen record is {}", self.chosen.end());
        Err(sight.breaks(Self::ID, "an image holds what is not committed", holds, newest).at(zxid))
    }

    /// What UPTODATE commits is applied in the step in which the server begins to serve.
    fn serves(sight: &Sight<'_>, committed: Zxid) -> Verdict {
        match sight.view.map(|view| view.applied()) {
            Some(applied) if applied < committed => {
                let serves = format!("server {} serves, and has applied {applied}", sight.server);
                let declared = format!("UPTODATE declares everything up to {committed} committed");
                let sentence = "a server serves before it has applied what is committed";
                Err(sight.breaks(Self::ID, sentence, serves, declared).at(committed))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn answered(&self, sight: &Sight<'_>, zxid: Zxid) -> Verdict {
        if self.chosen.contains(zxid) {
            return Ok(());
        }
        let answers = format!("server {} answers a client with {zxid}", sight.server);
        let newest = format!("the newest chosen record is {}", self.chosen.end());
        Err(sight.breaks(Self::ID, "a client sees what is not committed", answers, newest).at(zxid))
    }
}

impl Oracle for CommitSafety {
    const ID: &'static str = "commit_safety";
    const STATES: &'static str = "Records are committed in the order of the history; what is applied, answered or kept in an image is committed; all servers apply one sequence, previous lives included; a server that begins to serve has applied what UPTODATE commits; no chosen record is ever cut.";
    const SOURCE: &'static str =
        "catalogue 8, 10, 16, 23, I-COMMIT, I-DUR; Remix I-3 to I-5, I-11, I-13; ZOOKEEPER-3023";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        match sight.fact {
            Fact::Booted { recovered } => {
                self.replaced(sight, recovered.image.zxid())?;
                for pair in recovered.log.windows(2) {
                    self.chain.link(pair[0].zxid, pair[1].zxid);
                }
            }
            Fact::Reported(event) => self.judge(sight, event)?,
            Fact::Crashed | Fact::Destroyed { .. } => {}
        }
        self.ends.follow(sight);
        Ok(())
    }
}

impl CommitSafety {
    fn judge(&mut self, sight: &Sight<'_>, event: &Event) -> Verdict {
        #[expect(clippy::wildcard_enum_match_arm, reason = "an oracle names the events that concern it")]
        match event {
            Event::Proposed { record } | Event::Accepted { record } => {
                self.chain.link(self.ends.of(sight.server), record.zxid);
                Ok(())
            }
            Event::Established { initial_end, .. } => {
                self.chosen.choose(&self.chain, *initial_end);
                Ok(())
            }
            Event::Committed { zxid, .. } => self.committed(sight, *zxid),
            Event::Applied { record, .. } => self.applied(sight, record.zxid),
            Event::Truncated { after } => self.cut(sight, *after),
            Event::UpToDate { committed, .. } => Self::serves(sight, *committed),
            Event::ImageInstalled { zxid } => self.replaced(sight, *zxid),
            Event::Replied { zxid, .. } => self.answered(sight, *zxid),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, record, recovered, set, z};
    use super::*;
    use zabra_core::id::{ClientId, Epoch, SessionId, Xid};

    fn accepted(epoch: u32, counter: u32) -> Event {
        Event::Accepted { record: record(epoch, counter) }
    }

    fn committed(epoch: u32, counter: u32) -> Event {
        Event::Committed { zxid: z(epoch, counter), acked: set([1, 2]) }
    }

    fn applied(epoch: u32, counter: u32) -> Event {
        Event::Applied { record: record(epoch, counter), digest: 0 }
    }

    fn established(epoch: u32, initial_end: Zxid) -> Event {
        Event::Established { epoch: Epoch(epoch), acked: set([1, 2]), initial_end }
    }

    fn replied(zxid: Zxid) -> Event {
        Event::Replied { client: ClientId(0), session: SessionId(1), xid: Xid(1), op: 4, zxid, err: 0 }
    }

    /// Server 1 leads epoch 1 and has 1.1 to 1.3, of which 1.1 and 1.2 are committed; server 2 has
    /// the same, server 3 has 1.1.
    fn stage() -> Stage<CommitSafety> {
        let mut stage = Stage::new(CommitSafety::default());
        for server in [1, 2, 3] {
            stage.boot(server, &recovered(0, 0, &[]));
        }
        stage.ok(1, established(1, Zxid::ZERO));
        for counter in 1..=3 {
            stage.ok(1, Event::Proposed { record: record(1, counter) }).ok(2, accepted(1, counter));
        }
        stage.ok(3, accepted(1, 1)).ok(1, committed(1, 1)).ok(1, committed(1, 2));
        stage
    }

    #[test]
    fn applying_in_order_over_lives_is_legal() {
        let mut stage = stage();
        stage.ok(1, applied(1, 1)).ok(1, replied(z(1, 1))).ok(1, applied(1, 2)).ok(2, applied(1, 1));
        stage.crash(2).boot(2, &recovered(1, 1, &[record(1, 1), record(1, 2), record(1, 3)]));
        stage.ok(2, established(2, z(1, 3))).ok(2, applied(1, 1)).ok(2, applied(1, 2)).ok(2, applied(1, 3));
        stage.ok(2, Event::Proposed { record: record(2, 1) }).ok(2, committed(2, 1)).ok(2, applied(2, 1));
        stage.ok(3, Event::ImageInstalled { zxid: z(1, 3) }).ok(3, accepted(2, 1)).ok(3, applied(2, 1));
    }

    #[test]
    fn cutting_a_tail_that_is_not_chosen_is_legal() {
        stage().ok(1, Event::Truncated { after: z(1, 2) });
    }

    #[test]
    fn committing_out_of_order_is_caught() {
        let mut stage = stage();
        stage.ok(1, Event::Proposed { record: record(1, 4) });
        stage.caught(1, committed(1, 4), "before its predecessor");
    }

    #[test]
    fn committing_what_the_leader_does_not_have_is_caught() {
        stage().caught(3, committed(1, 2), "does not have");
    }

    #[test]
    fn applying_what_is_not_committed_is_caught() {
        let mut stage = stage();
        stage.ok(2, applied(1, 1)).ok(2, applied(1, 2)).caught(2, applied(1, 3), "not committed");
    }

    #[test]
    fn applying_out_of_order_is_caught() {
        stage().caught(2, applied(1, 2), "out of order");
        stage().ok(2, applied(1, 1)).caught(2, applied(1, 1), "out of order");
    }

    #[test]
    fn cutting_a_chosen_record_is_caught() {
        stage().caught(2, Event::Truncated { after: z(1, 1) }, "chosen record is cut");
    }

    #[test]
    fn an_image_of_what_is_not_committed_is_caught() {
        stage().caught(3, Event::ImageInstalled { zxid: z(1, 3) }, "image holds");
    }

    #[test]
    fn answering_with_what_is_not_committed_is_caught() {
        stage().caught(2, replied(z(1, 3)), "client sees");
    }
}
