//! What a search ranges over: the model, that is which moves there are; and the budgets that bound them.
//!
//! Both explorers, the plain and the interned one, ask here, so that they mean the same.

use crate::service::Scripts;
use zabra_core::id::ServerId;
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
    /// Where an election is one move: how many there may be.
    pub elections: u8,
    /// Where election messages travel: timers that fire before they have to. A vote said again, or
    /// the end of a wait for a leader. Where clients are: the timeout of a session.
    pub timeouts: u8,
}

impl Budget {
    pub const NONE: Budget = Budget { writes: 0, crashes: 0, breaks: 0, elections: 0, timeouts: 0 };
    /// Each number is half a byte of a packed state.
    pub const MOST: u8 = 15;

    /// As one word; different budgets are different words.
    pub fn word(self) -> u32 {
        let Budget { writes, crashes, breaks, elections, timeouts } = self;
        [writes, crashes, breaks, elections, timeouts].iter().rev().fold(0, |word, n| word << 4 | u32::from(*n))
    }

    pub fn of_word(word: u32) -> Budget {
        let at = |n: u32| (word >> (4 * n)) as u8 & Budget::MOST;
        Budget { writes: at(0), crashes: at(1), breaks: at(2), elections: at(3), timeouts: at(4) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_what_its_word_says() {
        let budget = Budget { writes: 1, crashes: 2, breaks: 15, elections: 3, timeouts: 4 };
        assert_eq!(Budget::of_word(budget.word()), budget);
        assert_eq!(Budget::of_word(Budget::NONE.word()), Budget::NONE);
    }
}
