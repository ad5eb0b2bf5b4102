//! What a question needs to be told: its driver gathers nothing else for it. Most of it costs time in
//! proportion to the clients, and some of it a look at the disk, on the thread of the heartbeats.

use super::Surroundings;

/// The parts of [`Surroundings`] that have to be gathered for a question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    pub connections: bool,
    pub expiries: bool,
    pub digests: bool,
    pub measures: bool,
    /// What the machine says: sizes of directories, and the newest snapshot.
    pub machine: bool,
}

const NOTHING: Needs = Needs { connections: false, expiries: false, digests: false, measures: false, machine: false };

impl Needs {
    /// Of a word, or of a command by its first name.
    pub(super) fn of(name: &str) -> Needs {
        match name {
            "cons" | "stat" | "srvr" | "connections" => Needs { connections: true, ..NOTHING },
            "server_stats" | "stats" => Needs { connections: true, machine: true, ..NOTHING },
            "mntr" | "monitor" => Needs { connections: true, measures: true, machine: true, ..NOTHING },
            "conf" | "dirs" | "last_snapshot" => Needs { machine: true, ..NOTHING },
            "dump" => Needs { connections: true, expiries: true, ..NOTHING },
            "hash" => Needs { digests: true, ..NOTHING },
            _ => NOTHING,
        }
    }

    /// Of the metrics: like `monitor`, but they are counted by the driver itself.
    pub fn of_metrics() -> Needs {
        Needs { connections: true, machine: true, ..NOTHING }
    }

    /// The surroundings without what is not needed.
    pub fn cut<'a>(self, around: &Surroundings<'a>) -> Surroundings<'a> {
        Surroundings {
            connections: if self.connections { around.connections } else { &[] },
            expiries: if self.expiries { around.expiries } else { &[] },
            digests: if self.digests { around.digests } else { &[] },
            measures: if self.measures { around.measures } else { &[] },
            data_bytes: if self.machine { around.data_bytes } else { 0 },
            log_bytes: if self.machine { around.log_bytes } else { 0 },
            snapshot: around.snapshot.filter(|_| self.machine),
            ..*around
        }
    }
}
