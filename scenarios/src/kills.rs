//! What the exhaustive explorer makes of rules that are off: bound after bound, until an oracle
//! objects. The explorer goes level by level, so a counterexample is a nearest one of its bound.
//!
//! Judged is whatever oracle objects first, so only what dies alone is shown here; that a redundant rule
//! dies beside its partner (decision 0014) is the simulator's to show.

use std::time::Instant;
use zabra_checker::{Bound, Budget, End, Go, Kind, Plain, explore};
use zabra_core::rule::Rule;

const SERVERS: u8 = 3;
/// States and their index take at most so much in one search.
const MEMORY: usize = 1500 << 20;

const fn budget(writes: u8, crashes: u8, breaks: u8, elections: u8) -> Budget {
    Budget { writes, crashes, breaks, elections, ..Budget::NONE }
}

/// The bounds that are tried, smallest first.
pub const BOUNDS: [Budget; 7] = [
    budget(1, 0, 0, 3),
    budget(1, 0, 1, 3),
    budget(1, 1, 0, 3),
    budget(2, 0, 1, 3),
    budget(2, 1, 0, 3),
    budget(1, 1, 1, 3),
    budget(2, 0, 2, 4),
];

/// A nearest violation.
#[derive(Clone, Debug)]
pub struct Kill {
    pub oracle: &'static str,
    pub sentence: String,
    pub moves: Vec<String>,
}

/// One search, over.
#[derive(Clone, Debug)]
pub struct Tried {
    pub bound: Budget,
    pub kill: Option<Kill>,
    /// Whether nothing was left to look at.
    pub exhausted: bool,
    pub states: usize,
    /// Down to which level the search came.
    pub depth: usize,
    /// The check of the tables at the search's end included.
    pub millis: u64,
}

/// A bound in words.
pub fn words(bound: &Budget) -> String {
    let named = [(bound.writes, "write"), (bound.crashes, "crash"), (bound.breaks, "break")];
    let named = named.into_iter().filter(|(count, _)| *count > 0);
    let named: Vec<String> = named.map(|(count, name)| format!("{count} {name}")).collect();
    named.join(", ")
}

/// Searches one bound with these rules off, for at most so long.
pub fn attempt(off: &[Rule], bound: Budget, threads: usize, millis: u64) -> Tried {
    let began = Instant::now();
    let elapsed = || u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let bound_of = Bound { kind: Kind::Broadcast, servers: SERVERS, budget: bound };
    let model = Plain::new(bound_of, off.iter().copied().collect());
    let found =
        explore(&model, threads, |now| if elapsed() >= millis || now.bytes >= MEMORY { Go::Stop } else { Go::On });
    let millis = elapsed();
    let kill = found.counterexample.map(|found| Kill {
        oracle: found.violation.oracle,
        sentence: found.violation.sentence,
        moves: found.moves.iter().map(|step| format!("{step:?}")).collect(),
    });
    Tried {
        bound,
        kill,
        exhausted: found.end == End::Exhausted,
        states: found.progress.states,
        depth: found.progress.depth,
        millis,
    }
}

/// Tries the bounds, smallest first, until something dies or the time is over. The last is the kill,
/// if there is one.
pub fn climb(off: &[Rule], threads: usize, millis: u64) -> Vec<Tried> {
    let mut tried: Vec<Tried> = Vec::new();
    for bound in BOUNDS {
        let left = millis.saturating_sub(tried.iter().map(|t| t.millis).sum());
        if left == 0 || tried.last().is_some_and(|last| last.kill.is_some()) {
            break;
        }
        tried.push(attempt(off, bound, threads, left));
    }
    tried
}
