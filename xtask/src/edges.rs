//! Which package may depend on which (the table of ARCHITECTURE.md), and what the core may take
//! from outside.

use crate::source::Tree;
use toml::{Table, Value};

/// Package, and those of ours that it may use. Arrows point one way only.
const MAY_USE: &[(&str, &str, &[&str])] = &[
    ("core", "zabra-core", &[]),
    ("client", "zabra-client", &["zabra-core"]),
    ("server", "zabra", &["zabra-core", "zabra-client"]),
    ("sim", "zabra-sim", &["zabra-core", "zabra-client"]),
    ("checker", "zabra-checker", &["zabra-core", "zabra-client", "zabra-sim"]),
    ("reports", "zabra-reports", &["zabra-core", "zabra-client", "zabra-sim", "zabra-checker"]),
    ("scenarios", "zabra-lab", &["zabra-core", "zabra-client", "zabra-sim", "zabra-checker", "zabra-reports", "zabra"]),
    ("xtask", "zabra-xtask", &[]),
];

/// What the core may take from outside; each needs its reason on the line that takes it.
const CORE_TAKES: &[&str] = &["bytes", "crc32fast", "md-5", "simd-adler32", "rustc-hash"];

pub fn check(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    for (folder, name, may_use) in MAY_USE {
        let Some(manifest) = tree.file(&format!("{folder}/Cargo.toml")) else { continue };
        let table: Table = manifest.text.parse().unwrap_or_else(|e| panic!("{}: {e}", manifest.path));
        if table["package"].get("name").and_then(Value::as_str) != Some(name) {
            wrong.push(format!("{}: the package of {folder}/ is called {name}", manifest.path));
        }
        if table.get("lints").and_then(|l| l.get("workspace")).and_then(Value::as_bool) != Some(true) {
            wrong.push(format!("{}: take the shared lints ([lints] workspace = true)", manifest.path));
        }
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(taken) = table.get(section).and_then(Value::as_table) else { continue };
            let strangers =
                taken.keys().filter(|d| d.starts_with("zabra") && !may_use.contains(&d.as_str()) && d != name);
            wrong
                .extend(strangers.map(|d| format!("{}: {name} may not use {d} (arrows point one way)", manifest.path)));
        }
    }
    wrong.extend(members_in_the_table(tree));
    wrong.extend(core_dependencies(tree));
    wrong
}

fn members_in_the_table(tree: &Tree) -> Vec<String> {
    let root: Table =
        tree.file("Cargo.toml").expect("a root manifest").text.parse().expect("the root manifest is TOML");
    let members = root["workspace"]["members"].as_array().expect("members are a list");
    let unknown = members.iter().filter_map(Value::as_str).filter(|m| !MAY_USE.iter().any(|(folder, ..)| folder == m));
    unknown.map(|m| format!("Cargo.toml: {m}/ is not in the table of packages (xtask/src/edges.rs)")).collect()
}

fn core_dependencies(tree: &Tree) -> Vec<String> {
    let manifest = tree.file("core/Cargo.toml").expect("the core has a manifest");
    let table: Table = manifest.text.parse().expect("the core's manifest is TOML");
    let taken = table.get("dependencies").and_then(Value::as_table).into_iter().flat_map(Table::keys);
    let mut wrong = Vec::new();
    for name in taken {
        if !CORE_TAKES.contains(&name.as_str()) {
            wrong
                .push(format!("core/Cargo.toml: the core does not take {name}: argue for it in docs/decisions/ first"));
        }
        let line = manifest.text.lines().find(|l| l.starts_with(name.as_str()));
        if line.is_some_and(|l| !l.contains('#')) {
            wrong.push(format!("core/Cargo.toml: say on its line why the core takes {name}"));
        }
    }
    wrong
}
