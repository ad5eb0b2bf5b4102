//! An election among machines as one move, as [`crate::election`] runs it on whole states.

use super::index::Id;
use super::parts::{Known, PairsOp};
use super::react::{Out, Stimulus};
use zabra_core::contract::Timer;
use zabra_core::id::{ServerId, ServerSet};

/// More rounds than any election of these sizes takes.
const ROUNDS_MAX: usize = 64;

/// What came of an election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elected {
    pub machines: Box<[Id]>,
    pub reactions: Box<[Id]>,
    /// Whether any of them has left LOOKING.
    pub left: bool,
}

/// An election among machines (the last of `state` are the pairs).
pub fn election<K: Known>(known: &mut K, state: &[Id], who: ServerSet) -> Elected {
    let (pairs, machines) = state.split_last().expect("pairs stand behind the machines");
    let mut talk = Talk { machines: machines.to_vec(), pairs: *pairs, reactions: Vec::new() };
    let servers: Vec<ServerId> = (1..=machines.len() as u8).map(ServerId).collect();
    let takes_part = |server: &&ServerId| {
        let facts = known.parts().machine(talk.machines[usize::from(server.0) - 1]);
        facts.up && (!facts.looking || who.contains(**server))
    };
    let takes_part: Vec<ServerId> = servers.iter().filter(takes_part).copied().collect();
    for server in who.iter() {
        talk.stimulate(server, Stimulus::Fired(Timer::Notification), known);
    }
    for _ in 0..ROUNDS_MAX {
        let talked = talk.round(&takes_part, known);
        let mut fired = false;
        if !talked {
            for server in who.iter() {
                fired |= talk.stimulate(server, Stimulus::Fired(Timer::FinalizeWait), known);
            }
        }
        if !talked && !fired {
            break;
        }
    }
    let left = who.iter().any(|s| !known.parts().machine(talk.machines[usize::from(s.0) - 1]).looking);
    Elected { machines: talk.machines.into(), reactions: talk.reactions.into(), left }
}

/// An election on its way.
struct Talk {
    machines: Vec<Id>,
    pairs: Id,
    reactions: Vec<Id>,
}

impl Talk {
    fn stimulate<K: Known>(&mut self, server: ServerId, stimulus: Stimulus, known: &mut K) -> bool {
        let at = usize::from(server.0) - 1;
        let id = known.react(self.machines[at], stimulus);
        let reaction = known.parts().reaction(id);
        if reaction.refused {
            return false;
        }
        self.machines[at] = reaction.machine;
        for out in reaction.outs.clone() {
            let op = match out {
                Out::Say { to, notification } => PairsOp::Say { from: server, to, notification },
                Out::Died => PairsOp::End(server),
                Out::Dial(_) | Out::Send { .. } | Out::Close { .. } | Out::Tell { .. } | Out::Leave { .. } => continue,
            };
            self.pairs = known.talk(self.pairs, op).pairs;
        }
        self.reactions.push(id);
        true
    }

    /// Delivers every election message between those who take part.
    fn round<K: Known>(&mut self, takes_part: &[ServerId], known: &mut K) -> bool {
        let up = |talk: &Talk, known: &K, s: ServerId| known.parts().machine(talk.machines[usize::from(s.0) - 1]).up;
        let mut talked = false;
        for from in takes_part.iter().copied() {
            for to in takes_part.iter().copied().filter(|to| *to != from) {
                if up(self, known, from) && up(self, known, to) {
                    let met = known.talk(self.pairs, PairsOp::Connect { a: from.min(to), b: from.max(to) });
                    self.pairs = met.pairs;
                    talked |= met.happened;
                }
                while up(self, known, to) {
                    let arrived = known.talk(self.pairs, PairsOp::Arrive { from, to });
                    if !arrived.happened {
                        break;
                    }
                    self.pairs = arrived.pairs;
                    self.stimulate(to, Stimulus::Notified { from, notification: arrived.notification }, known);
                    talked = true;
                }
            }
        }
        talked
    }
}
