//! The page `docs/oracles.md`: generated from the oracles and the rules, and held fresh here.

use super::Oracles;
use std::fmt::Write;
use std::path::Path;
use zabra_core::rule::Rule;

fn page() -> String {
    let mut page = String::from(
        "# Oracles\n\n\
         What must hold in every run, one property per file in `sim/src/oracle/`. Generated from the code \
         (`UPDATE=1 cargo test -p zabra-sim catalogue` rewrites it). *Kills* names the rules of \
         `core/src/rule.rs` whose absence the oracle must catch. A run that breaks several properties at one \
         fact is reported under the first in this order.\n\n\
         | id | states | source | kills |\n|---|---|---|---|\n",
    );
    for oracle in Oracles::catalogue() {
        let kills: Vec<&str> =
            Rule::ALL.iter().map(|r| r.entry()).filter(|e| e.oracle == oracle.id).map(|e| e.name).collect();
        let kills = if kills.is_empty() { "–".to_string() } else { kills.join(", ") };
        writeln!(page, "| `{}` | {} | {} | {kills} |", oracle.id, oracle.states, oracle.source)
            .expect("a string grows");
    }
    page
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a committed page is compared, outside any run")]
fn the_catalogue_of_oracles_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/oracles.md");
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).expect("docs/oracles.md can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/oracles.md is stale: run `UPDATE=1 cargo test -p zabra-sim catalogue`");
}
