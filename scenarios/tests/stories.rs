//! Every story and every regression of the library plays as it was recorded. `UPDATE=1` rewrites the
//! traces; review judges the difference.

use std::fs;
use std::path::{Path, PathBuf};
use zabra_lab::library::{Kind, Library};
use zabra_sim::story::{Told, check, update};

fn library() -> Library {
    Library::find(Some(Path::new(env!("CARGO_MANIFEST_DIR"))))
}

fn stories() -> Vec<(String, PathBuf)> {
    let kinds = [Kind::Story, Kind::Regression];
    let items = kinds.into_iter().flat_map(|kind| library().all(kind).unwrap_or_else(|e| panic!("{e}")));
    items.map(|item| (item.name, item.path)).collect()
}

#[test]
fn every_story_plays_as_it_was_recorded() {
    let rewrite = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for (name, path) in stories() {
        let file = path.display().to_string();
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{file}: {e}"));
        if rewrite {
            let text = update(&file, &text).unwrap_or_else(|e| panic!("{e}"));
            fs::write(&path, text).unwrap_or_else(|e| panic!("{file}: {e}"));
            continue;
        }
        match check(&file, &text) {
            Ok(Told::Same) => {}
            Ok(told) => wrong.push(format!("{name}: {told:?}")),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_story_says_what_it_is_for_and_expects_something() {
    let stories = stories();
    assert!(stories.len() >= 15, "a library of {} stories", stories.len());
    for (name, path) in stories {
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(text.starts_with("# "), "{name}: the first line is a comment that says what it is for");
        assert!(text.lines().any(|line| line.starts_with("expect ")), "{name}: a story expects something");
    }
}
