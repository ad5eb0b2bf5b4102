//! The model `service`: clients and the complete request path, on an ensemble that serves already.
//!
//! Each client is the session machine of `zabra-client` and works off a short script: sequential and
//! ephemeral nodes, writes, reads, a watch. Elections are one move, as in `broadcast`. What a client
//! sends and is sent arrives at once: a request that is on its way for longer, or a reply, gives an
//! operation a wider interval and no server another order, so whatever refuses the narrow intervals
//! is found, and nothing that only wide ones show is missed (decision 0026). That a server has lost a
//! client is a move of its own, so a session can be used elsewhere before.

mod moves;
mod notes;
mod script;

pub use moves::{breaks, deliver_lines, expiries, moves, reconnects};
pub use notes::Notes;
pub use script::{Script, Scripts};

use crate::state::State;
use zabra_sim::client::{Client, ClientStep};
use zabra_sim::step::Step;

/// The timeout that clients ask for; no time passes.
pub const TIMEOUT_MS: u32 = 10_000;

/// Which servers a client knows, in its order: the first is another one for each.
pub fn servers_of(client: usize, servers: u8) -> Vec<u32> {
    (0..servers).map(|n| 1 + u32::from((n + client as u8 * (servers - 1)) % servers)).collect()
}

/// Lets the ensemble elect, and each client open its session, one after the other.
pub fn establish(state: &mut State, script: Scripts) {
    let all = crate::election::looking(state);
    assert!(crate::election::elect(state, all), "servers that start together elect");
    settle(state);
    state.notes = Some(Notes::default());
    for (client, config) in script.configs(state.world.machines.len() as u8).into_iter().enumerate() {
        state.world.clients.push(Client::session(config));
        state.take(&Step::Client { client: client as u16, what: ClientStep::Start });
        settle(state);
        let attached = state.world.clients[client].state().is_some_and(|session| session.is_attached());
        assert!(attached, "an ensemble that serves opens sessions");
    }
}

/// Everything that nothing keeps from happening happens, in a fixed order.
fn settle(state: &mut State) {
    loop {
        crate::plain::open_connections(state);
        deliver_lines(state);
        let mut next: Vec<Step> = Vec::new();
        next.extend(state.world.deliveries().into_iter().filter(|step| matches!(step, Step::Deliver { .. })));
        next.extend(state.world.completions());
        let Some(step) = next.first() else { return };
        assert!(state.take(step), "what is enabled applies");
    }
}
