//! Which moves a state of the plain model has, in an order that the interned explorer keeps too.

use crate::election::{elect, looking};
use crate::scope::{Kind, Meddling};
use crate::service;
use crate::state::State;
use std::fmt;
use zabra_core::contract::Timer;
use zabra_core::id::{ServerId, ServerSet};
use zabra_core::replica::View;
use zabra_core::rule::Rule;
use zabra_sim::disk;
use zabra_sim::link::Side;
use zabra_sim::step::Step;

/// One move.
#[derive(Clone, PartialEq, Eq)]
pub enum Move {
    /// These LOOKING servers elect, or join, a leader.
    Elect(ServerSet),
    /// A client connects to the leader and is gone: createSession is proposed.
    Write(ServerId),
    /// Power is gone, and of the disk's queue this is left.
    Crash(ServerId, disk::Survivors),
    /// The oldest write that waits at this server's disk fails.
    Fail(ServerId),
    /// A timer fires that nothing obliges to fire now.
    Early(ServerId, Timer),
    /// Something happens to an election message on its way.
    Meddle {
        how: Meddling,
        from: ServerId,
        to: ServerId,
    },
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
            Move::Fail(server) => write!(f, "fail {server}"),
            Move::Early(server, timer) => write!(f, "{}", Step::Fire { server: *server, timer: *timer }),
            Move::Meddle { how, from, to } => write!(f, "{how:?} notification {from}->{to}"),
            Move::Step(step) => write!(f, "{step}"),
        }
    }
}

/// Every move of a state.
pub fn moves(kind: Kind, state: &State, moves: &mut Vec<Move>) {
    if kind.talks() {
        messages(state, moves);
    } else {
        elections(state, moves);
    }
    if kind.connects() {
        moves.extend(state.world.deliveries().into_iter().filter(is_quorum_delivery).map(Move::Step));
    }
    moves.extend(state.world.completions().into_iter().map(Move::Step));
    if let Some(script) = kind.script() {
        service::moves(script, state, moves);
    }
    if kind.talks() {
        votes(state, moves);
    }
    limits(kind, state, moves);
    if kind.script().is_some() {
        service::reconnects(state, moves);
    }
    for server in state.world.servers() {
        if !state.world.machine(server).up() {
            moves.push(Move::Step(Step::Restart { server }));
        }
    }
    faults(kind, state, moves);
}

pub fn views(state: &State) -> impl Iterator<Item = View<'_>> {
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
    let rule_off = machine.without.is_some_and(|w| w.0.contains(Rule::DrainBeforeVote));
    rule_off || machine.view().is_some_and(|view| view.pending_writes() == 0)
}

/// Election messages arrive, and connections open when somebody has something to say on them; who
/// dials a server that is down learns that.
fn messages(state: &State, moves: &mut Vec<Move>) {
    for pair in &state.world.pairs {
        let (a, b) = (pair.a, pair.b);
        for (from, to) in [(a, b), (b, a)] {
            if state.world.notifiable(from, to) {
                moves.push(Move::Step(Step::Notify { from, to }));
            }
        }
        let (meets, refused) = (state.world.can_meet(a, b), state.world.would_refuse(a, b).is_some());
        if pair.speaks() && (meets || refused) {
            moves.push(Move::Step(Step::Meet { a, b }));
        }
    }
}

fn is_quorum_delivery(step: &Step) -> bool {
    matches!(step, Step::Deliver { .. })
}

/// A vote that is due leaves. A wait for better votes ends when nothing is on its way to who waits;
/// earlier, as a budget has it.
fn votes(state: &State, moves: &mut Vec<Move>) {
    let messages = moves.len();
    for machine in state.world.machines.iter().filter(|m| m.up()) {
        let server = machine.me();
        if machine.armed(Timer::Notification) == Some(0) {
            moves.push(Move::Step(Step::Fire { server, timer: Timer::Notification }));
        }
        let (finalizes, timer) = (machine.armed(Timer::FinalizeWait).is_some(), Timer::FinalizeWait);
        let early = moves[..messages].iter().any(|coming| concerns(coming, server));
        if finalizes && !early {
            moves.push(Move::Step(Step::Fire { server, timer }));
        } else if finalizes && state.budget.timeouts > 0 {
            moves.push(Move::Early(server, timer));
        }
    }
}

/// Whether this is news of an election for this server.
fn concerns(coming: &Move, server: ServerId) -> bool {
    match coming {
        Move::Step(Step::Notify { to, .. }) => *to == server,
        Move::Step(Step::Meet { a, b }) => *a == server || *b == server,
        Move::Step(_)
        | Move::Elect(_)
        | Move::Write(_)
        | Move::Crash(..)
        | Move::Fail(_)
        | Move::Early(..)
        | Move::Meddle { .. } => false,
    }
}

/// Where nothing else can happen a vote is said again, and the wait for a leader ends; where messages travel, at any time, as
/// a budget has it. An election ends in discovery: there it is only the budget's.
fn limits(kind: Kind, state: &State, moves: &mut Vec<Move>) {
    let waiting: Vec<ServerId> =
        state.world.servers().filter(|s| state.world.machine(*s).armed(Timer::InitLimit).is_some()).collect();
    if kind.talks() {
        let nothing = moves.is_empty();
        if nothing {
            let fire = |server| Move::Step(Step::Fire { server, timer: Timer::Notification });
            moves.extend(state.world.servers().filter(|s| could_repeat(state, *s)).map(fire));
        }
        if (nothing && kind.connects()) || state.budget.timeouts > 0 {
            moves.extend(waiting.into_iter().map(|server| Move::Early(server, Timer::InitLimit)));
        }
    } else if !waiting.is_empty() && is_stuck(state, moves) {
        let fire = |server| Move::Step(Step::Fire { server, timer: Timer::InitLimit });
        moves.extend(waiting.into_iter().map(fire));
    }
}

/// Whether nothing comes of any of these moves: they are elections in which everybody goes on looking. Of one that no
/// budget allows that is not known.
fn is_stuck(state: &State, moves: &[Move]) -> bool {
    let fails = |who| state.budget.elections > 0 && !elect(&mut state.clone(), who);
    moves.iter().all(|made| matches!(made, Move::Elect(who) if fails(*who)))
}

/// Whether this server looks and has said its vote.
fn could_repeat(state: &State, server: ServerId) -> bool {
    state.world.machine(server).armed(Timer::Notification).is_some_and(|after| after > 0)
}

/// What the budgets allow.
fn faults(kind: Kind, state: &State, moves: &mut Vec<Move>) {
    if kind.talks() && state.budget.timeouts > 0 {
        let said = state.world.servers().filter(|s| could_repeat(state, *s));
        moves.extend(said.map(|server| Move::Early(server, Timer::Notification)));
    }
    if state.budget.writes > 0 && kind.script().is_none() {
        let leaders = views(state).filter(|v| v.serving() && v.leader() == Some(v.me()));
        moves.extend(leaders.map(|v| Move::Write(v.me())));
    }
    if state.budget.timeouts > 0 && kind.script().is_some() {
        service::expiries(state, moves);
    }
    if state.budget.crashes > 0 {
        for machine in state.world.machines.iter().filter(|m| m.up()) {
            moves.extend(machine.storage.crash_choices().into_iter().map(|kept| Move::Crash(machine.me(), kept)));
        }
    }
    if state.budget.failures > 0 {
        let writing = state.world.machines.iter().filter(|m| m.runs() && m.storage.completable());
        moves.extend(writing.map(|machine| Move::Fail(machine.me())));
    }
    if state.budget.breaks > 0 {
        breaks(state, moves);
        if kind.script().is_some() {
            service::breaks(state, moves);
        }
        let parting = state.world.pairs.iter().filter(|pair| kind.talks() && pair.up);
        moves.extend(parting.map(|pair| Move::Step(Step::Part { a: pair.a, b: pair.b })));
    }
    if kind.talks() {
        meddling(state, moves);
    }
}

/// What an adversary may do to election messages.
fn meddling(state: &State, moves: &mut Vec<Move>) {
    for how in Meddling::ALL {
        if *how.left(&mut state.budget.clone()) == 0 {
            continue;
        }
        for pair in &state.world.pairs {
            for (from, to) in [(pair.a, pair.b), (pair.b, pair.a)] {
                let flies = pair.flying(from).is_some();
                let can = match how {
                    Meddling::Drop => flies,
                    Meddling::Duplicate => flies && state.world.machine(to).up(),
                    Meddling::Reorder => flies && pair.waiting(from).is_some(),
                };
                if can {
                    moves.push(Move::Meddle { how, from, to });
                }
            }
        }
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
        for to_a in 0..=carried(Side::Dialer) {
            for to_b in 0..=carried(Side::Listener) {
                moves.push(Move::Step(Step::Break { a, b, nth, keep: [to_a, to_b] }));
            }
        }
    }
}
