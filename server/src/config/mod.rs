//! The configuration that operators already have: `zoo.cfg` and `myid` (reference/zookeeper.md
//! section 5.1).
//!
//! Every problem is found at once, each with its place and what was expected there. Nothing is
//! opened or bound here but these two files.

mod check;
mod jaas;
mod key;
mod problem;
mod rewrite;
mod secure;
mod settings;
mod text;
pub mod throttling;

pub use check::{parse, read};
pub use problem::{Problem, Severity};
pub use rewrite::keep;
pub use secure::{ClientAuth, Secret, Secure, Store, StoreKind};
pub use settings::Admin;
pub use settings::Settings;
#[cfg(not(madsim))]
pub(crate) use text::entries;
pub use zabra_core::quorum::{Host, Member};

#[cfg(test)]
mod tests;
