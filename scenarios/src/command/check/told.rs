//! What a search has found, for people and for machines.

use super::search::{Searched, rate};
use super::{bound_of, words};
use crate::cli::Check;
use crate::engine::quoted;
use crate::voice::Voice;
use serde_json::json;
use std::path::PathBuf;
use zabra_checker::End;
use zabra_reports::exit::Exit;

/// What is remembered should be asked again so often at least.
const PAYS: u64 = 4;

impl Searched {
    pub fn exit(&self) -> Exit {
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

    pub fn verdict(&self) -> String {
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

    pub fn told(&self, voice: &Voice, story: Option<&PathBuf>) -> String {
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
                Some(path) => {
                    let path = quoted(path);
                    format!("  story  cargo lab replay {path}\n  page   cargo lab report {path} --html\n")
                }
                None => "  its steps alone do not come to it in a story\n".to_owned(),
            };
        }
        let seconds = format!("{}.{}", self.millis / 1000, self.millis % 1000 / 100);
        text += &format!(
            "{} states, {} transitions in {seconds} s with {}: {} states/s, {} bytes/state\n",
            progress.states,
            progress.transitions,
            match self.how.threads {
                1 => "1 thread".to_owned(),
                n => format!("{n} threads"),
            },
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

    pub fn document(&self, args: &Check, story: Option<&PathBuf>, exit: Exit) -> serde_json::Value {
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
