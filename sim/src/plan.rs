//! The plan of a run: everything that the seed decides in advance. Drawn first, then executed, so
//! that it can be printed, edited and shrunk.
//!
//! A swarm decides per seed which kinds of fault are on, how often each strikes and how long it
//! lasts: a run with every fault at once finds less than many runs with a few each.

use crate::fault::{Fault, Planned, Target};
use crate::random::{Draws, Purpose};
use crate::scenario::{Kind, Range, Scenario};
use serde::{Deserialize, Serialize};
use zabra_core::tree::DataTree;

/// What the seed decides before the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub seed: u64,
    /// The safety phase ends, in microseconds.
    pub safety_us: u64,
    /// Peers' packets are encoded and decoded on every hop.
    pub encode: bool,
    pub latency_min_us: u32,
    pub latency_tail_us: u32,
    pub client_latency_us: u32,
    pub sync_min_us: u32,
    pub sync_tail_us: u32,
    /// The clock of each server: parts per million fast or slow.
    pub drift_ppm: Vec<i32>,
    /// The size of the pages of every server's tree: small ones are split and joined in small worlds.
    /// No byte that is sent or written depends on it.
    #[serde(default = "page_bytes_of_a_server")]
    pub page_bytes: u32,
    /// The servers that progress is demanded of in the liveness phase.
    pub quorum: Vec<u8>,
    pub faults: Vec<Planned>,
}

impl Plan {
    pub fn draw(scenario: &Scenario, seed: u64) -> Plan {
        let mut draws = Draws::new(seed, Purpose::Plan);
        let servers = scenario.ensemble.servers();
        let network = &scenario.network;
        let mut range = |range: Range| draws.between(range[0], range[1]);
        let safety_us = u64::from(range(scenario.phases.safety_ms)) * 1000;
        let (latency_min_us, latency_tail_us) = (range(network.latency_min_us), range(network.latency_tail_us));
        let client_latency_us = range(network.client_latency_us);
        let (sync_min_us, sync_tail_us) = (range(scenario.disk.sync_min_us), range(scenario.disk.sync_tail_us));
        let encode = network.encode_every > 0 && draws.below(network.encode_every) == 0;
        let drift_ppm = (0..servers).map(|_| draws.between(0, 400) as i32 - 200).collect();
        let quorum = quorum(scenario, &mut draws);
        let mut drawer = Drawer { scenario, servers, until_us: safety_us, draws, faults: Vec::new() };
        drawer.swarm();
        // Drawn last: a run with other pages is the same run.
        let page_bytes = 256 << drawer.draws.below(5);
        let mut faults = drawer.faults;
        faults.sort_by_key(|planned| planned.at_us);
        Plan {
            seed,
            safety_us,
            encode,
            latency_min_us,
            latency_tail_us,
            client_latency_us,
            sync_min_us,
            sync_tail_us,
            drift_ppm,
            page_bytes,
            quorum,
            faults,
        }
    }
}

/// What plans have that were written before there was a draw.
fn page_bytes_of_a_server() -> u32 {
    DataTree::PAGE_BYTES as u32
}

/// A random quorum: servers in random order until they are one, observers with even chance.
fn quorum(scenario: &Scenario, draws: &mut Draws) -> Vec<u8> {
    let Ok(configs) = scenario.configs() else { return Vec::new() };
    let ensemble = &configs[0].ensemble;
    let mut voters: Vec<_> = ensemble.voters().iter().collect();
    draws.shuffle(&mut voters);
    let mut chosen = zabra_core::id::ServerSet::EMPTY;
    for voter in voters {
        if !ensemble.quorum.contains(chosen) || draws.chance(250_000) {
            chosen.insert(voter);
        }
    }
    for other in configs.iter().map(|config| config.me).filter(|me| !ensemble.voters().contains(*me)) {
        if draws.chance(500_000) {
            chosen.insert(other);
        }
    }
    chosen.iter().map(|server| server.0).collect()
}

struct Drawer<'a> {
    scenario: &'a Scenario,
    servers: u8,
    until_us: u64,
    draws: Draws,
    faults: Vec<Planned>,
}

impl Drawer<'_> {
    fn swarm(&mut self) {
        let kinds = self.scenario.faults.clone();
        self.kind(kinds.crash, Drawer::crash);
        self.kind(kinds.crash_all, |_, for_us| Fault::CrashAll { for_us });
        self.kind(kinds.rolling_restart, |_, for_us| Fault::RollingRestart { for_us });
        self.kind(kinds.crash_loop, |d, for_us| {
            let times = d.draws.between(2, 6) as u8;
            Fault::CrashLoop { server: d.server(), times, for_us }
        });
        self.kind(kinds.wipe, |d, for_us| Fault::Wipe { server: d.server(), for_us });
        self.kind(kinds.pause, |d, for_us| Fault::Pause { target: d.target(), for_us });
        self.network(&kinds);
        self.kind(kinds.reset, |d, _| {
            let (a, b) = d.pair();
            Fault::Reset { a, b }
        });
        self.kind(kinds.election_reset, |d, _| {
            let (a, b) = d.pair();
            Fault::ElectionReset { a, b }
        });
        self.kind(kinds.depose, |_, _| Fault::Depose);
        if self.scenario.clients.count > 0 {
            self.kind(kinds.client_reset, |d, _| {
                let client = d.draws.below(u32::from(d.scenario.clients.count)) as u16;
                Fault::ClientReset { client }
            });
        }
        self.kind(kinds.drift, |d, for_us| {
            let ppm = d.draws.between(0, 400_000) as i32 - 200_000;
            Fault::Drift { server: d.server(), ppm, for_us }
        });
        self.kind(kinds.jump, |d, _| {
            let ms = i64::from(d.draws.between(0, 20_000)) - 10_000;
            Fault::Jump { server: d.server(), ms }
        });
        self.kind(kinds.disk_stall, |d, for_us| Fault::DiskStall { server: d.server(), for_us });
        self.kind(kinds.disk_error, |d, for_us| Fault::DiskError { server: d.server(), full: false, for_us });
        self.kind(kinds.disk_full, |d, for_us| Fault::DiskError { server: d.server(), full: true, for_us });
        self.kind(kinds.crash_checkpoint, |d, for_us| {
            let patient_us = u64::from(d.draws.between(500_000, 4_000_000));
            Fault::CrashCheckpoint { target: d.target(), for_us, patient_us }
        });
        self.kind(kinds.false_start, |d, for_us| {
            let times = d.draws.between(1, 4) as u8;
            Fault::FalseStart { target: d.target(), times, for_us }
        });
        self.kind(kinds.interrupt, |d, _| Fault::Interrupt { image: d.draws.chance(500_000) });
    }

    fn network(&mut self, kinds: &crate::scenario::FaultSpec) {
        if self.servers < 2 {
            return;
        }
        self.kind(kinds.one_way, |d, for_us| {
            let paths = vec![d.pair()];
            Fault::Cut { paths, for_us }
        });
        self.kind(kinds.isolate, |d, for_us| {
            let lonely = d.server();
            let one_way = d.draws.chance(300_000);
            let inward = d.draws.chance(500_000);
            let others = (1..=d.servers).filter(|other| *other != lonely);
            let paths = others.flat_map(|other| [(lonely, other), (other, lonely)]);
            let paths = paths.filter(|path| !one_way || (path.1 == lonely) == inward).collect();
            Fault::Cut { paths, for_us }
        });
        self.kind(kinds.halves, |d, for_us| {
            let one_way = d.draws.chance(200_000);
            let side: Vec<bool> = (0..=d.servers).map(|_| d.draws.chance(500_000)).collect();
            let crosses = |a: u8, b: u8| side[usize::from(a)] && !side[usize::from(b)];
            let paths = d.paths().filter(|(a, b)| crosses(*a, *b) || (!one_way && crosses(*b, *a))).collect();
            Fault::Cut { paths, for_us }
        });
        // Two sides that see each other only through one server; with a ring, each sees two others.
        self.kind(kinds.bridge, |d, for_us| {
            let ring = d.draws.chance(400_000);
            let mut order: Vec<u8> = (1..=d.servers).collect();
            d.draws.shuffle(&mut order);
            let place = |server: u8| order.iter().position(|s| *s == server).unwrap_or(0);
            let count = order.len();
            let joined = |a: u8, b: u8| {
                let (a, b) = (place(a), place(b));
                let bridge = count / 2;
                let near = a.abs_diff(b);
                if ring {
                    near == 1 || near == count - 1
                } else {
                    a == bridge || b == bridge || (a < bridge) == (b < bridge)
                }
            };
            let paths = d.paths().filter(|(a, b)| !joined(*a, *b)).collect();
            Fault::Cut { paths, for_us }
        });
        self.kind(kinds.flap, |d, for_us| {
            let (a, b) = d.pair();
            Fault::Flap { a, b, every_us: u64::from(d.draws.between(5_000, 400_000)), for_us }
        });
        self.kind(kinds.slow, |d, for_us| {
            let one = d.draws.chance(500_000);
            let slow = d.server();
            let pair = d.pair();
            let paths = d.paths().filter(|p| if one { *p == pair } else { p.0 == slow || p.1 == slow }).collect();
            Fault::Slow { paths, factor: d.draws.between(5, 200), for_us }
        });
        self.swizzles(kinds.swizzle);
    }

    /// Each of some servers is clogged from its own moment in the first half to its own moment in
    /// the second half.
    fn swizzles(&mut self, kind: Kind) {
        for (at_us, for_us) in self.times(kind) {
            for server in 1..=self.servers {
                if !self.draws.chance(500_000) {
                    continue;
                }
                let half = (for_us / 2).max(1) as u32;
                let (start, end) = (u64::from(self.draws.below(half)), for_us / 2 + u64::from(self.draws.below(half)));
                let others = (1..=self.servers).filter(|other| *other != server);
                let paths = others.flat_map(|other| [(server, other), (other, server)]).collect();
                let fault = Fault::Cut { paths, for_us: end.saturating_sub(start).max(1) };
                self.faults.push(Planned { at_us: at_us + start, fault });
            }
        }
    }

    /// The moments and durations of one kind, if this seed has it.
    fn times(&mut self, kind: Kind) -> Vec<(u64, u64)> {
        let mut times = Vec::new();
        if !self.draws.chance(kind.on_ppm) {
            return times;
        }
        let mean_us = u64::from(self.draws.between(kind.every_ms[0], kind.every_ms[1]).max(1)) * 1000;
        let mut at_us = 0;
        loop {
            at_us += u64::from(self.draws.tail((mean_us.min(u64::from(u32::MAX / 8))) as u32)).max(1000);
            if at_us >= self.until_us {
                return times;
            }
            let lasts = self.draws.between(kind.lasts_ms[0], kind.lasts_ms[1]);
            times.push((at_us, u64::from(lasts) * 1000));
        }
    }

    fn kind(&mut self, kind: Kind, make: impl Fn(&mut Self, u64) -> Fault) {
        for (at_us, for_us) in self.times(kind) {
            let fault = make(self, for_us);
            self.faults.push(Planned { at_us, fault });
        }
    }

    /// Most crashes wait a little for a write to be pending: that is when they hurt.
    fn crash(&mut self, for_us: u64) -> Fault {
        let patient = self.draws.chance(800_000);
        let patient_us = if patient { u64::from(self.draws.between(50_000, 1_000_000)) } else { 0 };
        let silent = self.draws.chance(200_000);
        Fault::Crash { target: self.target(), for_us, patient_us, silent }
    }

    fn server(&mut self) -> u8 {
        1 + self.draws.below(u32::from(self.servers)) as u8
    }

    fn target(&mut self) -> Target {
        let server = self.server();
        if self.draws.chance(400_000) { Target::LeaderOr(server) } else { Target::Server(server) }
    }

    fn pair(&mut self) -> (u8, u8) {
        let a = self.server();
        let b = 1 + (a + self.draws.below(u32::from(self.servers).saturating_sub(1)) as u8) % self.servers;
        (a, b)
    }

    fn paths(&self) -> impl Iterator<Item = (u8, u8)> + use<> {
        let servers = self.servers;
        (1..=servers).flat_map(move |a| (1..=servers).filter(move |b| a != *b).map(move |b| (a, b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_a_function_of_scenario_and_seed() {
        let scenario = Scenario::default();
        assert_eq!(Plan::draw(&scenario, 5), Plan::draw(&scenario, 5));
        assert_ne!(Plan::draw(&scenario, 5), Plan::draw(&scenario, 6));
    }

    #[test]
    fn plans_are_ordered_end_with_the_safety_phase_and_survive_json() {
        for seed in 0..200 {
            let plan = Plan::draw(&Scenario::default(), seed);
            assert!(plan.faults.is_sorted_by_key(|planned| planned.at_us));
            let text = serde_json::to_string(&plan).unwrap();
            assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
            assert!(plan.quorum.len() >= 2, "a quorum of three has two");
            for planned in &plan.faults {
                if let Fault::Cut { paths, .. } = &planned.fault {
                    assert!(paths.iter().all(|(a, b)| a != b), "nobody is cut from itself");
                }
            }
        }
    }
}
