//! The files of the workspace as the checks see them: whole, and scrubbed of comments and literals.

use std::fs;
use std::path::{Path, PathBuf};

/// The packages' folders; everything else at the root is documents and configuration.
pub const FOLDERS: &[&str] = &["core", "client", "server", "sim", "checker", "reports", "scenarios", "xtask"];

/// Every file of the workspace that people write.
pub struct Tree {
    pub root: PathBuf,
    pub files: Vec<File>,
}

pub struct File {
    /// Relative to the root, with `/`.
    pub path: String,
    pub text: String,
}

impl Tree {
    /// The workspace that this package was built in.
    pub fn of_workspace() -> Tree {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_path_buf();
        let mut files = Vec::new();
        walk(&root, &root, &mut files);
        files.sort_by(|a: &File, b: &File| a.path.cmp(&b.path));
        assert!(files.iter().any(|f| f.path == "core/src/lib.rs"), "the walk missed the core");
        Tree { root, files }
    }

    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|f| f.path.ends_with(".rs"))
    }

    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|f| f.path == path)
    }
}

impl File {
    /// The package's folder.
    pub fn folder(&self) -> &str {
        self.path.split('/').next().expect("a path has a first part")
    }

    /// The number of the line at `offset`, from 1.
    pub fn line_of(&self, offset: usize) -> usize {
        1 + self.text.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count()
    }
}

fn walk(root: &Path, dir: &Path, files: &mut Vec<File>) {
    const TEXT: &[&str] = &["rs", "toml", "md", "scn", "json", "snap", "yml"];
    for entry in fs::read_dir(dir).expect("the workspace is readable") {
        let path = entry.expect("the workspace is readable").path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
        if path.is_dir() {
            if !matches!(name, "target" | ".git" | "out" | "fuzz") {
                walk(root, &path, files);
            }
        } else if path.extension().and_then(|e| e.to_str()).is_some_and(|e| TEXT.contains(&e))
            || dir == root.join(".ci")
        {
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let path = path.strip_prefix(root).expect("under the root").to_string_lossy().replace('\\', "/");
            files.push(File { path, text });
        }
    }
}

/// The source with comments, strings and character literals blanked: same length, same lines.
pub fn scrub(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(bytes, at);
        match end {
            Some(end) => {
                out.extend(bytes[at..end].iter().map(|b| if *b == b'\n' { b'\n' } else { b' ' }));
                at = end;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where the comment or literal that starts at `at` ends; `None` when none starts there.
fn literal_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    let in_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    if rest.starts_with(b"//") {
        return Some(at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()));
    }
    if rest.starts_with(b"/*") {
        return Some(at + block_comment(rest));
    }
    if rest[0] == b'"' {
        return Some(at + quoted(rest));
    }
    let raw = rest.strip_prefix(b"b").unwrap_or(rest);
    if !in_word && raw.first() == Some(&b'r') {
        let hashes = raw[1..].iter().take_while(|b| **b == b'#').count();
        if raw.get(1 + hashes) == Some(&b'"') {
            let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
            let body = 2 + hashes;
            let length =
                raw[body..].windows(close.len()).position(|w| w == close).map_or(raw.len(), |p| body + p + close.len());
            return Some(at + (rest.len() - raw.len()) + length);
        }
    }
    if rest[0] == b'\'' { char_literal(rest).map(|n| at + n) } else { None }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0usize, 0usize);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn quoted(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != b'"' {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// A character literal, told apart from a lifetime.
fn char_literal(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        return rest[3..].iter().position(|b| *b == b'\'').map(|p| p + 4);
    }
    let text = std::str::from_utf8(&rest[1..rest.len().min(5)])
        .or_else(|e| std::str::from_utf8(&rest[1..1 + e.valid_up_to()]))
        .ok()?;
    let width = text.chars().next()?.len_utf8();
    (rest.get(1 + width) == Some(&b'\'')).then_some(width + 2)
}

/// Where the bracket that opens at `open` closes, in scrubbed text.
pub fn closing(scrubbed: &str, open: usize) -> usize {
    let bytes = scrubbed.as_bytes();
    let (opening, close) = match bytes[open] {
        b'{' => (b'{', b'}'),
        b'(' => (b'(', b')'),
        b'[' => (b'[', b']'),
        other => panic!("{} opens nothing", other as char),
    };
    let mut depth = 0usize;
    for (at, byte) in bytes.iter().enumerate().skip(open) {
        if *byte == opening {
            depth += 1;
        } else if *byte == close {
            depth -= 1;
            if depth == 0 {
                return at;
            }
        }
    }
    bytes.len() - 1
}

/// The offsets at which `word` stands as a whole word in scrubbed text.
pub fn words_at<'a>(scrubbed: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    scrubbed.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let bytes = scrubbed.as_bytes();
        (*at == 0 || !is_word(bytes[at - 1])) && bytes.get(at + word.len()).is_none_or(|b| !is_word(*b))
    })
}

/// The source of production: scrubbed, and with `#[cfg(test)]` items blanked.
pub fn production(source: &str) -> String {
    let mut text = scrub(source);
    while let Some(at) = text.find("#[cfg(test)]") {
        let body = text[at..].find(['{', ';']).map_or(text.len() - 1, |p| at + p);
        let end = if text.as_bytes()[body] == b'{' { closing(&text, body) } else { body };
        let blank: String = text[at..=end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        text.replace_range(at..=end, &blank);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lines_kept() {
        let source = "let a = \"fn x() {\"; // fn\nlet b = '{'; /* { /* } */ */ let c = r#\"\"{\"#; fn f<'a>() {}\n";
        let scrubbed = scrub(source);
        assert_eq!(scrubbed.len(), source.len());
        assert_eq!(scrubbed.lines().count(), source.lines().count());
        assert_eq!(words_at(&scrubbed, "fn").count(), 1);
        assert_eq!(scrubbed.matches('{').count(), 1);
        assert!(scrubbed.contains("<'a>"));
    }

    #[test]
    fn test_modules_are_no_part_of_production() {
        let source = "fn a() {}\n#[cfg(test)]\nmod tests { use crate::later; }\nfn b() {}\n#[cfg(test)]\nmod more;\n";
        let production = production(source);
        assert!(!production.contains("later") && !production.contains("more"));
        assert_eq!(words_at(&production, "fn").count(), 2);
    }
}
