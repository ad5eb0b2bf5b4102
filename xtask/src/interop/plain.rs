//! What a client said, without what no two servers share: clocks, sessions' ids, epochs, addresses.
//!
//! A zxid keeps its counter: the same requests take the same number of transactions.

/// An owner from here on is no session: a container, or a time to live.
const SPECIAL_OWNER: u64 = 1 << 63;

/// The lines of an answer; events, which come when they like, stand behind the others.
pub(super) fn plain(said: &[String], address: &str, event: &str) -> Vec<String> {
    let kept = said.iter().filter(|line| !is_noise(line)).map(|line| line.replace(address, "SERVER"));
    let (events, mut lines): (Vec<String>, Vec<String>) =
        kept.map(|line| without_numbers(&line)).partition(|line| line.starts_with(event));
    // No order of children, ephemerals and identities is promised: Apache's is that of a hash table.
    for names in lines.chunk_by_mut(|one, other| is_name(one) == is_name(other)) {
        if names.first().is_some_and(|name| is_name(name)) {
            names.sort();
        }
    }
    if let Some(identities) = lines.iter().position(|line| line.starts_with("Auth scheme: User")) {
        lines[identities + 1..].sort();
    }
    for line in &mut lines {
        if let Some(list) = line.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
            let mut names: Vec<&str> = list.split(", ").collect();
            names.sort_unstable();
            *line = format!("[{}]", names.join(", "));
        }
    }
    lines.extend(events);
    lines
}

fn is_name(line: &str) -> bool {
    line.starts_with('\t') && !line.contains('=')
}

/// Log lines, empty lines, and what was measured.
fn is_noise(line: &str) -> bool {
    let is_logged =
        line.len() > 10 && line.as_bytes()[..4].iter().all(u8::is_ascii_digit) && line.as_bytes()[4] == b'-';
    let is_measured = line.starts_with("time = ") && line.ends_with(" msec");
    line.trim().is_empty() || line == "WATCHER::" || line.starts_with("SLF4J:") || is_logged || is_measured
}

/// Replaces the value of every known name, whether it stands behind ` = `, `=`, `: ` or `: 0x`.
fn without_numbers(line: &str) -> String {
    if line.contains("ctime =") || line.contains("mtime =") || line.contains("mtime=") {
        return "a time".to_owned();
    }
    let mut line = line.to_owned();
    for (name, radix) in [
        ("cZxid = 0x", 16),
        ("mZxid = 0x", 16),
        ("pZxid = 0x", 16),
        ("czxid=", 16),
        ("mzxid=", 16),
        ("ephemeralOwner = 0x", 16),
        ("ephemeralOwner = ", 16),
        ("session id: 0x", 16),
        (" zxid: ", 10),
    ] {
        let Some(at) = line.find(name).map(|at| at + name.len()) else { continue };
        let digits = line[at..].bytes().take_while(|byte| char::from(*byte).is_digit(radix)).count();
        let Ok(value) = u64::from_str_radix(&line[at..at + digits], radix) else { continue };
        let value = if name.to_ascii_lowercase().contains("zxid") {
            format!("{:x}", value & u64::from(u32::MAX))
        } else if value == 0 || value >= SPECIAL_OWNER {
            continue;
        } else {
            "SESSION".to_owned()
        };
        line.replace_range(at..at + digits, &value);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(said: &[&str]) -> Vec<String> {
        let said: Vec<String> = said.iter().map(|line| (*line).to_owned()).collect();
        plain(&said, "127.0.0.1:2181", "WatchedEvent ")
    }

    #[test]
    fn what_no_two_servers_share_goes_and_the_rest_stays() {
        assert_eq!(
            of(&["cZxid = 0x10000000a", "ctime = Mon Nov 23", "ephemeralOwner = 0x10003add78e0000", "czxid=5"]),
            ["cZxid = 0xa", "a time", "ephemeralOwner = 0xSESSION", "czxid=5"]
        );
        assert_eq!(
            of(&["ephemeralOwner = 0xff00000000000258", "ephemeralOwner = 0x0"]),
            ["ephemeralOwner = 0xff00000000000258", "ephemeralOwner = 0x0"]
        );
        assert_eq!(of(&["2026-11-23 12:00:00 [main] INFO", "", "at 127.0.0.1:2181"]), ["at SERVER"]);
    }

    #[test]
    fn events_stand_behind_the_answer_and_names_in_their_order() {
        assert_eq!(
            of(&["WATCHER::", "WatchedEvent x zxid: 4294967299", "\tb", "\ta", "rc = 0"]),
            ["\ta", "\tb", "rc = 0", "WatchedEvent x zxid: 3"]
        );
        assert_eq!(of(&["[/b, /a]", "Auth scheme: User", "ip: x", "digest: y"])[0], "[/a, /b]");
        assert_eq!(of(&["Auth scheme: User", "ip: x", "digest: y"])[1..], ["digest: y", "ip: x"]);
    }
}
