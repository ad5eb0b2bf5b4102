//! The model `broadcast`: discovery, synchronization, broadcast and recovery of complete replicas,
//! with storage completions as moves; an election is one move.

use crate::election::{elect, looking};
use crate::state::{Budget, State};
use stateright::{Model, Property};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use zabra_core::config::{Config, Ensemble};
use zabra_core::contract::Timer;
use zabra_core::id::{ServerId, ServerSet};
use zabra_core::quorum::Quorum;
use zabra_sim::client::{Client, ClientStep};
use zabra_sim::disk::{self, RecordDisk};
use zabra_sim::link::Item;
use zabra_sim::oracle::Oracles;
use zabra_sim::rules::{RuleSet, Without};
use zabra_sim::step::Step;
use zabra_sim::world::World;

/// The safety property: no oracle has objected.
pub const SAFE: &str = "no oracle objects";
/// What a bound worth its name reaches.
pub const SOMETIMES: &[&str] = &["a leader is established", "a write is committed everywhere", "a second epoch serves"];

/// How far a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    pub servers: u8,
    pub budget: Budget,
}

/// The model: a bound, and the rules that are off.
pub struct Broadcast {
    bound: Bound,
    without: RuleSet,
    cuts: AtomicU64,
}

/// One move.
#[derive(Clone, PartialEq, Eq)]
pub enum Move {
    /// These LOOKING servers elect, or join, a leader.
    Elect(ServerSet),
    /// A client connects to the leader and is gone: createSession is proposed.
    Write(ServerId),
    /// Power is gone, and of the disk's queue this is left.
    Crash(ServerId, disk::Survivors),
    Step(Step),
}

impl fmt::Debug for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Move::Elect(who) => write!(f, "elect {who}"),
            Move::Write(leader) => write!(f, "write at {leader}"),
            Move::Crash(server, kept) => {
                let disk::Survivors { history, accepted, current, checkpoint } = kept;
                let checkpoint = if *checkpoint { ", checkpoint" } else { "" };
                write!(
                    f,
                    "crash {server} keeping {history} of the log, {accepted} accepted, {current} current{checkpoint}"
                )
            }
            Move::Step(step) => write!(f, "{step}"),
        }
    }
}

impl Broadcast {
    pub fn new(bound: Bound, without: RuleSet) -> Broadcast {
        Broadcast { bound, without, cuts: AtomicU64::new(0) }
    }

    /// How many elections a budget cut off.
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
}

impl Model for Broadcast {
    type State = State;
    type Action = Move;

    fn init_states(&self) -> Vec<State> {
        let without = (!self.without.is_empty()).then_some(Without(self.without));
        let world = World::new(self.configs(), without, RecordDisk::new);
        let oracles = Oracles::new(world.ensemble());
        let mut state = State { world, oracles, budget: self.bound.budget, violation: None, told: None };
        state.world.clients.push(Client::raw());
        for server in state.world.servers() {
            state.take(&Step::Restart { server });
        }
        vec![state]
    }

    fn actions(&self, state: &State, moves: &mut Vec<Move>) {
        if state.violation.is_some() {
            return;
        }
        elections(state, moves);
        moves.extend(state.world.deliveries().into_iter().filter(is_quorum_delivery).map(Move::Step));
        moves.extend(state.world.completions().into_iter().map(Move::Step));
        if moves.is_empty() {
            // Only when nothing else can happen does the wait for a dead leader end.
            moves.extend(limits(state).map(Move::Step));
        }
        for server in state.world.servers() {
            if !state.world.machine(server).up() {
                moves.push(Move::Step(Step::Restart { server }));
            }
        }
        faults(state, moves);
    }

    fn next_state(&self, last: &State, action: Move) -> Option<State> {
        let mut state = last.clone();
        let applied = match &action {
            Move::Elect(who) => {
                if state.budget.elections == 0 {
                    self.cuts.fetch_add(1, Ordering::Relaxed);
                    return None;
                }
                state.budget.elections -= 1;
                elect(&mut state, *who)
            }
            Move::Write(leader) => {
                state.budget.writes -= 1;
                write(&mut state, *leader)
            }
            Move::Crash(server, kept) => {
                state.budget.crashes -= 1;
                state.crash(*server, *kept)
            }
            Move::Step(step) => {
                if matches!(step, Step::Break { .. }) {
                    state.budget.breaks -= 1;
                }
                state.take(step)
            }
        };
        open_connections(&mut state);
        applied.then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(SAFE, |_, state: &State| state.violation.is_none()),
            Property::sometimes(SOMETIMES[0], |_, state: &State| {
                views(state).any(|v| v.serving() && v.leader() == Some(v.me()))
            }),
            Property::sometimes(SOMETIMES[1], |_, state: &State| {
                state.world.machines.iter().all(|m| m.view().is_some_and(|v| v.applied().counter() > 0))
            }),
            Property::sometimes(SOMETIMES[2], |_, state: &State| {
                views(state).any(|v| v.serving() && v.current_epoch().0 == 2)
            }),
        ]
    }
}

fn views(state: &State) -> impl Iterator<Item = zabra_core::replica::View<'_>> {
    state.world.machines.iter().filter_map(|machine| machine.view())
}

/// Every set of LOOKING servers may come together; whether anything comes of it is the core's.
fn elections(state: &State, moves: &mut Vec<Move>) {
    let looking = looking(state);
    let ready: Vec<ServerId> = looking.iter().filter(|s| is_drained(state, *s)).collect();
    for bits in 1u32..1 << ready.len() {
        let who = ready.iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0).map(|(_, s)| *s);
        moves.push(Move::Elect(who.collect()));
    }
}

fn is_drained(state: &State, server: ServerId) -> bool {
    let machine = state.world.machine(server);
    let rule_off = machine.without.is_some_and(|w| w.0.contains(zabra_core::rule::Rule::DrainBeforeVote));
    rule_off || machine.view().is_some_and(|view| view.pending_writes() == 0)
}

fn is_quorum_delivery(step: &Step) -> bool {
    matches!(step, Step::Deliver { .. })
}

fn limits(state: &State) -> impl Iterator<Item = Step> {
    let servers = state.world.servers().filter(|s| state.world.machine(*s).armed(Timer::InitLimit).is_some());
    servers.map(|server| Step::Fire { server, timer: Timer::InitLimit })
}

/// What the budgets allow.
fn faults(state: &State, moves: &mut Vec<Move>) {
    if state.budget.writes > 0 {
        let leaders = views(state).filter(|v| v.serving() && v.leader() == Some(v.me()));
        moves.extend(leaders.map(|v| Move::Write(v.me())));
    }
    if state.budget.crashes > 0 {
        for machine in state.world.machines.iter().filter(|m| m.up()) {
            moves.extend(machine.storage.crash_choices().into_iter().map(|kept| Move::Crash(machine.me(), kept)));
        }
    }
    if state.budget.breaks > 0 {
        breaks(state, moves);
    }
}

/// A connection may break with any prefix of each direction still to arrive.
fn breaks(state: &State, moves: &mut Vec<Move>) {
    for (at, cable) in state.world.ages.iter().enumerate() {
        let Some(held) = state.world.cables.get(*cable) else { continue };
        let [a, b] = held.ends;
        let same_pair = |other: &&u32| {
            let ends = state.world.cables.get(**other).map(|c| c.ends);
            ends == Some([a, b]) || ends == Some([b, a])
        };
        let nth = state.world.ages[..at].iter().filter(same_pair).count() as u8;
        let carried = |side| held.link.inbound(side).len() as u16;
        for to_a in 0..=carried(zabra_sim::link::Side::Dialer) {
            for to_b in 0..=carried(zabra_sim::link::Side::Listener) {
                moves.push(Move::Step(Step::Break { a, b, nth, keep: [to_a, to_b] }));
            }
        }
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
fn open_connections(state: &mut State) {
    loop {
        let next = state.world.ages.iter().find_map(|cable| {
            let held = state.world.cables.get(*cable)?;
            zabra_sim::link::Side::BOTH.into_iter().find_map(|side| {
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
