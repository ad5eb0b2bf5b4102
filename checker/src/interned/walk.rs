//! A state as a handful of numbers, and the moves on it.
//!
//! What the world does with a step (`zabra_sim::world`), done on interned parts: the same routes, in
//! the same order, so that both wrappings reach the same states. Every move is also one of the plain
//! model's, in the same order, which is how a path found here is told in its words.

use super::index::Id;
use super::parts::{CableFacts, CableOp, Front, Known, Miss, PairsOp, Talked};
use super::react::{Out, Stimulus};
use crate::scope::{Bound, Budget, Kind};
use zabra_core::contract::Timer;
use zabra_core::id::{ServerId, ServerSet};
use zabra_sim::link::{End, Side};
use zabra_sim::step::Job;
use zabra_sim::world::Pair;

/// More servers than any bound has, and more connections than any of its states.
const SERVERS_MAX: usize = 7;
const CABLES_MAX: usize = 22;
/// Election pairs stand in a state together, or each alone where messages travel: of five servers.
const BUNDLES_MAX: usize = 10;
/// A packed state is at most so many words.
pub const WORDS_MAX: usize = SERVERS_MAX + BUNDLES_MAX + 2 + CABLES_MAX;
/// More rounds than any election of these sizes takes.
const ROUNDS_MAX: usize = 64;
const SLOT_SHIFT: u32 = 26;

/// What all states of a search have in common.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub kind: Kind,
    servers: usize,
}

impl Shape {
    pub fn of(bound: &Bound) -> Shape {
        let shape = Shape { kind: bound.kind, servers: usize::from(bound.servers) };
        assert!(shape.servers <= SERVERS_MAX && shape.bundle_count() <= BUNDLES_MAX, "more servers than fit");
        shape
    }

    fn bundle_count(self) -> usize {
        if self.kind.talks() { self.servers * (self.servers - 1) / 2 } else { 1 }
    }

    /// The election pairs as they stand in a state.
    pub fn bundles(self, pairs: &[Pair]) -> impl Iterator<Item = &[Pair]> {
        pairs.chunks(if self.kind.talks() { 1 } else { pairs.len().max(1) })
    }

    /// Where the pair of two servers stands.
    fn bundle_of(self, x: ServerId, y: ServerId) -> usize {
        let (low, high) = (usize::from(x.min(y).0), usize::from(x.max(y).0));
        // Rows of an upper triangle: (1,2) (1,3) … (2,3) …
        if self.kind.talks() { (low - 1) * self.servers - (low - 1) * low / 2 + (high - low) - 1 } else { 0 }
    }

    /// Where the ghost stands in a packed state.
    pub fn ghost_at(self) -> usize {
        self.servers + self.bundle_count()
    }

    fn servers(self) -> impl Iterator<Item = ServerId> {
        (1..=self.servers as u8).map(ServerId)
    }

    /// All pairs of servers, in order.
    fn pairs(self) -> impl Iterator<Item = (ServerId, ServerId)> {
        self.servers().flat_map(move |a| self.servers().filter(move |b| a < *b).map(move |b| (a, b)))
    }
}

/// A state, unpacked: the numbers of its parts. Cables are in order of age.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    pub shape: Shape,
    machines: [Id; SERVERS_MAX],
    bundles: [Id; BUNDLES_MAX],
    pub ghost: Id,
    pub budget: Budget,
    cables: [(u8, Id); CABLES_MAX],
    cable_count: usize,
}

/// One move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Elect(ServerSet),
    Notify {
        from: ServerId,
        to: ServerId,
    },
    Meet(ServerId, ServerId),
    Deliver {
        at: u8,
        to: Side,
    },
    Complete(ServerId, Job),
    Fire(ServerId, Timer),
    /// A timer that nothing obliges to fire now.
    Early(ServerId, Timer),
    Restart(ServerId),
    Write(ServerId),
    Crash {
        server: ServerId,
        choice: u8,
    },
    Break {
        at: u8,
        keep: [u16; 2],
    },
    Part(ServerId, ServerId),
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

impl Act {
    /// Whether this is news of an election for this server.
    fn concerns(self, server: ServerId) -> bool {
        match self {
            Act::Notify { to, .. } => to == server,
            Act::Meet(a, b) => a == server || b == server,
            Act::Elect(_)
            | Act::Deliver { .. }
            | Act::Complete(..)
            | Act::Fire(..)
            | Act::Early(..)
            | Act::Restart(_)
            | Act::Write(_)
            | Act::Crash { .. }
            | Act::Break { .. }
            | Act::Part(..) => false,
        }
    }
}

impl Now {
    pub fn new(shape: Shape, machines: &[Id], bundles: &[Id], ghost: Id, budget: Budget) -> Now {
        let mut now = Now {
            shape,
            machines: [0; SERVERS_MAX],
            bundles: [0; BUNDLES_MAX],
            ghost,
            budget,
            cables: [(0, 0); CABLES_MAX],
            cable_count: 0,
        };
        now.machines[..machines.len()].copy_from_slice(machines);
        now.bundles[..bundles.len()].copy_from_slice(bundles);
        now
    }

    pub fn machines(&self) -> &[Id] {
        &self.machines[..self.shape.servers]
    }

    fn bundles(&self) -> &[Id] {
        &self.bundles[..self.shape.bundle_count()]
    }

    /// Slot and number of each cable, oldest first.
    pub fn cables(&self) -> &[(u8, Id)] {
        &self.cables[..self.cable_count]
    }

    pub fn servers(&self) -> impl Iterator<Item = ServerId> + use<> {
        self.shape.servers()
    }

    pub fn machine(&self, server: ServerId) -> Id {
        self.machines[usize::from(server.0) - 1]
    }

    /// Writes the state as words; equal states are equal words.
    pub fn pack<'a>(&self, words: &'a mut [u32; WORDS_MAX]) -> &'a [u32] {
        let (n, ghost_at) = (self.shape.servers, self.shape.ghost_at());
        words[..n].copy_from_slice(self.machines());
        words[n..ghost_at].copy_from_slice(self.bundles());
        words[ghost_at] = self.ghost;
        words[ghost_at + 1] = self.budget.word();
        for (word, (slot, cable)) in words[ghost_at + 2..].iter_mut().zip(self.cables()) {
            *word = u32::from(*slot) << SLOT_SHIFT | cable;
        }
        &words[..ghost_at + 2 + self.cable_count]
    }

    pub fn unpack(words: &[u32], shape: Shape) -> Now {
        let (n, ghost_at) = (shape.servers, shape.ghost_at());
        let budget = Budget::of_word(words[ghost_at + 1]);
        let mut now = Now::new(shape, &words[..n], &words[n..ghost_at], words[ghost_at], budget);
        for word in &words[ghost_at + 2..] {
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
                        self.talk(self.shape.bundle_of(from, to), PairsOp::Say { from, to, notification }, known)?;
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
                    for bundle in 0..if pairs { self.shape.bundle_count() } else { 0 } {
                        self.talk(bundle, PairsOp::End(from), known)?;
                    }
                    self.end_cables(from, known)?;
                }
            }
        }
        Ok(())
    }

    fn talk<K: Known>(&mut self, bundle: usize, op: PairsOp, known: &mut K) -> Result<Talked, Miss> {
        let talked = known.talk(self.bundles[bundle], op)?;
        self.bundles[bundle] = talked.pairs;
        Ok(talked)
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
        let count = self.shape.servers;
        state[..count].copy_from_slice(self.machines());
        state[count] = self.bundles[0];
        let election = known.elect(&state[..=count], who)?;
        if !known.parts().elected(election).left {
            return Ok(false);
        }
        self.machines[..count].copy_from_slice(&known.parts().elected(election).machines);
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

    /// An election message arrives.
    fn notify<K: Known>(&mut self, from: ServerId, to: ServerId, known: &mut K) -> Result<(), Miss> {
        let arrived = self.talk(self.shape.bundle_of(from, to), PairsOp::Arrive { from, to }, known)?;
        self.stimulate(to, Stimulus::Notified { from, notification: arrived.notification }, known)?;
        Ok(())
    }

    /// An election connection comes up; or one dials, and learns that the other is not there.
    fn meet<K: Known>(&mut self, a: ServerId, b: ServerId, known: &mut K) -> Result<(), Miss> {
        let up = |server| known.parts().machine(self.machine(server)).up;
        match (up(a), up(b)) {
            (true, false) => self.stimulate(a, Stimulus::Unreachable(b), known).map(drop),
            (false, true) => self.stimulate(b, Stimulus::Unreachable(a), known).map(drop),
            (true, true) | (false, false) => {
                self.talk(self.shape.bundle_of(a, b), PairsOp::Connect { a, b }, known).map(drop)
            }
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
            Act::Notify { from, to } => {
                self.notify(from, to, known)?;
                true
            }
            Act::Meet(a, b) => {
                self.meet(a, b, known)?;
                true
            }
            Act::Deliver { at, to } => {
                self.deliver(usize::from(at), to, known)?;
                true
            }
            Act::Complete(server, job) => {
                self.stimulate(server, Stimulus::Complete(job), known)?;
                true
            }
            Act::Early(..) if self.budget.timeouts == 0 => return Ok(Came::Cut),
            Act::Fire(server, timer) | Act::Early(server, timer) => {
                self.budget.timeouts -= u8::from(matches!(act, Act::Early(..)));
                let reaction = self.stimulate(server, Stimulus::Fired(timer), known)?;
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
            Act::Part(a, b) => {
                self.budget.breaks -= 1;
                self.talk(self.shape.bundle_of(a, b), PairsOp::Part, known)?;
                true
            }
        };
        if self.shape.kind.connects() {
            self.open_connections(known)?;
        } else {
            self.cable_count = 0;
        }
        Ok(if applied { Came::State } else { Came::Nothing })
    }

    /// Every move, in the plain model's order.
    pub fn acts<K: Known>(&self, known: &K, acts: &mut Vec<Act>) {
        acts.clear();
        let parts = known.parts();
        if parts.violated(self.ghost) {
            return;
        }
        if self.shape.kind.talks() {
            self.messages(known, acts);
        } else {
            self.elections(known, acts);
        }
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
        if self.shape.kind.talks() {
            self.votes(known, acts);
        }
        self.limits(known, acts);
        acts.extend(self.servers().filter(|s| !parts.machine(self.machine(*s)).up).map(Act::Restart));
        self.faults(known, acts);
    }

    fn votes<K: Known>(&self, known: &K, acts: &mut Vec<Act>) {
        let messages = acts.len();
        for server in self.servers() {
            let facts = known.parts().machine(self.machine(server));
            if facts.begins {
                acts.push(Act::Fire(server, Timer::Notification));
            }
            let early = acts[..messages].iter().any(|act| act.concerns(server));
            if facts.finalizes && !early {
                acts.push(Act::Fire(server, Timer::FinalizeWait));
            } else if facts.finalizes && self.budget.timeouts > 0 {
                acts.push(Act::Early(server, Timer::FinalizeWait));
            }
        }
    }

    fn limits<K: Known>(&self, known: &K, acts: &mut Vec<Act>) {
        let (kind, stuck) = (self.shape.kind, acts.is_empty() && self.shape.kind.connects());
        let waiting = self.servers().filter(|s| known.parts().machine(self.machine(*s)).limit);
        if kind.talks() && (stuck || self.budget.timeouts > 0) {
            acts.extend(waiting.map(|server| Act::Early(server, Timer::InitLimit)));
        } else if !kind.talks() && stuck {
            acts.extend(waiting.map(|server| Act::Fire(server, Timer::InitLimit)));
        }
    }

    fn messages<K: Known>(&self, known: &K, acts: &mut Vec<Act>) {
        let up = |server| known.parts().machine(self.machine(server)).up;
        for (bundle, (a, b)) in self.shape.pairs().enumerate() {
            let facts = known.parts().pair(self.bundles[bundle]);
            for (flying, from, to) in [(facts.flying[0], a, b), (facts.flying[1], b, a)] {
                if flying && up(to) {
                    acts.push(Act::Notify { from, to });
                }
            }
            if facts.speaks && (up(a) || up(b)) {
                acts.push(Act::Meet(a, b));
            }
        }
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
        let facts = |server| parts.machine(self.machine(server));
        if self.shape.kind.talks() && self.budget.timeouts > 0 {
            let again = self.servers().filter(|s| facts(*s).again);
            acts.extend(again.map(|server| Act::Early(server, Timer::Notification)));
        }
        if self.budget.writes > 0 {
            let leads = |s: &ServerId| facts(*s).glance.leads && facts(*s).glance.serves;
            acts.extend(self.servers().filter(leads).map(Act::Write));
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
            if self.shape.kind.talks() {
                let up = self.shape.pairs().zip(self.bundles()).filter(|(_, id)| parts.pair(**id).up);
                acts.extend(up.map(|((a, b), _)| Act::Part(a, b)));
            }
        }
    }

    /// Which of the model's `sometimes` properties hold here, as bits.
    pub fn reached<K: Known>(&self, known: &K) -> u8 {
        let glances = self.machines().iter().map(|id| known.parts().machine(*id).glance);
        self.shape.kind.reached(glances)
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
