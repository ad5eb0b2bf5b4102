//! The moves that a state has, in the plain model's order.

use super::Now;
use crate::interned::parts::Known;
use crate::scope::Meddling;
use zabra_core::contract::Timer;
use zabra_core::id::{ServerId, ServerSet};
use zabra_sim::link::Side;
use zabra_sim::step::Job;

/// One move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Elect(ServerSet),
    Notify {
        from: ServerId,
        to: ServerId,
    },
    Meet(ServerId, ServerId),
    Deliver {
        at: u8,
        to: Side,
    },
    Complete(ServerId, Job),
    Fire(ServerId, Timer),
    /// A timer that nothing obliges to fire now.
    Early(ServerId, Timer),
    Restart(ServerId),
    Write(ServerId),
    Crash {
        server: ServerId,
        choice: u8,
    },
    /// The oldest write that waits at a disk fails.
    Fail(ServerId),
    Break {
        at: u8,
        keep: [u16; 2],
    },
    Part(ServerId, ServerId),
    /// Something happens to an election message on its way.
    Meddle {
        how: Meddling,
        from: ServerId,
        to: ServerId,
    },
    /// A client submits the next operation of its script.
    Submit(u8),
    /// A client that found no server tries all again.
    Retry(u8),
    /// A server learns of the end of a client's connection, by its age.
    Learn(u8),
    /// A client's connection breaks.
    BreakLine(u8),
}

impl Act {
    /// Whether this is news of an election for this server.
    fn concerns(self, server: ServerId) -> bool {
        match self {
            Act::Notify { to, .. } => to == server,
            Act::Meet(a, b) => a == server || b == server,
            Act::Elect(_)
            | Act::Deliver { .. }
            | Act::Complete(..)
            | Act::Fire(..)
            | Act::Early(..)
            | Act::Restart(_)
            | Act::Write(_)
            | Act::Crash { .. }
            | Act::Fail(_)
            | Act::Break { .. }
            | Act::Part(..)
            | Act::Meddle { .. }
            | Act::Submit(_)
            | Act::Retry(_)
            | Act::Learn(_)
            | Act::BreakLine(_) => false,
        }
    }
}

impl Now {
    /// Every move, in the plain model's order.
    pub fn acts<K: Known>(&self, known: &mut K, acts: &mut Vec<Act>) {
        acts.clear();
        let parts = known.parts();
        if parts.violated(self.ghost) || self.objected(known) {
            return;
        }
        if self.shape.kind.talks() {
            self.messages(known, acts);
        } else {
            self.elections(known, acts);
        }
        for (at, (_, cable)) in self.cables().iter().enumerate() {
            let fronts = parts.cable(*cable).fronts;
            let arriving = Side::BOTH.into_iter().filter(|side| fronts[*side as usize].is_some());
            acts.extend(arriving.map(|to| Act::Deliver { at: at as u8, to }));
        }
        for server in self.servers() {
            let facts = parts.machine(self.machine(server));
            let jobs = [(facts.syncs, Job::Sync), (facts.checkpoints, Job::Checkpoint), (facts.reads, Job::ReadLog)];
            acts.extend(jobs.into_iter().filter(|(can, _)| *can).map(|(_, job)| Act::Complete(server, job)));
        }
        if self.shape.kind.talks() {
            self.votes(known, acts);
        }
        self.submissions(known, acts);
        self.limits(known, acts);
        self.retries(known, acts);
        acts.extend(self.servers().filter(|s| !known.parts().machine(self.machine(*s)).up).map(Act::Restart));
        self.faults(known, acts);
    }

    fn objected<K: Known>(&self, known: &K) -> bool {
        self.shape.kind.script().is_some() && known.parts().objected(self.guests.notes)
    }

    /// What clients submit, and what servers learn of clients that are gone.
    fn submissions<K: Known>(&self, known: &K, acts: &mut Vec<Act>) {
        let Some(script) = self.shape.kind.script() else { return };
        for client in 0..script.clients() {
            let facts = known.parts().seat(self.guests.seats[client]);
            if facts.attached && (script.pipelined || facts.idle) && facts.submitted < self.shape.todo[client] {
                acts.push(Act::Submit(client as u8));
            }
        }
        let over = self.guests.lines().iter().enumerate().filter(|(_, line)| line.last.is_some());
        acts.extend(over.map(|(at, _)| Act::Learn(at as u8)));
    }

    fn retries<K: Known>(&self, known: &K, acts: &mut Vec<Act>) {
        let Some(script) = self.shape.kind.script() else { return };
        let waiting = |client: &usize| known.parts().seat(self.guests.seats[*client]).waiting;
        if self.servers().any(|server| known.parts().machine(self.machine(server)).up) {
            acts.extend((0..script.clients()).filter(waiting).map(|client| Act::Retry(client as u8)));
        }
    }

    fn votes<K: Known>(&self, known: &K, acts: &mut Vec<Act>) {
        let messages = acts.len();
        for server in self.servers() {
            let facts = known.parts().machine(self.machine(server));
            if facts.begins {
                acts.push(Act::Fire(server, Timer::Notification));
            }
            let early = acts[..messages].iter().any(|act| act.concerns(server));
            if facts.finalizes && !early {
                acts.push(Act::Fire(server, Timer::FinalizeWait));
            } else if facts.finalizes && self.budget.timeouts > 0 {
                acts.push(Act::Early(server, Timer::FinalizeWait));
            }
        }
    }

    fn limits<K: Known>(&self, known: &mut K, acts: &mut Vec<Act>) {
        let kind = self.shape.kind;
        if kind.talks() {
            let nothing = acts.is_empty();
            if nothing {
                let again = self.servers().filter(|s| known.parts().machine(self.machine(*s)).again);
                acts.extend(again.map(|server| Act::Fire(server, Timer::Notification)));
            }
            if (nothing && kind.connects()) || self.budget.timeouts > 0 {
                acts.extend(self.waiting(known).map(|server| Act::Early(server, Timer::InitLimit)));
            }
        } else if self.waiting(known).next().is_some() && self.is_stuck(known, acts) {
            acts.extend(self.waiting(known).map(|server| Act::Fire(server, Timer::InitLimit)));
        }
    }

    /// Who waits for a leader or for followers.
    pub fn waiting<K: Known>(&self, known: &K) -> impl Iterator<Item = ServerId> {
        self.servers().filter(|s| known.parts().machine(self.machine(*s)).limit)
    }

    /// Whether nothing comes of any of these moves: they are elections in which everybody goes on looking. Of one that
    /// no budget allows that is not known.
    fn is_stuck<K: Known>(&self, known: &mut K, acts: &[Act]) -> bool {
        let elections = acts.iter().all(|act| matches!(act, Act::Elect(_)));
        elections
            && (acts.is_empty() || self.budget.elections > 0)
            && acts.iter().all(|act| matches!(act, Act::Elect(who) if !self.would_elect(*who, known)))
    }

    fn messages<K: Known>(&self, known: &K, acts: &mut Vec<Act>) {
        let up = |server| known.parts().machine(self.machine(server)).up;
        for (bundle, (a, b)) in self.shape.pairs().enumerate() {
            let facts = known.parts().pair(self.bundles[bundle]);
            for (flying, from, to) in [(facts.flying[0], a, b), (facts.flying[1], b, a)] {
                if flying && up(to) {
                    acts.push(Act::Notify { from, to });
                }
            }
            if facts.speaks && (up(a) || up(b)) {
                acts.push(Act::Meet(a, b));
            }
        }
    }

    fn elections<K: Known>(&self, known: &K, acts: &mut Vec<Act>) {
        let ready = |server: &ServerId| {
            let facts = known.parts().machine(self.machine(*server));
            facts.looking && facts.drained
        };
        let ready: Vec<ServerId> = self.servers().filter(ready).collect();
        for bits in 1u32..1 << ready.len() {
            let who = ready.iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0).map(|(_, s)| *s);
            acts.push(Act::Elect(who.collect()));
        }
    }

    fn faults<K: Known>(&self, known: &K, acts: &mut Vec<Act>) {
        let parts = known.parts();
        let facts = |server| parts.machine(self.machine(server));
        if self.shape.kind.talks() && self.budget.timeouts > 0 {
            let again = self.servers().filter(|s| facts(*s).again);
            acts.extend(again.map(|server| Act::Early(server, Timer::Notification)));
        }
        if self.budget.writes > 0 && self.shape.kind.script().is_none() {
            let leads = |s: &ServerId| facts(*s).glance.leads && facts(*s).glance.serves;
            acts.extend(self.servers().filter(leads).map(Act::Write));
        }
        if self.budget.timeouts > 0 && self.shape.kind.script().is_some() {
            for server in self.servers() {
                acts.extend(facts(server).sessions.iter().map(|timer| Act::Early(server, *timer)));
            }
        }
        if self.budget.crashes > 0 {
            for server in self.servers() {
                let choices = parts.machine(self.machine(server)).crashes.len() as u8;
                acts.extend((0..choices).map(|choice| Act::Crash { server, choice }));
            }
        }
        if self.budget.failures > 0 {
            acts.extend(self.servers().filter(|s| facts(*s).syncs).map(Act::Fail));
        }
        if self.budget.breaks > 0 {
            for (at, (_, cable)) in self.cables().iter().enumerate() {
                let [to_a, to_b] = parts.cable(*cable).carried;
                let keeps = (0..=to_a).flat_map(|a| (0..=to_b).map(move |b| [a, b]));
                acts.extend(keeps.map(|keep| Act::Break { at: at as u8, keep }));
            }
            let open = self.guests.lines().iter().enumerate().filter(|(_, line)| line.is_open());
            acts.extend(open.map(|(at, _)| Act::BreakLine(at as u8)));
            if self.shape.kind.talks() {
                let up = self.shape.pairs().zip(self.bundles()).filter(|(_, id)| parts.pair(**id).up);
                acts.extend(up.map(|((a, b), _)| Act::Part(a, b)));
            }
        }
        if self.shape.kind.talks() && self.budget.meddles() {
            self.meddling(known, acts);
        }
    }

    fn meddling<K: Known>(&self, known: &K, acts: &mut Vec<Act>) {
        let parts = known.parts();
        for how in Meddling::ALL {
            if *how.left(&mut self.budget.clone()) == 0 {
                continue;
            }
            for (bundle, (a, b)) in self.shape.pairs().enumerate() {
                let facts = parts.pair(self.bundles()[bundle]);
                for (way, from, to) in [(0, a, b), (1, b, a)] {
                    let can = match how {
                        Meddling::Drop => facts.flying[way],
                        Meddling::Duplicate => facts.flying[way] && parts.machine(self.machine(to)).up,
                        Meddling::Reorder => facts.flying[way] && facts.waiting[way],
                    };
                    if can {
                        acts.push(Act::Meddle { how, from, to });
                    }
                }
            }
        }
    }

    /// Which of the model's `sometimes` properties hold here, as bits.
    pub fn reached<K: Known>(&self, known: &K) -> u8 {
        let glances = self.machines().iter().map(|id| known.parts().machine(*id).glance);
        self.shape.kind.reached(glances)
    }
}
