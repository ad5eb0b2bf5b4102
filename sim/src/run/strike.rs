//! The plan's faults, executed.

use super::agenda::Due;
use super::explorer::Explorer;
use super::phases::Phase;
use crate::client::ClientStep;
use crate::disk::{Disk as _, Work};
use crate::fault::{Fault, Target};
use crate::link::Side;
use crate::marks::Mark;
use crate::step::{Step, Survivors};
use crate::time::Micros;
use zabra_core::contract::StorageError;
use zabra_core::id::{Epoch, ServerId, ServerSet};
use zabra_core::quorum::Quorum;
use zabra_core::zab::ServerState;

impl Explorer<'_> {
    pub(super) fn fault_begins(&mut self, index: u32) {
        if self.phase != Phase::Safety {
            return;
        }
        let fault = self.plan.faults[index as usize].fault.clone();
        *self.struck.entry(fault.name().to_owned()).or_default() += 1;
        self.hash.event(self.now, 20, index as u16, 0, &0u8);
        self.announce(true, &fault);
        match fault {
            Fault::Crash { target, for_us, patient_us, silent } => {
                let server = self.target(target);
                self.crash_begins(index, server, for_us, patient_us, silent);
            }
            Fault::CrashCheckpoint { target, patient_us, .. } => {
                let server = self.target(target);
                self.side(server).stalked = Some(index);
                self.agenda.push(self.now + patient_us, Due::Patience { server: server.0, index });
            }
            Fault::FalseStart { target, times, for_us } => {
                let server = self.target(target);
                self.side(server).falters = times;
                self.crash_for(server, for_us);
            }
            Fault::CrashAll { for_us } => {
                for server in self.world.servers() {
                    let spread = u64::from(self.network.below(200_000));
                    self.crash_for(server, for_us + spread);
                }
            }
            Fault::RollingRestart { .. } | Fault::CrashLoop { .. } => self.fault_ends(index),
            Fault::Wipe { server, for_us } => self.wipe(ServerId(server), for_us),
            Fault::Pause { target, for_us } => {
                let server = self.target(target);
                self.pause(server, true);
                self.agenda.push(self.now + for_us, Due::FaultEnds { index });
            }
            Fault::Cut { paths, for_us } => {
                for (from, to) in paths {
                    self.cut(ServerId(from), ServerId(to), true);
                }
                self.agenda.push(self.now + for_us, Due::FaultEnds { index });
            }
            Fault::Flap { .. } => self.fault_ends(index),
            Fault::Slow { paths, factor, for_us } => {
                for (from, to) in paths {
                    self.path(ServerId(from), ServerId(to)).factor = factor;
                }
                self.agenda.push(self.now + for_us, Due::FaultEnds { index });
            }
            Fault::Reset { a, b } => self.reset(ServerId(a), ServerId(b)),
            Fault::ElectionReset { a, b } => self.part(ServerId(a), ServerId(b)),
            Fault::Depose => self.depose(),
            Fault::ClientReset { client } => self.reset_client(client),
            Fault::Drift { server, ppm, for_us } => {
                self.side(ServerId(server)).drift_ppm = ppm;
                self.judge.drifts(ServerId(server), ppm);
                self.agenda.push(self.now + for_us, Due::FaultEnds { index });
            }
            Fault::Jump { server, ms } => self.side(ServerId(server)).jumped_ms += ms,
            Fault::DiskStall { server, for_us } => {
                let until = self.now + for_us;
                self.side(ServerId(server)).stalled_until = until;
            }
            Fault::DiskError { server, full, .. } => {
                let error = if full { StorageError::Full } else { StorageError::Io };
                self.side(ServerId(server)).failing = Some(error);
            }
            Fault::Interrupt { image } => self.ambush = Some(image),
        }
    }

    /// A patient crash waits for a write to fall into; a silent one cuts the server off before and behind it.
    fn crash_begins(&mut self, index: u32, server: ServerId, for_us: u64, patient_us: u64, silent: bool) {
        if silent {
            self.silenced.insert(index, server);
            self.cut_off(server, true);
            self.agenda.push(self.now + patient_us + for_us, Due::FaultEnds { index });
        }
        if patient_us == 0 || self.world.machine(server).storage.completable() {
            self.crash_for(server, for_us);
        } else {
            self.side(server).doomed = Some(index);
            self.agenda.push(self.now + patient_us, Due::Patience { server: server.0, index });
        }
    }

    fn announce(&mut self, began: bool, fault: &Fault) {
        if let Some(spectator) = &mut self.spectator {
            spectator.fault(Micros(self.now), began, &format!("{fault:?}"));
        }
    }

    /// A fault with a duration ends, or a repeated one strikes again.
    pub(super) fn fault_ends(&mut self, index: u32) {
        if self.phase != Phase::Safety {
            return;
        }
        let planned = self.plan.faults[index as usize].clone();
        let struck_for = self.now - planned.at_us;
        match planned.fault {
            Fault::Crash { .. } => {
                if let Some(server) = self.silenced.remove(&index) {
                    self.cut_off(server, false);
                }
            }
            Fault::Pause { .. } => self.resume_all(),
            Fault::Cut { ref paths, .. } => {
                for (from, to) in paths {
                    self.cut(ServerId(*from), ServerId(*to), false);
                }
                self.announce(false, &planned.fault);
            }
            Fault::Flap { a, b, every_us, for_us } => {
                let begin = struck_for < for_us && !self.flapping.contains(&index);
                if begin || self.flapping.contains(&index) {
                    for (from, to) in [(a, b), (b, a)] {
                        self.cut(ServerId(from), ServerId(to), begin);
                    }
                }
                if begin {
                    self.flapping.insert(index);
                } else {
                    self.flapping.remove(&index);
                }
                if begin || struck_for < for_us {
                    self.agenda.push(self.now + every_us, Due::FaultEnds { index });
                }
            }
            Fault::Slow { paths, .. } => {
                for (from, to) in paths {
                    self.path(ServerId(from), ServerId(to)).factor = 1;
                }
            }
            Fault::Drift { server, .. } => {
                let ppm = self.plan.drift_ppm[usize::from(server) - 1];
                self.side(ServerId(server)).drift_ppm = ppm;
            }
            Fault::RollingRestart { for_us } => self.roll(index, for_us),
            Fault::CrashLoop { server, times, for_us } => self.crash_again(index, ServerId(server), times, for_us),
            Fault::CrashAll { .. }
            | Fault::CrashCheckpoint { .. }
            | Fault::FalseStart { .. }
            | Fault::Wipe { .. }
            | Fault::Reset { .. }
            | Fault::ElectionReset { .. }
            | Fault::Depose
            | Fault::ClientReset { .. }
            | Fault::Jump { .. }
            | Fault::DiskStall { .. }
            | Fault::DiskError { .. }
            | Fault::Interrupt { .. } => {}
        }
    }

    fn target(&self, target: Target) -> ServerId {
        match target {
            Target::Server(server) => ServerId(server),
            Target::LeaderOr(server) => self.leader().unwrap_or(ServerId(server)),
        }
    }

    /// A server that believes that it leads, the newest epoch first.
    pub(super) fn leader(&self) -> Option<ServerId> {
        let leading = self.world.machines.iter().filter_map(|machine| machine.view());
        let leading = leading.filter(|view| view.state() == ServerState::Leading && view.serving());
        leading.max_by_key(|view| view.current_epoch()).map(|view| view.me())
    }

    /// Power failure; the server starts again after so long.
    pub(super) fn crash_for(&mut self, server: ServerId, for_us: u64) {
        self.side(server).doomed = None;
        self.side(server).stalked = None;
        if !self.world.machine(server).up() {
            return;
        }
        let survivors = self.draw_survivors(server);
        if self.world.machine(server).storage.completable() {
            self.marks.hit(Mark::CrashWhileWriting);
        }
        self.hash.event(self.now, 21, u16::from(server.0), 0, &0u8);
        self.cut_streams(server);
        self.note_written(server);
        self.tell(|_| Some(Step::Crash { server, survivors }));
        self.world.begin();
        if self.world.crash(server, survivors).is_ok() {
            self.mark_interrupted(server);
            self.forget(server);
            self.after();
        }
        self.plan_restart(server, for_us);
    }

    /// What the crash struck in the middle of several storage operations.
    fn mark_interrupted(&mut self, server: ServerId) {
        let Some(disk) = self.world.machine(server).storage.stored() else { return };
        for work in disk.interrupted() {
            self.marks.hit(match work {
                Work::Checkpoint => Mark::CrashInCheckpoint,
                Work::Purge => Mark::CrashInPurge,
                Work::Preparation => Mark::CrashInPreparation,
                Work::Recovery => Mark::CrashInRecovery,
            });
        }
    }

    fn note_written(&mut self, server: ServerId) {
        let end = self.world.machine(server).view().map(|view| view.history_end());
        self.side(server).written = end.unwrap_or_default();
    }

    fn draw_survivors(&mut self, server: ServerId) -> Survivors {
        let draws = &mut self.side(server).disk;
        match draws.below(4) {
            0 => Survivors::Nothing,
            1 => Survivors::Everything,
            _ => Survivors::Drawn(draws.word()),
        }
    }

    /// Of what the server had sent, each connection delivers a prefix only.
    fn cut_streams(&mut self, server: ServerId) {
        for cable in self.world.ages.clone() {
            let Some(held) = self.world.cables.get(cable) else { continue };
            if !held.ends.contains(&server) || !self.network.chance(500_000) {
                continue;
            }
            let keep = self.draw_keep(cable);
            self.break_cable(cable, keep);
        }
    }

    fn draw_keep(&mut self, cable: u32) -> [u16; 2] {
        let Some(held) = self.world.cables.get(cable) else { return [0, 0] };
        let [dialer, listener] = held.ends;
        let count = |side| held.link.inbound(side).len() as u32;
        let (to_dialer, to_listener) = (count(Side::Dialer), count(Side::Listener));
        let (blocked_in, blocked_out) = (self.world.is_cut(listener, dialer), self.world.is_cut(dialer, listener));
        let mut keep = |count: u32, blocked: bool| if blocked { 0 } else { self.network.below(count + 1) as u16 };
        [keep(to_dialer, blocked_in), keep(to_listener, blocked_out)]
    }

    /// What the explorer kept of a process that is gone.
    fn forget(&mut self, server: ServerId) {
        let side = self.side(server);
        side.board.clear();
        side.disk_busy = false;
        side.failing = None;
        // Its timers are gone with it; what others sent to it arrives at a closed end.
        let mut held = std::mem::take(&mut side.held);
        held.retain(|due| !matches!(due, Due::Timer { .. }));
        self.release(held);
    }

    /// The server stopped itself: what it had not synced is at the disk's mercy; somebody starts it
    /// again.
    pub(super) fn stopped(&mut self, server: ServerId) {
        let survivors = self.draw_survivors(server);
        self.note_written(server);
        self.tell(|_| Some(Step::Crash { server, survivors }));
        self.world.begin();
        if self.world.crash(server, survivors).is_ok() {
            self.mark_interrupted(server);
            self.forget(server);
            self.after();
        }
        let after = 50_000 + u64::from(self.network.below(1_000_000));
        self.plan_restart(server, after);
    }

    fn plan_restart(&mut self, server: ServerId, for_us: u64) {
        let incarnation = self.world.machine(server).incarnation;
        self.agenda.push(self.now + for_us.max(1000), Due::Restart { server: server.0, incarnation });
    }

    pub(super) fn restart_due(&mut self, server: ServerId, incarnation: u32) {
        let machine = self.world.machine(server);
        if machine.up() || machine.incarnation != incarnation || !self.may_start(server) {
            return;
        }
        if self.side(server).falters > 0 {
            return self.falter(server);
        }
        self.hash.event(self.now, 22, u16::from(server.0), 0, &0u8);
        self.set_clock(server);
        self.tell(|_| Some(Step::Restart { server }));
        self.world.begin();
        if self.world.restart(server).is_ok() {
            self.after();
        }
    }

    /// The server starts, and power fails again in the middle of its recovery.
    fn falter(&mut self, server: ServerId) {
        let side = self.side(server);
        side.falters -= 1;
        let survivors = Survivors::Drawn(side.disk.word());
        self.hash.event(self.now, 24, u16::from(server.0), 0, &0u8);
        self.tell(|_| Some(Step::Falter { server, survivors }));
        self.world.begin();
        if self.world.falter(server, survivors).is_ok() {
            self.mark_interrupted(server);
            self.after();
        }
        let after = u64::from(self.network.below(200_000));
        self.plan_restart(server, after);
    }

    /// A piece of a checkpoint was written: a crash that waited for one strikes here, or at a later one.
    pub(super) fn stalk(&mut self, server: ServerId) {
        let Some(index) = self.side(server).stalked else { return };
        if self.phase == Phase::Safety
            && self.side(server).disk.chance(300_000)
            && let Fault::CrashCheckpoint { for_us, .. } = self.plan.faults[index as usize].fault
        {
            self.crash_for(server, for_us);
        }
    }

    /// A write became pending: a crash that waited for one strikes within the sync.
    pub(super) fn doom(&mut self, server: ServerId) {
        if let Some(index) = self.side(server).doomed {
            let soon = u64::from(self.network.below(self.plan.sync_min_us + self.plan.sync_tail_us));
            self.agenda.push(self.now + soon, Due::Patience { server: server.0, index });
        }
    }

    pub(super) fn patience_due(&mut self, server: ServerId, index: u32) {
        if self.side(server).stalked == Some(index) {
            self.side(server).stalked = None;
        }
        if self.side(server).doomed != Some(index) {
            return;
        }
        self.side(server).doomed = None;
        if self.phase == Phase::Safety
            && let Fault::Crash { for_us, .. } = self.plan.faults[index as usize].fault
        {
            self.crash_for(server, for_us);
        }
    }

    pub(super) fn cut(&mut self, from: ServerId, to: ServerId, cut: bool) {
        let path = self.path(from, to);
        let before = path.cuts;
        path.cuts = if cut { before + 1 } else { before.saturating_sub(1) };
        let after = path.cuts;
        if (before == 0) == (after == 0) {
            return;
        }
        self.tell(|_| Some(if cut { Step::Cut { from, to } } else { Step::Heal { from, to } }));
        self.world.begin();
        let done = self.world.cut(from, to, cut);
        assert!(done.is_ok(), "the count and the set agree");
        if !cut {
            let (free, held) = self.held.drain(..).partition(|(f, t, _)| (*f, *t) == (from.0, to.0));
            self.held = held;
            let free: Vec<(u8, u8, Due)> = free;
            self.release(free.into_iter().map(|(_, _, due)| due).collect());
        }
    }

    fn release(&mut self, held: Vec<Due>) {
        let at = self.now + u64::from(self.plan.latency_min_us);
        for due in held {
            if let Due::Timer { server, slot, .. } = due {
                self.side(ServerId(server)).board.put_off(slot, at);
            }
            self.agenda.push(at, due);
        }
    }

    /// A server hears nobody and nobody hears it.
    fn cut_off(&mut self, server: ServerId, cut: bool) {
        for other in self.world.servers() {
            if other != server {
                self.cut(server, other, cut);
                self.cut(other, server, cut);
            }
        }
    }

    pub(super) fn pause(&mut self, server: ServerId, paused: bool) {
        self.world.begin();
        if self.world.pause(server, paused).is_err() {
            return;
        }
        self.tell(|_| Some(if paused { Step::Pause { server } } else { Step::Resume { server } }));
        self.hash.event(self.now, 23, u16::from(server.0), u16::from(paused), &0u8);
        if !paused {
            let held = std::mem::take(&mut self.side(server).held);
            self.release(held);
        }
    }

    /// Pauses are few: each end resumes everybody.
    pub(super) fn resume_all(&mut self) {
        for server in self.world.servers() {
            if self.world.machine(server).paused {
                self.pause(server, false);
            }
        }
    }

    /// A synchronization has begun on this connection: an interruption that waited for one strikes, now
    /// or once a few more of its packets have arrived.
    pub(super) fn interrupt(&mut self, cable: u32, image: bool) {
        if self.ambush.is_some_and(|wanted| image || !wanted) {
            self.ambush = None;
            let keep = if self.network.chance(500_000) { [0, 0] } else { self.draw_keep(cable) };
            self.break_cable(cable, keep);
        }
    }

    fn reset(&mut self, a: ServerId, b: ServerId) {
        for cable in self.world.ages.clone() {
            let ends = self.world.cables.get(cable).map(|held| held.ends);
            if ends == Some([a, b]) || ends == Some([b, a]) {
                let keep = self.draw_keep(cable);
                self.break_cable(cable, keep);
            }
        }
    }

    pub(super) fn part(&mut self, a: ServerId, b: ServerId) {
        self.world.begin();
        if self.world.part(a, b).is_ok() {
            self.tell(|_| Some(Step::Part { a, b }));
            self.after();
        }
    }

    fn depose(&mut self) {
        let Some(leader) = self.leader() else { return };
        for other in self.world.servers() {
            if other != leader {
                self.reset(leader, other);
            }
        }
    }

    pub(super) fn reset_client(&mut self, client: u16) {
        for line in self.world.line_ages.clone() {
            let Some(held) = self.world.lines.get(line).filter(|held| held.client == client) else { continue };
            let counts = Side::BOTH.map(|side| held.link.inbound(side).len() as u32);
            let keep = counts.map(|count| self.network.below(count + 1) as u16);
            self.tell(|world| {
                let (client, nth) = world.name_line(line)?;
                Some(Step::Client { client, what: ClientStep::Break { nth, keep } })
            });
            self.world.begin();
            if self.world.sever_line(line, keep).is_ok() {
                self.after();
            }
        }
    }

    /// The servers that were destroyed and have not been synced since: their disks hold no epoch, so
    /// they abstain (docs/decisions/0005-lost-disk.md).
    pub(super) fn lost(&self) -> ServerSet {
        let empty = |server: &ServerId| self.world.machine(*server).durable().current == Epoch::ZERO;
        self.destroyed.iter().filter(empty).collect()
    }

    /// Within the budget of the contract (section 7, clause 2), the disk is lost: the voters that are
    /// whole stay a quorum of every configuration that counts for anyone. Of n equal voters at most ⌊(n−1)/2⌋ are then destroyed; weights and groups
    /// allow fewer.
    fn wipe(&mut self, server: ServerId, for_us: u64) {
        let mut gone = self.lost();
        gone.insert(server);
        let count = self.world.servers().flat_map(|server| self.goes_by(server));
        let stays = |quorum: &Quorum| quorum.contains(quorum.voters().difference(gone));
        if count.into_iter().any(|quorum| quorum.voters().contains(server) && !stays(quorum)) {
            return;
        }
        self.crash_for(server, for_us);
        self.destroyed.insert(server);
        self.tell(|_| Some(Step::Wipe { server }));
        self.world.begin();
        if self.world.wipe(server).is_ok() {
            self.after();
        }
    }

    fn roll(&mut self, index: u32, for_us: u64) {
        let began = self.plan.faults[index as usize].at_us;
        let turn = (self.now - began) / (2 * for_us).max(1);
        if turn < self.servers.len() as u64 && self.phase == Phase::Safety {
            self.crash_for(ServerId(turn as u8 + 1), for_us);
            self.agenda.push(began + (turn + 1) * (2 * for_us).max(1), Due::FaultEnds { index });
        }
    }

    fn crash_again(&mut self, index: u32, server: ServerId, times: u8, for_us: u64) {
        let began = self.plan.faults[index as usize].at_us;
        let turn = (self.now - began) / (2 * for_us).max(1);
        if turn < u64::from(times) && self.phase == Phase::Safety {
            self.crash_for(server, for_us);
            self.agenda.push(began + (turn + 1) * (2 * for_us).max(1), Due::FaultEnds { index });
        }
    }
}
