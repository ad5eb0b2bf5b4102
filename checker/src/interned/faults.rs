//! Where faults are explored, if one order of what commutes is enough (decision 0018).
//!
//! A fault of a server commutes with the moves of others. So it is explored only where that server
//! moved last, whichever way one comes to the state; elsewhere it was there before that move, and comes
//! to the same. And a break is put off until one end learns of it: that end at once, the other after
//! any part of what is on its way to it.

use super::parts::{Front, Known};
use super::walk::{Act, Came, Now};
use zabra_core::id::ServerId;
use zabra_sim::link::{End, Side};

/// Everybody: as if all had moved.
pub const ALL: u8 = u8::MAX;

/// A move, and the end of a connection that learns of its break in the same move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The place of the move among all of its state.
    pub at: usize,
    pub act: Act,
    pub learns: Option<Side>,
}

impl Choice {
    pub fn of(at: usize, act: Act) -> Choice {
        Choice { at, act, learns: None }
    }
}

/// The moves of a state without the faults that are explored elsewhere. `moved` says who moved last.
pub fn choices<K: Known>(now: &Now, acts: &[Act], moved: u8, known: &K, choices: &mut Vec<Choice>) {
    for (at, act) in acts.iter().enumerate() {
        match *act {
            Act::Crash { server, .. } if moved & bit(server) == 0 => {}
            Act::Break { at: cable, keep } => {
                let ends = Side::BOTH.into_iter().filter(|side| learns(now, cable, keep, *side, moved, known));
                choices.extend(ends.map(|side| Choice { at, act: *act, learns: Some(side) }));
            }
            Act::Elect(_)
            | Act::Notify { .. }
            | Act::Meet(..)
            | Act::Deliver { .. }
            | Act::Complete(..)
            | Act::Fire(..)
            | Act::Early(..)
            | Act::Restart(_)
            | Act::Write(_)
            | Act::Crash { .. }
            | Act::Fail(_)
            | Act::Part(..)
            | Act::Meddle { .. }
            | Act::Submit(_)
            | Act::Retry(_)
            | Act::Learn(_)
            | Act::BreakLine(_) => choices.push(Choice::of(at, *act)),
        }
    }
}

/// Whether this end may be the one that learns of a break which leaves so much on its way.
fn learns<K: Known>(now: &Now, cable: u8, keep: [u16; 2], side: Side, moved: u8, known: &K) -> bool {
    let facts = known.parts().cable(now.cables()[usize::from(cable)].1);
    let at = side as usize;
    // An end that learns anyway, and next, learns nothing more by a break.
    let knows = matches!(facts.fronts[at], Some(Front::End | Front::Lost));
    let open = matches!(facts.states[at], End::Open { .. });
    keep[at] == 0 && open && !knows && moved & bit(facts.ends[at]) != 0
}

impl Now {
    /// Makes a move, and lets who is to learn of a break learn.
    pub fn choose<K: Known>(&mut self, choice: Choice, known: &mut K) -> Came {
        let came = self.make(choice.act, known);
        if let (Some(to), Act::Break { at, .. }) = (choice.learns, choice.act) {
            return self.make(Act::Deliver { at, to }, known);
        }
        came
    }

    /// The place, among the moves after a break, of the one by which this end learns of it.
    pub fn place_of_learning<K: Known>(&self, broken: Act, side: Side, known: &mut K) -> usize {
        let (mut next, mut acts) = (*self, Vec::new());
        next.make(broken, known);
        next.acts(known, &mut acts);
        let learns = |act: &Act| matches!((*act, broken), (Act::Deliver { at, to }, Act::Break { at: b, .. }) if at == b && to == side);
        acts.iter().position(learns).expect("what was lost arrives")
    }
}

/// Who has moved, from one state to the next.
pub fn moved<K: Known>(before: &Now, act: Act, after: &Now, known: &K) -> u8 {
    let server = match act {
        Act::Deliver { at, to } => known.parts().cable(before.cables()[usize::from(at)].1).ends[to as usize],
        Act::Complete(server, _) | Act::Restart(server) | Act::Write(server) => server,
        // Elections read many servers, what fires when all is quiet reads all; a fault that commutes with
        // another is explored before it and after it.
        Act::Elect(_)
        | Act::Notify { .. }
        | Act::Meet(..)
        | Act::Fire(..)
        | Act::Early(..)
        | Act::Crash { .. }
        | Act::Fail(_)
        | Act::Break { .. }
        | Act::Part(..)
        | Act::Meddle { .. }
        | Act::Submit(_)
        | Act::Retry(_)
        | Act::Learn(_)
        | Act::BreakLine(_) => return ALL,
    };
    if before.bundles() != after.bundles() {
        return ALL;
    }
    // Who was elected by what it had kept counts as an election.
    let looks = |now: &Now, s| known.parts().machine(now.machine(s)).looking;
    if before.servers().any(|s| looks(before, s) && !looks(after, s)) {
        return ALL;
    }
    let changed = before.servers().filter(|s| before.machine(*s) != after.machine(*s));
    changed.fold(bit(server), |set, server| set | bit(server))
}

fn bit(server: ServerId) -> u8 {
    1 << server.0
}
