//! The syntax of Java's property files: keys and values with the line that they stand on. What a key
//! means is decided elsewhere.

/// One key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub value: String,
    /// The line that the entry begins on, from 1.
    pub line: usize,
    /// The line that it ends on.
    pub last: usize,
}

/// Every entry of a file, in order. There is no text that has no reading.
pub fn entries(text: &str) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, first)) = lines.next() {
        let mut logical = first.trim_start().to_string();
        if logical.is_empty() || logical.starts_with(['#', '!']) {
            continue;
        }
        let mut end = at;
        while continues(&logical) {
            logical.pop();
            let Some((behind, next)) = lines.next() else { break };
            end = behind;
            logical.push_str(next.trim_start());
        }
        let (key, value) = split(&logical);
        let value = unescape(value).trim().to_string();
        found.push(Entry { key: unescape(key), value, line: at + 1, last: end + 1 });
    }
    found
}

/// An odd number of backslashes at its end: the next line belongs to this one.
fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// The key ends at the first `=`, `:` or blank that no backslash stands before.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.char_indices().find(|(_, c)| {
        let ends = !escaped && (matches!(c, '=' | ':') || c.is_whitespace());
        escaped = !escaped && *c == '\\';
        ends
    });
    let Some((end, _)) = end else { return (line, "") };
    let rest = line[end..].trim_start();
    (&line[..end], rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start())
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                out.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_and_values_are_read_as_java_reads_them() {
        let text = "# talk\n! talk\n\na=1\n  b : 2  \nc 3\nd=x\\\n   y\ne\\=f=g\\:h\ni\nj=\\u0041\\\\\nk==2\n";
        let seen: Vec<_> = entries(text).into_iter().map(|e| format!("{} {}={}", e.line, e.key, e.value)).collect();
        assert_eq!(seen, ["4 a=1", "5 b=2", "6 c=3", "7 d=xy", "9 e=f=g:h", "10 i=", "11 j=A\\", "12 k==2"]);
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange_to_read(text: String) {
            let lines = text.lines().count();
            prop_assert!(entries(&text).iter().all(|entry| entry.line <= lines));
        }
    }
}
