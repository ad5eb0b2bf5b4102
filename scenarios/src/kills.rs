//! What the exhaustive explorer makes of rules that are off: where [`zabra_checker::kills`] says that one
//! dies, or, for a rule of which it says nothing, bound after bound until an oracle objects. The explorer
//! goes level by level, so a counterexample is a nearest one of its bound and start.

use std::time::Instant;
use zabra_checker::kills::Arena;
use zabra_checker::{Budget, End, Go, Kind, Progress, Search, Setting, Start};
use zabra_core::rule::Rule;

/// States and their index take at most so much in one search.
const MEMORY: usize = 1500 << 20;

const fn broadcast(writes: u8, crashes: u8, breaks: u8, elections: u8) -> Arena {
    let budget = Budget { writes, crashes, breaks, elections, ..Budget::NONE };
    Arena { kind: Kind::Broadcast, servers: 3, budget, setting: Setting::PLAIN }
}

/// The bounds that are tried for a rule that the table does not know, smallest first.
pub const BOUNDS: [Arena; 7] = [
    broadcast(1, 0, 0, 3),
    broadcast(1, 0, 1, 3),
    broadcast(1, 1, 0, 3),
    broadcast(2, 0, 1, 3),
    broadcast(2, 1, 0, 3),
    broadcast(1, 1, 1, 3),
    broadcast(2, 0, 2, 4),
];

/// A nearest violation.
#[derive(Clone, Debug)]
pub struct Death {
    pub oracle: &'static str,
    pub sentence: String,
    pub moves: Vec<String>,
}

/// One search, over.
#[derive(Clone, Debug)]
pub struct Tried {
    pub arena: Arena,
    pub death: Option<Death>,
    /// Whether nothing was left to look at.
    pub exhausted: bool,
    pub states: usize,
    /// Down to which level the search came.
    pub depth: usize,
    /// The check of the tables at the search's end included.
    pub millis: u64,
}

/// A search's bound in words.
pub fn words(arena: &Arena) -> String {
    let Budget { writes, crashes, breaks, elections, timeouts, failures, .. } = arena.budget;
    let counts = [
        (writes, "write"),
        (crashes, "crash"),
        (breaks, "break"),
        (failures, "failure"),
        (timeouts, "timeout"),
        (elections, "election"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let mut words: Vec<String> = counts.map(|(count, name)| format!("{count} {name}")).collect();
    if arena.kind != Kind::Broadcast {
        let servers = if arena.servers == 1 { "server" } else { "servers" };
        words.insert(0, format!("{} with {} {servers}", arena.kind.name(), arena.servers));
    }
    let Setting { start, window_bytes, counter_end, heeded } = arena.setting;
    if start != Start::Boot {
        words.push(format!("from {}", start.name()));
    }
    if window_bytes.is_some() {
        words.push("small window".to_owned());
    }
    if let Some(end) = counter_end {
        words.push(format!("epochs end at {end}"));
    }
    if !heeded.is_empty() {
        words.push(format!("heeding {}", heeded.join(" and ")));
    }
    words.join(", ")
}

/// Searches with these rules off, for at most so long.
pub fn attempt(off: &[Rule], arena: Arena, how: Search, millis: u64) -> Tried {
    attempt_down_to(usize::MAX, off, arena, how, millis)
}

/// And no deeper than to the end of this level.
pub fn attempt_down_to(depth: usize, off: &[Rule], arena: Arena, how: Search, millis: u64) -> Tried {
    let began = Instant::now();
    let elapsed = || u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let over = |now: &Progress| now.depth > depth || elapsed() >= millis || now.bytes >= MEMORY;
    let found = arena.search(off, how, |now| if over(now) { Go::Stop } else { Go::On });
    let millis = elapsed();
    let death = found.counterexample.map(|found| Death {
        oracle: found.violation.oracle,
        sentence: found.violation.sentence,
        moves: found.moves.iter().map(|step| format!("{step:?}")).collect(),
    });
    let exhausted = found.end == End::Exhausted;
    Tried { arena, death, exhausted, states: found.progress.states, depth: found.progress.depth, millis }
}

/// Tries the bounds, smallest first, until something dies or the time is over. The last is the death, if
/// there is one.
pub fn climb(off: &[Rule], how: Search, millis: u64) -> Vec<Tried> {
    let mut tried: Vec<Tried> = Vec::new();
    for arena in BOUNDS {
        let left = millis.saturating_sub(tried.iter().map(|t| t.millis).sum());
        if left == 0 || tried.last().is_some_and(|last| last.death.is_some()) {
            break;
        }
        tried.push(attempt(off, arena, how, left));
    }
    tried
}
