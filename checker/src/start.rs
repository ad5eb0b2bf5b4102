//! Where a search starts: at the boot of all servers, or later, at a state that a fixed schedule of
//! ordinary moves leads to. The oracles have seen all of that schedule, and a counterexample is told with it;
//! what a search from such a state exhausts is what follows it, and no more.

use crate::moves::{Move, moves};
use crate::plain::Plain;
use crate::scope::Budget;
use crate::state::State;
use stateright::Model;
use zabra_core::id::{ServerId, ServerSet};
use zabra_sim::step::{Job, Step};

/// The first state of a search. All but the boot are of three servers, where an election is one move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Start {
    /// All servers have just started, with empty disks.
    #[default]
    Boot,
    /// All serve in epoch 1 under server 3.
    Serving,
    /// Servers 2 and 3 serve in epoch 1 under 3; server 1 is LOOKING.
    Pair,
    /// Servers 2 and 3 hold a committed record that 1 does not have. All are LOOKING.
    Ahead,
    /// Servers 2 and 3 hold a committed record, and 3 another one that nobody else has. All are LOOKING.
    Tail,
    /// Server 1 holds one record, 2 and 3 two more, all committed. 2 and 3 serve, 1 is LOOKING.
    Behind,
}

/// One line of a schedule.
#[derive(Clone, Copy)]
enum Cue {
    Elect(&'static [u8]),
    Write(u8),
    /// The disk of this server completes what it has.
    Sync(u8),
    /// The connection of these two is gone, with all that is on its way.
    Break(u8, u8),
    /// Everything that is on its way arrives, every disk completes.
    Settle,
}

use Cue::{Break, Elect, Settle, Sync, Write};

/// More moves than it takes to settle.
const MOVES_MAX: usize = 1000;

impl Start {
    pub const ALL: [Start; 6] = [Start::Boot, Start::Serving, Start::Pair, Start::Ahead, Start::Tail, Start::Behind];

    pub fn name(self) -> &'static str {
        match self {
            Start::Boot => "boot",
            Start::Serving => "serving",
            Start::Pair => "pair",
            Start::Ahead => "ahead",
            Start::Tail => "tail",
            Start::Behind => "behind",
        }
    }

    fn script(self) -> &'static [Cue] {
        match self {
            Start::Boot => &[],
            Start::Serving => &[Elect(&[1, 2, 3]), Settle],
            Start::Pair => &[Elect(&[2, 3]), Settle],
            Start::Ahead => &[Elect(&[2, 3]), Settle, Write(3), Settle, Break(2, 3), Settle],
            Start::Tail => &[Elect(&[2, 3]), Settle, Write(3), Settle, Write(3), Sync(3), Break(2, 3), Settle],
            Start::Behind => {
                &[Elect(&[1, 2, 3]), Settle, Write(3), Settle, Break(1, 3), Settle, Write(3), Settle, Write(3), Settle]
            }
        }
    }

    /// Plays the schedule; says how many moves it has.
    pub(crate) fn play(self, model: &Plain, state: &mut State) -> usize {
        if self == Start::Boot {
            return 0;
        }
        let most = Budget::MOST;
        state.budget = Budget { writes: most, breaks: most, elections: Budget::ELECTIONS_MOST, ..Budget::NONE };
        let mut made = 0;
        for cue in self.script() {
            while made < MOVES_MAX {
                let mut all = Vec::new();
                moves(model.bound.kind, state, &mut all);
                let Some(chosen) = all.into_iter().find(|action| cue.means(action)) else {
                    assert!(matches!(cue, Settle), "the schedule of a start can be played");
                    break;
                };
                *state = model.next_state(state, chosen).expect("a schedule's moves apply");
                made += 1;
                if !matches!(cue, Settle) {
                    break;
                }
            }
        }
        made
    }
}

impl Cue {
    fn means(self, action: &Move) -> bool {
        match (self, action) {
            (Elect(servers), Move::Elect(who)) => *who == servers.iter().map(|s| ServerId(*s)).collect::<ServerSet>(),
            (Write(leader), Move::Write(server)) => server.0 == leader,
            (Sync(at), Move::Step(Step::Complete { server, job: Job::Sync })) => server.0 == at,
            (Break(x, y), Move::Step(Step::Break { a, b, keep: [0, 0], .. })) => (a.0.min(b.0), a.0.max(b.0)) == (x, y),
            (Settle, Move::Step(step)) => matches!(step, Step::Deliver { .. } | Step::Complete { .. }),
            (Elect(_) | Write(_) | Sync(_) | Break(..) | Settle, _) => false,
        }
    }
}
