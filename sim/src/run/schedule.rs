//! When what a step caused comes about: latency, clock rates, disk times.

use super::agenda::Due;
use super::explorer::{Explorer, Meta};
use super::report::Outcome;
use crate::link::Side;
use crate::oracle::Violation;
use crate::random::Draws;
use crate::step::Job;
use crate::world::Effect;
use zabra_core::contract::Timer;
use zabra_core::id::{ServerId, ServerSet};

impl Explorer<'_> {
    /// Puts what the last step caused on the agenda.
    pub(super) fn schedule(&mut self) {
        let mut effects = std::mem::take(&mut self.world.effects);
        for effect in effects.drain(..) {
            self.schedule_one(effect);
        }
        // What scheduling itself caused (a crash after a stop) was scheduled on its own.
        assert!(self.world.effects.is_empty(), "effects of nested steps are handled there");
        self.world.effects = effects;
    }

    fn schedule_one(&mut self, effect: Effect) {
        match effect {
            Effect::Sent { cable, to } => self.sent(cable, to),
            Effect::CableGone { cable } => {
                if let Some(meta) = self.cables.get_mut(cable as usize) {
                    *meta = Meta { generation: meta.generation + 1, ..Meta::default() };
                }
            }
            Effect::Noted { from, to } => {
                let at = self.arrival(from, to);
                self.agenda.push(at, Due::Note { from: from.0, to: to.0 });
            }
            Effect::Apart { a, b } => {
                let latency = self.latency(a, b) + self.latency(b, a);
                self.plan_meeting(a, b, latency);
            }
            Effect::Armed { server, timer, after_ms } => self.armed(server, timer, after_ms),
            Effect::Disarmed { server, timer } => self.side(server).board.disarm(timer),
            Effect::Touched { server, timer } => {
                let now = self.now;
                self.side(server).board.touch(timer, now);
            }
            Effect::Synced { server } => {
                self.plan_sync(server);
                self.doom(server);
            }
            Effect::Checkpointing { server } => self.plan_job(server, Job::Checkpoint, 20),
            Effect::LogAsked { server } => self.plan_job(server, Job::ReadLog, 1),
            Effect::Streamed { line, to } => self.streamed(line, to),
            Effect::LineGone { line } => {
                if let Some(meta) = self.lines.get_mut(line as usize) {
                    *meta = Meta { generation: meta.generation + 1, ..Meta::default() };
                }
            }
            Effect::Throttled { line, off } => meta(&mut self.lines, line).throttled = off,
            Effect::ClientArmed { client, timer, after_ms } => {
                let at = self.now + u64::from(after_ms) * 1000;
                self.client_timers[usize::from(client)][timer as usize] = at;
                self.agenda.push(at, Due::ClientTimer { client, timer });
            }
            Effect::ClientDisarmed { client, timer } => {
                self.client_timers[usize::from(client)][timer as usize] = u64::MAX;
            }
            Effect::Stopped { server, .. } => self.stopped(server),
            Effect::Unbootable { server } => {
                let violation = self.unbootable(server);
                self.ending.get_or_insert(Outcome::Safety(Box::new(violation)));
            }
        }
    }

    fn unbootable(&self, server: ServerId) -> Violation {
        Violation {
            oracle: "recovery",
            sentence: format!("server {server} does not start from a disk that a legal crash left"),
            facts: [self.world.refusal.clone(), "no destroying fault had struck it".to_owned()],
            servers: ServerSet::from_iter([server]),
            zxid: None,
            session: None,
            path: None,
        }
    }

    /// One path's latency now.
    pub(super) fn latency(&mut self, from: ServerId, to: ServerId) -> u64 {
        let drawn = self.plan.latency_min_us + self.network.tail(self.plan.latency_tail_us);
        u64::from(drawn) * u64::from(self.path(from, to).factor)
    }

    /// Election messages of one path arrive in order.
    fn arrival(&mut self, from: ServerId, to: ServerId) -> u64 {
        let at = self.now + self.latency(from, to);
        let path = self.path(from, to);
        path.last = path.last.max(at);
        path.last
    }

    fn sent(&mut self, cable: u32, to: Side) {
        let Some(held) = self.world.cables.get(cable) else { return };
        let (from, at) = (held.ends[to.other() as usize], held.ends[to as usize]);
        let time = self.now + self.latency(from, at);
        let meta = meta(&mut self.cables, cable);
        meta.last[to as usize] = meta.last[to as usize].max(time);
        let due = Due::Cable { to, cable: cable as u16, generation: meta.generation };
        self.agenda.push(meta.last[to as usize], due);
    }

    fn streamed(&mut self, line: u32, to: Side) {
        let latency = self.plan.client_latency_us + self.network.tail(self.plan.client_latency_us);
        let time = self.now + u64::from(latency);
        let meta = meta(&mut self.lines, line);
        meta.last[to as usize] = meta.last[to as usize].max(time);
        let due = Due::Line { to, line: line as u16, generation: meta.generation };
        self.agenda.push(meta.last[to as usize], due);
    }

    pub(super) fn meeting_index(&self, a: ServerId, b: ServerId) -> usize {
        (usize::from(a.min(b).0) - 1) * self.servers.len() + usize::from(a.max(b).0) - 1
    }

    /// The pair tries to connect; one attempt at a time.
    pub(super) fn plan_meeting(&mut self, a: ServerId, b: ServerId, after_us: u64) {
        let at = self.meeting_index(a, b);
        if !std::mem::replace(&mut self.meeting[at], true) {
            self.agenda.push(self.now + after_us, Due::Meet { a: a.min(b).0, b: a.max(b).0 });
        }
    }

    fn armed(&mut self, server: ServerId, timer: Timer, after_ms: u32) {
        let now = self.now;
        let incarnation = self.world.machine(server).incarnation;
        let side = self.side(server);
        // A fast clock makes its timers short; a scheduler makes them late by up to a millisecond.
        let nominal = u64::from(after_ms) * 1000;
        let skew = nominal as i64 * i64::from(side.drift_ppm) / 1_000_000;
        let duration = nominal.saturating_add_signed(-skew) + u64::from(side.timers.below(1000));
        if let Some((slot, at)) = side.board.arm(timer, now, duration) {
            self.agenda.push(at, Due::Timer { server: server.0, slot, incarnation });
        }
    }

    /// One sync is in flight; the next begins when it is done.
    pub(super) fn plan_sync(&mut self, server: ServerId) {
        if std::mem::replace(&mut self.side(server).disk_busy, true) {
            return;
        }
        self.plan_job(server, Job::Sync, 1);
    }

    pub(super) fn plan_job(&mut self, server: ServerId, job: Job, factor: u64) {
        let (min, tail) = (self.plan.sync_min_us, self.plan.sync_tail_us);
        let time = |draws: &mut Draws| u64::from(min) + u64::from(draws.tail(tail));
        let at = self.now + time(&mut self.side(server).disk) * factor;
        let incarnation = self.world.machine(server).incarnation;
        self.agenda.push(at, Due::Disk { server: server.0, job, incarnation });
    }
}

pub(super) fn meta(metas: &mut Vec<Meta>, slot: u32) -> &mut Meta {
    let slot = slot as usize;
    if metas.len() <= slot {
        metas.resize(slot + 1, Meta::default());
    }
    &mut metas[slot]
}
