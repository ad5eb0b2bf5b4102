//! Ghosts of the oracles: each oracle's own is numbered, a few together are a list of numbers, and all
//! together are a list of such; what an oracle makes of a reaction is worked out once for each ghost of
//! its own, what a few make of it once for each list.

use super::Ghost;
use crate::interned::index::{Id, Memo, Table};
use crate::interned::react::{Fact, Machine, Reaction};
use std::sync::Arc;
use zabra_sim::oracle::{self, OneOracle, Oracles, Sight, Violation};
use zabra_sim::time::Micros;

/// So many oracles have their numbers together.
const GROUP: usize = 6;

/// The groups' numbers in order, and what an oracle objected to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Split {
    each: Box<[Id]>,
    violation: Option<Arc<Violation>>,
}

/// An opinion: the oracle objects.
const OBJECTS: Id = Id::MAX;

#[derive(Debug, Default)]
pub struct Ghosts {
    /// What oracles are put into.
    whole: Option<Oracles>,
    alone: Vec<Table<OneOracle>>,
    /// Of each oracle: what its ghost is after a reaction.
    opinions: Vec<Memo<(Id, Id)>>,
    groups: Vec<Table<Box<[Id]>>>,
    /// Of each group: what its ghosts are after a reaction.
    agreed: Vec<Memo<(Id, Id)>>,
    all: Table<Split>,
}

impl Ghosts {
    /// The number of a ghost, and whether it is new.
    pub fn intern(&mut self, ghost: &Ghost) -> (Id, bool) {
        let apart = ghost.oracles.apart();
        self.whole.get_or_insert_with(|| ghost.oracles.clone());
        self.alone.resize_with(apart.len(), Table::new);
        self.opinions.resize_with(apart.len(), Memo::new);
        let each: Vec<Id> = self.alone.iter_mut().zip(apart).map(|(table, one)| table.intern(one).0).collect();
        self.groups.resize_with(each.chunks(GROUP).len(), Table::new);
        self.agreed.resize_with(self.groups.len(), Memo::new);
        let each =
            self.groups.iter_mut().zip(each.chunks(GROUP)).map(|(table, few)| table.intern(few.into()).0).collect();
        self.all.intern(Split { each, violation: ghost.violation.clone() })
    }

    pub fn get(&self, id: Id) -> Ghost {
        let split = self.all.get(id);
        let mut oracles = self.whole.clone().expect("the first ghost came whole");
        let each = self.groups.iter().zip(&split.each).flat_map(|(table, few)| table.get(*few).iter());
        for (table, one) in self.alone.iter().zip(each) {
            oracles.put(OneOracle::clone(table.get(*one)));
        }
        Ghost { oracles, violation: split.violation.clone() }
    }

    /// Whether an oracle has objected.
    pub fn objected(&self, id: Id) -> bool {
        self.all.get(id).violation.is_some()
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Distinct (oracle's own ghost, reaction).
    pub fn opinions(&self) -> usize {
        self.opinions.iter().map(|memo| memo.entries().len()).sum()
    }

    /// How many distinct ghosts of any oracle fall under one long hash.
    pub fn clashes(&self) -> usize {
        self.alone.iter().map(Table::clashes).sum::<usize>() + self.all.clashes()
    }

    /// What a reaction, after which the machine is this, makes of a ghost: its number, and whether it is new.
    pub fn judge(&mut self, ghost: Id, id: Id, reaction: &Reaction, machine: &Machine) -> (Id, bool) {
        let mut after = Split::clone(self.all.get(ghost));
        for (group, few) in after.each.iter_mut().enumerate() {
            *few = match self.agreed[group].get(&(*few, id)) {
                Some(agreed) => agreed,
                None => {
                    let agreed = self.agree(group, *few, id, reaction, machine);
                    self.agreed[group].insert((*few, id), agreed);
                    agreed
                }
            };
            if *few == OBJECTS {
                // Who stands behind an oracle that objects is not shown the fact: all together, as in the world.
                let mut whole = self.get(ghost);
                show(reaction, machine, |sight| {
                    if let Err(violation) = whole.oracles.see(sight) {
                        whole.violation.get_or_insert(Arc::new(violation));
                    }
                });
                return self.intern(&whole);
            }
        }
        self.all.intern(after)
    }

    /// The same ghost where no vote of an earlier round is remembered; and whether its number is new.
    pub fn forget_rounds(&mut self, ghost: Id) -> (Id, bool) {
        let mut after = Split::clone(self.all.get(ghost));
        for (group, few) in after.each.iter_mut().enumerate() {
            let mut ones = Box::clone(self.groups[group].get(*few));
            for (one, at) in ones.iter_mut().zip(group * GROUP..) {
                if self.alone[at].get(*one).remembers_rounds() {
                    let mut oracle = OneOracle::clone(self.alone[at].get(*one));
                    oracle.forget_rounds();
                    *one = self.alone[at].intern(oracle).0;
                }
            }
            *few = self.groups[group].intern(ones).0;
        }
        self.all.intern(after)
    }

    /// What a group makes of a reaction.
    fn agree(&mut self, group: usize, few: Id, id: Id, reaction: &Reaction, machine: &Machine) -> Id {
        let mut after = Box::clone(self.groups[group].get(few));
        for (one, at) in after.iter_mut().zip(group * GROUP..) {
            *one = match self.opinions[at].get(&(*one, id)) {
                Some(opinion) => opinion,
                None => {
                    let opinion = self.opine(at, *one, reaction, machine);
                    self.opinions[at].insert((*one, id), opinion);
                    opinion
                }
            };
            if *one == OBJECTS {
                return OBJECTS;
            }
        }
        self.groups[group].intern(after).0
    }

    fn opine(&mut self, at: usize, one: Id, reaction: &Reaction, machine: &Machine) -> Id {
        let mut oracle = OneOracle::clone(self.alone[at].get(one));
        let mut objects = false;
        show(reaction, machine, |sight| objects |= oracle.see(sight).is_err());
        if objects { OBJECTS } else { self.alone[at].intern(oracle).0 }
    }
}

/// Everything that oracles are shown of a reaction.
fn show(reaction: &Reaction, machine: &Machine, mut see: impl FnMut(&Sight<'_>)) {
    let mut see = |fact| {
        let (view, disk) = (machine.view(), machine.durable());
        see(&Sight { now: Micros::ZERO, server: reaction.server, fact, view, disk });
    };
    match &reaction.fact {
        Fact::Nothing | Fact::Stepped => {}
        Fact::Booted(recovered) => see(oracle::Fact::Booted { recovered }),
        Fact::Crashed => see(oracle::Fact::Crashed),
    }
    if matches!(reaction.fact, Fact::Stepped | Fact::Booted(_)) {
        reaction.events.iter().for_each(|event| see(oracle::Fact::Reported(event)));
    }
}
