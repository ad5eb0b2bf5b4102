//! The armed timers and when they fire. The core says what is armed; instants live here only.
//!
//! A touch is one store: the deadline in the queue stays, and moves when it comes up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;
use zabra_core::contract::Timer;

#[derive(Clone, Copy, Debug)]
struct Armed {
    after: Duration,
    /// When it fires.
    due: Instant,
    /// Where it stands in the queue; never after `due`.
    queued: Instant,
}

/// Every armed timer.
#[derive(Debug, Default)]
pub struct Timers {
    armed: BTreeMap<Timer, Armed>,
    queue: BTreeSet<(Instant, Timer)>,
}

impl Timers {
    /// Arms a timer anew.
    pub fn arm(&mut self, timer: Timer, after: Duration, now: Instant) {
        self.disarm(timer);
        let due = now + after;
        self.armed.insert(timer, Armed { after, due, queued: due });
        self.queue.insert((due, timer));
    }

    pub fn disarm(&mut self, timer: Timer) {
        if let Some(armed) = self.armed.remove(&timer) {
            self.queue.remove(&(armed.queued, timer));
        }
    }

    /// An armed timer starts again with the same duration.
    pub fn touch(&mut self, timer: Timer, now: Instant) {
        if let Some(armed) = self.armed.get_mut(&timer) {
            armed.due = now + armed.after;
        }
    }

    /// The armed timers, and when they fire.
    pub fn armed(&self) -> impl Iterator<Item = (Timer, Instant)> {
        self.armed.iter().map(|(timer, armed)| (*timer, armed.due))
    }

    /// When to look again.
    pub fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes out a timer that is due.
    pub fn take_due(&mut self, now: Instant) -> Option<Timer> {
        while let Some(&(at, timer)) = self.queue.first() {
            if at > now {
                return None;
            }
            self.queue.pop_first();
            let armed = self.armed.get_mut(&timer).expect("what is queued is armed");
            if armed.due <= now {
                self.armed.remove(&timer);
                return Some(timer);
            }
            armed.queued = armed.due;
            self.queue.insert((armed.due, timer));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zabra_core::id::SessionId;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_timer_fires_once_and_in_the_order_of_deadlines() {
        let (mut timers, start) = (Timers::default(), Instant::now());
        timers.arm(Timer::Ping, 2 * SECOND, start);
        timers.arm(Timer::Redial, SECOND, start);
        timers.arm(Timer::SyncLimit, SECOND, start);
        timers.disarm(Timer::SyncLimit);
        assert_eq!((timers.take_due(start), timers.next()), (None, Some(start + SECOND)));
        let late = start + 5 * SECOND;
        assert_eq!([(); 3].map(|()| timers.take_due(late)), [Some(Timer::Redial), Some(Timer::Ping), None]);
    }

    #[test]
    fn a_touched_session_gets_its_whole_timeout_again() {
        let (mut timers, start) = (Timers::default(), Instant::now());
        let session = Timer::Session(SessionId(7));
        timers.arm(session, 4 * SECOND, start);
        timers.touch(session, start + 3 * SECOND);
        assert_eq!(timers.next(), Some(start + 4 * SECOND), "the queue has not moved");
        assert_eq!(timers.take_due(start + 4 * SECOND), None);
        assert_eq!(timers.next(), Some(start + 7 * SECOND));
        assert_eq!(timers.take_due(start + 7 * SECOND), Some(session));
        timers.touch(session, start);
        assert_eq!(timers.next(), None, "what has fired cannot be touched");
    }
}
