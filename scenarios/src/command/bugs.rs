//! `zabra-lab bugs`: the bug library, each brought back and found by the exhaustive explorer, with a
//! shortest trace; and again where only oracles are heeded that speak of what clients can be told.

use super::Failed;
use crate::bugs::{BUGS, Bug, shortest};
use crate::cli::Bugs;
use crate::kills::{Tried, attempt, words};
use crate::pool;
use crate::voice::Voice;
use serde_json::{Value, json};
use zabra_reports::exit::Exit;

pub fn bugs(args: &Bugs, voice: &Voice) -> Result<Exit, Failed> {
    let threads = usize::from(args.threads.unwrap_or_else(pool::cores));
    let (mut text, mut entries, mut as_listed, mut slowest) = (String::new(), Vec::new(), true, 0);
    for bug in BUGS {
        let kill = bug.kill();
        let tried = attempt(bug.off, kill.arena, shortest(threads), args.time.0);
        as_listed &= got(&tried) == Some((kill.oracle, kill.moves));
        slowest = slowest.max(tried.millis);
        let visible = bug.visible.map(|(arena, oracle, moves)| {
            let tried = attempt(bug.off, arena, shortest(threads), args.time.0);
            as_listed &= got(&tried) == Some((oracle, moves));
            tried
        });
        let line = line(bug, &tried, visible.as_ref());
        voice.say(&line);
        text += &(line + "\n");
        entries.push(json!({
            "id": bug.id, "title": bug.title, "off": bug.off.iter().map(|r| r.entry().name).collect::<Vec<_>>(),
            "found": found(&tried), "visible": visible.as_ref().map(found), "published": bug.published,
        }));
    }
    let document = json!({ "schema": "zabra-bugs/2", "as_listed": as_listed, "bugs": entries });
    voice.document(&serde_json::to_string_pretty(&document).expect("a document has only string keys"));
    let verdict = if as_listed { "each as listed" } else { "not all as listed" };
    let (count, slowest) = (BUGS.len(), seconds(slowest));
    voice.tell(&format!(
        "{}{count} bugs, the slowest found in {slowest} s: {verdict}",
        if voice.quiet { &text } else { "" }
    ));
    Ok(if as_listed { Exit::Pass } else { Exit::Inconclusive })
}

fn got(tried: &Tried) -> Option<(&'static str, usize)> {
    tried.death.as_ref().map(|death| (death.oracle, death.moves.len()))
}

fn seconds(millis: u64) -> String {
    format!("{}.{:02}", millis / 1000, millis % 1000 / 10)
}

fn found(tried: &Tried) -> Value {
    let start = tried.arena.setting.start;
    json!({
        "oracle": got(tried).map(|got| got.0), "moves": got(tried).map(|got| got.1), "states": tried.states,
        "millis": tried.millis, "bound": words(&tried.arena), "start": start.name(),
        "moves_to_the_start": tried.arena.model(&[]).opening_moves(),
    })
}

fn told(tried: &Tried) -> String {
    let (states, time, words) = (tried.states, seconds(tried.millis), words(&tried.arena));
    match got(tried) {
        Some((oracle, moves)) => format!("{oracle}, {moves} moves, {states} states, {time} s ({words})"),
        None => format!("not found in {states} states ({words})"),
    }
}

fn line(bug: &Bug, tried: &Tried, visible: Option<&Tried>) -> String {
    let off: Vec<&str> = bug.off.iter().map(|rule| rule.entry().name).collect();
    let visible = visible.map_or(String::new(), |tried| format!("; visible: {}", told(tried)));
    let published = if bug.published.is_empty() { String::new() } else { format!("  [{}]", bug.published) };
    format!("{:<19} {:<20} {}{visible}{published}", bug.id, off.join(" + "), told(tried))
}
