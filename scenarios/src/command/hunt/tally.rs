//! What a hunt came to: sums for each scenario, and what failed. Sums do not depend on the order in
//! which runs end; failures are sorted by scenario and seed.

use super::Quarry;
use crate::command::Failed;
use crate::engine::{self, Played};
use crate::seeds::Seed;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use zabra_reports::card::Failure;
use zabra_reports::exit::Exit;
use zabra_reports::junit::{Case, Fault};
use zabra_reports::paint::Paint;
use zabra_reports::report::{SCHEMA, hex};

/// One run, reduced to what the tally wants; a failed one keeps everything.
pub struct Ran {
    pub hunt: usize,
    pub seed: u64,
    pub hash: u64,
    pub exit: Exit,
    sums: Sums,
    failed: Option<Box<(Failure, Played)>>,
}

#[derive(Clone, Debug, Default)]
struct Sums {
    runs: u64,
    failed: u64,
    millis: u64,
    simulated_us: u64,
    messages: u64,
    steps: u64,
    writes: u64,
    reads: u64,
    unknown: u64,
    marks: BTreeMap<String, u64>,
    faults: BTreeMap<String, u64>,
}

/// All runs of a hunt.
pub struct Tally {
    sums: Vec<Sums>,
    failures: Vec<(usize, Failure)>,
    /// (hunt, seed) and the trace hash, if somebody wants them.
    hashes: Option<BTreeMap<(usize, u64), u64>>,
    /// Demanded marks that no run reached, by hunt.
    unreached: Vec<(usize, Vec<String>)>,
    pub interrupted: bool,
    pub wall_ms: u64,
}

/// Cards are printed for so many failures; all are in the JSON.
const CARDS: usize = 3;

/// Below so many runs a mark at zero says nothing.
const JUDGED_FROM: u64 = 100;

impl Ran {
    pub fn of(hunt: usize, quarry: &Quarry, seed: u64) -> Ran {
        let played = engine::play(&quarry.scenario, seed, None);
        let report = &played.report;
        let failure = engine::failure(&quarry.origin, &quarry.scenario, &played);
        let sums = Sums {
            runs: 1,
            failed: u64::from(failure.is_some()),
            millis: played.millis,
            simulated_us: report.simulated_us,
            messages: report.messages,
            steps: report.steps,
            writes: report.writes,
            reads: report.reads,
            unknown: report.unknown,
            marks: report.marks.clone(),
            faults: report.faults.clone(),
        };
        let (hash, exit) = (report.trace_hash, engine::exit_of(report));
        Ran { hunt, seed, hash, exit, sums, failed: failure.map(|f| Box::new((f, played))) }
    }

    /// Writes the files of a failed run.
    pub fn save(&mut self, quarry: &Quarry, out: &Path) -> Result<(), Failed> {
        let Some(failed) = &mut self.failed else { return Ok(()) };
        let (failure, played) = failed.as_mut();
        let folder = engine::folder(out, &played.report);
        failure.again.extend(quarry.origin.files(&folder));
        let document = engine::document(&quarry.origin, &quarry.scenario, played, Some(failure), Vec::new());
        engine::save(&folder, "report.json", &document.json())?;
        let plan =
            serde_json::to_string_pretty(&played.report.plan).map_err(|e| Failed::tool(format!("plan.json: {e}")))?;
        engine::save(&folder, "plan.json", &plan).map(|_| ())
    }
}

impl Sums {
    fn add(&mut self, other: Sums) {
        self.runs += other.runs;
        self.failed += other.failed;
        self.millis += other.millis;
        self.simulated_us += other.simulated_us;
        self.messages += other.messages;
        self.steps += other.steps;
        self.writes += other.writes;
        self.reads += other.reads;
        self.unknown += other.unknown;
        for (name, count) in other.marks {
            *self.marks.entry(name).or_default() += count;
        }
        for (name, count) in other.faults {
            *self.faults.entry(name).or_default() += count;
        }
    }

    fn json(&self) -> Value {
        json!({
            "runs": self.runs, "failed": self.failed, "busy_ms": self.millis, "sim_ms": self.simulated_us / 1000,
            "messages": self.messages, "steps": self.steps, "writes": self.writes, "reads": self.reads,
            "unknown": self.unknown, "marks": self.marks, "faults": self.faults,
        })
    }
}

impl Tally {
    pub fn new(hunts: usize, hashes: bool) -> Tally {
        Tally {
            sums: vec![Sums::default(); hunts],
            failures: Vec::new(),
            hashes: hashes.then(BTreeMap::new),
            unreached: Vec::new(),
            interrupted: false,
            wall_ms: 0,
        }
    }

    pub fn add(&mut self, ran: Ran) {
        if let Some(hashes) = &mut self.hashes {
            hashes.insert((ran.hunt, ran.seed), ran.hash);
        }
        self.sums[ran.hunt].add(ran.sums);
        if let Some(failed) = ran.failed {
            self.fail(ran.hunt, failed.0);
        }
    }

    pub fn fail(&mut self, hunt: usize, failure: Failure) {
        self.failures.push((hunt, failure));
        self.failures.sort_by_key(|(hunt, failure)| (*hunt, failure.seed));
    }

    pub fn runs(&self) -> u64 {
        self.sums.iter().map(|s| s.runs).sum()
    }

    pub fn failed(&self) -> u64 {
        self.failures.len() as u64
    }

    /// (hunt, seed) and the trace hash of every run, if they were kept.
    pub fn hashes(&self) -> impl Iterator<Item = ((usize, u64), u64)> {
        self.hashes.iter().flatten().map(|(run, hash)| (*run, *hash))
    }

    /// A hunt that never reached what it demands tested nothing of it.
    pub fn judge_demands(&mut self, quarry: &[Quarry]) {
        for (hunt, (sums, quarry)) in self.sums.iter().zip(quarry).enumerate() {
            let demands = quarry.scenario.demands.iter();
            let zero: Vec<String> = demands.filter(|m| sums.marks.get(*m).is_none_or(|n| *n == 0)).cloned().collect();
            if sums.runs >= JUDGED_FROM && !zero.is_empty() {
                self.unreached.push((hunt, zero));
            }
        }
    }

    /// The worst exit of all.
    pub fn exit(&self) -> Exit {
        let failed = self.failures.iter().map(|(_, f)| f.exit).max().unwrap_or(Exit::Pass);
        let empty = if self.runs() == 0 { Exit::NothingRan } else { Exit::Pass };
        let cut = if self.interrupted { Exit::Interrupted } else { Exit::Pass };
        let unreached = if self.unreached.is_empty() { Exit::Pass } else { Exit::Inconclusive };
        failed.max(if self.interrupted { cut } else { empty }).max(unreached)
    }

    /// The cards of failures that differ in what broke, the worst last.
    pub fn cards(&self, paint: Paint) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut different: Vec<&Failure> =
            self.failures.iter().map(|(_, f)| f).filter(|f| seen.insert(f.signature())).collect();
        different.sort_by_key(|f| f.exit);
        let skip = different.len().saturating_sub(CARDS);
        different.into_iter().skip(skip).map(|f| f.card(paint)).collect()
    }

    pub fn table(&self, quarry: &[Quarry], paint: Paint) -> String {
        let width = quarry.iter().map(|q| q.scenario.name.chars().count()).max().unwrap_or(0).max("hunt".len());
        let mut text = format!(
            "{:<width$} {:>8} {:>7} {:>12} {:>12} {:>9} {:>9}\n",
            "hunt", "runs", "failed", "simulated s", "messages", "writes", "marks"
        );
        for (sums, quarry) in self.sums.iter().zip(quarry) {
            let demands = &quarry.scenario.demands;
            let reached = demands.iter().filter(|m| sums.marks.get(*m).is_some_and(|n| *n > 0)).count();
            let failed = format!("{:>7}", sums.failed);
            let failed = if sums.failed > 0 { paint.bad(&failed) } else { failed };
            writeln!(
                text,
                "{:<width$} {:>8} {failed} {:>12} {:>12} {:>9} {:>9}",
                quarry.scenario.name,
                sums.runs,
                sums.simulated_us / 1_000_000,
                sums.messages,
                sums.writes,
                format!("{reached}/{}", demands.len()),
            )
            .expect("a String takes everything");
        }
        text + &self.summary(quarry, paint)
    }

    fn summary(&self, quarry: &[Quarry], paint: Paint) -> String {
        let mut total = Sums::default();
        self.sums.iter().for_each(|s| total.add(s.clone()));
        let rate = |count: u64, millis: u64| count.saturating_mul(1000) / millis.max(1);
        let mut text = String::new();
        for (hunt, marks) in &self.unreached {
            let line = format!("{}: demanded but never reached: {}", quarry[*hunt].scenario.name, marks.join(", "));
            text += &(paint.warn(&line) + "\n");
        }
        if self.interrupted {
            text += &(paint.warn("interrupted") + "\n");
        }
        let exit = self.exit();
        let verdict = if exit == Exit::Pass {
            paint.good("no violation")
        } else {
            paint.bad(&format!("{} failed, exit {} ({})", total.failed, exit.code(), exit.means()))
        };
        let per_core = format!(
            "{} simulated s and {} messages per busy second",
            rate(total.simulated_us / 1_000_000, total.millis),
            rate(total.messages, total.millis)
        );
        let seconds = format!("{}.{} s", self.wall_ms / 1000, self.wall_ms % 1000 / 100);
        writeln!(
            text,
            "{} runs in {seconds}, {} runs/s; {per_core}: {verdict}",
            total.runs,
            rate(total.runs, self.wall_ms)
        )
        .expect("a String takes everything");
        text
    }

    /// Each hunt as a test case.
    pub fn cases(&self, quarry: &[Quarry]) -> Vec<Case> {
        let case = |(at, (sums, quarry)): (usize, (&Sums, &Quarry))| {
            let failures: Vec<&Failure> =
                self.failures.iter().filter(|(hunt, _)| *hunt == at).map(|(_, f)| f).collect();
            let broken = failures.first().map(|first| Fault {
                kind: first.oracle.clone(),
                message: first.sentence.clone(),
                card: failures.iter().map(|f| f.card(Paint::Plain)).collect::<Vec<_>>().join("\n"),
            });
            let unreached = self.unreached.iter().find(|(hunt, _)| *hunt == at).map(|(_, marks)| Fault {
                kind: "demand".to_owned(),
                message: "demanded marks were never reached".to_owned(),
                card: marks.join("\n"),
            });
            let properties = [("runs", sums.runs), ("failed", sums.failed), ("simulated_ms", sums.simulated_us / 1000)];
            Case {
                name: quarry.scenario.name.clone(),
                millis: sums.millis,
                properties: properties.map(|(name, value)| (name.to_owned(), value.to_string())).to_vec(),
                fault: broken.or(unreached),
            }
        };
        self.sums.iter().zip(quarry).enumerate().map(case).collect()
    }

    /// The JSON document.
    pub fn document(&self, quarry: &[Quarry], first: Seed, hashes: bool) -> String {
        let hunts = self.sums.iter().zip(quarry).enumerate().map(|(i, (sums, quarry))| {
            let unreached =
                self.unreached.iter().find(|(hunt, _)| *hunt == i).map(|(_, marks)| marks.clone()).unwrap_or_default();
            let mut value = sums.json();
            value["name"] = json!(quarry.scenario.name);
            value["unreached"] = json!(unreached);
            value
        });
        let failures = self.failures.iter().map(|(_, f)| {
            json!({
                "scenario": f.scenario, "seed": hex(f.seed), "verdict": f.exit.word(), "exit": f.exit.code(), "oracle": f.oracle,
                "msg": f.sentence, "facts": f.facts, "signature": f.signature(), "trace_hash": hex(f.trace_hash),
                "repro": f.again.iter().map(|(label, cmd)| json!({ "label": label, "cmd": cmd })).collect::<Vec<_>>(),
            })
        });
        let mut document = json!({
            "schema": "zabra-hunt/1", "report_schema": SCHEMA, "first_seed": first.to_string(), "wall_ms": self.wall_ms,
            "interrupted": self.interrupted, "verdict": self.exit().word(), "exit": self.exit().code(),
            "hunts": hunts.collect::<Vec<_>>(), "failures": failures.collect::<Vec<_>>(),
        });
        if hashes {
            let run =
                |((hunt, seed), hash): ((usize, u64), u64)| json!([quarry[hunt].scenario.name, hex(seed), hex(hash)]);
            document["runs"] = self.hashes().map(run).collect();
        }
        serde_json::to_string_pretty(&document).expect("a document has only string keys")
    }
}
