//! What a step showed: to the marks, to the spectator, to the judge.

use super::explorer::Explorer;
use super::report::Outcome;
use crate::link::Item;
use crate::machine::Storage;
use crate::marks::Mark;
use crate::oracle::{Fact, Sight};
use crate::time::Micros;
use crate::world::Happened;
use zabra_core::contract::{Event, LocalTurn};
use zabra_core::id::{ServerId, Zxid};
use zabra_core::zab::Packet;

impl Explorer<'_> {
    pub(super) fn observe(&mut self) {
        let happened = std::mem::take(&mut self.world.happened);
        match &happened {
            Happened::Nothing => {}
            Happened::Stepped(server) => {
                if !self.world.out.events().is_empty() {
                    self.observe_events(*server);
                }
            }
            Happened::Booted(server, recovered) => {
                self.marks.hit(Mark::Restart);
                if recovered.history_end() < std::mem::take(&mut self.side(*server).written) {
                    self.marks.hit(Mark::TornTail);
                }
                if let Storage::Stored(disk) = &self.world.machine(*server).storage
                    && disk.torn()
                {
                    self.marks.hit(Mark::TornBatch);
                }
                self.see(*server, Fact::Booted { recovered });
                self.observe_events(*server);
            }
            Happened::Crashed { server, file_is_behind } => {
                self.marks.hit(Mark::Crash);
                if *file_is_behind {
                    self.marks.hit(Mark::ConfigurationBehind);
                }
                self.marks.gone(*server);
                self.see(*server, Fact::Crashed);
            }
            Happened::Destroyed(server, held) => {
                self.marks.hit(Mark::Wiped);
                self.side(*server).written = Zxid::ZERO;
                self.see(*server, Fact::Destroyed { held: *held });
            }
        }
    }

    fn observe_events(&mut self, server: ServerId) {
        let disk = self.world.machine(server).durable();
        let cut = !self.held.is_empty();
        for event in self.world.out.events() {
            self.marks.see(server, event, cut);
            if let Event::Configured { voters, proposed, .. } = event {
                self.servers[usize::from(server.0) - 1].goes_by = Some((voters.clone(), proposed.clone()));
            }
            if let Event::SessionAttached { session, client, .. } | Event::Requested { session, client, .. } = event
                && self.world.is_raw(server, *client)
            {
                self.judge.recorder.foreign(session.0);
            }
            if let Event::LocalSession { session, turn: LocalTurn::Begins } = event {
                self.judge.recorder.local(session.0);
            }
            let view = self.world.machine(server).view();
            let sight = Sight { now: Micros(self.now), server, fact: Fact::Reported(event), view, disk };
            if let Some(spectator) = &mut self.spectator {
                spectator.see(&sight);
            }
            if let Err(violation) = self.judge.see(&sight) {
                self.ending.get_or_insert(Outcome::Safety(Box::new(violation)));
            }
        }
    }

    fn see(&mut self, server: ServerId, fact: Fact<'_>) {
        let machine = self.world.machine(server);
        let sight = Sight { now: Micros(self.now), server, fact, view: machine.view(), disk: machine.durable() };
        if let Some(spectator) = &mut self.spectator {
            spectator.see(&sight);
        }
        if let Err(violation) = self.judge.see(&sight) {
            self.ending.get_or_insert(Outcome::Safety(Box::new(violation)));
        }
    }
}

/// Whether this packet begins a synchronization, and then whether by an image.
pub(super) fn synchronization(item: &Item<Packet>) -> Option<bool> {
    match item {
        Item::Carry(Packet::Snap { .. }) => Some(true),
        Item::Carry(Packet::Diff(_) | Packet::Trunc(_)) => Some(false),
        Item::Syn | Item::Accept | Item::Refuse | Item::Carry(_) | Item::End | Item::Lost => None,
    }
}
