//! The exhaustive explorer: the world of the simulator, in every order, up to a bound.
//!
//! Here is the plain wrapping: whole states under `stateright::Model`, the reference that faster
//! explorers must agree with. There is no time in it; crashes, breaks and writes are budgets inside
//! the state, so the space is finite and a search ends. What a bound leaves out is counted and said,
//! never silent (design section 3).

mod election;
pub mod history;
mod interned;
pub mod kills;
mod moves;
mod plain;
mod scope;
mod service;
mod shown;
mod start;
mod state;

pub use interned::{
    Counterexample, End, Explored, Go, Interned, Liveness, Progress, Round, Search, Sizes, Walked, explore, liveness,
    liveness_while, search as search_with, search_under, wander,
};
pub use moves::Move;
pub use plain::{Held, Plain, SAFE, Setting};
pub use scope::{Bound, Budget, Kind, Meddling};
pub use service::{Notes, Script, Scripts};
pub use shown::{Seen, Shown, Told};
pub use start::Start;
pub use state::State;

use stateright::{Checker, Model};

/// What a finished search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Distinct states.
    pub states: usize,
    /// Transitions taken, repetitions included.
    pub transitions: usize,
    /// The longest shortest way to a state.
    pub depth: usize,
    /// Transitions that a bound cut off.
    pub cut: u64,
    /// The first violation, with the moves that lead to it.
    pub violation: Option<(String, Vec<String>)>,
    /// Which of the model's `sometimes` properties were reached.
    pub reached: Vec<&'static str>,
}

/// Searches a bound breadth first, until it is exhausted or a violation is found.
pub fn search(model: Plain) -> Found {
    let checker = model.checker().finish_when(stateright::HasDiscoveries::AnyFailures).spawn_bfs().join();
    let violation = checker.discovery(SAFE).map(|path| {
        let oracle = path
            .last_state()
            .objection()
            .map_or_else(String::new, |v| format!("{}: {} ({}; {})", v.oracle, v.sentence, v.facts[0], v.facts[1]));
        (oracle, path.into_actions().iter().map(|action| format!("{action:?}")).collect())
    });
    let reached = checker
        .model()
        .bound
        .kind
        .milestones()
        .iter()
        .filter(|name| checker.discovery(name).is_some())
        .copied()
        .collect();
    Found {
        states: checker.unique_state_count(),
        transitions: checker.state_count(),
        depth: checker.max_depth(),
        cut: checker.model().cuts(),
        violation,
        reached,
    }
}
