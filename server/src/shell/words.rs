//! Operators' questions: the shell's part of the answers is what it counts and what it was told.

#[cfg(not(madsim))]
use super::Shell;
use super::slots::Token;
use super::{State, timers::Timers};
use crate::config::{Host, Part, Settings};
#[cfg(not(madsim))]
use crate::measure::Stats;
use crate::process;
#[cfg(not(madsim))]
use std::sync::Arc;
use tokio::time::Instant;
#[cfg(not(madsim))]
use zabra_core::admin::Server;
use zabra_core::admin::{Answer, Configuration, Connection, Digest, Effect, Membership, Surroundings, Voter, answer};
use zabra_core::contract::Timer;
use zabra_core::id::{SessionId, Zxid};

/// As Apache's servers begin it, so that clients which look for a version find one.
pub const VERSION: &str = concat!("3.9.5-zabra-", env!("CARGO_PKG_VERSION"), ", built from source");

/// What does not change while a server runs.
pub(super) struct Known {
    environment: Vec<(String, String)>,
    configuration: Configuration,
    started: Instant,
}

impl Known {
    pub(super) fn new(settings: &Settings, started: Instant) -> Known {
        Known { environment: process::environment(VERSION), configuration: configuration(settings), started }
    }
}

#[cfg(not(madsim))]
impl Shell {
    /// Answers a question that came over HTTP, and does what asking it changes.
    pub(crate) fn answer<T>(
        self: &Arc<Self>,
        question: impl FnOnce(&Stats, Instant, &Server<'_>, &Surroundings<'_>) -> (T, Option<Effect>),
    ) -> T {
        self.turn(|state| {
            let now = state.moment().now;
            let ask = |state: &State, around: &Surroundings<'_>| {
                question(&state.stats, now, &state.replica.view().admin(), around)
            };
            let (answer, effect) = state.ask(ask);
            state.take_effect(effect);
            answer
        })
    }
}

impl State {
    /// Answers, and closes when the answer is written. A word that does not exist is no word but a
    /// length beyond all bounds.
    pub(super) fn answer_word(&mut self, token: Token, word: [u8; 4], mask: Option<i64>) {
        let words = self.settings.words.clone();
        let answer = self.ask(|state, around| answer(word, mask, &words, &state.replica.view().admin(), around));
        let Some(Answer { text, effect }) = answer else {
            let word = String::from_utf8_lossy(&word).into_owned();
            tracing::warn!(address = ?self.address_of(token), word, "a connection is closed: no four-letter word");
            return self.close_softly(token);
        };
        self.take_effect(effect);
        if let Some(outlet) = self.outlets.get_mut(&token) {
            outlet.bytes().extend_from_slice(text.as_bytes());
        }
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

    /// Lets a question be answered with what the shell knows.
    pub(super) fn ask<T>(&mut self, question: impl FnOnce(&State, &Surroundings<'_>) -> T) -> T {
        let moment = self.moment();
        let connections: Vec<Connection> =
            self.clients.values().map(|client| client.connection(self.known.started)).collect();
        let expiries = expiries(&self.timers, moment.now, moment.at.0, self.settings.tick_ms);
        let measures = self.stats.measures(moment.now);
        let digests: Vec<Digest> = self.stats.digests.iter().copied().collect();
        let (data_dir, log_dir) = (self.settings.data_dir.join("version-2"), self.settings.log_dir.join("version-2"));
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
            data_bytes: process::bytes_in(&data_dir),
            log_bytes: process::bytes_in(&log_dir),
            trace_mask: self.stats.trace_mask,
            expiries: &expiries,
            digests: &digests,
            measures: &measures,
            snapshot: process::newest_snapshot(&data_dir).map(|(zxid, at)| (Zxid(zxid), at)),
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
        | Timer::Containers => None,
    });
    sessions.collect()
}

fn configuration(settings: &Settings) -> Configuration {
    let pairs = |hosts: &[Host]| hosts.iter().map(|host| (host.name.clone(), host.port)).collect();
    let list = |hosts: &[Host]| hosts.iter().map(Host::to_string).collect();
    let client = |host: &Option<Host>| host.as_ref().map(Host::to_string).unwrap_or_default();
    let voters = settings.members.iter().filter(|(_, member)| member.part == Part::Participant);
    let voters = voters.map(|(id, member)| Voter {
        id: *id,
        quorum: list(&member.quorum),
        election: list(&member.election),
        client: client(&member.client),
    });
    let member = settings.members.get(&settings.me).map(|member| Membership {
        quorum: pairs(&member.quorum),
        election: pairs(&member.election),
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
