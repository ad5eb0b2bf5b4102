//! The length of files and functions, as a ratchet: today's maximum of each package is stored and
//! may only shrink. Below the comfortable size nothing is said.

use crate::source::{FOLDERS, Tree, closing, production, scrub, words_at};
use std::collections::BTreeMap;
use std::fmt::Write;
use toml::{Table, Value};

pub const RATCHET: &str = "xtask/ratchet.toml";

/// What every package may always have.
const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 70;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Maxima {
    pub file: (usize, String),
    pub function: (usize, String),
}

/// Today's maxima, by folder.
pub fn measure(tree: &Tree) -> BTreeMap<String, Maxima> {
    let mut all: BTreeMap<String, Maxima> = BTreeMap::new();
    for file in tree.rust().filter(|f| FOLDERS.contains(&f.folder())) {
        let maxima = all.entry(file.folder().to_string()).or_default();
        maxima.file = maxima.file.clone().max((file.text.lines().count(), file.path.clone()));
        for (line, lines) in functions(&file.text) {
            maxima.function = maxima.function.clone().max((lines, format!("{}:{line}", file.path)));
        }
    }
    all
}

pub fn check(tree: &Tree) -> Vec<String> {
    let stored: Table = tree.file(RATCHET).map(|f| f.text.parse().expect("the ratchet is TOML")).unwrap_or_default();
    let limit = |folder: &str, what: &str, floor: usize| {
        let value = stored.get(folder).and_then(|t| t.get(what)).and_then(Value::as_integer).unwrap_or(0);
        usize::try_from(value).unwrap_or(0).max(floor)
    };
    let mut wrong = Vec::new();
    for (folder, maxima) in measure(tree) {
        for (what, (lines, place), floor) in
            [("file", maxima.file, FILE_LINES), ("function", maxima.function, FUNCTION_LINES)]
        {
            let limit = limit(&folder, what, floor);
            if lines > limit {
                wrong.push(format!("{place}: a {what} of {lines} lines; the longest of {folder}/ may have {limit}: split it by phase or type"));
            }
        }
    }
    wrong
}

/// The ratchet file for these maxima.
pub fn render(all: &BTreeMap<String, Maxima>) -> String {
    let mut text = String::from(
        "# Written by `cargo xtask ratchet`, held by the tidy test: the longest file and function of each package, in lines.\n",
    );
    for (folder, maxima) in all {
        let (file, function) = (maxima.file.0.max(FILE_LINES), maxima.function.0.max(FUNCTION_LINES));
        write!(text, "\n[{folder}]\nfile = {file}\nfunction = {function}\n").expect("a String takes everything");
    }
    text
}

/// First line and number of lines of each function outside tests.
fn functions(source: &str) -> Vec<(usize, usize)> {
    let text = production(source);
    debug_assert_eq!(scrub(source).len(), source.len());
    let line = |at: usize| 1 + text.as_bytes()[..at].iter().filter(|b| **b == b'\n').count();
    let mut found = Vec::new();
    for at in words_at(&text, "fn") {
        // A function type has no name; a declaration ends with a semicolon before any body.
        if !text[at + 2..].trim_start().starts_with(|c: char| c.is_alphabetic() || c == '_') {
            continue;
        }
        let Some(body) = body_of(&text, at) else { continue };
        found.push((line(at), line(closing(&text, body)) - line(at) + 1));
    }
    found
}

fn body_of(text: &str, at: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (offset, c) in text[at..].char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            '{' if depth == 0 => return Some(at + offset),
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured_and_declarations_skipped() {
        let source =
            "trait T {\n    fn a(&self, b: [u8; 4]);\n}\n\nfn b() {\n    let f: fn(u8) = c;\n}\nfn c(_: u8) {}\n";
        assert_eq!(functions(source), [(5, 3), (8, 1)]);
    }
}
