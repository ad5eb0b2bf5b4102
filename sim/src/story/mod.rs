//! Stories: explicit schedules, readable aloud (design section 4).
//!
//! A story is a text: commands above `---`, the recorded trace below. Every single [`crate::step::Step`] is a
//! command (see [`crate::step::text`]); beside them stand the verbs that arrange (`servers`,
//! `without`, `client … at`), those that do many steps in a fixed order (`settle`, `elect`), and
//! `expect`. The trace is what the servers did; a story passes when the trace is the recorded one
//! and every expectation held.
//!
//! ```text
//! servers 3
//! elect 3
//! client 0 at 3
//! client 0 create /a x
//! deliver 3>1 PROPOSAL
//! durable 1
//! expect history 1 1.2
//! ---
//! ```

mod parse;
mod play;
mod settle;

pub use parse::{Command, Delivery, Expectation, Key, Story, WrongLine};
pub use play::{Played, Player, Start, Watcher, client_config};

/// What a run of a story came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Same,
    /// The trace is not the recorded one: the first line that differs, counted from 1.
    Different {
        line: usize,
        recorded: String,
        played: String,
    },
    /// A command could not be done, or an expectation did not hold.
    Failed {
        line: usize,
        why: String,
    },
}

/// Plays a story and compares its trace with the recorded one.
pub fn check(file: &str, text: &str) -> Result<Told, WrongLine> {
    let story = Story::parse(file, text)?;
    let played = Player::play(&story);
    if let Some((line, why)) = played.failed {
        return Ok(Told::Failed { line, why });
    }
    let (recorded, played) = (story.trace, played.trace);
    let longest = recorded.len().max(played.len());
    for at in 0..longest {
        let line = |lines: &[String]| lines.get(at).cloned().unwrap_or_else(|| "(nothing)".to_owned());
        if recorded.get(at) != played.get(at) {
            return Ok(Told::Different { line: at + 1, recorded: line(&recorded), played: line(&played) });
        }
    }
    Ok(Told::Same)
}

/// The story with its trace rewritten as it is played: what `UPDATE=1` puts into the file.
pub fn update(file: &str, text: &str) -> Result<String, WrongLine> {
    let story = Story::parse(file, text)?;
    let played = Player::play(&story);
    let commands = text.split_once("\n---").map_or(text, |(commands, _)| commands).trim_end();
    Ok(format!("{commands}\n---\n{}\n", played.trace.join("\n")).replace("---\n\n", "---\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROADCAST: &str = "\
servers 3
elect 3
client 0 at 3
client 0 create /a x
settle
expect leader 3
expect follower 1
expect committed 1 1.2
expect committed 2 1.2
";

    fn played(text: &str) -> Told {
        let updated = update("test", text).unwrap();
        check("test", &updated).unwrap()
    }

    #[test]
    fn a_story_elects_and_commits_and_repeats_its_trace() {
        assert_eq!(played(BROADCAST), Told::Same);
        let updated = update("test", BROADCAST).unwrap();
        assert!(updated.contains("3 → 1 PROPOSAL 1.2"), "{updated}");
        assert!(updated.contains("1 looking → following 3"), "{updated}");
    }

    #[test]
    fn the_elected_server_is_the_one_that_was_named() {
        for leader in 2..=3 {
            assert_eq!(played(&format!("servers 3\nelect {leader}\nexpect leader {leader}\n")), Told::Same);
        }
        let why = "server 1 does not become leader: only {1} are no better candidates".to_owned();
        assert_eq!(played("servers 3\nelect 1\n"), Told::Failed { line: 2, why });
    }

    #[test]
    fn a_crashed_leader_is_succeeded() {
        let text = "servers 3\nelect 3\ncrash 3\nelect 2\nexpect leader 2\nexpect follower 1\nexpect down 3\n";
        assert_eq!(played(text), Told::Same);
    }

    #[test]
    fn a_wrong_expectation_names_its_line() {
        let told = played("servers 3\nelect 3\nexpect leader 2\n");
        assert_eq!(told, Told::Failed { line: 3, why: "server 2 is following 3, not leading".to_owned() });
    }

    #[test]
    fn another_trace_names_the_first_line_that_differs() {
        let told = check("test", "servers 1\n---\nnothing of the kind\n").unwrap();
        assert!(matches!(told, Told::Different { line: 1, .. }), "{told:?}");
    }
}
