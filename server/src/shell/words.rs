//! Operators' questions: the shell's part of the answers is what it counts and what it was told.

#[cfg(not(madsim))]
use super::Shell;
use super::refusals::About;
use super::slots::Token;
use super::{State, timers::Timers};
use crate::config::{Host, Settings};
#[cfg(not(madsim))]
use crate::measure::Stats;
use crate::process;
#[cfg(not(madsim))]
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
#[cfg(not(madsim))]
use zabra_core::admin::Server;
use zabra_core::admin::{Answer, Configuration, Connection, Digest, Effect, Membership, Needs, Surroundings, Voter};
use zabra_core::contract::Timer;
use zabra_core::id::{SessionId, Zxid};

/// As Apache's servers begin it, so that clients which look for a version find one.
pub const VERSION: &str = concat!("3.9.5-zabra-", env!("CARGO_PKG_VERSION"), ", built from source");

/// What does not change while a server runs.
pub(super) struct Known {
    environment: Vec<(String, String)>,
    configuration: Configuration,
    started: Instant,
    machine: Machine,
}

impl Known {
    pub(super) fn new(settings: &Settings, started: Instant) -> Known {
        let (environment, configuration) = (process::environment(VERSION), configuration(settings));
        Known { environment, configuration, started, machine: Machine::default() }
    }
}

/// What the machine says. To ask it is to wait for the disk on the turn loop's thread, so it is asked when somebody
/// wants to know, and not more often than once in a second, however many do.
#[derive(Debug, Default)]
struct Machine {
    asked: Option<Instant>,
    data_bytes: u64,
    log_bytes: u64,
    snapshot: Option<(Zxid, i64)>,
    process: Vec<(&'static str, u64)>,
}

impl Machine {
    const FRESH: Duration = Duration::from_secs(1);

    fn refresh(&mut self, settings: &Settings, now: Instant) {
        if self.asked.is_some_and(|asked| now.saturating_duration_since(asked) < Self::FRESH) {
            return;
        }
        let (data_dir, log_dir) = (settings.data_dir.join("version-2"), settings.log_dir.join("version-2"));
        *self = Machine {
            asked: Some(now),
            data_bytes: process::bytes_in(&data_dir),
            log_bytes: process::bytes_in(&log_dir),
            snapshot: process::newest_snapshot(&data_dir).map(|(zxid, at)| (Zxid(zxid), at)),
            process: process::gauges(),
        };
    }
}

#[cfg(not(madsim))]
impl Shell {
    /// Answers a question that came over HTTP, and does what asking it changes.
    pub(crate) fn answer<T>(
        self: &Arc<Self>,
        needs: Needs,
        question: impl FnOnce(&Stats, Instant, &Server<'_>, &Surroundings<'_>) -> (T, Option<Effect>),
    ) -> T {
        self.turn(|state| {
            let now = state.moment().now;
            let ask = |state: &State, around: &Surroundings<'_>| {
                question(&state.stats, now, &state.replica.view().admin(), around)
            };
            let (answer, effect) = state.ask(needs, ask);
            state.take_effect(effect);
            answer
        })
    }
}

impl State {
    /// Answers, and closes when the answer is written. A word that does not exist is no word but a
    /// length beyond all bounds.
    pub(super) fn answer_word(&mut self, token: Token, word: [u8; 4], mask: Option<i64>) {
        let Answer { text, effect } = match zabra_core::admin::word(word, &self.settings.words) {
            Some(Ok(word)) => {
                self.ask(word.needs(), |state, around| word.answer(mask, &state.replica.view().admin(), around))
            }
            Some(Err(refusal)) => refusal,
            None => {
                let word = String::from_utf8_lossy(&word).into_owned();
                let address = self.address_of(token);
                self.say_refused(About::Client, || {
                    tracing::warn!(?address, word, "a connection is closed: no four-letter word")
                });
                return self.close_softly(token);
            }
        };
        self.take_effect(effect);
        if let Some(outlet) = self.outlets.get_mut(&token) {
            outlet.bytes().extend_from_slice(text.as_bytes());
        }
        self.count_replies(token);
        self.close_softly(token);
    }

    pub(super) fn take_effect(&mut self, effect: Option<Effect>) {
        match effect {
            Some(Effect::ResetServerStats) => self.stats.reset(),
            Some(Effect::ResetConnectionStats) => self.clients.values_mut().for_each(|client| client.traffic().reset()),
            Some(Effect::SetTraceMask(mask)) => self.stats.trace_mask = mask,
            None => {}
        }
    }

    /// Lets a question be answered with what the shell knows; only what it needs is gathered.
    pub(super) fn ask<T>(&mut self, needs: Needs, question: impl FnOnce(&State, &Surroundings<'_>) -> T) -> T {
        let moment = self.moment();
        if needs.machine {
            self.known.machine.refresh(&self.settings, moment.now);
            self.stats.process.clone_from(&self.known.machine.process);
        }
        let mut connections: Vec<Connection> = Vec::new();
        if needs.connections {
            connections.extend(self.clients.values().map(|client| client.connection(self.known.started)));
        }
        let mut expiring = Vec::new();
        if needs.expiries {
            expiring = expiries(&self.timers, moment.now, moment.at.0, self.settings.tick_ms);
        }
        let measures = if needs.measures { self.stats.measures(moment.now) } else { Vec::new() };
        let mut digests: Vec<Digest> = Vec::new();
        if needs.digests {
            digests.extend(&self.stats.digests);
        }
        let machine = &self.known.machine;
        let around = Surroundings {
            version: VERSION,
            alone: self.settings.is_alone(),
            now_ms: moment.at.0,
            latency: self.stats.latency,
            received: self.stats.received,
            sent: self.stats.sent,
            proposals: self.stats.proposals,
            responses: self.stats.responses,
            connections: &connections,
            configuration: &self.known.configuration,
            environment: &self.known.environment,
            data_bytes: machine.data_bytes,
            log_bytes: machine.log_bytes,
            trace_mask: self.stats.trace_mask,
            expiries: &expiring,
            digests: &digests,
            measures: &measures,
            snapshot: machine.snapshot,
        };
        question(self, &around)
    }
}

/// When sessions expire by the wall clock, to the tick, as Apache's servers count them.
fn expiries(timers: &Timers, now: Instant, now_ms: i64, tick_ms: u32) -> Vec<(i64, SessionId)> {
    let tick = i64::from(tick_ms.max(1));
    let sessions = timers.armed().filter_map(|(timer, due)| match timer {
        Timer::Session(session) => {
            let left = i64::try_from(due.saturating_duration_since(now).as_millis()).unwrap_or(i64::MAX);
            Some((now_ms.saturating_add(left) / tick * tick, session))
        }
        Timer::Notification
        | Timer::FinalizeWait
        | Timer::InitLimit
        | Timer::SyncLimit
        | Timer::Learner(_)
        | Timer::Ping
        | Timer::Redial
        | Timer::NoLeader(_)
        | Timer::ReadOnly
        | Timer::Throttle
        | Timer::Containers => None,
    });
    sessions.collect()
}

fn configuration(settings: &Settings) -> Configuration {
    let pairs = |hosts: &[Host]| hosts.iter().map(|host| (host.name.clone(), host.port)).collect();
    let list = |hosts: &[Host]| hosts.iter().map(Host::to_string).collect();
    let client = |host: &Option<Host>| host.as_ref().map(Host::to_string).unwrap_or_default();
    let voters = settings.members.iter().filter(|(_, member)| !member.observes);
    let voters = voters.map(|(id, member)| Voter {
        id: *id,
        quorum: list(&member.quorum_hosts()),
        election: list(&member.election_hosts()),
        client: client(&member.client),
    });
    let member = settings.members.get(&settings.me).map(|member| Membership {
        quorum: pairs(&member.quorum_hosts()),
        election: pairs(&member.election_hosts()),
        client: client(&settings.client),
        voters: voters.collect(),
    });
    Configuration {
        client_port: settings.client.as_ref().map(|host| host.port),
        secure_client_port: settings.secure.as_ref().map(|secure| secure.host.port),
        data_dir: settings.data_dir.join("version-2").display().to_string(),
        log_dir: settings.log_dir.join("version-2").display().to_string(),
        connections_of_address: settings.client_connections,
        member,
        initial: settings.initial.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a directory of the test's own")]
    fn the_machine_is_asked_once_in_a_second_however_many_want_to_know() {
        let dir = std::env::temp_dir().join(format!("zabra-machine-{}", std::process::id()));
        let files = dir.join("version-2");
        std::fs::create_dir_all(&files).unwrap();
        let settings = Settings { data_dir: dir.clone(), log_dir: dir.clone(), ..Settings::alone() };
        let (mut machine, began) = (Machine::default(), Instant::now());
        let mut at = |ms: u64, bytes: usize| {
            std::fs::write(files.join("log.1"), vec![0; bytes]).unwrap();
            machine.refresh(&settings, began + Duration::from_millis(ms));
            (machine.data_bytes, machine.log_bytes)
        };
        assert_eq!([at(0, 10), at(999, 20), at(1000, 30), at(1500, 40)], [(10, 10), (10, 10), (30, 30), (30, 30)]);
        drop(std::fs::remove_dir_all(dir));
    }
}
