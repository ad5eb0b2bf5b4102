//! Everything that judges a run: the white-box oracles while it runs, the histories of the clients
//! at its end.

use super::Explorer;
use crate::history::{History, Recorder, read_log, witness};
use crate::link::Item;
use crate::oracle::{Fact, Facts, Oracles, Sight, Verdict, Violation};
use crate::time::Micros;
use crate::world::World;
use zabra_core::contract::Event;
use zabra_core::id::{ServerId, ServerSet, Zxid};
use zabra_core::log::Record;
use zabra_core::replica::View;
use zabra_core::zab::Packet;

/// Events of clients that are recorded at most; a run beyond it fails, for it cannot be judged.
const HISTORY_EVENTS: usize = 200_000;

/// The oracles of a run, and what the history checks need.
pub struct Judge {
    oracles: Oracles,
    pub recorder: Recorder,
    /// The committed log, as servers applied it.
    applied: Vec<Record>,
    /// Only some oracles are heeded: the clients' histories are then not judged.
    choosy: bool,
    /// The history of a run that is over.
    history: Option<History>,
}

impl Judge {
    /// Heeds these oracles only; all of them and the histories if none is named.
    pub fn new(world: &World, heeded: &[String]) -> Judge {
        let oracles = Oracles::new(world.ensemble()).heeding(heeded);
        let counter_end = world.machines.first().map_or(u32::MAX, |machine| machine.config.limits.counter_end);
        let never_used_ms = world.machines.first().map_or(0, |machine| machine.config.fading.never_used_ms);
        let oracles = oracles.counting_to(counter_end).sparing(never_used_ms);
        let (recorder, choosy) = (Recorder::new(HISTORY_EVENTS), !heeded.is_empty());
        Judge { oracles, recorder, applied: Vec::new(), choosy, history: None }
    }

    /// In a world whose time is true time, by clocks that are this fast at the start.
    pub fn with_clock(mut self, drift_ppm: &[i32]) -> Judge {
        self.oracles = self.oracles.with_clock();
        for (index, ppm) in drift_ppm.iter().enumerate() {
            self.drifts(ServerId(index as u8 + 1), *ppm);
        }
        self
    }

    /// A server's clock is this fast from now on.
    pub fn drifts(&mut self, server: ServerId, ppm: i32) {
        self.oracles.drifts(server, ppm);
    }

    /// What is about to arrive at a server tells it of sessions.
    pub fn hears(&mut self, now: Micros, server: ServerId, item: &Item<Packet>) {
        let Item::Carry(packet) = item else { return };
        if let Packet::Ping { sessions, .. } = packet {
            sessions.iter().for_each(|(session, _)| self.oracles.heard(now, server, *session));
        } else if let Packet::Revalidate { session, .. } = packet {
            self.oracles.heard(now, server, *session);
        }
    }

    /// The run has more events than are kept, so that its histories cannot be judged.
    pub fn overflow(&self) -> Option<Violation> {
        (self.recorder.is_overfull() && !self.choosy).then(|| Violation {
            oracle: "history",
            sentence: format!("the history is too long to judge: it has more than {} events", self.recorder.len()),
            facts: [
                self.recorder.events().last().map_or_else(String::new, |event| {
                    format!("the last event that was kept is of client {} at {}", event.client, Micros(event.at))
                }),
                "a run that is not judged does not pass".to_owned(),
            ],
            servers: ServerSet::EMPTY,
            zxid: self.applied.last().map(|record| record.zxid),
            session: None,
            path: None,
        })
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
        self.states(world)?;
        self.overflow().map_or(Ok(()), Err)?;
        let recorder = std::mem::replace(&mut self.recorder, Recorder::new(0));
        self.history = self.history_of(recorder)?;
        self.judged(self.history.as_ref())
    }

    /// What only the state at an end can show, judged by the oracles.
    pub fn states(&mut self, world: &World) -> Verdict {
        self.oracles.end(world)
    }

    /// What the clients did and saw so far, judged by its witnesses.
    pub fn histories(&self) -> Verdict {
        self.overflow().map_or(Ok(()), Err)?;
        self.judged(self.history_of(self.recorder.clone())?.as_ref())
    }

    /// What the clients did and saw, and the log that came of it; `None` for a run with more events than
    /// are kept (see [`Judge::overflow`]).
    pub fn history(&self) -> Option<History> {
        let so_far = || self.history_of(self.recorder.clone()).ok().flatten();
        self.history.clone().or_else(so_far)
    }

    fn judged(&self, history: Option<&History>) -> Verdict {
        let Some(history) = history.filter(|_| !self.choosy) else { return Ok(()) };
        witness::check(history).into_iter().next().map_or(Ok(()), Err)
    }

    fn history_of(&self, recorder: Recorder) -> Result<Option<History>, Violation> {
        let unread = |error: String| Violation {
            oracle: "history",
            sentence: "a committed transaction cannot be read".to_owned(),
            facts: [error, "it was applied".to_owned()],
            servers: ServerSet::EMPTY,
            zxid: self.applied.last().map(|record: &Record| record.zxid),
            session: None,
            path: None,
        };
        match read_log(&self.applied) {
            Ok(log) => Ok(recorder.finish(log).ok()),
            Err(_) if self.choosy => Ok(None),
            Err(error) => Err(unread(format!("{error:?}"))),
        }
    }

    /// The last transaction that any server applied.
    pub fn applied(&self) -> Zxid {
        self.applied.last().map_or(Zxid::ZERO, |record| record.zxid)
    }
}

impl Explorer<'_> {
    /// What the clients did and saw; `None` for a run with more events than are kept.
    pub fn history(&self) -> Option<History> {
        self.judge.history()
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
