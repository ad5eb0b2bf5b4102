//! What travels and what lies in files, byte for byte ZooKeeper's: jute, the records of all three
//! ports, the framing of the client port. No protocol decisions are taken here.

mod connect;
mod cut;
pub mod election;
mod frame;
pub mod jute;
pub mod multi;
mod op;
pub mod quorum;
pub mod records;
#[cfg(test)]
pub(crate) mod sample;
pub mod txn;

pub use frame::{Deframer, Item};
pub use jute::{Jute, Malformed, Problem, Reader};
pub use op::{Code, Op, ReservedXid};

#[cfg(test)]
pub(crate) mod tests;
