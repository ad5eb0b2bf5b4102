//! A Mermaid sequence diagram: for issues and summaries of CI, which draw it.
//!
//! The last arrows before the end, for pages draw no more than some hundred; what was left out is said
//! in the diagram. Timers and the making of connections are left out.

use crate::timeline::{Event, Fate, Kind, Lane, Timeline, Unit};
use std::collections::BTreeSet;
use std::fmt::Write;

/// So many lines are drawn at most.
pub const LINES: usize = 60;

pub fn mermaid(timeline: &Timeline) -> String {
    let all: Vec<&Event> = timeline.events.iter().filter(|event| is_drawn(event)).collect();
    let events = &all[all.len().saturating_sub(LINES)..];
    let mut lanes: BTreeSet<Lane> = timeline.servers.iter().map(|(id, _)| Lane::Server(*id)).collect();
    lanes.extend(events.iter().map(|event| event.lane).filter(|lane| *lane != Lane::World));
    let mut text = "sequenceDiagram\n".to_owned();
    let mut line = |words: String| writeln!(text, "    {words}").expect("a String takes everything");
    for lane in &lanes {
        match lane {
            Lane::Server(id) => line(format!("participant n{id} as server {id}")),
            Lane::Client(id) => line(format!("participant c{id} as client {id}")),
            Lane::World => {}
        }
    }
    let over = match (lanes.first(), lanes.last()) {
        (Some(first), Some(last)) if first != last => format!("{},{}", first.id(), last.id()),
        (Some(only), _) => only.id(),
        (None, _) => return text,
    };
    let cut = all.len() - events.len();
    if cut > 0 {
        line(format!("Note over {over}: {cut} earlier events are not drawn"));
    }
    for event in events {
        let (words, to) = (escape(&event.text), event.lane.id());
        line(match (event.message, event.lane) {
            (Some(message), _) => {
                let arrow = if message.fate == Fate::Lost { "-x" } else { "->>" };
                let rest = match message.fate {
                    Fate::Arrived => "",
                    Fate::Lost => " (lost)",
                    Fate::Travels => " (on its way)",
                };
                format!("n{}{arrow}{to}: {words}{rest}", message.from)
            }
            (None, Lane::World) => format!("Note over {over}: {} {words}", moment(timeline.unit, event.at)),
            (None, Lane::Server(_) | Lane::Client(_)) => format!("Note over {to}: {words}"),
        });
    }
    text
}

fn is_drawn(event: &Event) -> bool {
    match event.kind {
        Kind::Timer | Kind::Connection | Kind::Other => false,
        Kind::Election
        | Kind::Sync
        | Kind::Broadcast
        | Kind::Request
        | Kind::State
        | Kind::Storage
        | Kind::Commit
        | Kind::Client
        | Kind::Fault
        | Kind::Violation => true,
    }
}

fn moment(unit: Unit, at: u64) -> String {
    match unit {
        Unit::Micros => format!("{}.{:03} ms", at / 1000, at % 1000),
        Unit::Steps => format!("step {at}"),
    }
}

/// What Mermaid would read as its own.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '#' => escaped.push_str("#35;"),
            ';' => escaped.push_str("#59;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::tests::watched;

    #[test]
    fn a_story_as_a_sequence_says_what_is_not_drawn() {
        let text = mermaid(&watched(crate::page::tests::STORY));
        let arrows = text.lines().filter(|line| !line.contains("participant") && line.starts_with("    ")).count();
        assert_eq!(arrows, LINES + 1);
        let end: Vec<&str> = text.lines().skip(1).take(6).chain(text.lines().rev().take(14)).collect();
        insta::assert_snapshot!(end.join("\n"));
    }

    #[test]
    fn what_mermaid_would_read_is_escaped() {
        assert_eq!(escape("a;b#c<d>\n"), "a#59;b#35;c#lt;d#gt; ");
    }
}
