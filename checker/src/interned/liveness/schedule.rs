//! A fair schedule over a stored graph: every queue in its turn, and how long it takes to settle.
//!
//! What waits to happen waits in queues: each direction between two servers, each disk, each server's timers, the
//! election of those who look. The schedule goes round over them and makes the first move of each that has one, so none
//! gets a second turn before every other was offered one. A wait ends only where nothing else can happen, so timers are one
//! queue, and in its turn the next server's timer after the last that fired is due: one that waits long is not passed over
//! for one that begins to wait anew. Whose turn it is belongs to where the schedule is: what it settles from, it settles
//! from whoever's turn it was.

use crate::interned::parts::Known;
use crate::interned::walk::{Act, Now};
use std::ops::Range;
use zabra_core::id::ServerId;

/// Where a move waits. The order is the one of the turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Queue {
    Notifications {
        from: ServerId,
        to: ServerId,
    },
    Packets {
        from: ServerId,
        to: ServerId,
    },
    Meeting(ServerId, ServerId),
    Disk(ServerId),
    Timers(ServerId),
    Start(ServerId),
    /// Clients that try again, and servers that learn of their end.
    Client(u8),
    /// Whoever looks.
    Election,
}

impl Queue {
    /// In whose turn it comes.
    fn turn(self) -> Queue {
        match self {
            Queue::Timers(_) => Queue::Timers(ServerId(0)),
            Queue::Notifications { .. } | Queue::Packets { .. } | Queue::Meeting(..) => self,
            Queue::Disk(_) | Queue::Start(_) | Queue::Client(_) | Queue::Election => self,
        }
    }

    /// The queue of a move, unless it is a fault, or comes from outside.
    pub fn of<K: Known>(now: &Now, act: Act, known: &K) -> Option<Queue> {
        match act {
            Act::Elect(_) => Some(Queue::Election),
            Act::Notify { from, to } => Some(Queue::Notifications { from, to }),
            Act::Meet(a, b) => Some(Queue::Meeting(a, b)),
            Act::Deliver { at, to } => {
                let ends = known.parts().cable(now.cables()[usize::from(at)].1).ends;
                Some(Queue::Packets { from: ends[to.other() as usize], to: ends[to as usize] })
            }
            Act::Complete(server, _) => Some(Queue::Disk(server)),
            // An early timer is a budget's, but for the end of a wait that is all that is left.
            Act::Fire(server, _) | Act::Early(server, _) => Some(Queue::Timers(server)),
            Act::Restart(server) => Some(Queue::Start(server)),
            Act::Retry(client) | Act::Learn(client) => Some(Queue::Client(client)),
            Act::Crash { .. } | Act::Fail(_) | Act::Break { .. } | Act::Write(_) => None,
            Act::Part(..) | Act::Meddle { .. } | Act::Submit(_) | Act::BreakLine(_) => None,
        }
    }
}

/// Where the schedule is besides its state: the turn, by its number, and whose timer fired last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    turn: usize,
    waited: u8,
}

/// What the turn of each queue of one state leads to.
#[derive(Debug, Default)]
pub struct Turns {
    /// In order of the queues; and how far the move is from being its queue's first.
    turns: Vec<(Queue, u32, u32)>,
}

impl Turns {
    /// A move of a queue, which leads there. Of a state's elections the first is the one of most servers, for in their
    /// turn all that look hear each other.
    pub fn offer(&mut self, queue: Queue, act: Act, to: u32) {
        let behind = match act {
            Act::Elect(who) => u32::MAX - who.len(),
            Act::Notify { .. }
            | Act::Meet(..)
            | Act::Deliver { .. }
            | Act::Complete(..)
            | Act::Fire(..)
            | Act::Early(..)
            | Act::Restart(_)
            | Act::Write(_)
            | Act::Crash { .. }
            | Act::Fail(_)
            | Act::Break { .. }
            | Act::Part(..)
            | Act::Meddle { .. }
            | Act::Submit(_)
            | Act::Retry(_)
            | Act::Learn(_)
            | Act::BreakLine(_) => 0,
        };
        match self.turns.binary_search_by_key(&queue, |(known, ..)| *known) {
            Ok(at) if behind < self.turns[at].1 => self.turns[at] = (queue, behind, to),
            Ok(_) => {}
            Err(at) => self.turns.insert(at, (queue, behind, to)),
        }
    }

    pub fn clear(&mut self) {
        self.turns.clear();
    }
}

/// The turns of all states.
#[derive(Debug, Default)]
pub struct Schedule {
    /// Whose turn it is, and where that leads.
    turns: Vec<(Queue, u32)>,
    /// Where each state's turns end.
    ends: Vec<u32>,
    /// The last server that has a timer.
    servers: u8,
}

/// How the schedule ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The most moves that it takes from any state and turn from which it ends.
    pub within: usize,
    /// From how many states there is a turn from which it never does.
    pub never: usize,
    /// The first of them.
    pub first: Option<u32>,
}

const UNKNOWN: u32 = u32::MAX;
const NEVER: u32 = u32::MAX - 1;

impl Schedule {
    /// The turns of the next state.
    pub fn push(&mut self, turns: &mut Turns) {
        for (queue, _, to) in turns.turns.drain(..) {
            self.turns.push((queue, to));
            if let Queue::Timers(server) = queue {
                self.servers = self.servers.max(server.0);
            }
        }
        self.ends.push(u32::try_from(self.turns.len()).expect("turns are numbered in 32 bits"));
    }

    pub fn bytes(&self) -> usize {
        self.turns.len() * size_of::<(Queue, u32)>() + self.ends.len() * 4
    }

    fn of(&self, state: u32) -> Range<usize> {
        let ends = |state: usize| self.ends[state] as usize;
        (state as usize).checked_sub(1).map_or(0, ends)..ends(state as usize)
    }

    /// Every place at which the schedule can be in a state, and some more.
    fn places(&self, state: u32) -> impl Iterator<Item = Place> {
        let turns = self.of(state);
        (0..=self.servers).flat_map(move |waited| turns.clone().map(move |turn| Place { turn, waited }))
    }

    /// Where the schedule comes from there, and its place there if any queue has a move.
    fn next(&self, place: Place) -> (u32, Option<Place>) {
        let (queue, to) = self.turns[place.turn];
        let waited = if let Queue::Timers(server) = queue { server.0 } else { place.waited };
        let (range, all) = (self.of(to), &self.turns[self.of(to)]);
        let later = all.partition_point(|(other, _)| other.turn() <= queue.turn());
        let mut at = if later == all.len() { 0 } else { later };
        if let Some((Queue::Timers(_), _)) = all.get(at) {
            let waiting =
                |(_, (queue, _)): &(usize, &(Queue, u32))| matches!(queue, Queue::Timers(server) if server.0 > waited);
            at = all.iter().enumerate().find(waiting).map_or(at, |(next, _)| next);
        }
        (to, (!all.is_empty()).then_some(Place { turn: range.start + at, waited }))
    }

    /// How long it takes from each state, in each turn, to one that `is_end`.
    pub fn settle(&self, is_end: impl Fn(u32) -> bool) -> Settled {
        let of = |place: Place| usize::from(place.waited) * self.turns.len() + place.turn;
        let mut steps = vec![UNKNOWN; self.turns.len() * (usize::from(self.servers) + 1)];
        let mut way = Vec::new();
        for start in (0..self.ends.len() as u32).flat_map(|state| self.places(state)) {
            let mut at = start;
            let mut after = loop {
                if steps[of(at)] != UNKNOWN {
                    break steps[of(at)];
                }
                // Whoever comes here again on this way goes round for ever.
                steps[of(at)] = NEVER;
                way.push(at);
                match self.next(at) {
                    (to, _) if is_end(to) => break 0,
                    (_, Some(next)) => at = next,
                    (_, None) => break NEVER,
                }
            };
            for at in way.drain(..).rev() {
                after = if after >= NEVER { NEVER } else { after + 1 };
                steps[of(at)] = after;
            }
        }
        let stays = |state: &u32| {
            let mut places = self.places(*state);
            !is_end(*state) && (self.of(*state).is_empty() || places.any(|place| steps[of(place)] == NEVER))
        };
        let mut never = (0..self.ends.len() as u32).filter(stays);
        let first = never.next();
        let most = steps.iter().filter(|steps| **steps < NEVER).max();
        Settled { within: most.map_or(0, |most| *most as usize), never: first.iter().len() + never.count(), first }
    }

    /// The states along the schedule from one from which it never ends, at whichever place it is that it does not; and
    /// from which of them on they are gone through again and again.
    pub fn round(&self, state: u32, is_end: impl Fn(u32) -> bool) -> (Vec<u32>, usize) {
        let mut short = (vec![state], 0);
        for place in self.places(state) {
            let (mut states, mut seen, mut next) = (vec![state], Vec::new(), Some(place));
            while let Some(at) = next {
                if let Some(begins) = seen.iter().position(|place| *place == at) {
                    return (states, begins);
                }
                seen.push(at);
                let (to, after) = self.next(at);
                states.push(to);
                if is_end(to) {
                    break;
                }
                next = after;
            }
            if next.is_none() {
                let stops = states.len() - 1;
                short = (states, stops);
            }
        }
        short
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zabra_core::contract::Timer;
    use zabra_core::id::ServerSet;

    const DISKS: [Queue; 3] = [Queue::Disk(ServerId(1)), Queue::Disk(ServerId(2)), Queue::Election];

    /// The turns of states: which of the queues leads where.
    fn schedule(states: &[&[(usize, u32)]]) -> Schedule {
        let mut schedule = Schedule::default();
        for state in states {
            let mut turns = Turns::default();
            state.iter().for_each(|(queue, to)| turns.offer(DISKS[*queue], Act::Restart(ServerId(1)), *to));
            schedule.push(&mut turns);
        }
        schedule
    }

    #[test]
    fn a_queue_that_is_always_ready_gets_its_turn() {
        // The first queue leads round for ever, the second out.
        let schedule = schedule(&[&[(0, 1), (1, 2)], &[(0, 0), (1, 2)], &[]]);
        assert_eq!(schedule.settle(|state| state == 2), Settled { within: 2, never: 0, first: None });
    }

    #[test]
    fn what_turns_lead_round_is_told_with_its_beginning() {
        // Each queue in its turn, and they undo each other: 2 is never seen.
        let undoing = schedule(&[&[(0, 1)], &[(1, 0), (0, 2)], &[]]);
        let settled = undoing.settle(|state| state == 2);
        assert_eq!((settled.never, settled.first), (2, Some(0)));
        assert_eq!(undoing.round(0, |state| state == 2), (vec![0, 1, 0], 0));
        // And where nothing is left to do the schedule stops short.
        let short = schedule(&[&[(0, 1)], &[]]);
        assert_eq!(short.settle(|_| false), Settled { within: 0, never: 2, first: Some(0) });
        assert_eq!(short.round(0, |_| false), (vec![0, 1], 1));
    }

    #[test]
    fn no_wait_is_passed_over_for_one_that_begins_anew() {
        // Two wait; the end of the first's comes to nothing, and it waits again.
        let (mut schedule, mut turns) = (Schedule::default(), Turns::default());
        let fires = |server| Act::Fire(ServerId(server), Timer::InitLimit);
        for (server, to) in [(1, 1), (2, 2)] {
            turns.offer(Queue::Timers(ServerId(server)), fires(server), to);
        }
        schedule.push(&mut turns);
        turns.offer(Queue::Packets { from: ServerId(1), to: ServerId(2) }, Act::Restart(ServerId(1)), 0);
        schedule.push(&mut turns);
        schedule.push(&mut turns);
        assert_eq!(schedule.settle(|state| state == 2), Settled { within: 4, never: 0, first: None });
    }

    #[test]
    fn all_that_look_hear_each_other_in_the_turn_of_elections() {
        let mut turns = Turns::default();
        let who = |servers: &[u8]| Act::Elect(servers.iter().map(|s| ServerId(*s)).collect::<ServerSet>());
        for (act, to) in [(who(&[1]), 1), (who(&[1, 2]), 2), (who(&[3]), 3)] {
            turns.offer(Queue::Election, act, to);
        }
        assert_eq!(turns.turns, [(Queue::Election, u32::MAX - 2, 2)]);
    }
}
