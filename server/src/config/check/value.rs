//! What a value may be, and how a problem with it is kept.

use super::Check;
use crate::config::problem::{Problem, Severity};

impl Check {
    pub(super) fn number(&mut self, key: &str, min: u32, max: u32) -> Option<u32> {
        let entry = self.entries.get(key)?;
        match entry.value.parse::<u32>() {
            Ok(number) if (min..=max).contains(&number) => Some(number),
            // Apache writes −1 for "the default".
            Err(_) if entry.value == "-1" => None,
            Ok(_) | Err(_) => {
                let text = format!("{key}: expected a number from {min} to {max}, found {:?}", entry.value);
                let line = entry.line;
                self.error(Some(line), text);
                None
            }
        }
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        let entry = self.entries.get(key)?;
        match entry.value.to_lowercase().as_str() {
            "true" | "yes" => Some(true),
            "false" | "no" => Some(false),
            other => {
                let (line, text) = (entry.line, format!("{key}: expected true or false, found {other:?}"));
                self.error(Some(line), text);
                None
            }
        }
    }

    pub(super) fn error(&mut self, line: Option<usize>, text: String) {
        self.problems.push(Problem { severity: Severity::Error, file: self.file.clone(), line, text });
    }

    pub(super) fn warn(&mut self, line: usize, text: String) {
        self.problems.push(Problem { severity: Severity::Warning, file: self.file.clone(), line: Some(line), text });
    }
}
