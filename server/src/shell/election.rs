//! The election port: one connection per pair of servers, started by the larger id. What waits to be
//! sent, and what is sent again, is the core's machine (`zab::election::links`).

use super::outlet::{Phase, Port};
use super::quorum::connect;
use super::reader::Gate;
use super::refusals::About;
use super::slots::Token;
use super::{Errand, Shell, State};
use crate::config::{Host, Member, Settings};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use zabra_core::contract::Input;
use zabra_core::id::ServerId;
use zabra_core::wire::Jute;
use zabra_core::wire::election::{End, Handshake, HandshakeVersion};
use zabra_core::zab::Notification;
use zabra_core::zab::codec::{ElectionItem, ElectionReader, encode_notification};
use zabra_core::zab::election::links::{Initiative, LinkState, Outbox};

/// How long to wait before a connection is tried again: at first, and at most.
const RETRY_MIN_MS: u64 = 20;
const RETRY_MAX_MS: u64 = 1000;
/// The smaller id leaves the larger one time to come by itself.
const PATIENCE_MS: u64 = 150;
/// How soon a connection that broke is tried again: most often the process at its other end is gone, and
/// as long as that is not known an election waits for its vote. The larger id comes first.
const AGAIN_MS: u64 = 2;
const AGAIN_PATIENCE_MS: u64 = 10;
/// Election connections that may be open here at once.
const CALLERS_MAX: usize = 128;

/// The election connections of a server.
#[derive(Default)]
pub struct Election {
    pairs: BTreeMap<ServerId, Pair>,
    callers: BTreeMap<Token, Caller>,
}

/// This server and another.
#[derive(Default)]
struct Pair {
    outbox: Outbox,
    link: Option<Token>,
    /// Whether a task is at work, or about to be, to open a connection.
    is_calling: bool,
    /// The number of that task: an earlier one that still sleeps does nothing when it wakes.
    attempt: u64,
    retry_ms: u64,
    /// Whether it was there since this process began. One that was not may be about to begin, as when all
    /// are launched at once: it is worth a finalize wait, for its vote may be the best.
    was_met: bool,
    /// Where it says that it listens.
    hosts: Vec<Host>,
}

/// A connection, and who is at its other end as far as that is known.
struct Caller {
    peer: Option<ServerId>,
    reader: ElectionReader,
}

impl Election {
    pub fn new(settings: &Settings) -> Election {
        let others = settings.members.keys().filter(|id| **id != settings.me);
        Election { pairs: others.map(|id| (*id, Pair::default())).collect(), callers: BTreeMap::new() }
    }
}

/// Accepts servers for ever.
pub(super) async fn listen(shell: Arc<Shell>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => shell.attach(stream, Port::Election, State::caller_arrived, State::on_election),
            Err(error) => {
                tracing::warn!(%error, "a server's connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Calls a server: to keep the connection, or to be called back by a larger id.
pub(super) async fn call(shell: Arc<Shell>, peer: ServerId, delay_ms: u64, attempt: u64) {
    if delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    }
    let is_linked = match shell.lock().election.pairs.get(&peer) {
        Some(pair) if pair.attempt == attempt => pair.link.is_some(),
        Some(_) | None => return,
    };
    if !is_linked {
        let settings = Arc::clone(&shell.settings);
        let hosts = shell.lock().election_hosts(peer);
        let limit = Duration::from_millis(settings.connect_timeout_ms.into());
        match connect(&hosts, limit).await {
            Ok(stream) if Initiative::of(settings.me, peer) == Initiative::Mine => {
                shell.attach(
                    stream,
                    Port::Election,
                    |state, token| state.call_answered(token, peer),
                    State::on_election,
                );
            }
            Ok(mut stream) => {
                // The larger id hears who called, and calls back.
                let greeting = shell.lock().handshake();
                drop(stream.write_all(&greeting).await);
                drop(stream.flush().await);
                drop(stream.shutdown().await);
            }
            Err(error) => {
                tracing::debug!(%peer, %error, "the election port cannot be reached");
                if error.kind() == ErrorKind::ConnectionRefused {
                    shell.turn(|state| state.found_nobody(peer));
                }
            }
        }
    }
    shell.turn(|state| state.called(peer, attempt));
}

/// The addresses of a greeting.
fn hosts(handshake: &Handshake<'_>) -> Vec<Host> {
    let of = |address: &[u8]| {
        let (name, port) = std::str::from_utf8(address).ok()?.rsplit_once(':')?;
        let name = name.trim_start_matches('[').trim_end_matches(']').into();
        Some(Host { name, port: port.parse().ok()? })
    };
    handshake.each_address().filter_map(of).collect()
}

impl State {
    /// What the server that opens a connection says first.
    fn handshake(&self) -> Vec<u8> {
        let settings = &self.settings;
        let addresses = settings.members.get(&settings.me).map(Member::election_hosts).unwrap_or_default();
        let version = if addresses.len() > 1 { HandshakeVersion::V2 } else { HandshakeVersion::V1 };
        let text = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join("|");
        Handshake { version, server: settings.me.0.into(), addresses: text.as_bytes() }.to_bytes()
    }

    /// Where a server's election port is: as the configurations say, else as itself has said.
    fn election_hosts(&self, peer: ServerId) -> Vec<Host> {
        match self.members.get(&peer) {
            Some(member) => member.election_hosts(),
            None => self.election.pairs.get(&peer).map(|pair| pair.hosts.clone()).unwrap_or_default(),
        }
    }

    /// The ensemble has changed: new members are called, and may call.
    pub(super) fn meet(&mut self, peers: impl Iterator<Item = ServerId>) {
        for peer in peers.filter(|peer| *peer != self.settings.me) {
            self.election.pairs.entry(peer).or_default();
        }
    }

    /// The core says something to a server.
    pub(super) fn say(&mut self, to: ServerId, notification: Arc<Notification>) {
        let Some(pair) = self.election.pairs.get_mut(&to) else { return };
        let link = if pair.link.is_some() { LinkState::Up } else { LinkState::Down };
        let message = pair.outbox.send(notification, link);
        match pair.link {
            Some(token) => self.put(token, message),
            None => self.call_soon(to, 0),
        }
    }

    fn put(&mut self, token: Token, message: Option<Arc<Notification>>) {
        if let (Some(message), Some(outlet)) = (message, self.outlets.get_mut(&token)) {
            encode_notification(&message, outlet.bytes());
            self.mark_dirty(token);
        }
    }

    fn call_soon(&mut self, peer: ServerId, delay_ms: u64) {
        let Some(pair) = self.election.pairs.get_mut(&peer) else { return };
        if !pair.is_calling {
            self.call_anew(peer, delay_ms);
        }
    }

    /// Calls, whatever attempt is under way: it knows less.
    fn call_anew(&mut self, peer: ServerId, delay_ms: u64) {
        let Some(pair) = self.election.pairs.get_mut(&peer) else { return };
        pair.is_calling = true;
        pair.attempt += 1;
        self.errands.push(Errand::Call { peer, delay_ms, attempt: pair.attempt });
    }

    /// An attempt has ended. As long as something waits to be said there will be another.
    fn called(&mut self, peer: ServerId, attempt: u64) {
        let Some(pair) = self.election.pairs.get_mut(&peer).filter(|pair| pair.attempt == attempt) else { return };
        pair.is_calling = false;
        if pair.link.is_none() && pair.outbox.wants_link() {
            let least = match Initiative::of(self.settings.me, peer) {
                Initiative::Mine => RETRY_MIN_MS,
                Initiative::Theirs => PATIENCE_MS,
            };
            pair.retry_ms = (pair.retry_ms * 2).clamp(least, RETRY_MAX_MS);
            let delay_ms = pair.retry_ms;
            self.call_soon(peer, delay_ms);
        }
    }

    /// No process is at a server's election port.
    fn found_nobody(&mut self, peer: ServerId) {
        if self.election.pairs.get(&peer).is_some_and(|pair| pair.was_met) {
            self.step(Input::Unreachable { peer });
        }
    }

    /// A connection of this server's own call stands.
    fn call_answered(&mut self, token: Token, peer: ServerId) -> bool {
        let caller = Caller { peer: None, reader: ElectionReader::new(End::Initiator) };
        self.election.callers.insert(token, caller);
        let greeting = self.handshake();
        if let Some(outlet) = self.outlets.get_mut(&token) {
            outlet.bytes().extend_from_slice(&greeting);
        }
        self.mark_dirty(token);
        self.link(token, peer);
        true
    }

    fn caller_arrived(&mut self, token: Token) -> bool {
        if self.election.callers.len() >= CALLERS_MAX {
            self.say_refused(About::Election, || tracing::warn!("too many election connections: one more is closed"));
            return false;
        }
        self.election.callers.insert(token, Caller { peer: None, reader: ElectionReader::new(End::Acceptor) });
        true
    }

    pub(super) fn caller_gate(&self, token: Token) -> Gate {
        let is_known = self.election.callers.get(&token).is_some_and(|caller| caller.peer.is_some());
        if is_known { Gate::Open } else { Gate::Greeting }
    }

    /// This connection is the pair's from now on.
    fn link(&mut self, token: Token, peer: ServerId) {
        self.unlink(peer);
        let Some(pair) = self.election.pairs.get_mut(&peer) else { return };
        pair.link = Some(token);
        pair.was_met = true;
        pair.retry_ms = 0;
        let message = pair.outbox.connected();
        if let Some(caller) = self.election.callers.get_mut(&token) {
            caller.peer = Some(peer);
        }
        tracing::debug!(%peer, "election connection stands");
        self.put(token, message);
    }

    /// The pair's connection, if there is one, is no longer its.
    fn unlink(&mut self, peer: ServerId) {
        let Some(pair) = self.election.pairs.get_mut(&peer) else { return };
        let Some(token) = pair.link.take() else { return };
        pair.outbox.broken();
        if let Some(caller) = self.election.callers.get_mut(&token) {
            caller.peer = None;
        }
        if let Some(outlet) = self.outlets.get_mut(&token) {
            outlet.close();
        }
    }

    /// Bytes of an election connection.
    fn on_election(&mut self, token: Token, bytes: &[u8]) {
        let Some(mut caller) = self.election.callers.remove(&token) else { return };
        let mut input = bytes;
        let peer = caller.peer;
        let mut heard = Vec::new();
        let outcome = loop {
            match caller.reader.next(&mut input) {
                Ok(None) => break Ok(()),
                Ok(Some(ElectionItem::Handshake { from, handshake })) => {
                    if self.settings.reconfig.enabled && from != self.settings.me {
                        // Whoever wants to join is no member yet; it needs to hear who leads.
                        self.election.pairs.entry(from).or_default().hosts = hosts(&handshake);
                    }
                    heard.push((from, None));
                }
                Ok(Some(ElectionItem::Notification(notification))) => {
                    let from = heard.last().map(|(from, _)| *from).or(peer);
                    heard.extend(from.map(|from| (from, Some(Arc::new(notification)))));
                }
                Err(malformed) => break Err(malformed),
            }
        };
        self.election.callers.insert(token, caller);
        for (from, notification) in heard {
            match notification {
                None => self.greeted(token, from),
                // Only the pair's own connection speaks for a server.
                Some(notification) if self.election.callers.get(&token).is_some_and(|c| c.peer == Some(from)) => {
                    self.step(Input::Notified { from, notification });
                }
                Some(_) => {}
            }
        }
        if let Err(malformed) = outcome {
            self.say_refused(About::Election, || tracing::warn!(%malformed, "an election connection is closed"));
            self.close_softly(token);
        }
    }

    /// A caller has said who it is.
    fn greeted(&mut self, token: Token, from: ServerId) {
        if !self.election.pairs.contains_key(&from) {
            self.say_refused(
                About::Election,
                || tracing::warn!(%from, "a call from a server that is this one, or none of the ensemble"),
            );
            return self.close_softly(token);
        }
        match Initiative::of(self.settings.me, from) {
            Initiative::Theirs => self.link(token, from),
            Initiative::Mine => {
                // It asks to be called, so it has no connection, whatever this server believes.
                self.close_softly(token);
                self.unlink(from);
                self.call_anew(from, 0);
            }
        }
    }

    /// Everything that was said on an election connection is written: the next message may go.
    pub(super) fn election_drained(&mut self, token: Token, cx: &mut Context<'_>) {
        let Some(peer) = self.election.callers.get(&token).and_then(|caller| caller.peer) else { return };
        let Some(pair) = self.election.pairs.get_mut(&peer) else { return };
        let is_open = self.outlets.get(&token).is_some_and(|outlet| outlet.phase == Phase::Open);
        if is_open && let Some(message) = pair.outbox.sent() {
            self.put(token, Some(message));
            cx.waker().wake_by_ref();
        }
    }

    pub(super) fn election_ended(&mut self, token: Token) {
        let Some(caller) = self.election.callers.remove(&token) else { return };
        let Some(peer) = caller.peer else { return };
        let Some(pair) = self.election.pairs.get_mut(&peer) else { return };
        pair.link = None;
        pair.outbox.broken();
        let delay_ms = match Initiative::of(self.settings.me, peer) {
            Initiative::Mine => AGAIN_MS,
            Initiative::Theirs => AGAIN_PATIENCE_MS,
        };
        self.call_soon(peer, delay_ms);
    }
}
