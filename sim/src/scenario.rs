//! What a run is made of: ensemble, network, disks, clients, faults, phases. Data, with defaults.
//!
//! A run is (scenario, seed, build). The lab reads scenarios from TOML; a key that is not listed
//! here is an error. Times carry their unit in their name; probabilities are parts per million.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use zabra_core::config::{Config, Ensemble, LocalSessions, Reconfig};
use zabra_core::id::{ServerId, ServerSet};
use zabra_core::quorum::Quorum;
use zabra_core::rule::Rule;

use crate::rules::{RuleSet, Without};

/// A closed range from which a value is drawn.
pub type Range = [u32; 2];

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    pub name: String,
    /// What it is for, in a sentence.
    pub about: String,
    pub ensemble: EnsembleSpec,
    pub network: NetworkSpec,
    pub disk: DiskSpec,
    pub clients: ClientSpec,
    pub faults: FaultSpec,
    pub phases: PhaseSpec,
    /// Marks that a hunt must reach (see [`crate::marks`]).
    pub demands: Vec<String>,
    /// Rules switched off.
    pub without: Vec<String>,
    /// Only these oracles are heeded, and no histories of clients; none named: all are.
    pub oracles: Vec<String>,
}

impl Default for Scenario {
    fn default() -> Self {
        Scenario {
            name: "default".to_owned(),
            about: String::new(),
            ensemble: EnsembleSpec::default(),
            network: NetworkSpec::default(),
            disk: DiskSpec::default(),
            clients: ClientSpec::default(),
            faults: FaultSpec::default(),
            phases: PhaseSpec::default(),
            demands: Vec::new(),
            without: Vec::new(),
            oracles: Vec::new(),
        }
    }
}

/// Servers count from 1: voters first, then observers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnsembleSpec {
    pub voters: u8,
    pub observers: u8,
    /// Groups of voters: a hierarchical quorum. Empty: a majority.
    pub groups: Vec<Vec<u8>>,
    /// Weights by server id (as text, for TOML); 1 where none is given.
    pub weights: BTreeMap<String, u32>,
    pub tick_ms: u32,
    pub init_limit: u32,
    pub sync_limit: u32,
    pub finalize_wait_ms: u32,
    pub notification_max_ms: u32,
    pub window_bytes: u64,
    pub checkpoint_records: u32,
    /// The counter of a zxid that ends an epoch: 0xffffffff, or a small one to be reached.
    pub counter_end: u32,
    /// How often a leader looks for empty containers and the like, and how long an unused one stays.
    pub container_check_ms: u32,
    pub container_unused_ms: u32,
    /// Whether servers without a quorum answer reads; raw clients then allow for it, half of the time.
    pub read_only: bool,
    /// Whether new sessions are of their server alone, and may become the ensemble's.
    pub local_sessions: LocalSessionsSpec,
    /// Requests that a server serves at once; the others wait in a line. 0: there is none.
    pub throttle_requests: u32,
    /// A request that has waited longer is answered so; 0: however long.
    pub throttled_op_wait_ms: u32,
    /// Whether one that has waited longer than its session's timeout goes, with its connection.
    pub drops_stale: bool,
    /// Whether the ensemble may be changed while it runs; lists of access rights are then not looked at.
    pub reconfig: bool,
    /// Servers beyond the first ensemble, whose numbers follow its own: they run and wait to be joined.
    pub spares: u8,
    /// Fewest voters that a change leaves.
    pub voters_min: u8,
}

/// What becomes of new sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LocalSessionsSpec {
    /// They are the ensemble's.
    #[default]
    Off,
    /// They are their server's.
    Kept,
    /// They are their server's until they ask for an ephemeral.
    Upgraded,
}

impl Default for EnsembleSpec {
    fn default() -> Self {
        EnsembleSpec {
            voters: 3,
            observers: 0,
            groups: Vec::new(),
            weights: BTreeMap::new(),
            tick_ms: 200,
            init_limit: 10,
            sync_limit: 5,
            finalize_wait_ms: 200,
            notification_max_ms: 2000,
            window_bytes: 16 << 20,
            checkpoint_records: 500,
            counter_end: u32::MAX,
            container_check_ms: 60_000,
            container_unused_ms: 300_000,
            read_only: false,
            local_sessions: LocalSessionsSpec::Off,
            throttle_requests: 0,
            throttled_op_wait_ms: 0,
            drops_stale: false,
            reconfig: false,
            spares: 0,
            voters_min: 2,
        }
    }
}

impl EnsembleSpec {
    /// All servers, spares included.
    pub fn servers(&self) -> u8 {
        self.voters.saturating_add(self.observers).saturating_add(self.spares)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSpec {
    /// The least latency of a path, in microseconds.
    pub latency_min_us: Range,
    /// The mean of what comes on top; the tail is about four times as long.
    pub latency_tail_us: Range,
    /// A client's path, likewise.
    pub client_latency_us: Range,
    /// One seed in so many encodes and decodes the peers' packets on every hop; 0 is never.
    pub encode_every: u32,
    /// A connection with unacknowledged data breaks after so long.
    pub give_up_ms: u32,
}

impl Default for NetworkSpec {
    fn default() -> Self {
        NetworkSpec {
            latency_min_us: [100, 2000],
            latency_tail_us: [100, 3000],
            client_latency_us: [100, 2000],
            encode_every: 16,
            give_up_ms: 15_000,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskModel {
    /// Whole records survive or do not.
    Record,
    /// Sectors survive, are lost or are torn, under the real store.
    Sector,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiskSpec {
    pub model: DiskModel,
    /// How long a sync takes: the least, and the mean of what comes on top.
    pub sync_min_us: Range,
    pub sync_tail_us: Range,
}

impl Default for DiskSpec {
    fn default() -> Self {
        DiskSpec { model: DiskModel::Record, sync_min_us: [100, 1000], sync_tail_us: [100, 4000] }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientSpec {
    pub count: u16,
    /// Operations per 1000 seconds and client.
    pub millihertz: u32,
    pub timeout_ms: Range,
    /// How often each kind of workload is drawn for a client, relative to the others.
    pub mix: Mix,
    /// How many clients, of the count, break the rules of good behaviour.
    pub raw: u16,
    /// How many of the raw ones use all that the service offers, in whole frames.
    pub surface: u16,
    /// How many more of the raw ones change the ensemble, in whole frames.
    pub operators: u16,
    /// Whether operators change one server at a time. Then the voters that were there before are always enough
    /// to end what a lost leader has begun (`docs/differences.md`).
    pub one_by_one: bool,
    /// A stream is cut at a random byte this often.
    pub cut_ppm: u32,
}

impl Default for ClientSpec {
    fn default() -> Self {
        ClientSpec {
            count: 4,
            millihertz: 2000,
            timeout_ms: [800, 4000],
            mix: Mix::default(),
            raw: 0,
            surface: 0,
            operators: 0,
            one_by_one: false,
            cut_ppm: 20_000,
        }
    }
}

/// Weights of the workloads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mix {
    /// Reads and writes of a few shared znodes.
    pub registers: u32,
    /// Compare-and-set on a shared counter.
    pub counters: u32,
    /// Sequential znodes, put and taken.
    pub queues: u32,
    /// Ephemerals, and sessions that end and begin.
    pub ephemerals: u32,
    /// Watches on what the others change.
    pub watches: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Mix { registers: 3, counters: 2, queues: 2, ephemerals: 2, watches: 2 }
    }
}

/// One kind of fault: whether a seed has it, how often it strikes, how long it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kind {
    /// How many seeds in a million have this kind switched on.
    pub on_ppm: u32,
    /// The mean interval is drawn from this range.
    pub every_ms: Range,
    pub lasts_ms: Range,
}

impl Default for Kind {
    fn default() -> Self {
        Kind { on_ppm: 0, every_ms: [2000, 20_000], lasts_ms: [100, 3000] }
    }
}

const fn kind(on_ppm: u32, every_ms: Range, lasts_ms: Range) -> Kind {
    Kind { on_ppm, every_ms, lasts_ms }
}

/// The fault swarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultSpec {
    pub crash: Kind,
    pub crash_all: Kind,
    pub rolling_restart: Kind,
    pub crash_loop: Kind,
    pub pause: Kind,
    pub one_way: Kind,
    pub isolate: Kind,
    pub halves: Kind,
    pub bridge: Kind,
    pub flap: Kind,
    pub swizzle: Kind,
    pub slow: Kind,
    pub reset: Kind,
    pub election_reset: Kind,
    pub depose: Kind,
    pub client_reset: Kind,
    pub drift: Kind,
    pub jump: Kind,
    pub disk_stall: Kind,
    pub disk_error: Kind,
    pub disk_full: Kind,
    pub wipe: Kind,
    /// The next synchronization that begins is cut off in the middle.
    pub interrupt: Kind,
    /// Power fails while a checkpoint is being written.
    pub crash_checkpoint: Kind,
    /// Power fails, and fails again in the middle of the recovery.
    pub false_start: Kind,
}

impl Default for FaultSpec {
    fn default() -> Self {
        FaultSpec {
            crash: kind(700_000, [1500, 12_000], [50, 4000]),
            crash_all: kind(150_000, [8000, 20_000], [50, 2000]),
            rolling_restart: kind(80_000, [10_000, 20_000], [100, 1000]),
            crash_loop: kind(80_000, [8000, 20_000], [20, 300]),
            pause: kind(300_000, [2000, 12_000], [100, 4000]),
            one_way: kind(300_000, [2000, 12_000], [100, 5000]),
            isolate: kind(300_000, [2000, 12_000], [100, 5000]),
            halves: kind(250_000, [3000, 15_000], [200, 5000]),
            bridge: kind(150_000, [3000, 15_000], [200, 5000]),
            flap: kind(150_000, [4000, 15_000], [500, 4000]),
            swizzle: kind(100_000, [8000, 20_000], [1000, 6000]),
            slow: kind(250_000, [2000, 10_000], [200, 5000]),
            reset: kind(400_000, [1000, 8000], [0, 0]),
            election_reset: kind(250_000, [1000, 8000], [0, 0]),
            depose: kind(250_000, [2000, 10_000], [0, 0]),
            client_reset: kind(400_000, [500, 5000], [0, 0]),
            drift: kind(200_000, [3000, 15_000], [1000, 10_000]),
            jump: kind(150_000, [3000, 15_000], [0, 0]),
            disk_stall: kind(250_000, [2000, 10_000], [50, 3000]),
            disk_error: kind(100_000, [5000, 20_000], [50, 2000]),
            disk_full: kind(60_000, [5000, 20_000], [50, 2000]),
            wipe: kind(60_000, [8000, 20_000], [50, 2000]),
            interrupt: kind(150_000, [2000, 10_000], [0, 0]),
            // Only a disk of sectors has operations to strike between.
            crash_checkpoint: kind(0, [1000, 6000], [20, 2000]),
            false_start: kind(0, [2000, 10_000], [20, 2000]),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PhaseSpec {
    /// The safety phase, with faults.
    pub safety_ms: Range,
    /// Within so many ticks the chosen quorum must have progressed.
    pub liveness_ticks: u32,
    /// Within so many ticks all servers must be synced, and again after their restart.
    pub end_ticks: u32,
    /// Whether a probe write through every server is demanded.
    pub probes: bool,
}

impl Default for PhaseSpec {
    fn default() -> Self {
        PhaseSpec { safety_ms: [10_000, 30_000], liveness_ticks: 150, end_ticks: 150, probes: true }
    }
}

/// Why a scenario cannot be run: the field, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    pub field: &'static str,
    pub why: String,
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.why)
    }
}

impl std::error::Error for Unusable {}

/// Servers of a simulated ensemble.
pub(crate) const SERVERS_MAX: u8 = 63;

/// A member's line, in ZooKeeper's form.
pub(crate) fn member_line(id: u8, role: &str) -> String {
    format!("server.{id}=10.1.0.{id}:2888:3888:{role};0.0.0.0:2181")
}

fn refuse(field: &'static str, why: impl Into<String>) -> Unusable {
    Unusable { field, why: why.into() }
}

impl Scenario {
    /// The servers' configurations.
    pub fn configs(&self) -> Result<Vec<Arc<Config>>, Unusable> {
        let spec = &self.ensemble;
        let servers = u32::from(spec.voters) + u32::from(spec.observers) + u32::from(spec.spares);
        if spec.voters == 0 {
            return Err(refuse("ensemble.voters", "an ensemble has at least one voter"));
        }
        if servers > u32::from(SERVERS_MAX) {
            return Err(refuse("ensemble", format!("{servers} servers; at most {SERVERS_MAX} are possible")));
        }
        if spec.counter_end < 2 {
            return Err(refuse("ensemble.counter_end", "an epoch has room for at least one transaction"));
        }
        if spec.spares > 0 && !spec.reconfig {
            return Err(refuse("ensemble.spares", "they join where reconfig is true"));
        }
        if spec.reconfig && !spec.groups.is_empty() {
            return Err(refuse("ensemble.reconfig", "members join and leave where a majority decides"));
        }
        if spec.tick_ms == 0 {
            return Err(refuse("ensemble.tick_ms", "a tick lasts at least 1 ms"));
        }
        let voters: ServerSet = (1..=spec.voters).map(ServerId).collect();
        let quorum = self.quorum(voters)?;
        let observers = (spec.voters + 1..=spec.voters + spec.observers).map(ServerId).collect();
        let text = self.text();
        let ensemble = Arc::new(Ensemble { quorum, observers, version: 0, text: Arc::from(text.as_bytes()) });
        let members = ensemble.members();
        let first = members.iter().map(|me| Arc::new(self.config(me, Arc::clone(&ensemble))));
        let spares = (spec.servers() - spec.spares + 1..=spec.servers()).map(|me| {
            let ensemble = self.joiners(me)?;
            Ok(Arc::new(self.config(ServerId(me), Arc::new(ensemble))))
        });
        first.map(Ok).chain(spares).collect()
    }

    /// What stands in the file of a server that is to join: the first ensemble, and itself, as a voter if its
    /// number is odd. Whatever it says there, the others count it when it has joined.
    fn joiners(&self, me: u8) -> Result<Ensemble, Unusable> {
        let role = if me % 2 == 1 { "participant" } else { "observer" };
        let text = member_line(me, role) + "\n" + &self.text();
        Ensemble::parse(text.as_bytes()).map_err(|why| refuse("ensemble.spares", format!("{why:?}")))
    }

    fn quorum(&self, voters: ServerSet) -> Result<Quorum, Unusable> {
        if self.ensemble.groups.is_empty() {
            if !self.ensemble.weights.is_empty() {
                return Err(refuse("ensemble.weights", "weights need groups"));
            }
            return Quorum::majority(voters).map_err(|e| refuse("ensemble.voters", format!("{e:?}")));
        }
        let mut weights = BTreeMap::new();
        for (id, weight) in &self.ensemble.weights {
            let id = id.parse::<u8>().map_err(|_| refuse("ensemble.weights", format!("{id:?} is no server id")))?;
            weights.insert(ServerId(id), *weight);
        }
        for id in self.ensemble.groups.iter().flatten() {
            if !(1..=self.ensemble.voters).contains(id) {
                return Err(refuse("ensemble.groups", format!("server {id} is no voter")));
            }
        }
        let groups = self.ensemble.groups.iter().map(|group| group.iter().map(|id| ServerId(*id)).collect()).collect();
        let quorum = Quorum::hierarchical(groups, weights).map_err(|e| refuse("ensemble.groups", format!("{e:?}")))?;
        if quorum.voters() != voters {
            return Err(refuse("ensemble.groups", "every voter stands in one group"));
        }
        Ok(quorum)
    }

    /// The dynamic configuration's text, in ZooKeeper's form.
    fn text(&self) -> String {
        let spec = &self.ensemble;
        let line = |id: u8, role: &str| member_line(id, role) + "\n";
        let mut text: String = (1..=spec.voters).map(|id| line(id, "participant")).collect();
        text.extend((spec.voters + 1..=spec.voters + spec.observers).map(|id| line(id, "observer")));
        text.push_str("version=0");
        text
    }

    fn config(&self, me: ServerId, ensemble: Arc<Ensemble>) -> Config {
        let spec = &self.ensemble;
        let mut config = Config::new(me, ensemble).with_tick_ms(spec.tick_ms);
        config.init_limit = spec.init_limit;
        config.sync_limit = spec.sync_limit;
        config.finalize_wait_ms = spec.finalize_wait_ms;
        config.notification_min_ms = spec.finalize_wait_ms.clamp(1, spec.notification_max_ms.max(1));
        config.notification_max_ms = spec.notification_max_ms;
        config.limits.window_bytes = spec.window_bytes;
        config.limits.checkpoint_records = spec.checkpoint_records;
        config.limits.counter_end = spec.counter_end;
        config.read_only = spec.read_only;
        config.local_sessions = match spec.local_sessions {
            LocalSessionsSpec::Off => LocalSessions::Off,
            LocalSessionsSpec::Kept => LocalSessions::Kept,
            LocalSessionsSpec::Upgraded => LocalSessions::Upgraded,
        };
        config.throttle.max_requests = spec.throttle_requests;
        config.throttle.wait_ms = spec.throttled_op_wait_ms;
        config.throttle.drops_stale = spec.drops_stale;
        config.reconfig = Reconfig { enabled: spec.reconfig, voters_min: spec.voters_min };
        config.access.skip_acl = spec.reconfig;
        config.fading.check_ms = spec.container_check_ms;
        config.fading.never_used_ms = spec.container_unused_ms;
        config
    }

    /// The rules that this scenario switches off.
    pub fn without(&self) -> Result<Option<Without>, Unusable> {
        let mut set = RuleSet::EMPTY;
        for name in &self.without {
            let rule = Rule::ALL.iter().copied().find(|rule| rule.entry().name == name);
            set = set.with(rule.ok_or_else(|| refuse("without", format!("there is no rule {name:?}")))?);
        }
        Ok((!set.is_empty()).then_some(Without(set)))
    }

    /// Whether it can be run at all.
    pub fn check(&self) -> Result<(), Unusable> {
        self.configs()?;
        self.without()?;
        if let Some(mark) = self.demands.iter().find(|mark| crate::marks::Mark::named(mark).is_none()) {
            return Err(refuse("demands", format!("there is no mark {mark:?}")));
        }
        let known = crate::oracle::Oracles::catalogue();
        if let Some(oracle) = self.oracles.iter().find(|id| known.iter().all(|oracle| oracle.id != id.as_str())) {
            return Err(refuse("oracles", format!("there is no oracle {oracle:?}")));
        }
        if self.clients.surface.saturating_add(self.clients.operators) > self.clients.raw {
            return Err(refuse("clients.raw", "those of the surface and the operators are raw clients"));
        }
        if self.clients.surface > 0 && self.ensemble.reconfig {
            return Err(refuse("clients.surface", "these need lists of access rights, which reconfig switches off"));
        }
        if self.clients.operators > 0 && !self.ensemble.reconfig {
            return Err(refuse("clients.operators", "they need an ensemble whose reconfig is true"));
        }
        if self.clients.raw > self.clients.count {
            return Err(refuse("clients.raw", "raw clients are a part of the count"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_reads_from_toml_and_refuses_keys_that_it_does_not_know() {
        let scenario: Scenario = toml::from_str(
            "name = \"five\"\n[ensemble]\nvoters = 5\n[faults.crash]\non_ppm = 1000000\nevery_ms = [1, 2]\n",
        )
        .unwrap();
        assert_eq!((scenario.ensemble.voters, scenario.faults.crash.on_ppm), (5, 1_000_000));
        assert_eq!(scenario.configs().unwrap().len(), 5);
        let wrong = toml::from_str::<Scenario>("[ensemble]\nvoter = 5\n").unwrap_err();
        assert!(wrong.to_string().contains("unknown field `voter`"), "{wrong}");
    }

    #[test]
    fn impossible_ensembles_are_refused_with_their_field() {
        let field = |text: &str| toml::from_str::<Scenario>(text).unwrap().check().unwrap_err().field;
        assert_eq!(field("[ensemble]\nvoters = 0\n"), "ensemble.voters");
        assert_eq!(field("[ensemble]\nvoters = 3\ngroups = [[1, 2], [2, 3]]\n"), "ensemble.groups");
        assert_eq!(field("[ensemble]\nvoters = 3\ngroups = [[1, 2]]\n"), "ensemble.groups");
        assert_eq!(field("without = [\"NoSuchRule\"]\n"), "without");
        assert_eq!(field("demands = [\"nothing\"]\n"), "demands");
        assert_eq!(field("[ensemble]\nspares = 1\n"), "ensemble.spares");
        assert_eq!(field("[clients]\nraw = 1\noperators = 1\n"), "clients.operators");
        assert_eq!(field("[clients]\nraw = 1\noperators = 1\nsurface = 1\n"), "clients.raw");
    }

    #[test]
    fn a_spare_knows_the_first_ensemble_and_itself_and_nobody_knows_it() {
        let scenario: Scenario = toml::from_str("[ensemble]\nreconfig = true\nspares = 2\n").unwrap();
        let configs = scenario.configs().unwrap();
        let voters = |at: usize| configs[at].ensemble.voters().to_string();
        assert_eq!(
            (configs.len(), voters(0), voters(3), voters(4)),
            (5, "{1,2,3}".into(), "{1,2,3}".into(), "{1,2,3,5}".into())
        );
        assert_eq!(configs[3].ensemble.observers.to_string(), "{4}");
    }
}
