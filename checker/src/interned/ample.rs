//! Ample sets: which moves of a state are enough (decision 0018).
//!
//! Orders of moves that commute lead to the same state, so one of them is enough. When the faults are
//! used up, the moves at one server may be explored alone if nothing new can arrive there first (each
//! of its open connections has something on its way, or a peer that is waiting itself) and if what
//! they do concerns nobody but that server: no change of role, and nothing reported that an oracle
//! holds against another server.

use super::index::hash_words;
use super::parts::{Front, Known};
use super::react::{Concerns, Stimulus};
use super::walk::{Act, Came, Now, WORDS_MAX};
use crate::scope::Budget;
use zabra_core::id::ServerId;
use zabra_sim::link::{End, Side};

/// The server whose moves are enough here, if there is one; one with a single move rather than others.
pub fn choose<K: Known>(now: &Now, acts: &[Act], known: &mut K) -> Option<ServerId> {
    let Budget { elections, timeouts, .. } = now.budget;
    if now.budget.faults() || timeouts > 0 || !now.shape.kind.connects() || now.budget.meddles() {
        return None;
    }
    // Where election messages travel there is always an election left.
    let elects = elections > 0 || now.shape.kind.talks();
    let around = Around::of(now, acts, elects, known);
    let mut several = None;
    for server in now.servers() {
        let moves = around.moves[usize::from(server.0)];
        // With several moves anywhere else one is enough.
        if moves == 0 || (moves > 1 && several.is_some()) {
            continue;
        }
        // Whoever looks may elect; whoever elects may join a leader.
        let follows = !elects || known.parts().machine(now.machine(server)).follows;
        if follows && around.may_be_alone(server) && is_quiet(now, server, acts, elects, known) {
            if moves == 1 {
                return Some(server);
            }
            several = Some(server);
        }
    }
    several
}

/// What a run has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    pub states: u64,
    /// Which of the model's `sometimes` properties held on the way, as bits.
    pub reached: u8,
}

/// Makes moves as long as one is enough, telling the place of each among the moves of its state, and
/// asking before each whether it is known where it leads. The states on the way need not be kept:
/// there is one way on from each.
pub fn run<K: Known>(
    now: &mut Now,
    known: &mut K,
    acts: &mut Vec<Act>,
    mut shortcut: impl FnMut(&mut Now) -> bool,
    mut tell: impl FnMut(usize),
) -> Passed {
    let mut passed = Passed::default();
    while !now.budget.faults() && !shortcut(now) {
        now.acts(known, acts);
        let Some(server) = choose(now, acts, known) else { break };
        let mut enough = (0..acts.len()).filter(|at| server_of(now, acts[*at], known) == Some(server));
        let (Some(only), None) = (enough.next(), enough.next()) else { break };
        passed.states += 1;
        passed.reached |= now.reached(known);
        tell(only);
        let came = now.make(acts[only], known);
        assert_eq!(came, Came::State, "deliveries, completions and starts apply");
    }
    passed
}

/// Where runs have led lately, for they meet.
#[derive(Debug, Default)]
pub struct Trail {
    slots: Vec<Option<(Words, Words)>>,
    /// The states of the run that is on its way.
    way: Vec<Words>,
}

/// A packed state with room for as many words as most have, and how many it has.
type Words = ([u32; WORDS_SHORT], u8);

const WORDS_SHORT: usize = 15;

const SLOTS: usize = 1 << 16;

impl Trail {
    /// As [`run`], where it has not led before.
    pub fn run<K: Known>(&mut self, now: &mut Now, known: &mut K, acts: &mut Vec<Act>) -> Passed {
        self.way.clear();
        self.slots.resize(SLOTS, None);
        let (slots, way) = (&self.slots, &mut self.way);
        let shortcut = |now: &mut Now| {
            let Some(from) = words(now) else { return false };
            let found = slots[slot(&from)].as_ref().filter(|(known, _)| *known == from);
            if let Some((_, to)) = found {
                *now = Now::unpack(&to.0[..usize::from(to.1)], now.shape);
            }
            way.push(from);
            found.is_some()
        };
        let passed = run(now, known, acts, shortcut, |_| {});
        if let Some(to) = words(now) {
            self.way.drain(..).for_each(|from| self.slots[slot(&from)] = Some((from, to)));
        }
        passed
    }
}

fn slot(words: &Words) -> usize {
    hash_words(&words.0[..usize::from(words.1)]) as usize % SLOTS
}

/// Nothing if the state is longer.
fn words(now: &Now) -> Option<Words> {
    let mut words = [0; WORDS_MAX];
    let packed = now.pack(&mut words);
    let mut short = [0; WORDS_SHORT];
    short.get_mut(..packed.len())?.copy_from_slice(packed);
    Some((short, packed.len() as u8))
}

/// The server at which a move happens that may be enough. An election happens at many; what arrives of
/// one at a server that has a leader reads and leaves what no other move there does.
pub fn server_of<K: Known>(now: &Now, act: Act, known: &K) -> Option<ServerId> {
    match act {
        Act::Deliver { at, to } => {
            let (_, cable) = now.cables()[usize::from(at)];
            Some(known.parts().cable(cable).ends[to as usize])
        }
        Act::Complete(server, _)
        | Act::Fire(server, _)
        | Act::Early(server, _)
        | Act::Restart(server)
        | Act::Write(server) => Some(server),
        Act::Elect(_)
        | Act::Notify { .. }
        | Act::Meet(..)
        | Act::Part(..)
        | Act::Crash { .. }
        | Act::Fail(_)
        | Act::Break { .. }
        | Act::Meddle { .. } => None,
        // Clients are not reasoned about here.
        Act::Submit(_) | Act::Retry(_) | Act::Learn(_) | Act::BreakLine(_) => None,
    }
}

/// Who can move, and whose moves may reach whom. Sets of servers as bits, by server.
struct Around {
    moves: [u8; BITS],
    /// Who looks for a leader, or will when it is started; if there is an election left.
    electing: u8,
    /// Whom those who elect may connect to: whoever follows hangs up.
    joinable: u8,
    /// To whom a connection is open here.
    touched: [u8; BITS],
    /// From whom something may come that is not on its way yet.
    silent: [u8; BITS],
}

/// Servers are numbered from 1 to 7.
const BITS: usize = 8;

impl Around {
    fn of<K: Known>(now: &Now, acts: &[Act], elects: bool, known: &K) -> Around {
        let mut around = Around { moves: [0; BITS], electing: 0, joinable: 0, touched: [0; BITS], silent: [0; BITS] };
        for act in acts {
            if let Some(server) = server_of(now, *act, known) {
                around.moves[usize::from(server.0)] += 1;
            }
        }
        for server in now.servers().filter(|_| elects) {
            let facts = known.parts().machine(now.machine(server));
            around.electing |= if facts.looking || !facts.up { bit(server) } else { 0 };
            around.joinable |= if facts.follows { 0 } else { bit(server) };
        }
        for (_, cable) in now.cables() {
            let facts = known.parts().cable(*cable);
            for side in Side::BOTH.into_iter().filter(|side| facts.states[*side as usize] != End::Closed) {
                let (here, there) = (usize::from(facts.ends[side as usize].0), side.other() as usize);
                around.touched[here] |= bit(facts.ends[there]);
                if facts.fronts[side as usize].is_none() && facts.states[there] != End::Closed {
                    around.silent[here] |= bit(facts.ends[there]);
                }
            }
        }
        around
    }

    /// Whether nothing that is not there yet can happen to the server before it moves.
    fn may_be_alone(&self, server: ServerId) -> bool {
        let (me, mut awake) = (bit(server), self.electing);
        for (other, moves) in self.moves.iter().enumerate() {
            awake |= u8::from(*moves > 0) << other;
        }
        awake &= !me;
        if awake != 0 {
            // Whoever moves may come to look for a leader, and joins one.
            awake |= self.joinable & !me;
        }
        // Who is reached by those that move without it may move then.
        loop {
            let woken = (1..BITS).filter(|other| self.touched[*other] & awake & !me != 0);
            let more = woken.fold(awake, |set, other| set | 1 << other) & !me;
            if more == awake {
                return self.silent[usize::from(server.0)] & awake == 0;
            }
            awake = more;
        }
    }
}

fn bit(server: ServerId) -> u8 {
    1 << server.0
}

/// Whether all that can happen at the server concerns those only who get what it sends; or, when
/// nobody elects any more, changes its role as well.
fn is_quiet<K: Known>(now: &Now, server: ServerId, acts: &[Act], elects: bool, known: &mut K) -> bool {
    let most = if elects { Concerns::Receivers } else { Concerns::Voters };
    for act in acts {
        if server_of(now, *act, known) != Some(server) {
            continue;
        }
        let stimulus = match *act {
            Act::Deliver { at, to } => {
                let facts = known.parts().cable(now.cables()[usize::from(at)].1);
                let End::Open { slot } = facts.states[to as usize] else { return false };
                match facts.fronts[to as usize] {
                    Some(Front::Carry(packet)) => Stimulus::Packet { slot, packet },
                    Some(Front::End | Front::Lost) => Stimulus::Broken { slot },
                    Some(Front::Syn | Front::Accept | Front::Refuse) | None => return false,
                }
            }
            Act::Complete(_, job) => Stimulus::Complete(job),
            Act::Restart(_) => Stimulus::Restart,
            Act::Elect(_)
            | Act::Notify { .. }
            | Act::Meet(..)
            | Act::Fire(..)
            | Act::Early(..)
            | Act::Write(_)
            | Act::Crash { .. }
            | Act::Fail(_)
            | Act::Break { .. }
            | Act::Part(..)
            | Act::Meddle { .. }
            | Act::Submit(_)
            | Act::Retry(_)
            | Act::Learn(_)
            | Act::BreakLine(_) => return false,
        };
        let reaction = known.react(now.machine(server), stimulus);
        if known.parts().reaction(reaction).concerns > most {
            return false;
        }
    }
    true
}
