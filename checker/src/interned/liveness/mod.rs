//! From every state that can be reached a stable one can be reached, without another fault.
//!
//! The whole graph is stored: every state of a bound, and its edges that are no faults. Going backward
//! from the stable states finds whoever can get there; the rest are traps, in which the ensemble would stay
//! for ever whatever the schedule. A state at which a budget cut an election off says nothing, so what can
//! get no further than to such states is counted apart. That one fair schedule gets there is shown as well
//! ([`schedule`]); that every fair schedule does is not.

mod schedule;

use super::explore::{Go, intern};
use super::faults::ALL;
use super::parts::{Known, Learner, Parts};
use super::store::{Shard, place};
use super::walk::{Act, Came, Now, Shape, WORDS_MAX};
use crate::moves::Move;
use crate::plain::Plain;
use schedule::{Queue, Schedule, Turns};
use stateright::Model;
use zabra_core::contract::Timer;

/// What was found of a bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Liveness {
    pub states: usize,
    /// Edges that are no faults.
    pub edges: usize,
    /// States in which every server serves under one leader, or agrees on it where nothing else is modelled.
    pub stable: usize,
    /// States that reach no stable one, but one at which a budget cut a move off.
    pub open: usize,
    /// States that reach neither.
    pub traps: usize,
    /// A shortest way to a trap.
    pub trap: Option<Vec<Move>>,
    /// If every queue has its turn ([`schedule`]), and a wait for a leader ends where votes that are said again are all
    /// that is left: the most moves that it takes from any state, in any turn, to a stable state or one at which a
    /// budget cut a move off.
    pub settles_within: usize,
    /// From how many states this schedule comes to neither.
    pub unsettled: usize,
    /// A shortest way to one of them, and on until the schedule goes round.
    pub round: Option<Round>,
}

/// A way, and the moves at its end that a schedule makes again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    pub moves: Vec<Move>,
    /// How many of them come before.
    pub before: usize,
}

/// Stores the graph of a model and goes back from its stable states.
pub fn liveness(model: &Plain) -> Liveness {
    liveness_while(model, |_, _| Go::On).expect("nobody stops it")
}

/// The same, unless it is stopped: told the states so far, and the bytes that they take.
pub fn liveness_while(model: &Plain, mut watch: impl FnMut(usize, usize) -> Go) -> Option<Liveness> {
    let (mut parts, shape) = (Parts::new(), Shape::of(&model.bound));
    let start = model.init_states().pop().expect("a model has an initial state");
    let mut graph = Graph::default();
    graph.number(&intern(shape, &start, &mut parts), NO_PARENT);
    let learner = &mut Learner(&mut parts);
    let (mut acts, mut turns) = (Vec::new(), Turns::default());
    let mut at = 0;
    while at < graph.states.len() {
        if at.is_multiple_of(WATCHED) && watch(at, graph.bytes()) == Go::Stop {
            return None;
        }
        let now = Now::unpack(graph.states.get(at as u32), shape);
        graph.stable.push(now.is_stable(learner));
        now.acts(learner, &mut acts);
        // The end of a wait for a leader is the budget's; but it comes, sooner or later, when votes that are
        // said again are all that is left.
        let idle = |act: &Act| is_fault(*act) || now.repeats(*act, learner);
        let gives_up = now.waits(learner) && acts.iter().all(idle);
        let spent = now.budget.timeouts == 0;
        graph.cut.push(!shape.kind.connects() && gives_up && spent);
        for act in acts.drain(..) {
            let mut next = now;
            match next.make(act, learner) {
                Came::Cut => graph.cut[at] = true,
                Came::Nothing => {}
                Came::State => {
                    let to = graph.number(&next, at as u32);
                    let ends = gives_up && matches!(act, Act::Early(_, Timer::InitLimit));
                    if ends || !is_fault(act) {
                        graph.edges.push((to, at as u32));
                        let queue = Queue::of(&now, act, learner).filter(|_| ends || spent || !gives_up);
                        if let Some(queue) = queue.filter(|_| to != at as u32) {
                            turns.offer(queue, act, to);
                        }
                    }
                }
            }
        }
        if graph.is_end(at as u32) {
            turns.clear();
        }
        graph.schedule.push(&mut turns);
        at += 1;
    }
    let (mut found, trap, round) = graph.judge();
    found.trap = trap.map(|trap| tell(model, shape, &graph.way(trap), &mut parts));
    found.round = round.map(|state| {
        let (states, begins) = graph.schedule.round(state, |at| graph.is_end(at));
        let mut way = graph.way(state);
        let before = way.len() - 1 + begins;
        way.extend(states[1..].iter().map(|at| graph.states.get(*at).into()));
        Round { moves: tell(model, shape, &way, &mut parts), before }
    });
    Some(found)
}

/// Between so many states it may be stopped.
const WATCHED: usize = 1 << 14;
const NO_PARENT: u32 = u32::MAX;

/// The way along these states, in the plain model's words.
fn tell(model: &Plain, shape: Shape, way: &[Box<[u32]>], parts: &mut Parts) -> Vec<Move> {
    let mut plain = model.init_states().pop().expect("a model has an initial state");
    let (mut moves, mut acts) = (Vec::new(), Vec::new());
    let learner = &mut Learner(parts);
    for pair in way.windows(2) {
        let now = Now::unpack(&pair[0], shape);
        now.acts(learner, &mut acts);
        let leads = |act: &Act| {
            let mut next = now;
            next.make(*act, learner) == Came::State && *next.pack(&mut [0; WORDS_MAX]) == *pair[1]
        };
        let at = acts.iter().position(leads).expect("a state is reached from its parent");
        let mut actions = Vec::new();
        model.actions(&plain, &mut actions);
        plain = model.next_state(&plain, actions[at].clone()).expect("the plain model makes the same move");
        moves.push(actions.swap_remove(at));
    }
    moves
}

#[derive(Default)]
struct Graph {
    states: Shard,
    /// To, and from where.
    edges: Vec<(u32, u32)>,
    schedule: Schedule,
    stable: Vec<bool>,
    cut: Vec<bool>,
}

impl Graph {
    fn number(&mut self, now: &Now, parent: u32) -> u32 {
        let mut words = [0; WORDS_MAX];
        let packed = now.pack(&mut words);
        let (hash, _) = place(packed, 1);
        self.states.find(hash, packed).unwrap_or_else(|| {
            self.states.add(hash, parent, ALL, packed);
            self.states.len() as u32 - 1
        })
    }

    /// Where the schedule has done what is asked of it.
    fn is_end(&self, at: u32) -> bool {
        self.stable[at as usize] || self.cut[at as usize]
    }

    fn bytes(&self) -> usize {
        self.states.bytes() + self.edges.len() * 8 + self.schedule.bytes()
    }

    /// The states on a shortest way to this one.
    fn way(&self, to: u32) -> Vec<Box<[u32]>> {
        let mut way: Vec<Box<[u32]>> = Vec::new();
        let mut at = to;
        while at != NO_PARENT {
            way.push(self.states.get(at).into());
            at = self.states.parent(at);
        }
        way.reverse();
        way
    }

    /// What is found, the nearest trap, and the nearest state from which the schedule goes round.
    fn judge(&mut self) -> (Liveness, Option<u32>, Option<u32>) {
        self.edges.sort_unstable();
        let live = self.back_from(&self.stable);
        let told: Vec<bool> = live.iter().zip(&self.cut).map(|(live, cut)| *live || *cut).collect();
        let open = self.back_from(&told);
        let count = |flags: &[bool]| flags.iter().filter(|flag| **flag).count();
        let settled = self.schedule.settle(|at| self.is_end(at));
        let found = Liveness {
            states: self.stable.len(),
            edges: self.edges.len(),
            stable: count(&self.stable),
            open: count(&open) - count(&live),
            traps: self.stable.len() - count(&open),
            trap: None,
            settles_within: settled.within,
            unsettled: settled.never,
            round: None,
        };
        // Level by level: the first is a nearest one.
        (found, open.iter().position(|open| !open).map(|at| at as u32), settled.first)
    }

    /// Whoever reaches one of these.
    fn back_from(&self, these: &[bool]) -> Vec<bool> {
        let mut reaches = these.to_vec();
        let mut waiting: Vec<u32> = (0..these.len() as u32).filter(|state| these[*state as usize]).collect();
        while let Some(to) = waiting.pop() {
            let first = self.edges.partition_point(|(other, _)| *other < to);
            for (_, from) in self.edges[first..].iter().take_while(|(other, _)| *other == to) {
                if !std::mem::replace(&mut reaches[*from as usize], true) {
                    waiting.push(*from);
                }
            }
        }
        reaches
    }
}

/// What may go wrong or come from outside, and so cannot be counted on.
fn is_fault(act: Act) -> bool {
    match act {
        Act::Crash { .. }
        | Act::Fail(_)
        | Act::Break { .. }
        | Act::Write(_)
        | Act::Early(..)
        | Act::Part(..)
        | Act::Meddle { .. } => true,
        Act::Submit(_) | Act::BreakLine(_) => true,
        Act::Elect(_)
        | Act::Notify { .. }
        | Act::Meet(..)
        | Act::Deliver { .. }
        | Act::Complete(..)
        | Act::Fire(..)
        | Act::Retry(_)
        | Act::Learn(_)
        | Act::Restart(_) => false,
    }
}

impl Now {
    fn is_stable<K: Known>(&self, known: &K) -> bool {
        let facts = || self.machines().iter().map(|id| known.parts().machine(*id));
        let leader = facts().next().and_then(|first| first.glance.leader);
        let serves = |serves: bool| serves || !self.shape.kind.connects();
        leader.is_some() && facts().all(|f| f.up && f.glance.leader == leader && serves(f.glance.serves))
    }

    /// Whether this is a vote said again.
    fn repeats<K: Known>(&self, act: Act, known: &K) -> bool {
        matches!(act, Act::Fire(server, Timer::Notification) if known.parts().machine(self.machine(server)).again)
    }

    /// Whether somebody waits for a leader or for followers.
    fn waits<K: Known>(&self, known: &K) -> bool {
        self.waiting(known).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A graph of `states` states with these edges, from and to.
    fn graph(states: usize, edges: &[(u32, u32)], stable: &[usize], cut: &[usize]) -> Graph {
        let flags = |set: &[usize]| (0..states).map(|state| set.contains(&state)).collect();
        let edges = edges.iter().map(|(from, to)| (*to, *from)).collect();
        Graph { edges, stable: flags(stable), cut: flags(cut), ..Graph::default() }
    }

    #[test]
    fn a_cycle_that_nothing_leaves_is_a_trap_and_one_that_can_be_left_is_not() {
        let cycles = [(0, 1), (1, 0), (1, 2), (0, 3), (3, 4), (4, 3)];
        let (found, trap, _) = graph(5, &cycles, &[2], &[]).judge();
        assert_eq!((found.stable, found.open, found.traps, trap), (1, 0, 2, Some(3)));
    }

    #[test]
    fn what_comes_no_further_than_to_a_cut_is_open_and_an_end_is_a_trap() {
        let (found, ..) = graph(6, &[(0, 1), (0, 2), (3, 2), (0, 4), (5, 1)], &[1], &[2]).judge();
        assert_eq!((found.stable, found.open, found.traps), (1, 2, 1));
    }
}
