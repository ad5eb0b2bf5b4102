//! `zabra-lab check`: every order of what can happen, up to a bound, by the exhaustive explorer.
//!
//! The last line says "exhausted", or what was left and what a bound cut off. A violation is told with
//! its moves, and saved as a story if the story's own player comes to it too.

mod graph;

use super::Failed;
use crate::cli::{Check, Histories, Preset, Talk};
use crate::engine;
use crate::pool;
use crate::voice::{Progress, Voice};
use serde_json::json;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant;
use zabra_checker::{
    Bound, Budget, Counterexample, End, Explored, Go, Held, Kind, Plain, Script, Scripts, Search, search_under,
};
use zabra_reports::exit::Exit;
use zabra_sim::rules::RuleSet;
use zabra_sim::shrink;
use zabra_sim::story::{Start, client_config};

/// So often a counterexample is replayed at most, to shrink it.
const TRIES: usize = 2000;

/// What is remembered should be asked again so often at least.
const PAYS: u64 = 4;

/// The model whose place is kept: there is nothing in it yet.
const RECONFIG: &str = "reconfig";

pub fn check(args: &Check, talk: &Talk, voice: &Voice) -> Result<Exit, Failed> {
    let rules: RuleSet = args.without.without.iter().map(|name| engine::rule(name)).collect::<Result<_, _>>()?;
    let bounds = bounds(args.model.as_deref(), args.preset, &args.bound)?;
    let starts = starts(args.histories, &bounds)?;
    let mut worst = Exit::Pass;
    let mut documents = Vec::new();
    let several = starts.len() > 1;
    for (bound, held) in starts {
        let model = Plain::new(bound, rules);
        let model = if held.is_empty() { model } else { model.holding(&held) };
        if !held.is_empty() {
            let held: Vec<String> = held.iter().map(|h| format!("{}:1.{}", h.epoch, h.records)).collect();
            voice.insist(&format!("current epoch and end of history: {}", held.join(", ")));
        }
        if args.liveness || args.walks.is_some() {
            let (exit, document) = match args.walks {
                None => graph::live(&model, args, voice)?,
                Some(walks) => graph::walk(&model, walks, args, voice)?,
            };
            documents.push(document);
            worst = worst.max(exit);
            continue;
        }
        let searched = search(&model, rules, args, voice)?;
        let story = searched.found.counterexample.as_ref().map(|c| story(c, &searched, talk)).transpose()?.flatten();
        let exit = searched.exit();
        voice.tell(&searched.told(voice, story.as_ref()));
        documents.push(searched.document(args, story.as_ref(), exit));
        worst = worst.max(exit);
        if exit == Exit::Interrupted {
            break;
        }
    }
    let document =
        if several { json!({ "schema": "zabra-checks/1", "checks": documents }) } else { documents.remove(0) };
    voice.document(&serde_json::to_string_pretty(&document).expect("a document has only string keys"));
    Ok(worst)
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

/// Searches one bound.
fn search(model: &Plain, rules: RuleSet, args: &Check, voice: &Voice) -> Result<Searched, Failed> {
    let bound = model.bound;
    let threads = args.threads.unwrap_or_else(pool::cores);
    voice.insist(&format!("{} {}", bound.kind.name(), words(&bound)));
    let began = Instant::now();
    let mut progress = Progress::new(voice, None, args.time.map(|t| std::time::Duration::from_millis(t.0)));
    let (mut stopped, mut searched_millis) = (None, 1);
    let interrupted = pool::interrupted();
    let reduce = !args.whole && bound.kind.script().is_none();
    let how = Search { threads: usize::from(threads), reduce };
    let found = pool::guarded(|| {
        search_under(args.fingerprint, model, how, |now| {
            let millis = elapsed(began);
            searched_millis = millis;
            progress.show(millis / 1000, || {
                let (states, frontier, depth) = (now.states, now.frontier, now.depth);
                let (rate, mib) = (rate(now.states, millis), now.bytes >> 20);
                format!("{states} states, {rate} states/s, frontier {frontier} at depth {depth}, {mib} MiB")
            });
            stopped = match () {
                () if interrupted.load(Ordering::Relaxed) => Some("interrupted"),
                () if args.time.is_some_and(|limit| millis >= limit.0) => Some("out of time"),
                () if now.bytes as u64 >= args.memory << 20 => Some("out of memory"),
                () => None,
            };
            if stopped.is_some() { Go::Stop } else { Go::On }
        })
    });
    progress.finish();
    let found = found.map_err(|p| Failed { exit: Exit::Panic, words: format!("{}: {}", p.place, p.message) })?;
    Ok(Searched { found, millis: searched_millis, how, key: args.fingerprint, stopped, bound, rules })
}

/// A search that is over.
struct Searched {
    found: Explored,
    /// Of the search, without the check of the tables at its end.
    millis: u64,
    how: Search,
    /// Of the fingerprints, if states are not kept whole.
    key: Option<u64>,
    stopped: Option<&'static str>,
    bound: Bound,
    rules: RuleSet,
}

fn elapsed(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
}

fn rate(states: usize, millis: u64) -> u64 {
    (states as u64).saturating_mul(1000) / millis
}

/// The bounds of a preset: of one model, or of all.
pub fn bounds(model: Option<&str>, preset: Preset, changes: &[String]) -> Result<Vec<Bound>, Failed> {
    let Some(name) = model else {
        if !changes.is_empty() {
            return Err(Failed::usage("a bound needs a model".to_owned()));
        }
        return Ok(Kind::ALL.into_iter().flat_map(|kind| bounds_of(kind, preset)).collect());
    };
    if name == RECONFIG {
        return Err(Failed::usage(format!(
            "the model {RECONFIG} comes with reconfiguration, which the core does not do yet; docs/model-checking.md \
             says what it will hold"
        )));
    }
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
        let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        Failed::usage(format!("there is no model {name:?}; there are: {}", known.join(", ")))
    })?;
    let mut bounds = bounds_of(kind, preset);
    if !changes.is_empty() {
        bounds.truncate(1);
        change(&mut bounds[0], changes)?;
    }
    Ok(bounds)
}

/// Which bounds a name stands for.
fn bounds_of(kind: Kind, preset: Preset) -> Vec<Bound> {
    let bound = |servers, budget| Bound { kind, servers, budget };
    let counted = |writes, crashes, breaks| Budget { writes, crashes, breaks, elections: 3, ..Budget::NONE };
    let epochs = Budget::up_to_epoch(3);
    let broadcast = |writes, crashes, breaks| Budget { writes, crashes, breaks, elections: epochs, ..Budget::NONE };
    let election = |crashes, breaks, timeouts| Budget { crashes, breaks, timeouts, ..Budget::NONE };
    match (kind, preset) {
        (Kind::Broadcast, Preset::Small) => vec![bound(3, counted(1, 0, 0))],
        (Kind::Broadcast, Preset::Quick) => vec![bound(3, broadcast(1, 0, 1)), bound(3, broadcast(1, 1, 0))],
        (Kind::Broadcast, Preset::Deep) => vec![bound(3, counted(1, 1, 1)), bound(3, broadcast(2, 1, 0))],
        (Kind::Broadcast, Preset::Huge) => vec![bound(3, broadcast(2, 1, 1)), bound(3, broadcast(2, 2, 2))],
        (Kind::Election, Preset::Small) => vec![bound(3, election(0, 0, 0))],
        (Kind::Election, Preset::Quick) => {
            vec![bound(3, election(1, 1, 0)), bound(3, election(0, 1, 1))]
        }
        (Kind::Election, Preset::Deep) => {
            vec![bound(3, election(1, 1, 1)), bound(3, election(0, 0, 2)), bound(4, election(0, 0, 0))]
        }
        (Kind::Election, Preset::Huge) => vec![bound(3, election(1, 1, 2)), bound(5, election(0, 0, 0))],
        (Kind::Full, Preset::Small) => vec![bound(2, Budget { writes: 1, timeouts: 1, ..Budget::NONE })],
        (Kind::Full, Preset::Quick) => {
            vec![bound(2, Budget { writes: 1, breaks: 1, timeouts: 1, ..Budget::NONE }), bound(3, Budget::NONE)]
        }
        (Kind::Full, Preset::Deep) => vec![bound(3, Budget { writes: 1, ..Budget::NONE })],
        (Kind::Service(_), preset) => service(preset),
        (Kind::Full, Preset::Huge) => vec![bound(3, Budget { writes: 1, crashes: 1, timeouts: 1, ..Budget::NONE })],
    }
}

/// Which bounds of clients a name stands for.
fn service(preset: Preset) -> Vec<Bound> {
    let bound = |script, servers, operations, pipelined, budget| {
        let kind = Kind::Service(Scripts { script, operations, pipelined });
        Bound { kind, servers, budget }
    };
    let every = |servers, operations, pipelined, budget| {
        Script::ALL.into_iter().map(move |script| bound(script, servers, operations, pipelined, budget))
    };
    let faults = |crashes, breaks, timeouts, elections| Budget { crashes, breaks, timeouts, elections, ..Budget::NONE };
    match preset {
        Preset::Small => every(1, 2, false, Budget::NONE).collect(),
        Preset::Quick => {
            let lost = [bound(Script::Watch, 1, 2, false, faults(0, 1, 1, 0))];
            let moved = [bound(Script::Sequence, 3, 1, false, faults(0, 1, 0, 0))];
            let failover = [bound(Script::Watch, 3, 1, false, faults(1, 0, 0, 1))];
            let calm = every(1, 3, true, Budget::NONE).chain(every(3, 2, false, Budget::NONE));
            calm.chain(lost).chain(moved).chain(failover).collect()
        }
        Preset::Deep => {
            let failover = [bound(Script::Sequence, 3, 1, false, faults(1, 0, 0, 1))];
            every(1, 3, false, faults(0, 1, 1, 0))
                .chain(every(3, 1, false, faults(0, 1, 0, 2)))
                .chain(failover)
                .collect()
        }
        Preset::Huge => every(3, 2, true, faults(1, 1, 1, 2)).collect(),
    }
}

/// Changes some numbers of a bound.
fn change(bound: &mut Bound, texts: &[String]) -> Result<(), Failed> {
    let most = if bound.kind.talks() { 5 } else { 7 };
    for text in texts {
        let wrong = || Failed::usage(format!("{text:?} is no bound: expected K=V, such as writes=2"));
        let (key, value) = text.split_once('=').ok_or_else(wrong)?;
        if let Kind::Service(scripts) = &mut bound.kind
            && change_script(scripts, key, value)?
        {
            continue;
        }
        let value: u8 = value.parse().ok().filter(|value| *value <= Budget::MOST).ok_or_else(wrong)?;
        let place = match key {
            "servers" if (1..=most).contains(&value) => &mut bound.servers,
            "writes" if bound.kind.script().is_none() => &mut bound.budget.writes,
            "crashes" => &mut bound.budget.crashes,
            "breaks" => &mut bound.budget.breaks,
            "failures" if value <= Budget::FEW => &mut bound.budget.failures,
            "elections" if !bound.kind.talks() && value <= Budget::ELECTIONS_MOST => &mut bound.budget.elections,
            "epochs" if bound.kind == Kind::Broadcast && value <= Budget::ELECTIONS_MOST => {
                bound.budget.elections = Budget::up_to_epoch(value);
                continue;
            }
            "timeouts" if bound.kind.talks() || bound.kind.script().is_some() => &mut bound.budget.timeouts,
            "drops" if bound.kind.talks() => &mut bound.budget.drops,
            "duplicates" if bound.kind.talks() => &mut bound.budget.duplicates,
            "reorders" if bound.kind.talks() => &mut bound.budget.reorders,
            _ => {
                let last = match bound.kind {
                    Kind::Broadcast => "writes, elections or epochs (to 7)",
                    Kind::Election | Kind::Full => "writes, timeouts, drops, duplicates, reorders",
                    Kind::Service(_) => "timeouts, elections, script, operations, pipelined (0 or 1)",
                };
                let known = format!("servers (1 to {most}), crashes, breaks, failures, {last}");
                return Err(Failed::usage(format!("{text:?} is no bound: there are {known}")));
            }
        };
        *place = value;
    }
    Ok(())
}

pub fn bound_of(bound: &Bound) -> serde_json::Value {
    let Budget { writes, crashes, breaks, elections, timeouts, drops, duplicates, reorders, failures } = bound.budget;
    json!({
        "servers": bound.servers, "writes": writes, "crashes": crashes, "breaks": breaks, "timeouts": timeouts,
        "elections": bound.budget.last_epoch().is_none().then_some(elections), "epochs": bound.budget.last_epoch(),
        "drops": drops, "duplicates": duplicates, "reorders": reorders, "failures": failures,
        "script": bound.kind.script().map(|s| s.script.name()),
        "operations": bound.kind.script().map(|s| s.operations),
        "pipelined": bound.kind.script().map(|s| s.pipelined),
    })
}

/// Changes what the clients do; false if the key is not about that.
fn change_script(scripts: &mut Scripts, key: &str, value: &str) -> Result<bool, Failed> {
    match key {
        "script" => {
            let named = Script::ALL.into_iter().find(|script| script.name() == value);
            scripts.script = named.ok_or_else(|| {
                let known: Vec<&str> = Script::ALL.iter().map(|script| script.name()).collect();
                Failed::usage(format!("there is no script {value:?}; there are: {}", known.join(", ")))
            })?;
        }
        "operations" | "pipelined" => {
            let (least, most) = if key == "operations" { (1, 3) } else { (0, 1) };
            let number = value.parse().ok().filter(|n| (least..=most).contains(n));
            let number: u8 =
                number.ok_or_else(|| Failed::usage(format!("{key} is a number from {least} to {most}")))?;
            if key == "operations" { scripts.operations = number } else { scripts.pipelined = number == 1 }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

pub fn words(bound: &Bound) -> String {
    let Budget { writes, crashes, breaks, elections, timeouts, drops, duplicates, reorders, failures } = bound.budget;
    let servers = bound.servers;
    if let Some(Scripts { script, operations, pipelined }) = bound.kind.script() {
        let (script, pipelined) = (script.name(), u8::from(pipelined));
        return format!(
            "script={script} servers={servers} operations={operations} pipelined={pipelined} crashes={crashes} \
             breaks={breaks} timeouts={timeouts} elections={elections}"
        );
    }
    let last = match bound.budget.last_epoch() {
        _ if bound.kind.talks() => format!("timeouts={timeouts}"),
        Some(last) => format!("epochs={last}"),
        None => format!("elections={elections}"),
    };
    let meddled = match bound.budget.meddles() {
        true => format!(" drops={drops} duplicates={duplicates} reorders={reorders}"),
        false => String::new(),
    };
    let failing = if failures > 0 { format!(" failures={failures}") } else { String::new() };
    format!("servers={servers} writes={writes} crashes={crashes} breaks={breaks} {last}{failing}{meddled}")
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

impl Searched {
    fn exit(&self) -> Exit {
        match self.found.end {
            _ if self.found.unequal + self.found.clashes > 0 => Exit::NonDeterminism,
            End::Violated => Exit::Safety,
            End::Exhausted => Exit::Pass,
            End::Stopped if self.stopped == Some("interrupted") => Exit::Interrupted,
            End::Stopped => Exit::Inconclusive,
        }
    }

    /// How many moves a step of the core served; the memory of them pays as long as these are many.
    fn pays(&self) -> String {
        let moves = self.found.progress.transitions + self.found.progress.passed;
        let (core, judged) = (self.found.sizes.reactions as u64, self.found.sizes.judged as u64);
        let mut text = format!("one for {} moves", moves / core.max(1));
        let tables = [("steps of the core", core), ("judgements", judged)];
        for (name, asked) in tables.into_iter().filter(|(_, asked)| *asked > 10_000 && moves / asked < PAYS) {
            text += &format!("; remembering {name} hardly pays: {asked} for {moves} moves");
        }
        text
    }

    fn verdict(&self) -> String {
        let progress = &self.found.progress;
        let cut = match self.found.cut {
            0 => "nothing cut".to_owned(),
            n => format!("{n} {} beyond the budget cut off", self.bound.kind.cut()),
        };
        match self.found.end {
            End::Exhausted if self.key.is_some() => {
                format!("exhausted by fingerprints, which is not exact, to depth {}, {cut}", progress.depth)
            }
            End::Exhausted => format!("exhausted to depth {}, {cut}", progress.depth),
            End::Violated => {
                let moves = self.found.counterexample.as_ref().map_or(0, |c| c.moves.len());
                format!("violated after {moves} moves")
            }
            End::Stopped => format!(
                "{} at depth {}: {} states were not looked beyond, {cut}",
                self.stopped.unwrap_or("stopped"),
                progress.depth,
                progress.frontier
            ),
        }
    }

    fn told(&self, voice: &Voice, story: Option<&PathBuf>) -> String {
        let (progress, sizes) = (&self.found.progress, &self.found.sizes);
        let mut text = String::new();
        if let Some(counterexample) = &self.found.counterexample {
            let violation = &counterexample.violation;
            text += &format!("{}: {}\n", violation.oracle, violation.sentence);
            violation.facts.iter().for_each(|fact| text += &format!("  · {fact}\n"));
            for (at, step) in counterexample.moves.iter().enumerate() {
                text += &format!("{:>4}  {step:?}\n", at + 1);
            }
            text += &match story {
                Some(path) => format!("  story  cargo lab replay {}\n", path.display()),
                None => "  its steps alone do not come to it in a story\n".to_owned(),
            };
        }
        let seconds = format!("{}.{}", self.millis / 1000, self.millis % 1000 / 100);
        text += &format!(
            "{} states, {} transitions in {seconds} s with {} threads: {} states/s, {} bytes/state\n",
            progress.states,
            progress.transitions,
            self.how.threads,
            rate(progress.states, self.millis),
            progress.bytes / progress.states.max(1),
        );
        if self.how.reduce {
            text += &format!("of moves that commute one order (--whole: all); {} states passed\n", progress.passed);
        }
        text += &format!(
            "{} steps of the core ({}), {} machines, {} connections, {} ghosts, {} judgements, {} elections{}; reached: {}\n",
            sizes.reactions,
            self.pays(),
            sizes.machines,
            sizes.cables,
            sizes.ghosts,
            sizes.judged,
            sizes.elections,
            if sizes.histories > 0 { format!(", {} histories", sizes.histories) } else { String::new() },
            self.found.reached.join(", "),
        );
        text += &match (self.found.unequal, self.found.clashes) {
            (0, 0) => "equal inputs gave equal outputs, and hashes are equal exactly where parts are\n".to_owned(),
            (unequal, clashes) => format!(
                "{unequal} steps of the core came out differently the second time, {clashes} distinct parts have equal hashes\n"
            ),
        };
        let paint = voice.paint;
        let word = if self.exit() == Exit::Pass { paint.good("PASS") } else { paint.bad("FAIL") };
        text + &format!("{word}  {} {}  {}", self.bound.kind.name(), words(&self.bound), self.verdict())
    }

    fn document(&self, args: &Check, story: Option<&PathBuf>, exit: Exit) -> serde_json::Value {
        let (progress, sizes) = (&self.found.progress, &self.found.sizes);
        let counterexample = self.found.counterexample.as_ref().map(|c| {
            json!({
                "oracle": c.violation.oracle, "msg": c.violation.sentence, "facts": c.violation.facts,
                "moves": c.moves.iter().map(|m| format!("{m:?}")).collect::<Vec<_>>(),
                "story": story.map(|path| path.display().to_string()),
            })
        });
        json!({
            "schema": "zabra-check/1", "model": self.bound.kind.name(),
            "bound": bound_of(&self.bound),
            "without": args.without.without, "verdict": exit.word(), "exit": exit.code(), "msg": self.verdict(),
            "exhausted": self.found.end == End::Exhausted, "cut": self.found.cut,
            "left": if self.found.end == End::Stopped { progress.frontier } else { 0 },
            "states": progress.states, "transitions": progress.transitions, "depth": progress.depth,
            "whole": !self.how.reduce, "passed": progress.passed, "local_states": self.found.local,
            "millis": self.millis, "threads": self.how.threads, "bytes": progress.bytes,
            "core_steps": sizes.reactions, "machines": sizes.machines, "connections": sizes.cables,
            "ghosts": sizes.ghosts, "judgements": sizes.judged, "opinions": sizes.opinions,
            "histories": sizes.histories, "unequal": self.found.unequal,
            "clashes": self.found.clashes, "exact": self.key.is_none(), "fingerprint_key": self.key,
            "reached": self.found.reached, "counterexample": counterexample,
        })
    }
}
