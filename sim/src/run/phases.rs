//! After the safety phase: progress is demanded (contract section 7, clauses 3 and 4).
//!
//! *Liveness*: a quorum is healed, no link crosses its border, outside it stays broken for good.
//! *End*: everything heals; all servers are synced and equal. *Restarted*: every server lost power
//! with nothing but what was synced, started again, and is compared once more.

use super::agenda::Due;
use super::explorer::Explorer;
use super::report::Outcome;
use crate::client::ClientStep;
use crate::step::Step;

use zabra_core::id::{ServerId, ServerSet, Zxid};
use zabra_core::quorum::Quorum;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Safety,
    Liveness { deadline: u64 },
    End { deadline: u64 },
    Restarted { deadline: u64, history_end: Zxid },
}

impl Explorer<'_> {
    fn quorum(&self) -> ServerSet {
        self.plan.quorum.iter().map(|server| ServerId(*server)).collect()
    }

    /// A server whose disk was lost does not count for a quorum before it is synced: without it the
    /// chosen ones must still be one (contract section 7, clause 2), of every configuration that one of them goes
    /// by. Where the ensemble may change all are chosen: a change may be begun in the moment in which who is not chosen
    /// is cut off, and a server that is being joined and lacks its record has no say (decision 0040).
    fn complete_quorum(&mut self) {
        let lost = self.lost();
        if self.scenario.clients.operators > 0 {
            self.plan.quorum = self.everybody().iter().map(|server| server.0).collect();
        }
        while let Some(quorum) = self.unsatisfied(lost) {
            let Some(server) = quorum.voters().difference(self.quorum()).iter().next() else { return };
            self.plan.quorum.push(server.0);
        }
    }

    /// A configuration that counts for a chosen server, and of which the chosen ones are no quorum.
    fn unsatisfied(&self, lost: ServerSet) -> Option<Quorum> {
        let whole = self.quorum().difference(lost);
        let lacks = |server: ServerId| {
            let mut others = whole;
            // Who waits to be joined and says in its file that it votes joins whom a quorum without it follows.
            if self.is_joiner(server) {
                others.remove(server);
            }
            self.goes_by(server).into_iter().find(move |quorum| !quorum.contains(others))
        };
        self.plan.quorum.iter().find_map(|server| lacks(ServerId(*server))).cloned()
    }

    /// Whether a server goes by its own file still, which names it though the first ensemble does not.
    fn is_joiner(&self, server: ServerId) -> bool {
        self.world.machine(server).config.ensemble.version == 0 && !self.world.ensemble().members().contains(server)
    }

    /// The configurations that count for a server, as it said last.
    pub(super) fn goes_by(&self, server: ServerId) -> Vec<&Quorum> {
        match &self.servers[usize::from(server.0) - 1].goes_by {
            None => vec![&self.world.ensemble().quorum],
            Some((active, proposed)) => std::iter::once(active).chain(proposed).collect(),
        }
    }

    fn everybody(&self) -> ServerSet {
        self.world.servers().collect()
    }

    fn tick_us(&self) -> u64 {
        u64::from(self.scenario.ensemble.tick_ms) * 1000
    }

    /// The phase looks whether it is complete, or too late.
    pub(super) fn check(&mut self) {
        match self.phase {
            Phase::Safety => self.begin_liveness(),
            Phase::Liveness { deadline } => {
                let missing = self.missing(self.quorum());
                match missing {
                    None => self.begin_end(),
                    Some(what) => self.wait(deadline, "the quorum does not progress", &what),
                }
            }
            Phase::End { deadline } => {
                let missing = self.missing(self.everybody()).or_else(|| self.unequal());
                match missing {
                    None => self.begin_restarts(),
                    Some(what) => self.wait(deadline, "after everything healed", &what),
                }
            }
            Phase::Restarted { deadline, history_end } => {
                let missing = self.missing(self.everybody()).or_else(|| self.unequal());
                match missing.or_else(|| self.shrunk(history_end)) {
                    None => self.finish(),
                    Some(what) => self.wait(deadline, "after every server was restarted", &what),
                }
            }
        }
    }

    fn wait(&mut self, deadline: u64, when: &str, what: &str) {
        if self.now >= deadline {
            self.ending.get_or_insert(Outcome::Liveness(format!("{when}: {what}")));
        } else {
            self.agenda.push(self.now + self.tick_us() / 2, Due::Check);
        }
    }

    fn begin_liveness(&mut self) {
        let deadline = self.now + u64::from(self.scenario.phases.liveness_ticks) * self.tick_us();
        self.phase = Phase::Liveness { deadline };
        self.complete_quorum();
        let quorum = self.quorum();
        self.load.stop();
        self.silence_raw();
        self.resume_all();
        for from in self.world.servers() {
            for to in self.world.servers() {
                if from == to {
                    continue;
                }
                match (quorum.contains(from), quorum.contains(to)) {
                    (true, true) => self.set_path(from, to, false),
                    (false, false) => {}
                    (true, false) | (false, true) => {
                        self.set_path(from, to, true);
                        self.part(from, to);
                    }
                }
            }
        }
        self.bar(self.everybody().difference(quorum));
        self.mend(quorum);
        self.probe(quorum);
        self.agenda.push(self.now + self.tick_us(), Due::Check);
    }

    fn begin_end(&mut self) {
        let deadline = self.now + u64::from(self.scenario.phases.end_ticks) * self.tick_us();
        self.phase = Phase::End { deadline };
        let everybody = self.everybody();
        for from in self.world.servers() {
            for to in self.world.servers() {
                if from != to {
                    self.set_path(from, to, false);
                }
            }
        }
        self.bar(ServerSet::EMPTY);
        self.mend(everybody);
        self.probe(everybody);
        self.agenda.push(self.now + self.tick_us(), Due::Check);
    }

    /// Every server loses power with nothing but what was synced, and starts again.
    fn begin_restarts(&mut self) {
        let deadline = self.now + u64::from(self.scenario.phases.end_ticks) * self.tick_us();
        let history_end = self.judge.applied();
        self.phase = Phase::Restarted { deadline, history_end };
        for server in self.world.servers() {
            self.crash_for(server, self.tick_us());
        }
        self.agenda.push(self.now + 2 * self.tick_us(), Due::Check);
    }

    fn finish(&mut self) {
        let verdict = self.judge.end(&self.world);
        self.ending.get_or_insert(match verdict {
            Ok(()) => Outcome::Pass,
            Err(violation) => Outcome::Safety(Box::new(violation)),
        });
    }

    /// A down server starts again, unless it is outside the quorum that must do without it.
    pub(super) fn may_start(&self, server: ServerId) -> bool {
        match self.phase {
            Phase::Safety | Phase::End { .. } | Phase::Restarted { .. } => true,
            Phase::Liveness { .. } => self.plan.quorum.contains(&server.0),
        }
    }

    fn set_path(&mut self, from: ServerId, to: ServerId, cut: bool) {
        while self.path(from, to).cuts > u16::from(cut) {
            self.cut(from, to, false);
        }
        if self.path(from, to).cuts < u16::from(cut) {
            self.cut(from, to, true);
        }
        self.path(from, to).factor = 1;
    }

    /// Disks work, clocks run, and who is down starts.
    fn mend(&mut self, servers: ServerSet) {
        for server in servers.iter() {
            let drift = self.plan.drift_ppm[usize::from(server.0) - 1];
            let side = self.side(server);
            side.stalled_until = 0;
            side.failing = None;
            side.doomed = None;
            side.stalked = None;
            side.falters = 0;
            side.drift_ppm = drift;
            if !self.world.machine(server).up() {
                let incarnation = self.world.machine(server).incarnation;
                let at = self.now + u64::from(self.network.below(50_000));
                self.agenda.push(at, Due::Restart { server: server.0, incarnation });
            }
        }
    }

    /// Clients can reach only the others from now on.
    fn bar(&mut self, barred: ServerSet) {
        self.world.barred = barred;
        for line in self.world.line_ages.clone() {
            let struck = self.world.lines.get(line).is_some_and(|held| barred.contains(held.server));
            if struck {
                self.tell(|world| {
                    let (client, nth) = world.name_line(line)?;
                    Some(Step::Client { client, what: ClientStep::Break { nth, keep: [0, 0] } })
                });
                self.world.begin();
                if self.world.sever_line(line, [0, 0]).is_ok() {
                    self.after();
                }
            }
        }
    }

    /// What is missing for these servers to have progressed.
    fn missing(&self, servers: ServerSet) -> Option<String> {
        let view = |server: ServerId| self.world.machine(server).view();
        let Some(leader) = self.leader().filter(|leader| servers.contains(*leader)) else {
            return Some(format!("nobody in {servers} leads"));
        };
        let epoch = view(leader)?.current_epoch();
        for server in servers.iter() {
            let Some(view) = view(server) else { return Some(format!("server {server} is down")) };
            if !view.serving() || view.leader() != Some(leader) || view.current_epoch() != epoch {
                return Some(format!("server {server} is not synced with leader {leader}"));
            }
        }
        self.load.missing(&self.world)
    }

    /// Which two servers differ though nothing is outstanding.
    fn unequal(&self) -> Option<String> {
        let views: Vec<_> = self.world.machines.iter().filter_map(|machine| machine.view()).collect();
        let first = views.first()?;
        for view in &views {
            if (view.history_end(), view.committed(), view.applied())
                != (first.history_end(), first.committed(), first.applied())
            {
                return Some(format!("servers {} and {} are at different zxids", first.me(), view.me()));
            }
            if view.applied() != view.history_end() {
                return Some(format!("server {} has not applied its history", view.me()));
            }
            if view.database() != first.database() {
                return Some(format!("servers {} and {} differ at {}", first.me(), view.me(), view.applied()));
            }
        }
        None
    }

    fn shrunk(&self, history_end: Zxid) -> Option<String> {
        let view = self.world.machines.first()?.view()?;
        (view.history_end() < history_end).then(|| format!("the history ended at {history_end} before"))
    }

    /// Asks for a write through each of these servers.
    fn probe(&mut self, servers: ServerSet) {
        if !self.scenario.phases.probes {
            return;
        }
        for server in servers.iter() {
            let client = self.load.add_probe(&mut self.world, server);
            self.client_timers.push([u64::MAX; 4]);
            assert_eq!(self.client_timers.len(), self.world.clients.len(), "every client has timers");
            self.start_client(client);
        }
    }
}
