//! How the process ends: Apache's exit codes (`org.apache.zookeeper.server.ExitCode`), so that units,
//! scripts and charts that know them keep working.

use std::process::ExitCode;
use zabra_core::contract::Fault;

/// Why the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// It was asked to end, and did in good order.
    Finished = 0,
    /// What nobody foresaw; also a log that cannot be written: a restart recovers.
    Unexpected = 1,
    /// Wrong arguments, or a configuration that cannot be used.
    Invocation = 2,
    /// The data directory cannot be opened, or must not be used.
    DataDir = 3,
    /// A snapshot cannot be written.
    Snapshot = 10,
    /// A COMMIT that matches nothing.
    UnmatchedCommit = 12,
    /// The leader asked for what this server must not do.
    QuorumPacket = 13,
    /// The election or the quorum port cannot be bound.
    Bind = 14,
}

impl Exit {
    /// How a server's own stop ends the process.
    pub fn of(fault: Fault) -> Exit {
        match fault {
            Fault::UnmatchedCommit { .. } => Exit::UnmatchedCommit,
            Fault::TruncateCommitted { .. } | Fault::UnreadableTransaction { .. } => Exit::QuorumPacket,
            Fault::EpochsContradict => Exit::DataDir,
            Fault::Storage(_) | Fault::EpochsExhausted => Exit::Unexpected,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
