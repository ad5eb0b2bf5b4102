//! The deadlines of one server's armed timers.
//!
//! Arming is a store: an entry of the agenda that comes up before its deadline is moved to it. So a
//! timer that is armed anew with every packet costs one agenda entry per duration, not per packet.

use zabra_core::contract::Timer;

#[derive(Clone, Copy, Debug)]
struct Place {
    timer: Timer,
    deadline: u64,
    duration: u64,
    armed: bool,
    /// When the agenda next looks here; `u64::MAX` if it does not.
    looks: u64,
}

/// What to do with an entry of the agenda that came up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Fire(Timer),
    /// Look again then.
    Later(u64),
    Nothing,
}

#[derive(Clone, Debug, Default)]
pub struct Board(Vec<Place>);

impl Board {
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns the place and the moment if the agenda has to be told.
    pub fn arm(&mut self, timer: Timer, now: u64, duration: u64) -> Option<(u16, u64)> {
        let deadline = now + duration;
        let known = self.0.iter().position(|place| place.timer == timer);
        let free = known.or_else(|| self.0.iter().position(|place| !place.armed && place.looks == u64::MAX));
        let fresh = Place { timer, deadline, duration, armed: true, looks: u64::MAX };
        let at = match free {
            Some(at) => at,
            None => {
                self.0.push(fresh);
                self.0.len() - 1
            }
        };
        let looks = if known.is_some() { self.0[at].looks } else { u64::MAX };
        self.0[at] = Place { looks, ..fresh };
        if looks <= deadline {
            return None;
        }
        self.0[at].looks = deadline;
        Some((at as u16, deadline))
    }

    pub fn disarm(&mut self, timer: Timer) {
        if let Some(place) = self.0.iter_mut().find(|place| place.timer == timer) {
            place.armed = false;
        }
    }

    /// The timer starts again with the duration that it had.
    pub fn touch(&mut self, timer: Timer, now: u64) {
        if let Some(place) = self.0.iter_mut().find(|place| place.timer == timer && place.armed) {
            place.deadline = now + place.duration;
        }
    }

    /// The agenda looks at a place.
    pub fn look(&mut self, at: u16, now: u64) -> Look {
        let Some(place) = self.0.get_mut(usize::from(at)) else { return Look::Nothing };
        if place.looks != now {
            // An earlier look was ordered since: this entry is an old one.
            return Look::Nothing;
        }
        place.looks = u64::MAX;
        if !place.armed {
            return Look::Nothing;
        }
        if place.deadline > now {
            place.looks = place.deadline;
            return Look::Later(place.deadline);
        }
        place.armed = false;
        Look::Fire(place.timer)
    }

    /// The server could not take the firing: it fires then.
    pub fn put_off(&mut self, at: u16, until: u64) {
        if let Some(place) = self.0.get_mut(usize::from(at)) {
            place.armed = true;
            place.deadline = until;
            place.looks = until;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_armed_anew_costs_no_new_entry_and_fires_once_at_its_last_deadline() {
        let mut board = Board::default();
        assert_eq!(board.arm(Timer::Ping, 0, 10), Some((0, 10)));
        assert_eq!(board.arm(Timer::Ping, 5, 10), None);
        assert_eq!(board.look(0, 10), Look::Later(15));
        assert_eq!(board.look(0, 15), Look::Fire(Timer::Ping));
        assert_eq!(board.look(0, 15), Look::Nothing);
    }

    #[test]
    fn a_disarmed_timer_does_not_fire_and_a_shorter_one_is_looked_at_earlier() {
        let mut board = Board::default();
        board.arm(Timer::SyncLimit, 0, 100);
        assert_eq!(board.arm(Timer::SyncLimit, 0, 20), Some((0, 20)));
        assert_eq!(board.look(0, 20), Look::Fire(Timer::SyncLimit));
        assert_eq!(board.look(0, 100), Look::Nothing, "the old entry does nothing");
        board.arm(Timer::SyncLimit, 100, 20);
        board.disarm(Timer::SyncLimit);
        assert_eq!(board.look(0, 120), Look::Nothing);
    }
}
