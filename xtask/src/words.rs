//! Names that say nothing, work that is not done, lints silenced without a reason, and paths of one
//! person's machine.

use crate::source::{File, Tree, closing, scrub, words_at};

const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "misc", "shared"];

/// Split, so that this file does not name them.
const MACHINE_PATHS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/")];
const UNDONE: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const UNDONE_MACROS: &[&str] = &[concat!("to", "do!"), concat!("unimple", "mented!"), concat!("db", "g!")];

pub fn check(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in &tree.files {
        let stem = file.path.rsplit('/').next().and_then(|n| n.split('.').next()).unwrap_or("");
        if file.path.split('/').chain([stem]).any(|part| EMPTY_NAMES.contains(&part)) {
            wrong.push(format!("{}: find the noun: this name says nothing", file.path));
        }
        for (number, line) in file.text.lines().enumerate() {
            let at = format!("{}:{}", file.path, number + 1);
            if let Some(path) = MACHINE_PATHS.iter().find(|p| line.contains(**p)) {
                wrong.push(format!("{at}: {path} exists on one machine only"));
            }
        }
        if file.path.ends_with(".rs") {
            wrong.extend(rust(file));
        }
    }
    wrong
}

fn rust(file: &File) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let mut undone = UNDONE.iter().filter(|w| words_at(line, w).next().is_some());
        if let Some(word) = undone.next() {
            wrong.push(format!("{}:{}: {word}: do it, or write an issue", file.path, number + 1));
        }
    }
    let code = scrub(&file.text);
    for word in UNDONE_MACROS {
        wrong.extend(
            code.match_indices(word)
                .map(|(at, _)| format!("{}:{}: {word} is not an implementation", file.path, file.line_of(at))),
        );
    }
    for at in words_at(&code, "allow") {
        let attribute = code[..at].trim_end().ends_with("#[") || code[..at].trim_end().ends_with("#![");
        if attribute && code[at..].starts_with("allow(") {
            wrong.push(format!(
                "{}:{}: #[expect(lint, reason = \"…\")] says when it is no longer needed; allow never does",
                file.path,
                file.line_of(at)
            ));
        }
    }
    for at in code
        .match_indices("expect(clippy")
        .map(|(at, _)| at)
        .chain(code.match_indices("expect(dead_code").map(|(at, _)| at))
    {
        let end = closing(&code, at + "expect".len());
        if !code[at..end].contains("reason") {
            wrong.push(format!("{}:{}: an expected lint needs its reason", file.path, file.line_of(at)));
        }
    }
    if !file.text.starts_with("//!")
        && file.path.contains("/src/")
        && !file.path.ends_with("tests.rs")
        && !file.path.contains("/tests/")
    {
        wrong.push(format!(
            "{}:1: a module opens with a paragraph (//!): what it is responsible for, and what not",
            file.path
        ));
    }
    wrong
}
