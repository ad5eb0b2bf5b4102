//! The clocks: the wall clock is read once per turn and stamped on all its inputs; timers go by the
//! monotonic one.

use tokio::time::Instant;
use zabra_core::id::Stamp;

/// What time it is in this turn.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub now: Instant,
    pub at: Stamp,
}

impl Moment {
    pub fn read() -> Moment {
        Moment { now: Instant::now(), at: wall() }
    }
}

/// Milliseconds since 1970; 0 for a clock that stands before.
#[expect(clippy::disallowed_types, reason = "the one place that reads the wall clock")]
pub fn wall() -> Stamp {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    Stamp(since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}
