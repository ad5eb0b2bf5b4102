//! One run of one seed, and what a report says of it. The only file that knows both the simulator's
//! report and the reports' own values.

use crate::cli::{OUT, Talk};
use crate::command::Failed;
use crate::hunt_file;
use crate::library::{Item, Kind, Library};
use crate::place::hint;
use crate::pool::{self, Panicked};
use std::fs;
use std::path::{Path, PathBuf};
use zabra_core::rule::Rule;
use zabra_reports::card::Failure;
use zabra_reports::exit::Exit;
use zabra_reports::junit::{Case, junit};
use zabra_reports::report::{
    Coverage, Determinism, Event, Finding, Node, Property, Report, Repro, Run, SCHEMA, Stats, Tool, hex,
};
use zabra_sim::history::witness::CHECKS;
use zabra_sim::marks::Mark;
use zabra_sim::oracle::Oracles;
use zabra_sim::plan::Plan;
use zabra_sim::run::{self, RunReport, Spectator};
use zabra_sim::scenario::Scenario;

/// A run, and where it panicked if it did.
pub struct Played {
    pub report: RunReport,
    pub panicked: Option<Panicked>,
    pub millis: u64,
}

impl Played {
    /// A run that panicked outside the explorer's own care.
    pub fn broken(scenario: &Scenario, seed: u64, panicked: Panicked, millis: u64) -> Played {
        Played { report: lost(scenario, seed, &panicked), panicked: Some(panicked), millis }
    }
}

/// The scenario that `word` names, with these rules off.
pub fn scenario(library: &Library, word: &str, without: &[String]) -> Result<Scenario, Failed> {
    let item = library.named(word, &[Kind::Hunt])?;
    loaded(&item, without)
}

pub fn loaded(item: &Item, without: &[String]) -> Result<Scenario, Failed> {
    let mut scenario = hunt_file::load(item)?;
    for name in without {
        scenario.without.push(rule(name)?.entry().name.to_string());
    }
    Ok(scenario)
}

/// The rule of this name.
pub fn rule(name: &str) -> Result<Rule, Failed> {
    let named = Rule::ALL.iter().copied().find(|r| r.entry().name == name);
    let hint = || hint(name, Rule::ALL.iter().map(|r| r.entry().name));
    named.ok_or_else(|| Failed::usage(format!("there is no rule {name:?}{} (cargo lab list rule)", hint())))
}

/// Runs one seed; a spectator sees every step.
pub fn play<'a>(scenario: &'a Scenario, seed: u64, spectator: Option<&'a mut dyn Spectator>) -> Played {
    let began = std::time::Instant::now();
    let result = pool::guarded(|| run::run_plan(scenario, Plan::draw(scenario, seed), spectator).0);
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    match result {
        Ok(report) => {
            let panicked = if report.verdict == "panic" { pool::last_panic() } else { None };
            Played { report, panicked, millis }
        }
        Err(panicked) => Played::broken(scenario, seed, panicked, millis),
    }
}

/// The report of a run that panicked outside the explorer's own care.
fn lost(scenario: &Scenario, seed: u64, panicked: &Panicked) -> RunReport {
    let outcome = run::Outcome::Panic(panicked.message.clone());
    RunReport {
        scenario: scenario.name.clone(),
        seed,
        verdict: outcome.word().to_string(),
        exit_code: outcome.exit_code(),
        finding: run::Finding::of(&outcome, 0),
        trace_hash: 0,
        steps: 0,
        messages: 0,
        simulated_us: 0,
        writes: 0,
        reads: 0,
        unknown: 0,
        faults: [].into(),
        marks: [].into(),
        plan: Plan::draw(scenario, seed),
    }
}

/// The exit of a run.
pub fn exit_of(report: &RunReport) -> Exit {
    Exit::ALL.into_iter().find(|e| e.code() == report.exit_code).unwrap_or(Exit::ToolFault)
}

/// How the user came to a run: what commands that show it again must say too.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The name of the hunt, or its file.
    pub word: String,
    /// Where its library is and its files go, if that was said.
    options: String,
}

impl Origin {
    pub fn of(word: &str, talk: &Talk) -> Origin {
        let mut options = String::new();
        if let Some(library) = &talk.library {
            options += &format!(" --library {}", quoted(library));
        }
        if talk.out != Path::new(OUT) {
            options += &format!(" --out {}", quoted(&talk.out));
        }
        Origin { word: word.to_owned(), options }
    }

    /// The commands of a failed run, with a word for each.
    pub fn again(&self, scenario: &Scenario, seed: u64) -> [(String, String); 2] {
        let without: String = scenario.without.iter().map(|rule| format!(" --without {rule}")).collect();
        let rest = format!("{} --seed {}{without}{}", quoted(Path::new(&self.word)), hex(seed), self.options);
        [("again".into(), format!("cargo lab replay {rest}")), ("small".into(), format!("cargo lab shrink {rest}"))]
    }

    /// The folder's files and the command that makes a page of them.
    pub fn files(&self, folder: &Path) -> [(String, String); 2] {
        let library = self.options.split(" --out ").next().unwrap_or_default();
        [
            ("page".into(), format!("cargo lab report {} --html{library}", quoted(folder))),
            ("report".into(), folder.join("report.json").display().to_string()),
        ]
    }
}

/// A path as a shell takes it for one word.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+@%:,=".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// The failure of a run that failed, without shrinking.
pub fn failure(origin: &Origin, scenario: &Scenario, played: &Played) -> Option<Failure> {
    let report = &played.report;
    let finding = report.finding.as_ref()?;
    let place = played.panicked.iter().filter(|p| !p.place.is_empty()).map(|p| format!("at {}", p.place));
    Some(Failure {
        scenario: report.scenario.clone(),
        seed: report.seed,
        exit: exit_of(report),
        oracle: finding.oracle.clone(),
        states: promise(&finding.oracle).0.to_string(),
        sentence: finding.sentence.clone(),
        facts: finding.facts.iter().cloned().chain(place).collect(),
        at_us: finding.at_us,
        servers: finding.servers.clone(),
        zxid: finding.zxid.clone(),
        session: finding.session.clone(),
        path: finding.path.clone(),
        without: scenario.without.clone(),
        causes: Vec::new(),
        shrink: None,
        again: origin.again(scenario, report.seed).to_vec(),
        trace_hash: report.trace_hash,
    })
}

/// What an oracle or a check of histories promises, in one sentence, and where that comes from.
pub fn promise(oracle: &str) -> (&'static str, &'static str) {
    match oracle {
        "liveness" => ("a healed quorum makes progress", "Zab paper, liveness"),
        "panic" => ("no input makes a server panic", ""),
        "inconclusive" => ("a run that cannot be judged does not pass", ""),
        _ => {
            let white_box = Oracles::catalogue().iter().find(|entry| entry.id == oracle);
            let history = || CHECKS.iter().find(|check| check.id == oracle).map(|check| (check.states, check.source));
            white_box.map(|entry| (entry.states, entry.source)).or_else(history).unwrap_or_default()
        }
    }
}

/// `report.json` of a run.
pub fn document(
    origin: &Origin,
    scenario: &Scenario,
    played: &Played,
    failure: Option<&Failure>,
    events: Vec<Event>,
) -> Report {
    let report = &played.report;
    let marks = Mark::ALL.iter().map(|mark| Property {
        id: mark.name().to_string(),
        kind: "sometimes",
        text: mark.sentence().to_string(),
        source: String::new(),
        held: report.marks.get(mark.name()).copied().unwrap_or(0),
    });
    let broken = failure.into_iter().map(|f| Property {
        id: f.oracle.clone(),
        kind: "always",
        text: f.states.clone(),
        source: promise(&f.oracle).1.to_string(),
        held: 0,
    });
    Report {
        schema: SCHEMA,
        tool: Tool::this(),
        run: Run {
            scenario: report.scenario.clone(),
            hunt: origin.word.clone(),
            seed: hex(report.seed),
            verdict: if failure.is_some() { "fail" } else { "pass" },
            exit: report.exit_code,
            without: scenario.without.clone(),
            sim_ns: report.simulated_us.saturating_mul(1000),
            wall_ms: played.millis,
            steps: report.steps,
            determinism: Determinism { trace_hash: hex(report.trace_hash) },
        },
        repro: failure.map(Repro::of).unwrap_or_default(),
        nodes: nodes(scenario),
        properties: broken.chain(marks).collect(),
        findings: failure.map(|f| Finding::of(f, 1)).into_iter().collect(),
        events,
        stats: Stats {
            delivered: report.messages,
            writes: report.writes,
            reads: report.reads,
            unknown: report.unknown,
        },
        coverage: Coverage { faults: report.faults.clone(), sometimes: report.marks.clone() },
    }
}

fn nodes(scenario: &Scenario) -> Vec<Node> {
    let ensemble = &scenario.ensemble;
    let server = |id: u32, role0| Node { id: format!("n{id}"), kind: "server", role0 };
    let voters = u32::from(ensemble.voters);
    let servers = (1..=voters).map(|id| server(id, "participant"));
    let observers = (voters + 1..=voters + u32::from(ensemble.observers)).map(|id| server(id, "observer"));
    let first = voters + u32::from(ensemble.observers);
    let spares = (first + 1..=first + u32::from(ensemble.spares)).map(|id| server(id, ""));
    let clients = (0..scenario.clients.count).map(|id| Node { id: format!("c{id}"), kind: "client", role0: "" });
    servers.chain(observers).chain(spares).chain(clients).collect()
}

/// The folder of a run's files: `out/mixed5-0x2a`.
pub fn folder(out: &Path, report: &RunReport) -> PathBuf {
    let name = report.scenario.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_', "-");
    out.join(format!("{name}-{}", hex(report.seed)))
}

/// Writes JUnit XML, if somebody wants it.
pub fn save_junit(file: Option<&Path>, suite: &str, cases: impl FnOnce() -> Vec<Case>) -> Result<(), Failed> {
    let Some(file) = file else { return Ok(()) };
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = file.file_name().ok_or_else(|| Failed::usage(format!("{}: this names no file", file.display())))?;
    save(folder, &name.to_string_lossy(), &junit(suite, &cases())).map(|_| ())
}

/// Writes one of a run's files, and says where.
pub fn save(folder: &Path, name: &str, text: &str) -> Result<PathBuf, Failed> {
    let path = folder.join(name);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
    written.map(|()| path.clone()).map_err(|e| Failed::tool(format!("{}: cannot be written: {e}", path.display())))
}
