//! The interned model under `stateright`, so that its searches drive it too.

use super::explore::intern;
use super::parts::{Learner, Parts};
use super::walk::{Act, Came, Now, Shape, WORDS_MAX};
use crate::plain::{Plain, SAFE};
use crate::scope::Kind;
use crate::service::Notes;
use crate::state::State;
use stateright::{Model, Property};
#[expect(
    clippy::disallowed_types,
    reason = "stateright shares a model among its threads; what it holds is only a memory"
)]
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A model, its states interned.
pub struct Interned {
    pub(super) shape: Shape,
    first: Box<[u32]>,
    cuts: AtomicU64,
    #[expect(clippy::disallowed_types, reason = "see its import")]
    parts: Mutex<Parts>,
}

impl Interned {
    pub fn new(model: &Plain) -> Interned {
        let (mut parts, shape) = (Parts::new(), Shape::of(&model.bound));
        let start = model.init_states().pop().expect("a model has an initial state");
        let now = intern(shape, &start, &mut parts);
        let first = now.pack(&mut [0; WORDS_MAX]).into();
        #[expect(clippy::disallowed_types, reason = "see its import")]
        let parts = Mutex::new(parts);
        Interned { shape, first, cuts: AtomicU64::new(0), parts }
    }

    /// How many moves a budget cut off.
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }

    pub fn kind(&self) -> Kind {
        self.shape.kind
    }

    /// Whether an oracle objects.
    pub fn objects(&self, state: &[u32]) -> bool {
        self.with(|learner| self.shape.objects(super::parts::Known::parts(learner), state))
    }

    /// Every history of clients that was come to.
    pub fn histories(&self) -> Vec<Notes> {
        self.with(|learner| learner.0.all_notes().cloned().collect())
    }

    /// The plain state that these numbers stand for, in the likeness of another of the same model.
    pub fn plain(&self, state: &[u32], like: &State) -> State {
        self.with(|learner| learner.0.plain(&Now::unpack(state, self.shape), like))
    }

    pub(super) fn with<T>(&self, look: impl FnOnce(&mut Learner<'_>) -> T) -> T {
        let mut parts = self.parts.lock().expect("no thread has panicked");
        look(&mut Learner(&mut parts))
    }

    pub fn reaches<const BIT: usize>(&self, state: &[u32]) -> bool {
        self.with(|learner| Now::unpack(state, self.shape).reached(learner)) & 1 << BIT != 0
    }
}

impl Model for Interned {
    type State = Box<[u32]>;
    type Action = Act;

    fn init_states(&self) -> Vec<Self::State> {
        vec![self.first.clone()]
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<Act>) {
        self.with(|learner| Now::unpack(state, self.shape).acts(learner, actions));
    }

    fn next_state(&self, state: &Self::State, act: Act) -> Option<Self::State> {
        let mut now = Now::unpack(state, self.shape);
        let came = self.with(|learner| now.make(act, learner));
        match came {
            Came::State => Some(now.pack(&mut [0; WORDS_MAX]).into()),
            Came::Nothing => None,
            Came::Cut => {
                self.cuts.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let safe = |model: &Self, state: &Self::State| !model.objects(state);
        let milestones = self.shape.kind.milestones();
        vec![
            Property::always(SAFE, safe),
            Property::sometimes(milestones[0], |model: &Self, state: &Self::State| model.reaches::<0>(state)),
            Property::sometimes(milestones[1], |model: &Self, state: &Self::State| model.reaches::<1>(state)),
            Property::sometimes(milestones[2], |model: &Self, state: &Self::State| model.reaches::<2>(state)),
        ]
    }
}
