//! A state as a handful of numbers, and the moves on it.
//!
//! What the world does with a step (`zabra_sim::world`), done on interned parts: the same routes, in
//! the same order, so that both wrappings reach the same states. Every move is also one of the plain
//! model's, in the same order, which is how a path found here is told in its words.

use super::index::Id;
use super::parts::{CableFacts, CableOp, Front, Known, Miss, PairsOp};
use super::react::{Out, Stimulus};
use crate::state::Budget;
use zabra_core::contract::Timer;
use zabra_core::id::{ServerId, ServerSet};
use zabra_sim::link::{End, Side};
use zabra_sim::step::Job;

/// More servers than any bound has, and more connections than any of its states.
const SERVERS_MAX: usize = 7;
const CABLES_MAX: usize = 22;
/// A packed state is at most so many words.
pub const WORDS_MAX: usize = SERVERS_MAX + 3 + CABLES_MAX;
/// More rounds than any election of these sizes takes.
const ROUNDS_MAX: usize = 64;
const SLOT_SHIFT: u32 = 26;

/// A state, unpacked: the numbers of its parts. Cables are in order of age.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    servers: usize,
    machines: [Id; SERVERS_MAX],
    pub pairs: Id,
    pub ghost: Id,
    pub budget: Budget,
    cables: [(u8, Id); CABLES_MAX],
    cable_count: usize,
}

/// One move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Elect(ServerSet),
    Deliver { at: u8, to: Side },
    Complete(ServerId, Job),
    Limit(ServerId),
    Restart(ServerId),
    Write(ServerId),
    Crash { server: ServerId, choice: u8 },
    Break { at: u8, keep: [u16; 2] },
}

/// What came of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    State,
    /// The move does not apply.
    Nothing,
    /// A budget cut it off.
    Cut,
}

/// What came of an election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elected {
    pub machines: Box<[Id]>,
    pub reactions: Box<[Id]>,
    /// Whether any of them has left LOOKING.
    pub left: bool,
}

impl Now {
    pub fn new(machines: &[Id], pairs: Id, ghost: Id, budget: Budget) -> Now {
        let mut now = Now {
            servers: machines.len(),
            machines: [0; SERVERS_MAX],
            pairs,
            ghost,
            budget,
            cables: [(0, 0); CABLES_MAX],
            cable_count: 0,
        };
        now.machines[..machines.len()].copy_from_slice(machines);
        now
    }

    pub fn machines(&self) -> &[Id] {
        &self.machines[..self.servers]
    }

    /// Slot and number of each cable, oldest first.
    pub fn cables(&self) -> &[(u8, Id)] {
        &self.cables[..self.cable_count]
    }

    pub fn servers(&self) -> impl Iterator<Item = ServerId> + use<> {
        (1..=self.servers as u8).map(ServerId)
    }

    pub fn machine(&self, server: ServerId) -> Id {
        self.machines[usize::from(server.0) - 1]
    }

    /// Writes the state as words; equal states are equal words.
    pub fn pack<'a>(&self, words: &'a mut [u32; WORDS_MAX]) -> &'a [u32] {
        let n = self.servers;
        words[..n].copy_from_slice(self.machines());
        let Budget { writes, crashes, breaks, elections } = self.budget;
        words[n] = self.pairs;
        words[n + 1] = self.ghost;
        words[n + 2] = u32::from_le_bytes([writes, crashes, breaks, elections]);
        for (word, (slot, cable)) in words[n + 3..].iter_mut().zip(self.cables()) {
            *word = u32::from(*slot) << SLOT_SHIFT | cable;
        }
        &words[..n + 3 + self.cable_count]
    }

    pub fn unpack(words: &[u32], servers: usize) -> Now {
        let [writes, crashes, breaks, elections] = words[servers + 2].to_le_bytes();
        let budget = Budget { writes, crashes, breaks, elections };
        let mut now = Now::new(&words[..servers], words[servers], words[servers + 1], budget);
        for word in &words[servers + 3..] {
            now.cables[now.cable_count] = ((word >> SLOT_SHIFT) as u8, word & ((1 << SLOT_SHIFT) - 1));
            now.cable_count += 1;
        }
        now
    }

    fn find(&self, slot: u8) -> Option<usize> {
        self.cables().iter().position(|(s, _)| *s == slot)
    }

    fn dial(&mut self, cable: Id) {
        let slot = (0..).find(|slot| self.find(*slot).is_none()).expect("a slot is free");
        self.put(slot, cable);
    }

    /// Puts a cable behind the others.
    pub fn put(&mut self, slot: u8, cable: Id) {
        assert!(self.cable_count < CABLES_MAX && cable < 1 << SLOT_SHIFT, "a state has more connections than fit");
        self.cables[self.cable_count] = (slot, cable);
        self.cable_count += 1;
    }

    fn set<K: Known>(&mut self, at: usize, cable: Id, known: &K) {
        assert!(cable < 1 << SLOT_SHIFT, "more cables than a word can name");
        if known.parts().cable(cable).dead {
            self.cables.copy_within(at + 1..self.cable_count, at);
            self.cable_count -= 1;
        } else {
            self.cables[at].1 = cable;
        }
    }

    fn change<K: Known>(&mut self, at: usize, op: CableOp, known: &mut K) -> Result<(), Miss> {
        let cable = known.cable(self.cables[at].1, op)?;
        self.set(at, cable, known);
        Ok(())
    }

    /// What a reaction sends, along its routes.
    fn route<K: Known>(&mut self, reaction: Id, pairs: bool, known: &mut K) -> Result<(), Miss> {
        let (from, count) = (known.parts().reaction(reaction).server, known.parts().reaction(reaction).outs.len());
        for n in 0..count {
            match known.parts().reaction(reaction).outs[n] {
                Out::Say { to, notification } => {
                    if pairs {
                        self.pairs = known.talk(self.pairs, PairsOp::Say { from, to, notification })?.pairs;
                    }
                }
                Out::Dial(peer) => {
                    let cable = known.dial(from, peer)?;
                    self.dial(cable);
                }
                Out::Send { cable, side, packet } => {
                    if let Some(at) = self.find(cable) {
                        self.change(at, CableOp::Send(side, packet), known)?;
                    }
                }
                Out::Close { cable, side } => {
                    if let Some(at) = self.find(cable) {
                        self.change(at, CableOp::Close(side), known)?;
                    }
                }
                Out::Died => {
                    if pairs {
                        self.pairs = known.talk(self.pairs, PairsOp::End(from))?.pairs;
                    }
                    self.end_cables(from, known)?;
                }
            }
        }
        Ok(())
    }

    /// A process is gone: its end of every connection closes.
    fn end_cables<K: Known>(&mut self, gone: ServerId, known: &mut K) -> Result<(), Miss> {
        let slots = self.cables;
        for (slot, _) in &slots[..self.cable_count] {
            for side in Side::BOTH {
                let Some(at) = self.find(*slot) else { continue };
                if known.parts().cable(self.cables[at].1).ends[side as usize] == gone {
                    self.change(at, CableOp::Close(side), known)?;
                }
            }
        }
        Ok(())
    }

    /// Something happens to a server. False if it does not apply.
    fn stimulate<K: Known>(&mut self, server: ServerId, stimulus: Stimulus, known: &mut K) -> Result<Id, Miss> {
        let reaction = known.react(self.machine(server), stimulus)?;
        if !known.parts().reaction(reaction).refused {
            self.machines[usize::from(server.0) - 1] = known.parts().reaction(reaction).machine;
            self.route(reaction, true, known)?;
            self.ghost = known.judge(self.ghost, reaction)?;
        }
        Ok(reaction)
    }

    /// The oldest item on its way to this side of a cable arrives.
    fn deliver<K: Known>(&mut self, at: usize, to: Side, known: &mut K) -> Result<(), Miss> {
        let (slot, cable) = self.cables[at];
        let facts: CableFacts = *known.parts().cable(cable);
        let (server, peer) = (facts.ends[to as usize], facts.ends[to.other() as usize]);
        let up = known.parts().machine(self.machine(server)).up;
        let front = facts.fronts[to as usize].expect("only what is on its way is delivered");
        let taken = known.cable(cable, CableOp::Take(to))?;
        match front {
            Front::Syn if up => {
                let reaction = known.react(self.machine(server), Stimulus::Asked { cable: slot })?;
                let accepted = known.cable(taken, CableOp::Accept(known.parts().reaction(reaction).slot))?;
                self.set(at, accepted, known);
                self.stimulate(server, Stimulus::Asked { cable: slot }, known)?;
            }
            Front::Syn => {
                let refused = known.cable(taken, CableOp::Refuse)?;
                self.set(at, refused, known);
            }
            Front::Accept => {
                let stimulus = Stimulus::Accepted { cable: slot, peer };
                let reaction = known.react(self.machine(server), stimulus)?;
                let open = known.cable(taken, CableOp::Open(known.parts().reaction(reaction).slot))?;
                self.set(at, open, known);
                self.stimulate(server, stimulus, known)?;
            }
            Front::Refuse => {
                self.set(at, taken, known);
                if up {
                    self.stimulate(server, Stimulus::Refused(peer), known)?;
                }
            }
            Front::Carry(packet) => {
                self.set(at, taken, known);
                if let End::Open { slot } = facts.states[to as usize] {
                    self.stimulate(server, Stimulus::Packet { slot, packet }, known)?;
                }
            }
            Front::Lost if facts.states[to as usize] == End::Waiting => {
                self.set(at, taken, known);
                if to == Side::Dialer && up {
                    self.stimulate(server, Stimulus::Refused(peer), known)?;
                }
            }
            Front::End | Front::Lost => {
                self.set(at, taken, known);
                if let End::Open { slot } = facts.states[to as usize] {
                    self.stimulate(server, Stimulus::Broken { slot }, known)?;
                }
            }
        }
        Ok(())
    }

    /// A client connects to the leader, asks for a session and is gone.
    fn write<K: Known>(&mut self, leader: ServerId, known: &mut K) -> Result<bool, Miss> {
        for stimulus in [Stimulus::ClientOpened, Stimulus::ClientFrame, Stimulus::ClientClosed] {
            let reaction = self.stimulate(leader, stimulus, known)?;
            let reaction = known.parts().reaction(reaction);
            if stimulus != Stimulus::ClientClosed && (reaction.dropped || reaction.died()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn elect<K: Known>(&mut self, who: ServerSet, known: &mut K) -> Result<bool, Miss> {
        let mut state = [0; SERVERS_MAX + 1];
        state[..self.servers].copy_from_slice(self.machines());
        state[self.servers] = self.pairs;
        let election = known.elect(&state[..=self.servers], who)?;
        if !known.parts().elected(election).left {
            return Ok(false);
        }
        self.machines[..self.servers].copy_from_slice(&known.parts().elected(election).machines);
        // What was said to those outside is not heard: each election is a conversation of its own.
        for n in 0..known.parts().elected(election).reactions.len() {
            let reaction = known.parts().elected(election).reactions[n];
            self.route(reaction, false, known)?;
        }
        self.ghost = known.judge_election(self.ghost, election)?;
        Ok(true)
    }

    /// Connections open at once: between a dial and its acceptance nothing else can be told apart.
    fn open_connections<K: Known>(&mut self, known: &mut K) -> Result<(), Miss> {
        loop {
            let opens = |front: Option<Front>| matches!(front, Some(Front::Syn | Front::Accept));
            let next = self.cables().iter().enumerate().find_map(|(at, (_, cable))| {
                let fronts = known.parts().cable(*cable).fronts;
                Side::BOTH.into_iter().find(|side| opens(fronts[*side as usize])).map(|side| (at, side))
            });
            let Some((at, side)) = next else { return Ok(()) };
            self.deliver(at, side, known)?;
        }
    }

    /// Makes a move.
    pub fn make<K: Known>(&mut self, act: Act, known: &mut K) -> Result<Came, Miss> {
        let applied = match act {
            Act::Elect(_) if self.budget.elections == 0 => return Ok(Came::Cut),
            Act::Elect(who) => {
                self.budget.elections -= 1;
                self.elect(who, known)?
            }
            Act::Deliver { at, to } => {
                self.deliver(usize::from(at), to, known)?;
                true
            }
            Act::Complete(server, job) => {
                self.stimulate(server, Stimulus::Complete(job), known)?;
                true
            }
            Act::Limit(server) => {
                let reaction = self.stimulate(server, Stimulus::Fired(Timer::InitLimit), known)?;
                !known.parts().reaction(reaction).refused
            }
            Act::Restart(server) => {
                self.stimulate(server, Stimulus::Restart, known)?;
                true
            }
            Act::Write(leader) => {
                self.budget.writes -= 1;
                self.write(leader, known)?
            }
            Act::Crash { server, choice } => {
                self.budget.crashes -= 1;
                let kept = known.parts().machine(self.machine(server)).crashes[usize::from(choice)];
                self.stimulate(server, Stimulus::Crash(kept), known)?;
                true
            }
            Act::Break { at, keep } => {
                self.budget.breaks -= 1;
                self.change(usize::from(at), CableOp::Sever(keep), known)?;
                true
            }
        };
        self.open_connections(known)?;
        Ok(if applied { Came::State } else { Came::Nothing })
    }

    /// Every move, in the plain model's order.
    pub fn acts<K: Known>(&self, known: &K, acts: &mut Vec<Act>) {
        acts.clear();
        let parts = known.parts();
        if parts.violated(self.ghost) {
            return;
        }
        self.elections(known, acts);
        for (at, (_, cable)) in self.cables().iter().enumerate() {
            let fronts = parts.cable(*cable).fronts;
            let arriving = Side::BOTH.into_iter().filter(|side| fronts[*side as usize].is_some());
            acts.extend(arriving.map(|to| Act::Deliver { at: at as u8, to }));
        }
        for server in self.servers() {
            let facts = parts.machine(self.machine(server));
            let jobs = [(facts.syncs, Job::Sync), (facts.checkpoints, Job::Checkpoint), (facts.reads, Job::ReadLog)];
            acts.extend(jobs.into_iter().filter(|(can, _)| *can).map(|(_, job)| Act::Complete(server, job)));
        }
        if acts.is_empty() {
            // Only when nothing else can happen does the wait for a dead leader end.
            acts.extend(self.servers().filter(|s| parts.machine(self.machine(*s)).limit).map(Act::Limit));
        }
        acts.extend(self.servers().filter(|s| !parts.machine(self.machine(*s)).up).map(Act::Restart));
        self.faults(known, acts);
    }

    fn elections<K: Known>(&self, known: &K, acts: &mut Vec<Act>) {
        let ready = |server: &ServerId| {
            let facts = known.parts().machine(self.machine(*server));
            facts.looking && facts.drained
        };
        let ready: Vec<ServerId> = self.servers().filter(ready).collect();
        for bits in 1u32..1 << ready.len() {
            let who = ready.iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0).map(|(_, s)| *s);
            acts.push(Act::Elect(who.collect()));
        }
    }

    fn faults<K: Known>(&self, known: &K, acts: &mut Vec<Act>) {
        let parts = known.parts();
        if self.budget.writes > 0 {
            acts.extend(self.servers().filter(|s| parts.machine(self.machine(*s)).leads).map(Act::Write));
        }
        if self.budget.crashes > 0 {
            for server in self.servers() {
                let choices = parts.machine(self.machine(server)).crashes.len() as u8;
                acts.extend((0..choices).map(|choice| Act::Crash { server, choice }));
            }
        }
        if self.budget.breaks > 0 {
            for (at, (_, cable)) in self.cables().iter().enumerate() {
                let [to_a, to_b] = parts.cable(*cable).carried;
                let keeps = (0..=to_a).flat_map(|a| (0..=to_b).map(move |b| [a, b]));
                acts.extend(keeps.map(|keep| Act::Break { at: at as u8, keep }));
            }
        }
    }

    /// Which of the model's `sometimes` properties hold here, as bits.
    pub fn reached<K: Known>(&self, known: &K) -> u8 {
        let facts = || self.machines().iter().map(|id| known.parts().machine(*id));
        let bits = [facts().any(|f| f.leads), facts().all(|f| f.applied), facts().any(|f| f.serves_second)];
        bits.into_iter().enumerate().map(|(at, bit)| u8::from(bit) << at).sum()
    }
}

/// An election among machines (the last of `state` are the pairs), as [`crate::election`] runs it.
pub fn election<K: Known>(known: &mut K, state: &[Id], who: ServerSet) -> Result<Elected, Miss> {
    let (pairs, machines) = state.split_last().expect("pairs stand behind the machines");
    let mut talk = Talk { machines: machines.to_vec(), pairs: *pairs, reactions: Vec::new() };
    let servers: Vec<ServerId> = (1..=machines.len() as u8).map(ServerId).collect();
    let takes_part = |server: &&ServerId| {
        let facts = known.parts().machine(talk.machines[usize::from(server.0) - 1]);
        facts.up && (!facts.looking || who.contains(**server))
    };
    let takes_part: Vec<ServerId> = servers.iter().filter(takes_part).copied().collect();
    for server in who.iter() {
        talk.stimulate(server, Stimulus::Fired(Timer::Notification), known)?;
    }
    for _ in 0..ROUNDS_MAX {
        let talked = talk.round(&takes_part, known)?;
        let mut fired = false;
        if !talked {
            for server in who.iter() {
                fired |= talk.stimulate(server, Stimulus::Fired(Timer::FinalizeWait), known)?;
            }
        }
        if !talked && !fired {
            break;
        }
    }
    let left = who.iter().any(|s| !known.parts().machine(talk.machines[usize::from(s.0) - 1]).looking);
    Ok(Elected { machines: talk.machines.into(), reactions: talk.reactions.into(), left })
}

/// An election on its way.
struct Talk {
    machines: Vec<Id>,
    pairs: Id,
    reactions: Vec<Id>,
}

impl Talk {
    fn stimulate<K: Known>(&mut self, server: ServerId, stimulus: Stimulus, known: &mut K) -> Result<bool, Miss> {
        let at = usize::from(server.0) - 1;
        let id = known.react(self.machines[at], stimulus)?;
        let reaction = known.parts().reaction(id);
        if reaction.refused {
            return Ok(false);
        }
        self.machines[at] = reaction.machine;
        for out in reaction.outs.clone() {
            let op = match out {
                Out::Say { to, notification } => PairsOp::Say { from: server, to, notification },
                Out::Died => PairsOp::End(server),
                Out::Dial(_) | Out::Send { .. } | Out::Close { .. } => continue,
            };
            self.pairs = known.talk(self.pairs, op)?.pairs;
        }
        self.reactions.push(id);
        Ok(true)
    }

    /// Delivers every election message between those who take part.
    fn round<K: Known>(&mut self, takes_part: &[ServerId], known: &mut K) -> Result<bool, Miss> {
        let up = |talk: &Talk, known: &K, s: ServerId| known.parts().machine(talk.machines[usize::from(s.0) - 1]).up;
        let mut talked = false;
        for from in takes_part.iter().copied() {
            for to in takes_part.iter().copied().filter(|to| *to != from) {
                if up(self, known, from) && up(self, known, to) {
                    let met = known.talk(self.pairs, PairsOp::Connect { a: from.min(to), b: from.max(to) })?;
                    self.pairs = met.pairs;
                    talked |= met.happened;
                }
                while up(self, known, to) {
                    let arrived = known.talk(self.pairs, PairsOp::Arrive { from, to })?;
                    if !arrived.happened {
                        break;
                    }
                    self.pairs = arrived.pairs;
                    self.stimulate(to, Stimulus::Notified { from, notification: arrived.notification }, known)?;
                    talked = true;
                }
            }
        }
        Ok(talked)
    }
}
