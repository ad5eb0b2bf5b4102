//! Back from numbers to a plain state, for whoever wants to read one.

use super::parts::Parts;
use super::walk::Now;
use crate::plain::connect_frame;
use crate::state::State;
use zabra_core::wire::Deframer;
use zabra_sim::client::Client;
use zabra_sim::machine::Slots;
use zabra_sim::world::{Cable, Line};

impl Parts {
    /// The plain state that these numbers stand for, in the likeness of another of the same model.
    pub fn plain(&self, now: &Now, like: &State) -> State {
        let mut state = like.clone();
        state.budget = now.budget;
        state.world.machines = now.machines().iter().map(|id| self.whole_machine(*id).clone()).collect();
        state.world.pairs = now.bundles().iter().flat_map(|id| self.whole_pairs(*id).to_vec()).collect();
        let ghost = self.whole_ghost(now.ghost);
        state.oracles = ghost.oracles;
        state.violation = ghost.violation;
        (state.world.cables, state.world.ages) = self.plain_cables(now);
        if state.notes.is_some() {
            self.plain_guests(now, &mut state);
        }
        state
    }

    /// Clients, their connections and what they saw.
    fn plain_guests(&self, now: &Now, state: &mut State) {
        state.notes = Some(self.whole_notes(now.guests.notes).clone());
        for (at, client) in state.world.clients.iter_mut().enumerate() {
            let line = now.guests.using(at).map(u32::from);
            *client = Client { line, ..self.whole_seat(now.guests.seats[at]).clone() };
        }
        let lines = now.guests.lines();
        state.world.line_ages = lines.iter().map(|line| u32::from(line.name)).collect();
        state.world.lines = Slots::default();
        let most = lines.iter().map(|line| line.name + 1).max().unwrap_or(0);
        for name in 0..most {
            let held = lines.iter().find(|line| line.name == name).unwrap_or(&lines[0]);
            let limit = state.world.machines[0].config.limits.frame_bytes;
            let (client, server) = (u16::from(held.client), held.server);
            let link = held.link();
            state.world.lines.insert(Line { client, server, link, deframer: after_a_frame(limit) });
        }
        for name in (0..most).filter(|name| lines.iter().all(|line| line.name != *name)) {
            state.world.lines.remove(u32::from(name));
        }
    }

    /// Each cable in its slot: slots that are free in between are taken for a moment.
    fn plain_cables(&self, now: &Now) -> (Slots<Cable>, Vec<u32>) {
        let ages: Vec<u32> = now.cables().iter().map(|(slot, _)| u32::from(*slot)).collect();
        let mut slots = Slots::default();
        for slot in 0..=ages.iter().copied().max().unwrap_or(0) {
            let held = now.cables().iter().find(|(s, _)| u32::from(*s) == slot).or(now.cables().first());
            if let Some((_, id)) = held {
                slots.insert(self.whole_cable(*id).clone());
            }
        }
        let free: Vec<u32> = slots.iter().map(|(slot, _)| slot).filter(|slot| !ages.contains(slot)).collect();
        free.into_iter().for_each(|slot| drop(slots.remove(slot)));
        (slots, ages)
    }
}

/// What a connection has left of a stream whose first frame came whole.
fn after_a_frame(limit: u32) -> Deframer {
    let (mut deframer, frame) = (Deframer::new(limit), connect_frame());
    let mut stream = frame.as_slice();
    while matches!(deframer.next(&mut stream), Ok(Some(_))) {}
    deframer
}
