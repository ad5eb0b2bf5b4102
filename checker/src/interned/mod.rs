//! The same model on interned states: each part of the world by its number in a table of everything
//! seen, each transition of a part worked out once (design section 3).
//!
//! A number stands for full equality, so a search on these states is exact. The core runs once for
//! each (machine, stimulus); the rest is looking up.

mod ample;
mod election;
mod explore;
mod faults;
mod guests;
mod index;
mod liveness;
mod model;
mod parts;
mod plain;
mod react;
mod seats;
mod store;
mod walk;

pub use explore::{Counterexample, End, Explored, Go, Progress, Search, explore, search};
pub use liveness::{Liveness, liveness};
pub use model::Interned;
pub use parts::Sizes;
pub use walk::Act;

#[cfg(test)]
mod tests;
