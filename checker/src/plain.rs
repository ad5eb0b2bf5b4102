//! The models as `stateright` sees them, over whole states: complete replicas, every order of what can
//! happen. Slow and plain, the reference that the interned explorer must agree with.

use crate::election::elect;
use crate::moves::{self, Move};
use crate::scope::{Bound, Glance};
use crate::service;
use crate::state::State;
use stateright::{Model, Property};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use zabra_core::config::{Config, Ensemble};
use zabra_core::id::{ServerId, ServerSet};
use zabra_core::quorum::Quorum;
use zabra_sim::client::{Client, ClientStep};
use zabra_sim::disk::RecordDisk;
use zabra_sim::link::{Item, Side};
use zabra_sim::machine::Slots;
use zabra_sim::oracle::Oracles;
use zabra_sim::rules::{RuleSet, Without};
use zabra_sim::step::Step;
use zabra_sim::world::World;

/// The safety property: no oracle has objected.
pub const SAFE: &str = "no oracle objects";

/// A model: a bound, and the rules that are off.
pub struct Plain {
    pub bound: Bound,
    without: RuleSet,
    blind: bool,
    cuts: AtomicU64,
}

impl Plain {
    pub fn new(bound: Bound, without: RuleSet) -> Plain {
        Plain { bound, without, blind: false, cuts: AtomicU64::new(0) }
    }

    /// The same, judged by what its clients see alone, and when a server stops itself.
    pub fn blind(self) -> Plain {
        Plain { blind: true, ..self }
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
            Arc::new(config)
        };
        voters.iter().map(config).collect()
    }

    /// The state from which a search starts, and the steps that led to it.
    pub fn start(&self) -> State {
        let without = (!self.without.is_empty()).then_some(Without(self.without));
        let world = World::new(self.configs(), without, RecordDisk::new);
        let mut oracles = Oracles::new(world.ensemble());
        if self.blind {
            oracles = oracles.heeding(&["stops".to_owned()]);
        }
        let (budget, told) = (self.bound.budget, Some(Vec::new()));
        let mut state = State { world, oracles, budget, violation: None, notes: None, told };
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
        match action {
            Move::Elect(_) if state.budget.elections == 0 => None,
            Move::Elect(who) => {
                state.budget.elections -= 1;
                Some(elect(state, *who))
            }
            Move::Write(leader) => {
                state.budget.writes -= 1;
                Some(write(state, *leader))
            }
            Move::Crash(server, kept) => {
                state.budget.crashes -= 1;
                Some(state.crash(*server, *kept))
            }
            Move::Early(..) if state.budget.timeouts == 0 => None,
            Move::Early(server, timer) => {
                state.budget.timeouts -= 1;
                Some(state.take(&Step::Fire { server: *server, timer: *timer }))
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
