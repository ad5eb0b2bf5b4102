//! The world: machines, links and clients in place, changed only by steps (contract section 6).
//!
//! It has no time and draws nothing. [`World::apply`] performs one [`Step`]; what a holder needs to
//! know to decide *when* the next ones happen is appended to [`World::effects`]. The random explorer
//! holds it on virtual time; stories and the shrinker apply steps one after the other.

mod clients;
mod election;
mod enabled;
mod faults;
mod perform;
mod quorum;
mod sessions;

pub use election::Pair;

use crate::client::{Client, ClientEvent};
use crate::disk::Disk;
use crate::link::{Link, Side};
use crate::machine::{Machine, Slots, Storage};
use crate::oracle::DurableState;
use crate::rules::Without;
use crate::step::{Job, Step};
use crate::trace::print::Printer;
use std::sync::Arc;
use zabra_client::Output;
use zabra_core::config::{Config, Ensemble};
use zabra_core::contract::{Action, Actions, Fault, Input, Timer};
use zabra_core::id::{ClientId, ServerId, ServerSet, Stamp};
use zabra_core::log::Recovered;
use zabra_core::wire::Deframer;
use zabra_core::zab::Packet;

/// A quorum connection and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cable {
    /// Dialer and listener.
    pub ends: [ServerId; 2],
    pub link: Link<Packet>,
}

/// A client's connection to a server: streams of bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    pub client: u16,
    pub server: ServerId,
    pub link: Link<Vec<u8>>,
    /// What the server has received of a frame that is not complete.
    pub deframer: Deframer,
}

/// What a step caused that somebody has to bring about later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// An item is on its way to this side of a quorum connection.
    Sent {
        cable: u32,
        to: Side,
    },
    CableGone {
        cable: u32,
    },
    /// An election message is on its way.
    Noted {
        from: ServerId,
        to: ServerId,
    },
    /// The election connection of this pair is down and one of them has something to say.
    Apart {
        a: ServerId,
        b: ServerId,
    },
    Armed {
        server: ServerId,
        timer: Timer,
        after_ms: u32,
    },
    Disarmed {
        server: ServerId,
        timer: Timer,
    },
    Touched {
        server: ServerId,
        timer: Timer,
    },
    /// A barrier waits.
    Synced {
        server: ServerId,
    },
    Checkpointing {
        server: ServerId,
    },
    LogAsked {
        server: ServerId,
    },
    /// Bytes, or the end, are on their way to this side of a client's connection.
    Streamed {
        line: u32,
        to: Side,
    },
    LineGone {
        line: u32,
    },
    /// A client armed a timer of its own.
    ClientArmed {
        client: u16,
        timer: zabra_client::Timer,
        after_ms: u32,
    },
    ClientDisarmed {
        client: u16,
        timer: zabra_client::Timer,
    },
    /// The server reads no more from this client, or reads again.
    Throttled {
        line: u32,
        off: bool,
    },
    Stopped {
        server: ServerId,
        fault: Fault,
    },
    /// The store found a disk that it does not start from.
    Unbootable {
        server: ServerId,
    },
}

/// A step that does not apply here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inapplicable;

/// What the last step did to a server, for oracles and printers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Happened {
    #[default]
    Nothing,
    /// This server was stepped: its events are in [`World::out`].
    Stepped(ServerId),
    Booted(ServerId, Box<Recovered>),
    Crashed {
        server: ServerId,
        /// Whether its configuration file is older than what it held.
        file_is_behind: bool,
    },
    Destroyed(ServerId, DurableState),
}

/// Machines, links and clients.
#[derive(Clone, Debug)]
pub struct World<D = Storage> {
    pub machines: Vec<Machine<D>>,
    /// What stood in each server's configuration file at first.
    firsts: Vec<Arc<Config>>,
    pub cables: Slots<Cable>,
    /// The live cables, oldest first.
    pub ages: Vec<u32>,
    pub pairs: Vec<Pair>,
    pub lines: Slots<Line>,
    pub line_ages: Vec<u32>,
    pub clients: Vec<Client>,
    /// For each server, to whom it cannot speak.
    pub cuts: Vec<ServerSet>,
    /// Servers that clients cannot reach.
    pub barred: ServerSet,
    /// Packets are encoded and decoded on every hop.
    pub encode: bool,
    /// The actions' arena and the events of the last step.
    pub out: Actions,
    pub effects: Vec<Effect>,
    pub happened: Happened,
    /// What clients learned in the last step.
    pub learned: Vec<(u16, ClientEvent)>,
    /// The clients' connections that the last step took from a server, and whose they were.
    dropped: Vec<(ServerId, ClientId, u16)>,
    /// Told of everything that servers and clients do, if somebody reads.
    pub printer: Option<Printer>,
    /// Why the last store that refused to start did so.
    pub refusal: String,
    todo: Vec<Action>,
    /// What a client commands in one step.
    outputs: Vec<Output>,
}

impl<D: Disk> World<D> {
    /// A world of these servers, all down, with new disks.
    pub fn new(configs: Vec<Arc<Config>>, without: Option<Without>, disk: impl Fn() -> D) -> Self {
        assert!(!configs.is_empty(), "a world has a server");
        assert!(configs.iter().enumerate().all(|(i, c)| usize::from(c.me.0) == i + 1), "servers count from 1");
        let count = configs.len();
        World {
            firsts: configs.clone(),
            machines: configs.into_iter().map(|config| Machine::new(config, without, disk())).collect(),
            cables: Slots::default(),
            ages: Vec::new(),
            pairs: Pair::all(count),
            lines: Slots::default(),
            line_ages: Vec::new(),
            clients: Vec::new(),
            cuts: vec![ServerSet::EMPTY; count],
            barred: ServerSet::EMPTY,
            encode: false,
            out: Actions::new(),
            effects: Vec::new(),
            happened: Happened::Nothing,
            learned: Vec::new(),
            dropped: Vec::new(),
            printer: None,
            refusal: String::new(),
            todo: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// The first ensemble.
    pub fn ensemble(&self) -> &Ensemble {
        &self.firsts[0].ensemble
    }

    pub fn servers(&self) -> impl Iterator<Item = ServerId> + use<D> {
        (1..=self.machines.len() as u8).map(ServerId)
    }

    pub fn machine(&self, server: ServerId) -> &Machine<D> {
        &self.machines[usize::from(server.0) - 1]
    }

    pub fn machine_mut(&mut self, server: ServerId) -> &mut Machine<D> {
        &mut self.machines[usize::from(server.0) - 1]
    }

    pub fn is_cut(&self, from: ServerId, to: ServerId) -> bool {
        self.cuts[usize::from(from.0) - 1].contains(to)
    }

    /// Performs one step. A step that names nothing present changes nothing.
    pub fn apply(&mut self, step: &Step) -> Result<(), Inapplicable> {
        self.begin();
        match step {
            Step::Deliver { from, to, nth } => {
                let (cable, side) = self.find_cable(*from, *to, *nth).ok_or(Inapplicable)?;
                self.deliver(cable, side)
            }
            Step::Notify { from, to } => self.notify(*from, *to),
            Step::Meet { a, b } => self.meet(*a, *b),
            Step::Part { a, b } => self.part(*a, *b),
            Step::Break { a, b, nth, keep } => self.sever_pair(*a, *b, *nth, *keep),
            Step::Close { at, peer, nth } => self.close_pair(*at, *peer, *nth),
            Step::Fire { server, timer } => self.fire(*server, *timer),
            Step::Complete { server, job } => self.complete(*server, *job),
            Step::Advance { server } => self.advance(*server),
            Step::Fail { server, error } => self.fail(*server, *error),
            Step::Crash { server, survivors } => self.crash(*server, *survivors),
            Step::Restart { server } => self.restart(*server),
            Step::Falter { server, survivors } => self.falter(*server, *survivors),
            Step::Wipe { server } => self.wipe(*server),
            Step::Pause { server } => self.pause(*server, true),
            Step::Resume { server } => self.pause(*server, false),
            Step::Cut { from, to } => self.cut(*from, *to, true),
            Step::Heal { from, to } => self.cut(*from, *to, false),
            Step::Client { client, what } => self.client_step(*client, what),
            Step::Stamp { server, at } => self.stamp(*server, *at),
        }
    }

    /// Forgets what the last step reported.
    pub(crate) fn begin(&mut self) {
        self.out.clear();
        self.happened = Happened::Nothing;
        self.learned.clear();
        self.dropped.clear();
    }

    fn known(&self, server: ServerId) -> Result<(), Inapplicable> {
        let known = (1..=self.machines.len()).contains(&usize::from(server.0));
        known.then_some(()).ok_or(Inapplicable)
    }

    /// Gives a running server one input and performs what it commands.
    pub(crate) fn input(&mut self, server: ServerId, input: Input<'_>) {
        let machine = &mut self.machines[usize::from(server.0) - 1];
        machine.step(input, &mut self.out);
        self.happened = Happened::Stepped(server);
        self.perform(server);
    }

    /// A timer fires. Only an armed one can.
    pub fn fire(&mut self, server: ServerId, timer: Timer) -> Result<(), Inapplicable> {
        self.known(server)?;
        let machine = self.machine_mut(server);
        if !machine.runs() || !machine.disarm(timer) {
            return Err(Inapplicable);
        }
        self.input(server, Input::Fired { timer });
        Ok(())
    }

    /// The oldest background job of this kind is done.
    pub fn complete(&mut self, server: ServerId, job: Job) -> Result<(), Inapplicable> {
        self.known(server)?;
        let machine = self.machine_mut(server);
        if !machine.runs() {
            return Err(Inapplicable);
        }
        let input = match job {
            Job::Sync => {
                if !machine.storage.completable() {
                    return Err(Inapplicable);
                }
                match machine.storage.complete() {
                    Ok(0) => return Ok(()),
                    Ok(count) => Input::Durable { count },
                    Err(error) => Input::StorageFailed { error },
                }
            }
            Job::Checkpoint => {
                machine.storage.checkpointing().ok_or(Inapplicable)?;
                match machine.storage.complete_checkpoint() {
                    Ok((zxid, bytes)) => Input::Checkpointed { zxid, bytes },
                    Err(error) => Input::StorageFailed { error },
                }
            }
            Job::ReadLog => {
                let question = machine.questions.pop_front().ok_or(Inapplicable)?;
                let records = machine.storage.read_log(question.after, question.until);
                Input::LogRead { conn: question.conn, records }
            }
        };
        self.input(server, input);
        Ok(())
    }

    /// The next piece of the checkpoint is written; nobody is told before the last one is.
    pub fn advance(&mut self, server: ServerId) -> Result<(), Inapplicable> {
        self.known(server)?;
        let machine = self.machine_mut(server);
        if machine.runs() && machine.storage.advance_checkpoint() { Ok(()) } else { Err(Inapplicable) }
    }

    fn stamp(&mut self, server: ServerId, at: Stamp) -> Result<(), Inapplicable> {
        self.known(server)?;
        self.machine_mut(server).at = at;
        Ok(())
    }
}
