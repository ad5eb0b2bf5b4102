//! The text of a configuration for operators who ask: without the secrets that stand in it.

use crate::config::text::entries;
use std::collections::BTreeMap;

/// Whoever may look is not to know how keys are protected, nor what a superuser's password is made from. Secrets are
/// found as the server finds them, so that no way to write a key hides it from this; those that stand in comments too.
pub(in crate::config) fn without_secrets(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut hidden = BTreeMap::new();
    hide(&lines, 0, "", &mut hidden);
    let mut at = 0;
    while at < lines.len() {
        let comments: Vec<&str> = lines[at..].iter().map_while(|line| comment(line)).collect();
        hide(&comments, at, "#", &mut hidden);
        at += comments.len().max(1);
    }
    let mut shown = String::new();
    let mut at = 0;
    while at < lines.len() {
        match hidden.get(&at) {
            Some((behind, line)) => {
                shown.push_str(line);
                at = *behind;
            }
            None => {
                shown.push_str(lines[at]);
                at += 1;
            }
        }
        shown.push('\n');
    }
    shown
}

/// By the line that each secret begins on (all lines are counted from `from`): the line behind it, and what is shown.
fn hide(lines: &[&str], from: usize, mark: &str, hidden: &mut BTreeMap<usize, (usize, String)>) {
    for entry in entries(&lines.join("\n")).iter().filter(|entry| is_secret(&entry.key)) {
        let shown = format!("{mark}{}=***", entry.key.escape_default());
        hidden.insert(from + entry.line - 1, (from + entry.last, shown));
    }
}

/// What a comment says.
fn comment(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.starts_with(['#', '!']).then(|| line.trim_start_matches(['#', '!', ' ', '\t']))
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.ends_with("password") || key.ends_with("superdigest")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_secret_stays_as_it_is() {
        let text = "# talk\ndataDir = /x\n\nssl.keyStore.passwordPath=/k\nserver.1=a:1:2\\\n  :observer\n";
        assert_eq!(without_secrets(text), text);
    }

    #[test]
    fn a_secret_is_hidden_however_it_is_written() {
        let text = "a=1\nssl.keyStore.password hush\nssl.trustStore.passwor\\u0064=hush\nssl.quorum.keyStore.\\\n\
                    \tpassword=hu\\\n  sh\nb=2\n zookeeper.DigestAuthenticationProvider.superDigest:super:hush\n\
                    #ssl.keyStore.password=hu\\\n# sh\n! c=3\n";
        insta::assert_snapshot!(without_secrets(text), @r"
        a=1
        ssl.keyStore.password=***
        ssl.trustStore.password=***
        ssl.quorum.keyStore.password=***
        b=2
        zookeeper.DigestAuthenticationProvider.superDigest=***
        #ssl.keyStore.password=***
        ! c=3
        ");
    }

    /// A key whose letters are escaped or broken as the choices say, and what stands behind it.
    fn written(key: &str, choices: &[u8], separator: &str, value: &[String]) -> String {
        let mut text = String::new();
        for (letter, choice) in key.chars().zip(choices.iter().cycle()) {
            match choice {
                0 => text.push_str(&format!("\\u{:04x}", u32::from(letter))),
                1 => text.push_str(&format!("\\\n  {letter}")),
                2 if !"tnru".contains(letter) => text.push_str(&format!("\\{letter}")),
                _ => text.push(letter),
            }
        }
        format!("{text}{separator}{}\n", value.join("\\\n \t"))
    }

    proptest! {
        #[test]
        fn no_part_of_a_secret_is_shown(
            key in prop::sample::select(vec![
                "ssl.keyStore.password", "zookeeper.ssl.quorum.trustStore.password",
                "DigestAuthenticationProvider.superDigest",
            ]),
            choices in prop::collection::vec(0u8..9, 1..40),
            separator in prop::sample::select(vec!["=", ":", " ", "\t", " = ", " : "]),
            value in prop::collection::vec("[A-Z]{4,8}", 1..4),
            before in "([#!]? ?[a-z]{1,3}[=: ][a-z]{0,3}\\\\?\n){0,3}",
        ) {
            let text = format!("{before}\n{}d=4\n", written(key, &choices, separator, &value));
            prop_assert!(entries(&text).iter().any(|entry| entry.key == key && entry.value == value.concat()));
            let shown = without_secrets(&text);
            prop_assert!(value.iter().all(|part| !shown.contains(part.as_str())), "{shown}");
            prop_assert!(shown.ends_with(&format!("{key}=***\nd=4\n")), "{shown}");
        }
    }
}
