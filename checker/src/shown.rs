//! The interned model for stateright's Explorer: states and moves in words that a person reads.
//!
//! A state is the numbers of the interned model and nothing else; the words are made when somebody
//! looks, by the plain world that those numbers stand for, so they cannot say anything else than what
//! is explored.

mod sentence;
mod text;

use crate::interned::{Act, Interned};
use crate::moves;
use crate::plain::Plain;
use crate::state::State;
use stateright::{Model, Property};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A model whose states and moves can be read.
#[derive(Clone)]
pub struct Shown(Arc<Inside>);

struct Inside {
    interned: Interned,
    /// A state whose world has the right machines, to be filled.
    blank: State,
}

/// A state that can be read.
#[derive(Clone)]
pub struct Seen {
    words: Box<[u32]>,
    shown: Shown,
}

/// A move that can be read.
#[derive(Clone)]
pub struct Told {
    act: Act,
    /// Its place among the moves of the state that it starts from.
    at: usize,
    from: Seen,
}

impl Shown {
    pub fn new(model: &Plain) -> Shown {
        let blank = model.init_states().pop().expect("a model has an initial state");
        Shown(Arc::new(Inside { interned: Interned::new(model), blank }))
    }

    fn seen(&self, words: Box<[u32]>) -> Seen {
        Seen { words, shown: self.clone() }
    }
}

impl Seen {
    /// The plain state that the numbers stand for.
    pub fn plain(&self) -> State {
        self.shown.0.interned.plain(&self.words, &self.shown.0.blank)
    }
}

impl PartialEq for Seen {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words
    }
}

impl Eq for Seen {}

impl Hash for Seen {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.words.hash(hasher);
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::state(&self.plain()))
    }
}

impl PartialEq for Told {
    fn eq(&self, other: &Self) -> bool {
        self.act == other.act && self.from == other.from
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.from.plain();
        let mut all = Vec::new();
        moves::moves(self.from.shown.0.interned.kind(), &state, &mut all);
        f.write_str(&sentence::sentence(&state, &all[self.at]))
    }
}

impl Model for Shown {
    type State = Seen;
    type Action = Told;

    fn init_states(&self) -> Vec<Seen> {
        self.0.interned.init_states().into_iter().map(|words| self.seen(words)).collect()
    }

    fn actions(&self, state: &Seen, actions: &mut Vec<Told>) {
        let mut acts = Vec::new();
        self.0.interned.actions(&state.words, &mut acts);
        actions.extend(acts.into_iter().enumerate().map(|(at, act)| Told { act, at, from: state.clone() }));
    }

    fn next_state(&self, state: &Seen, told: Told) -> Option<Seen> {
        self.0.interned.next_state(&state.words, told.act).map(|words| self.seen(words))
    }

    /// A state is told whole; what a move changed is not told apart.
    fn format_step(&self, _: &Seen, _: Told) -> Option<String> {
        None
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let milestones = self.0.interned.kind().milestones();
        vec![
            Property::always(crate::SAFE, |model: &Self, state: &Seen| !model.0.interned.objects(&state.words)),
            Property::sometimes(milestones[0], Self::reaches::<0>),
            Property::sometimes(milestones[1], Self::reaches::<1>),
            Property::sometimes(milestones[2], Self::reaches::<2>),
        ]
    }
}

impl Shown {
    fn reaches<const BIT: usize>(&self, state: &Seen) -> bool {
        self.0.interned.reaches::<BIT>(&state.words)
    }
}

#[cfg(test)]
mod tests;
