//! `zabra-lab bugs`: the bug library, each brought back and found by the exhaustive explorer.

use super::Failed;
use crate::bugs::{BUGS, Bug};
use crate::cli::Bugs;
use crate::kills::{Tried, attempt, words};
use crate::pool;
use crate::voice::Voice;
use serde_json::json;
use zabra_reports::exit::Exit;

pub fn bugs(args: &Bugs, voice: &Voice) -> Result<Exit, Failed> {
    let threads = usize::from(args.threads.unwrap_or_else(pool::cores));
    let (mut text, mut entries, mut as_listed) = (String::new(), Vec::new(), true);
    for bug in BUGS {
        let tried = (bug.found.is_some()).then(|| attempt(bug.off, bug.bound, threads, args.time.0));
        let got = tried.as_ref().and_then(|t| t.kill.as_ref()).map(|kill| (kill.oracle, kill.moves.len()));
        as_listed &= got == bug.found;
        let line = line(bug, tried.as_ref());
        voice.say(&line);
        text += &(line + "\n");
        entries.push(json!({
            "id": bug.id, "title": bug.title, "off": bug.off.iter().map(|r| r.entry().name).collect::<Vec<_>>(),
            "oracle": got.map(|(oracle, _)| oracle), "moves": got.map(|(_, moves)| moves),
            "states": tried.as_ref().map(|t| t.states), "millis": tried.as_ref().map(|t| t.millis), "note": bug.note,
        }));
    }
    let document = json!({ "schema": "zabra-bugs/1", "model": "broadcast", "as_listed": as_listed, "bugs": entries });
    voice.document(&serde_json::to_string_pretty(&document).expect("a document has only string keys"));
    let found = BUGS.iter().filter(|bug| bug.found.is_some()).count();
    let verdict = if as_listed { "each as listed" } else { "not all as listed" };
    voice.tell(&format!("{}{found} of {} searched for: {verdict}", if voice.quiet { &text } else { "" }, BUGS.len()));
    Ok(if as_listed { Exit::Pass } else { Exit::Inconclusive })
}

fn line(bug: &Bug, tried: Option<&Tried>) -> String {
    let off: Vec<&str> = bug.off.iter().map(|rule| rule.entry().name).collect();
    let off = if off.is_empty() { "no rule".to_owned() } else { off.join(" + ") };
    let result = match tried {
        Some(Tried { kill: Some(kill), states, millis, bound, .. }) => format!(
            "{}, {} moves, {states} states, {}.{:02} s ({})",
            kill.oracle,
            kill.moves.len(),
            millis / 1000,
            millis % 1000 / 10,
            words(bound)
        ),
        Some(t) => format!("not found in {} states ({})", t.states, words(&t.bound)),
        None => "not searched for".to_owned(),
    };
    let note = if bug.note.is_empty() { String::new() } else { format!("  [{}]", bug.note) };
    format!("{:<19} {off:<20} {result}{note}", bug.id)
}
