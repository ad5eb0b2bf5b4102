//! The law of the fuzz target `lab_files`, on the library itself, on damaged copies of it, and on random text.

#[path = "../../fuzz/laws/lab_files.rs"]
mod law;

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn what_is_wrong_with_a_file_of_the_library_is_said() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![(3, root.join("rules.toml"))];
    for (kind, dir) in [(0, "hunts"), (1, "stories"), (1, "regressions")] {
        find(&root.join(dir), kind, &mut files);
    }
    files.sort();
    for (kind, file) in &files {
        let text = fs::read(file).expect("the library is readable");
        law::holds(&[&[*kind], &text[..]].concat());
        for at in (0..text.len()).step_by((text.len() / 24).max(1)) {
            law::holds(&[&[*kind], &text[..at]].concat());
            let without = [&text[..at], &text[text.len().min(at + 3)..]].concat();
            law::holds(&[&[*kind], &without[..]].concat());
        }
        for line in text.split(|byte| *byte == b'\n') {
            law::holds(&[&[2], line].concat());
            law::holds(&[&[4], line].concat());
        }
    }
}

fn find(dir: &Path, kind: u8, files: &mut Vec<(u8, PathBuf)>) {
    for entry in fs::read_dir(dir).expect("the library is readable") {
        let path = entry.expect("the library is readable").path();
        if path.is_dir() {
            find(&path, kind, files);
        } else {
            files.push((kind, path));
        }
    }
}
