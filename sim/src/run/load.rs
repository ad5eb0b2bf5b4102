//! What clients do: workloads in virtual time, and probes.
//!
//! Well-behaved clients are session machines of `zabra-client`; each has one workload and a stream
//! of draws of its own. Every operation and every answer passes through here.

use super::agenda::Due;
use super::explorer::Explorer;
use super::raw::{Manner, Raw};
use crate::client::{Client, ClientEvent, ClientStep};
use crate::link::Item;
use crate::random::{Draws, Purpose};
use crate::scenario::Scenario;
use crate::step::Step;
use crate::story::client_config;
use crate::time::Micros;
use crate::world::World;
use std::collections::BTreeMap;
use zabra_client::{Code, CreateMode, Handle, Operation, Outcome, Output, Reply, SessionEvent, Timer};
use zabra_core::id::ServerId;

/// What a client is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Register,
    Counter,
    Queue,
    Ephemeral,
    Watcher,
    Raw,
    /// A write and then a `sync` through one server must succeed.
    Probe(Owed),
}

/// What a probe still has to see answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    Write,
    Sync,
    Nothing,
}

impl Role {
    fn is_waiting_probe(self) -> bool {
        matches!(self, Role::Probe(Owed::Write | Owed::Sync))
    }
}

struct Worker {
    role: Role,
    draws: Draws,
    /// By handle, what was asked for.
    open: BTreeMap<u32, Operation>,
    /// Counter: value and version that were read last.
    counter: Option<(u64, i32)>,
    /// Queue: a child that was seen.
    child: Option<Vec<u8>>,
    /// A parent that turned out to be missing.
    wanted: Option<Vec<u8>>,
    serial: u32,
    raw: Raw,
}

pub(super) struct Load {
    workers: Vec<Worker>,
    /// How each client was configured.
    pub configs: Vec<zabra_client::Config>,
    seed: u64,
    /// Mean microseconds between two turns of a client.
    pause_us: u32,
    regular: u16,
    cut_ppm: u32,
    cuts: Draws,
    stopped: bool,
    pub writes: u64,
    pub reads: u64,
    pub unknown: u64,
}

impl Load {
    pub fn new(scenario: &Scenario, seed: u64, world: &mut World) -> Load {
        let spec = &scenario.clients;
        let mut draws = Draws::new(seed, Purpose::Workload);
        let mut load = Load {
            workers: Vec::new(),
            configs: Vec::new(),
            seed,
            pause_us: (1_000_000_000 / u64::from(spec.millihertz.max(1))).min(u64::from(u32::MAX / 8)) as u32,
            regular: spec.count,
            cut_ppm: spec.cut_ppm,
            cuts: Draws::new(seed, Purpose::Client(u32::MAX)),
            stopped: false,
            writes: 0,
            reads: 0,
            unknown: 0,
        };
        let mix = &spec.mix;
        let roles = [
            (Role::Register, mix.registers),
            (Role::Counter, mix.counters),
            (Role::Queue, mix.queues),
            (Role::Ephemeral, mix.ephemerals),
            (Role::Watcher, mix.watches),
        ];
        let total = roles.iter().map(|(_, weight)| *weight).sum::<u32>().max(1);
        for at in 0..spec.raw {
            load.add_raw(world, Manner::new(scenario, at));
        }
        for _ in spec.raw..spec.count {
            let mut at = draws.below(total);
            let role = roles.iter().find(|(_, weight)| {
                let here = at < *weight;
                at = at.saturating_sub(*weight);
                here
            });
            let mut servers: Vec<u32> = world.servers().map(|server| u32::from(server.0)).collect();
            draws.shuffle(&mut servers);
            let timeout_ms = draws.between(spec.timeout_ms[0], spec.timeout_ms[1]);
            load.add(world, role.map_or(Role::Register, |(role, _)| *role), servers, timeout_ms);
        }
        load
    }

    fn add(&mut self, world: &mut World, role: Role, servers: Vec<u32>, timeout_ms: u32) -> u16 {
        let client = world.clients.len() as u16;
        let config = client_config(servers, timeout_ms);
        world.clients.push(Client::session(config.clone()));
        self.configs.push(config);
        self.workers.push(Worker {
            role,
            draws: Draws::new(self.seed, Purpose::Client(u32::from(client))),
            open: BTreeMap::new(),
            counter: None,
            child: None,
            wanted: None,
            serial: 0,
            raw: Raw::default(),
        });
        client
    }

    fn add_raw(&mut self, world: &mut World, manner: Manner) {
        let client = world.clients.len() as u32;
        let read_only = world.machines.iter().any(|machine| machine.config.read_only);
        world.clients.push(Client::raw());
        self.configs.push(client_config(Vec::new(), 0));
        self.workers.push(Worker {
            role: Role::Raw,
            draws: Draws::new(self.seed, Purpose::Client(client)),
            open: BTreeMap::new(),
            counter: None,
            child: None,
            wanted: None,
            serial: 0,
            raw: Raw::new(manner, read_only),
        });
    }

    /// A raw client's draws, and what it knows.
    pub fn raw(&mut self, client: u16) -> (&mut Draws, &mut Raw) {
        let worker = &mut self.workers[usize::from(client)];
        (&mut worker.draws, &mut worker.raw)
    }

    pub fn raw_clients(&self) -> Vec<u16> {
        let raw = self.workers.iter().enumerate().filter(|(_, worker)| worker.role == Role::Raw);
        raw.map(|(client, _)| client as u16).collect()
    }

    pub fn add_probe(&mut self, world: &mut World, server: ServerId) -> u16 {
        let timeout_ms = world.machine(server).config.session_timeout_max_ms;
        self.add(world, Role::Probe(Owed::Write), vec![u32::from(server.0)], timeout_ms)
    }

    pub fn first_turns(&mut self) -> Vec<(u16, u64)> {
        let pause = self.pause_us;
        (0..self.regular)
            .map(|client| (client, u64::from(self.workers[usize::from(client)].draws.below(pause))))
            .collect()
    }

    /// No new operations: what is pending is answered.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// What is missing for every request to have been answered and every probe to have succeeded.
    pub fn missing(&self, world: &World) -> Option<String> {
        for (client, worker) in self.workers.iter().enumerate() {
            if worker.role.is_waiting_probe() {
                let state = world.clients[client].state();
                let attached = state.is_some_and(zabra_client::Session::is_attached);
                let how = match attached {
                    _ if worker.role == Role::Probe(Owed::Sync) => "its sync is not answered",
                    true => "its write is not answered",
                    false => "it is not attached",
                };
                return Some(format!("the probe of client {client} has not succeeded: {how}"));
            }
            if let Some(operation) = worker.open.values().next() {
                return Some(format!("client {client} waits for the answer to {operation:?}"));
            }
        }
        None
    }

    /// Whether, and where, a stream is cut on its way.
    pub fn cut(&mut self, item: &Item<Vec<u8>>) -> Option<u32> {
        match item {
            Item::Carry(bytes) if bytes.len() > 1 && self.cuts.chance(self.cut_ppm) => {
                Some(1 + self.cuts.below(bytes.len() as u32 - 1))
            }
            Item::Carry(_) | Item::Syn | Item::Accept | Item::Refuse | Item::End | Item::Lost => None,
        }
    }
}

impl Worker {
    /// The next operation of this client's workload; `None`: nothing this time.
    fn next(&mut self) -> Option<Operation> {
        if let Some(path) = self.wanted.take() {
            return Some(create(path, b"", CreateMode::Persistent));
        }
        self.serial += 1;
        let data = format!("{:x}-{}", self.draws.below(1 << 16), self.serial).into_bytes();
        let any = self.draws.below(100);
        match self.role {
            Role::Register => Some(self.register(any, data)),
            Role::Counter => Some(match self.counter.take() {
                Some((value, version)) => Operation::SetData {
                    path: b"/counter".to_vec(),
                    data: Some((value + 1).to_string().into_bytes()),
                    version,
                },
                None => Operation::GetData { path: b"/counter".to_vec(), watch: false },
            }),
            Role::Queue => Some(self.queue(any, data)),
            Role::Ephemeral => self.ephemeral(any, data),
            Role::Watcher => Some(self.watcher(any, data)),
            Role::Raw | Role::Probe(_) => None,
        }
    }

    fn shared(&mut self) -> Vec<u8> {
        format!("/r{}", self.draws.below(4)).into_bytes()
    }

    fn register(&mut self, any: u32, data: Vec<u8>) -> Operation {
        let path = self.shared();
        match any {
            0..40 => Operation::SetData { path, data: Some(data), version: -1 },
            40..75 => Operation::GetData { path, watch: false },
            75..80 => Operation::Exists { path, watch: false },
            80..90 => Operation::Sync { path },
            90..93 => Operation::Delete { path, version: -1 },
            _ => create(path, &data, CreateMode::Persistent),
        }
    }

    fn queue(&mut self, any: u32, data: Vec<u8>) -> Operation {
        match (any, self.child.take()) {
            (0..50, _) => create(b"/queue/e-".to_vec(), &data, CreateMode::PersistentSequential),
            (50..80, Some(child)) => Operation::Delete { path: [b"/queue/".as_slice(), &child].concat(), version: -1 },
            (50..80, None) | (80..90, _) => Operation::GetChildren { path: b"/queue".to_vec(), watch: false },
            _ => Operation::GetChildren2 { path: b"/queue".to_vec(), watch: false },
        }
    }

    fn ephemeral(&mut self, any: u32, data: Vec<u8>) -> Option<Operation> {
        let mine = format!("/live/c{}", self.draws.below(4)).into_bytes();
        Some(match any {
            0..35 => create(mine, &data, CreateMode::Ephemeral),
            35..55 => create(b"/live/s-".to_vec(), &data, CreateMode::EphemeralSequential),
            55..65 => Operation::Delete { path: mine, version: -1 },
            65..75 => Operation::Exists { path: mine, watch: true },
            75..92 => Operation::GetChildren { path: b"/live".to_vec(), watch: false },
            _ => Operation::Close,
        })
    }

    fn watcher(&mut self, any: u32, data: Vec<u8>) -> Operation {
        let path = self.shared();
        match any {
            0..35 => Operation::GetData { path, watch: true },
            35..55 => Operation::Exists { path, watch: true },
            55..70 => Operation::GetChildren { path: b"/queue".to_vec(), watch: true },
            70..85 => Operation::GetChildren2 { path: b"/live".to_vec(), watch: true },
            _ => Operation::SetData { path, data: Some(data), version: -1 },
        }
    }

    /// What an answer teaches this client.
    fn learn(&mut self, operation: &Operation, outcome: &Outcome) {
        match (operation, outcome) {
            (Operation::GetData { path, .. }, Outcome::Done(Reply::Data { data, stat })) if path == b"/counter" => {
                let value = data.as_deref().and_then(|d| std::str::from_utf8(d).ok()?.parse().ok());
                self.counter = Some((value.unwrap_or(0), stat.version));
            }
            (Operation::GetChildren { .. }, Outcome::Done(Reply::Children(children))) => {
                self.child = children.iter().min().cloned();
            }
            (_, Outcome::Failed(Code::NoNode)) => {
                self.wanted = match self.role {
                    Role::Register | Role::Watcher => path_of(operation),
                    Role::Counter => Some(b"/counter".to_vec()),
                    Role::Queue => Some(b"/queue".to_vec()),
                    Role::Ephemeral => Some(b"/live".to_vec()),
                    Role::Raw | Role::Probe(_) => None,
                };
            }
            (_, Outcome::Done(_) | Outcome::Failed(_) | Outcome::Unknown | Outcome::NotSent) => {}
        }
    }
}

fn create(path: Vec<u8>, data: &[u8], mode: CreateMode) -> Operation {
    Operation::Create { path, data: Some(data.to_vec()), acl: zabra_client::Grant::open(), mode }
}

fn path_of(operation: &Operation) -> Option<Vec<u8>> {
    match operation {
        Operation::Create { path, .. }
        | Operation::Delete { path, .. }
        | Operation::Exists { path, .. }
        | Operation::GetData { path, .. }
        | Operation::SetData { path, .. }
        | Operation::GetChildren { path, .. }
        | Operation::GetChildren2 { path, .. }
        | Operation::Sync { path } => Some(path.clone()),
        Operation::Close | Operation::Raw { .. } => None,
    }
}

impl Explorer<'_> {
    pub(super) fn start_client(&mut self, client: u16) {
        self.tell(|_| Some(Step::Client { client, what: ClientStep::Start }));
        self.world.begin();
        if self.world.client_start(client).is_ok() {
            self.after();
        }
    }

    /// A client's turn: it begins a session, or has an operation to do.
    pub(super) fn client_turn(&mut self, client: u16) {
        if self.load.stopped {
            return;
        }
        let pause = self.load.pause_us;
        let worker = &mut self.load.workers[usize::from(client)];
        let next = u64::from(worker.draws.tail(pause)).max(1);
        self.agenda.push(self.now + next, Due::ClientTurn { client });
        if self.load.workers[usize::from(client)].role == Role::Raw {
            return self.raw_turn(client);
        }
        if self.world.clients[usize::from(client)].state().is_some_and(zabra_client::Session::is_over) {
            return self.start_client(client);
        }
        let worker = &mut self.load.workers[usize::from(client)];
        if worker.open.len() < 4
            && let Some(operation) = worker.next()
        {
            self.submit(client, operation);
        }
    }

    fn submit(&mut self, client: u16, operation: Operation) {
        let handle = self.world.clients[usize::from(client)].submitted;
        self.load.workers[usize::from(client)].open.insert(handle, operation.clone());
        self.judge.recorder.submitted(u32::from(client), Handle(handle), &operation);
        self.tell(|_| Some(Step::Client { client, what: ClientStep::Submit(operation.clone()) }));
        self.world.begin();
        if self.world.submit(client, operation).is_ok() {
            self.after();
        }
    }

    pub(super) fn client_timer_due(&mut self, client: u16, timer: Timer) {
        let due = &mut self.client_timers[usize::from(client)][timer as usize];
        if *due != self.now {
            return;
        }
        *due = u64::MAX;
        self.hash.event(self.now, 9, client, timer as u16, &0u8);
        self.tell(|_| Some(Step::Client { client, what: ClientStep::Fire(timer) }));
        self.world.begin();
        if self.world.client_fire(client, timer).is_ok() {
            self.after();
        }
    }

    /// What clients learned in the last step.
    pub(super) fn hear_clients(&mut self) {
        if self.world.learned.is_empty() {
            return;
        }
        let mut learned = std::mem::take(&mut self.world.learned);
        for (client, event) in learned.drain(..) {
            self.hear(client, event);
        }
        // What hearing led to was heard on its own.
        if self.world.learned.is_empty() {
            self.world.learned = learned;
        }
    }

    fn hear(&mut self, client: u16, event: ClientEvent) {
        let output = match event {
            ClientEvent::Said(output) => output,
            ClientEvent::Received { line, bytes } => return self.raw_received(client, line, &bytes),
            ClientEvent::Lost { line } => return self.raw_lost(client, line),
        };
        self.judge.recorder.saw(Micros(self.now), u32::from(client), &output);
        match output {
            Output::Completed { handle, outcome, .. } => self.completed(client, handle, &outcome),
            Output::Session(SessionEvent::Attached { .. }) => self.probe_attached(client),
            Output::Session(SessionEvent::Ended(_)) => {
                if self.load.workers[usize::from(client)].role.is_waiting_probe() {
                    self.start_client(client);
                }
            }
            Output::Session(
                SessionEvent::Disconnected | SessionEvent::ServerWrong(_) | SessionEvent::WatchesRearmed { .. },
            )
            | Output::Sent { .. }
            | Output::Watch(_)
            | Output::Connect { .. }
            | Output::Send(_)
            | Output::Hang
            | Output::Arm { .. }
            | Output::Disarm { .. } => {}
        }
    }

    fn completed(&mut self, client: u16, handle: Handle, outcome: &Outcome) {
        let worker = &mut self.load.workers[usize::from(client)];
        let Some(operation) = worker.open.remove(&handle.0) else { return };
        worker.learn(&operation, outcome);
        match outcome {
            Outcome::Done(_) if operation.is_write() => self.load.writes += 1,
            Outcome::Done(_) => self.load.reads += 1,
            Outcome::Unknown => {
                self.load.unknown += 1;
                self.marks.hit(crate::marks::Mark::UnknownOutcome);
            }
            Outcome::Failed(_) | Outcome::NotSent => {}
        }
        self.probe_answered(client, outcome);
    }

    fn probe_attached(&mut self, client: u16) {
        let worker = &self.load.workers[usize::from(client)];
        if !worker.open.is_empty() {
            return;
        }
        match worker.role {
            Role::Probe(Owed::Write) => {
                self.submit(client, create(b"/probe-".to_vec(), b"", CreateMode::PersistentSequential));
            }
            // A ping waits behind it, so one that is never answered ends the connection again and again.
            Role::Probe(Owed::Sync) => self.submit(client, Operation::Sync { path: b"/".to_vec() }),
            Role::Register
            | Role::Counter
            | Role::Queue
            | Role::Ephemeral
            | Role::Watcher
            | Role::Raw
            | Role::Probe(Owed::Nothing) => {}
        }
    }

    fn probe_answered(&mut self, client: u16, outcome: &Outcome) {
        let worker = &mut self.load.workers[usize::from(client)];
        if !worker.role.is_waiting_probe() {
            return;
        }
        if let Outcome::Done(_) = outcome {
            let owed = if worker.role == Role::Probe(Owed::Write) { Owed::Sync } else { Owed::Nothing };
            worker.role = Role::Probe(owed);
        }
        if self.world.clients[usize::from(client)].state().is_some_and(zabra_client::Session::is_attached) {
            self.probe_attached(client);
        }
    }
}
