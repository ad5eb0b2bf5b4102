//! What clients do of their own, and what arrives from them and at them by itself.

use super::Scripts;
use crate::moves::Move;
use crate::state::State;
use zabra_client::Timer;
use zabra_sim::client::ClientStep;
use zabra_sim::link::{End, Item, Side};
use zabra_sim::step::Step;
use zabra_sim::world::Line;

fn client(client: usize, what: ClientStep) -> Move {
    Move::Step(Step::Client { client: client as u16, what })
}

/// The next operation of each client that may have one; what a server learns of connections that
/// are no more.
pub fn moves(script: Scripts, state: &State, moves: &mut Vec<Move>) {
    for (at, held) in state.world.clients.iter().enumerate() {
        let ready = held.state().is_some_and(|s| s.is_attached() && (script.pipelined || s.pending() == 0));
        if ready && let Some(operation) = script.next(at, held.submitted) {
            moves.push(client(at, ClientStep::Submit(operation)));
        }
    }
    for line in &state.world.line_ages {
        let (Some(held), Some((of, nth))) = (state.world.lines.get(*line), state.world.name_line(*line)) else {
            continue;
        };
        if is_over(held) {
            moves.push(client(usize::from(of), ClientStep::Up { nth, bytes: None }));
        }
    }
}

/// A client that found no server tries all again, if there is one.
pub fn reconnects(state: &State, moves: &mut Vec<Move>) {
    let someone = state.world.machines.iter().any(|machine| machine.up());
    for (at, held) in state.world.clients.iter().enumerate() {
        if someone && held.state().is_some_and(|session| session.is_waiting()) {
            moves.push(client(at, ClientStep::Fire(Timer::Retry)));
        }
    }
}

/// Sessions whose silence the leader measures: any may have been silent for too long.
pub fn expiries(state: &State, moves: &mut Vec<Move>) {
    for machine in state.world.machines.iter().filter(|machine| machine.up()) {
        let sessions = machine.armed.iter().map(|(timer, _)| *timer);
        let sessions = sessions.filter(|timer| matches!(timer, zabra_core::contract::Timer::Session(_)));
        moves.extend(sessions.map(|timer| Move::Early(machine.me(), timer)));
    }
}

/// Connections of clients that may break.
pub fn breaks(state: &State, moves: &mut Vec<Move>) {
    for line in &state.world.line_ages {
        let (Some(held), Some((of, nth))) = (state.world.lines.get(*line), state.world.name_line(*line)) else {
            continue;
        };
        if Side::BOTH.iter().all(|side| matches!(held.link.end(*side), End::Open { .. })) {
            moves.push(client(usize::from(of), ClientStep::Break { nth, keep: [0, 0] }));
        }
    }
}

/// Whether all that is left for the server is to learn of the end.
fn is_over(line: &Line) -> bool {
    matches!(line.link.inbound(Side::Listener).front(), Some(Item::End | Item::Lost))
}

/// Whatever is on its way between clients and servers arrives, oldest connection first.
pub fn deliver_lines(state: &mut State) {
    while let Some(step) = next_delivery(state) {
        if !state.take(&step) {
            return;
        }
    }
}

fn next_delivery(state: &State) -> Option<Step> {
    state.world.line_ages.iter().find_map(|line| {
        let held = state.world.lines.get(*line)?;
        let (client, nth) = state.world.name_line(*line)?;
        let up = held.link.inbound(Side::Listener).front().is_some() && !is_over(held);
        let what = match held.link.inbound(Side::Dialer).front() {
            Some(_) => ClientStep::Down { nth, bytes: None },
            None if up => ClientStep::Up { nth, bytes: None },
            None => return None,
        };
        Some(Step::Client { client, what })
    })
}
