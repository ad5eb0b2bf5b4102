//! The models as `stateright` sees them, over whole states: complete replicas, every order of what can
//! happen. Slow and plain, the reference that the interned explorer must agree with.

use crate::election::{elect, looking};
use crate::interned::fail;
use crate::moves::{self, Move};
use crate::scope::{Bound, Glance};
use crate::service;
use crate::start::Start;
use crate::state::State;
use stateright::{Model, Property};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use zabra_core::config::{Config, Ensemble};
use zabra_core::contract::StorageError;
use zabra_core::id::{Epoch, ServerId, ServerSet, Zxid};
use zabra_core::log::{Record, Recovered};
use zabra_core::quorum::Quorum;
use zabra_core::zab::ServerState;
use zabra_sim::client::{Client, ClientStep};
use zabra_sim::disk::RecordDisk;
use zabra_sim::link::{Item, Side};
use zabra_sim::machine::{Machine, Slots};
use zabra_sim::oracle::Oracles;
use zabra_sim::rules::{RuleSet, Without};
use zabra_sim::step::Step;
use zabra_sim::world::World;

/// The safety property: no oracle has objected.
pub const SAFE: &str = "no oracle objects";

/// What a disk holds at the start: so many records of epoch 1, and a current epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub epoch: u32,
    pub records: u32,
}

impl Held {
    /// What an ensemble may leave behind: nothing; a record of the first epoch, or two; and one that a second
    /// epoch took over from a quorum that held no more.
    pub const ALL: [Held; 4] = [
        Held { epoch: 0, records: 0 },
        Held { epoch: 1, records: 1 },
        Held { epoch: 1, records: 2 },
        Held { epoch: 2, records: 1 },
    ];

    fn recovered(self) -> Recovered {
        let record = |counter| {
            let zxid = Zxid::new(Epoch(1), counter);
            Record { zxid, bytes: Arc::from(zxid.0.to_be_bytes().as_slice()) }
        };
        let log = (1..=self.records).map(record).collect();
        Recovered { accepted: Epoch(self.epoch), current: Epoch(self.epoch), log, ..Recovered::empty() }
    }
}

/// A model: a bound, and the rules that are off.
pub struct Plain {
    pub bound: Bound,
    without: RuleSet,
    held: Vec<Held>,
    blind: bool,
    setting: Setting,
    cuts: AtomicU64,
}

/// What else a search may be told: where it starts, how much room servers have, whose word counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    pub start: Start,
    /// Bytes of committed records that stay in memory; `None`: as many as in production.
    pub window_bytes: Option<u64>,
    /// The counter that ends an epoch; `None`: as in production.
    pub counter_end: Option<u32>,
    /// Only these oracles are heeded; none: all are.
    pub heeded: &'static [&'static str],
}

impl Setting {
    pub const PLAIN: Setting = Setting { start: Start::Boot, window_bytes: None, counter_end: None, heeded: &[] };
}

impl Plain {
    pub fn new(bound: Bound, without: RuleSet) -> Plain {
        Plain { bound, without, held: Vec::new(), blind: false, setting: Setting::PLAIN, cuts: AtomicU64::new(0) }
    }

    /// With disks that hold something at the start, by server. Only for elections: what the records say
    /// nobody could apply.
    pub fn holding(self, held: &[Held]) -> Plain {
        assert!(!self.bound.kind.connects(), "records that say nothing are only voted with");
        Plain { held: held.to_vec(), ..self }
    }

    /// Whether no rule is off.
    pub fn obeys_all(&self) -> bool {
        self.without.is_empty()
    }

    /// The same, judged by what its clients see alone, and when a server stops itself.
    pub fn blind(self) -> Plain {
        Plain { blind: true, ..self }
    }

    pub fn set(self, setting: Setting) -> Plain {
        Plain { setting, ..self }
    }

    /// How many moves lead from the boot of all servers to the state from which a search starts.
    pub fn opening_moves(&self) -> usize {
        self.setting.start.play(self, &mut self.booted())
    }

    /// How many moves a budget cut off ([`crate::Kind::cut`]).
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }

    /// Configurations without back-off: intervals are equal, so that none stands in a state.
    fn configs(&self) -> Vec<Arc<Config>> {
        let voters: ServerSet = (1..=self.bound.servers).map(ServerId).collect();
        let quorum = Quorum::majority(voters).expect("a model has servers");
        let text = Arc::from(&b""[..]);
        let ensemble = Arc::new(Ensemble { quorum, observers: ServerSet::EMPTY, version: 0, text });
        let config = |me| {
            let mut config = Config::new(me, Arc::clone(&ensemble));
            config.notification_max_ms = config.notification_min_ms;
            config.redial_min_ms = config.redial_max_ms;
            config.limits.window_bytes = self.setting.window_bytes.unwrap_or(config.limits.window_bytes);
            config.limits.counter_end = self.setting.counter_end.unwrap_or(config.limits.counter_end);
            Arc::new(config)
        };
        voters.iter().map(config).collect()
    }

    /// The state from which a search starts, and the steps that led to it.
    pub fn start(&self) -> State {
        let mut state = self.booted();
        self.setting.start.play(self, &mut state);
        state.budget = self.bound.budget;
        state
    }

    fn booted(&self) -> State {
        let without = (!self.without.is_empty()).then_some(Without(self.without));
        let world = World::new(self.configs(), without, RecordDisk::new);
        let heeded: &[&str] = if self.blind { &["stops"] } else { self.setting.heeded };
        let heeded: Vec<String> = heeded.iter().map(|id| (*id).to_owned()).collect();
        let mut oracles = Oracles::new(world.ensemble()).heeding(&heeded);
        if let Some(end) = self.setting.counter_end {
            oracles = oracles.counting_to(end);
        }
        let (budget, told) = (self.bound.budget, Some(Vec::new()));
        let mut state = State { world, oracles, budget, violation: None, notes: None, told };
        for (server, held) in state.world.servers().zip(&self.held) {
            state.world.machine_mut(server).storage = RecordDisk::holding(held.recovered());
        }
        for server in state.world.servers() {
            state.take(&Step::Restart { server });
        }
        match self.bound.kind.script() {
            Some(script) => service::establish(&mut state, script),
            None => state.world.clients.push(Client::raw()),
        }
        state
    }

    fn reaches<const BIT: usize>(&self, state: &State) -> bool {
        let servers = state.world.machines.iter().map(|machine| Glance::at(machine.view()));
        self.bound.kind.reached(servers) & 1 << BIT != 0
    }

    /// Makes a move; `None` if a budget forbids it. False if it does not apply.
    fn make(&self, state: &mut State, action: &Move) -> Option<bool> {
        if self.bound.kind.talks() {
            return self.make_uncounted(state, action);
        }
        let (reached, looked) = (accepted(state), looking(state));
        if matches!(action, Move::Elect(_)) && state.budget.elections == 0 {
            return None;
        }
        let applied = self.make_uncounted(state, action)?;
        // With its writes a server's votes of others may be enough: then a completion is its election.
        let has_led = |server| state.world.machine(server).view().is_some_and(|v| v.state() != ServerState::Looking);
        let elected: ServerSet = looked.iter().filter(|s| has_led(*s)).collect();
        if matches!(action, Move::Elect(_)) || !elected.is_empty() {
            let leads = |server| state.world.machine(server).view().is_some_and(|v| v.leader() == Some(server));
            let leads = elected.iter().any(leads);
            state.budget.elections = state.budget.after_election(reached, leads)?;
        }
        Some(applied)
    }

    fn make_uncounted(&self, state: &mut State, action: &Move) -> Option<bool> {
        match action {
            Move::Elect(who) => Some(elect(state, *who)),
            Move::Write(leader) => {
                state.budget.writes -= 1;
                Some(write(state, *leader))
            }
            Move::Crash(server, kept) => {
                state.budget.crashes -= 1;
                Some(state.crash(*server, *kept))
            }
            Move::Fail(server) => {
                state.budget.failures -= 1;
                fail(state.world.machine_mut(*server));
                Some(state.take(&Step::Fail { server: *server, error: StorageError::Io }))
            }
            Move::Early(..) if state.budget.timeouts == 0 => None,
            Move::Early(server, timer) => {
                state.budget.timeouts -= 1;
                Some(state.take(&Step::Fire { server: *server, timer: *timer }))
            }
            Move::Meddle { how, from, to } => {
                *how.left(&mut state.budget) -= 1;
                Some(state.meddle(*how, *from, *to))
            }
            Move::Step(step) => {
                let of_client = matches!(step, Step::Client { what: ClientStep::Break { .. }, .. });
                if of_client || matches!(step, Step::Break { .. } | Step::Part { .. }) {
                    state.budget.breaks -= 1;
                }
                Some(state.take(step))
            }
        }
    }
}

impl Model for Plain {
    type State = State;
    type Action = Move;

    fn init_states(&self) -> Vec<State> {
        let mut state = self.start();
        state.told = None;
        vec![state]
    }

    fn actions(&self, state: &State, moves: &mut Vec<Move>) {
        if state.objection().is_none() {
            moves::moves(self.bound.kind, state, moves);
        }
    }

    fn next_state(&self, last: &State, action: Move) -> Option<State> {
        let mut state = last.clone();
        let Some(applied) = self.make(&mut state, &action) else {
            self.cuts.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        if self.bound.kind.connects() {
            open_connections(&mut state);
            service::deliver_lines(&mut state);
        } else {
            state.world.cables = Slots::default();
            state.world.ages.clear();
        }
        applied.then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let milestones = self.bound.kind.milestones();
        vec![
            Property::always(SAFE, |_, state: &State| state.objection().is_none()),
            Property::sometimes(milestones[0], Self::reaches::<0>),
            Property::sometimes(milestones[1], Self::reaches::<1>),
            Property::sometimes(milestones[2], Self::reaches::<2>),
        ]
    }
}

/// The newest epoch that anybody has accepted, on disk or on the way there.
fn accepted(state: &State) -> Epoch {
    let machines = state.world.machines.iter();
    let known =
        |m: &Machine<RecordDisk>| m.view().map_or(Epoch::ZERO, |v| v.accepted_epoch()).max(m.durable().accepted);
    machines.map(known).max().unwrap_or(Epoch::ZERO)
}

/// A client connects to the leader, asks for a session and is gone.
fn write(state: &mut State, leader: ServerId) -> bool {
    let bytes = connect_frame();
    let client = |what| Step::Client { client: 0, what };
    let moves = [
        ClientStep::Dial { server: leader },
        ClientStep::Up { nth: 0, bytes: None },
        ClientStep::Down { nth: 0, bytes: None },
        ClientStep::Write { nth: 0, bytes },
        ClientStep::Up { nth: 0, bytes: None },
        ClientStep::Hang { nth: 0 },
        ClientStep::Up { nth: 0, bytes: None },
    ];
    let applied = moves.into_iter().all(|what| state.take(&client(what)));
    state.world.clients[0] = Client::raw();
    applied
}

/// A ConnectRequest for a new session, in its frame (reference/zookeeper.md section 1.3).
pub fn connect_frame() -> Vec<u8> {
    let mut payload = Vec::new();
    payload.extend(0i32.to_be_bytes());
    payload.extend(0i64.to_be_bytes());
    payload.extend(10_000i32.to_be_bytes());
    payload.extend(0i64.to_be_bytes());
    payload.extend(16i32.to_be_bytes());
    payload.extend([0; 16]);
    let mut frame = (payload.len() as u32).to_be_bytes().to_vec();
    frame.extend(payload);
    frame
}

/// Connections open at once: between a dial and its acceptance nothing else can be told apart.
pub fn open_connections(state: &mut State) {
    loop {
        let next = state.world.ages.iter().find_map(|cable| {
            let held = state.world.cables.get(*cable)?;
            Side::BOTH.into_iter().find_map(|side| {
                let opens = matches!(held.link.inbound(side).front(), Some(Item::Syn | Item::Accept));
                let named =
                    state.world.name_cable(*cable, side).filter(|_| opens && state.world.deliverable(*cable, side));
                named.map(|(from, to, nth)| Step::Deliver { from, to, nth })
            })
        });
        let Some(step) = next else { return };
        if !state.take(&step) {
            return;
        }
    }
}
