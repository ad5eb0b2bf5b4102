//! `zabra-lab rules --engine check`: the kill matrix by model checking. Every rule off, in the search in
//! which it is known to die; in a pair, where it is redundant alone, and then the partner alone must
//! leave the rule's own oracle content (decision 0014). `rules.toml` argues why no model expresses a rule
//! that is in no search; a rule with neither is tried in bound after bound.

use super::Failed;
use crate::cli::{Rules, Talk};
use crate::engine;
use crate::kills::{self, Tried, words};
use crate::library::Library;
use crate::matrix::Matrix;
use crate::pool;
use crate::voice::Voice;
use serde_json::json;
use std::sync::atomic::Ordering;
use zabra_checker::Search;
use zabra_checker::kills::{KILLS, Kill};
use zabra_core::rule::Rule;
use zabra_reports::exit::Exit;
use zabra_reports::junit::{Case, Fault};

/// What became of a rule, alone or in a pair.
struct Trial {
    off: Vec<Rule>,
    /// The last of these is the death, if there is one.
    tried: Vec<Tried>,
    /// In a pair: the partner alone, where the rule's own oracle has to be content.
    control: Option<Tried>,
}

pub fn kills(args: &Rules, talk: &Talk, voice: &Voice) -> Result<Exit, Failed> {
    let matrix = Matrix::load(&Library::find(talk.library.as_deref()))?;
    let wanted = match args.rules.as_slice() {
        [] => Rule::ALL.to_vec(),
        names => names.iter().map(|name| engine::rule(name)).collect::<Result<_, _>>()?,
    };
    let threads = usize::from(args.jobs.unwrap_or_else(pool::cores));
    voice.insist(&format!("{} rules, by the exhaustive explorer, {threads} threads", wanted.len()));
    let how = Search { threads, reduce: true };
    let (mut trials, mut beyond, mut survivors) = (Vec::new(), Vec::new(), Vec::new());
    let mut told = String::new();
    for rule in wanted {
        if pool::interrupted().load(Ordering::Relaxed) {
            break;
        }
        if let (Some(why), None) = (matrix.unmodelled(rule), listed(rule).next()) {
            let line = format!("{:<44} in no model: {why}", rule.entry().name);
            voice.say(&line);
            told += &(line + "\n");
            beyond.push((rule, why));
            continue;
        }
        let tried = pool::guarded(|| trials_of(rule, how, args.time.0));
        let tried = tried.map_err(|p| Failed { exit: Exit::Panic, words: format!("{}: {}", p.place, p.message) })?;
        if !tried.iter().any(Trial::is_kill) {
            survivors.push(rule);
        }
        for trial in tried {
            voice.say(&trial.line());
            told += &(trial.line() + "\n");
            trials.push(trial);
        }
    }
    let cases = || trials.iter().map(|trial| trial.case(survivors.contains(&trial.off[0]))).collect();
    engine::save_junit(args.junit.as_deref(), "zabra-lab rules --engine check", cases)?;
    voice.document(&document(args, &trials, &beyond, &survivors));
    let dead = trials.iter().filter(|trial| trial.is_kill()).count();
    let names: Vec<&str> = survivors.iter().map(|rule| rule.entry().name).collect();
    let verdict = if names.is_empty() { "no survivor".to_owned() } else { format!("survivors: {}", names.join(", ")) };
    let seconds = trials.iter().map(Trial::millis).sum::<u64>() / 1000;
    let summary = format!(
        "{dead} killed in {seconds} s (* another oracle than its entry names), {} argued to be in no model; {verdict}",
        beyond.len()
    );
    voice.tell(&(if voice.quiet { told } else { String::new() } + &summary));
    Ok(match (trials.is_empty() && beyond.is_empty(), names.is_empty()) {
        (true, _) => Exit::NothingRan,
        (false, false) => Exit::Inconclusive,
        (false, true) if pool::interrupted().load(Ordering::Relaxed) => Exit::Interrupted,
        (false, true) => Exit::Pass,
    })
}

/// What the table knows of a rule.
fn listed(rule: Rule) -> impl Iterator<Item = &'static Kill> {
    KILLS.iter().filter(move |kill| kill.off[0] == rule)
}

fn trials_of(rule: Rule, how: Search, millis: u64) -> Vec<Trial> {
    let mut trials: Vec<Trial> = Vec::new();
    for kill in listed(rule) {
        let tried = vec![kills::attempt(kill.off, kill.arena, how, millis)];
        let partner = &kill.off[1..];
        let depth = tried[0].depth;
        let alone = || kills::attempt_down_to(depth, partner, kill.arena, how, millis);
        let control = (!partner.is_empty() && tried[0].death.is_some()).then(alone);
        trials.push(Trial { off: kill.off.to_vec(), tried, control });
    }
    if trials.is_empty() {
        trials.push(Trial { off: vec![rule], tried: kills::climb(&[rule], how, millis), control: None });
    }
    trials
}

impl Trial {
    fn death(&self) -> Option<(&Tried, &kills::Death)> {
        let last = self.tried.last()?;
        last.death.as_ref().map(|death| (last, death))
    }

    /// In a pair: a death of the rule's own, which the partner alone does not die.
    fn is_kill(&self) -> bool {
        self.death().is_some() && self.control.as_ref().is_none_or(|control| self.is_content(control))
    }

    /// The partner alone goes as deep without an objection.
    fn is_content(&self, control: &Tried) -> bool {
        let depth = self.tried.last().map_or(0, |last| last.depth);
        control.death.is_none() && (control.exhausted || control.depth > depth)
    }

    fn name(&self) -> String {
        self.off.iter().map(|rule| rule.entry().name).collect::<Vec<_>>().join(" + ")
    }

    fn case(&self, survives: bool) -> Case {
        let again = format!("cargo lab rules --engine check {}", self.off[0].entry().name);
        let fault = survives.then(|| Fault {
            kind: "survivor".to_owned(),
            message: format!("{} is off, and no oracle objects", self.name()),
            card: format!("{}\n{again}\n", self.line()),
        });
        Case { name: self.name(), millis: self.millis(), properties: Vec::new(), fault }
    }

    fn millis(&self) -> u64 {
        self.tried.iter().chain(&self.control).map(|t| t.millis).sum()
    }

    fn line(&self) -> String {
        let (name, millis) = (self.name(), self.millis());
        let seconds = format!("{}.{} s", millis / 1000, millis % 1000 / 100);
        match (self.death(), &self.control) {
            (Some((tried, death)), control) => {
                let other = if death.oracle == self.off[0].entry().oracle { "" } else { " *" };
                let (oracle, moves, states) = (format!("{}{other}", death.oracle), death.moves.len(), tried.states);
                let partner = match control {
                    Some(control) if self.is_content(control) => "; content with the partner alone as deep",
                    Some(_) => "; not content with the partner alone, or not done with it",
                    None => "",
                };
                let words = words(&tried.arena);
                format!("{name:<44} {oracle:<22} {moves:>3} moves {states:>9} states {seconds:>8}  {words}{partner}")
            }
            (None, _) => format!("{name:<44} survives {seconds:>8}  {}", self.survived()),
        }
    }

    /// What was looked at without an objection.
    fn survived(&self) -> String {
        let told = self.tried.iter().map(|t| {
            let how = if t.exhausted { "exhausted".to_owned() } else { format!("stopped at depth {}", t.depth) };
            format!("{}: {how}, {} states", words(&t.arena), t.states)
        });
        told.collect::<Vec<_>>().join("; ")
    }
}

fn document(args: &Rules, trials: &[Trial], beyond: &[(Rule, &str)], survivors: &[Rule]) -> String {
    let search = |t: &Tried| {
        let death = t.death.as_ref().map(|d| json!({ "oracle": d.oracle, "msg": d.sentence, "moves": d.moves }));
        let (budget, setting) = (&t.arena.budget, &t.arena.setting);
        json!({
            "model": t.arena.kind.name(), "servers": t.arena.servers, "start": setting.start.name(),
            "writes": budget.writes, "crashes": budget.crashes, "breaks": budget.breaks,
            "elections": budget.elections, "timeouts": budget.timeouts, "failures": budget.failures,
            "window_bytes": setting.window_bytes, "counter_end": setting.counter_end, "heeded": setting.heeded,
            "exhausted": t.exhausted, "states": t.states, "depth": t.depth, "millis": t.millis, "killed": death,
        })
    };
    let trial = |trial: &Trial| {
        let names: Vec<&str> = trial.off.iter().map(|rule| rule.entry().name).collect();
        json!({
            "off": names, "expected": trial.off[0].entry().oracle, "dead": trial.is_kill(),
            "searches": trial.tried.iter().map(search).collect::<Vec<_>>(),
            "control": trial.control.as_ref().map(search),
        })
    };
    let document = json!({
        "schema": "zabra-rules-check/2", "budget_ms": args.time.0,
        "rules": trials.iter().map(trial).collect::<Vec<_>>(),
        "in_no_model": beyond.iter().map(|(rule, why)| json!({ "rule": rule.entry().name, "why": why })).collect::<Vec<_>>(),
        "survivors": survivors.iter().map(|rule| rule.entry().name).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&document).expect("a document has only string keys")
}
