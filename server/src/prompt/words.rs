//! A line as words, and words as a verb with its options: the grammar of `zkCli.sh`.

use super::{Failure, Outcome};
use std::collections::BTreeMap;

/// A verb: how it is used, its flags, its options with a value, and how many words it needs.
pub(super) struct Verb {
    pub name: &'static str,
    pub usage: &'static str,
    flags: &'static [&'static str],
    valued: &'static [&'static str],
    least: usize,
}

const fn verb(
    name: &'static str,
    usage: &'static str,
    flags: &'static [&'static str],
    valued: &'static [&'static str],
    least: usize,
) -> Verb {
    Verb { name, usage, flags, valued, least }
}

pub(super) const VERBS: [Verb; 30] = [
    verb("addWatch", "[-m PERSISTENT|PERSISTENT_RECURSIVE] path", &[], &["m"], 1),
    verb("addauth", "scheme auth", &[], &[], 1),
    verb("close", "", &[], &[], 0),
    verb("config", "[-s]", &["s"], &[], 0),
    verb("connect", "host:port", &[], &[], 0),
    verb("create", "[-s] [-e] [-c] [-t ttl] path [data] [acl]", &["s", "e", "c"], &["t"], 1),
    verb("delete", "[-v version] path", &[], &["v"], 1),
    verb("deleteall", "path [-b batch size]", &[], &["b"], 1),
    verb("delquota", "[-n|-b|-N|-B] path", &["n", "b", "N", "B"], &[], 1),
    verb("exit", "", &[], &[], 0),
    verb("get", "[-s] [-w] [-b] path", &["s", "w", "b"], &[], 1),
    verb("getAcl", "[-s] path", &["s"], &[], 1),
    verb("getAllChildrenNumber", "path", &[], &[], 1),
    verb("getEphemerals", "[path]", &[], &[], 0),
    verb("help", "", &[], &[], 0),
    verb("history", "", &[], &[], 0),
    verb("listquota", "path", &[], &[], 1),
    verb("ls", "[-s] [-w] [-R] path", &["s", "w", "R"], &[], 1),
    verb("printwatches", "on|off", &[], &[], 0),
    verb("quit", "", &[], &[], 0),
    verb(
        "reconfig",
        "[-s] [-v version] -members M | -file F | [-add A] [-remove R]",
        &["s"],
        &["v", "file", "members", "add", "remove"],
        0,
    ),
    verb("redo", "cmdno", &[], &[], 1),
    verb("removewatches", "path [-c|-d|-a]", &["c", "d", "a"], &[], 1),
    verb("set", "[-s] [-v version] [-b] path data", &["s", "b"], &["v"], 2),
    verb("setAcl", "[-s] [-v version] [-R] path acl", &["s", "R"], &["v"], 2),
    verb("setquota", "-n|-b|-N|-B val path", &[], &["n", "b", "N", "B"], 1),
    verb("stat", "[-w] path", &["w"], &[], 1),
    verb("sync", "path", &[], &[], 1),
    verb("version", "", &[], &[], 0),
    verb("whoami", "", &[], &[], 0),
];

/// What a line asks for.
#[derive(Debug)]
pub(super) struct Command {
    pub verb: &'static str,
    options: BTreeMap<&'static str, String>,
    words: Vec<String>,
}

impl Command {
    pub fn parse(words: &[String]) -> Outcome<Command> {
        let Some((name, rest)) = words.split_first() else { return Err(Failure::invocation("no command")) };
        let Some(verb) = VERBS.iter().find(|verb| verb.name == name) else {
            return Err(Failure::invocation(format!("Command not found: {name} (help lists them)")));
        };
        let usage = || Failure::invocation(format!("{} {}", verb.name, verb.usage));
        let mut command = Command { verb: verb.name, options: BTreeMap::new(), words: Vec::new() };
        let mut rest = rest.iter();
        while let Some(word) = rest.next() {
            let option = word.strip_prefix('-').filter(|option| !option.is_empty());
            let known =
                |of: &[&'static str]| option.and_then(|option| of.iter().find(|known| **known == option).copied());
            if let Some(flag) = known(verb.flags) {
                command.options.insert(flag, String::new());
            } else if let Some(valued) = known(verb.valued) {
                command.options.insert(valued, rest.next().ok_or_else(usage)?.clone());
            } else if option.is_some() && command.words.is_empty() {
                return Err(usage());
            } else {
                command.words.push(word.clone());
            }
        }
        if command.words.len() < verb.least { Err(usage()) } else { Ok(command) }
    }

    pub fn has(&self, option: &str) -> bool {
        self.options.contains_key(option)
    }

    pub fn text(&self, option: &str) -> Option<&str> {
        self.options.get(option).map(String::as_str)
    }

    pub fn number(&self, option: &str) -> Outcome<Option<i64>> {
        let read = |text: &str| {
            text.parse().map_err(|_| Failure::invocation(format!("-{option}: expected a number, found {text:?}")))
        };
        self.text(option).map(read).transpose()
    }

    /// The version that `-v` names, or any.
    pub fn version(&self) -> Outcome<i32> {
        let version = self.number("v")?.unwrap_or(-1);
        i32::try_from(version).map_err(|_| Failure::invocation("-v: expected a version"))
    }

    pub fn word(&self, at: usize) -> Option<&str> {
        self.words.get(at).map(String::as_str)
    }

    /// The path, which is the first word but of few verbs.
    pub fn path(&self) -> Outcome<&str> {
        let path = self.word(0).unwrap_or("/");
        match fault(path) {
            None => Ok(path),
            Some(fault) => Err(Failure::invocation(fault)),
        }
    }
}

/// What is wrong with a path, in the words of ZooKeeper's clients.
fn fault(path: &str) -> Option<String> {
    if !path.starts_with('/') {
        return Some("Path must start with / character".into());
    }
    if path.len() > 1 && path.ends_with('/') {
        return Some("Path must not end with / character".into());
    }
    let why = path[1..].split('/').find_map(|name| match name {
        "" if path.len() > 1 => Some("empty node name specified"),
        "." | ".." => Some("relative paths not allowed"),
        _ => None,
    });
    why.map(|why| format!("Invalid path string {path:?} caused by {why}"))
}

/// Splits at spaces, but not within quotes.
pub(super) fn split(line: &str) -> Vec<String> {
    let (mut words, mut rest) = (Vec::new(), line.trim_start());
    while let Some(first) = rest.chars().next() {
        let quoted = matches!(first, '"' | '\'').then(|| rest[1..].split_once(first)).flatten();
        let (word, after) = match quoted {
            Some(parts) => parts,
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<String, String> {
        let command = Command::parse(&split(line)).map_err(|failure| failure.message)?;
        Ok(format!("{} {:?} {:?}", command.verb, command.options, command.words))
    }

    #[test]
    fn a_line_is_a_verb_with_options_and_words() {
        assert_eq!(parsed("create -s /a \"two words\""), Ok(r#"create {"s": ""} ["/a", "two words"]"#.into()));
        assert_eq!(parsed("set /a -1 -v 3"), Ok(r#"set {"v": "3"} ["/a", "-1"]"#.into()));
        assert_eq!(parsed("get"), Err("get [-s] [-w] [-b] path".into()));
        assert_eq!(parsed("get -x /a"), Err("get [-s] [-w] [-b] path".into()));
        assert_eq!(parsed("gte /a"), Err("Command not found: gte (help lists them)".into()));
    }

    #[test]
    fn a_path_that_no_server_takes_is_said_without_one() {
        for (path, why) in
            [("a", "must start"), ("/a/", "must not end"), ("/a//b", "empty node"), ("/a/..", "relative")]
        {
            assert!(fault(path).is_some_and(|fault| fault.contains(why)), "{path}");
        }
        assert_eq!((fault("/"), fault("/a/b.c")), (None, None));
    }
}
