//! A state of the model: the world's parts, the oracles' ghosts, and what may still go wrong.

use crate::scope::{Budget, Meddling};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use zabra_core::id::ServerId;
use zabra_sim::disk::{self, RecordDisk};
use zabra_sim::oracle::{Fact, Oracles, Sight, Violation};
use zabra_sim::step::{Step, Survivors};
use zabra_sim::time::Micros;
use zabra_sim::world::{Happened, World};

/// Among so many numbers one draws any outcome of a small crash.
const DRAWS_MAX: u64 = 10_000;

/// One state.
#[derive(Clone, Debug)]
pub struct State {
    pub world: World<RecordDisk>,
    pub oracles: Oracles,
    pub budget: Budget,
    pub violation: Option<Arc<Violation>>,
    /// The steps so far, if somebody tells them: no part of the state.
    pub told: Option<Vec<Step>>,
}

impl State {
    /// Applies a step and shows what happened to the oracles. False if the step does not apply.
    pub fn take(&mut self, step: &Step) -> bool {
        if self.world.apply(step).is_err() {
            return false;
        }
        self.world.effects.clear();
        self.tell(step);
        self.judge();
        true
    }

    /// Power is gone, and of the disk's queue this is left.
    pub fn crash(&mut self, server: ServerId, kept: disk::Survivors) -> bool {
        let survivors = self.told.is_some().then(|| self.survivors(server, kept));
        let told = self.told.take();
        self.world.machine_mut(server).storage.crash(kept);
        let crashed = self.take(&Step::Crash { server, survivors: Survivors::Nothing });
        self.told = told;
        if let Some(survivors) = survivors {
            self.tell(&Step::Crash { server, survivors });
        }
        crashed
    }

    /// An adversary does this to an election message on its way: no step of the world, so no story tells it.
    pub fn meddle(&mut self, how: Meddling, from: ServerId, to: ServerId) -> bool {
        let (a, b) = (from.min(to), from.max(to));
        let Some(pair) = self.world.pairs.iter_mut().find(|pair| pair.a == a && pair.b == b) else { return false };
        let done = match how {
            Meddling::Drop => pair.arrive(from).is_some(),
            Meddling::Reorder => {
                pair.overtake(from);
                true
            }
            Meddling::Duplicate => self.world.echo(from, to).is_ok(),
        };
        self.world.effects.clear();
        self.judge();
        done
    }

    fn tell(&mut self, step: &Step) {
        if let Some(told) = &mut self.told {
            told.push(step.clone());
        }
    }

    /// The words of a story for this outcome of a crash.
    fn survivors(&self, server: ServerId, kept: disk::Survivors) -> Survivors {
        let machine = self.world.machine(server);
        let mut wanted = machine.storage.clone();
        wanted.crash(kept);
        let leads_there = |survivors: &Survivors| {
            let mut machine = machine.clone();
            machine.lose(*survivors);
            machine.storage == wanted
        };
        let drawn = (0..DRAWS_MAX).map(Survivors::Drawn);
        let mut all = [Survivors::Nothing, Survivors::Everything].into_iter().chain(drawn);
        all.find(leads_there).unwrap_or(Survivors::Nothing)
    }

    fn judge(&mut self) {
        match std::mem::take(&mut self.world.happened) {
            Happened::Nothing => {}
            Happened::Stepped(server) => self.judge_events(server),
            Happened::Booted(server, recovered) => {
                self.see(server, Fact::Booted { recovered: &recovered });
                self.judge_events(server);
            }
            Happened::Crashed(server) => self.see(server, Fact::Crashed),
            Happened::Destroyed(server, held) => self.see(server, Fact::Destroyed { held }),
        }
    }

    fn judge_events(&mut self, server: ServerId) {
        let events = self.world.out.events().to_vec();
        for event in &events {
            self.see(server, Fact::Reported(event));
        }
    }

    fn see(&mut self, server: ServerId, fact: Fact<'_>) {
        let machine = self.world.machine(server);
        let sight = Sight { now: Micros::ZERO, server, fact, view: machine.view(), disk: machine.durable() };
        if let Err(violation) = self.oracles.see(&sight) {
            self.violation.get_or_insert(Arc::new(violation));
        }
    }
}

// What the last step reported is no part of the state; everything that can influence the future is.
impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.budget == other.budget
            && self.world.machines == other.world.machines
            && self.world.cables == other.world.cables
            && self.world.ages == other.world.ages
            && self.world.pairs == other.world.pairs
            && self.world.lines == other.world.lines
            && self.oracles == other.oracles
            && self.violation == other.violation
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.budget.hash(hasher);
        for machine in &self.world.machines {
            machine.replica.hash(hasher);
            machine.storage.hash(hasher);
            machine.incarnation.hash(hasher);
            machine.armed.hash(hasher);
            machine.fault.is_some().hash(hasher);
        }
        self.world.cables.hash(hasher);
        self.world.ages.hash(hasher);
        self.world.pairs.hash(hasher);
        self.world.lines.hash(hasher);
        self.oracles.hash(hasher);
        self.violation.is_some().hash(hasher);
    }
}
