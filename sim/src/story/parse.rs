//! The text of a story.

use crate::scenario::SERVERS_MAX;
use crate::step::Step;
use crate::step::text::{Expected, VERBS, Words, step};
use std::fmt;
use zabra_core::id::{Epoch, ServerId, Zxid};
use zabra_core::rule::Rule;

/// A line that is no command: file, line, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongLine {
    pub file: String,
    pub line: usize,
    pub expected: String,
}

impl fmt::Display for WrongLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: expected {}", self.file, self.line, self.expected)
    }
}

impl std::error::Error for WrongLine {}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// So many voters and observers; started, unless `down`.
    Servers {
        voters: u8,
        observers: u8,
        down: bool,
    },
    /// A bound of the servers' configuration.
    Set {
        key: Key,
        value: u32,
    },
    /// The groups of a hierarchical quorum.
    Groups(Vec<Vec<u8>>),
    /// A client that knows these servers, in this order; none: a raw one.
    ClientIs {
        client: u16,
        servers: Vec<u32>,
        timeout_ms: u32,
    },
    /// These rules are switched off.
    Without(Vec<Rule>),
    /// The election connections come up.
    Connect,
    /// Deliveries, storage completions and the timers of an election, in a fixed order, until this
    /// server leads and all who can have joined it.
    Elect(ServerId),
    /// Deliveries and storage completions, in a fixed order, until there are none.
    Settle,
    /// A client begins a session at this server, and its creation is committed.
    ClientAt {
        client: u16,
        server: ServerId,
    },
    /// The oldest item of a direction, which must be this packet; or all items.
    Deliver {
        from: ServerId,
        to: ServerId,
        nth: u8,
        what: Delivery,
    },
    /// What is on its way from one server to the other is lost: their connection breaks.
    Drop {
        from: ServerId,
        to: ServerId,
    },
    Step(Step),
    Expect(Expectation),
}

/// What a story may set before its servers are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    WindowBytes,
    CheckpointRecords,
    /// The counter that ends an epoch.
    CounterEnd,
    /// 1: the real store over sectors.
    SectorDisk,
    /// Servers beyond the first ensemble, which may then be changed.
    Spares,
}

impl Key {
    pub const ALL: [Key; 5] = [Key::WindowBytes, Key::CheckpointRecords, Key::CounterEnd, Key::SectorDisk, Key::Spares];

    pub fn name(self) -> &'static str {
        match self {
            Key::WindowBytes => "window_bytes",
            Key::CheckpointRecords => "checkpoint_records",
            Key::CounterEnd => "counter_end",
            Key::SectorDisk => "sector_disk",
            Key::Spares => "spares",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    Packet(String),
    All,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    Leader(ServerId),
    Follower(ServerId),
    Observer(ServerId),
    Looking(ServerId),
    Down(ServerId),
    Committed(ServerId, Zxid),
    History(ServerId, Zxid),
    /// This oracle has objected.
    Violation(String),
    /// No oracle has objected.
    Pass,
}

/// A story: commands with their line numbers, and the recorded trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    pub commands: Vec<(usize, Command)>,
    pub trace: Vec<String>,
}

impl Story {
    pub fn parse(file: &str, text: &str) -> Result<Story, WrongLine> {
        let mut story = Story { commands: Vec::new(), trace: Vec::new() };
        let mut lines = text.lines().enumerate();
        for (at, line) in lines.by_ref() {
            if line.trim() == "---" {
                break;
            }
            let words = line.split(" //").next().unwrap_or_default().trim();
            if words.is_empty() || words.starts_with("# ") || words == "#" {
                continue;
            }
            let wrong = |expected: Expected| WrongLine { file: file.to_owned(), line: at + 1, expected: expected.0 };
            let command = command(words).map_err(wrong)?;
            let there = story.commands.iter().any(|(_, c)| matches!(c, Command::Servers { .. }));
            if command.comes_before() == there {
                return Err(wrong(Expected::new("`servers N` once, `without`, `set` and `groups` before it")));
            }
            story.commands.push((at + 1, command));
        }
        story.trace = lines.map(|(_, line)| line.trim_end().to_owned()).collect();
        while story.trace.last().is_some_and(String::is_empty) {
            story.trace.pop();
        }
        let last = text.lines().count().max(1);
        if !story.commands.iter().any(|(_, c)| matches!(c, Command::Servers { .. })) {
            let expected = Expected::new("`servers N`: without servers nothing is played");
            return Err(WrongLine { file: file.to_owned(), line: last, expected: expected.0 });
        }
        Ok(story)
    }
}

impl Story {
    /// The same schedule with these rules off, and no others.
    pub fn with_rules_off(mut self, rules: &[Rule]) -> Story {
        self.commands.retain(|(_, command)| !matches!(command, Command::Without(_)));
        self.commands.insert(0, (0, Command::Without(rules.to_vec())));
        self
    }
}

impl Command {
    /// Whether it stands before the servers are there, or makes them.
    fn comes_before(&self) -> bool {
        matches!(self, Command::Servers { .. } | Command::Without(_) | Command::Set { .. } | Command::Groups(_))
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Servers { voters, observers, down } => {
                write!(f, "servers {voters}")?;
                if *observers > 0 {
                    write!(f, " observers {observers}")?;
                }
                f.write_str(if *down { " down" } else { "" })
            }
            Command::Without(rules) => {
                f.write_str("without")?;
                rules.iter().try_for_each(|rule| write!(f, " {}", rule.entry().name))
            }
            Command::Set { key, value } => write!(f, "set {} {value}", key.name()),
            Command::Groups(groups) => {
                f.write_str("groups")?;
                let text = |group: &Vec<u8>| group.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
                groups.iter().try_for_each(|group| write!(f, " {}", text(group)))
            }
            Command::Connect => f.write_str("connect"),
            Command::Elect(server) => write!(f, "elect {server}"),
            Command::Settle => f.write_str("settle"),
            Command::ClientAt { client, server } => write!(f, "client {client} at {server}"),
            Command::ClientIs { client, servers, .. } if servers.is_empty() => write!(f, "client {client} raw"),
            Command::ClientIs { client, servers, timeout_ms } => {
                write!(f, "client {client} knows")?;
                servers.iter().try_for_each(|server| write!(f, " {server}"))?;
                write!(f, " timeout {timeout_ms}")
            }
            Command::Deliver { from, to, nth, what } => {
                write!(f, "{}", Step::Deliver { from: *from, to: *to, nth: *nth })?;
                match what {
                    Delivery::Packet(name) => write!(f, " {name}"),
                    Delivery::All => f.write_str(" all"),
                }
            }
            Command::Drop { from, to } => write!(f, "drop {from}>{to}"),
            Command::Step(step) => write!(f, "{step}"),
            Command::Expect(expectation) => write!(f, "expect {expectation}"),
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expectation::Leader(server) => write!(f, "leader {server}"),
            Expectation::Follower(server) => write!(f, "follower {server}"),
            Expectation::Observer(server) => write!(f, "observer {server}"),
            Expectation::Looking(server) => write!(f, "looking {server}"),
            Expectation::Down(server) => write!(f, "down {server}"),
            Expectation::Committed(server, zxid) => write!(f, "committed {server} {zxid}"),
            Expectation::History(server, zxid) => write!(f, "history {server} {zxid}"),
            Expectation::Violation(oracle) => write!(f, "violation {oracle}"),
            Expectation::Pass => f.write_str("pass"),
        }
    }
}

fn command(line: &str) -> Result<Command, Expected> {
    let mut words = Words::of(line);
    let verb = words.next("a command")?;
    let command = match verb {
        "servers" => servers(&mut words)?,
        "without" => Command::Without(rules(&mut words)?),
        "set" => set(&mut words)?,
        "groups" => groups(&mut words)?,
        "connect" => Command::Connect,
        "elect" => Command::Elect(words.server()?),
        "settle" => Command::Settle,
        "drop" => {
            let Step::Deliver { from, to, .. } = step("deliver", &mut words)? else {
                return Err(Expected::new("a direction, such as 3>1"));
            };
            Command::Drop { from, to }
        }
        "deliver" => deliver(&mut words)?,
        "client" if line.split_whitespace().nth(2) == Some("at") => {
            let client = words.number("a client's number")?;
            words.next("at")?;
            Command::ClientAt { client, server: words.server()? }
        }
        "client" if line.split_whitespace().nth(2) == Some("raw") => {
            let client = words.number("a client's number")?;
            words.next("raw")?;
            Command::ClientIs { client, servers: Vec::new(), timeout_ms: 0 }
        }
        "client" if line.split_whitespace().nth(2) == Some("knows") => {
            let client = words.number("a client's number")?;
            words.next("knows")?;
            knows(client, &mut words)?
        }
        "expect" => Command::Expect(expectation(&mut words)?),
        _ if VERBS.contains(&verb) => Command::Step(step(verb, &mut words)?),
        _ => {
            let more = "servers, without, set, groups, connect, elect, settle, drop, expect";
            return Err(Expected::new(format!("one of {more}, {}; found {verb:?}", VERBS.join(", "))));
        }
    };
    words.end()?;
    Ok(command)
}

fn servers(words: &mut Words<'_>) -> Result<Command, Expected> {
    let voters: u8 = words.number("a number of servers")?;
    let observers: u8 = if words.take("observers") { words.number("a number of observers")? } else { 0 };
    let all = u16::from(voters) + u16::from(observers);
    if voters == 0 || all > u16::from(SERVERS_MAX) {
        return Err(Expected::new(format!("1 to {SERVERS_MAX} servers, a voter among them; found {all}")));
    }
    let down = words.take("down");
    Ok(Command::Servers { voters, observers, down })
}

fn set(words: &mut Words<'_>) -> Result<Command, Expected> {
    let known = Key::ALL.map(Key::name).join(", ");
    let name = words.next(&format!("one of {known}"))?;
    let key = Key::ALL.into_iter().find(|key| key.name() == name);
    let key = key.ok_or_else(|| Expected::new(format!("one of {known}; found {name:?}")))?;
    Ok(Command::Set { key, value: words.number("a number")? })
}

fn groups(words: &mut Words<'_>) -> Result<Command, Expected> {
    let mut groups = Vec::new();
    while let Some(word) = words.peek() {
        let group = word.split(',').map(str::parse::<u8>).collect::<Result<Vec<_>, _>>();
        groups.push(group.map_err(|_| Expected::new(format!("a group, such as 1,2,3; found {word:?}")))?);
        words.next("a group")?;
    }
    Ok(Command::Groups(groups))
}

fn knows(client: u16, words: &mut Words<'_>) -> Result<Command, Expected> {
    let mut servers = Vec::new();
    while words.peek().is_some_and(|word| word != "timeout") {
        servers.push(u32::from(words.server()?.0));
    }
    let timeout_ms = if words.take("timeout") { words.number("milliseconds")? } else { 4000 };
    Ok(Command::ClientIs { client, servers, timeout_ms })
}

fn rules(words: &mut Words<'_>) -> Result<Vec<Rule>, Expected> {
    let mut rules = Vec::new();
    while let Some(name) = words.peek() {
        let rule = Rule::ALL.iter().copied().find(|rule| rule.entry().name == name);
        rules.push(rule.ok_or_else(|| Expected::new(format!("the name of a rule; found {name:?}")))?);
        words.next("a rule")?;
    }
    Ok(rules)
}

fn deliver(words: &mut Words<'_>) -> Result<Command, Expected> {
    let step = step("deliver", words)?;
    let Step::Deliver { from, to, nth } = step else { return Ok(Command::Step(step)) };
    Ok(match words.peek() {
        None => Command::Step(step),
        Some("all") => {
            words.next("all")?;
            Command::Deliver { from, to, nth, what: Delivery::All }
        }
        Some(name) => {
            words.next("a packet's name")?;
            Command::Deliver { from, to, nth, what: Delivery::Packet(name.to_owned()) }
        }
    })
}

fn zxid(words: &mut Words<'_>) -> Result<Zxid, Expected> {
    let word = words.next("a zxid, such as 1.5")?;
    let wrong = || Expected::new(format!("a zxid, such as 1.5; found {word:?}"));
    let (epoch, counter) = word.split_once('.').ok_or_else(wrong)?;
    let (epoch, counter) = (epoch.parse().map_err(|_| wrong())?, counter.parse().map_err(|_| wrong())?);
    Ok(Zxid::new(Epoch(epoch), counter))
}

fn expectation(words: &mut Words<'_>) -> Result<Expectation, Expected> {
    let what = words.next("what is expected")?;
    Ok(match what {
        "leader" => Expectation::Leader(words.server()?),
        "follower" => Expectation::Follower(words.server()?),
        "observer" => Expectation::Observer(words.server()?),
        "looking" => Expectation::Looking(words.server()?),
        "down" => Expectation::Down(words.server()?),
        "committed" => Expectation::Committed(words.server()?, zxid(words)?),
        "history" => Expectation::History(words.server()?, zxid(words)?),
        "violation" => Expectation::Violation(words.next("an oracle's name")?.to_owned()),
        "pass" => Expectation::Pass,
        _ => {
            let all = "leader, follower, observer, looking, down, committed, history, violation, pass";
            return Err(Expected::new(format!("one of {all}; found {what:?}")));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_line_is_named_by_file_line_and_expectation() {
        let wrong = |text: &str| Story::parse("a.scn", text).unwrap_err().to_string();
        assert_eq!(wrong("servers 3\n\ncrash one\n"), "a.scn:3: expected a server's number; found \"one\"");
        assert_eq!(wrong("elect 3\n"), "a.scn:1: expected `servers N` once, `without`, `set` and `groups` before it");
        assert_eq!(wrong("servers 0\n"), "a.scn:1: expected 1 to 63 servers, a voter among them; found 0");
        assert!(wrong("servers 3\nhop 3\n").starts_with("a.scn:2: expected one of servers, without"));
        assert!(wrong("without Luck\nservers 3\n").contains("the name of a rule; found \"Luck\""));
        assert!(wrong("servers 3\nexpect committed 1 17\n").contains("a zxid, such as 1.5; found \"17\""));
    }

    #[test]
    fn comments_and_the_trace_are_no_commands() {
        let story = Story::parse("a.scn", "# why\nservers 3 // three\n\nsettle\n---\n1 → 2 X\n\n").unwrap();
        assert_eq!(story.commands.len(), 2);
        assert_eq!(story.trace, ["1 → 2 X"]);
    }
}
