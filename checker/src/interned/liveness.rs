//! From every state that can be reached a stable one can be reached, without another fault.
//!
//! The whole graph is stored: every state of a bound, and its edges that are no faults. Going backward
//! from the stable states finds whoever can get there; the rest are traps, in which the ensemble would stay
//! for ever whatever the schedule. A state at which a budget cut an election off says nothing, so what can
//! get no further than to such states is counted apart. That every fair schedule gets there is not shown.

use super::model::Interned;
use super::parts::Known;
use super::walk::{Act, Now};
use crate::plain::Plain;
use stateright::Model;
use std::collections::BTreeMap;

/// What was found of a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

/// Stores the graph of a model and goes back from its stable states.
pub fn liveness(model: &Plain) -> Liveness {
    let interned = Interned::new(model);
    let mut graph = Graph::default();
    for state in interned.init_states() {
        graph.number(state);
    }
    let mut acts = Vec::new();
    let mut at = 0;
    while at < graph.states.len() {
        let state = graph.states[at].clone();
        graph.stable.push(interned.is_stable(&state));
        graph.cut.push(false);
        interned.actions(&state, &mut acts);
        for act in acts.drain(..) {
            let cuts = interned.cuts();
            let next = interned.next_state(&state, act);
            graph.cut[at] |= interned.cuts() > cuts;
            if let Some(next) = next {
                let to = graph.number(next);
                if !is_fault(act) {
                    graph.edges.push((to, at as u32));
                }
            }
        }
        at += 1;
    }
    graph.judge()
}

#[derive(Default)]
struct Graph {
    states: Vec<Box<[u32]>>,
    numbers: BTreeMap<Box<[u32]>, u32>,
    /// To, and from where.
    edges: Vec<(u32, u32)>,
    stable: Vec<bool>,
    cut: Vec<bool>,
}

impl Graph {
    fn number(&mut self, state: Box<[u32]>) -> u32 {
        let next = self.states.len() as u32;
        *self.numbers.entry(state).or_insert_with_key(|state| {
            self.states.push(state.clone());
            next
        })
    }

    fn judge(mut self) -> Liveness {
        self.edges.sort_unstable();
        let live = self.back_from(&self.stable);
        let told: Vec<bool> = live.iter().zip(&self.cut).map(|(live, cut)| *live || *cut).collect();
        let open = self.back_from(&told);
        let count = |flags: &[bool]| flags.iter().filter(|flag| **flag).count();
        Liveness {
            states: self.states.len(),
            edges: self.edges.len(),
            stable: count(&self.stable),
            open: count(&open) - count(&live),
            traps: self.states.len() - count(&open),
        }
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
        Act::Crash { .. } | Act::Break { .. } | Act::Write(_) | Act::Early(..) | Act::Part(..) => true,
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

impl Interned {
    fn is_stable(&self, state: &[u32]) -> bool {
        self.with(|learner| {
            let now = Now::unpack(state, self.shape);
            let facts = || now.machines().iter().map(|id| learner.parts().machine(*id));
            let leader = facts().next().and_then(|first| first.glance.leader);
            let serves = |serves: bool| serves || !self.shape.kind.connects();
            leader.is_some() && facts().all(|f| f.up && f.glance.leader == leader && serves(f.glance.serves))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A graph of `states` states with these edges, from and to.
    fn graph(states: usize, edges: &[(u32, u32)], stable: &[usize], cut: &[usize]) -> Graph {
        let flags = |set: &[usize]| (0..states).map(|state| set.contains(&state)).collect();
        Graph {
            states: (0..states as u32).map(|state| Box::from([state])).collect(),
            numbers: BTreeMap::new(),
            edges: edges.iter().map(|(from, to)| (*to, *from)).collect(),
            stable: flags(stable),
            cut: flags(cut),
        }
    }

    #[test]
    fn a_cycle_that_nothing_leaves_is_a_trap_and_one_that_can_be_left_is_not() {
        let cycles = [(0, 1), (1, 0), (1, 2), (0, 3), (3, 4), (4, 3)];
        let found = graph(5, &cycles, &[2], &[]).judge();
        assert_eq!((found.stable, found.open, found.traps), (1, 0, 2));
    }

    #[test]
    fn what_comes_no_further_than_to_a_cut_is_open_and_an_end_is_a_trap() {
        let found = graph(6, &[(0, 1), (0, 2), (3, 2), (0, 4), (5, 1)], &[1], &[2]).judge();
        assert_eq!((found.stable, found.open, found.traps), (1, 2, 1));
    }
}
