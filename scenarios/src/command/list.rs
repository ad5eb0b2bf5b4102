//! `zabra-lab list` and `schema`: what there is.

use super::Failed;
use crate::cli::{List, Talk, What};
use crate::hunt_file;
use crate::library::{Kind, Library, text};
use crate::voice::Voice;
use serde::Serialize;
use std::fmt::Write;
use zabra_core::rule::Rule;
use zabra_reports::exit::Exit;
use zabra_sim::marks::Mark;

#[derive(Serialize)]
struct Entry {
    kind: &'static str,
    name: String,
    about: String,
}

pub fn list(list: &List, talk: &Talk, voice: &Voice) -> Result<Exit, Failed> {
    let library = Library::find(talk.library.as_deref());
    let wanted = |what| list.what.is_none_or(|w| w == what);
    let mut entries = Vec::new();
    for (what, kind) in [(What::Hunt, Kind::Hunt), (What::Story, Kind::Story), (What::Regression, Kind::Regression)] {
        if !wanted(what) {
            continue;
        }
        for item in library.all(kind)? {
            let about = match kind {
                Kind::Hunt => hunt_file::load(&item)?.about,
                Kind::Story | Kind::Regression => first_comment(&text(&item.path)?),
            };
            entries.push(Entry { kind: kind.word(), name: item.name, about });
        }
    }
    if wanted(What::Rule) {
        entries.extend(Rule::ALL.iter().map(|r| r.entry()).map(|e| Entry {
            kind: "rule",
            name: e.name.into(),
            about: e.sentence.into(),
        }));
    }
    if wanted(What::Mark) {
        entries.extend(Mark::ALL.iter().map(|m| Entry {
            kind: "mark",
            name: m.name().into(),
            about: m.sentence().into(),
        }));
    }
    let width = entries.iter().map(|e| e.name.chars().count()).max().unwrap_or(0);
    let mut lines = String::new();
    for entry in &entries {
        writeln!(lines, "{:<10} {:<width$}  {}", entry.kind, entry.name, entry.about)
            .expect("a String takes everything");
    }
    if !voice.json {
        voice.tell(&lines);
    }
    voice.document(&serde_json::to_string_pretty(&entries).expect("entries have only string keys"));
    Ok(if entries.is_empty() { Exit::NothingRan } else { Exit::Pass })
}

/// A story says what it is for in its first comment.
fn first_comment(text: &str) -> String {
    text.lines().find_map(|line| line.strip_prefix('#')).unwrap_or("").trim().to_string()
}

pub fn schema(voice: &Voice) -> Exit {
    if voice.json {
        voice.document(&hunt_file::schema());
    } else {
        voice.tell(&hunt_file::schema());
    }
    Exit::Pass
}
