//! `cargo xtask interop`: clients that others wrote, against `zabra serve`.
//!
//! kazoo's own test suite, unchanged, from PyPI, in an environment under `target/interop`; a plugin
//! for pytest (`xtask/interop/kazoo_plugin.py`) starts our server where the suite would start
//! Apache's. Tests that are known to fail stand in `xtask/interop/kazoo.toml` with the reason, those that
//! fail on a lone server, Apache's too, in `kazoo-alone.toml`; any other failure is one, and so is a listed test that passes: the lists are kept true. The command lines
//! that come with ZooKeeper are in `clis`.

mod clis;
mod console;
mod plain;
mod servers;

pub use clis::clis;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use toml::Table;

/// What is installed, in versions that are known to work together.
const PACKAGES: [&str; 3] = ["kazoo[test,gevent,eventlet,sasl]==2.11.0", "pyOpenSSL<26.2", "pytest<9"];
/// Parts of the suite that take about two minutes together and touch every kind of request.
const SAMPLE: [&str; 12] = [
    "test_barrier.py",
    "test_cache.py",
    "test_client.py::TestSSLClient",
    "test_connection.py::TestReadOnlyMode",
    "test_counter.py",
    "test_election.py",
    "test_lease.py",
    "test_lock.py",
    "test_partitioner.py",
    "test_queue.py",
    "test_sasl.py",
    "test_watchers.py",
];

/// Why there is no verdict, or a bad one.
pub enum Interop {
    /// The clients could not be had: nothing is known about the server.
    Unavailable(String),
    Failed(String),
}

/// What to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Sample,
    Whole,
    /// The whole suite against a lone server, where the suite itself would start three.
    Alone,
}

impl Part {
    fn servers(self) -> &'static str {
        match self {
            Part::Sample | Part::Whole => "3",
            Part::Alone => "1",
        }
    }

    /// The list of tests that are known to fail.
    fn known(self) -> &'static str {
        match self {
            Part::Sample | Part::Whole => "xtask/interop/kazoo.toml",
            Part::Alone => "xtask/interop/kazoo-alone.toml",
        }
    }
}

/// Runs the suite: what was seen, in a line.
pub fn kazoo(root: &Path, part: Part, more: &[String]) -> Result<String, Interop> {
    let home = root.join("target/interop");
    let logs = home.join("servers");
    let _absent = std::fs::remove_dir_all(&logs);
    std::fs::create_dir_all(&logs).map_err(|error| Interop::Failed(format!("{}: {error}", logs.display())))?;
    let server = build(root)?;
    let python = environment(&home.join("venv"))?;
    let (results, report) = (home.join("kazoo.jsonl"), home.join("kazoo.log"));
    let _absent = std::fs::remove_file(&results);
    let out =
        std::fs::File::create(&report).map_err(|error| Interop::Failed(format!("{}: {error}", report.display())))?;
    let tests = tests(&python, part)?;
    let status = Command::new(&python)
        .args([
            "-m",
            "pytest",
            "-p",
            "kazoo_plugin",
            "-p",
            "no:cacheprovider",
            "-o",
            "log_cli=false",
            "--color=no",
            "-q",
        ])
        .args(more)
        .args(tests)
        .current_dir(&home)
        .env("PYTHONPATH", root.join("xtask/interop"))
        .env("INTEROP_SERVER", format!("'{}' serve --log warn", server.display()))
        .env("INTEROP_RESULTS", &results)
        .env("INTEROP_LOGS", &logs)
        .envs([("CI", "1"), ("ZOOKEEPER_VERSION", "3.9.5"), ("ZOOKEEPER_CLASSPATH", "none")])
        .envs([("ZOOKEEPER_PORT_OFFSET", "21000"), ("ZOOKEEPER_CLUSTER_SIZE", part.servers())])
        .stderr(out.try_clone().map_err(|error| Interop::Failed(error.to_string()))?)
        .stdout(out)
        .status();
    status.map_err(|error| Interop::Failed(format!("pytest could not be started: {error}")))?;
    let outcomes = outcomes(&results, &report)?;
    let known = known(&root.join(part.known()))?;
    verdict(&outcomes, &known, &report)
}

/// The server: built, or one that was built before and `INTEROP_BINARY` names.
fn build(root: &Path) -> Result<PathBuf, Interop> {
    if let Some(binary) = std::env::var_os("INTEROP_BINARY") {
        return Ok(binary.into());
    }
    println!("building zabra");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--profile", "lab", "--package", "zabra", "--bin", "zabra"])
        .current_dir(root)
        .status();
    match built {
        Ok(status) if status.success() => Ok(root.join("target/lab/zabra")),
        Ok(_) | Err(_) => Err(Interop::Failed("zabra could not be built".into())),
    }
}

/// The Python of an environment with kazoo and what its tests need.
fn environment(venv: &Path) -> Result<PathBuf, Interop> {
    let python = venv.join("bin/python");
    let has_kazoo =
        || Command::new(&python).args(["-c", "import kazoo, pytest, gevent"]).stderr(Stdio::null()).status();
    if has_kazoo().is_ok_and(|status| status.success()) {
        return Ok(python);
    }
    println!("installing kazoo and its tests' needs into {}", venv.display());
    run(
        Command::new("python3").args(["-m", "venv"]).arg(venv),
        "python3 with venv is needed (Debian: apt-get install python3-venv)",
    )?;
    run(
        Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES),
        "kazoo could not be installed from PyPI",
    )?;
    Ok(python)
}

fn run(command: &mut Command, otherwise: &str) -> Result<(), Interop> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Interop::Unavailable(format!("{otherwise} ({status})"))),
        Err(error) => Err(Interop::Unavailable(format!("{otherwise} ({error})"))),
    }
}

/// The files of the suite, where the installed package has them.
fn tests(python: &Path, part: Part) -> Result<Vec<PathBuf>, Interop> {
    let asked = Command::new(python).args(["-c", "import kazoo.tests as t; print(list(t.__path__)[0])"]).output();
    let asked = asked.map_err(|error| Interop::Failed(error.to_string()))?;
    let folder = PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim());
    Ok(match part {
        Part::Whole | Part::Alone => vec![folder],
        Part::Sample => SAMPLE.iter().map(|name| folder.join(name)).collect(),
    })
}

/// How each test ended: passed, failed or skipped, and why.
fn outcomes(results: &Path, report: &Path) -> Result<BTreeMap<String, (String, String)>, Interop> {
    let nothing = || Interop::Failed(format!("the suite did not come to its end: see {}", report.display()));
    let text = std::fs::read_to_string(results).map_err(|_| nothing())?;
    let mut outcomes = BTreeMap::new();
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).map_err(|_| nothing())?;
        let field = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        outcomes.insert(field("test"), (field("outcome"), field("why")));
    }
    if outcomes.is_empty() { Err(nothing()) } else { Ok(outcomes) }
}

/// Tests that are known to fail, with the reason.
fn known(list: &Path) -> Result<BTreeMap<String, String>, Interop> {
    let wrong = |what: String| Interop::Failed(format!("{}: {what}", list.display()));
    let text = std::fs::read_to_string(list).map_err(|error| wrong(error.to_string()))?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| wrong(error.to_string()))?;
    let mut known = BTreeMap::new();
    for (why, tests) in table {
        for test in tests.as_array().ok_or_else(|| wrong(format!("{why}: a list of tests is expected")))? {
            let test = test.as_str().ok_or_else(|| wrong(format!("{why}: the name of a test is expected")))?;
            known.insert(test.to_owned(), why.clone());
        }
    }
    Ok(known)
}

fn verdict(
    outcomes: &BTreeMap<String, (String, String)>,
    known: &BTreeMap<String, String>,
    report: &Path,
) -> Result<String, Interop> {
    let named = |wanted: &str| -> BTreeSet<&str> {
        outcomes.iter().filter(|(_, (outcome, _))| outcome == wanted).map(|(test, _)| test.as_str()).collect()
    };
    let (passed, failed, skipped) = (named("passed"), named("failed"), named("skipped"));
    let expected = failed.iter().filter(|test| known.contains_key(**test)).count();
    let summary = format!(
        "kazoo: {} passed, {} failed ({expected} of them known), {} skipped; {}",
        passed.len(),
        failed.len(),
        skipped.len(),
        report.display()
    );
    let mut wrong = String::new();
    for test in failed.iter().filter(|test| !known.contains_key(**test)) {
        let _infallible = writeln!(wrong, "failed: {test}: {}", outcomes[*test].1);
    }
    for test in passed.iter().filter(|test| known.contains_key(**test)) {
        let _infallible = writeln!(wrong, "passed, but is known to fail: {test}");
    }
    if wrong.is_empty() { Ok(summary) } else { Err(Interop::Failed(wrong + &summary)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(outcomes: &[(&str, &str)], known: &[&str]) -> String {
        let outcomes =
            outcomes.iter().map(|(test, outcome)| ((*test).into(), ((*outcome).into(), "boom".into()))).collect();
        let known = known.iter().map(|test| ((*test).into(), "a reason".into())).collect();
        match verdict(&outcomes, &known, Path::new("log")) {
            Ok(said) => format!("good: {said}"),
            Err(Interop::Failed(said) | Interop::Unavailable(said)) => format!("bad: {said}"),
        }
    }

    #[test]
    fn only_a_known_failure_is_no_failure_and_the_list_is_kept_true() {
        let both = [("a", "failed"), ("b", "passed"), ("c", "skipped")];
        assert_eq!(judged(&both, &["a"]), "good: kazoo: 1 passed, 1 failed (1 of them known), 1 skipped; log");
        assert!(judged(&both, &[]).starts_with("bad: failed: a: boom\n"));
        assert!(judged(&both, &["a", "b"]).starts_with("bad: passed, but is known to fail: b\n"));
    }
}
