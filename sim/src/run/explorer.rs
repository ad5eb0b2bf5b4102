//! The loop: the next due thing, performed, observed, hashed.

use super::Spectator;
use super::agenda::{Agenda, Due};
use super::board::{Board, Look};
use super::judge::Judge;
use super::load::Load;
use super::observe::synchronization;
use super::phases::Phase;
use super::report::{Finding, Outcome, RunReport, counts};
use crate::client::ClientStep;
use crate::disk::{Disk as _, StoredDisk};
use crate::link::Side;
use crate::machine::Storage;
use crate::marks::{Mark, Marks};

use crate::plan::Plan;
use crate::random::{Draws, Purpose};
use crate::scenario::Scenario;
use crate::step::{Job, Step};
use crate::time::Micros;
use crate::trace::TraceHash;
use crate::trace::print::Printer;
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet};
use zabra_core::contract::Timer;
use zabra_core::id::{ServerId, ServerSet, Stamp, Zxid};
use zabra_core::quorum::Quorum;

/// What the explorer keeps of a connection beside its link.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meta {
    /// Counts the connections that had this slot.
    pub generation: u32,
    /// When the last item sent to each side arrives: what follows arrives later.
    pub last: [u64; 2],
    pub gives_up: bool,
    pub throttled: bool,
}

/// What the explorer keeps of a server beside its machine.
#[derive(Clone, Debug)]
pub(super) struct Keeper {
    pub board: Board,
    pub timers: Draws,
    pub disk: Draws,
    /// Parts per million that its clock is fast.
    pub drift_ppm: i32,
    /// How far its wall clock was moved.
    pub jumped_ms: i64,
    pub disk_busy: bool,
    pub stalled_until: u64,
    /// The next completion fails.
    pub failing: Option<zabra_core::contract::StorageError>,
    /// A crash that waits for a pending write: the fault's index.
    pub doomed: Option<u32>,
    /// A crash that waits for a checkpoint: the fault's index.
    pub stalked: Option<u32>,
    /// So many of its next starts die in their recovery.
    pub falters: u8,
    /// What could not reach it while it was paused.
    pub held: Vec<Due>,
    /// Where its history ended when it crashed, durable or not.
    pub written: Zxid,
    /// The configurations that it went by last; the first one if it has said nothing.
    pub goes_by: Option<(Quorum, Option<Quorum>)>,
}

/// One seed's world on virtual time.
pub struct Explorer<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) plan: Plan,
    pub world: World,
    pub(super) now: u64,
    pub(super) agenda: Agenda,
    pub(super) network: Draws,
    pub(super) servers: Vec<Keeper>,
    pub(super) cables: Vec<Meta>,
    pub(super) lines: Vec<Meta>,
    /// How many faults cut each directed path, and by how much it is slowed.
    pub(super) paths: Vec<Path>,
    /// Pairs whose election connection is being made.
    pub(super) meeting: Vec<bool>,
    /// What could not cross a cut path.
    pub(super) held: Vec<(u8, u8, Due)>,
    pub(super) client_timers: Vec<[u64; 4]>,
    pub(super) load: Load,
    pub(super) phase: Phase,
    pub(super) judge: Judge,
    pub(super) marks: Marks,
    pub(super) hash: TraceHash,
    pub(super) steps: u64,
    pub(super) messages: u64,
    pub(super) struck: BTreeMap<String, u64>,
    pub(super) destroyed: ServerSet,
    /// An interruption waits for a synchronization: of an image, or of any kind.
    pub(super) ambush: Option<bool>,
    /// Silent crashes and flaps that last.
    pub(super) silenced: BTreeMap<u32, ServerId>,
    pub(super) flapping: BTreeSet<u32>,
    pub(super) spectator: Option<&'a mut dyn Spectator>,
    pub(super) ending: Option<Outcome>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    pub cuts: u16,
    pub factor: u32,
    pub last: u64,
}

impl<'a> Explorer<'a> {
    pub fn new(scenario: &'a Scenario, plan: Plan, spectator: Option<&'a mut dyn Spectator>) -> Explorer<'a> {
        let configs = scenario.configs().expect("the scenario was checked");
        let without = scenario.without().expect("the scenario was checked");
        let seed = plan.seed;
        let (model, window) = (scenario.disk.model, scenario.ensemble.window_bytes);
        let mut world = World::new(configs, without, || Storage::new(model, window));
        world.encode = plan.encode;
        world.machines.iter_mut().for_each(|machine| machine.page_bytes = plan.page_bytes as usize);
        let count = world.machines.len();
        let servers = world.servers().map(|server| Keeper {
            board: Board::default(),
            timers: Draws::new(seed, Purpose::Timers(server)),
            disk: Draws::new(seed, Purpose::Disk(server)),
            drift_ppm: plan.drift_ppm.get(usize::from(server.0) - 1).copied().unwrap_or(0),
            jumped_ms: 0,
            disk_busy: false,
            stalled_until: 0,
            failing: None,
            doomed: None,
            stalked: None,
            falters: 0,
            held: Vec::new(),
            written: Zxid::ZERO,
            goes_by: None,
        });
        let servers = servers.collect();
        let judge = Judge::new(&world, &scenario.oracles).with_clock(&plan.drift_ppm);
        let load = Load::new(scenario, seed, &mut world);
        Explorer {
            scenario,
            world,
            now: 0,
            agenda: Agenda::default(),
            network: Draws::new(seed, Purpose::Network),
            servers,
            cables: Vec::new(),
            lines: Vec::new(),
            paths: vec![Path { cuts: 0, factor: 1, last: 0 }; count * count],
            meeting: vec![false; count * count],
            held: Vec::new(),
            client_timers: Vec::new(),
            load,
            phase: Phase::Safety,
            judge,
            marks: Marks::default(),
            hash: TraceHash::default(),
            steps: 0,
            messages: 0,
            struck: BTreeMap::new(),
            destroyed: ServerSet::EMPTY,
            ambush: None,
            silenced: BTreeMap::new(),
            flapping: BTreeSet::new(),
            spectator,
            ending: None,
            plan,
        }
    }

    /// Runs to the end.
    pub fn run(&mut self) -> Outcome {
        self.begin();
        while self.ending.is_none() {
            let Some((time, due)) = self.agenda.pop() else {
                return Outcome::Liveness("nothing is due any more".to_owned());
            };
            assert!(time >= self.now, "time goes forward");
            self.now = time;
            self.perform(due);
        }
        self.ending.take().expect("the loop ends with an outcome")
    }

    pub fn report(&self, outcome: Outcome) -> RunReport {
        let finding = Finding::of(&outcome, self.now);
        let mut marks = self.marks.clone();
        if self.plan.encode {
            marks.hit(Mark::Encoded);
        }
        RunReport {
            scenario: self.scenario.name.clone(),
            seed: self.plan.seed,
            verdict: outcome.word().to_owned(),
            exit_code: outcome.exit_code(),
            finding,
            trace_hash: self.hash.value(),
            steps: self.steps,
            messages: self.messages,
            simulated_us: self.now,
            writes: self.load.writes,
            reads: self.load.reads,
            unknown: self.load.unknown,
            faults: self.struck.clone(),
            marks: counts(&marks),
            plan: self.plan.clone(),
        }
    }

    pub fn now(&self) -> Micros {
        Micros(self.now)
    }

    /// All servers start, each at its own moment; the plan's faults are put on the agenda.
    fn begin(&mut self) {
        for server in self.world.servers() {
            let at = u64::from(self.network.below(20_000));
            self.agenda.push(at, Due::Restart { server: server.0, incarnation: 0 });
        }
        for index in 0..self.plan.faults.len() {
            let at = self.plan.faults[index].at_us;
            self.agenda.push(at, Due::FaultBegins { index: index as u32 });
        }
        self.agenda.push(self.plan.safety_us, Due::Check);
        self.client_timers = vec![[u64::MAX; 4]; self.world.clients.len()];
        for (client, at) in self.load.first_turns() {
            self.agenda.push(at, Due::ClientTurn { client });
        }
    }

    fn perform(&mut self, due: Due) {
        match due {
            Due::Cable { to, cable, generation } => self.cable_due(to, cable, generation, due),
            Due::GiveUp { cable, generation } => self.give_up_due(cable, generation),
            Due::Note { from, to } => self.note_due(ServerId(from), ServerId(to), due),
            Due::Meet { a, b } => self.meet_due(ServerId(a), ServerId(b)),
            Due::Timer { server, slot, incarnation } => self.timer_due(ServerId(server), slot, incarnation),
            Due::Disk { server, job, incarnation } => self.disk_due(ServerId(server), job, incarnation, due),
            Due::Line { to, line, generation } => self.line_due(to, line, generation, due),
            Due::ClientTimer { client, timer } => self.client_timer_due(client, timer),
            Due::ClientTurn { client } => self.client_turn(client),
            Due::Restart { server, incarnation } => self.restart_due(ServerId(server), incarnation),
            Due::FaultBegins { index } => self.fault_begins(index),
            Due::FaultEnds { index } => self.fault_ends(index),
            Due::Patience { server, index } => self.patience_due(ServerId(server), index),
            Due::Check => self.check(),
        }
    }

    pub(super) fn side(&mut self, server: ServerId) -> &mut Keeper {
        &mut self.servers[usize::from(server.0) - 1]
    }

    pub(super) fn path(&mut self, from: ServerId, to: ServerId) -> &mut Path {
        let count = self.servers.len();
        &mut self.paths[(usize::from(from.0) - 1) * count + usize::from(to.0) - 1]
    }

    /// Sets the server's wall clock to what it shows now.
    pub(super) fn set_clock(&mut self, server: ServerId) {
        let side = &self.servers[usize::from(server.0) - 1];
        let drift = self.now as i64 / 1000 * i64::from(side.drift_ppm) / 1_000_000;
        let at = Stamp(1_700_000_000_000 + self.now as i64 / 1000 + drift + side.jumped_ms);
        self.world.machine_mut(server).at = at;
    }

    /// Whether a step is to be told, and told to whom.
    pub(super) fn tell(&mut self, step: impl FnOnce(&World) -> Option<Step>) {
        if let Some(spectator) = &mut self.spectator
            && let Some(step) = step(&self.world)
        {
            spectator.step(Micros(self.now), &self.world, &step);
        }
    }

    fn cable_due(&mut self, to: Side, cable: u16, generation: u32, due: Due) {
        if self.cables.get(usize::from(cable)).is_none_or(|meta| meta.generation != generation) {
            return;
        }
        let slot = u32::from(cable);
        let Some(held) = self.world.cables.get(slot) else { return };
        let (from, at) = (held.ends[to.other() as usize], held.ends[to as usize]);
        let Some(item) = held.link.inbound(to).front() else { return };
        if !self.world.deliverable(slot, to) {
            return self.hold(from, at, due);
        }
        self.hash.event(self.now, 1, u16::from(from.0), u16::from(at.0), item);
        self.judge.hears(Micros(self.now), at, item);
        let begins = self.ambush.and_then(|_| synchronization(item));
        self.tell(|world| world.name_cable(slot, to).map(|(from, to, nth)| Step::Deliver { from, to, nth }));
        self.messages += 1;
        self.set_clock(at);
        self.world.begin();
        if self.world.deliver(slot, to).is_ok() {
            self.after();
        }
        if let (Some(image), Phase::Safety) = (begins, self.phase) {
            self.interrupt(slot, image);
        }
    }

    /// What cannot arrive waits for the receiver to resume, or for the path to heal.
    fn hold(&mut self, from: ServerId, at: ServerId, due: Due) {
        if self.world.machine(at).paused {
            self.side(at).held.push(due);
            return;
        }
        self.held.push((from.0, at.0, due));
        if let Due::Cable { cable, generation, .. } = due {
            let meta = &mut self.cables[usize::from(cable)];
            if !meta.gives_up {
                meta.gives_up = true;
                let patience = u64::from(self.scenario.network.give_up_ms) * 1000;
                self.agenda.push(self.now + patience, Due::GiveUp { cable, generation });
            }
        }
    }

    /// Nothing was acknowledged for too long: both ends give the connection up, each by itself.
    fn give_up_due(&mut self, cable: u16, generation: u32) {
        let Some(meta) = self.cables.get_mut(usize::from(cable)) else { return };
        if meta.generation != generation {
            return;
        }
        meta.gives_up = false;
        let slot = u32::from(cable);
        let Some(held) = self.world.cables.get(slot) else { return };
        let [a, b] = held.ends;
        let waits = !held.link.inbound(Side::Dialer).is_empty() || !held.link.inbound(Side::Listener).is_empty();
        if waits && (self.world.is_cut(a, b) || self.world.is_cut(b, a)) {
            self.break_cable(slot, [0, 0]);
        }
    }

    pub(super) fn break_cable(&mut self, cable: u32, keep: [u16; 2]) {
        self.tell(|world| {
            let (a, b, nth) = world.name_cable(cable, Side::Listener)?;
            Some(Step::Break { a, b, nth, keep })
        });
        self.hash.event(self.now, 2, cable as u16, 0, &keep);
        self.world.begin();
        if self.world.sever(cable, keep).is_ok() {
            self.after();
        }
    }

    fn note_due(&mut self, from: ServerId, to: ServerId, due: Due) {
        let Some(notification) = self.world.pair(from, to).and_then(|pair| pair.flying(from)) else { return };
        if !self.world.notifiable(from, to) {
            if self.world.machine(to).up() {
                self.hold(from, to, due);
            }
            return;
        }
        self.hash.event(self.now, 3, u16::from(from.0), u16::from(to.0), notification);
        self.tell(|_| Some(Step::Notify { from, to }));
        self.messages += 1;
        self.set_clock(to);
        self.world.begin();
        if self.world.notify(from, to).is_ok() {
            self.after();
        }
    }

    fn meet_due(&mut self, a: ServerId, b: ServerId) {
        let at = self.meeting_index(a, b);
        self.meeting[at] = false;
        if !self.world.can_meet(a, b) {
            // Down or cut: dialled again, as long as one of them lives.
            if self.world.pair(a, b).is_some_and(|pair| !pair.up)
                && (self.world.machine(a).up() || self.world.machine(b).up())
            {
                self.plan_meeting(a, b, u64::from(self.scenario.ensemble.tick_ms) * 250);
            }
            if self.world.would_refuse(a, b).is_none() {
                return;
            }
        }
        self.hash.event(self.now, 4, u16::from(a.0), u16::from(b.0), &0u8);
        self.tell(|_| Some(Step::Meet { a, b }));
        self.world.begin();
        if self.world.meet(a, b).is_ok() {
            self.after();
        }
    }

    fn timer_due(&mut self, server: ServerId, slot: u16, incarnation: u32) {
        if self.world.machine(server).incarnation != incarnation || !self.world.machine(server).up() {
            return;
        }
        let now = self.now;
        match self.side(server).board.look(slot, now) {
            Look::Nothing => {}
            Look::Later(at) => self.agenda.push(at, Due::Timer { server: server.0, slot, incarnation }),
            Look::Fire(_) if self.world.machine(server).paused => {
                // The process is stopped: its timer fires when it goes on.
                self.side(server).held.push(Due::Timer { server: server.0, slot, incarnation });
            }
            Look::Fire(timer) => self.fire(server, timer),
        }
    }

    fn fire(&mut self, server: ServerId, timer: Timer) {
        self.hash.event(self.now, 5, u16::from(server.0), 0, &timer);
        self.tell(|_| Some(Step::Fire { server, timer }));
        self.set_clock(server);
        self.world.begin();
        if self.world.fire(server, timer).is_ok() {
            self.after();
        }
    }

    fn disk_due(&mut self, server: ServerId, job: Job, incarnation: u32, due: Due) {
        if self.world.machine(server).incarnation != incarnation || !self.world.machine(server).up() {
            return;
        }
        let now = self.now;
        if self.world.machine(server).paused {
            self.side(server).held.push(due);
            return;
        }
        if self.side(server).stalled_until > now {
            let at = self.side(server).stalled_until;
            self.agenda.push(at, due);
            return;
        }
        if job == Job::Sync {
            self.side(server).disk_busy = false;
        }
        self.set_clock(server);
        if job == Job::Checkpoint && self.side(server).failing.is_none() && self.advance(server) {
            return;
        }
        self.hash.event(now, 6, u16::from(server.0), job as u16, &0u8);
        self.world.begin();
        let done = match self.side(server).failing.take() {
            Some(error) => {
                self.marks.hit(Mark::DiskFailed);
                self.tell(|_| Some(Step::Fail { server, error }));
                self.world.fail(server, error)
            }
            None => {
                self.tell(|_| Some(Step::Complete { server, job }));
                self.world.complete(server, job)
            }
        };
        if done.is_ok() {
            if job == Job::Checkpoint {
                self.marks.hit(Mark::Checkpoint);
                if self.world.machine(server).storage.stored().is_some_and(StoredDisk::purged) {
                    self.marks.hit(Mark::Purged);
                }
            }
            self.after();
        }
        if self.world.machine(server).up() && self.world.machine(server).storage.completable() {
            self.plan_sync(server);
        }
    }

    /// The next piece of a checkpoint is written, if one is left; whether one was.
    fn advance(&mut self, server: ServerId) -> bool {
        self.world.begin();
        if self.world.advance(server).is_err() {
            return false;
        }
        self.hash.event(self.now, 25, u16::from(server.0), 0, &0u8);
        self.tell(|_| Some(Step::Advance { server }));
        self.after();
        self.plan_job(server, Job::Checkpoint, 2);
        self.stalk(server);
        true
    }

    fn line_due(&mut self, to: Side, line: u16, generation: u32, due: Due) {
        let Some(meta) = self.lines.get(usize::from(line)) else { return };
        if meta.generation != generation {
            return;
        }
        let slot = u32::from(line);
        let Some(held) = self.world.lines.get(slot) else { return };
        let (client, server) = (held.client, held.server);
        let Some(item) = held.link.inbound(to).front() else { return };
        if to == Side::Listener && self.world.machine(server).paused {
            self.side(server).held.push(due);
            return;
        }
        if to == Side::Listener && meta.throttled {
            self.agenda.push(self.now + 10_000, due);
            return;
        }
        let kind = 7 + to as u8;
        self.hash.event(self.now, kind, client, u16::from(server.0), item);
        let bytes = self.load.cut(item);
        self.tell(|world| {
            let (client, nth) = world.name_line(slot)?;
            let what = match to {
                Side::Listener => ClientStep::Up { nth, bytes },
                Side::Dialer => ClientStep::Down { nth, bytes },
            };
            Some(Step::Client { client, what })
        });
        self.messages += 1;
        self.set_clock(server);
        self.world.begin();
        let done = match to {
            Side::Listener => self.world.stream_up(slot, bytes),
            Side::Dialer => self.world.stream_down(slot, bytes),
        };
        if done.is_ok() {
            self.after();
        }
    }

    /// After each step: what it caused is scheduled, what it showed is judged.
    pub(super) fn after(&mut self) {
        self.steps += 1;
        if let Some(spectator) = &mut self.spectator {
            let lines = self.world.printer.as_mut().map(Printer::take).unwrap_or_default();
            spectator.took(Micros(self.now), &self.world, &lines);
        }
        self.observe();
        self.schedule();
        self.hear_clients();
        if let Some(violation) = self.judge.overflow() {
            self.ending.get_or_insert(Outcome::Unjudged(format!("{}, at {}", violation.sentence, self.now())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Recorder;

    /// The report of the first of some seeds that does not pass, after something was done to the world.
    fn failed(meddle: impl Fn(&mut Explorer<'_>)) -> Option<RunReport> {
        let scenario = Scenario::default();
        (0..5).find_map(|seed| {
            let mut explorer = Explorer::new(&scenario, Plan::draw(&scenario, seed), None);
            meddle(&mut explorer);
            let outcome = explorer.run();
            (outcome != Outcome::Pass).then(|| explorer.report(outcome))
        })
    }

    /// The planted fault: clocks that run four times as fast, and nobody says so.
    #[test]
    fn sessions_that_expire_early_in_a_run_are_caught() {
        let failed = failed(|explorer| explorer.servers.iter_mut().for_each(|server| server.drift_ppm = 750_000));
        let found = failed.and_then(|report| report.finding).expect("a session expires");
        assert_eq!(
            (found.oracle.as_str(), found.sentence.as_str()),
            ("early_expiry", "a session is expired before its timeout")
        );
    }

    #[test]
    fn a_run_with_more_events_than_are_kept_fails() {
        let report = failed(|explorer| explorer.judge.recorder = Recorder::new(20)).expect("it has more events");
        assert_eq!((report.verdict.as_str(), report.exit_code), ("inconclusive", 24));
        let sentence = report.finding.expect("it says why").sentence;
        assert!(
            sentence.starts_with("the history is too long to judge: it has more than 20 events, at "),
            "{sentence}"
        );
    }
}
