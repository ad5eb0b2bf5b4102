//! What is looked at when a search has ended: that equal inputs gave equal outputs, that hashes are equal exactly where
//! parts are, and that what was forgotten made no difference.

use super::Parts;
use crate::interned::index::{Id, Memo, hash_of};
use crate::interned::react::{Reaction, Stimulus, react};
use crate::interned::spent;
use zabra_core::contract::{Event, Timer};

impl Parts {
    /// Works every reaction out again: how many differ from what was remembered, in value or in hash.
    pub fn unequal_reactions(&mut self) -> usize {
        let mut unequal = 0;
        for &((machine, stimulus), known) in self.react.entries() {
            let (after, reaction) = react(self.machines.get(machine), stimulus, &mut self.letters);
            let known = self.facts.reaction(known);
            let same = **self.machines.get(known.machine) == after
                && hash_of(self.machines.get(known.machine).as_ref()) == hash_of(&after);
            unequal += usize::from(!same || Reaction { machine: known.machine, ..reaction } != *known);
        }
        unequal
    }

    /// Distinct parts under one long hash: with [`Parts::unequal_reactions`] at nothing, hashes are equal
    /// exactly where parts are.
    pub fn clashes(&self) -> usize {
        let letters = self.letters.packets.clashes() + self.letters.notifications.clashes();
        let guests = self.letters.frames.clashes() + self.seats.clashes() + self.notes.clashes();
        let servers = self.machines.clashes() + self.cables.clashes() + self.pairs.clashes();
        servers + self.ghosts.clashes() + letters + guests
    }

    /// Whether forgetting was right, on everything that happened to a machine that had forgotten: the
    /// one that had not, and whatever becomes of it, must do the same. How often it does not.
    pub fn unequal_forgotten(&mut self) -> usize {
        let mut happened = vec![Vec::new(); self.machines.len()];
        for &((machine, stimulus), _) in self.react.entries() {
            happened[machine as usize].push(stimulus);
        }
        let entries = self.forget_machine.entries().iter();
        let mut todo: Vec<(Id, bool)> = entries.filter(|((from, _), to)| from != to).map(|(key, _)| *key).collect();
        let (mut unequal, mut seen) = (0, Memo::new());
        while let Some((machine, stays)) = todo.pop() {
            let kept = self.forgotten(machine, stays);
            for stimulus in happened.get(kept as usize).cloned().unwrap_or_default() {
                if stays && matches!(stimulus, Stimulus::Crash(_) | Stimulus::Fired(Timer::InitLimit)) {
                    continue;
                }
                let (after, one) = react(self.machines.get(machine), stimulus, &mut self.letters);
                let (other_after, other) = react(self.machines.get(kept), stimulus, &mut self.letters);
                let (after, other_after) = (self.intern_machine(after), self.intern_machine(other_after));
                let same = self.forgotten(after, stays) == self.forgotten(other_after, stays);
                unequal += usize::from(!same || one != other);
                if seen.get(&(after, stays)).is_none() {
                    seen.insert((after, stays), 0);
                    todo.push((after, stays));
                }
            }
        }
        unequal
    }

    /// The same of elections that were used up: how often a machine that had not forgotten them does something else,
    /// but for what is said in elections, on everything that happened to the one that had.
    pub fn unequal_spent(&mut self) -> usize {
        let entries = self.spent_machine.entries();
        let mut todo: Vec<Id> = entries.iter().filter(|(from, to)| from != to).map(|(from, _)| *from).collect();
        if todo.is_empty() {
            return 0;
        }
        let mut happened = vec![Vec::new(); self.machines.len()];
        for &((machine, stimulus), _) in self.react.entries() {
            happened[machine as usize].push(stimulus);
        }
        let (mut unequal, mut seen) = (0, Memo::new());
        while let Some(machine) = todo.pop() {
            let kept = self.spent(machine);
            for stimulus in happened.get(kept as usize).cloned().unwrap_or_default() {
                // An election's own, from before the last one was used up.
                if matches!(
                    stimulus,
                    Stimulus::Notified { .. } | Stimulus::Fired(Timer::Notification | Timer::FinalizeWait)
                ) {
                    continue;
                }
                let (after, one) = react(self.machines.get(machine), stimulus, &mut self.letters);
                // It would be elected by what it had kept: that is cut off.
                if one.events.iter().any(|event| matches!(event, Event::Elected { .. })) {
                    continue;
                }
                let (other_after, other) = react(self.machines.get(kept), stimulus, &mut self.letters);
                let (after, other_after) = (self.intern_machine(after), self.intern_machine(other_after));
                let same = self.spent(after) == self.spent(other_after);
                unequal += usize::from(!same || !spent::alike(&one, &other));
                if seen.get(&after).is_none() {
                    seen.insert(after, 0);
                    todo.push(after);
                }
            }
        }
        unequal
    }
}
