//! Lines: of a person, with history and completion of verbs and paths; of a script, as they are.

use super::link::Names;
use super::words::VERBS;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{Context, Editor, Helper, Highlighter, Hinter, Validator};
use std::io::IsTerminal;
use std::path::PathBuf;
use tokio::task::spawn_blocking;

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
    Script,
}

impl Input {
    pub fn new() -> Input {
        if !std::io::stdin().is_terminal() {
            return Input::Script;
        }
        let Ok(mut editor) = Editor::<Words, DefaultHistory>::new() else { return Input::Script };
        if let Some(file) = file() {
            // The first time there is none.
            drop(editor.load_history(&file));
        }
        Input::Person(Some(Box::new(editor)))
    }

    pub async fn next(&mut self, prompt: &str, names: Names) -> Option<String> {
        match self {
            Input::Script => spawn_blocking(|| {
                let mut line = String::new();
                let read = std::io::stdin().read_line(&mut line).ok()?;
                (read > 0).then_some(line.trim_end().to_owned())
            })
            .await
            .ok()?,
            Input::Person(held) => {
                let (mut editor, prompt) = (held.take()?, prompt.to_owned());
                editor.set_helper(Some(Words { names }));
                let (editor, line) = spawn_blocking(move || {
                    let line = editor.readline(&prompt);
                    if let Ok(line) = &line {
                        drop(editor.add_history_entry(line));
                    }
                    (editor, line)
                })
                .await
                .ok()?;
                match line {
                    Ok(line) => {
                        *held = Some(editor);
                        Some(line)
                    }
                    Err(ReadlineError::Interrupted) => {
                        *held = Some(editor);
                        Some(String::new())
                    }
                    Err(_) => {
                        let mut editor = editor;
                        if let Some(file) = file() {
                            drop(editor.save_history(&file));
                        }
                        None
                    }
                }
            }
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        if let (Input::Person(Some(editor)), Some(file)) = (self, file()) {
            drop(editor.save_history(&file));
        }
    }
}

fn file() -> Option<PathBuf> {
    std::env::home_dir().map(|home| home.join(".zabra_history"))
}
