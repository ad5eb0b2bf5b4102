//! What a search ranges over: the model, that is which moves there are; and the budgets that bound them.
//!
//! Both explorers, the plain and the interned one, ask here, so that they mean the same.

use crate::service::Scripts;
use zabra_core::id::{Epoch, ServerId};
use zabra_core::replica::View;

/// The models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Discovery, synchronization, broadcast and recovery; an election is one move.
    Broadcast,
    /// Elections, message by message. What is dialled on the quorum side is never heard of: a server
    /// that has left LOOKING waits in discovery until its patience ends.
    Election,
    /// Both: election messages one by one, then discovery, synchronization and broadcast.
    Full,
    /// Clients that work off a script, on an ensemble that serves; an election is one move.
    Service(Scripts),
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Election, Kind::Broadcast, Kind::Full, Kind::Service(Scripts::FIRST)];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Broadcast => "broadcast",
            Kind::Election => "election",
            Kind::Full => "full",
            Kind::Service(_) => "service",
        }
    }

    /// What the clients do, where there are any.
    pub fn script(self) -> Option<Scripts> {
        match self {
            Kind::Broadcast | Kind::Election | Kind::Full => None,
            Kind::Service(script) => Some(script),
        }
    }

    /// Whether election messages travel one by one; else an election is one move.
    pub fn talks(self) -> bool {
        match self {
            Kind::Broadcast | Kind::Service(_) => false,
            Kind::Election | Kind::Full => true,
        }
    }

    /// Whether quorum connections carry anything.
    pub fn connects(self) -> bool {
        match self {
            Kind::Broadcast | Kind::Full | Kind::Service(_) => true,
            Kind::Election => false,
        }
    }

    /// What a bound worth its name reaches.
    pub fn milestones(self) -> &'static [&'static str] {
        match self {
            Kind::Broadcast | Kind::Full | Kind::Service(_) => {
                &["a leader is established", "a write is committed everywhere", "a second epoch serves"]
            }
            Kind::Election => &["all servers agree on a leader", "two servers lead", "a later round elects"],
        }
    }

    /// Which of its milestones are reached where the servers look like this, as bits.
    pub fn reached(self, servers: impl Iterator<Item = Glance> + Clone) -> u8 {
        let any = |is: fn(&Glance) -> bool| servers.clone().any(|s| is(&s));
        let all = |is: fn(&Glance) -> bool| servers.clone().all(|s| is(&s));
        let bits = match self {
            Kind::Broadcast | Kind::Full | Kind::Service(_) => {
                [any(|s| s.serves && s.leads), all(|s| s.applied), any(|s| s.second)]
            }
            Kind::Election => {
                let leader = servers.clone().next().and_then(|s| s.leader);
                let agree = leader.is_some() && servers.clone().all(|s| s.leader == leader);
                [agree, servers.clone().filter(|s| s.leads).count() > 1, any(|s| s.leader.is_some() && s.round > 1)]
            }
        };
        bits.into_iter().enumerate().map(|(at, bit)| u8::from(bit) << at).sum()
    }

    /// What is cut off when a budget is empty: elections; or the end of somebody's patience, where
    /// nothing else can happen.
    pub fn cut(self) -> &'static str {
        match self {
            Kind::Broadcast | Kind::Service(_) => "elections",
            Kind::Election | Kind::Full => "timeouts",
        }
    }
}

/// What milestones are told by: a server as an onlooker sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Glance {
    pub leader: Option<ServerId>,
    pub leads: bool,
    pub serves: bool,
    /// It has applied a write.
    pub applied: bool,
    /// It serves in the second epoch.
    pub second: bool,
    pub round: u64,
}

impl Glance {
    pub fn at(view: Option<View<'_>>) -> Glance {
        let Some(view) = view else { return Glance::default() };
        Glance {
            leader: view.leader(),
            leads: view.leader() == Some(view.me()),
            serves: view.serving(),
            applied: view.applied().counter() > 0,
            second: view.serving() && view.current_epoch().0 == 2,
            round: view.round(),
        }
    }
}

/// How far a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    pub kind: Kind,
    pub servers: u8,
    pub budget: Budget,
}

/// What may still happen that the world does not do by itself. Each is at most [`Budget::MOST`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    pub writes: u8,
    pub crashes: u8,
    /// Broken connections: quorum connections, election connections where messages travel, those of clients.
    pub breaks: u8,
    /// Where an election is one move: how many there may be; or, by [`Budget::up_to_epoch`], any number
    /// until one would make a leader who has to go beyond that epoch.
    pub elections: u8,
    /// Where election messages travel: timers that fire before they have to. A vote said again, or
    /// the end of a wait for a leader. Where clients are: the timeout of a session.
    pub timeouts: u8,
    /// Where election messages travel: how many vanish.
    pub drops: u8,
    /// How many arrive and are still on their way.
    pub duplicates: u8,
    /// How many are overtaken by the one behind.
    pub reorders: u8,
    /// Writes to a disk that fail.
    pub failures: u8,
}

/// What an adversary does to an election message, beyond what a broken connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meddling {
    Drop,
    Duplicate,
    Reorder,
}

impl Meddling {
    pub const ALL: [Meddling; 3] = [Meddling::Drop, Meddling::Duplicate, Meddling::Reorder];

    pub fn left(self, budget: &mut Budget) -> &mut u8 {
        match self {
            Meddling::Drop => &mut budget.drops,
            Meddling::Duplicate => &mut budget.duplicates,
            Meddling::Reorder => &mut budget.reorders,
        }
    }
}

impl Budget {
    pub const NONE: Budget = Budget {
        writes: 0,
        crashes: 0,
        breaks: 0,
        elections: 0,
        timeouts: 0,
        drops: 0,
        duplicates: 0,
        reorders: 0,
        failures: 0,
    };
    /// Reorders and failures share the last half byte.
    pub const FEW: u8 = 3;
    /// Each number is half a byte of a packed state.
    pub const MOST: u8 = 15;

    /// The highest number that counts elections; above are the bounds by epoch.
    pub const ELECTIONS_MOST: u8 = 7;

    /// For `elections`: as many as there are until somebody has accepted this epoch, and then those
    /// only that make no leader. From 0 to 7.
    pub const fn up_to_epoch(epoch: u8) -> u8 {
        assert!(epoch <= Budget::ELECTIONS_MOST);
        Budget::ELECTIONS_MOST + 1 + epoch
    }

    /// The epoch that bounds the elections, if their number does not.
    pub fn last_epoch(self) -> Option<u8> {
        self.elections.checked_sub(Budget::ELECTIONS_MOST + 1)
    }

    /// How many elections are left after one more, which did or did not make a leader, where this was the newest
    /// epoch that somebody had accepted. `None` if it goes beyond the bound.
    pub fn after_election(self, accepted: Epoch, leads: bool) -> Option<u8> {
        match self.last_epoch() {
            None => self.elections.checked_sub(1),
            Some(last) => (!leads || accepted < Epoch(u32::from(last))).then_some(self.elections),
        }
    }

    /// As one word; different budgets are different words.
    pub fn word(self) -> u32 {
        let Budget { writes, crashes, breaks, elections, timeouts, drops, duplicates, reorders, failures } = self;
        assert!(reorders <= Budget::FEW && failures <= Budget::FEW, "reorders and failures are few");
        let last = reorders | failures << 2;
        let all = [writes, crashes, breaks, elections, timeouts, drops, duplicates, last];
        all.iter().rev().fold(0, |word, n| word << 4 | u32::from(*n))
    }

    /// Whether an adversary may still touch election messages.
    pub fn meddles(self) -> bool {
        self.drops > 0 || self.duplicates > 0 || self.reorders > 0
    }

    /// Whether a crash, a break or a failing write is left.
    pub fn faults(self) -> bool {
        self.crashes > 0 || self.breaks > 0 || self.failures > 0
    }

    pub fn of_word(word: u32) -> Budget {
        let at = |n: u32| (word >> (4 * n)) as u8 & Budget::MOST;
        Budget {
            writes: at(0),
            crashes: at(1),
            breaks: at(2),
            elections: at(3),
            timeouts: at(4),
            drops: at(5),
            duplicates: at(6),
            reorders: at(7) & Budget::FEW,
            failures: at(7) >> 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elections_are_bounded_by_number_or_by_epoch() {
        let bounded = |elections| Budget { elections, ..Budget::NONE }.last_epoch();
        assert_eq!([bounded(0), bounded(7), bounded(Budget::up_to_epoch(0))], [None, None, Some(0)]);
        assert_eq!(bounded(Budget::up_to_epoch(3)), Some(3));
        let budget = Budget { elections: Budget::up_to_epoch(7), ..Budget::NONE };
        assert_eq!(Budget::of_word(budget.word()), budget);
    }

    #[test]
    fn a_budget_is_what_its_word_says() {
        let budget = Budget {
            writes: 1,
            crashes: 2,
            breaks: 15,
            elections: 3,
            timeouts: 4,
            drops: 5,
            duplicates: 6,
            reorders: 3,
            failures: 2,
        };
        assert_eq!(Budget::of_word(budget.word()), budget);
        assert_eq!(Budget::of_word(Budget::NONE.word()), Budget::NONE);
    }
}
