//! What no later move depends on, forgotten, so that states that do the same from here on are one
//! state (decision 0025).
//!
//! Votes that will never count; last messages that nothing will ask for again; and, when faults and
//! timeouts are used up in a model where who has a leader keeps it, what such servers heard and what
//! is said to them, but for the question whether they answer. Only with every rule in force.

use super::index::Id;
use super::parts::Known;
use super::react::{Out, Stimulus};
use super::walk::Now;
use crate::scope::Kind;
use std::sync::Arc;
use zabra_core::id::ServerId;
use zabra_core::zab::{Notification, ServerState};
use zabra_sim::world::Pair;

/// How a server will hear what the other end says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ear {
    /// It may heed all of it.
    Open,
    /// It looks, and only answers votes of rounds before this one.
    Looks { round: u64 },
    /// It has a leader and keeps it: it answers who looks, whatever the vote. The answer, if
    /// another one of these would add nothing to the first.
    Settled { answer: Option<Answer> },
}

/// What a settled server says to one that looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Answer {
    pub notification: Id,
    /// The other end heeded it already, and does nothing when it comes again.
    pub known: bool,
}

/// How much of a pair may be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ears {
    /// Of `a` and of `b`.
    pub ears: [Ear; 2],
    /// Whether a connection may still end.
    pub ends: bool,
}

impl Ears {
    pub fn answers(self) -> [Option<Id>; 2] {
        self.ears.map(|ear| match ear {
            Ear::Settled { answer } => answer.map(|answer| answer.notification),
            Ear::Open | Ear::Looks { .. } => None,
        })
    }
}

/// More servers than there are, counted from 1.
const EARS: usize = 8;

impl Now {
    /// Forgets what no later move depends on.
    pub fn forget<K: Known>(&mut self, known: &mut K) {
        let ends = self.shape.kind != Kind::Election || self.budget.crashes > 0 || self.budget.breaks > 0;
        let calm = !ends && self.budget.timeouts == 0 && !self.budget.meddles();
        let mut ears = [Ear::Open; EARS];
        for server in self.servers() {
            let id = known.forget_machine(self.machine(server), calm);
            self.set_machine(server, id);
            let facts = known.parts().machine(id);
            ears[usize::from(server.0)] = match () {
                () if !calm || !facts.up || facts.begins => Ear::Open,
                () if facts.looking => Ear::Looks { round: facts.glance.round },
                () => Ear::Settled { answer: None },
            };
        }
        for (bundle, (a, b)) in self.shape.pairs().enumerate() {
            let mut both = [ears[usize::from(a.0)], ears[usize::from(b.0)]];
            for (end, settled, other) in [(0, a, b), (1, b, a)] {
                let looks = matches!(both[1 - end], Ear::Looks { .. });
                if let (Ear::Settled { answer }, true) = (&mut both[end], looks) {
                    *answer = self.answer(settled, other, known);
                }
            }
            let id = known.forget_pair(self.bundles()[bundle], Ears { ears: both, ends });
            self.set_bundle(bundle, id);
        }
    }

    /// What a settled server answers one that looks, if the first of these answers is all that counts:
    /// it is of no later round, so what was kept of it stays until the other leaves LOOKING.
    fn answer<K: Known>(&self, settled: ServerId, other: ServerId, known: &mut K) -> Option<Answer> {
        let round = |server, known: &K| known.parts().machine(self.machine(server)).glance.round;
        if round(settled, known) > round(other, known) {
            return None;
        }
        let asked = known.parts().question();
        let answering = known.react(self.machine(settled), Stimulus::Notified { from: other, notification: asked });
        let Some(&Out::Say { notification, .. }) = known.parts().reaction(answering).outs.first() else {
            return None;
        };
        let heard = known.react(self.machine(other), Stimulus::Notified { from: settled, notification });
        let (after, silent) = {
            let heard = known.parts().reaction(heard);
            (heard.machine, heard.outs.is_empty() && heard.events.is_empty())
        };
        let same = known.forget_machine(after, true) == self.machine(other);
        Some(Answer { notification, known: silent && same })
    }
}

/// What stands for everything that one who looks says to one who only answers.
pub fn question() -> Arc<Notification> {
    word(ServerState::Looking)
}

fn word(state: ServerState) -> Arc<Notification> {
    Arc::new(Notification { state, vote: None, round: 0, config: Arc::from([]) })
}

/// The pair without what neither end can tell. `answers` are what the ears' answers stand for.
pub fn pair(pair: &Pair, ears: Ears, answers: [&Option<Arc<Notification>>; 2]) -> Pair {
    let [a, b] = ears.ears;
    let mut after = pair.clone();
    after.forget_last(ears.ends);
    after.replace(pair.a, |notification| heard(notification, b));
    after.replace(pair.b, |notification| heard(notification, a));
    let [settled_a, settled_b] = [a, b].map(|ear| matches!(ear, Ear::Settled { .. }));
    if settled_a && settled_b {
        return pair.quiet();
    }
    for (ear, end, answer) in [(a, pair.a, answers[0]), (b, pair.b, answers[1])] {
        if let (Ear::Settled { answer: Some(Answer { known, .. }) }, Some(answer)) = (ear, answer) {
            after = answered(&after, end, answer, known);
        }
    }
    after
}

/// A connection between a settled end, whose first answer is all that counts, and one that looks.
fn answered(pair: &Pair, settled: ServerId, answer: &Arc<Notification>, known: bool) -> Pair {
    let looks = if settled == pair.a { pair.b } else { pair.a };
    let said: Vec<&Arc<Notification>> = pair.flying(settled).into_iter().chain(pair.waiting(settled)).collect();
    if !pair.up {
        return pair.clone();
    }
    if known && said.iter().all(|said| *said == answer) {
        return pair.quiet();
    }
    let mut after = pair.quiet();
    let asks = pair.flying(looks).into_iter().chain(pair.waiting(looks)).any(|n| n.state == ServerState::Looking);
    if asks && !said.contains(&answer) {
        after.say(looks, question());
    }
    // The answer comes once.
    let once =
        said.iter().take(1).chain(said.iter().skip(1).filter(|second| **second != said[0] || *second != &answer));
    for notification in once {
        after.say(settled, Arc::clone(notification));
    }
    after.forget_last(false);
    after
}

/// What stands for all that this server answers alike.
fn heard(notification: &Arc<Notification>, ear: Ear) -> Arc<Notification> {
    let looking = notification.state == ServerState::Looking;
    let alike = match ear {
        Ear::Open => false,
        Ear::Settled { .. } => true,
        Ear::Looks { round } => looking && notification.round < round,
    };
    match alike {
        false => Arc::clone(notification),
        true => word(if looking { ServerState::Looking } else { ServerState::Following }),
    }
}
