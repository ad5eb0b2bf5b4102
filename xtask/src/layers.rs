//! The inner order of the core: each module imports only what stands before it, and `zab` never
//! imports the service (design section 1).

use crate::source::{File, Tree, production, words_at};

/// From the ground up. A module may use itself and what stands before it.
const ORDER: &[&str] = &[
    "id", "rule", "wire", "quorum", "config", "tree", "session", "watch", "log", "contract", "zab", "request", "admin",
    "role", "replica",
];

/// Imports against the order, each with its reason.
const EXCEPTIONS: &[(&str, &str, &str)] =
    &[("contract", "zab", "inputs and actions carry the decoded messages between servers")];

/// To `zab` a transaction is bytes with a zxid.
const HIDDEN_FROM_ZAB: &[&str] = &["tree", "session", "watch", "request"];

pub fn check(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    let files = tree.rust().filter(|f| f.path.starts_with("core/src/") && f.path != "core/src/lib.rs");
    for file in files.filter(|f| !is_test(f)) {
        let path = module_path(&file.path);
        let module = path[0].as_str();
        let Some(own) = rank(module) else {
            wrong.push(format!("{}: the module {module} has no place in the order (xtask/src/layers.rs)", file.path));
            continue;
        };
        for (import, line) in imports(file, &path) {
            let allowed = EXCEPTIONS.iter().any(|(from, to, _)| *from == module && *to == import);
            if module == "zab" && HIDDEN_FROM_ZAB.contains(&import.as_str()) {
                wrong.push(format!("{}:{line}: zab never imports {import}", file.path));
            } else if rank(&import).is_some_and(|other| other > own) && !allowed {
                wrong.push(format!("{}:{line}: {module} stands before {import} and may not import it", file.path));
            }
        }
    }
    wrong
}

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|m| *m == module)
}

fn is_test(file: &File) -> bool {
    file.path.split('/').any(|part| part == "tests.rs" || part == "tests")
}

/// `core/src/zab/election/links.rs` is `[zab, election, links]`.
fn module_path(path: &str) -> Vec<String> {
    let inner = path.trim_start_matches("core/src/").trim_end_matches(".rs").trim_end_matches("/mod");
    inner.split('/').map(str::to_string).collect()
}

/// The modules of the core that a file names, with the line.
fn imports(file: &File, path: &[String]) -> Vec<(String, usize)> {
    let text = production(&file.text);
    let mut found = Vec::new();
    for at in words_at(&text, "crate") {
        let after = &text[at + "crate".len()..];
        found.extend(first_parts(after).into_iter().map(|m| (m, file.line_of(at))));
    }
    for at in words_at(&text, "super") {
        let before = text[..at].trim_end();
        if before.ends_with("super::") || before.ends_with("::") {
            continue;
        }
        let mut rest = &text[at..];
        let mut up = 0;
        while let Some(after) = rest.strip_prefix("super") {
            up += 1;
            rest = after;
            if let Some(after) = rest.strip_prefix("::").filter(|r| r.starts_with("super")) {
                rest = after;
            }
        }
        if up == path.len() {
            found.extend(first_parts(rest).into_iter().map(|m| (m, file.line_of(at))));
        }
    }
    found
}

/// The first parts after `crate`: of `::zab::X` it is `zab`, of `::{id, log::{A, B}}` they are `id` and `log`.
fn first_parts(after: &str) -> Vec<String> {
    let Some(after) = after.strip_prefix("::") else { return Vec::new() };
    let Some(group) = after.strip_prefix('{') else { return vec![word(after)] };
    let (mut parts, mut depth, mut fresh) = (Vec::new(), 0, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && (c.is_alphanumeric() || c == '_') => {
                parts.push(word(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    parts
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imported(path: &str, text: &str) -> Vec<String> {
        let file = File { path: path.to_string(), text: text.to_string() };
        imports(&file, &module_path(path)).into_iter().map(|(m, _)| m).collect()
    }

    #[test]
    fn plain_grouped_and_relative_imports_are_seen() {
        let text = "use crate::{id::{A, B}, log};\nuse super::super::tree::X;\nuse super::vote;\nfn f() { crate::request::g() }";
        assert_eq!(imported("core/src/zab/election.rs", text), ["id", "log", "request", "tree"]);
        assert_eq!(imported("core/src/zab/mod.rs", "use super::tree::X;"), ["tree"]);
    }

    #[test]
    fn comments_and_tests_do_not_count() {
        assert!(
            imported("core/src/zab/mod.rs", "//! [`crate::tree`]\n#[cfg(test)]\nmod tests { use crate::tree::X; }")
                .is_empty()
        );
    }
}
