//! What travels and what lies in files, byte for byte ZooKeeper's: jute, the records of all three
//! ports, the framing of the client port. No protocol decisions are taken here.

pub mod jute;
mod op;
pub mod records;
pub mod txn;

pub use jute::{Jute, Malformed, Problem, Reader};
pub use op::{Code, Op, ReservedXid};
