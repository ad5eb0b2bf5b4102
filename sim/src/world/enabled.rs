//! The steps that a world can take now: for the exhaustive explorer and the story runner.
//!
//! Budgeted steps (crashes, breaks, pauses, cuts, clients' operations) are always possible and
//! belong to the holder; what is listed here is what the world does by itself.

use super::World;
use crate::disk::Disk;
use crate::link::Side;
use crate::step::{Job, Step};

impl<D: Disk> World<D> {
    /// Deliveries, connections, storage completions and timers, in a fixed order.
    pub fn enabled(&self) -> Vec<Step> {
        let mut steps = self.deliveries();
        steps.extend(self.completions());
        for machine in self.machines.iter().filter(|machine| machine.runs()) {
            let server = machine.me();
            steps.extend(machine.armed.iter().map(|(timer, _)| Step::Fire { server, timer: *timer }));
        }
        steps
    }

    /// What can arrive.
    pub fn deliveries(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for pair in &self.pairs {
            let (a, b) = (pair.a, pair.b);
            for (from, to) in [(a, b), (b, a)] {
                if self.notifiable(from, to) {
                    steps.push(Step::Notify { from, to });
                }
            }
            if pair.wants() && self.can_meet(a, b) {
                steps.push(Step::Meet { a, b });
            }
        }
        for cable in &self.ages {
            for side in Side::BOTH {
                if self.deliverable(*cable, side)
                    && let Some((from, to, nth)) = self.name_cable(*cable, side)
                {
                    steps.push(Step::Deliver { from, to, nth });
                }
            }
        }
        self.client_deliveries(&mut steps);
        steps
    }

    /// What a disk can finish.
    pub fn completions(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for machine in self.machines.iter().filter(|machine| machine.runs()) {
            let server = machine.me();
            if machine.storage.completable() {
                steps.push(Step::Complete { server, job: Job::Sync });
            }
            if machine.storage.checkpointing().is_some() {
                steps.push(Step::Complete { server, job: Job::Checkpoint });
            }
            if !machine.questions.is_empty() {
                steps.push(Step::Complete { server, job: Job::ReadLog });
            }
        }
        steps
    }
}
