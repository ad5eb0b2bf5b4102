//! `zabra-lab check --liveness` and `--walks`: the two ways to look at a bound that are no search.

use super::super::Failed;
use super::search::elapsed;
use super::{bound_of, words};
use crate::cli::Check;
use crate::pool;
use crate::voice::{Progress, Voice};
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use zabra_checker::{Go, Liveness, Plain, Walked, liveness_while, wander};
use zabra_reports::exit::Exit;

/// Whether to go on, by the clock and by what was asked.
struct Limits<'a> {
    began: Instant,
    args: &'a Check,
}

impl Limits<'_> {
    fn go(&self, bytes: usize) -> Go {
        let late = self.args.time.is_some_and(|limit| elapsed(self.began) >= limit.0);
        let stop = late || bytes as u64 >= self.args.memory() || pool::interrupted().load(Ordering::Relaxed);
        if stop { Go::Stop } else { Go::On }
    }
}

/// Whether a stable state can be reached from every state of a bound.
pub fn live(model: &Plain, args: &Check, voice: &Voice) -> Result<(Exit, serde_json::Value), Failed> {
    let bound = model.bound;
    let (name, words) = (bound.kind.name(), words(&bound));
    let limits = Limits { began: Instant::now(), args };
    let mut progress = Progress::new(voice, None, args.time.map(|t| Duration::from_millis(t.0)));
    let found = pool::guarded(|| {
        liveness_while(model, |states, bytes| {
            progress.show(elapsed(limits.began) / 1000, || format!("{states} states, {} MiB", bytes >> 20));
            limits.go(bytes)
        })
    });
    progress.finish();
    let found = found.map_err(|p| Failed { exit: Exit::Panic, words: format!("{}: {}", p.place, p.message) })?;
    let millis = elapsed(limits.began);
    let (exit, msg) = verdict(found.as_ref());
    let paint = voice.paint;
    let mut text = String::new();
    if let Some(found) = &found {
        for (at, step) in found.trap.iter().flatten().enumerate() {
            text += &format!("{:>4}  {step:?}\n", at + 1);
        }
        if let (None, Some(round)) = (&found.trap, &found.round) {
            for (at, step) in round.moves.iter().enumerate() {
                if at == round.before {
                    text += "again and again:\n";
                }
                text += &format!("{:>4}  {step:?}\n", at + 1);
            }
        }
        text += &format!(
            "{} states, {} edges that are no faults, {} stable, {} that only a cut can free, in {}.{} s\n",
            found.states,
            found.edges,
            found.stable,
            found.open,
            millis / 1000,
            millis % 1000 / 100,
        );
    }
    let word = if exit == Exit::Pass { paint.good("PASS") } else { paint.bad("FAIL") };
    voice.tell(&(text + &format!("{word}  liveness of {name} {words}  {msg}")));
    let found = found.map(|found| {
        json!({
            "states": found.states, "edges": found.edges, "stable": found.stable, "open": found.open,
            "traps": found.traps, "settles_within": found.settles_within, "unsettled": found.unsettled,
            "trap": found.trap.map(|way| way.iter().map(|m| format!("{m:?}")).collect::<Vec<_>>()),
            "round": found.round.map(|round| json!({
                "moves": round.moves.iter().map(|m| format!("{m:?}")).collect::<Vec<_>>(), "before": round.before,
            })),
        })
    });
    let document = json!({
        "schema": "zabra-check-liveness/1", "model": name, "bound": bound_of(&bound),
        "without": args.without.without, "verdict": exit.word(), "exit": exit.code(), "msg": msg,
        "millis": millis, "found": found,
    });
    Ok((exit, document))
}

fn verdict(found: Option<&Liveness>) -> (Exit, String) {
    match found {
        None => (Exit::Inconclusive, "stopped before the graph was whole: nothing is known".to_owned()),
        Some(found) if found.traps > 0 => {
            let way = found.trap.as_ref().map_or(0, Vec::len);
            (
                Exit::Liveness,
                format!(
                    "{} traps, from which nothing leads to a stable state; the nearest after {way} moves",
                    found.traps
                ),
            )
        }
        Some(found) if found.unsettled > 0 => (
            Exit::Liveness,
            format!("no traps, but from {} states the fair schedule goes round for ever", found.unsettled),
        ),
        Some(found) => (
            Exit::Pass,
            format!("no traps; the fair schedule settles within {} moves from every state", found.settles_within),
        ),
    }
}

/// Why a bound is walked at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walks {
    /// That was asked for, in place of a search.
    Asked,
    /// The preset holds nothing better for it.
    OfPreset,
}

/// Random walks: no proof of anything.
pub fn walk(
    model: &Plain,
    walks: u64,
    why: Walks,
    args: &Check,
    voice: &Voice,
) -> Result<(Exit, serde_json::Value), Failed> {
    let bound = model.bound;
    let (name, words) = (bound.kind.name(), words(&bound));
    let limits = Limits { began: Instant::now(), args };
    let mut progress = Progress::new(voice, Some(walks), None);
    let found: Walked = pool::guarded(|| {
        wander(model, args.seed, walks, |walk, moves| {
            progress.show(walk, || format!("{moves} moves"));
            limits.go(0)
        })
    })
    .map_err(|p| Failed { exit: Exit::Panic, words: format!("{}: {}", p.place, p.message) })?;
    progress.finish();
    let millis = elapsed(limits.began);
    let exit = match (&found.counterexample, why) {
        (Some(_), _) => Exit::Safety,
        (None, Walks::OfPreset) if found.walks == walks => Exit::Pass,
        (None, Walks::OfPreset | Walks::Asked) => Exit::Inconclusive,
    };
    let mut text = String::new();
    if let Some((violation, moves)) = &found.counterexample {
        text += &format!("{}: {}\n", violation.oracle, violation.sentence);
        for (at, step) in moves.iter().enumerate() {
            text += &format!("{:>4}  {step:?}\n", at + 1);
        }
    }
    let verdict = if found.counterexample.is_some() {
        "violated on a random walk".to_owned()
    } else {
        format!("{} random walks of seed {}, nothing found: a walk, not exhausted", found.walks, args.seed)
    };
    text += &format!(
        "{} moves, {} steps of the core, {} machines, {} ghosts in {}.{} s; reached: {}\n",
        found.moves,
        found.sizes.reactions,
        found.sizes.machines,
        found.sizes.ghosts,
        millis / 1000,
        millis % 1000 / 100,
        found.reached.join(", "),
    );
    voice.tell(&(text + &format!("WALKED  {name} {words}  {verdict}")));
    let document = json!({
        "schema": "zabra-check-walk/1", "model": name, "bound": bound_of(&bound), "without": args.without.without,
        "verdict": exit.word(), "exit": exit.code(), "msg": verdict, "millis": millis, "exhausted": false,
        "seed": args.seed, "walks": found.walks, "moves": found.moves, "machines": found.sizes.machines,
        "ghosts": found.sizes.ghosts, "reached": found.reached,
        "counterexample": found.counterexample.map(|(violation, moves)| json!({
            "oracle": violation.oracle, "msg": violation.sentence,
            "moves": moves.iter().map(|m| format!("{m:?}")).collect::<Vec<_>>(),
        })),
    });
    Ok((exit, document))
}
