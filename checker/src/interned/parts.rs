//! The tables of a search: every machine, cable, set of election pairs and oracle ghost that was
//! ever seen, and what each did under each stimulus, worked out once.

mod known;

pub use known::{Judge, Known, Learner};

use super::election::Elected;
use super::index::{Id, Memo, Table};
use super::react::{Fact, Letters, Machine, Out, Reaction, Stimulus, react};
use crate::scope::Glance;
use std::sync::Arc;
use zabra_core::contract::Timer;
use zabra_core::id::{ServerId, ServerSet};
use zabra_core::rule::Rule;
use zabra_core::zab::{Packet, ServerState};
use zabra_sim::disk::Survivors;
use zabra_sim::link::{End, Item, Side};
use zabra_sim::oracle::{self, Oracles, Sight, Violation};
use zabra_sim::time::Micros;
use zabra_sim::world::{Cable, Pair};

/// Something was not worked out yet, and may not be worked out here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Miss;

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
    Say { from: ServerId, to: ServerId, notification: Id },
    Arrive { from: ServerId, to: ServerId },
    Connect { a: ServerId, b: ServerId },
    End(ServerId),
    Part,
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
    pub crashes: Box<[Survivors]>,
}

/// What is read of an election pair on the way.
#[derive(Clone, Copy, Debug)]
pub struct PairFacts {
    pub up: bool,
    /// A new connection would carry something.
    pub speaks: bool,
    /// Whether something is on its way from `a`, and from `b`.
    pub flying: [bool; 2],
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
    pub elections: usize,
}

#[derive(Debug)]
pub struct Parts {
    letters: Letters,
    machines: Table<Machine>,
    machine_facts: Vec<MachineFacts>,
    cables: Table<Cable>,
    cable_facts: Vec<CableFacts>,
    /// All pairs together, or each alone where election messages travel one by one.
    pairs: Table<Vec<Pair>>,
    pair_facts: Vec<PairFacts>,
    ghosts: Table<Ghost>,
    violated: Vec<bool>,
    reactions: Vec<Reaction>,
    elected: Vec<Elected>,
    talked: Vec<Talked>,
    react: Memo<(Id, Stimulus)>,
    cable: Memo<(Id, CableOp)>,
    talk: Memo<(Id, PairsOp)>,
    judge: Memo<(Id, Id)>,
    judge_election: Memo<(Id, Id)>,
    elect: Memo<(Box<[Id]>, ServerSet)>,
}

impl Parts {
    pub fn new() -> Parts {
        Parts {
            letters: Letters { packets: Table::new(), notifications: Table::new() },
            machines: Table::new(),
            machine_facts: Vec::new(),
            cables: Table::new(),
            cable_facts: Vec::new(),
            pairs: Table::new(),
            pair_facts: Vec::new(),
            ghosts: Table::new(),
            violated: Vec::new(),
            reactions: Vec::new(),
            elected: Vec::new(),
            talked: Vec::new(),
            react: Memo::new(),
            cable: Memo::new(),
            talk: Memo::new(),
            judge: Memo::new(),
            judge_election: Memo::new(),
            elect: Memo::new(),
        }
    }

    pub fn machine(&self, id: Id) -> &MachineFacts {
        &self.machine_facts[id as usize]
    }

    pub fn cable(&self, id: Id) -> &CableFacts {
        &self.cable_facts[id as usize]
    }

    /// Of the first pair of a bundle.
    pub fn pair(&self, id: Id) -> PairFacts {
        self.pair_facts[id as usize]
    }

    pub fn violated(&self, ghost: Id) -> bool {
        self.violated[ghost as usize]
    }

    pub fn reaction(&self, id: Id) -> &Reaction {
        &self.reactions[id as usize]
    }

    pub fn elected(&self, id: Id) -> &Elected {
        &self.elected[id as usize]
    }

    pub fn talked(&self, id: Id) -> Talked {
        self.talked[id as usize]
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

    pub fn whole_ghost(&self, id: Id) -> &Ghost {
        self.ghosts.get(id)
    }

    pub fn sizes(&self) -> Sizes {
        Sizes {
            machines: self.machines.len(),
            cables: self.cables.len(),
            pairs: self.pairs.len(),
            ghosts: self.ghosts.len(),
            reactions: self.reactions.len(),
            judged: self.judge.entries().len() + self.judge_election.entries().len(),
            elections: self.elected.len(),
        }
    }

    pub fn intern_machine(&mut self, machine: Machine) -> Id {
        let (id, new) = self.machines.intern(machine);
        if new {
            self.machine_facts.push(MachineFacts::of(self.machines.get(id)));
        }
        id
    }

    pub fn intern_pairs(&mut self, pairs: Vec<Pair>) -> Id {
        let (id, new) = self.pairs.intern(pairs);
        if new {
            self.pair_facts.push(PairFacts::of(self.pairs.get(id)));
        }
        id
    }

    pub fn intern_ghost(&mut self, ghost: Ghost) -> Id {
        let violated = ghost.violation.is_some();
        let (id, new) = self.ghosts.intern(ghost);
        if new {
            self.violated.push(violated);
        }
        id
    }

    pub fn intern_cable(&mut self, cable: Cable) -> Id {
        let (id, new) = self.cables.intern(cable);
        if new {
            self.cable_facts.push(CableFacts::of(self.cables.get(id), &mut self.letters));
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

    /// Works every reaction out again: how many differ from what was remembered.
    pub fn unequal_reactions(&mut self) -> usize {
        let mut unequal = 0;
        for &((machine, stimulus), known) in self.react.entries() {
            let (after, reaction) = react(self.machines.get(machine), stimulus, &mut self.letters);
            let known = &self.reactions[known as usize];
            let same = **self.machines.get(known.machine) == after;
            unequal += usize::from(!same || Reaction { machine: known.machine, ..reaction } != *known);
        }
        unequal
    }

    fn work_react(&mut self, machine: Id, stimulus: Stimulus) -> Id {
        let (after, mut reaction) = react(self.machines.get(machine), stimulus, &mut self.letters);
        reaction.machine = self.intern_machine(after);
        self.reactions.push(reaction);
        self.reactions.len() as Id - 1
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
            PairsOp::Part => {
                after.iter_mut().for_each(Pair::disconnect);
                talked.happened = true;
            }
        }
        talked.pairs = self.intern_pairs(after);
        self.talked.push(talked);
        self.talked.len() as Id - 1
    }

    fn work_judge(&self, ghost: Id, reaction: Id) -> Ghost {
        let mut ghost = Ghost::clone(self.ghosts.get(ghost));
        let reaction = &self.reactions[reaction as usize];
        let machine = self.machines.get(reaction.machine);
        let mut see = |fact| {
            let (view, disk) = (machine.view(), machine.durable());
            let sight = Sight { now: Micros::ZERO, server: reaction.server, fact, view, disk };
            if let Err(violation) = ghost.oracles.see(&sight) {
                ghost.violation.get_or_insert(Arc::new(violation));
            }
        };
        match &reaction.fact {
            Fact::Nothing | Fact::Stepped => {}
            Fact::Booted(recovered) => see(oracle::Fact::Booted { recovered }),
            Fact::Crashed => see(oracle::Fact::Crashed),
        }
        if matches!(reaction.fact, Fact::Stepped | Fact::Booted(_)) {
            reaction.events.iter().for_each(|event| see(oracle::Fact::Reported(event)));
        }
        ghost
    }

    /// Takes over what a thread has judged.
    pub fn learn(&mut self, judged: &mut Judgements) {
        for judgement in judged.made.drain(..) {
            if self.judge.get(&judgement.asked).is_none() {
                let violated = judgement.ghost.violation.is_some();
                let (id, new) = self.ghosts.intern_hashed(judgement.hash, judgement.ghost);
                if new {
                    self.violated.push(violated);
                }
                self.judge.insert(judgement.asked, id);
            }
        }
        judged.asked = Memo::default();
    }
}

/// What a thread has judged and could not number.
#[derive(Debug, Default)]
pub struct Judgements {
    made: Vec<Judgement>,
    /// Which of these it was asked already.
    asked: Memo<(Id, Id)>,
}

#[derive(Debug)]
struct Judgement {
    asked: (Id, Id),
    hash: u32,
    ghost: Ghost,
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
            crashes: if machine.up() { machine.storage.crash_choices().into() } else { Box::default() },
        }
    }
}

impl PairFacts {
    fn of(bundle: &[Pair]) -> PairFacts {
        let pair = &bundle[0];
        let flying = [pair.a, pair.b].map(|from| pair.flying(from).is_some());
        PairFacts { up: pair.up, speaks: pair.speaks(), flying }
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
