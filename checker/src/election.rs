//! An election as one move: the notifications of some LOOKING servers reach one another and every
//! server that has a leader, their timers fire, in a fixed order, until nothing is left to say.
//!
//! The core runs its own election; only the interleavings of its messages are not explored here.
//! The link between the two: an elected server's vote is at least as good as every vote of its
//! quorum, which the oracles check on each election.

use crate::state::State;
use zabra_core::contract::Timer;
use zabra_core::id::{ServerId, ServerSet};
use zabra_core::zab::ServerState;
use zabra_sim::step::Step;

/// More rounds than any election of these sizes takes.
const ROUNDS_MAX: usize = 64;

/// The servers that are up and have no leader.
pub fn looking(state: &State) -> ServerSet {
    let servers = state.world.servers();
    servers.filter(|s| state_of(state, *s) == Some(ServerState::Looking)).collect()
}

fn state_of(state: &State, server: ServerId) -> Option<ServerState> {
    state.world.machine(server).view().map(|view| view.state())
}

/// Lets these LOOKING servers elect or join a leader. False if none of them leaves LOOKING.
pub fn elect(state: &mut State, who: ServerSet) -> bool {
    let others_looking = looking(state).difference(who);
    let mut takes_part: ServerSet = state.world.servers().filter(|s| state.world.machine(*s).up()).collect();
    takes_part = takes_part.difference(others_looking);
    let silence = state.world.pairs.clone();
    for server in who.iter() {
        state.take(&Step::Fire { server, timer: Timer::Notification });
    }
    for _ in 0..ROUNDS_MAX {
        let talked = talk(state, takes_part);
        if !talked && !finalize(state, who) {
            break;
        }
    }
    // What was said to those outside is not heard: each election is a conversation of its own.
    state.world.pairs = silence;
    who.iter().any(|server| state_of(state, server) != Some(ServerState::Looking))
}

/// Delivers every election message between the servers that take part.
fn talk(state: &mut State, takes_part: ServerSet) -> bool {
    let mut talked = false;
    for from in takes_part.iter() {
        for to in takes_part.iter().filter(|to| *to != from) {
            talked |= state.take(&Step::Meet { a: from.min(to), b: from.max(to) });
            while state.take(&Step::Notify { from, to }) {
                talked = true;
            }
        }
    }
    talked
}

fn finalize(state: &mut State, who: ServerSet) -> bool {
    let mut fired = false;
    for server in who.iter() {
        fired |= state.take(&Step::Fire { server, timer: Timer::FinalizeWait });
    }
    fired
}
