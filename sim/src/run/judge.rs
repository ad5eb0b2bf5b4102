//! Everything that judges a run: the white-box oracles while it runs, the histories of the clients
//! at its end.

use crate::history::{Recorder, read_log, witness};
use crate::oracle::{Fact, Facts, Oracles, Sight, Verdict, Violation};
use crate::world::World;
use zabra_core::contract::Event;
use zabra_core::id::{ServerId, ServerSet, Zxid};
use zabra_core::log::Record;
use zabra_core::replica::View;

/// Events of clients that are recorded at most; a run beyond it is not judged by its history.
const HISTORY_EVENTS: usize = 200_000;

/// The oracles of a run, and what the history checks need.
pub struct Judge {
    oracles: Oracles,
    pub recorder: Recorder,
    /// The committed log, as servers applied it.
    applied: Vec<Record>,
    /// Only some oracles are heeded: the clients' histories are then not judged.
    choosy: bool,
}

impl Judge {
    /// Heeds these oracles only; all of them and the histories if none is named.
    pub fn new(world: &World, heeded: &[String]) -> Judge {
        let oracles = Oracles::new(world.ensemble()).heeding(heeded);
        let counter_end = world.machines.first().map_or(u32::MAX, |machine| machine.config.limits.counter_end);
        let oracles = oracles.counting_to(counter_end);
        Judge { oracles, recorder: Recorder::new(HISTORY_EVENTS), applied: Vec::new(), choosy: !heeded.is_empty() }
    }

    pub fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        if let Fact::Reported(Event::Applied { record, .. }) = sight.fact
            && self.applied.last().is_none_or(|last| last.zxid < record.zxid)
        {
            self.applied.push(record.clone());
        }
        self.oracles.see(sight)
    }

    pub fn end(&mut self, world: &World) -> Verdict {
        self.oracles.end(world)?;
        let recorder = std::mem::replace(&mut self.recorder, Recorder::new(0));
        self.histories_of(recorder)
    }

    /// What the clients did and saw so far, judged by its witnesses.
    pub fn histories(&self) -> Verdict {
        self.histories_of(self.recorder.clone())
    }

    fn histories_of(&self, recorder: Recorder) -> Verdict {
        if self.choosy {
            return Ok(());
        }
        let unread = |error: String| Violation {
            oracle: "history",
            sentence: "a committed transaction cannot be read".to_owned(),
            facts: [error, "it was applied".to_owned()],
            servers: ServerSet::EMPTY,
            zxid: self.applied.last().map(|record: &Record| record.zxid),
            session: None,
            path: None,
        };
        let log = read_log(&self.applied).map_err(|error| unread(format!("{error:?}")))?;
        // A run with more events than are kept is judged by the oracles alone.
        let Ok(history) = recorder.finish(log) else { return Ok(()) };
        witness::check(&history).into_iter().next().map_or(Ok(()), Err)
    }

    /// The last transaction that any server applied.
    pub fn applied(&self) -> Zxid {
        self.applied.last().map_or(Zxid::ZERO, |record| record.zxid)
    }
}

impl Facts for World {
    fn servers(&self) -> ServerSet {
        World::servers(self).collect()
    }

    fn view(&self, server: ServerId) -> Option<View<'_>> {
        self.machine(server).view()
    }
}
