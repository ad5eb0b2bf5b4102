//! `cargo xtask peers`: Zabra and Apache ZooKeeper on this machine, in turn, under the same loads.
//!
//! Every round starts three servers of each peer with an empty directory, loads them by `zabra
//! bench`, and ends them, so that what the machine does besides hits all alike. The result is a table
//! of medians, and one JSON line per measurement in `target/peers/results.jsonl`. Apache's jars are
//! where `ZABRA_APACHE_JARS` says: directories, one for each version, separated as in `PATH`.
//! `--binary` takes a `zabra` that was built before.

mod ensemble;

use ensemble::Ensemble;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

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

/// How long and how large.
struct Plan {
    rounds: u32,
    seconds: u32,
    watchers: u32,
    znodes: u32,
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
pub fn run(root: &Path, arguments: &[String]) -> Result<String, String> {
    let number = |name: &str, otherwise: u32| -> Result<u32, String> {
        let Some(at) = arguments.iter().position(|argument| argument == name) else { return Ok(otherwise) };
        let value = arguments.get(at + 1).and_then(|value| value.parse().ok());
        value.ok_or_else(|| format!("{name}: expected a number"))
    };
    let home = root.join("target/peers");
    let _absent = std::fs::remove_dir_all(&home);
    std::fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
    let plan = Plan {
        rounds: number("--rounds", 3)?,
        seconds: number("--seconds", 10)?,
        watchers: number("--watchers", 10_000)?,
        znodes: number("--znodes", 100_000)?,
        bench: match arguments.iter().position(|argument| argument == "--binary") {
            Some(at) => arguments.get(at + 1).map(PathBuf::from).ok_or("--binary: expected a path")?,
            None => build(root)?,
        },
        home,
    };
    let jars = std::env::var_os("ZABRA_APACHE_JARS");
    let mut peers = vec![Peer::Zabra { binary: plan.bench.clone() }];
    peers.extend(jars.iter().flat_map(std::env::split_paths).map(|jars| Peer::Apache { jars }));
    let mut table = Table::default();
    for round in 0..plan.rounds {
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

/// One round of one peer.
fn measure(plan: &Plan, peer: &Peer, table: &mut Table) -> Result<(), String> {
    let mut record = Recorder { plan, peer: peer.name(), table };
    let mut ensemble = Ensemble::fresh(peer, &plan.home.join("data"))?;
    let before = Instant::now();
    ensemble.start()?;
    record.first_write(&ensemble, "launch to first write, empty", before)?;
    record.note("RSS empty, largest server, MiB", ensemble.rss_mib());
    for (name, load) in LOADS {
        record.load(&ensemble, name, &format!("{load} --seconds {}", plan.seconds))?;
    }
    record.load(&ensemble, "connect and close", &format!("sessions --seconds {}", plan.seconds))?;
    if plan.watchers > 0 {
        let watches = format!("watches --connections {} --count 3", plan.watchers);
        record.load(&ensemble, &format!("{} watches on one node", plan.watchers), &watches)?;
    }
    if plan.znodes > 0 {
        let fill = format!("create --count {} --keep --root /zabra-fill", plan.znodes);
        record.load(&ensemble, &format!("fill with {} znodes", plan.znodes), &fill)?;
        record.note(&format!("RSS with {} znodes, largest server, MiB", plan.znodes), ensemble.rss_mib());
        ensemble.kill();
        let before = Instant::now();
        ensemble.start()?;
        record.first_write(&ensemble, &format!("launch to first write, {} znodes", plan.znodes), before)?;
    }
    let leader = ensemble.leader()?;
    let failover = format!("failover --outstanding 16 --seconds 8 --keep --run 'kill -9 {leader}'");
    record.load(&ensemble, "failover, leader kill -9", &failover)?;
    ensemble.kill();
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

    /// Waits until a set succeeds: how long that took since the launch.
    fn first_write(&mut self, ensemble: &Ensemble, name: &str, launched: Instant) -> Result<(), String> {
        let tries = "set --count 1 --nodes 1 --outstanding 1 --timeout 3000 --root /zabra-first";
        while launched.elapsed() < Duration::from_secs(120) {
            if self.bench(ensemble, tries).is_ok() {
                let took = u64::try_from(launched.elapsed().as_millis()).unwrap_or(u64::MAX);
                self.note(&format!("{name}, ms"), Some(took));
                return Ok(());
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

/// Measurements by row and peer, in the order in which they were first made.
#[derive(Default)]
struct Table {
    rows: Vec<String>,
    peers: Vec<String>,
    cells: BTreeMap<(String, String), Vec<u64>>,
}

impl Table {
    fn note(&mut self, peer: &str, row: &str, value: Option<u64>) {
        let Some(value) = value else { return };
        println!("  {row}: {value}");
        for (names, name) in [(&mut self.rows, row), (&mut self.peers, peer)] {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        self.cells.entry((row.to_owned(), peer.to_owned())).or_default().push(value);
    }

    /// The medians, as a table of Markdown.
    fn text(&self) -> String {
        let mut text = format!("| median | {} |\n|---|{}", self.peers.join(" | "), "---|".repeat(self.peers.len()));
        for row in &self.rows {
            let cell = |peer: &String| {
                let values = self.cells.get(&(row.clone(), peer.clone())).cloned().unwrap_or_default();
                median(values).map_or_else(String::new, |value| value.to_string())
            };
            let cells: Vec<String> = self.peers.iter().map(cell).collect();
            text.push_str(&format!("\n| {row} | {} |", cells.join(" | ")));
        }
        text
    }
}

fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_medians_and_leaves_out_what_was_not_measured() {
        let mut table = Table::default();
        for value in [5, 1, 3] {
            table.note("a", "x", Some(value));
        }
        table.note("b", "y", Some(7));
        table.note("b", "x", None);
        assert_eq!(table.text(), "| median | a | b |\n|---|---|---|\n| x | 3 |  |\n| y |  | 7 |");
    }
}
