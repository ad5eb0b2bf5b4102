//! `cargo xtask peers`: Zabra and Apache ZooKeeper on this machine, in turn, under the same loads.
//!
//! Every round starts three servers of each peer with an empty directory, loads them by `zabra
//! bench`, and ends them, so that what the machine does besides hits all alike; then one server alone.
//! The result is a table of medians, and one JSON line per measurement in
//! `target/peers/results.jsonl`.

mod ensemble;
mod table;

use clap::Parser;
use ensemble::{Ensemble, largest_mib};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use table::{Table, median};

/// What is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Zabra { binary: PathBuf },
    Apache { jars: PathBuf },
}

impl Peer {
    fn name(&self) -> String {
        match self {
            Peer::Zabra { .. } => "zabra".into(),
            Peer::Apache { jars } => jars
                .read_dir()
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|entry| {
                    let target = entry.path().canonicalize().ok()?;
                    let name = target.file_name()?.to_str()?.to_owned();
                    let version = name.strip_prefix("zookeeper-")?.strip_suffix(".jar")?.to_owned();
                    version.starts_with(|first: char| first.is_ascii_digit()).then(|| format!("apache {version}"))
                })
                .next()
                .unwrap_or_else(|| format!("apache in {}", jars.display())),
        }
    }
}

/// Compares Zabra with Apache ZooKeeper on this machine, in turn, under the same loads, and prints a
/// table of medians. Apache's jars are where ZABRA_APACHE_JARS says: directories, one for each
/// version, separated as in PATH.
#[derive(Parser, Debug)]
#[command(name = "cargo xtask peers", no_binary_name = true, max_term_width = 100)]
pub struct Arguments {
    /// How often everything is measured.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// How long each load runs.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Sessions that watch one node; 0 leaves that out.
    #[arg(long, default_value_t = 10_000)]
    watchers: u32,
    /// Sessions that stand while the memory is read; 0 leaves that out.
    #[arg(long, default_value_t = 10_000)]
    sessions: u32,
    /// Znodes for the memory and the launch; 0 leaves both out.
    #[arg(long, default_value_t = 100_000)]
    znodes: u32,
    /// A zabra that was built before; otherwise one is built.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// How long and how large, and with what.
struct Plan {
    arguments: Arguments,
    bench: PathBuf,
    home: PathBuf,
}

/// A measurement's name, and what `zabra bench` is told for it.
const LOADS: [(&str, &str); 6] = [
    ("set, 1024 outstanding", "set --outstanding 1024"),
    ("set, 128 outstanding", "set --outstanding 128"),
    ("set, 1 outstanding", "set --outstanding 1"),
    ("get, 1024 outstanding", "get --outstanding 1024"),
    ("mix 90/10, 1024 outstanding", "mix --outstanding 1024"),
    ("create, 1024 outstanding", "create --outstanding 1024"),
];

/// Runs the comparison: the table.
pub fn run(root: &Path, arguments: Arguments) -> Result<String, String> {
    let home = root.join("target/peers");
    let _absent = std::fs::remove_dir_all(&home);
    std::fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
    let bench = match &arguments.binary {
        Some(binary) => binary.clone(),
        None => build(root)?,
    };
    let plan = Plan { arguments, bench, home };
    let jars = std::env::var_os("ZABRA_APACHE_JARS");
    let mut peers = vec![Peer::Zabra { binary: plan.bench.clone() }];
    peers.extend(jars.iter().flat_map(std::env::split_paths).map(|jars| Peer::Apache { jars }));
    let mut table = Table::default();
    for round in 0..plan.arguments.rounds {
        for peer in &peers {
            println!("round {}: {}", round + 1, peer.name());
            if let Err(wrong) = measure(&plan, peer, &mut table) {
                println!("  {wrong}");
            }
        }
    }
    Ok(table.text())
}

fn build(root: &Path) -> Result<PathBuf, String> {
    println!("building zabra");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--package", "zabra", "--bin", "zabra"])
        .current_dir(root)
        .status();
    match built {
        Ok(status) if status.success() => Ok(root.join("target/release/zabra")),
        Ok(_) | Err(_) => Err("zabra could not be built".into()),
    }
}

/// How many clients connect and close at once: few wait for the disk, many for the servers.
const STORMS: [(u32, &str); 2] = [(16, ""), (128, ", 128 at once")];

/// One round of one peer.
fn measure(plan: &Plan, peer: &Peer, table: &mut Table) -> Result<(), String> {
    let Arguments { seconds, watchers, sessions, znodes, .. } = plan.arguments;
    let mut record = Recorder { plan, peer: peer.name(), table };
    let mut ensemble = Ensemble::fresh(peer, &plan.home.join("data"), 3)?;
    let before = Instant::now();
    ensemble.start()?;
    record.first_write(&ensemble, "launch to first write, empty", before)?;
    record.note("RSS empty, largest server, MiB", ensemble.rss_mib());
    for (name, load) in LOADS {
        record.load(&ensemble, name, &format!("{load} --seconds {seconds}"))?;
    }
    for (at_once, name) in STORMS {
        let load = format!("sessions --seconds {seconds} --connections {at_once}");
        record.load(&ensemble, &format!("connect and close, 3 servers{name}"), &load)?;
    }
    if sessions > 0 {
        record.memory_of_sessions(&ensemble, sessions)?;
    }
    if watchers > 0 {
        let load = format!("watches --connections {watchers} --count 3");
        record.load(&ensemble, &format!("{watchers} watches on one node"), &load)?;
    }
    if znodes > 0 {
        let fill = format!("create --count {znodes} --keep --root /zabra-fill");
        record.load(&ensemble, &format!("fill with {znodes} znodes"), &fill)?;
        record.note(&format!("RSS with {znodes} znodes, largest server, MiB"), ensemble.rss_mib());
        ensemble.kill();
        let name = format!("launch to first write, {znodes} znodes that {} wrote", record.peer);
        if let Peer::Apache { .. } = peer
            && let Err(wrong) = launch_zabra_on(plan, &ensemble, &name, record.table)
        {
            println!("  {name}: {wrong}");
        }
        let before = Instant::now();
        ensemble.start()?;
        let took = record.first_write(&ensemble, &format!("launch to first write, {znodes} znodes"), before)?;
        if let Peer::Apache { .. } = peer {
            record.note(&format!("{name}, ms"), Some(took));
        }
        record.peak_of_snapshot(&ensemble, znodes)?;
    }
    let leader = ensemble.leader()?;
    let failover = format!("failover --outstanding 16 --seconds 8 --keep --run 'kill -9 {leader}'");
    record.load(&ensemble, "failover, leader kill -9", &failover)?;
    ensemble.kill();
    let mut alone = Ensemble::fresh(peer, &plan.home.join("data"), 1)?;
    let before = Instant::now();
    alone.start()?;
    record.first_write(&alone, "launch to first write, empty, 1 server", before)?;
    for (at_once, name) in STORMS {
        let load = format!("sessions --seconds {seconds} --connections {at_once}");
        record.load(&alone, &format!("connect and close, 1 server{name}"), &load)?;
    }
    alone.kill();
    Ok(())
}

/// Zabra's launch with a copy of what an Apache ensemble has written.
fn launch_zabra_on(plan: &Plan, written: &Ensemble, name: &str, table: &mut Table) -> Result<(), String> {
    let zabra = Peer::Zabra { binary: plan.bench.clone() };
    let home = plan.home.join("handed");
    let mut handed = written.handed_to(&zabra, &home)?;
    let mut record = Recorder { plan, peer: zabra.name(), table };
    let before = Instant::now();
    handed.start()?;
    record.first_write(&handed, name, before)?;
    drop(handed);
    let _absent = std::fs::remove_dir_all(home);
    Ok(())
}

/// Takes measurements of one peer down.
struct Recorder<'a> {
    plan: &'a Plan,
    peer: String,
    table: &'a mut Table,
}

impl Recorder<'_> {
    fn bench(&self, ensemble: &Ensemble, load: &str) -> Result<Value, String> {
        let line = format!(
            "ulimit -n $(ulimit -Hn); exec '{}' bench {load} --json --servers {}",
            self.plan.bench.display(),
            ensemble.servers()
        );
        let output = Command::new("sh").args(["-c", &line]).output().map_err(|error| error.to_string())?;
        let wrong = || format!("{load}: {}", String::from_utf8_lossy(&output.stderr).trim());
        serde_json::from_slice(&output.stdout).map_err(|_| wrong())
    }

    /// Runs a load; one that fails is said, and the next one runs.
    fn load(&mut self, ensemble: &Ensemble, name: &str, load: &str) -> Result<(), String> {
        let before = ensemble.cpu_ms();
        let mut value = match self.bench(ensemble, load) {
            Ok(value) => value,
            Err(wrong) => {
                println!("  {name}: {wrong}");
                return Ok(());
            }
        };
        let after = ensemble.cpu_ms();
        value["servers_user_ms"] = after.0.saturating_sub(before.0).into();
        value["servers_system_ms"] = after.1.saturating_sub(before.1).into();
        self.write(name, &value)?;
        let number = |key: &str| value[key].as_u64();
        let latency = |key: &str| value["latency_us"][key].as_u64();
        let mut cells: Vec<(String, Option<u64>)> = Vec::new();
        if let Some(rounds) = value["rounds_us"].as_array() {
            cells.push((format!("{name}: last event, us"), median(rounds.iter().filter_map(Value::as_u64).collect())));
        } else if value["gap_us"].is_u64() {
            cells.push((format!("{name}: gap, us"), number("gap_us")));
            cells.push((format!("{name}: longest gap of a session, us"), number("session_gap_us")));
        } else {
            cells.push((format!("{name}: per second"), number("per_second")));
            cells.push((format!("{name}: p50, us"), latency("p50")));
            cells.push((format!("{name}: p99, us"), latency("p99")));
        }
        if value["failures"].as_object().is_some_and(|failures| !failures.is_empty()) {
            println!("  {name}: {}", value["failures"]);
        }
        if number("connections_lost").is_some_and(|lost| lost > 0) {
            println!("  {name}: {} connections lost", value["connections_lost"]);
        }
        for (name, value) in cells {
            self.table.note(&self.peer, &name, value);
        }
        Ok(())
    }

    /// The memory of the servers while sessions stand that do nothing.
    fn memory_of_sessions(&mut self, ensemble: &Ensemble, sessions: u32) -> Result<(), String> {
        let load = format!("hold --connections {sessions} --seconds 1 --run '{}'", ensemble.status_command());
        let name = format!("RSS with {sessions} sessions, largest server, MiB");
        match self.bench(ensemble, &load) {
            Ok(value) => self.note(&name, value["run_said"].as_str().and_then(|said| largest_mib(said, "VmRSS:"))),
            Err(wrong) => println!("  {name}: {wrong}"),
        }
        Ok(())
    }

    /// The most memory that a server has while a tenth more znodes are made, and all of these are set
    /// until snapshots were written.
    fn peak_of_snapshot(&mut self, ensemble: &Ensemble, znodes: u32) -> Result<(), String> {
        let name = format!("RSS peak with {znodes} znodes, sets while a snapshot is written, MiB");
        let nodes = (znodes / 10).max(1);
        let before = ensemble.snapshots();
        ensemble.forget_peak()?;
        let load = format!("set --outstanding 1024 --nodes {nodes} --count 500000 --keep --root /zabra-peak");
        if let Err(wrong) = self.bench(ensemble, &load) {
            println!("  {name}: {wrong}");
            return Ok(());
        }
        match ensemble.snapshots().saturating_sub(before) {
            0 => println!("  {name}: no snapshot was written"),
            written => {
                println!("  {written} snapshots were written");
                self.note(&name, ensemble.peak_mib());
            }
        }
        Ok(())
    }

    /// Waits until a set succeeds: how many milliseconds that took since the launch.
    fn first_write(&mut self, ensemble: &Ensemble, name: &str, launched: Instant) -> Result<u64, String> {
        let tries = "set --count 1 --nodes 1 --outstanding 1 --timeout 3000 --root /zabra-first";
        while launched.elapsed() < Duration::from_secs(120) {
            if self.bench(ensemble, tries).is_ok() {
                let took = u64::try_from(launched.elapsed().as_millis()).unwrap_or(u64::MAX);
                self.note(&format!("{name}, ms"), Some(took));
                let (user, system) = ensemble.cpu_ms();
                self.write(&format!("{name}: CPU of all servers, ms"), &json!({ "user": user, "system": system }))?;
                return Ok(took);
            }
        }
        Err(format!("{name}: no write within two minutes; see {}", self.plan.home.join("data").display()))
    }

    fn note(&mut self, name: &str, value: Option<u64>) {
        if let Err(wrong) = self.write(name, &json!({ "value": value })) {
            println!("  {wrong}");
        }
        self.table.note(&self.peer, name, value);
    }

    fn write(&self, name: &str, value: &Value) -> Result<(), String> {
        let path = self.plan.home.join("results.jsonl");
        let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path).map_err(wrong)?;
        let line = json!({ "peer": self.peer, "what": name, "result": value });
        writeln!(file, "{line}").map_err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_understood_and_nothing_else() {
        let asked = Arguments::try_parse_from(["--rounds", "1", "--znodes", "0"]).map(|a| (a.rounds, a.znodes));
        assert!(matches!(asked, Ok((1, 0))));
        assert!(Arguments::try_parse_from(["--round", "1"]).is_err());
        assert!(Arguments::try_parse_from(["now"]).is_err());
    }

    #[test]
    fn the_largest_of_several_servers_counts() {
        let status = "VmHWM:\t   9000 kB\nVmRSS:\t   2048 kB\nName: x\nVmRSS:\t   4096 kB\n";
        assert_eq!((largest_mib(status, "VmRSS:"), largest_mib(status, "VmSwap:")), (Some(4), None));
    }
}
