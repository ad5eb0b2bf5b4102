//! `zabra-lab rules --engine check`: the kill matrix by model checking. Every rule off, one at a time, at
//! the smallest of a list of bounds at which an oracle objects.

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
use zabra_core::rule::Rule;
use zabra_reports::exit::Exit;

pub fn kills(args: &Rules, talk: &Talk, voice: &Voice) -> Result<Exit, Failed> {
    let matrix = Matrix::load(&Library::find(talk.library.as_deref()))?;
    let wanted = match args.rules.as_slice() {
        [] => Rule::ALL.to_vec(),
        names => names.iter().map(|name| engine::rule(name)).collect::<Result<_, _>>()?,
    };
    let threads = usize::from(args.jobs.unwrap_or_else(pool::cores));
    voice.insist(&format!("{} rules, model broadcast, {threads} threads", wanted.len()));
    let mut all: Vec<(Rule, Vec<Tried>)> = Vec::new();
    for rule in wanted {
        let climbed = pool::guarded(|| kills::climb(&[rule], threads, args.time.0));
        let tried = climbed.map_err(|p| Failed { exit: Exit::Panic, words: format!("{}: {}", p.place, p.message) })?;
        voice.say(&line(rule, &tried));
        all.push((rule, tried));
        if pool::interrupted().load(Ordering::Relaxed) {
            break;
        }
    }
    let survivors: Vec<(Rule, Option<&str>)> =
        all.iter().filter(|(_, tried)| !is_dead(tried)).map(|(rule, _)| (*rule, matrix.argument(*rule))).collect();
    voice.document(&document(args, &all, &survivors));
    let mut text = String::new();
    if voice.quiet {
        all.iter().for_each(|(rule, tried)| text += &(line(*rule, tried) + "\n"));
    }
    for (rule, argument) in &survivors {
        if let Some(argument) = argument {
            text += &format!("{} is redundant: {argument}\n", rule.entry().name);
        }
    }
    let unargued: Vec<&str> =
        survivors.iter().filter(|(_, argument)| argument.is_none()).map(|(rule, _)| rule.entry().name).collect();
    let dead = all.len() - survivors.len();
    text += &format!("{dead} of {} killed; survivors without an argument: ", all.len());
    voice.tell(&(text + &if unargued.is_empty() { "none".to_owned() } else { unargued.join(", ") }));
    Ok(if unargued.is_empty() { Exit::Pass } else { Exit::Inconclusive })
}

fn is_dead(tried: &[Tried]) -> bool {
    tried.last().is_some_and(|last| last.kill.is_some())
}

fn line(rule: Rule, tried: &[Tried]) -> String {
    let entry = rule.entry();
    let millis: u64 = tried.iter().map(|t| t.millis).sum();
    let seconds = format!("{}.{} s", millis / 1000, millis % 1000 / 100);
    match tried.last() {
        Some(Tried { kill: Some(kill), bound, states, .. }) => {
            let other = if kill.oracle == entry.oracle { "" } else { " *" };
            let (oracle, moves) = (format!("{}{other}", kill.oracle), kill.moves.len());
            format!(
                "{:<22} {oracle:<22} {moves:>3} moves {states:>9} states {seconds:>8}  {}",
                entry.name,
                words(bound)
            )
        }
        Some(_) | None => format!("{:<22} survives {seconds:>8}  {}", entry.name, survived(tried)),
    }
}

/// What was looked at without an objection.
fn survived(tried: &[Tried]) -> String {
    let told = tried.iter().map(|t| {
        let how = if t.exhausted { "exhausted".to_owned() } else { format!("stopped at depth {}", t.depth) };
        format!("{}: {how}, {} states", words(&t.bound), t.states)
    });
    told.collect::<Vec<_>>().join("; ")
}

fn document(args: &Rules, all: &[(Rule, Vec<Tried>)], survivors: &[(Rule, Option<&str>)]) -> String {
    let search = |t: &Tried| {
        let kill = t.kill.as_ref().map(|k| json!({ "oracle": k.oracle, "msg": k.sentence, "moves": k.moves }));
        json!({
            "writes": t.bound.writes, "crashes": t.bound.crashes, "breaks": t.bound.breaks,
            "elections": t.bound.elections, "exhausted": t.exhausted, "states": t.states, "depth": t.depth,
            "millis": t.millis, "killed": kill,
        })
    };
    let rule = |(rule, tried): &(Rule, Vec<Tried>)| {
        let entry = rule.entry();
        json!({
            "off": [entry.name], "expected": entry.oracle, "dead": is_dead(tried),
            "searches": tried.iter().map(search).collect::<Vec<_>>(),
        })
    };
    let survivor = |(rule, argument): &(Rule, Option<&str>)| json!({ "rule": rule.entry().name, "argument": argument });
    let document = json!({
        "schema": "zabra-rules-check/1", "model": "broadcast", "servers": 3, "budget_ms": args.time.0,
        "rules": all.iter().map(rule).collect::<Vec<_>>(),
        "survivors": survivors.iter().map(survivor).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&document).expect("a document has only string keys")
}
