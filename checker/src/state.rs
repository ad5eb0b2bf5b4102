//! A state of the model: the world's parts, the oracles' ghosts, and what may still go wrong.

use crate::scope::{Budget, Meddling};
use crate::service::Notes;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use zabra_core::contract::Event;
use zabra_core::id::ServerId;
use zabra_sim::client::ClientStep;
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
    /// What the oracles objected to; see [`State::objection`].
    pub violation: Option<Arc<Violation>>,
    /// What clients did and saw, where there are any.
    pub notes: Option<Notes>,
    /// The steps so far, if somebody tells them: no part of the state.
    pub told: Option<Vec<Step>>,
}

impl State {
    /// Applies a step and shows what happened to the oracles. False if the step does not apply.
    pub fn take(&mut self, step: &Step) -> bool {
        if let (Some(notes), Step::Client { client, what: ClientStep::Submit(operation) }) = (&mut self.notes, step) {
            notes.submitted(*client, self.world.clients[usize::from(*client)].submitted, operation);
        }
        if self.world.apply(step).is_err() {
            return false;
        }
        self.world.effects.clear();
        self.tell(step);
        self.judge();
        self.note();
        true
    }

    /// The first that anybody objected to.
    pub fn objection(&self) -> Option<&Arc<Violation>> {
        self.violation.as_ref().or(self.notes.as_ref().and_then(|notes| notes.violation.as_ref()))
    }

    /// Writes down what servers applied and clients learned, and has it judged.
    fn note(&mut self) {
        let Some(notes) = &mut self.notes else { return };
        let before = notes.grown();
        for event in self.world.out.events() {
            if let Event::Applied { record, .. } = event {
                notes.applied(record);
            }
        }
        for (client, event) in self.world.learned.drain(..) {
            notes.saw(client, &event);
        }
        if notes.grown() != before {
            notes.judge();
        }
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
            Happened::Crashed { server, .. } => self.see(server, Fact::Crashed),
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
            && self.oracles == other.oracles
            && self.violation == other.violation
            && self.world.lines == other.world.lines
            && self.world.line_ages == other.world.line_ages
            && self.world.clients == other.world.clients
            && self.notes == other.notes
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
        self.world.line_ages.hash(hasher);
        self.world.clients.hash(hasher);
        self.notes.hash(hasher);
        self.oracles.hash(hasher);
        self.violation.is_some().hash(hasher);
    }
}
