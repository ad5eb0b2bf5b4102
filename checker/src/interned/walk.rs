//! A state as a handful of numbers, and the moves on it.
//!
//! What the world does with a step (`zabra_sim::world`), done on interned parts: the same routes, in
//! the same order, so that both wrappings reach the same states. Every move is also one of the plain
//! model's, in the same order, which is how a path found here is told in its words.

mod acts;

pub use acts::Act;

use super::guests::{Guests, LINE_TAG, LINES_MAX, SEATS_MAX};
use super::index::Id;
use super::parts::{CableFacts, CableOp, Facts, Front, Known, Noted, PairsOp, Talked};
use super::react::{Out, Stimulus};
use crate::scope::{Bound, Budget, Kind, Meddling};
use zabra_core::id::{Epoch, ServerId, ServerSet};
use zabra_sim::link::{End, Side};
use zabra_sim::world::Pair;

/// More servers than any bound has, and more connections than any of its states.
pub const SERVERS_MAX: usize = 7;
const CABLES_MAX: usize = 22;
/// Election pairs stand in a state together, or each alone where messages travel: of five servers.
const BUNDLES_MAX: usize = 10;
/// A packed state is at most so many words.
pub const WORDS_MAX: usize = SERVERS_MAX + BUNDLES_MAX + 2 + SEATS_MAX + 1 + CABLES_MAX + LINES_MAX;
const SLOT_SHIFT: u32 = 26;

/// What all states of a search have in common.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub kind: Kind,
    servers: usize,
    /// How many operations each client has.
    pub todo: [u32; SEATS_MAX],
    /// The election pairs when nothing was said, if elections are forgotten when none is left (decision 0030).
    pub silence: Option<Id>,
}

impl Shape {
    pub fn of(bound: &Bound) -> Shape {
        let todo = [0, 1].map(|client| bound.kind.script().map_or(0, |script| script.count(client)));
        let shape = Shape { kind: bound.kind, servers: usize::from(bound.servers), todo, silence: None };
        assert!(shape.servers <= SERVERS_MAX && shape.bundle_count() <= BUNDLES_MAX, "more servers than fit");
        shape
    }

    fn bundle_count(self) -> usize {
        if self.kind.talks() { self.servers * (self.servers - 1) / 2 } else { usize::from(self.servers > 1) }
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

    /// How many clients there are.
    fn seats(self) -> usize {
        self.kind.script().map_or(0, |script| script.clients())
    }

    /// Whether somebody objects in this packed state.
    pub fn objects(self, facts: &Facts, words: &[u32]) -> bool {
        let notes = || facts.objected(words[self.ghost_at() + 2 + self.seats()]);
        facts.violated(words[self.ghost_at()]) || (self.seats() > 0 && notes())
    }

    /// Where cables begin in a packed state.
    fn cables_at(self) -> usize {
        let seats = self.seats();
        self.ghost_at() + 2 + if seats > 0 { seats + 1 } else { 0 }
    }

    /// Where the ghost stands in a packed state.
    pub fn ghost_at(self) -> usize {
        self.servers + self.bundle_count()
    }

    fn servers(self) -> impl Iterator<Item = ServerId> {
        (1..=self.servers as u8).map(ServerId)
    }

    /// All pairs of servers, in order.
    pub fn pairs(self) -> impl Iterator<Item = (ServerId, ServerId)> {
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
    pub guests: Guests,
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
            guests: Guests::NONE,
        };
        now.machines[..machines.len()].copy_from_slice(machines);
        now.bundles[..bundles.len()].copy_from_slice(bundles);
        now
    }

    pub fn machines(&self) -> &[Id] {
        &self.machines[..self.shape.servers]
    }

    pub fn bundles(&self) -> &[Id] {
        &self.bundles[..self.shape.bundle_count()]
    }

    pub fn set_machine(&mut self, server: ServerId, id: Id) {
        self.machines[usize::from(server.0) - 1] = id;
    }

    pub fn set_bundle(&mut self, at: usize, id: Id) {
        self.bundles[at] = id;
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
        let (seats, cables_at) = (self.shape.seats(), self.shape.cables_at());
        for client in 0..seats {
            let using = self.guests.using(client).map_or(0, |name| u32::from(name) + 1);
            words[ghost_at + 2 + client] = using << SLOT_SHIFT | self.guests.seats[client];
        }
        if seats > 0 {
            words[cables_at - 1] = self.guests.notes;
        }
        let cables = self.cables().iter().map(|(slot, cable)| u32::from(*slot) << SLOT_SHIFT | cable);
        let mut end = cables_at;
        for (word, packed) in words[cables_at..].iter_mut().zip(cables.chain(self.guests.words())) {
            *word = packed;
            end += 1;
        }
        &words[..end]
    }

    pub fn unpack(words: &[u32], shape: Shape) -> Now {
        let (n, ghost_at) = (shape.servers, shape.ghost_at());
        let budget = Budget::of_word(words[ghost_at + 1]);
        let mut now = Now::new(shape, &words[..n], &words[n..ghost_at], words[ghost_at], budget);
        let (seats, cables_at) = (shape.seats(), shape.cables_at());
        for client in 0..seats {
            let word = words[ghost_at + 2 + client];
            now.guests.seats[client] = word & ((1 << SLOT_SHIFT) - 1);
            now.guests.use_line(client, ((word >> SLOT_SHIFT) as u8).checked_sub(1));
        }
        if seats > 0 {
            now.guests.notes = words[cables_at - 1];
        }
        for word in &words[cables_at..] {
            if word & LINE_TAG != 0 {
                now.guests.put_word(*word);
                continue;
            }
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

    fn change<K: Known>(&mut self, at: usize, op: CableOp, known: &mut K) {
        let cable = known.cable(self.cables[at].1, op);
        self.set(at, cable, known);
    }

    /// What a reaction sends, along its routes.
    fn route<K: Known>(&mut self, reaction: Id, pairs: bool, known: &mut K) {
        let (from, count) = (known.parts().reaction(reaction).server, known.parts().reaction(reaction).outs.len());
        for n in 0..count {
            match known.parts().reaction(reaction).outs[n] {
                Out::Say { to, notification } => {
                    if pairs {
                        self.talk(self.shape.bundle_of(from, to), PairsOp::Say { from, to, notification }, known);
                    }
                }
                Out::Dial(peer) => {
                    let cable = known.dial(from, peer);
                    self.dial(cable);
                }
                Out::Send { cable, side, packet } => {
                    if let Some(at) = self.find(cable) {
                        self.change(at, CableOp::Send(side, packet), known);
                    }
                }
                Out::Close { cable, side } => {
                    if let Some(at) = self.find(cable) {
                        self.change(at, CableOp::Close(side), known);
                    }
                }
                Out::Tell { line, frame } => self.guests.tell(line, frame),
                Out::Leave { line } => self.guests.leave(line),
                Out::Died => {
                    self.guests.end_lines(from);
                    for bundle in 0..if pairs { self.shape.bundle_count() } else { 0 } {
                        self.talk(bundle, PairsOp::End(from), known);
                    }
                    self.end_cables(from, known);
                }
            }
        }
    }

    fn talk<K: Known>(&mut self, bundle: usize, op: PairsOp, known: &mut K) -> Talked {
        let talked = known.talk(self.bundles[bundle], op);
        self.bundles[bundle] = talked.pairs;
        talked
    }

    /// A process is gone: its end of every connection closes.
    fn end_cables<K: Known>(&mut self, gone: ServerId, known: &mut K) {
        let slots = self.cables;
        for (slot, _) in &slots[..self.cable_count] {
            for side in Side::BOTH {
                let Some(at) = self.find(*slot) else { continue };
                if known.parts().cable(self.cables[at].1).ends[side as usize] == gone {
                    self.change(at, CableOp::Close(side), known);
                }
            }
        }
    }

    /// What a server applied is noted, where there are clients.
    fn note<K: Known>(&mut self, reaction: Id, known: &mut K) {
        if self.shape.seats() > 0 && known.parts().reaction(reaction).applies {
            self.guests.notes = known.note(self.guests.notes, Noted::Applied(reaction));
        }
    }

    /// Something happens to a server. False if it does not apply.
    pub(super) fn stimulate<K: Known>(&mut self, server: ServerId, stimulus: Stimulus, known: &mut K) -> Id {
        let reaction = known.react(self.machine(server), stimulus);
        if !known.parts().reaction(reaction).refused {
            self.machines[usize::from(server.0) - 1] = known.parts().reaction(reaction).machine;
            self.route(reaction, true, known);
            self.ghost = known.judge(self.ghost, reaction);
            self.note(reaction, known);
        }
        reaction
    }

    /// The oldest item on its way to this side of a cable arrives.
    fn deliver<K: Known>(&mut self, at: usize, to: Side, known: &mut K) {
        let (slot, cable) = self.cables[at];
        let facts: CableFacts = *known.parts().cable(cable);
        let (server, peer) = (facts.ends[to as usize], facts.ends[to.other() as usize]);
        let up = known.parts().machine(self.machine(server)).up;
        let front = facts.fronts[to as usize].expect("only what is on its way is delivered");
        let taken = known.cable(cable, CableOp::Take(to));
        match front {
            Front::Syn if up => {
                let reaction = known.react(self.machine(server), Stimulus::Asked { cable: slot });
                let accepted = known.cable(taken, CableOp::Accept(known.parts().reaction(reaction).slot));
                self.set(at, accepted, known);
                self.stimulate(server, Stimulus::Asked { cable: slot }, known);
            }
            Front::Syn => {
                let refused = known.cable(taken, CableOp::Refuse);
                self.set(at, refused, known);
            }
            Front::Accept => {
                let stimulus = Stimulus::Accepted { cable: slot, peer };
                let reaction = known.react(self.machine(server), stimulus);
                let open = known.cable(taken, CableOp::Open(known.parts().reaction(reaction).slot));
                self.set(at, open, known);
                self.stimulate(server, stimulus, known);
            }
            Front::Refuse => {
                self.set(at, taken, known);
                if up {
                    self.stimulate(server, Stimulus::Refused(peer), known);
                }
            }
            Front::Carry(packet) => {
                self.set(at, taken, known);
                if let End::Open { slot } = facts.states[to as usize] {
                    self.stimulate(server, Stimulus::Packet { slot, packet }, known);
                }
            }
            Front::Lost if facts.states[to as usize] == End::Waiting => {
                self.set(at, taken, known);
                if to == Side::Dialer && up {
                    self.stimulate(server, Stimulus::Refused(peer), known);
                }
            }
            Front::End | Front::Lost => {
                self.set(at, taken, known);
                if let End::Open { slot } = facts.states[to as usize] {
                    self.stimulate(server, Stimulus::Broken { slot }, known);
                }
            }
        }
    }

    /// A client connects to the leader, asks for a session and is gone.
    fn write<K: Known>(&mut self, leader: ServerId, known: &mut K) -> bool {
        for stimulus in [Stimulus::ClientOpened, Stimulus::ClientFrame, Stimulus::ClientClosed] {
            let reaction = self.stimulate(leader, stimulus, known);
            let reaction = known.parts().reaction(reaction);
            if stimulus != Stimulus::ClientClosed && (reaction.dropped || reaction.died()) {
                return false;
            }
        }
        true
    }

    /// What comes of an election among these.
    fn election<K: Known>(&self, who: ServerSet, known: &mut K) -> Id {
        let mut state = [0; SERVERS_MAX + 1];
        let count = self.shape.servers;
        state[..count].copy_from_slice(self.machines());
        state[count] = self.bundles[0];
        known.elect(&state[..=count], who)
    }

    /// Whether anybody would leave LOOKING.
    fn would_elect<K: Known>(&self, who: ServerSet, known: &mut K) -> bool {
        let election = self.election(who, known);
        known.parts().elected(election).left
    }

    fn elect<K: Known>(&mut self, who: ServerSet, known: &mut K) -> bool {
        let election = self.election(who, known);
        if !known.parts().elected(election).left {
            return false;
        }
        let count = self.shape.servers;
        self.machines[..count].copy_from_slice(&known.parts().elected(election).machines);
        // What was said to those outside is not heard: each election is a conversation of its own.
        for n in 0..known.parts().elected(election).reactions.len() {
            let reaction = known.parts().elected(election).reactions[n];
            self.route(reaction, false, known);
            self.note(reaction, known);
        }
        self.ghost = known.judge_election(self.ghost, election);
        true
    }

    /// Whether a move is within the budget of elections: it is one if it is called so, or if somebody has left LOOKING.
    fn is_within<K: Known>(&mut self, act: Act, before: [Id; SERVERS_MAX], known: &K) -> bool {
        let facts = |id| known.parts().machine(id);
        let (mut elected, mut leads) = (matches!(act, Act::Elect(_)), false);
        for (id, _) in self.machines().iter().zip(before).filter(|(id, old)| **id != *old && facts(*old).looking) {
            let now = facts(*id);
            elected |= now.up && !now.looking;
            leads |= now.up && !now.looking && now.glance.leads;
        }
        if !elected {
            return true;
        }
        let accepted = before[..self.shape.servers].iter().map(|id| facts(*id).accepted).max().unwrap_or(Epoch::ZERO);
        let left = self.budget.after_election(accepted, leads);
        self.budget.elections = left.unwrap_or(self.budget.elections);
        left.is_some()
    }

    /// Connections open at once: between a dial and its acceptance nothing else can be told apart.
    fn open_connections<K: Known>(&mut self, known: &mut K) {
        loop {
            let opens = |front: Option<Front>| matches!(front, Some(Front::Syn | Front::Accept));
            let next = self.cables().iter().enumerate().find_map(|(at, (_, cable))| {
                let fronts = known.parts().cable(*cable).fronts;
                Side::BOTH.into_iter().find(|side| opens(fronts[*side as usize])).map(|side| (at, side))
            });
            let Some((at, side)) = next else { return };
            self.deliver(at, side, known);
        }
    }

    /// An election message arrives.
    fn notify<K: Known>(&mut self, from: ServerId, to: ServerId, known: &mut K) {
        let arrived = self.talk(self.shape.bundle_of(from, to), PairsOp::Arrive { from, to }, known);
        self.stimulate(to, Stimulus::Notified { from, notification: arrived.notification }, known);
    }

    /// An election connection comes up; or one dials, and learns that the other is not there.
    fn meet<K: Known>(&mut self, a: ServerId, b: ServerId, known: &mut K) {
        let up = |server| known.parts().machine(self.machine(server)).up;
        match (up(a), up(b)) {
            (true, false) => {
                self.stimulate(a, Stimulus::Unreachable(b), known);
            }
            (false, true) => {
                self.stimulate(b, Stimulus::Unreachable(a), known);
            }
            (true, true) | (false, false) => {
                self.talk(self.shape.bundle_of(a, b), PairsOp::Connect { a, b }, known);
            }
        }
    }

    /// An adversary does this to an election message.
    fn meddle<K: Known>(&mut self, how: Meddling, from: ServerId, to: ServerId, known: &mut K) {
        *how.left(&mut self.budget) -= 1;
        let bundle = self.shape.bundle_of(from, to);
        match how {
            Meddling::Drop => {
                self.talk(bundle, PairsOp::Arrive { from, to }, known);
            }
            Meddling::Reorder => {
                self.talk(bundle, PairsOp::Overtake { from }, known);
            }
            Meddling::Duplicate => {
                let notification = self.talk(bundle, PairsOp::Look { from }, known).notification;
                self.stimulate(to, Stimulus::Notified { from, notification }, known);
            }
        }
    }

    /// A server stops dead; of what was not durable it keeps the part with this number.
    fn crash<K: Known>(&mut self, server: ServerId, choice: u8, known: &mut K) {
        self.budget.crashes -= 1;
        let kept = known.parts().machine(self.machine(server)).crashes[usize::from(choice)];
        self.stimulate(server, Stimulus::Crash(kept), known);
    }

    /// A write of a server fails.
    fn fail<K: Known>(&mut self, server: ServerId, known: &mut K) {
        self.budget.failures -= 1;
        self.stimulate(server, Stimulus::Fail, known);
    }

    /// Makes a move.
    pub fn make<K: Known>(&mut self, act: Act, known: &mut K) -> Came {
        let before = (self.machines, self.budget.elections);
        let came = self.make_as_it_is(act, known);
        if came == Came::State && !self.shape.kind.talks() && !self.is_within(act, before.0, known) {
            return Came::Cut;
        }
        if let (Some(silence), Came::State, 0) = (self.shape.silence, came, self.budget.elections) {
            self.forget_elections(before, silence, known);
        }
        came
    }

    fn make_as_it_is<K: Known>(&mut self, act: Act, known: &mut K) -> Came {
        let applied = match act {
            Act::Elect(_) if self.budget.elections == 0 => return Came::Cut,
            Act::Elect(who) => self.elect(who, known),
            Act::Notify { from, to } => {
                self.notify(from, to, known);
                true
            }
            Act::Meet(a, b) => {
                self.meet(a, b, known);
                true
            }
            Act::Deliver { at, to } => {
                self.deliver(usize::from(at), to, known);
                true
            }
            Act::Complete(server, job) => {
                self.stimulate(server, Stimulus::Complete(job), known);
                true
            }
            Act::Early(..) if self.budget.timeouts == 0 => return Came::Cut,
            Act::Fire(server, timer) | Act::Early(server, timer) => {
                self.budget.timeouts -= u8::from(matches!(act, Act::Early(..)));
                let reaction = self.stimulate(server, Stimulus::Fired(timer), known);
                !known.parts().reaction(reaction).refused
            }
            Act::Restart(server) => {
                self.stimulate(server, Stimulus::Restart, known);
                true
            }
            Act::Write(leader) => {
                self.budget.writes -= 1;
                self.write(leader, known)
            }
            Act::Crash { server, choice } => {
                self.crash(server, choice, known);
                true
            }
            Act::Fail(server) => {
                self.fail(server, known);
                true
            }
            Act::Break { at, keep } => {
                self.budget.breaks -= 1;
                self.change(usize::from(at), CableOp::Sever(keep), known);
                true
            }
            Act::Meddle { how, from, to } => {
                self.meddle(how, from, to, known);
                true
            }
            Act::Submit(_) | Act::Retry(_) | Act::Learn(_) | Act::BreakLine(_) => {
                self.make_guest(act, known);
                true
            }
            Act::Part(a, b) => {
                self.budget.breaks -= 1;
                self.talk(self.shape.bundle_of(a, b), PairsOp::Part, known);
                true
            }
        };
        if self.shape.kind.connects() {
            self.open_connections(known);
            self.deliver_lines(known);
        } else {
            self.cable_count = 0;
        }
        if applied { Came::State } else { Came::Nothing }
    }
}
