//! Who asks the tables: the one who may work out what is missing, and the threads, each of which
//! remembers what it asked lately.

use super::{CableOp, Facts, Noted, PairsOp, Parts, SeatOp, Talked};
use crate::interned::election::election;
use crate::interned::forget::Ears;
use crate::interned::index::{Id, Lately};
use crate::interned::react::Stimulus;
use std::ops::DerefMut;
#[expect(
    clippy::disallowed_types,
    reason = "threads number parts in any order: numbers are names, and what is reported does not depend on them"
)]
use std::sync::{Mutex, MutexGuard};
use zabra_core::id::{ServerId, ServerSet};
use zabra_sim::link::Link;
use zabra_sim::world::Cable;

/// Who may look things up, and work them out.
pub trait Known {
    fn parts(&self) -> &Facts;
    fn react(&mut self, machine: Id, stimulus: Stimulus) -> Id;
    fn cable(&mut self, cable: Id, op: CableOp) -> Id;
    fn dial(&mut self, from: ServerId, peer: ServerId) -> Id;
    fn talk(&mut self, pairs: Id, op: PairsOp) -> Talked;
    fn judge(&mut self, ghost: Id, reaction: Id) -> Id;
    fn judge_election(&mut self, ghost: Id, election: Id) -> Id;
    /// The election of `who` among these machines, the pairs being the last of `state`.
    fn elect(&mut self, state: &[Id], who: ServerSet) -> Id;
    /// The machine without what it will not need, if it `stays` in its role or not.
    fn forget_machine(&mut self, machine: Id, stays: bool) -> Id;
    fn forget_pair(&mut self, pairs: Id, ears: Ears) -> Id;
    /// The machine and the ghost without what was said in elections.
    fn spent_machine(&mut self, machine: Id) -> Id;
    fn spent_ghost(&mut self, ghost: Id) -> Id;
    fn seat(&mut self, seat: Id, op: SeatOp) -> Id;
    fn note(&mut self, notes: Id, noted: Noted) -> Id;
}

/// Looks things up in the tables and works out what is missing.
pub struct Learner<'a>(pub &'a mut Parts);

impl Known for Learner<'_> {
    fn parts(&self) -> &Facts {
        &self.0.facts
    }

    fn react(&mut self, machine: Id, stimulus: Stimulus) -> Id {
        self.0.react.get(&(machine, stimulus)).unwrap_or_else(|| {
            let reaction = self.0.work_react(machine, stimulus);
            self.0.react.insert((machine, stimulus), reaction);
            reaction
        })
    }

    fn cable(&mut self, cable: Id, op: CableOp) -> Id {
        self.0.cable.get(&(cable, op)).unwrap_or_else(|| {
            let after = self.0.work_cable(cable, op);
            self.0.cable.insert((cable, op), after);
            after
        })
    }

    fn dial(&mut self, from: ServerId, peer: ServerId) -> Id {
        self.0.intern_cable(Cable { ends: [from, peer], link: Link::dial() })
    }

    fn talk(&mut self, pairs: Id, op: PairsOp) -> Talked {
        let talked = self.0.talk.get(&(pairs, op)).unwrap_or_else(|| {
            let talked = self.0.work_talk(pairs, op);
            self.0.talk.insert((pairs, op), talked);
            talked
        });
        self.0.facts.talked(talked)
    }

    fn judge(&mut self, ghost: Id, reaction: Id) -> Id {
        if self.0.facts.reaction(reaction).is_silent() {
            return ghost;
        }
        self.0.judge.get(&(ghost, reaction)).unwrap_or_else(|| {
            let after = self.0.work_judge(ghost, reaction);
            self.0.judge.insert((ghost, reaction), after);
            after
        })
    }

    fn judge_election(&mut self, ghost: Id, election: Id) -> Id {
        if let Some(after) = self.0.judge_election.get(&(ghost, election)) {
            return after;
        }
        let reactions = self.0.facts.elected(election).reactions.clone();
        let after = reactions.iter().fold(ghost, |ghost, reaction| self.judge(ghost, *reaction));
        self.0.judge_election.insert((ghost, election), after);
        after
    }

    fn elect(&mut self, state: &[Id], who: ServerSet) -> Id {
        // A boxed key is built only for a question that was not asked before.
        if let Some(id) = self.0.elect.find((state, who), |(known, set)| **known == *state && *set == who) {
            return id;
        }
        let elected = election(self, state, who);
        let id = self.0.keep_elected(elected);
        self.0.elect.insert((state.into(), who), id);
        id
    }

    fn forget_machine(&mut self, machine: Id, stays: bool) -> Id {
        self.0.forget_machine.get(&(machine, stays)).unwrap_or_else(|| {
            let after = self.0.work_forget_machine(machine, stays);
            self.0.forget_machine.insert((machine, stays), after);
            after
        })
    }

    fn forget_pair(&mut self, pairs: Id, ears: Ears) -> Id {
        self.0.forget_pair.get(&(pairs, ears)).unwrap_or_else(|| {
            let after = self.0.work_forget_pair(pairs, ears);
            self.0.forget_pair.insert((pairs, ears), after);
            after
        })
    }

    fn spent_machine(&mut self, machine: Id) -> Id {
        self.0.spent_machine.get(&machine).unwrap_or_else(|| {
            let after = self.0.work_spent_machine(machine);
            self.0.spent_machine.insert(machine, after);
            after
        })
    }

    fn spent_ghost(&mut self, ghost: Id) -> Id {
        self.0.spent_ghost.get(&ghost).unwrap_or_else(|| {
            let after = self.0.work_spent_ghost(ghost);
            self.0.spent_ghost.insert(ghost, after);
            after
        })
    }

    fn seat(&mut self, seat: Id, op: SeatOp) -> Id {
        self.0.seat.get(&(seat, op)).unwrap_or_else(|| {
            let seated = self.0.work_seat(seat, op);
            self.0.seat.insert((seat, op), seated);
            seated
        })
    }

    fn note(&mut self, notes: Id, noted: Noted) -> Id {
        self.0.note.get(&(notes, noted)).unwrap_or_else(|| {
            let after = self.0.work_note(notes, noted);
            self.0.note.insert((notes, noted), after);
            after
        })
    }
}

/// More machines than an election has, with their pairs.
const ELECTORS_MAX: usize = 8;

/// What a thread asked lately, and what it has read of the parts.
#[derive(Debug)]
pub struct Memory {
    facts: Facts,
    react: Lately<(Id, Stimulus), Id>,
    cable: Lately<(Id, CableOp), Id>,
    dial: Lately<(ServerId, ServerId), Id>,
    talk: Lately<(Id, PairsOp), Talked>,
    judge: Lately<(Id, Id), Id>,
    judge_election: Lately<(Id, Id), Id>,
    elect: Lately<([Id; ELECTORS_MAX], ServerSet), Id>,
    forget_machine: Lately<(Id, bool), Id>,
    forget_pair: Lately<(Id, Ears), Id>,
    spent_machine: Lately<Id, Id>,
    spent_ghost: Lately<Id, Id>,
    seat: Lately<(Id, SeatOp), Id>,
    note: Lately<(Id, Noted), Id>,
}

impl Default for Memory {
    /// No room: what a thread holds while its memory is lent.
    fn default() -> Memory {
        Memory {
            facts: Facts::default(),
            react: Lately::of(0),
            cable: Lately::of(0),
            dial: Lately::of(0),
            talk: Lately::of(0),
            judge: Lately::of(0),
            judge_election: Lately::of(0),
            elect: Lately::of(0),
            forget_machine: Lately::of(0),
            forget_pair: Lately::of(0),
            spent_machine: Lately::of(0),
            spent_ghost: Lately::of(0),
            seat: Lately::of(0),
            note: Lately::of(0),
        }
    }
}

impl Memory {
    pub fn new() -> Memory {
        Memory {
            facts: Facts::default(),
            react: Lately::of(1 << 17),
            cable: Lately::of(1 << 15),
            dial: Lately::of(1 << 6),
            talk: Lately::of(1 << 15),
            judge: Lately::of(1 << 19),
            judge_election: Lately::of(1 << 16),
            elect: Lately::of(1 << 14),
            forget_machine: Lately::of(1 << 14),
            forget_pair: Lately::of(1 << 15),
            spent_machine: Lately::of(1 << 16),
            spent_ghost: Lately::of(1 << 14),
            seat: Lately::of(1 << 12),
            note: Lately::of(1 << 16),
        }
    }
}

/// A thread of several: what it did not ask lately it asks the tables, which it shares.
pub struct Asker<'a> {
    #[expect(clippy::disallowed_types, reason = "see its import")]
    parts: &'a Mutex<Parts>,
    memory: &'a mut Memory,
}

impl<'a> Asker<'a> {
    #[expect(clippy::disallowed_types, reason = "see its import")]
    pub fn of(parts: &'a Mutex<Parts>, memory: &'a mut Memory) -> Asker<'a> {
        memory.facts.follow(parts.lock().expect("no thread has panicked").facts());
        Asker { parts, memory }
    }

    /// Asks the tables, and takes over what has been numbered since.
    fn ask<T>(&mut self, question: impl FnOnce(&mut Learner<'_>) -> T) -> T {
        let mut parts: MutexGuard<'_, Parts> = self.parts.lock().expect("no thread has panicked");
        let answer = question(&mut Learner(parts.deref_mut()));
        self.memory.facts.follow(&parts.facts);
        answer
    }
}

impl Known for Asker<'_> {
    fn parts(&self) -> &Facts {
        &self.memory.facts
    }

    fn react(&mut self, machine: Id, stimulus: Stimulus) -> Id {
        let key = (machine, stimulus);
        if let Some(known) = self.memory.react.get(&key) {
            return known;
        }
        let reaction = self.ask(|learner| learner.react(machine, stimulus));
        self.memory.react.put(key, reaction);
        reaction
    }

    fn cable(&mut self, cable: Id, op: CableOp) -> Id {
        let key = (cable, op);
        if let Some(known) = self.memory.cable.get(&key) {
            return known;
        }
        let after = self.ask(|learner| learner.cable(cable, op));
        self.memory.cable.put(key, after);
        after
    }

    fn dial(&mut self, from: ServerId, peer: ServerId) -> Id {
        let key = (from, peer);
        if let Some(known) = self.memory.dial.get(&key) {
            return known;
        }
        let cable = self.ask(|learner| learner.dial(from, peer));
        self.memory.dial.put(key, cable);
        cable
    }

    fn talk(&mut self, pairs: Id, op: PairsOp) -> Talked {
        let key = (pairs, op);
        if let Some(known) = self.memory.talk.get(&key) {
            return known;
        }
        let talked = self.ask(|learner| learner.talk(pairs, op));
        self.memory.talk.put(key, talked);
        talked
    }

    fn judge(&mut self, ghost: Id, reaction: Id) -> Id {
        if self.memory.facts.reaction(reaction).is_silent() {
            return ghost;
        }
        let key = (ghost, reaction);
        if let Some(known) = self.memory.judge.get(&key) {
            return known;
        }
        let after = self.ask(|learner| learner.judge(ghost, reaction));
        self.memory.judge.put(key, after);
        after
    }

    fn judge_election(&mut self, ghost: Id, election: Id) -> Id {
        let key = (ghost, election);
        if let Some(known) = self.memory.judge_election.get(&key) {
            return known;
        }
        let after = self.ask(|learner| learner.judge_election(ghost, election));
        self.memory.judge_election.put(key, after);
        after
    }

    fn elect(&mut self, state: &[Id], who: ServerSet) -> Id {
        let mut key = ([Id::MAX; ELECTORS_MAX], who);
        key.0[..state.len()].copy_from_slice(state);
        if let Some(known) = self.memory.elect.get(&key) {
            return known;
        }
        let elected = self.ask(|learner| learner.elect(state, who));
        self.memory.elect.put(key, elected);
        elected
    }

    fn forget_machine(&mut self, machine: Id, stays: bool) -> Id {
        let key = (machine, stays);
        if let Some(known) = self.memory.forget_machine.get(&key) {
            return known;
        }
        let after = self.ask(|learner| learner.forget_machine(machine, stays));
        self.memory.forget_machine.put(key, after);
        after
    }

    fn forget_pair(&mut self, pairs: Id, ears: Ears) -> Id {
        let key = (pairs, ears);
        if let Some(known) = self.memory.forget_pair.get(&key) {
            return known;
        }
        let after = self.ask(|learner| learner.forget_pair(pairs, ears));
        self.memory.forget_pair.put(key, after);
        after
    }

    fn spent_machine(&mut self, machine: Id) -> Id {
        if let Some(known) = self.memory.spent_machine.get(&machine) {
            return known;
        }
        let after = self.ask(|learner| learner.spent_machine(machine));
        self.memory.spent_machine.put(machine, after);
        after
    }

    fn spent_ghost(&mut self, ghost: Id) -> Id {
        if let Some(known) = self.memory.spent_ghost.get(&ghost) {
            return known;
        }
        let after = self.ask(|learner| learner.spent_ghost(ghost));
        self.memory.spent_ghost.put(ghost, after);
        after
    }

    fn seat(&mut self, seat: Id, op: SeatOp) -> Id {
        let key = (seat, op);
        if let Some(known) = self.memory.seat.get(&key) {
            return known;
        }
        let seated = self.ask(|learner| learner.seat(seat, op));
        self.memory.seat.put(key, seated);
        seated
    }

    fn note(&mut self, notes: Id, noted: Noted) -> Id {
        let key = (notes, noted);
        if let Some(known) = self.memory.note.get(&key) {
            return known;
        }
        let after = self.ask(|learner| learner.note(notes, noted));
        self.memory.note.put(key, after);
        after
    }
}
