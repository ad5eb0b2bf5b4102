//! Faults as data: what a plan holds and the explorer executes. A fault names servers, times and
//! durations; it draws nothing when it strikes, except survivors of a crash.

use serde::{Deserialize, Serialize};

/// One planned fault, at a time in microseconds of virtual time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    pub at_us: u64,
    pub fault: Fault,
}

/// Whom a fault strikes: a fixed server, or whoever leads then (a fixed one if nobody does).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    Server(u8),
    LeaderOr(u8),
}

/// Something goes wrong. `for_us` is how long until it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// Power failure. `patient`: it waits so long for a write to be pending.
    Crash {
        target: Target,
        for_us: u64,
        patient_us: u64,
        silent: bool,
    },
    CrashAll {
        for_us: u64,
    },
    /// Power failure while a checkpoint is being written; it waits so long for one.
    CrashCheckpoint {
        target: Target,
        for_us: u64,
        patient_us: u64,
    },
    /// Power failure, and again in the middle of so many recoveries.
    FalseStart {
        target: Target,
        times: u8,
        for_us: u64,
    },
    /// Each server in turn, each down so long.
    RollingRestart {
        for_us: u64,
    },
    /// One server, again and again.
    CrashLoop {
        server: u8,
        times: u8,
        for_us: u64,
    },
    /// The disk is emptied while the server is down (contract section 7, clause 2).
    Wipe {
        server: u8,
        for_us: u64,
    },
    Pause {
        target: Target,
        for_us: u64,
    },
    /// Directed paths are cut: pairs of sender and receiver.
    Cut {
        paths: Vec<(u8, u8)>,
        for_us: u64,
    },
    /// A pair is cut and healed in turn.
    Flap {
        a: u8,
        b: u8,
        every_us: u64,
        for_us: u64,
    },
    /// Latency on these directed paths is multiplied.
    Slow {
        paths: Vec<(u8, u8)>,
        factor: u32,
        for_us: u64,
    },
    /// Quorum connections of a pair are reset.
    Reset {
        a: u8,
        b: u8,
    },
    ElectionReset {
        a: u8,
        b: u8,
    },
    /// Every quorum connection of whoever leads is reset: a role change without a crash.
    Depose,
    ClientReset {
        client: u16,
    },
    /// The clock runs faster or slower by parts per million.
    Drift {
        server: u8,
        ppm: i32,
        for_us: u64,
    },
    /// The wall clock jumps.
    Jump {
        server: u8,
        ms: i64,
    },
    DiskStall {
        server: u8,
        for_us: u64,
    },
    /// The connection of the next synchronization (of the next image, if `image`) breaks when its
    /// first packet has arrived.
    Interrupt {
        image: bool,
    },
    /// The next write or sync fails; the server is down so long.
    DiskError {
        server: u8,
        full: bool,
        for_us: u64,
    },
}

impl Fault {
    /// Its name in traces and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Fault::Crash { .. } => "crash",
            Fault::CrashAll { .. } => "crash-all",
            Fault::CrashCheckpoint { .. } => "crash-checkpoint",
            Fault::FalseStart { .. } => "false-start",
            Fault::RollingRestart { .. } => "rolling-restart",
            Fault::CrashLoop { .. } => "crash-loop",
            Fault::Wipe { .. } => "wipe",
            Fault::Pause { .. } => "pause",
            Fault::Cut { .. } => "cut",
            Fault::Flap { .. } => "flap",
            Fault::Slow { .. } => "slow",
            Fault::Reset { .. } => "reset",
            Fault::ElectionReset { .. } => "election-reset",
            Fault::Depose => "depose",
            Fault::ClientReset { .. } => "client-reset",
            Fault::Drift { .. } => "drift",
            Fault::Jump { .. } => "jump",
            Fault::DiskStall { .. } => "disk-stall",
            Fault::DiskError { .. } => "disk-error",
            Fault::Interrupt { .. } => "interrupt",
        }
    }
}
