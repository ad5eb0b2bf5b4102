//! The closed vocabulary of what may happen in a world: plans, stories, counterexamples and the
//! shrinker all speak in steps (contract section 6).
//!
//! A step names servers and connections by what survives the removal of other steps: a connection
//! is the n-th oldest of its pair. A step that names nothing present is refused by
//! [`crate::world::World::apply`] and changes nothing.

pub mod text;

use crate::client::ClientStep;
use zabra_core::contract::{StorageError, Timer};
use zabra_core::id::{ServerId, Stamp};

/// One thing that happens to a world.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The oldest item of this direction of the pair's n-th oldest quorum connection arrives.
    Deliver {
        from: ServerId,
        to: ServerId,
        nth: u8,
    },
    /// The election message on its way from one server to the other arrives.
    Notify {
        from: ServerId,
        to: ServerId,
    },
    /// The election connection of a pair comes up; if one of the two is down, the other learns that.
    Meet {
        a: ServerId,
        b: ServerId,
    },
    /// The election connection of a pair breaks; what was on its way is lost.
    Part {
        a: ServerId,
        b: ServerId,
    },
    /// A quorum connection breaks: so many of the items on their way to `a` and to `b` still
    /// arrive, then each end learns on its own.
    Break {
        a: ServerId,
        b: ServerId,
        nth: u8,
        keep: [u16; 2],
    },
    /// One end of a quorum connection is closed by its machine without the core asking for it.
    Close {
        at: ServerId,
        peer: ServerId,
        nth: u8,
    },
    Fire {
        server: ServerId,
        timer: Timer,
    },
    /// The oldest storage job of this kind is done.
    Complete {
        server: ServerId,
        job: Job,
    },
    /// The next piece of the checkpoint is written, as far as to its name and the purge behind it, but the
    /// server does not learn of it.
    Advance {
        server: ServerId,
    },
    /// A storage operation fails.
    Fail {
        server: ServerId,
        error: StorageError,
    },
    Crash {
        server: ServerId,
        survivors: Survivors,
    },
    Restart {
        server: ServerId,
    },
    /// The server starts, and loses power in the middle of its recovery.
    Falter {
        server: ServerId,
        survivors: Survivors,
    },
    /// The disk of a server that is down is emptied (contract section 7, clause 2).
    Wipe {
        server: ServerId,
    },
    Pause {
        server: ServerId,
    },
    Resume {
        server: ServerId,
    },
    /// Nothing is delivered from one server to the other, and no connection opens.
    Cut {
        from: ServerId,
        to: ServerId,
    },
    Heal {
        from: ServerId,
        to: ServerId,
    },
    Client {
        client: u16,
        what: ClientStep,
    },
    /// The server's wall clock shows this from now on.
    Stamp {
        server: ServerId,
        at: Stamp,
    },
}

/// What a machine does in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Job {
    /// Everything up to the oldest barrier becomes durable.
    Sync,
    Checkpoint,
    ReadLog,
}

/// Which part of what was not synced survives a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Survivors {
    Nothing,
    Everything,
    /// A legal choice, derived from this number.
    Drawn(u64),
}
