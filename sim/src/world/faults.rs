//! What goes wrong with machines and paths: crashes, restarts, pauses, cuts.

use super::{Effect, Happened, Inapplicable, World};
use crate::disk::Disk;
use crate::link::Side;
use crate::step::Survivors;
use std::sync::Arc;
use zabra_core::contract::{Fault, Input, StorageError};
use zabra_core::id::ServerId;

impl<D: Disk> World<D> {
    /// Power is gone: the process with everything in it, and of its disk what was not synced but
    /// for the survivors. What it had sent is still on its way.
    pub fn crash(&mut self, server: ServerId, survivors: Survivors) -> Result<(), Inapplicable> {
        self.known(server)?;
        // A server that stopped itself can still lose what it had not synced.
        if !self.machine(server).up() && self.machine(server).fault.is_none() {
            return Err(Inapplicable);
        }
        self.end_process(server);
        self.machine_mut(server).fault = None;
        let file_is_behind = self.machine_mut(server).lose(survivors);
        if let Some(printer) = &mut self.printer {
            printer.life(server, "crashes");
        }
        self.happened = Happened::Crashed { server, file_is_behind };
        Ok(())
    }

    /// The server stops itself: a process ends, the disk's queue is cut by the holder's next step.
    pub(super) fn stop(&mut self, server: ServerId, fault: Fault) {
        self.end_process(server);
        self.machine_mut(server).fault = Some(fault);
        self.effects.push(Effect::Stopped { server, fault });
    }

    fn end_process(&mut self, server: ServerId) {
        let machine = self.machine_mut(server);
        machine.halt();
        self.part_all(server);
        for cable in self.ages.clone() {
            let Some(ends) = self.cables.get(cable).map(|held| held.ends) else { continue };
            for side in Side::BOTH {
                if ends[side as usize] == server {
                    self.close_end(cable, side);
                }
            }
        }
        self.end_lines(server);
    }

    pub fn restart(&mut self, server: ServerId) -> Result<(), Inapplicable> {
        self.known(server)?;
        if self.machine(server).up() {
            return Err(Inapplicable);
        }
        let machine = &mut self.machines[usize::from(server.0) - 1];
        let started = machine.start(&mut self.out);
        if let (Some(printer), Ok(recovered)) = (&mut self.printer, &started) {
            let history_end = recovered.log.last().map_or(recovered.image.zxid(), |record| record.zxid);
            printer.life(server, &format!("starts at {history_end}"));
        }
        match started {
            Ok(recovered) => {
                self.happened = Happened::Booted(server, Box::new(recovered));
                self.perform(server);
            }
            Err(refusal) => {
                self.refusal = refusal;
                self.effects.push(Effect::Unbootable { server });
            }
        }
        Ok(())
    }

    /// A server that is down starts, and loses power in the middle of its recovery.
    pub fn falter(&mut self, server: ServerId, survivors: Survivors) -> Result<(), Inapplicable> {
        self.known(server)?;
        if self.machine(server).up() {
            return Err(Inapplicable);
        }
        match self.machine_mut(server).falter(survivors) {
            Ok(()) => {
                if let Some(printer) = &mut self.printer {
                    printer.life(server, "crashes during its recovery");
                }
            }
            Err(refusal) => {
                self.refusal = refusal;
                self.effects.push(Effect::Unbootable { server });
            }
        }
        Ok(())
    }

    /// The disk of a server that is down is emptied; its configuration file is the first one again.
    pub fn wipe(&mut self, server: ServerId) -> Result<(), Inapplicable> {
        self.known(server)?;
        if self.machine(server).up() {
            return Err(Inapplicable);
        }
        let held = self.machine(server).durable();
        let first = Arc::clone(&self.firsts[usize::from(server.0) - 1]);
        let machine = self.machine_mut(server);
        machine.storage.destroy();
        machine.config = first;
        self.happened = Happened::Destroyed(server, held);
        Ok(())
    }

    pub fn fail(&mut self, server: ServerId, error: StorageError) -> Result<(), Inapplicable> {
        self.known(server)?;
        if !self.machine(server).runs() {
            return Err(Inapplicable);
        }
        self.input(server, Input::StorageFailed { error });
        Ok(())
    }

    pub fn pause(&mut self, server: ServerId, paused: bool) -> Result<(), Inapplicable> {
        self.known(server)?;
        let machine = self.machine_mut(server);
        if !machine.up() || machine.paused == paused {
            return Err(Inapplicable);
        }
        machine.paused = paused;
        Ok(())
    }

    pub fn cut(&mut self, from: ServerId, to: ServerId, cut: bool) -> Result<(), Inapplicable> {
        self.known(from)?;
        self.known(to)?;
        if from == to || self.is_cut(from, to) == cut {
            return Err(Inapplicable);
        }
        let set = &mut self.cuts[usize::from(from.0) - 1];
        if cut {
            set.insert(to);
        } else {
            set.remove(to);
        }
        Ok(())
    }
}
