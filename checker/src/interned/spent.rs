//! Elections that are used up, forgotten (decision 0030): where they are counted and none is left, nothing that was
//! said in one is read again, so states that differ in it only are one.

use super::index::Id;
use super::parts::{Known, Parts};
use super::react::{Machine, Out, Reaction};
use super::walk::{Now, SERVERS_MAX};
use crate::plain::Plain;
use crate::scope::Kind;
use crate::state::State;
use zabra_core::contract::{Event, Timer};
use zabra_sim::world::Pair;

/// The election pairs when nothing was said, where elections are forgotten: each is one move, they are counted, and
/// all rules are in force.
pub fn silence(model: &Plain, start: &State, parts: &mut Parts) -> Option<Id> {
    let counted = model.bound.kind == Kind::Broadcast && model.bound.budget.last_epoch().is_none();
    (counted && model.obeys_all()).then(|| {
        let mut pairs = start.world.pairs.clone();
        pairs.iter_mut().for_each(Pair::silence);
        parts.intern_pairs(pairs)
    })
}

/// A machine without what was said in elections: who looks has its first vote before it.
pub fn machine(machine: &mut Machine) {
    let Some(replica) = &mut machine.replica else { return };
    if replica.forget_elections() {
        machine.disarm(Timer::FinalizeWait);
        machine.arm(Timer::Notification, 0);
    }
}

/// Whether two reactions are the same but for what is said in elections.
pub fn alike(one: &Reaction, other: &Reaction) -> bool {
    let outs = |reaction: &Reaction| -> Vec<Out> {
        reaction.outs.iter().filter(|out| !matches!(out, Out::Say { .. })).copied().collect()
    };
    let events = |reaction: &Reaction| -> Vec<Event> {
        reaction.events.iter().filter(|event| !matches!(event, Event::Voted { .. })).cloned().collect()
    };
    let rest = |r: &Reaction| (r.server, r.slot, r.refused, r.dropped, r.applies, r.fact.clone());
    outs(one) == outs(other) && events(one) == events(other) && rest(one) == rest(other)
}

impl Now {
    /// Forgets what was said in elections, where none is left. `before` the move the machines were these, and so many
    /// elections were left.
    pub(super) fn forget_elections<K: Known>(&mut self, before: ([Id; SERVERS_MAX], u8), silence: Id, known: &mut K) {
        let (machines, elections) = before;
        let mut forgot = elections > 0;
        for server in self.servers() {
            let id = self.machine(server);
            if elections == 0 && machines[usize::from(server.0) - 1] == id {
                continue;
            }
            let after = known.spent_machine(id);
            forgot |= after != id;
            self.set_machine(server, after);
        }
        // Nothing is said, and no vote judged, but by who begins to look; and that shows.
        if forgot {
            self.set_bundle(0, silence);
            self.ghost = known.spent_ghost(self.ghost);
        }
    }
}
