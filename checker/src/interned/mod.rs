//! The same model on interned states: each part of the world by its number in a table of everything
//! seen, each transition of a part worked out once (design section 3).
//!
//! A number stands for full equality, so a search on these states is exact. The core runs once for
//! each (machine, stimulus); the rest is looking up.

mod ample;
mod election;
mod explore;
mod faults;
mod forget;
mod guests;
mod index;
mod liveness;
mod model;
mod parts;
mod plain;
mod react;
mod seats;
mod spent;
mod store;
mod walk;
mod wander;

pub use explore::{Counterexample, End, Explored, Go, Progress, Search, explore, search, search_under};
pub use liveness::{Liveness, Round, liveness, liveness_while};
pub use model::Interned;
pub use parts::Sizes;
pub use react::fail;
pub use walk::Act;
pub use wander::{Walked, wander};

#[cfg(test)]
mod tests;
