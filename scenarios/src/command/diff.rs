//! `zabra-lab diff`: two runs, line by line: how far their traces are the same, and what comes then.
//!
//! Two seeds, two stories, a seed with a rule on and off. What was recorded is not read: both run now.

use super::Failed;
use super::report::recipe;
use crate::cli::{Diff, Talk};
use crate::engine;
use crate::library::{Item, Kind, Library, text};
use crate::place::Misfit;
use crate::pool::guarded;
use crate::seeds::Seed;
use crate::voice::Voice;
use serde_json::json;
use std::fmt::Write;
use std::path::Path;
use zabra_core::rule::Rule;
use zabra_reports::exit::Exit;
use zabra_sim::plan::Plan;
use zabra_sim::run::{self, Spectator};
use zabra_sim::scenario::Scenario;
use zabra_sim::story::{Player, Story, WrongLine};
use zabra_sim::time::Micros;
use zabra_sim::world::World;

/// The lines of a trace, each with its time if it has one.
#[derive(Default)]
struct Lines {
    lines: Vec<(Option<u64>, String)>,
    verdict: String,
}

impl Spectator for Lines {
    fn took(&mut self, now: Micros, _: &World, lines: &[String]) {
        self.lines.extend(lines.iter().map(|line| (Some(now.0), line.clone())));
    }
}

pub fn diff(args: &Diff, talk: &Talk, voice: &Voice) -> Result<Exit, Failed> {
    let library = Library::find(talk.library.as_deref());
    let second = args.second.as_ref().unwrap_or(&args.first);
    let off = args.without.iter().map(|name| engine::rule(name)).collect::<Result<Vec<_>, _>>()?;
    let (a, b) = (lines(&args.first, &[], &library)?, lines(second, &off, &library)?);
    let same = a.lines.iter().zip(&b.lines).take_while(|(a, b)| a == b).count();
    let (ended, parted) = (a.lines.len().min(b.lines.len()) == same, a.lines.len() != same || b.lines.len() != same);
    let mut told = String::new();
    let from = same.saturating_sub(args.lines);
    tell(&mut told, "   ", &a.lines[from..same]);
    if parted {
        tell(&mut told, "A  ", &a.lines[same..a.lines.len().min(same + args.lines)]);
        tell(&mut told, "B  ", &b.lines[same..b.lines.len().min(same + args.lines)]);
    }
    let verdict = match (parted, ended) {
        (false, _) => format!("the same: {same} lines"),
        (true, false) => format!("the same for {same} lines of {} and {}", a.lines.len(), b.lines.len()),
        (true, true) => format!("the same for {same} lines; then one is over, and the other goes on"),
    };
    voice.tell(&format!("{told}A {}: {}\nB {second}: {}\n{verdict}", args.first, a.verdict, b.verdict));
    let next = |lines: &Lines| lines.lines.get(same).map(|(at, line)| json!({ "at_us": at, "line": line }));
    let document = json!({
        "schema": "zabra-diff/1", "a": args.first, "b": second, "without": args.without, "same": same, "parted": parted,
        "lines": [a.lines.len(), b.lines.len()], "verdicts": [a.verdict, b.verdict], "next": [next(&a), next(&b)],
    });
    voice.document(&serde_json::to_string_pretty(&document).expect("a document has only string keys"));
    Ok(Exit::Pass)
}

fn tell(told: &mut String, word: &str, lines: &[(Option<u64>, String)]) {
    for (at, line) in lines {
        let at = at.map_or(String::new(), |at| format!("{:>6}.{:03} ms  ", at / 1000, at % 1000));
        writeln!(told, "{word}{at}{line}").expect("a String takes everything");
    }
}

fn lines(word: &str, off: &[Rule], library: &Library) -> Result<Lines, Failed> {
    if Path::new(word).is_dir() {
        let (item, seed, without, _) = recipe(Path::new(word), library)?;
        return of_hunt(&item, seed, &without, off);
    }
    if let Some((hunt, seed)) = word.rsplit_once('@') {
        let seed = seed.parse::<Seed>().map_err(Failed::usage)?;
        return of_hunt(&library.named(hunt, &[Kind::Hunt])?, seed, &[], off);
    }
    let item = library.named(word, &[Kind::Story, Kind::Regression, Kind::Hunt])?;
    match item.kind {
        Kind::Hunt => Err(Failed::usage(format!("a run of a hunt is named by its seed: {word}@0x2a"))),
        Kind::Story | Kind::Regression => of_story(&item, off),
    }
}

fn of_hunt(item: &Item, seed: Seed, without: &[String], off: &[Rule]) -> Result<Lines, Failed> {
    let mut scenario: Scenario = engine::loaded(item, &[])?;
    scenario.without.extend(without.iter().cloned().chain(off.iter().map(|rule| rule.entry().name.to_owned())));
    scenario.without.sort();
    scenario.without.dedup();
    let mut lines = Lines::default();
    let report = guarded(|| run::watch(&scenario, Plan::draw(&scenario, seed.0), &mut lines));
    lines.verdict = match report {
        Ok(report) => report.finding.map_or(report.verdict, |f| format!("{}: {}", f.oracle, f.sentence)),
        Err(panicked) => format!("panic: {}", panicked.message),
    };
    Ok(lines)
}

fn of_story(item: &Item, off: &[Rule]) -> Result<Lines, Failed> {
    let file = item.path.display().to_string();
    let source = text(&item.path)?;
    let misfit = |wrong: WrongLine| Misfit::on_line(&file, &source, wrong.line, format!("expected {}", wrong.expected));
    let mut story = Story::parse(&file, &source).map_err(misfit)?;
    if !off.is_empty() {
        story = story.with_rules_off(off);
    }
    let played = guarded(|| Player::play(&story));
    let played = played.map_err(|p| Failed { exit: Exit::Panic, words: format!("{}: {}", p.place, p.message) })?;
    let verdict = match (&played.violation, &played.failed) {
        (Some(violation), _) => format!("{}: {}", violation.oracle, violation.sentence),
        (None, Some((line, why))) => format!("line {line}: {why}"),
        (None, None) => "pass".to_owned(),
    };
    Ok(Lines { lines: played.trace.into_iter().map(|line| (None, line)).collect(), verdict })
}
