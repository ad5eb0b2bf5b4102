//! Random walks where a bound is too large to be exhausted: each from the start until nothing is left to
//! do. They prove nothing; they are reported as what they are.

use super::explore::{Go, intern};
use super::parts::{Learner, Parts, Sizes};
use super::walk::{Act, Came, Now, Shape};
use crate::moves::Move;
use crate::plain::Plain;
use stateright::Model;
use zabra_sim::oracle::Violation;
use zabra_sim::random::{Draws, Purpose};

/// What random walks came to.
#[derive(Clone, Debug)]
pub struct Walked {
    pub walks: u64,
    pub moves: u64,
    pub sizes: Sizes,
    pub reached: Vec<&'static str>,
    /// The first violation, and the walk to it.
    pub counterexample: Option<(Violation, Vec<Move>)>,
}

/// So many walks with the draws of a seed; fewer if `watch`, told the walks and moves so far, stops them or
/// an oracle objects.
pub fn wander(model: &Plain, seed: u64, walks: u64, mut watch: impl FnMut(u64, u64) -> Go) -> Walked {
    let (mut parts, shape) = (Parts::new(), Shape::of(&model.bound));
    let start = model.init_states().pop().expect("a model has an initial state");
    let first = intern(shape, &start, &mut parts);
    let (mut draws, mut way) = (Draws::new(seed, Purpose::Plan), Vec::new());
    let (mut done, mut moves, mut reached) = (0, 0, 0);
    let mut counterexample = None;
    while done < walks && counterexample.is_none() && watch(done, moves) == Go::On {
        way.clear();
        let last = walk(first, &mut Learner(&mut parts), &mut draws, &mut way, &mut reached);
        (done, moves) = (done + 1, moves + way.len() as u64);
        if parts.facts().violated(last.ghost) {
            counterexample = tell(model, &way);
        }
    }
    let milestones = shape.kind.milestones().iter().enumerate().filter(|(at, _)| reached & 1 << at != 0);
    let reached = milestones.map(|(_, name)| *name).collect();
    Walked { walks: done, moves, sizes: parts.sizes(), reached, counterexample }
}

/// Goes on until nothing is left to do: the places of the moves made among those of their states.
fn walk(mut now: Now, learner: &mut Learner<'_>, draws: &mut Draws, way: &mut Vec<usize>, reached: &mut u8) -> Now {
    let mut acts: Vec<Act> = Vec::new();
    loop {
        *reached |= now.reached(learner);
        now.acts(learner, &mut acts);
        if acts.is_empty() || way.len() >= MOVES_MAX {
            return now;
        }
        let at = draws.below(acts.len() as u32) as usize;
        let mut next = now;
        match next.make(acts[at], learner) {
            Came::State => {
                way.push(at);
                now = next;
            }
            // A walk ends where a budget cuts it off.
            Came::Nothing | Came::Cut => return now,
        }
    }
}

/// Votes may be said again for ever.
const MOVES_MAX: usize = 2000;

fn tell(model: &Plain, way: &[usize]) -> Option<(Violation, Vec<Move>)> {
    let mut plain = model.init_states().pop()?;
    let mut moves = Vec::new();
    for at in way {
        let mut actions = Vec::new();
        model.actions(&plain, &mut actions);
        let action = actions.swap_remove(*at);
        plain = model.next_state(&plain, action.clone())?;
        moves.push(action);
    }
    Some((plain.violation.as_deref()?.clone(), moves))
}
