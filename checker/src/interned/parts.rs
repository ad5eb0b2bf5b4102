//! The tables of a search: every machine, cable, set of election pairs and oracle ghost that was
//! ever seen, and what each did under each stimulus, worked out once.

mod checks;
mod facts;
mod ghosts;
mod known;

pub use super::seats::{Noted, SeatOp, SeatOut};
pub use facts::Facts;
use ghosts::Ghosts;
pub use known::{Asker, Known, Learner, Memory};

use super::election::Elected;
use super::forget::{self, Ears};
use super::index::{Id, Memo, Table};
use super::react::{Fact, Letters, Machine, Out, Reaction, Stimulus, react};
use super::seats::{self, SeatFacts};
use super::spent;
use crate::scope::Glance;
use crate::service::{Notes, Scripts};
use std::sync::Arc;
use zabra_core::contract::Timer;
use zabra_core::id::{Epoch, ServerId, ServerSet};
use zabra_core::rule::Rule;
use zabra_core::zab::{Packet, ServerState};
use zabra_sim::client::Client;
use zabra_sim::disk::Survivors;
use zabra_sim::link::{End, Item, Side};
use zabra_sim::oracle::{Oracles, Violation};
use zabra_sim::world::{Cable, Pair};

/// What happens to a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CableOp {
    Take(Side),
    Send(Side, Id),
    Close(Side),
    Accept(u32),
    Refuse,
    Open(u32),
    Sever([u16; 2]),
}

/// What happens to the election pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PairsOp {
    Say {
        from: ServerId,
        to: ServerId,
        notification: Id,
    },
    Arrive {
        from: ServerId,
        to: ServerId,
    },
    Connect {
        a: ServerId,
        b: ServerId,
    },
    End(ServerId),
    Part,
    /// What is on its way, as it stays.
    Look {
        from: ServerId,
    },
    Overtake {
        from: ServerId,
    },
}

/// The pairs afterwards; whether anything happened, and what arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Talked {
    pub pairs: Id,
    pub happened: bool,
    pub notification: Id,
}

/// The head of one direction of a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    Syn,
    Accept,
    Refuse,
    Carry(Id),
    End,
    Lost,
}

/// What is read of a cable on the way.
#[derive(Clone, Copy, Debug)]
pub struct CableFacts {
    pub ends: [ServerId; 2],
    pub fronts: [Option<Front>; 2],
    pub states: [End; 2],
    pub carried: [u16; 2],
    pub dead: bool,
}

/// What is read of a machine on the way.
#[derive(Clone, Debug)]
pub struct MachineFacts {
    pub up: bool,
    pub looking: bool,
    pub follows: bool,
    pub drained: bool,
    pub syncs: bool,
    pub checkpoints: bool,
    pub reads: bool,
    pub limit: bool,
    /// Its first vote is due.
    pub begins: bool,
    /// It could say its vote again.
    pub again: bool,
    pub finalizes: bool,
    pub glance: Glance,
    /// The newest epoch that it has accepted, on disk or on the way there.
    pub accepted: Epoch,
    pub crashes: Arc<[Survivors]>,
    /// The sessions whose silence it measures.
    pub sessions: Arc<[Timer]>,
}

/// What is read of an election pair on the way.
#[derive(Clone, Copy, Debug)]
pub struct PairFacts {
    pub up: bool,
    /// A new connection would carry something.
    pub speaks: bool,
    /// Whether something is on its way from `a`, and from `b`.
    pub flying: [bool; 2],
    /// Whether something waits behind it.
    pub waiting: [bool; 2],
}

/// The oracles, and what they objected to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ghost {
    pub oracles: Oracles,
    pub violation: Option<Arc<Violation>>,
}

/// How much work the tables hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    pub machines: usize,
    pub cables: usize,
    pub pairs: usize,
    pub ghosts: usize,
    /// Steps of the core: distinct (machine, stimulus).
    pub reactions: usize,
    /// Distinct (ghost, facts).
    pub judged: usize,
    /// Of these, what single oracles were asked: distinct (oracle's own ghost, facts).
    pub opinions: usize,
    pub elections: usize,
    /// Distinct histories of clients.
    pub histories: usize,
}

#[derive(Debug)]
pub struct Parts {
    letters: Letters,
    machines: Table<Machine>,
    cables: Table<Cable>,
    /// All pairs together, or each alone where election messages travel one by one.
    pairs: Table<Vec<Pair>>,
    ghosts: Ghosts,
    facts: Facts,
    react: Memo<(Id, Stimulus)>,
    cable: Memo<(Id, CableOp)>,
    talk: Memo<(Id, PairsOp)>,
    judge: Memo<(Id, Id)>,
    judge_election: Memo<(Id, Id)>,
    elect: Memo<(Box<[Id]>, ServerSet)>,
    forget_machine: Memo<(Id, bool)>,
    forget_pair: Memo<(Id, Ears)>,
    spent_machine: Memo<Id>,
    spent_ghost: Memo<Id>,
    seats: Table<Client>,
    seat: Memo<(Id, SeatOp)>,
    notes: Table<Notes>,
    note: Memo<(Id, Noted)>,
}

impl Parts {
    pub fn new() -> Parts {
        let mut letters =
            Letters { packets: Table::new(), notifications: Table::new(), frames: Table::new(), script: None };
        let question = letters.notifications.intern(forget::question()).0;
        Parts {
            letters,
            facts: Facts { question, ..Facts::default() },
            machines: Table::new(),
            cables: Table::new(),
            pairs: Table::new(),
            ghosts: Ghosts::default(),
            react: Memo::new(),
            cable: Memo::new(),
            talk: Memo::new(),
            judge: Memo::new(),
            judge_election: Memo::new(),
            elect: Memo::new(),
            forget_machine: Memo::new(),
            forget_pair: Memo::new(),
            spent_machine: Memo::new(),
            spent_ghost: Memo::new(),
            seats: Table::new(),
            seat: Memo::new(),
            notes: Table::new(),
            note: Memo::new(),
        }
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    pub fn whole_machine(&self, id: Id) -> &Machine {
        self.machines.get(id)
    }

    pub fn whole_cable(&self, id: Id) -> &Cable {
        self.cables.get(id)
    }

    pub fn whole_pairs(&self, id: Id) -> &[Pair] {
        self.pairs.get(id)
    }

    pub fn whole_ghost(&self, id: Id) -> Ghost {
        self.ghosts.get(id)
    }

    pub fn whole_seat(&self, id: Id) -> &Client {
        self.seats.get(id)
    }

    pub fn whole_notes(&self, id: Id) -> &Notes {
        self.notes.get(id)
    }

    /// Every history that was noted.
    pub fn all_notes(&self) -> impl Iterator<Item = &Notes> {
        (0..self.notes.len() as Id).map(|id| &**self.notes.get(id))
    }

    pub fn follow(&mut self, script: Scripts) {
        self.letters.script = Some(script);
    }

    pub fn intern_seat(&mut self, client: Client) -> Id {
        let (id, new) = self.seats.intern(client);
        if new {
            self.facts.seats.push(SeatFacts::of(self.seats.get(id)));
        }
        id
    }

    pub fn intern_notes(&mut self, notes: Notes) -> Id {
        let objected = notes.violation.is_some();
        let (id, new) = self.notes.intern(notes);
        if new {
            self.facts.objected.push(objected);
        }
        id
    }

    fn work_seat(&mut self, seat: Id, op: SeatOp) -> Id {
        let script = self.letters.script.expect("clients follow a script");
        let (after, mut seated) = seats::seat(self.seats.get(seat), op, script, &mut self.letters);
        seated.seat = self.intern_seat(after);
        self.facts.seated.push(Arc::new(seated));
        self.facts.seated.len() as Id - 1
    }

    fn work_note(&mut self, notes: Id, noted: Noted) -> Id {
        let before = self.notes.get(notes);
        let after = match noted {
            Noted::Heard { client, seated } => seats::hear(before, client, self.facts.seated(seated)),
            Noted::Applied(reaction) => seats::apply(before, self.facts.reaction(reaction)),
        };
        self.intern_notes(after)
    }

    pub fn sizes(&self) -> Sizes {
        Sizes {
            machines: self.machines.len(),
            cables: self.cables.len(),
            pairs: self.pairs.len(),
            ghosts: self.ghosts.len(),
            reactions: self.facts.reactions.len(),
            judged: self.judge.entries().len() + self.judge_election.entries().len(),
            opinions: self.ghosts.opinions(),
            elections: self.facts.elected.len(),
            histories: self.notes.len(),
        }
    }

    pub fn intern_machine(&mut self, machine: Machine) -> Id {
        let (id, new) = self.machines.intern(machine);
        if new {
            self.facts.machines.push(MachineFacts::of(self.machines.get(id)));
        }
        id
    }

    pub fn intern_pairs(&mut self, pairs: Vec<Pair>) -> Id {
        let (id, new) = self.pairs.intern(pairs);
        if new {
            self.facts.pairs.push(PairFacts::of(self.pairs.get(id)));
        }
        id
    }

    pub fn intern_ghost(&mut self, ghost: Ghost) -> Id {
        let violated = ghost.violation.is_some();
        let (id, new) = self.ghosts.intern(&ghost);
        if new {
            self.facts.violated.push(violated);
        }
        id
    }

    pub fn intern_cable(&mut self, cable: Cable) -> Id {
        let (id, new) = self.cables.intern(cable);
        if new {
            self.facts.cables.push(CableFacts::of(self.cables.get(id), &mut self.letters));
        }
        id
    }

    /// How many local states there are, as oracles see them: the view of a server and its disk.
    pub fn local_states(&self) -> usize {
        let mut seen = Table::new();
        for id in 0..self.machines.len() as Id {
            let machine = self.machines.get(id);
            let view = machine.view().map(|v| {
                let reign = (v.state(), v.serving(), v.leader(), v.leading_epoch());
                let epochs = (v.accepted_epoch(), v.current_epoch());
                let history: Vec<_> = v.history().map(|record| record.zxid).collect();
                (reign, epochs, history, v.history_end(), v.committed(), v.applied(), v.database().digests().state)
            });
            seen.intern((machine.me(), view, machine.durable()));
        }
        seen.len()
    }

    /// Takes over what came of an election.
    fn keep_elected(&mut self, elected: Elected) -> Id {
        self.facts.elected.push(Arc::new(elected));
        self.facts.elected.len() as Id - 1
    }

    fn spent(&mut self, machine: Id) -> Id {
        let mut learner = Learner(self);
        learner.spent_machine(machine)
    }

    fn forgotten(&mut self, machine: Id, stays: bool) -> Id {
        let mut learner = Learner(self);
        learner.forget_machine(machine, stays)
    }

    fn work_forget_machine(&mut self, machine: Id, stays: bool) -> Id {
        let mut machine = Machine::clone(self.machines.get(machine));
        if let Some(replica) = &mut machine.replica {
            replica.forget(stays);
        }
        self.intern_machine(machine)
    }

    fn work_forget_pair(&mut self, pairs: Id, ears: Ears) -> Id {
        let answers =
            ears.answers().map(|answer| answer.map(|id| Arc::clone(self.letters.notifications.get(id).as_ref())));
        let after = self.pairs.get(pairs).iter().map(|pair| forget::pair(pair, ears, answers.each_ref())).collect();
        self.intern_pairs(after)
    }

    fn work_spent_machine(&mut self, machine: Id) -> Id {
        let mut machine = Machine::clone(self.machines.get(machine));
        spent::machine(&mut machine);
        self.intern_machine(machine)
    }

    fn work_spent_ghost(&mut self, ghost: Id) -> Id {
        let (after, new) = self.ghosts.forget_rounds(ghost);
        if new {
            self.facts.violated.push(self.ghosts.objected(after));
        }
        after
    }

    fn work_react(&mut self, machine: Id, stimulus: Stimulus) -> Id {
        let (after, mut reaction) = react(self.machines.get(machine), stimulus, &mut self.letters);
        reaction.machine = self.intern_machine(after);
        self.facts.reactions.push(Arc::new(reaction));
        self.facts.reactions.len() as Id - 1
    }

    fn work_cable(&mut self, cable: Id, op: CableOp) -> Id {
        let mut cable = Cable::clone(self.cables.get(cable));
        match op {
            CableOp::Take(side) => {
                cable.link.take(side);
            }
            CableOp::Send(side, packet) => {
                cable.link.send(side, Packet::clone(self.letters.packets.get(packet)));
            }
            CableOp::Close(side) => {
                cable.link.close(side);
            }
            CableOp::Accept(slot) => {
                cable.link.accept(slot);
            }
            CableOp::Refuse => {
                cable.link.refuse();
            }
            CableOp::Open(slot) => cable.link.open(slot),
            CableOp::Sever(keep) => {
                cable.link.sever(keep.map(usize::from));
            }
        }
        self.intern_cable(cable)
    }

    fn work_talk(&mut self, pairs: Id, op: PairsOp) -> Id {
        let mut after = Vec::clone(self.pairs.get(pairs));
        let of = |x: ServerId, y: ServerId| move |pair: &&mut Pair| pair.a == x.min(y) && pair.b == x.max(y);
        let mut talked = Talked { pairs, happened: false, notification: 0 };
        match op {
            PairsOp::Say { from, to, notification } => {
                if let Some(pair) = after.iter_mut().find(of(from, to)) {
                    pair.say(from, Arc::clone(self.letters.notifications.get(notification).as_ref()));
                    talked.happened = true;
                }
            }
            PairsOp::Arrive { from, to } => {
                let arrived = after.iter_mut().find(of(from, to)).and_then(|pair| pair.arrive(from));
                if let Some((notification, _)) = arrived {
                    talked.notification = self.letters.notifications.intern(notification).0;
                    talked.happened = true;
                }
            }
            PairsOp::Connect { a, b } => {
                if let Some(pair) = after.iter_mut().find(of(a, b)).filter(|pair| !pair.up) {
                    pair.connect();
                    talked.happened = true;
                }
            }
            PairsOp::End(gone) => {
                after.iter_mut().for_each(|pair| pair.end(gone));
                talked.happened = true;
            }
            PairsOp::Look { from } => {
                if let Some(flying) = after.first().and_then(|pair| pair.flying(from)) {
                    talked.notification = self.letters.notifications.intern(Arc::clone(flying)).0;
                    talked.happened = true;
                }
            }
            PairsOp::Overtake { from } => {
                after.iter_mut().for_each(|pair| pair.overtake(from));
                talked.happened = true;
            }
            PairsOp::Part => {
                after.iter_mut().for_each(Pair::disconnect);
                talked.happened = true;
            }
        }
        talked.pairs = self.intern_pairs(after);
        self.facts.talked.push(talked);
        self.facts.talked.len() as Id - 1
    }

    fn work_judge(&mut self, ghost: Id, id: Id) -> Id {
        let reaction = &self.facts.reactions[id as usize];
        let (after, new) = self.ghosts.judge(ghost, id, reaction, self.machines.get(reaction.machine));
        if new {
            self.facts.violated.push(self.ghosts.objected(after));
        }
        after
    }
}

impl Reaction {
    /// Whether the oracles are shown nothing.
    fn is_silent(&self) -> bool {
        match self.fact {
            Fact::Nothing => true,
            Fact::Stepped => self.events.is_empty(),
            Fact::Booted(_) | Fact::Crashed => false,
        }
    }

    pub fn died(&self) -> bool {
        self.outs.last() == Some(&Out::Died)
    }
}

impl MachineFacts {
    fn of(machine: &Machine) -> MachineFacts {
        let view = machine.view();
        let rule_off = machine.without.is_some_and(|w| w.0.contains(Rule::DrainBeforeVote));
        let runs = machine.runs();
        MachineFacts {
            up: machine.up(),
            looking: view.is_some_and(|v| v.state() == ServerState::Looking),
            follows: view.is_some_and(|v| v.state() == ServerState::Following),
            drained: rule_off || view.is_some_and(|v| v.pending_writes() == 0),
            syncs: runs && machine.storage.completable(),
            checkpoints: runs && machine.storage.checkpointing().is_some(),
            reads: runs && !machine.questions.is_empty(),
            limit: machine.armed(Timer::InitLimit).is_some(),
            begins: machine.armed(Timer::Notification) == Some(0),
            again: machine.armed(Timer::Notification).is_some_and(|after| after > 0),
            finalizes: machine.armed(Timer::FinalizeWait).is_some(),
            glance: Glance::at(view),
            accepted: view.map_or(Epoch::ZERO, |v| v.accepted_epoch()).max(machine.durable().accepted),
            sessions: machine.armed.iter().map(|(t, _)| *t).filter(|t| matches!(t, Timer::Session(_))).collect(),
            crashes: if machine.up() { machine.storage.crash_choices().into() } else { Arc::default() },
        }
    }
}

impl PairFacts {
    fn of(bundle: &[Pair]) -> PairFacts {
        let pair = &bundle[0];
        let flying = [pair.a, pair.b].map(|from| pair.flying(from).is_some());
        let waiting = [pair.a, pair.b].map(|from| pair.waiting(from).is_some());
        PairFacts { up: pair.up, speaks: pair.speaks(), flying, waiting }
    }
}

impl CableFacts {
    fn of(cable: &Cable, letters: &mut Letters) -> CableFacts {
        let link = &cable.link;
        let mut front = |side| {
            link.inbound(side).front().map(|item| match item {
                Item::Syn => Front::Syn,
                Item::Accept => Front::Accept,
                Item::Refuse => Front::Refuse,
                Item::Carry(packet) => Front::Carry(letters.packets.intern(packet.clone()).0),
                Item::End => Front::End,
                Item::Lost => Front::Lost,
            })
        };
        CableFacts {
            ends: cable.ends,
            fronts: Side::BOTH.map(&mut front),
            states: Side::BOTH.map(|side| link.end(side)),
            carried: Side::BOTH.map(|side| link.inbound(side).len() as u16),
            dead: link.dead(),
        }
    }
}
