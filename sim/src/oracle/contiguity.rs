//! Histories have no holes: in a log, on the wire, after a restart.

use super::chain::{Chain, Ends};
use super::{Fact, Oracle, Sight, Verdict};
use zabra_core::contract::Event;
use zabra_core::id::Zxid;
use zabra_core::log::Recovered;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Contiguity {
    ends: Ends,
    chain: Chain,
}

impl Contiguity {
    fn follows(sight: &Sight<'_>, end: Zxid, zxid: Zxid) -> Verdict {
        if end.is_followed_by(zxid) {
            return Ok(());
        }
        let sentence = if zxid <= end { "a record was taken that is already passed" } else { "a history has a hole" };
        let takes = format!("server {} takes {zxid}", sight.server);
        Err(sight.breaks(Self::ID, sentence, takes, format!("its history ends at {end}")).at(zxid))
    }

    /// What a synchronization brought stands in the learner's window: it may have to lead with it.
    fn window(&self, sight: &Sight<'_>) -> Verdict {
        let Some(view) = sight.view else { return Ok(()) };
        let mut history = view.history();
        let (held, end) = (history.len() as u64, view.history_end());
        let Some(first) = history.next().map(|record| record.zxid) else { return Ok(()) };
        match self.chain.count(first, end) {
            Some(expected) if expected != held => {
                let keeps = format!("server {} keeps {held} records from {first} to {end}", sight.server);
                let stand = format!("{expected} stand there");
                Err(sight.breaks(Self::ID, "a window has a hole", keeps, stand).at(end))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The recovered log is contiguous and reaches the image.
    fn recovered(sight: &Sight<'_>, recovered: &Recovered) -> Verdict {
        for pair in recovered.log.windows(2) {
            Contiguity::follows(sight, pair[0].zxid, pair[1].zxid)?;
        }
        let image = recovered.image.zxid();
        match recovered.log.first() {
            Some(first) if first.zxid > image => Contiguity::follows(sight, image, first.zxid),
            Some(_) | None => Ok(()),
        }
    }
}

impl Oracle for Contiguity {
    const ID: &'static str = "contiguity";
    const STATES: &'static str = "In every history zxids are consecutive within an epoch and a new epoch begins at counter 1: nothing is skipped, nothing is taken twice, on the wire, on disk, and in the window of a learner that was synchronized.";
    const SOURCE: &'static str = "catalogue 4 and 17, I-ZXID; ZOOKEEPER-4925, 2418, 962, 408";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        match sight.fact {
            Fact::Reported(Event::Proposed { record } | Event::Accepted { record }) => {
                let end = self.ends.of(sight.server);
                Contiguity::follows(sight, end, record.zxid)?;
                self.chain.link(end, record.zxid);
            }
            Fact::Reported(Event::UpToDate { .. }) => self.window(sight)?,
            Fact::Booted { recovered } => {
                Contiguity::recovered(sight, recovered)?;
                recovered.log.windows(2).for_each(|pair| self.chain.link(pair[0].zxid, pair[1].zxid));
            }
            Fact::Reported(_) | Fact::Crashed | Fact::Destroyed { .. } => {}
        }
        self.ends.follow(sight);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, record, recovered, z};
    use super::*;

    fn accepted(epoch: u32, counter: u32) -> Event {
        Event::Accepted { record: record(epoch, counter) }
    }

    fn stage() -> Stage<Contiguity> {
        let mut stage = Stage::new(Contiguity::default());
        stage.ok(1, accepted(1, 1)).ok(1, accepted(1, 2));
        stage
    }

    #[test]
    fn consecutive_records_and_new_epochs_are_legal() {
        stage()
            .ok(1, accepted(1, 3))
            .ok(1, accepted(4, 1))
            .ok(1, Event::Truncated { after: z(1, 2) })
            .ok(1, accepted(5, 1));
    }

    #[test]
    fn an_image_moves_the_end() {
        stage().ok(1, Event::ImageInstalled { zxid: z(3, 7) }).ok(1, accepted(3, 8));
    }

    #[test]
    fn holes_are_caught() {
        stage().caught(1, accepted(1, 4), "hole");
        stage().caught(1, accepted(2, 2), "hole");
        stage().ok(1, Event::ImageInstalled { zxid: z(3, 7) }).caught(1, accepted(3, 9), "hole");
    }

    #[test]
    fn a_record_taken_twice_is_caught() {
        stage().caught(1, accepted(1, 2), "already passed");
    }

    #[test]
    fn a_hole_in_a_recovered_log_is_caught() {
        stage().boot(1, &recovered(1, 1, &[record(1, 1), record(1, 2)])).ok(1, accepted(1, 3));
        let hole = recovered(1, 1, &[record(1, 1), record(1, 3)]);
        assert!(stage().fact(1, Fact::Booted { recovered: &hole }).is_err());
        let beheaded = recovered(1, 1, &[record(1, 2)]);
        assert!(stage().fact(1, Fact::Booted { recovered: &beheaded }).is_err());
    }
}
