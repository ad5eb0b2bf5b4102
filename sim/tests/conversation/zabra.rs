//! Zabra's core as an ensemble of one, driven by hand: every write is durable at once, and a timer
//! fires only when nothing else is left to do.

use super::{Got, Server};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use zabra_core::config::{Config, Ensemble};
use zabra_core::contract::{Action, Actions, ClientOrigin, Input, Timer};
use zabra_core::id::{ClientId, ServerId, ServerSet, SessionId, Stamp};
use zabra_core::log::{Record, Recovered};
use zabra_core::quorum::Quorum;
use zabra_core::replica::Replica;
use zabra_core::rule::AllRules;
use zabra_core::tree::Database;
use zabra_core::wire::{Deframer, Item};

pub struct Zabra {
    replica: Replica,
    limit: u32,
    /// Its wall clock.
    at: i64,
    timers: BTreeSet<Timer>,
    connections: BTreeMap<usize, Connection>,
    /// What it has logged.
    pub log: Vec<Record>,
}

struct Connection {
    deframer: Deframer,
    inbox: VecDeque<Vec<u8>>,
    is_open: bool,
}

enum Happened {
    Input(Input<'static>),
    Frame(usize, Vec<u8>),
}

impl Zabra {
    pub fn start(tick_ms: u32) -> Zabra {
        let me = ServerId(1);
        let quorum = Quorum::majority([me].into_iter().collect()).expect("one voter is a quorum system");
        let ensemble = Ensemble { quorum, observers: ServerSet::default(), version: 0, text: Arc::from(&b""[..]) };
        let mut config = Config::new(me, Arc::new(ensemble)).with_tick_ms(tick_ms);
        config.access.super_digest = Some(Arc::from(super::java::SUPER.as_bytes()));
        config.access.enforce_quota = true;
        let (limit, mut out) = (config.limits.frame_bytes, Actions::new());
        let base = SessionId(0x0100_0000_0000_0000);
        let replica = Replica::restore(Arc::new(config), Recovered::empty(), base, Stamp(1_000), &mut out);
        let mut zabra =
            Zabra { replica, limit, at: 1_000, timers: BTreeSet::new(), connections: BTreeMap::new(), log: Vec::new() };
        let first = zabra.perform(&mut out);
        zabra.run(first);
        for timer in [Timer::Notification, Timer::FinalizeWait] {
            zabra.fire(timer);
        }
        assert!(zabra.replica.view().serving(), "an ensemble of one serves at once");
        zabra
    }

    /// Runs until nothing is in flight.
    fn run(&mut self, mut queue: VecDeque<Happened>) {
        while let Some(happened) = queue.pop_front() {
            self.at += 1;
            let mut out = Actions::new();
            match happened {
                Happened::Input(input) => self.replica.step(AllRules, Stamp(self.at), input, &mut out),
                Happened::Frame(number, frame) => {
                    let input = Input::ClientFrame { client: id(number), frame: &frame };
                    self.replica.step(AllRules, Stamp(self.at), input, &mut out);
                }
            }
            queue.extend(self.perform(&mut out));
        }
    }

    fn perform(&mut self, out: &mut Actions) -> VecDeque<Happened> {
        let mut writes = 0;
        for action in out.drain().collect::<Vec<_>>() {
            match action {
                Action::Append(record) => {
                    self.log.push(record);
                    writes += 1;
                }
                Action::Truncate { .. } | Action::SaveAccepted(_) | Action::SaveCurrent(_) | Action::Install(_) => {
                    writes += 1
                }
                Action::Arm { timer, .. } => drop(self.timers.insert(timer)),
                Action::Disarm { timer } => drop(self.timers.remove(&timer)),
                Action::Stop { fault } => panic!("the server stopped: {fault:?}"),
                Action::Reply { client, frame } => self.deliver(client, out.bytes(frame)),
                Action::Watch { clients, frame } => {
                    out.watchers(clients).iter().for_each(|client| self.deliver(*client, out.bytes(frame)));
                }
                Action::Drop { client, .. } => self.connection(client.0 as usize).is_open = false,
                Action::Notify { .. }
                | Action::Dial { .. }
                | Action::Hang { .. }
                | Action::Send { .. }
                | Action::ReadLog { .. } => panic!("an ensemble of one has no peers"),
                Action::Sync
                | Action::Checkpoint(_)
                | Action::Pause { .. }
                | Action::Resume { .. }
                | Action::Configure { .. }
                | Action::Touch { .. } => {}
            }
        }
        let durable = Happened::Input(Input::Durable { count: writes });
        (writes > 0).then_some(durable).into_iter().collect()
    }

    pub fn database(&self) -> &Database {
        self.replica.view().database()
    }

    /// The frame without its length.
    fn deliver(&mut self, client: ClientId, frame: &[u8]) {
        let connection = self.connection(client.0 as usize);
        assert!(connection.is_open, "nothing is sent after the end");
        connection.inbox.push_back(frame[4..].to_vec());
    }

    fn connection(&mut self, number: usize) -> &mut Connection {
        self.connections.get_mut(&number).expect("a connection that was opened")
    }

    fn fire(&mut self, timer: Timer) {
        if self.timers.remove(&timer) {
            self.run([Happened::Input(Input::Fired { timer })].into());
        }
    }
}

fn id(number: usize) -> ClientId {
    ClientId(u32::try_from(number).expect("a few connections"))
}

impl Server for Zabra {
    fn open(&mut self, number: usize) {
        let deframer = Deframer::new(self.limit);
        self.connections.insert(number, Connection { deframer, inbox: VecDeque::new(), is_open: true });
        let from = ClientOrigin { address: IpAddr::V4(Ipv4Addr::LOCALHOST), subject: None };
        self.run([Happened::Input(Input::ClientOpened { client: id(number), from })].into());
    }

    fn send(&mut self, number: usize, bytes: &[u8]) {
        let connection = self.connection(number);
        let (mut input, mut frames, mut broken) = (bytes, VecDeque::new(), false);
        if !connection.is_open {
            return;
        }
        loop {
            match connection.deframer.next(&mut input) {
                Ok(Some(Item::Frame(frame))) => frames.push_back(Happened::Frame(number, frame.to_vec())),
                Ok(Some(Item::FourLetterWord(word))) => panic!("{word:?} is no part of a conversation"),
                Ok(None) => break,
                Err(_) => {
                    broken = true;
                    break;
                }
            }
        }
        self.run(frames);
        if broken {
            self.close(number);
        }
    }

    fn receive(&mut self, number: usize) -> Got {
        if self.connection(number).inbox.is_empty() && self.connection(number).is_open {
            // A strict sync is answered when a quorum, here the leader alone, has heard a later ping.
            self.fire(Timer::Ping);
        }
        let connection = self.connection(number);
        match connection.inbox.pop_front() {
            Some(frame) => Got::Frame(frame),
            None if connection.is_open => Got::Silence,
            None => Got::Closed,
        }
    }

    fn close(&mut self, number: usize) {
        let connection = self.connection(number);
        if std::mem::replace(&mut connection.is_open, false) {
            self.run([Happened::Input(Input::ClientClosed { client: id(number) })].into());
        }
    }
}
