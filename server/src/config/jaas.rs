//! The JAAS file that operators of SASL already have: users and passwords of DIGEST-MD5
//! (reference/zookeeper.md section 1.10).
//!
//! `Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_alice="secret"; };`

use std::collections::BTreeMap;
use std::sync::Arc;
use zabra_core::config::Password;

/// The section that servers read.
const SECTION: &str = "Server";
const MODULE: &str = "org.apache.zookeeper.server.auth.DigestLoginModule";

/// A word, a quoted text or a sign, and the line it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    line: usize,
    text: String,
    is_quoted: bool,
}

/// What was expected, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    pub line: usize,
    pub expected: String,
}

/// The users of the server's section; nobody in a file without one, which may be a client's.
pub fn users(text: &str) -> Result<BTreeMap<Arc<str>, Password>, Misread> {
    let tokens = tokens(text)?;
    let last = tokens.last().map_or(1, |token| token.line);
    let mut tokens = tokens.into_iter();
    let mut next_section = tokens.next();
    while let Some(name) = next_section {
        let mut next = |expected: &str| {
            tokens.next().ok_or_else(|| Misread { line: last, expected: format!("{expected}, found the end") })
        };
        sign(&next("{")?, "{")?;
        let mut users = BTreeMap::new();
        loop {
            let class = next("a login module or }")?;
            if is_sign(&class, "}") {
                break;
            }
            let flag = next("required")?;
            if name.text == SECTION && class.text != MODULE {
                return Err(misread(&class, MODULE));
            }
            if !["required", "requisite", "sufficient", "optional"].contains(&flag.text.to_lowercase().as_str()) {
                return Err(misread(&flag, "required"));
            }
            loop {
                let key = next("an option or ;")?;
                if is_sign(&key, ";") {
                    break;
                }
                sign(&next("=")?, "=")?;
                let value = next("a value")?;
                if let Some(user) = key.text.strip_prefix("user_") {
                    users.insert(Arc::from(user), Password::new(&value.text));
                }
            }
        }
        sign(&next(";")?, ";")?;
        if name.text == SECTION {
            return match users.is_empty() {
                true => Err(misread(&name, "a user in this section: user_NAME=\"PASSWORD\"")),
                false => Ok(users),
            };
        }
        next_section = tokens.next();
    }
    Ok(BTreeMap::new())
}

fn is_sign(token: &Token, sign: &str) -> bool {
    !token.is_quoted && token.text == sign
}

fn sign(token: &Token, wanted: &str) -> Result<(), Misread> {
    if is_sign(token, wanted) { Ok(()) } else { Err(misread(token, wanted)) }
}

/// Passwords stand in this file: what was found is not repeated.
fn misread(token: &Token, expected: &str) -> Misread {
    Misread { line: token.line, expected: expected.to_owned() }
}

fn tokens(text: &str) -> Result<Vec<Token>, Misread> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    let mut line = 1;
    while let Some(first) = chars.next() {
        let begin = line;
        let mut word = String::from(first);
        match first {
            '\n' => {
                line += 1;
                continue;
            }
            first if first.is_whitespace() => continue,
            '/' if chars.peek() == Some(&'/') => {
                while chars.peek().is_some_and(|c| *c != '\n') {
                    chars.next();
                }
                continue;
            }
            '/' if chars.next_if_eq(&'*').is_some() => {
                let mut before = ' ';
                loop {
                    let c = chars
                        .next()
                        .ok_or_else(|| Misread { line: begin, expected: "an end of this comment".into() })?;
                    line += usize::from(c == '\n');
                    if (before, c) == ('*', '/') {
                        break;
                    }
                    before = c;
                }
                continue;
            }
            '"' => {
                word.clear();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => word.extend(chars.next()),
                        Some('\n') | None => {
                            return Err(Misread { line: begin, expected: "an end of this quoted text".into() });
                        }
                        Some(c) => word.push(c),
                    }
                }
            }
            '{' | '}' | ';' | '=' => {}
            _ => {
                let is_word = |c: &char| !c.is_whitespace() && !"{};=\"".contains(*c);
                while let Some(c) = chars.next_if(is_word) {
                    word.push(c);
                }
            }
        }
        tokens.push(Token { line: begin, text: word, is_quoted: first == '"' });
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "// clients' side\nClient { other.Module required username=\"x\"; };\n\
                        Server {\n  org.apache.zookeeper.server.auth.DigestLoginModule required\n  \
                        /* two\n lines */ user_super=\"a \\\"b\\\"\"\n  user_alice=\"secret\";\n};\n";

    #[test]
    fn the_users_of_the_servers_section_are_read() {
        let users = users(FILE).unwrap();
        let wanted = [("alice", "secret"), ("super", "a \"b\"")];
        let wanted = wanted.map(|(user, password)| (Arc::from(user), Password::new(password)));
        assert!(users == BTreeMap::from(wanted));
    }

    #[test]
    fn a_file_without_the_servers_section_names_nobody() {
        for text in ["", "\n// nothing\n", "Client { other.Module required; };"] {
            assert!(users(text).is_ok_and(|users| users.is_empty()), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_line_and_no_password_is_said() {
        let wrong = [
            ("Server", 1, "{, found the end"),
            ("Server {\n x.Krb5LoginModule required;\n};", 2, MODULE),
            ("Server {\n};", 1, "a user in this section: user_NAME=\"PASSWORD\""),
            ("Server {\n\"secret", 2, "an end of this quoted text"),
            (&FILE.replace("required\n", "often\n"), 4, "required"),
            (&FILE.replace("user_alice=", "user_alice "), 7, "="),
            (&FILE.replace("};\n", "}"), 2, ";"),
        ];
        for (text, line, expected) in wrong {
            let misread = users(text).err();
            assert_eq!(misread, Some(Misread { line, expected: expected.into() }), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            drop(users(&text));
        }
    }
}
