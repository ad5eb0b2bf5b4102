//! Which bounds a preset stands for, and how a bound is written.

use super::Failed;
use crate::cli::Preset;
use serde_json::json;
use zabra_checker::{Bound, Budget, Kind, Script, Scripts};

/// The model whose place is kept: there is nothing in it yet.
const RECONFIG: &str = "reconfig";

/// Searched side by side, one long bound should not be begun last.
const LONGEST_FIRST: [Kind; 4] = [Kind::Broadcast, Kind::Election, Kind::Full, Kind::Service(Scripts::FIRST)];

/// The bounds of a preset: of one model, or of all. What is asked for by its numbers starts from the first of a model's.
pub fn bounds(model: Option<&str>, preset: Preset, changes: &[String]) -> Result<Vec<Bound>, Failed> {
    let Some(name) = model else {
        if !changes.is_empty() {
            return Err(Failed::usage("a bound needs a model".to_owned()));
        }
        return Ok(LONGEST_FIRST.into_iter().flat_map(|kind| bounds_of(kind, preset)).collect());
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
    let counted = |writes, crashes, breaks, elections| Budget { writes, crashes, breaks, elections, ..Budget::NONE };
    let epochs = Budget::up_to_epoch(3);
    let broadcast = |writes, crashes, breaks| Budget { writes, crashes, breaks, elections: epochs, ..Budget::NONE };
    let election = |crashes, breaks, timeouts| Budget { crashes, breaks, timeouts, ..Budget::NONE };
    match (kind, preset) {
        (Kind::Broadcast, Preset::Small) => vec![bound(3, counted(1, 0, 0, 3))],
        (Kind::Broadcast, Preset::Quick) => {
            vec![bound(3, broadcast(1, 0, 1)), bound(3, broadcast(1, 1, 0)), bound(3, counted(1, 1, 1, 2))]
        }
        (Kind::Broadcast, Preset::Deep) => {
            vec![bound(3, counted(1, 1, 1, 3)), bound(3, broadcast(2, 1, 0)), bound(3, broadcast(2, 0, 1))]
        }
        (Kind::Broadcast, Preset::Huge) => {
            let second = Budget { elections: Budget::up_to_epoch(2), ..broadcast(1, 1, 1) };
            vec![bound(3, broadcast(2, 1, 1)), bound(3, broadcast(2, 2, 2)), bound(3, second)]
        }
        (Kind::Election, Preset::Small) => vec![bound(3, election(0, 0, 0))],
        (Kind::Election, Preset::Quick) => {
            vec![bound(3, election(1, 1, 0)), bound(3, election(0, 1, 1))]
        }
        (Kind::Election, Preset::Deep) => {
            vec![bound(3, election(1, 0, 1)), bound(3, election(0, 0, 2))]
        }
        (Kind::Election, Preset::Huge) => {
            vec![bound(4, election(0, 0, 0)), bound(3, election(1, 1, 2)), bound(5, election(0, 0, 0))]
        }
        (Kind::Full, Preset::Small) => vec![bound(2, Budget { writes: 1, timeouts: 1, ..Budget::NONE })],
        (Kind::Full, Preset::Quick) => {
            vec![bound(2, Budget { writes: 1, breaks: 1, timeouts: 1, ..Budget::NONE }), bound(3, Budget::NONE)]
        }
        (Kind::Full, Preset::Deep) => {
            let crash = Budget { writes: 1, crashes: 1, breaks: 1, timeouts: 1, ..Budget::NONE };
            vec![bound(3, Budget { writes: 1, ..Budget::NONE }), bound(2, crash)]
        }
        (Kind::Service(_), preset) => service(preset),
        (Kind::Full, Preset::Huge) => vec![bound(3, Budget { writes: 1, crashes: 1, timeouts: 1, ..Budget::NONE })],
    }
}

/// What of a preset no search exhausts: bounds that are walked at random, so many times each.
pub fn walked(model: Option<&str>, preset: Preset, changes: &[String]) -> Vec<(Bound, u64)> {
    let faults = Budget { crashes: 1, breaks: 1, timeouts: 2, drops: 1, ..Budget::NONE };
    match preset {
        Preset::Deep if changes.is_empty() && model.is_none_or(|name| name == Kind::Election.name()) => {
            vec![(Bound { kind: Kind::Election, servers: 5, budget: faults }, 200_000)]
        }
        Preset::Small | Preset::Quick | Preset::Deep | Preset::Huge => Vec::new(),
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
