//! What the log says of connections that are refused or given up: so many lines of a kind in a second, and of the
//! others how many they were. Whoever opens a million connections must not fill the disk with their names, nor keep
//! the log from saying what is wrong between the servers.

use super::{Errand, Shell, State};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::Level;
use zabra_core::contract::DropReason;

const SECOND: Duration = Duration::from_secs(1);

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A client that broke the protocol or a limit.
    Client,
    /// A client's connection that ends without that: as many as there are may end at once.
    Closing,
    Quorum,
    Election,
}

/// Of each kind.
#[derive(Debug)]
pub struct Refusals {
    client: Lines,
    closing: Lines,
    quorum: Lines,
    election: Lines,
}

/// Lines of one second.
#[derive(Debug)]
struct Lines {
    per_second: u32,
    began: Option<Instant>,
    said: u32,
    left_out: u64,
}

/// Whether a line may be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Said,
    /// The first that is not: somebody has to tell later how many they were.
    FirstLeftOut,
    LeftOut,
}

impl Refusals {
    pub fn new(per_second: u32) -> Refusals {
        let lines = || Lines::new(per_second);
        Refusals { client: lines(), closing: lines(), quorum: lines(), election: lines() }
    }

    fn of(&mut self, about: About) -> &mut Lines {
        match about {
            About::Client => &mut self.client,
            About::Closing => &mut self.closing,
            About::Quorum => &mut self.quorum,
            About::Election => &mut self.election,
        }
    }
}

impl Lines {
    fn new(per_second: u32) -> Lines {
        Lines { per_second, began: None, said: 0, left_out: 0 }
    }

    fn turn(&mut self, now: Instant) -> Turn {
        if self.began.is_none_or(|began| now.saturating_duration_since(began) >= SECOND) {
            (self.began, self.said) = (Some(now), 0);
        }
        if self.said < self.per_second {
            self.said += 1;
            return Turn::Said;
        }
        self.left_out += 1;
        if self.left_out == 1 { Turn::FirstLeftOut } else { Turn::LeftOut }
    }
}

impl State {
    /// Says why a connection is refused or given up, unless too many lines of the kind were said in this second.
    pub(super) fn say_refused(&mut self, about: About, say: impl FnOnce()) {
        let now = self.moment().now;
        match self.refusals.of(about).turn(now) {
            Turn::Said => say(),
            Turn::FirstLeftOut => self.errands.push(Errand::TellLeftOut(about)),
            Turn::LeftOut => {}
        }
    }
}

/// Tells, a second later, how many lines were left out.
pub(super) async fn tell_left_out(shell: Arc<Shell>, about: About) {
    tokio::time::sleep(SECOND).await;
    let lines = std::mem::take(&mut shell.lock().refusals.of(about).left_out);
    tracing::warn!(
        ?about,
        lines,
        "as many more connections were refused or closed in the last second (zabra.refusalsLoggedPerSecond)"
    );
}

/// Who ended it decides how loud it is said: a client that is done, a client that comes too late, or
/// one that does what it may not.
pub fn loudness(reason: DropReason) -> Level {
    match reason {
        DropReason::SessionClosed => Level::DEBUG,
        DropReason::ZxidAhead
        | DropReason::SessionRefused
        | DropReason::SessionExpired
        | DropReason::SessionMoved
        | DropReason::Resynchronized
        | DropReason::NotOurSession
        | DropReason::ReadOnlyEnded
        | DropReason::NoLeader => Level::INFO,
        DropReason::Malformed
        | DropReason::UnknownOperation
        | DropReason::LimitReached
        | DropReason::LargeRequest
        | DropReason::StaleRequest
        | DropReason::AuthFailed => Level::WARN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_lines_are_said_in_a_second_and_the_others_counted() {
        let (mut refusals, start) = (Refusals::new(2), Instant::now());
        let peers = refusals.quorum.turn(start);
        let mut refusals = refusals.client;
        let turns = [(); 4].map(|()| refusals.turn(start));
        assert_eq!(turns, [Turn::Said, Turn::Said, Turn::FirstLeftOut, Turn::LeftOut]);
        assert_eq!(refusals.turn(start + SECOND / 2), Turn::LeftOut);
        assert_eq!(refusals.left_out, 3);
        assert_eq!(refusals.turn(start + SECOND), Turn::Said, "another second");
        assert_eq!(peers, Turn::Said, "lines of another kind are its own");
        refusals.left_out = 0;
        let turns = [(); 2].map(|()| refusals.turn(start + SECOND));
        assert_eq!(turns, [Turn::Said, Turn::FirstLeftOut], "after it was told, somebody has to tell again");
    }
}
