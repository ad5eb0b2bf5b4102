//! Many steps in a fixed order: what `settle` and `elect` stand for.
//!
//! They are macros of the runner: the steps are those that the world has enabled, the first of a
//! fixed order each time, so a story that uses them still is one schedule.

use crate::step::Step;
use crate::world::World;
use zabra_core::contract::Timer;
use zabra_core::id::{Epoch, ServerId, ServerSet, Zxid};
use zabra_core::zab::ServerState;

/// A settling world that has not settled after so many steps never will.
const STEPS_MAX: usize = 20_000;
const ROUNDS_MAX: usize = 60;

/// The world took or can take no more steps than these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsettled(pub String);

/// Takes steps; tells whether to go on.
pub trait Stepper {
    fn world(&self) -> &World;
    fn take(&mut self, step: &Step) -> bool;
}

/// Deliveries and storage completions until there are none.
pub fn settle(stepper: &mut impl Stepper) -> Result<(), Unsettled> {
    quiet(stepper, |_, _| true)
}

fn quiet(stepper: &mut impl Stepper, allowed: impl Fn(&World, &Step) -> bool) -> Result<(), Unsettled> {
    for _ in 0..STEPS_MAX {
        let world = stepper.world();
        let mut steps = world.deliveries();
        steps.extend(world.completions());
        let Some(step) = steps.into_iter().find(|step| allowed(world, step)) else { return Ok(()) };
        if !stepper.take(&step) {
            return Ok(());
        }
    }
    Err(Unsettled(format!("the world has not settled after {STEPS_MAX} steps")))
}

/// `leader` is elected by servers that are no better candidates; then everybody else joins.
pub fn elect(stepper: &mut impl Stepper, leader: ServerId) -> Result<(), Unsettled> {
    let candidate = |server: ServerId, world: &World| -> Option<(Epoch, Zxid, ServerId)> {
        let view = world.machine(server).view()?;
        Some((view.current_epoch(), view.history_end(), server))
    };
    let world = stepper.world();
    let Some(mine) = world.servers().find(|s| *s == leader).and_then(|_| candidate(leader, world)) else {
        return Err(Unsettled(format!("server {leader} is down")));
    };
    let able = |server: &ServerId| world.machine(*server).runs();
    let friends: ServerSet =
        world.servers().filter(able).filter(|s| candidate(*s, world).is_some_and(|key| key <= mine)).collect();
    for _ in 0..ROUNDS_MAX {
        quiet(stepper, |world, step| among(world, step, friends))?;
        if state(stepper.world(), leader) == Some(ServerState::Leading) {
            return join(stepper, leader);
        }
        nudge(stepper, friends);
    }
    Err(Unsettled(format!("server {leader} does not become leader: only {friends} are no better candidates")))
}

/// Everybody who runs is synced with the leader.
fn join(stepper: &mut impl Stepper, leader: ServerId) -> Result<(), Unsettled> {
    for _ in 0..ROUNDS_MAX {
        settle(stepper)?;
        let world = stepper.world();
        let outside = |server: &ServerId| {
            let view = world.machine(*server).view();
            world.machine(*server).runs() && view.is_none_or(|v| !v.serving() || v.leader() != Some(leader))
        };
        let outside: ServerSet = world.servers().filter(outside).collect();
        if outside.is_empty() {
            return Ok(());
        }
        nudge(stepper, outside);
    }
    Err(Unsettled(format!("not everybody joins leader {leader}")))
}

fn state(world: &World, server: ServerId) -> Option<ServerState> {
    world.machine(server).view().map(|view| view.state())
}

/// The timers that move an election on fire once on each of these servers.
fn nudge(stepper: &mut impl Stepper, servers: ServerSet) {
    for server in servers.iter() {
        for timer in [Timer::FinalizeWait, Timer::Redial, Timer::Notification] {
            if stepper.world().machine(server).armed(timer).is_some() {
                stepper.take(&Step::Fire { server, timer });
                break;
            }
        }
    }
}

/// Whether a step happens between these servers, or tells one of them that another is gone.
fn among(world: &World, step: &Step, servers: ServerSet) -> bool {
    let down = |server: ServerId| !world.machine(server).up();
    let counts = |from: ServerId, to: ServerId| servers.contains(to) && (servers.contains(from) || down(from));
    match step {
        Step::Deliver { from, to, .. } | Step::Notify { from, to } => counts(*from, *to),
        Step::Meet { a, b } => servers.contains(*a) && servers.contains(*b),
        Step::Complete { server, .. } | Step::Advance { server } => servers.contains(*server),
        Step::Client { .. } => false,
        Step::Part { .. }
        | Step::Break { .. }
        | Step::Close { .. }
        | Step::Fire { .. }
        | Step::Fail { .. }
        | Step::Crash { .. }
        | Step::Restart { .. }
        | Step::Falter { .. }
        | Step::Wipe { .. }
        | Step::Pause { .. }
        | Step::Resume { .. }
        | Step::Cut { .. }
        | Step::Heal { .. }
        | Step::Stamp { .. } => true,
    }
}
