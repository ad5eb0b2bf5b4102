//! `zabra-lab shrink`: the smallest schedule that still violates the same property, as a story that
//! needs no seed.

use super::Failed;
use crate::cli::{Shrink, Talk};
use crate::engine::{self, Origin, Played};
use crate::library::Library;
use crate::voice::Voice;
use std::time::Instant;
use zabra_reports::card;
use zabra_reports::exit::Exit;
use zabra_reports::report::Event;
use zabra_sim::run;
use zabra_sim::shrink::{self, Shrunk};

/// What a minimal story still does to the world: each is needed, or shrinking had removed it.
const CAUSES: &[&str] = &["crash", "wipe", "cut", "part", "break", "close", "fail", "pause", "drop", "fire", "stamp"];

pub fn shrink(args: &Shrink, talk: &Talk, voice: &Voice) -> Result<Exit, Failed> {
    let library = Library::find(talk.library.as_deref());
    let scenario = engine::scenario(&library, &args.scenario, &args.without.without)?;
    voice.insist(&format!("{} seed {}", scenario.name, args.seed));
    let began = Instant::now();
    let recording = crate::pool::guarded(|| run::record(&scenario, args.seed.0));
    let recording =
        recording.map_err(|p| Failed { exit: Exit::Panic, words: format!("{}: {}", p.place, p.message) })?;
    let recording = recording.map_err(|unusable| Failed { exit: Exit::BadScenario, words: unusable.to_string() })?;
    let millis = || u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let played = Played { report: recording.report, panicked: None, millis: millis() };
    let origin = Origin::of(&args.scenario, talk);
    let Some(mut failure) = engine::failure(&origin, &scenario, &played) else {
        voice.tell(&format!("{} seed {} passes: there is nothing to shrink", scenario.name, args.seed));
        return Ok(Exit::NotReproduced);
    };
    voice.say(&format!("{}: {} steps", failure.oracle, recording.steps.len()));
    let oracle = failure.oracle.clone();
    let shrunk = crate::pool::guarded(|| shrink::shrink(&recording.start, &recording.steps, &oracle, args.tries));
    let Some(shrunk) =
        shrunk.map_err(|p| Failed { exit: Exit::Panic, words: format!("{}: {}", p.place, p.message) })?
    else {
        voice.tell(&failure.card(voice.paint));
        voice.insist(&format!(
            "the steps alone do not violate {oracle}: it depends on time, and only the seed shows it"
        ));
        return Ok(Exit::NotReproduced);
    };
    let folder = engine::folder(&talk.out, &played.report);
    let story = shrunk.story();
    let path = engine::save(&folder, "story.scn", &story)?;
    failure.shrink = Some(size(&shrunk, &story, millis()));
    failure.causes = causes(&story);
    failure.again.retain(|(label, _)| label != "small");
    failure.again.push(("small".into(), format!("cargo lab replay {}", engine::quoted(&path))));
    failure.again.extend(origin.files(&folder));
    let json = engine::document(&origin, &scenario, &played, Some(&failure), events(&story)).json();
    engine::save(&folder, "report.json", &json)?;
    voice.document(&json);
    voice.say(commands(&story));
    voice.tell(&failure.card(voice.paint));
    Ok(failure.exit)
}

fn size(shrunk: &Shrunk, story: &str, millis: u64) -> card::Shrink {
    card::Shrink {
        steps_before: shrunk.steps_before,
        steps_after: shrunk.steps_after,
        lines: commands(story).lines().count(),
        tries: shrunk.replays,
        millis,
    }
}

/// What stands above the trace.
fn commands(story: &str) -> &str {
    story.split_once("\n---").map_or(story, |(commands, _)| commands)
}

fn causes(story: &str) -> Vec<String> {
    let lines = commands(story).lines();
    lines.filter(|l| l.split(' ').next().is_some_and(|verb| CAUSES.contains(&verb))).map(str::to_string).collect()
}

/// The trace of the minimal story; its time is the number of the line.
fn events(story: &str) -> Vec<Event> {
    let trace = story.split_once("\n---\n").map_or("", |(_, trace)| trace);
    let node = |line: &str| {
        line.split(' ').next().filter(|w| w.parse::<u8>().is_ok()).map_or("world".into(), |id| format!("n{id}"))
    };
    trace
        .lines()
        .enumerate()
        .map(|(i, line)| Event { i, t_ns: i as u64, n: node(line), text: line.to_string() })
        .collect()
}
