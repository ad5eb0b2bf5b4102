//! Steps as text: one line each, the notation of stories, failures and counterexamples.
//!
//! `Display` and [`parse`] are inverses. Servers come first; directions are written `3>1`; the n-th
//! oldest of several connections is named by `#n`.

use super::{Job, Step, Survivors};
use crate::client::ClientStep;
use std::fmt;
use std::str::{FromStr, SplitWhitespace};
use zabra_client::{CreateMode, Operation};
use zabra_core::contract::{StorageError, Timer};
use zabra_core::id::{ClientId, ConnId, ServerId, SessionId, Stamp};

/// What a line should have said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected(pub String);

impl Expected {
    pub fn new(what: impl Into<String>) -> Expected {
        Expected(what.into())
    }
}

struct Nth(u8);

impl fmt::Display for Nth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { Ok(()) } else { write!(f, " #{}", self.0) }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Deliver { from, to, nth } => write!(f, "deliver {from}>{to}{}", Nth(*nth)),
            Step::Notify { from, to } => write!(f, "notify {from}>{to}"),
            Step::Meet { a, b } => write!(f, "meet {a} {b}"),
            Step::Part { a, b } => write!(f, "part {a} {b}"),
            Step::Break { a, b, nth, keep } => write!(f, "break {a} {b} keep {} {}{}", keep[0], keep[1], Nth(*nth)),
            Step::Close { at, peer, nth } => write!(f, "close {at} {peer}{}", Nth(*nth)),
            Step::Fire { server, timer } => write!(f, "fire {server} {}", timer_text(*timer)),
            Step::Complete { server, job: Job::Sync } => write!(f, "durable {server}"),
            Step::Complete { server, job: Job::Checkpoint } => write!(f, "checkpoint {server}"),
            Step::Complete { server, job: Job::ReadLog } => write!(f, "readlog {server}"),
            Step::Advance { server } => write!(f, "advance {server}"),
            Step::Fail { server, error: StorageError::Io } => write!(f, "fail {server} io"),
            Step::Fail { server, error: StorageError::Full } => write!(f, "fail {server} full"),
            Step::Crash { server, survivors } => write!(f, "crash {server}{}", Keeping(*survivors)),
            Step::Restart { server } => write!(f, "restart {server}"),
            Step::Falter { server, survivors } => write!(f, "falter {server}{}", Keeping(*survivors)),
            Step::Wipe { server } => write!(f, "wipe {server}"),
            Step::Pause { server } => write!(f, "pause {server}"),
            Step::Resume { server } => write!(f, "resume {server}"),
            Step::Cut { from, to } => write!(f, "cut {from}>{to}"),
            Step::Heal { from, to } => write!(f, "heal {from}>{to}"),
            Step::Stamp { server, at } => write!(f, "stamp {server} {}", at.0),
            Step::Client { client, what } => write!(f, "client {client} {}", ClientText(what)),
        }
    }
}

struct Keeping(Survivors);

impl fmt::Display for Keeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Survivors::Nothing => Ok(()),
            Survivors::Everything => write!(f, " keeping all"),
            Survivors::Drawn(number) => write!(f, " keeping {number:#x}"),
        }
    }
}

struct ClientText<'a>(&'a ClientStep);

impl fmt::Display for ClientText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let some = |bytes: &Option<u32>| bytes.map_or(String::new(), |n| format!(" bytes {n}"));
        match self.0 {
            ClientStep::Start => write!(f, "start"),
            ClientStep::Submit(operation) => write!(f, "{}", OperationText(operation)),
            ClientStep::Fire(timer) => write!(f, "fire {timer:?}"),
            ClientStep::Up { nth, bytes } => write!(f, "up{}{}", some(bytes), Nth(*nth)),
            ClientStep::Down { nth, bytes } => write!(f, "down{}{}", some(bytes), Nth(*nth)),
            ClientStep::Break { nth, keep } => write!(f, "break keep {} {}{}", keep[0], keep[1], Nth(*nth)),
            ClientStep::Dial { server } => write!(f, "dial {server}"),
            ClientStep::Write { nth, bytes } => write!(f, "write {}{}", Bytes(bytes), Nth(*nth)),
            ClientStep::Hang { nth } => write!(f, "hang{}", Nth(*nth)),
        }
    }
}

/// An operation of a client, as a story writes it.
pub struct OperationText<'a>(pub &'a Operation);

impl fmt::Display for OperationText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let any = |version: &i32| if *version == -1 { String::new() } else { format!(" version {version}") };
        let watch = |watch: &bool| if *watch { " watch" } else { "" };
        match self.0 {
            Operation::Create { path, data, mode, .. } => {
                write!(f, "create {} {}{}", Bytes(path), Bytes(data.as_deref().unwrap_or_default()), mode_text(*mode))
            }
            Operation::Delete { path, version } => write!(f, "delete {}{}", Bytes(path), any(version)),
            Operation::Exists { path, watch: w } => write!(f, "exists {}{}", Bytes(path), watch(w)),
            Operation::GetData { path, watch: w } => write!(f, "get {}{}", Bytes(path), watch(w)),
            Operation::SetData { path, data, version } => {
                write!(f, "set {} {}{}", Bytes(path), Bytes(data.as_deref().unwrap_or_default()), any(version))
            }
            Operation::GetChildren { path, watch: w } => write!(f, "children {}{}", Bytes(path), watch(w)),
            Operation::GetChildren2 { path, watch: w } => write!(f, "children2 {}{}", Bytes(path), watch(w)),
            Operation::Sync { path } => write!(f, "sync {}", Bytes(path)),
            Operation::Close => write!(f, "close"),
            Operation::Raw { op, .. } => write!(f, "raw {op}"),
        }
    }
}

fn mode_text(mode: CreateMode) -> String {
    match mode {
        CreateMode::Persistent => String::new(),
        CreateMode::Ephemeral => " ephemeral".to_owned(),
        CreateMode::PersistentSequential => " sequential".to_owned(),
        CreateMode::EphemeralSequential => " ephemeral sequential".to_owned(),
        CreateMode::Raw(flags) => format!(" flags {flags}"),
    }
}

/// Bytes as a word: text where it is one, else `0x` and hex; `""` for none.
struct Bytes<'a>(&'a [u8]);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |b: &u8| b.is_ascii_graphic() && *b != b'#' && *b != b'"';
        if self.0.is_empty() {
            return write!(f, "\"\"");
        }
        match std::str::from_utf8(self.0) {
            Ok(text) if self.0.iter().all(plain) && !text.starts_with("0x") => write!(f, "{text}"),
            Ok(_) | Err(_) => {
                write!(f, "0x")?;
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

/// A timer's name in a story.
pub fn timer_text(timer: Timer) -> String {
    match timer {
        Timer::Notification
        | Timer::FinalizeWait
        | Timer::InitLimit
        | Timer::SyncLimit
        | Timer::Ping
        | Timer::Redial
        | Timer::ReadOnly
        | Timer::Throttle
        | Timer::Containers => format!("{timer:?}"),
        Timer::Learner(conn) => format!("Learner:{}", conn.0),
        Timer::Session(session) => format!("Session:{:#x}", session.0),
        Timer::NoLeader(client) => format!("NoLeader:{}", client.0),
    }
}

fn timer(word: &str) -> Result<Timer, Expected> {
    let wrong = || Expected::new(format!("a timer, such as SyncLimit or Learner:0; found {word:?}"));
    let (name, number) = word.split_once(':').map_or((word, None), |(name, number)| (name, Some(number)));
    let number = number.map(|text| integer(text).ok_or_else(wrong)).transpose()?;
    match (name, number) {
        ("Notification", None) => Ok(Timer::Notification),
        ("FinalizeWait", None) => Ok(Timer::FinalizeWait),
        ("InitLimit", None) => Ok(Timer::InitLimit),
        ("SyncLimit", None) => Ok(Timer::SyncLimit),
        ("Ping", None) => Ok(Timer::Ping),
        ("Redial", None) => Ok(Timer::Redial),
        ("ReadOnly", None) => Ok(Timer::ReadOnly),
        ("Throttle", None) => Ok(Timer::Throttle),
        ("Containers", None) => Ok(Timer::Containers),
        ("Learner", Some(n)) => Ok(Timer::Learner(ConnId(n as u32))),
        ("Session", Some(n)) => Ok(Timer::Session(SessionId(n as i64))),
        ("NoLeader", Some(n)) => Ok(Timer::NoLeader(ClientId(n as u32))),
        (_, _) => Err(wrong()),
    }
}

fn integer(text: &str) -> Option<u64> {
    text.strip_prefix("0x").map_or_else(|| text.parse().ok(), |hex| u64::from_str_radix(hex, 16).ok())
}

/// The words of one line.
pub struct Words<'a>(SplitWhitespace<'a>);

impl<'a> Words<'a> {
    pub fn of(line: &'a str) -> Words<'a> {
        Words(line.split_whitespace())
    }

    pub fn next(&mut self, what: &str) -> Result<&'a str, Expected> {
        self.0.next().ok_or_else(|| Expected::new(format!("{what}; the line ends")))
    }

    pub fn peek(&self) -> Option<&'a str> {
        self.0.clone().next()
    }

    /// Takes the next word if it is this one.
    pub fn take(&mut self, word: &str) -> bool {
        let there = self.peek() == Some(word);
        if there {
            self.0.next();
        }
        there
    }

    pub fn number<T: FromStr>(&mut self, what: &str) -> Result<T, Expected> {
        let word = self.next(what)?;
        word.parse().map_err(|_| Expected::new(format!("{what}; found {word:?}")))
    }

    pub fn server(&mut self) -> Result<ServerId, Expected> {
        Ok(ServerId(self.number("a server's number")?))
    }

    fn direction(&mut self) -> Result<(ServerId, ServerId), Expected> {
        let word = self.next("a direction, such as 3>1")?;
        let wrong = || Expected::new(format!("a direction, such as 3>1; found {word:?}"));
        let (from, to) = word.split_once('>').ok_or_else(wrong)?;
        let id = |text: &str| text.parse().map(ServerId).map_err(|_| wrong());
        Ok((id(from)?, id(to)?))
    }

    fn nth(&mut self) -> Result<u8, Expected> {
        let Some(number) = self.peek().and_then(|word| word.strip_prefix('#')) else { return Ok(0) };
        let nth = number.parse().map_err(|_| Expected::new(format!("#n; found #{number:?}")))?;
        self.0.next();
        Ok(nth)
    }

    fn keep(&mut self) -> Result<[u16; 2], Expected> {
        if !self.take("keep") {
            return Ok([0, 0]);
        }
        Ok([self.number("how many items to keep")?, self.number("how many items to keep")?])
    }

    fn bytes(&mut self, what: &str) -> Result<Vec<u8>, Expected> {
        let word = self.next(what)?;
        if word == "\"\"" {
            return Ok(Vec::new());
        }
        let Some(hex) = word.strip_prefix("0x") else { return Ok(word.as_bytes().to_vec()) };
        let wrong = || Expected::new(format!("hex after 0x; found {word:?}"));
        if hex.len() % 2 != 0 || !hex.is_ascii() {
            return Err(wrong());
        }
        let pairs = (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16));
        pairs.collect::<Result<_, _>>().map_err(|_| wrong())
    }

    pub fn end(&mut self) -> Result<(), Expected> {
        match self.0.next() {
            None => Ok(()),
            Some(word) => Err(Expected::new(format!("the end of the line; found {word:?}"))),
        }
    }
}

/// The verbs of single steps.
pub const VERBS: &[&str] = &[
    "deliver",
    "notify",
    "meet",
    "part",
    "break",
    "close",
    "fire",
    "durable",
    "checkpoint",
    "readlog",
    "advance",
    "fail",
    "crash",
    "restart",
    "falter",
    "wipe",
    "pause",
    "resume",
    "cut",
    "heal",
    "stamp",
    "client",
];

/// One step from one line.
pub fn parse(line: &str) -> Result<Step, Expected> {
    let mut words = Words::of(line);
    let verb = words.next("a step")?;
    let step = step(verb, &mut words)?;
    words.end()?;
    Ok(step)
}

/// The step that this verb and the words after it name.
pub fn step(verb: &str, words: &mut Words<'_>) -> Result<Step, Expected> {
    Ok(match verb {
        "deliver" => {
            let (from, to) = words.direction()?;
            Step::Deliver { from, to, nth: words.nth()? }
        }
        "notify" => {
            let (from, to) = words.direction()?;
            Step::Notify { from, to }
        }
        "meet" => Step::Meet { a: words.server()?, b: words.server()? },
        "part" => Step::Part { a: words.server()?, b: words.server()? },
        "break" => {
            let (a, b) = (words.server()?, words.server()?);
            let keep = words.keep()?;
            Step::Break { a, b, nth: words.nth()?, keep }
        }
        "close" => Step::Close { at: words.server()?, peer: words.server()?, nth: words.nth()? },
        "fire" => Step::Fire { server: words.server()?, timer: timer(words.next("a timer")?)? },
        "durable" => Step::Complete { server: words.server()?, job: Job::Sync },
        "checkpoint" => Step::Complete { server: words.server()?, job: Job::Checkpoint },
        "readlog" => Step::Complete { server: words.server()?, job: Job::ReadLog },
        "advance" => Step::Advance { server: words.server()? },
        "fail" => Step::Fail { server: words.server()?, error: storage_error(words)? },
        "crash" => Step::Crash { server: words.server()?, survivors: survivors(words)? },
        "restart" => Step::Restart { server: words.server()? },
        "falter" => Step::Falter { server: words.server()?, survivors: survivors(words)? },
        "wipe" => Step::Wipe { server: words.server()? },
        "pause" => Step::Pause { server: words.server()? },
        "resume" => Step::Resume { server: words.server()? },
        "cut" => {
            let (from, to) = words.direction()?;
            Step::Cut { from, to }
        }
        "heal" => {
            let (from, to) = words.direction()?;
            Step::Heal { from, to }
        }
        "stamp" => Step::Stamp { server: words.server()?, at: Stamp(words.number("milliseconds")?) },
        "client" => Step::Client { client: words.number("a client's number")?, what: client_step(words)? },
        _ => return Err(Expected::new(format!("one of {}; found {verb:?}", VERBS.join(", ")))),
    })
}

fn storage_error(words: &mut Words<'_>) -> Result<StorageError, Expected> {
    match words.next("io or full")? {
        "io" => Ok(StorageError::Io),
        "full" => Ok(StorageError::Full),
        other => Err(Expected::new(format!("io or full; found {other:?}"))),
    }
}

fn survivors(words: &mut Words<'_>) -> Result<Survivors, Expected> {
    if !words.take("keeping") {
        return Ok(Survivors::Nothing);
    }
    match words.next("all, nothing or a number")? {
        "all" => Ok(Survivors::Everything),
        "nothing" => Ok(Survivors::Nothing),
        word => integer(word)
            .map(Survivors::Drawn)
            .ok_or_else(|| Expected::new(format!("all, nothing or a number; found {word:?}"))),
    }
}

fn client_step(words: &mut Words<'_>) -> Result<ClientStep, Expected> {
    let verb = words.next("what the client does")?;
    let bytes = |words: &mut Words<'_>| -> Result<Option<u32>, Expected> {
        if words.take("bytes") { Ok(Some(words.number("a number of bytes")?)) } else { Ok(None) }
    };
    Ok(match verb {
        "start" => ClientStep::Start,
        "fire" => ClientStep::Fire(client_timer(words.next("a client's timer")?)?),
        "up" => {
            let bytes = bytes(words)?;
            ClientStep::Up { nth: words.nth()?, bytes }
        }
        "down" => {
            let bytes = bytes(words)?;
            ClientStep::Down { nth: words.nth()?, bytes }
        }
        "break" => {
            let keep = words.keep()?;
            ClientStep::Break { nth: words.nth()?, keep }
        }
        "dial" => ClientStep::Dial { server: words.server()? },
        "write" => {
            let bytes = words.bytes("what to write")?;
            ClientStep::Write { nth: words.nth()?, bytes }
        }
        "hang" => ClientStep::Hang { nth: words.nth()? },
        other => ClientStep::Submit(operation(other, words)?),
    })
}

fn client_timer(word: &str) -> Result<zabra_client::Timer, Expected> {
    match word {
        "Connect" => Ok(zabra_client::Timer::Connect),
        "Ping" => Ok(zabra_client::Timer::Ping),
        "Read" => Ok(zabra_client::Timer::Read),
        "Retry" => Ok(zabra_client::Timer::Retry),
        other => Err(Expected::new(format!("Connect, Ping, Read or Retry; found {other:?}"))),
    }
}

/// An operation from its verb and the words after it.
pub fn operation(verb: &str, words: &mut Words<'_>) -> Result<Operation, Expected> {
    let known = ["create", "delete", "exists", "get", "set", "children", "children2", "sync", "close"];
    if !known.contains(&verb) {
        return Err(Expected::new(format!("an operation, one of {}; found {verb:?}", known.join(", "))));
    }
    if verb == "close" {
        return Ok(Operation::Close);
    }
    let path = words.bytes("a path")?;
    let version = |words: &mut Words<'_>| -> Result<i32, Expected> {
        if words.take("version") { words.number("a version") } else { Ok(-1) }
    };
    let data = |words: &mut Words<'_>| -> Result<Option<Vec<u8>>, Expected> {
        let there = words.peek().is_some_and(|w| !["ephemeral", "sequential", "flags", "version"].contains(&w));
        if there { words.bytes("data").map(Some) } else { Ok(Some(Vec::new())) }
    };
    Ok(match verb {
        "create" => {
            let data = data(words)?;
            Operation::Create { path, data, acl: zabra_client::Grant::open(), mode: mode(words)? }
        }
        "delete" => Operation::Delete { path, version: version(words)? },
        "exists" => Operation::Exists { path, watch: words.take("watch") },
        "get" => Operation::GetData { path, watch: words.take("watch") },
        "set" => {
            let data = data(words)?;
            Operation::SetData { path, data, version: version(words)? }
        }
        "children" => Operation::GetChildren { path, watch: words.take("watch") },
        "children2" => Operation::GetChildren2 { path, watch: words.take("watch") },
        _ => Operation::Sync { path },
    })
}

fn mode(words: &mut Words<'_>) -> Result<CreateMode, Expected> {
    if words.take("flags") {
        return Ok(CreateMode::Raw(words.number("flags")?));
    }
    let (ephemeral, sequential) = (words.take("ephemeral"), words.take("sequential"));
    Ok(match (ephemeral, sequential) {
        (false, false) => CreateMode::Persistent,
        (true, false) => CreateMode::Ephemeral,
        (false, true) => CreateMode::PersistentSequential,
        (true, true) => CreateMode::EphemeralSequential,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_reads_back_as_it_is_written() {
        let lines = [
            "deliver 3>1",
            "deliver 3>1 #2",
            "notify 1>2",
            "meet 1 2",
            "part 1 2",
            "break 1 3 keep 2 0",
            "break 1 3 keep 0 0 #1",
            "close 1 3",
            "fire 2 SyncLimit",
            "fire 2 Learner:3",
            "fire 2 Session:0x100000001000000",
            "durable 1",
            "checkpoint 1",
            "readlog 1",
            "advance 1",
            "fail 1 io",
            "fail 1 full",
            "crash 1",
            "crash 1 keeping all",
            "crash 1 keeping 0xdeadbeef",
            "restart 1",
            "falter 1 keeping all",
            "falter 1 keeping 0x5",
            "wipe 1",
            "pause 1",
            "resume 1",
            "cut 1>2",
            "heal 1>2",
            "stamp 1 -5",
            "client 0 start",
            "client 0 create /a data ephemeral sequential",
            "client 0 create /a \"\"",
            "client 0 set /a 0x0001 version 3",
            "client 0 get /a watch",
            "client 0 delete /a",
            "client 0 close",
            "client 0 up bytes 3 #1",
            "client 0 down",
            "client 0 break keep 0 1",
            "client 0 fire Ping",
            "client 1 dial 2",
            "client 1 write 0x00ff #1",
            "client 1 hang",
        ];
        for line in lines {
            assert_eq!(parse(line).map(|step| step.to_string()), Ok(line.to_owned()));
        }
    }

    #[test]
    fn a_wrong_line_says_what_was_expected() {
        let expected = |line: &str| parse(line).unwrap_err().0;
        assert_eq!(expected("deliver 3-1"), "a direction, such as 3>1; found \"3-1\"");
        assert_eq!(expected("crash"), "a server's number; the line ends");
        assert_eq!(expected("crash 1 2"), "the end of the line; found \"2\"");
        assert_eq!(expected("fire 1 Sleep"), "a timer, such as SyncLimit or Learner:0; found \"Sleep\"");
        assert!(expected("jump 1").starts_with("one of deliver, notify"));
    }
}
