//! What was measured, as a table.

use std::collections::BTreeMap;

/// Measurements by row and peer, in the order in which they were first made.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<String>,
    peers: Vec<String>,
    cells: BTreeMap<(String, String), Vec<u64>>,
}

impl Table {
    pub(super) fn note(&mut self, peer: &str, row: &str, value: Option<u64>) {
        let Some(value) = value else { return };
        println!("  {row}: {value}");
        for (names, name) in [(&mut self.rows, row), (&mut self.peers, peer)] {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        self.cells.entry((row.to_owned(), peer.to_owned())).or_default().push(value);
    }

    /// The medians, with the least and the most where they are not one, as a table of Markdown.
    pub(super) fn text(&self) -> String {
        let head = "median (least – most)";
        let mut text = format!("| {head} | {} |\n|---|{}", self.peers.join(" | "), "---|".repeat(self.peers.len()));
        for row in &self.rows {
            let cell = |peer: &String| {
                let values = self.cells.get(&(row.clone(), peer.clone())).cloned().unwrap_or_default();
                spread(values)
            };
            let cells: Vec<String> = self.peers.iter().map(cell).collect();
            text.push_str(&format!("\n| {row} | {} |", cells.join(" | ")));
        }
        text
    }
}

fn spread(mut values: Vec<u64>) -> String {
    values.sort_unstable();
    match (values.first(), values.last(), median(values.clone())) {
        (Some(least), Some(most), Some(median)) if least < most => format!("{median} ({least} – {most})"),
        (_, _, median) => median.map_or_else(String::new, |value| value.to_string()),
    }
}

pub(super) fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_medians_and_spreads_and_leaves_out_what_was_not_measured() {
        let mut table = Table::default();
        for value in [5, 1, 3] {
            table.note("a", "x", Some(value));
        }
        table.note("b", "y", Some(7));
        table.note("b", "x", None);
        assert_eq!(
            table.text(),
            "| median (least – most) | a | b |\n|---|---|---|\n| x | 3 (1 – 5) |  |\n| y |  | 7 |"
        );
    }
}
