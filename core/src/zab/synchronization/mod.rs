//! Synchronization: every learner's history becomes the leader's (Zab paper phase 2;
//! reference/zookeeper.md sections 3.4, steps 5–7, and 3.5).
//!
//! The leader's side and the learner's are files of their own; so is the choice of a plan.

mod leader;
mod learner;
mod plan;

pub use learner::Staged;
pub use plan::{Plan, plan};
