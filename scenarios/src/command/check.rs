//! `zabra-lab check`: every order of what can happen, up to a bound, by the exhaustive explorer.
//!
//! The last line says "exhausted", or what was left and what a bound cut off. A violation is told with
//! its moves, and saved as a story if the story's own player comes to it too.

mod bounds;
mod graph;
mod search;
mod told;

use bounds::walked;
pub use bounds::{bound_of, bounds, words};

use super::Failed;
use crate::cli::{Check, Histories, Talk};
use crate::engine;
use crate::voice::Voice;
use search::{Searched, each};
use serde_json::json;
use std::path::PathBuf;
use zabra_checker::{Bound, Counterexample, Held, Kind, Plain};
use zabra_reports::exit::Exit;
use zabra_reports::junit::{Case, Fault};
use zabra_sim::rules::RuleSet;
use zabra_sim::shrink;
use zabra_sim::story::{Start, client_config};

/// So often a counterexample is replayed at most, to shrink it.
const TRIES: usize = 2000;

pub fn check(args: &Check, talk: &Talk, voice: &Voice) -> Result<Exit, Failed> {
    let rules: RuleSet = args.without.without.iter().map(|name| engine::rule(name)).collect::<Result<_, _>>()?;
    let bounds = bounds(args.model.as_deref(), args.preset, &args.bound)?;
    let starts = starts(args.histories, &bounds)?;
    let models: Vec<Plain> = starts.iter().map(|(bound, held)| model(*bound, held, rules)).collect();
    let mut worst = Exit::Pass;
    let (mut documents, mut cases) = (Vec::new(), Vec::new());
    if args.liveness || args.walks.is_some() {
        for (model, (_, held)) in models.iter().zip(&starts) {
            introduce(model, held, voice);
            let (exit, document) = match args.walks {
                None => graph::live(model, args, voice)?,
                Some(walks) => graph::walk(model, walks, graph::Walks::Asked, args, voice)?,
            };
            cases.push(case(&model.bound, exit, document["msg"].as_str().unwrap_or_default(), "", &document));
            documents.push(document);
            worst = worst.max(exit);
        }
    } else {
        let begin = |at: usize| introduce(&models[at], &starts[at].1, voice);
        each(&models, rules, args, voice, begin, |_, searched| {
            let story = searched.found.counterexample.as_ref().map(|c| story(c, searched, talk)).transpose()?.flatten();
            let exit = searched.exit();
            let told = searched.told(voice, story.as_ref());
            voice.tell(&told);
            let document = searched.document(args, story.as_ref(), exit);
            cases.push(case(&searched.bound, exit, &searched.verdict(), &told, &document));
            documents.push(document);
            worst = worst.max(exit);
            Ok(())
        })?;
        for (bound, walks) in walked(args.model.as_deref(), args.preset, &args.bound) {
            let model = model(bound, &[], rules);
            introduce(&model, &[], voice);
            let (exit, document) = graph::walk(&model, walks, graph::Walks::OfPreset, args, voice)?;
            cases.push(case(&bound, exit, document["msg"].as_str().unwrap_or_default(), "", &document));
            documents.push(document);
            worst = worst.max(exit);
        }
    }
    engine::save_junit(args.junit.as_deref(), "zabra-lab check", || cases)?;
    let document = if documents.len() > 1 {
        json!({ "schema": "zabra-checks/1", "checks": documents })
    } else {
        documents.pop().expect("one model was looked at")
    };
    voice.document(&serde_json::to_string_pretty(&document).expect("a document has only string keys"));
    Ok(worst)
}

/// A bound as a test case.
fn case(bound: &Bound, exit: Exit, verdict: &str, told: &str, document: &serde_json::Value) -> Case {
    let oracle = document["counterexample"]["oracle"].as_str().unwrap_or(exit.word());
    let message = document["counterexample"]["msg"].as_str().unwrap_or(verdict);
    let fault = || Fault { kind: oracle.to_owned(), message: message.to_owned(), card: told.to_owned() };
    Case {
        name: format!("{} {}", bound.kind.name(), words(bound)),
        millis: document["millis"].as_u64().unwrap_or(0),
        properties: vec![("verdict".to_owned(), verdict.to_owned())],
        fault: (exit != Exit::Pass).then(fault),
    }
}

fn model(bound: Bound, held: &[Held], rules: RuleSet) -> Plain {
    let model = Plain::new(bound, rules);
    if held.is_empty() { model } else { model.holding(held) }
}

/// Says which bound is searched, or the next lines are about.
fn introduce(model: &Plain, held: &[Held], voice: &Voice) {
    if !held.is_empty() {
        let held: Vec<String> = held.iter().map(|h| format!("{}:1.{}", h.epoch, h.records)).collect();
        voice.insist(&format!("current epoch and end of history: {}", held.join(", ")));
    }
    voice.insist(&format!("{} {}", model.bound.kind.name(), words(&model.bound)));
}

/// Each bound, with what the disks hold at the start if that is not nothing.
fn starts(histories: Histories, bounds: &[Bound]) -> Result<Vec<(Bound, Vec<Held>)>, Failed> {
    if histories != Histories::Even && bounds.iter().any(|bound| bound.kind != Kind::Election) {
        return Err(Failed::usage("histories differ in the model election only".to_owned()));
    }
    let every = |servers: u8| {
        let ways = Held::ALL.len().pow(u32::from(servers));
        let one = move |way: usize| (0..u32::from(servers)).map(move |at| Held::ALL[way / Held::ALL.len().pow(at) % 4]);
        (0..ways).map(move |way| one(way).collect::<Vec<Held>>())
    };
    let uneven = |servers: u8| (0..usize::from(servers)).map(|at| Held::ALL[(at + 2) % Held::ALL.len()]).collect();
    Ok(bounds
        .iter()
        .flat_map(|bound| match histories {
            Histories::Even => vec![(*bound, Vec::new())],
            Histories::Uneven => vec![(*bound, uneven(bound.servers))],
            Histories::All => every(bound.servers).map(|held| (*bound, held)).collect(),
        })
        .collect())
}

/// Saves the counterexample as a story that fails the same oracle, if there is one.
fn story(counterexample: &Counterexample, searched: &Searched, talk: &Talk) -> Result<Option<PathBuf>, Failed> {
    let mut start = Start::default();
    start.scenario.ensemble.voters = searched.bound.servers;
    start.scenario.ensemble.observers = 0;
    start.scenario.without = searched.rules.iter().map(|rule| rule.entry().name.to_owned()).collect();
    let raw = || vec![client_config(Vec::new(), 10_000)];
    start.clients = searched.bound.kind.script().map_or_else(raw, |script| script.configs(searched.bound.servers));
    let oracle = counterexample.violation.oracle;
    let Some(shrunk) = shrink::shrink(&start, &counterexample.steps, oracle, TRIES) else { return Ok(None) };
    let rules: String = start.scenario.without.iter().map(|name| format!("-{name}")).collect();
    engine::save(&talk.out.join(format!("check-{}{rules}", searched.bound.kind.name())), "story.scn", &shrunk.story())
        .map(Some)
}
