//! What is wrong with a file that people wrote, and where: file, line, column, what was expected.

use std::fmt;
use std::ops::Range;

/// A file that cannot be used. Its text is `file:line:col: message`, so that terminals link it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    pub file: String,
    /// From 1; 0 when the whole file is meant.
    pub line: usize,
    pub column: usize,
    pub message: String,
    /// The line itself, if there is one to show.
    pub excerpt: Option<String>,
    /// How many characters from the column on are meant.
    pub width: usize,
}

impl Misfit {
    /// The whole file is the matter.
    pub fn whole(file: impl Into<String>, message: impl Into<String>) -> Misfit {
        Misfit { file: file.into(), line: 0, column: 0, message: message.into(), excerpt: None, width: 0 }
    }

    /// A stretch of the file's text is the matter.
    pub fn at(file: impl Into<String>, text: &str, span: Range<usize>, message: impl Into<String>) -> Misfit {
        let start = floor(text, span.start);
        let before = &text[..start];
        let line = 1 + before.matches('\n').count();
        let begin = before.rfind('\n').map_or(0, |n| n + 1);
        let excerpt = text[begin..].lines().next().unwrap_or("");
        let column = 1 + text[begin..start].chars().count();
        let meant = text[start..floor(text, span.end.max(start))].lines().next().unwrap_or("");
        let width = meant.chars().count().max(1);
        Misfit { file: file.into(), line, column, message: message.into(), excerpt: Some(excerpt.to_string()), width }
    }

    /// A line of the file is the matter.
    pub fn on_line(file: impl Into<String>, text: &str, line: usize, message: impl Into<String>) -> Misfit {
        let start = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
        let length = text[floor(text, start)..].lines().next().map_or(0, str::len);
        Misfit::at(file, text, start..start + length, message)
    }
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return write!(f, "{}: {}", self.file, self.message);
        }
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        if let Some(excerpt) = &self.excerpt {
            let number = self.line.to_string();
            let gap = " ".repeat(number.len());
            let indent = " ".repeat(self.column.saturating_sub(1));
            write!(f, "\n {number} | {excerpt}\n {gap} | {indent}{}", "^".repeat(self.width))?;
        }
        Ok(())
    }
}

/// The candidate that was probably meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = |c: &&str| distance(word, c) <= 1 + word.chars().count() / 3;
    candidates.into_iter().filter(near).min_by_key(|c| distance(word, c))
}

/// `; did you mean …?`, or nothing.
pub fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map_or(String::new(), |c| format!("; did you mean {c}?"))
}

/// Levenshtein's distance, in characters, case ignored.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misfit_points_at_its_place() {
        let text = "a = 1\nclock = \"süß\" # x\n";
        let start = text.find("süß").unwrap();
        let misfit = Misfit::at("hunt.toml", text, start..start + "süß".len(), "expected a number");
        insta::assert_snapshot!(misfit.to_string(), @r#"
        hunt.toml:2:10: expected a number
         2 | clock = "süß" # x
           |          ^^^
        "#);
        assert_eq!(Misfit::on_line("f", text, 2, "m").line, 2);
        assert_eq!(Misfit::on_line("f", text, 99, "m").column, 1);
        assert_eq!(Misfit::at("f", text, 9999..10_000, "m").line, 3);
    }

    #[test]
    fn a_near_miss_is_suggested_and_a_far_one_is_not() {
        let keys = ["ensemble", "network", "faults"];
        assert_eq!(nearest("ensembel", keys), Some("ensemble"));
        assert_eq!(nearest("Fault", keys), Some("faults"));
        assert_eq!(nearest("zookeeper", keys), None);
        assert_eq!((distance("", "abc"), distance("abc", ""), distance("kitten", "sitting")), (3, 3, 3));
    }
}
