//! What is read of each part on the way, by its number: for a thread to have its own copy of.

use super::{CableFacts, MachineFacts, PairFacts, Talked};
use crate::interned::election::Elected;
use crate::interned::index::Id;
use crate::interned::react::Reaction;
use crate::interned::seats::{SeatFacts, Seated};
use std::sync::Arc;

/// Of everything that has a number, in the order of the numbers.
#[derive(Debug, Default)]
pub struct Facts {
    pub(super) machines: Vec<MachineFacts>,
    pub(super) cables: Vec<CableFacts>,
    pub(super) pairs: Vec<PairFacts>,
    pub(super) violated: Vec<bool>,
    pub(super) reactions: Vec<Arc<Reaction>>,
    pub(super) elected: Vec<Arc<Elected>>,
    pub(super) talked: Vec<Talked>,
    pub(super) question: Id,
    pub(super) seats: Vec<SeatFacts>,
    pub(super) seated: Vec<Arc<Seated>>,
    pub(super) objected: Vec<bool>,
}

impl Facts {
    pub fn machine(&self, id: Id) -> &MachineFacts {
        &self.machines[id as usize]
    }

    pub fn cable(&self, id: Id) -> &CableFacts {
        &self.cables[id as usize]
    }

    /// Of the first pair of a bundle.
    pub fn pair(&self, id: Id) -> PairFacts {
        self.pairs[id as usize]
    }

    pub fn violated(&self, ghost: Id) -> bool {
        self.violated[ghost as usize]
    }

    pub fn reaction(&self, id: Id) -> &Reaction {
        &self.reactions[id as usize]
    }

    pub fn elected(&self, id: Id) -> &Elected {
        &self.elected[id as usize]
    }

    pub fn talked(&self, id: Id) -> Talked {
        self.talked[id as usize]
    }

    /// What stands for all that is said to a server that only answers ([`crate::interned::forget`]).
    pub fn question(&self) -> Id {
        self.question
    }

    pub fn seat(&self, id: Id) -> SeatFacts {
        self.seats[id as usize]
    }

    pub fn seated(&self, id: Id) -> &Seated {
        &self.seated[id as usize]
    }

    /// Whether somebody objects to what clients saw.
    pub fn objected(&self, notes: Id) -> bool {
        self.objected[notes as usize]
    }

    /// Takes over what has been numbered since.
    pub fn follow(&mut self, ahead: &Facts) {
        self.question = ahead.question;
        more(&mut self.machines, &ahead.machines);
        more(&mut self.cables, &ahead.cables);
        more(&mut self.pairs, &ahead.pairs);
        more(&mut self.violated, &ahead.violated);
        more(&mut self.reactions, &ahead.reactions);
        more(&mut self.elected, &ahead.elected);
        more(&mut self.talked, &ahead.talked);
        more(&mut self.seats, &ahead.seats);
        more(&mut self.seated, &ahead.seated);
        more(&mut self.objected, &ahead.objected);
    }
}

fn more<T: Clone>(behind: &mut Vec<T>, ahead: &[T]) {
    behind.extend_from_slice(&ahead[behind.len()..]);
}
