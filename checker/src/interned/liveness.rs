//! From every state that can be reached a stable one can be reached, without another fault.
//!
//! The whole graph is stored: every state of a bound, and its edges that are no faults. Going backward
//! from the stable states finds whoever can get there; the rest are traps, in which the ensemble would stay
//! for ever whatever the schedule. A state at which a budget cut an election off says nothing, so what can
//! get no further than to such states is counted apart. That every fair schedule gets there is not shown.

use super::explore::{Go, intern};
use super::faults::ALL;
use super::parts::{Known, Learner, Parts};
use super::store::{Shard, place};
use super::walk::{Act, Came, Now, Shape, WORDS_MAX};
use crate::moves::Move;
use crate::plain::Plain;
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
    /// If of each state's moves the first is made, messages before timers, and a wait for a leader ends where
    /// votes that are said again are all that is left: the most moves that it takes to a stable state or one at which a budget cut a move off.
    pub settles_within: usize,
    /// From how many states this schedule comes to neither.
    pub unsettled: usize,
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
    let mut acts = Vec::new();
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
        graph.first.push(NONE);
        for act in acts.drain(..) {
            let mut next = now;
            match next.make(act, learner) {
                Came::Cut => graph.cut[at] = true,
                Came::Nothing => {}
                Came::State => {
                    let to = graph.number(&next, at as u32);
                    let ends = gives_up && matches!(act, Act::Early(_, Timer::InitLimit));
                    if ends || !is_fault(act) {
                        graph.edge(at as u32, to, ends || spent || !gives_up);
                    }
                }
            }
        }
        at += 1;
    }
    let (mut found, trap) = graph.judge();
    found.trap = trap.map(|trap| tell(model, shape, &graph.way(trap), &mut parts));
    Some(found)
}

/// Between so many states it may be stopped.
const WATCHED: usize = 1 << 14;
const NO_PARENT: u32 = u32::MAX;
const NONE: u32 = u32::MAX;

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
    /// Where the first of a state's moves leads.
    first: Vec<u32>,
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

    /// An edge, and whether a fair schedule may prefer it.
    fn edge(&mut self, from: u32, to: u32, fair: bool) {
        self.edges.push((to, from));
        let first = &mut self.first[from as usize];
        if *first == NONE && to != from && fair {
            *first = to;
        }
    }

    fn bytes(&self) -> usize {
        self.states.bytes() + self.edges.len() * 8 + self.first.len() * 4
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

    /// What is found, and the nearest trap.
    fn judge(&mut self) -> (Liveness, Option<u32>) {
        self.edges.sort_unstable();
        let live = self.back_from(&self.stable);
        let told: Vec<bool> = live.iter().zip(&self.cut).map(|(live, cut)| *live || *cut).collect();
        let open = self.back_from(&told);
        let count = |flags: &[bool]| flags.iter().filter(|flag| **flag).count();
        let (settles_within, unsettled) = self.settle();
        let found = Liveness {
            states: self.stable.len(),
            edges: self.edges.len(),
            stable: count(&self.stable),
            open: count(&open) - count(&live),
            traps: self.stable.len() - count(&open),
            trap: None,
            settles_within,
            unsettled,
        };
        // Level by level: the first is a nearest one.
        (found, open.iter().position(|open| !open).map(|at| at as u32))
    }

    /// The longest way along first moves to a stable or cut state, and from how many there is none.
    fn settle(&self) -> (usize, usize) {
        const UNKNOWN: u32 = u32::MAX;
        const NEVER: u32 = u32::MAX - 1;
        let ends = |at: usize| self.stable[at] || self.cut[at];
        let mut steps: Vec<u32> = (0..self.stable.len()).map(|at| if ends(at) { 0 } else { UNKNOWN }).collect();
        for start in 0..steps.len() {
            let (mut way, mut at) = (Vec::new(), start);
            while steps[at] == UNKNOWN {
                // Whoever comes here again on this way goes round for ever.
                steps[at] = NEVER;
                way.push(at);
                if self.first[at] == NONE {
                    break;
                }
                at = self.first[at] as usize;
            }
            let mut after = steps[at];
            for at in way.into_iter().rev() {
                after = if after >= NEVER { NEVER } else { after + 1 };
                steps[at] = after;
            }
        }
        let most = steps.iter().filter(|steps| **steps < NEVER).max().copied().unwrap_or(0);
        (most as usize, steps.iter().filter(|steps| **steps >= NEVER).count())
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
        let mut graph = Graph {
            states: Shard::default(),
            edges: Vec::new(),
            first: vec![NONE; states],
            stable: flags(stable),
            cut: flags(cut),
        };
        edges.iter().for_each(|(from, to)| graph.edge(*from, *to, true));
        graph
    }

    #[test]
    fn a_cycle_that_nothing_leaves_is_a_trap_and_one_that_can_be_left_is_not() {
        let cycles = [(0, 1), (1, 0), (1, 2), (0, 3), (3, 4), (4, 3)];
        let (found, trap) = graph(5, &cycles, &[2], &[]).judge();
        assert_eq!((found.stable, found.open, found.traps, trap), (1, 0, 2, Some(3)));
    }

    #[test]
    fn what_comes_no_further_than_to_a_cut_is_open_and_an_end_is_a_trap() {
        let (found, _) = graph(6, &[(0, 1), (0, 2), (3, 2), (0, 4), (5, 1)], &[1], &[2]).judge();
        assert_eq!((found.stable, found.open, found.traps), (1, 2, 1));
    }

    #[test]
    fn first_moves_are_counted_to_their_end_and_those_that_go_round_are_told() {
        let (found, _) = graph(5, &[(0, 1), (0, 4), (1, 2), (2, 3), (4, 0)], &[3], &[]).judge();
        assert_eq!((found.settles_within, found.unsettled), (4, 0));
        let (found, _) = graph(4, &[(0, 1), (1, 0), (1, 2), (3, 1)], &[2], &[]).judge();
        assert_eq!((found.settles_within, found.unsettled, found.traps), (0, 3, 0));
    }
}
