//! Elections that begin anew (decision 0028): where an election is one move, nothing of it stays but the roles that
//! it gave, so that states which differ in rounds and in votes of earlier elections only are one.

use super::parts::{Known, Miss};
use super::react::Machine;
use super::walk::Now;
use crate::state::State;
use zabra_core::contract::Timer;
use zabra_sim::world::Pair;

/// A machine without what was said in elections: who looks has its first vote before it.
pub fn machine(machine: &mut Machine) {
    let Some(replica) = &mut machine.replica else { return };
    if replica.forget_elections() {
        machine.disarm(Timer::FinalizeWait);
        machine.arm(Timer::Notification, 0);
    }
}

/// The same of a whole state.
pub fn state(state: &mut State) {
    state.world.machines.iter_mut().for_each(machine);
    state.world.pairs.iter_mut().for_each(Pair::silence);
    state.oracles.forget_rounds();
}

impl Now {
    /// The same of a state in numbers, in which only these machines may have changed since.
    pub fn renew<K: Known>(&mut self, before: Option<&Now>, known: &mut K) -> Result<(), Miss> {
        let mut renewed = before.is_none();
        for server in self.servers() {
            let id = self.machine(server);
            if before.is_some_and(|before| before.machine(server) == id) {
                continue;
            }
            let after = known.renew_machine(id)?;
            renewed |= after != id;
            self.set_machine(server, after);
        }
        // Nothing is said, and no vote judged, but by who enters a round; and that shows.
        if renewed {
            self.set_bundle(0, self.shape.silence);
            self.ghost = known.renew_ghost(self.ghost)?;
        }
        Ok(())
    }
}
