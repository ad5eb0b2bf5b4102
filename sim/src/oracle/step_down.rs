//! A leader that has lost its quorum stops being one, in the step in which it learns of it.
//!
//! Timers decide when a leader learns it, and they may be late; so this property is about the step,
//! not about time. (That a leader without a quorum learns of it at all is a liveness property.)

use super::configurations::Claims;
use super::primary::Reigns;
use super::{Fact, Facts, Oracle, Sight, Verdict};
use std::collections::BTreeMap;
use zabra_core::config::Ensemble;
use zabra_core::contract::Event;
use zabra_core::id::{ServerId, ServerSet};
use zabra_core::zab::ServerState;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StepDown {
    claims: Claims,
    reigns: Reigns,
    /// Leaders that lost their quorum and have not resigned yet, with who is left.
    owing: BTreeMap<ServerId, ServerSet>,
}

impl StepDown {
    pub fn new(ensemble: &Ensemble) -> Self {
        StepDown { claims: Claims::new(ensemble), reigns: Reigns::default(), owing: BTreeMap::new() }
    }

    fn lost(&mut self, sight: &Sight<'_>, learner: ServerId, heard: ServerSet) -> Verdict {
        let me = sight.server;
        if self.reigns.of(me).is_none() || self.claims.have_quorum(me, heard) {
            return Ok(());
        }
        if sight.view.is_some_and(|view| view.state() == ServerState::Leading && view.serving()) {
            return self.still_leads(sight, heard).map_err(|violation| violation.with(learner));
        }
        self.owing.insert(me, heard);
        Ok(())
    }

    fn still_leads(&self, sight: &Sight<'_>, heard: ServerSet) -> Verdict {
        let leads = format!("server {} still leads", sight.server);
        let left = format!("only {heard} are left, of the voters {}", self.claims.voters(sight.server));
        Err(sight.breaks(Self::ID, "a leader without a quorum does not step down", leads, left))
    }

    /// Anything that only a leader does.
    fn is_reign(event: &Event) -> bool {
        matches!(
            event,
            Event::Proposed { .. }
                | Event::Committed { .. }
                | Event::SyncPlanned { .. }
                | Event::SessionExpiring { .. }
                | Event::Prepared { .. }
                | Event::SyncAnswered { .. }
                | Event::LearnerLost { .. }
        )
    }
}

impl Oracle for StepDown {
    const ID: &'static str = "step_down";
    const STATES: &'static str = "An established leader that gives up a learner and is left without a quorum of voters steps down in that step; observers do not count.";
    const SOURCE: &'static str = "catalogue 50; ZOOKEEPER-1294";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        self.claims.follow(sight);
        self.reigns.follow(sight);
        if self.reigns.of(sight.server).is_none() {
            self.owing.remove(&sight.server);
        }
        let Fact::Reported(event) = sight.fact else {
            return Ok(());
        };
        if let Some(heard) = self.owing.get(&sight.server)
            && StepDown::is_reign(event)
        {
            return self.still_leads(sight, *heard);
        }
        if let Event::LearnerLost { learner, heard } = event {
            return self.lost(sight, *learner, *heard);
        }
        Ok(())
    }

    fn end(&mut self, facts: &dyn Facts) -> Verdict {
        let owing = self.owing.iter().find(|(server, _)| facts.view(**server).is_some());
        let Some((server, heard)) = owing else {
            return Ok(());
        };
        Err(super::Violation {
            oracle: Self::ID,
            sentence: "a leader without a quorum did not step down until the end".into(),
            facts: [format!("server {server} leads"), format!("only {heard} were left")],
            servers: ServerSet::from_iter([*server]),
            zxid: None,
            session: None,
            path: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, ensemble, record, s, set, z};
    use super::*;
    use zabra_core::contract::Resigned;
    use zabra_core::id::Epoch;

    /// Voters 1 to 3, observer 4; server 3 is established.
    fn stage() -> Stage<StepDown> {
        let mut stage = Stage::new(StepDown::new(&ensemble(3, 1)));
        stage.ok(3, Event::Established { epoch: Epoch(1), acked: set([2, 3]), initial_end: z(0, 0) });
        stage
    }

    fn lost<const N: usize>(learner: u8, heard: [u8; N]) -> Event {
        Event::LearnerLost { learner: s(learner), heard: set(heard) }
    }

    fn proposed() -> Event {
        Event::Proposed { record: record(1, 1) }
    }

    #[test]
    fn a_leader_that_keeps_a_quorum_goes_on() {
        stage().ok(3, lost(1, [2, 3])).ok(3, proposed());
    }

    #[test]
    fn a_leader_that_resigns_owes_nothing() {
        let resigned = Event::Resigned { epoch: Epoch(1), why: Resigned::QuorumLost };
        let mut stage = stage();
        stage.ok(3, lost(1, [2, 3])).ok(3, lost(2, [3])).ok(3, resigned);
        assert!(stage.oracle.owing.is_empty());
        let mut stage = self::stage();
        stage.ok(3, lost(2, [3])).crash(3).ok(3, proposed());
    }

    #[test]
    fn before_it_is_established_a_leader_may_wait() {
        let mut stage = Stage::new(StepDown::new(&ensemble(3, 1)));
        stage.ok(3, lost(2, [3])).ok(3, proposed());
    }

    #[test]
    fn a_leader_that_goes_on_without_a_quorum_is_caught() {
        let mut stage = stage();
        stage.ok(3, lost(2, [3])).caught(3, proposed(), "does not step down");
    }

    #[test]
    fn observers_do_not_make_a_quorum() {
        let mut stage = stage();
        stage.ok(3, lost(2, [3, 4])).caught(3, proposed(), "does not step down");
    }
}
