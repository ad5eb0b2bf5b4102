//! `zabra-lab run`: one seed of one hunt with status lines, or one story.

use super::Failed;
use super::replay;
use crate::cli::{Run, Talk};
use crate::engine::{self, Origin};
use crate::library::{Kind, Library};
use crate::seeds::Seed;
use crate::voice::Voice;
use std::io::{Write, stderr};
use zabra_core::id::ServerId;
use zabra_reports::exit::Exit;
use zabra_reports::report::{Event, hex};
use zabra_reports::status::Status;
use zabra_sim::oracle::Sight;
use zabra_sim::run::Spectator;
use zabra_sim::scenario::Scenario;
use zabra_sim::time::Micros;

pub fn run(args: &Run, talk: &Talk, voice: &Voice) -> Result<Exit, Failed> {
    let library = Library::find(talk.library.as_deref());
    let item = library.named(&args.scenario, &[Kind::Hunt, Kind::Story, Kind::Regression])?;
    if item.kind != Kind::Hunt {
        if args.seed.is_some() || !args.without.without.is_empty() {
            return Err(Failed::usage("a story names its own servers and steps: --seed and --without belong to hunts"));
        }
        return replay::story(&item, voice);
    }
    let scenario = engine::loaded(&item, &args.without.without)?;
    let seed = args.seed.unwrap_or_else(Seed::draw);
    voice.insist(&format!("{} seed {seed}", scenario.name));
    one(&args.scenario, &scenario, seed.0, talk, voice)
}

/// One run with status lines, its files, and its card if it fails.
pub fn one(word: &str, scenario: &Scenario, seed: u64, talk: &Talk, voice: &Voice) -> Result<Exit, Failed> {
    let mut lines = Lines::new(scenario, !voice.quiet);
    let played = engine::play(scenario, seed, Some(&mut lines));
    let origin = Origin::of(word, talk);
    let mut failure = engine::failure(&origin, scenario, &played);
    let folder = engine::folder(&talk.out, &played.report);
    if let Some(failure) = &mut failure {
        failure.again.extend(origin.files(&folder));
    }
    let document = engine::document(&origin, scenario, &played, failure.as_ref(), lines.events);
    let json = document.json();
    let report = &played.report;
    if failure.is_some() {
        engine::save(&folder, "report.json", &json)?;
        let plan = serde_json::to_string_pretty(&report.plan).map_err(|e| Failed::tool(format!("plan.json: {e}")))?;
        engine::save(&folder, "plan.json", &plan)?;
    }
    voice.document(&json);
    match &failure {
        Some(failure) => voice.tell(&failure.card(voice.paint)),
        None => voice.tell(&format!(
            "{}  {}  seed {}  {}.{:03} s simulated, {} messages, {} writes, {} reads, trace {:#018x}, {} ms",
            voice.paint.good("PASS"),
            report.scenario,
            hex(report.seed),
            report.simulated_us / 1_000_000,
            report.simulated_us / 1000 % 1000,
            report.messages,
            report.writes,
            report.reads,
            report.trace_hash,
            played.millis,
        )),
    }
    Ok(engine::exit_of(report))
}

/// Status lines as they happen, and the same as events of the report.
struct Lines {
    status: Status,
    talk: bool,
    headed: bool,
    events: Vec<Event>,
}

/// The report keeps the last of them.
const EVENTS: usize = 50_000;

impl Lines {
    fn new(scenario: &Scenario, talk: bool) -> Lines {
        let servers = scenario.ensemble.voters.saturating_add(scenario.ensemble.observers);
        Lines { status: Status::new((1..=servers).map(ServerId)), talk, headed: false, events: Vec::new() }
    }

    fn line(&mut self, now: Micros, node: String, line: String) {
        if self.talk {
            let header = if self.headed { String::new() } else { self.status.header() + "\n" };
            self.headed = true;
            let _closed_pipe = writeln!(stderr(), "{header}{line}");
        }
        if self.events.len() == EVENTS {
            self.events.drain(..EVENTS / 2);
        }
        let i = self.events.last().map_or(0, |e| e.i + 1);
        self.events.push(Event { i, t_ns: now.0.saturating_mul(1000), n: node, text: line });
    }
}

impl Spectator for Lines {
    fn see(&mut self, sight: &Sight<'_>) {
        if let Some(line) = self.status.see(sight) {
            self.line(sight.now, format!("n{}", sight.server), line);
        }
    }

    fn fault(&mut self, now: Micros, began: bool, what: &str) {
        let line = self.status.fault(now, began, what);
        self.line(now, "world".into(), line);
    }
}
