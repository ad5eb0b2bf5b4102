//! Hunt files, stories, the matrix of rules, and arguments: what is wrong with them is said, never by a panic. A story's
//! commands and steps are read back as themselves.

use zabra_lab::seeds::{Seed, Seeds, Shard, Span};
use zabra_lab::{hunt_file, matrix};
use zabra_sim::step::text;
use zabra_sim::story::Story;

pub fn holds(bytes: &[u8]) {
    let (&[kind, ref bytes @ ..], true) = (bytes, bytes.len() > 1) else { return };
    let Ok(input) = std::str::from_utf8(bytes) else { return };
    match kind % 5 {
        0 => drop(hunt_file::parse("a.toml", input)),
        1 => drop(Story::parse("a.story", input)),
        2 => {
            if let Ok(step) = text::parse(input) {
                let again = step.to_string();
                assert_eq!(text::parse(&again).ok().map(|step| step.to_string()), Some(again));
            }
        }
        3 => drop(matrix::parse("rules.toml", input)),
        _ => drop((input.parse::<Seed>(), input.parse::<Seeds>(), input.parse::<Shard>(), input.parse::<Span>())),
    }
}
