//! Lines: of a person, with history and completion of verbs and paths; of a script, as they are.

use super::link::Names;
use super::words::{self, VERBS};
use super::{Failure, Outcome};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{Context, Editor, Helper, Highlighter, Hinter, Validator};
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use tokio::task::{JoinError, spawn_blocking};

/// Completes the verb at the beginning of a line, and a path behind it.
#[derive(Helper, Highlighter, Hinter, Validator)]
pub(super) struct Words {
    names: Names,
}

impl Completer for Words {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let line = line.get(..at).unwrap_or_default();
        let Some((_, word)) = line.rsplit_once(' ') else {
            let names = VERBS.iter().map(|verb| verb.name).filter(|name| name.starts_with(line));
            return Ok((0, names.map(|name| format!("{name} ")).collect()));
        };
        let Some((parent, begun)) = word.rsplit_once('/') else { return Ok((at, Vec::new())) };
        let mut names = self.names.of(if parent.is_empty() { "/" } else { parent });
        names.retain(|name| name.starts_with(begun));
        names.sort();
        Ok((at - begun.len(), names))
    }
}

/// Where lines come from. Reading blocks a thread of its own: the session goes on meanwhile.
pub(super) enum Input {
    Person(Option<Box<Editor<Words, DefaultHistory>>>),
    /// With how many lines were read.
    Script {
        number: u64,
    },
}

impl Input {
    pub fn new() -> Input {
        if !std::io::stdin().is_terminal() {
            return Input::Script { number: 0 };
        }
        let Ok(mut editor) = Editor::<Words, DefaultHistory>::new() else { return Input::Script { number: 0 } };
        if let Some(file) = file() {
            // The first time there is none.
            drop(editor.load_history(&file));
        }
        Input::Person(Some(Box::new(editor)))
    }

    /// The next line, if there is one.
    pub async fn next(&mut self, prompt: &str, names: Names) -> Outcome<Option<String>> {
        let lost = |error: JoinError| Failure::refused(format!("lines cannot be read: {error}"));
        match self {
            Input::Script { number } => {
                *number += 1;
                let number = *number;
                spawn_blocking(move || scripted(&mut std::io::stdin().lock(), number)).await.map_err(lost)?
            }
            Input::Person(held) => {
                let Some(mut editor) = held.take() else { return Ok(None) };
                let prompt = prompt.to_owned();
                editor.set_helper(Some(Words { names }));
                let read = spawn_blocking(move || {
                    let line = editor.readline(&prompt);
                    if let Ok(line) = &line
                        && !is_secret(line)
                    {
                        drop(editor.add_history_entry(line));
                    }
                    (editor, line)
                });
                let (editor, line) = read.await.map_err(lost)?;
                *held = Some(editor);
                match line {
                    Ok(line) => Ok(Some(line)),
                    Err(ReadlineError::Interrupted) => Ok(Some(String::new())),
                    Err(ReadlineError::Eof) => Ok(None),
                    Err(error) => Err(Failure::refused(format!("lines cannot be read: {error}"))),
                }
            }
        }
    }
}

/// A line of a script. One that is no text ends the script: what it asks for cannot be known.
fn scripted(from: &mut impl BufRead, number: u64) -> Outcome<Option<String>> {
    let mut line = Vec::new();
    let read = from.read_until(b'\n', &mut line);
    if read.map_err(|error| Failure::refused(format!("line {number}: cannot be read: {error}")))? == 0 {
        return Ok(None);
    }
    let wrong = |_| Failure::invocation(format!("line {number}: expected UTF-8: the script ends here"));
    Ok(Some(str::from_utf8(&line).map_err(wrong)?.trim_end().to_owned()))
}

/// Whether a line holds what nobody should find in a file later.
fn is_secret(line: &str) -> bool {
    words::split(line).first().is_some_and(|verb| verb == "addauth")
}

impl Drop for Input {
    fn drop(&mut self) {
        if let (Input::Person(Some(editor)), Some(file)) = (self, file()) {
            drop(editor.save_history(&file));
        }
    }
}

/// Where lines are kept from one shell to the next, for its user alone.
fn file() -> Option<PathBuf> {
    std::env::home_dir().map(|home| home.join(".zabra_history"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_script_ends_with_an_error_at_a_line_that_is_no_text() {
        let mut script = &b"ls /\r\n\n# \xff\nls /"[..];
        let mut next = |number| scripted(&mut script, number).map_err(|failure| (failure.exit, failure.message));
        assert_eq!([next(1), next(2)], [Ok(Some("ls /".into())), Ok(Some(String::new()))]);
        let message = "line 3: expected UTF-8: the script ends here".to_string();
        assert_eq!(next(3), Err((Exit::Invocation, message)));
        assert_eq!([next(4), next(5)], [Ok(Some("ls /".into())), Ok(None)]);
    }

    #[test]
    fn what_an_identity_is_shown_with_is_not_kept() {
        assert!(is_secret(" addauth digest alice:x") && is_secret("\"addauth\" digest alice:x"));
        assert!(!is_secret("get /addauth") && !is_secret(""));
    }
}
