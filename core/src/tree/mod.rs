//! The znode tree and what else a snapshot holds.
//!
//! [`Database`] is a function of the applied prefix of transactions: znodes, sessions, the zxid.
//! [`Database::apply`] is the only way in which a transaction changes it. Connections, owners,
//! watches and predictions live elsewhere; nothing here knows of roles, rules or clients.

pub mod acl;
mod acl_table;
mod apply;
mod builder;
mod data_tree;
mod database;
pub mod digest;
mod pages;
pub mod path;
mod quota;
pub mod stat;
mod view;

pub use acl::{AclList, RawAcl};
pub use apply::{Applied, Change, Outcome};
pub use builder::{BuildError, Builder};
pub use data_tree::{Create, DataTree};
pub use database::Database;
pub use digest::node_digest;
pub use path::Path;
pub use stat::Owner;
pub use view::{Entry, FrozenPage, FrozenPages, Znode};

#[cfg(test)]
mod tests;
