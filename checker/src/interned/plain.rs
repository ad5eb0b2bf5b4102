//! Back from numbers to a plain state, for whoever wants to read one.

use super::parts::Parts;
use super::walk::Now;
use crate::state::State;
use zabra_sim::machine::Slots;
use zabra_sim::world::Cable;

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
        state
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
