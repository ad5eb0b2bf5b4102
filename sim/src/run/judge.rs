//! Everything that judges a run: the oracles while it runs, histories at its end.

use crate::oracle::{Facts, Sight, Verdict};
use crate::world::World;
use zabra_core::id::{ServerId, ServerSet};
use zabra_core::replica::View;

/// The oracles of a run.
#[derive(Default)]
pub(super) struct Judge;

impl Judge {
    pub fn new(_world: &World) -> Judge {
        Judge
    }

    pub fn see(&mut self, _sight: &Sight<'_>) -> Verdict {
        Ok(())
    }

    pub fn end(&mut self, _world: &World) -> Verdict {
        Ok(())
    }
}

impl Facts for World {
    fn servers(&self) -> ServerSet {
        self.machines.iter().map(crate::machine::Machine::me).collect()
    }

    fn view(&self, server: ServerId) -> Option<View<'_>> {
        self.machine(server).view()
    }
}
