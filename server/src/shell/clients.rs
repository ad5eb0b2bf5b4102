//! The client port: connections, their frames, what is said to them.

use super::clock::Moment;
use super::outlet::{Outlet, Phase, Port};
use super::reader::Gate;
use super::refusals::{About, loudness};
use super::slots::Token;
use super::{READ_BYTES, State};
use crate::measure::Traffic;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::time::Instant;
use tracing::Level;
use zabra_core::admin::Connection;
use zabra_core::contract::{ClientOrigin, DropReason, Input, Span};
use zabra_core::id::ClientId;
use zabra_core::wire::records::ConnectRequest;
use zabra_core::wire::{Deframer, Item, Jute};

/// Bytes that wait to be written to a client before its requests are no longer read, and before a
/// client that does not read is given up.
const WAITING_BYTES: usize = 1 << 20;
const WAITING_BYTES_MAX: usize = 64 << 20;

/// A client's connection.
pub struct Client {
    address: IpAddr,
    /// Whom its certificate is of.
    subject: Option<Arc<[u8]>>,
    /// The core's name of it, from the first frame to the end.
    id: Option<ClientId>,
    deframer: Deframer,
    /// Its session is asked for and not answered: what it says behind that is held, as Apache's servers do. Read at
    /// once, all of it would be answered by one step, which nothing could slow down.
    is_entering: bool,
    /// Switched off by the core.
    is_paused: bool,
    /// What was read before it was switched off.
    held: Vec<u8>,
    /// How much memory of it and of the deframer the state has counted.
    counted: usize,
    traffic: Traffic,
    /// Behind the word `stmk`: the bytes of the mask.
    mask: Option<Vec<u8>>,
}

impl Client {
    pub(super) fn traffic(&mut self) -> &mut Traffic {
        &mut self.traffic
    }

    /// As operators read it.
    pub(super) fn connection(&self, started: Instant) -> Connection {
        self.traffic.connection(self.id, !self.is_paused, started)
    }
}

/// Whether so much waits that no more is asked of this connection.
pub(super) fn is_full(outlet: &Outlet) -> bool {
    outlet.port == Port::Client && outlet.waiting() > WAITING_BYTES
}

impl State {
    pub(super) fn address_of(&self, token: Token) -> Option<IpAddr> {
        self.clients.get(&token).map(|client| client.address)
    }

    pub(super) fn insert_client(
        &mut self,
        token: Token,
        from: SocketAddr,
        subject: Option<Arc<[u8]>>,
        is_secure: bool,
    ) {
        let address = from.ip().to_canonical();
        let traffic = Traffic::new(SocketAddr::new(address, from.port()), is_secure, self.moment().at);
        self.stats.counters.connection_request_count += 1;
        let client = Client {
            address,
            subject,
            id: None,
            deframer: Deframer::new(self.limits.frame_bytes),
            is_entering: false,
            is_paused: false,
            held: Vec::new(),
            counted: 0,
            traffic,
            mask: None,
        };
        self.clients.insert(token, client);
    }

    pub(super) fn client_gate(&self, token: Token, outlet: &Outlet) -> Gate {
        let Some(client) = self.clients.get(&token) else { return Gate::Over };
        if client.is_paused || is_full(outlet) || self.backlog.is_full() {
            Gate::Shut
        } else if client.is_entering {
            // Its end is heard of, unless it says too much.
            if client.held.len() < READ_BYTES { Gate::Open } else { Gate::Shut }
        } else if !client.held.is_empty() {
            Gate::Held
        } else if client.id.is_none() {
            Gate::Greeting
        } else {
            Gate::Open
        }
    }

    /// Bytes of a client.
    pub(super) fn on_client(&mut self, token: Token, bytes: &[u8]) {
        self.hear_client(token, bytes);
        self.count_begun(token);
        while self.begun > self.settings.begun_bytes {
            let Some((&greediest, client)) = self.clients.iter().max_by_key(|(_, client)| client.counted) else {
                return;
            };
            let (address, begun) = (client.address, client.counted);
            self.say_refused(About::Client, || {
                tracing::warn!(%address, begun, "too many bytes of requests that are not whole (zabra.requestsMaxBytes): \
                    the client that sent most of them is given up");
            });
            self.give_up(greediest);
            self.forget_begun(greediest);
        }
    }

    /// What is kept of a client's requests is counted to what is kept of all.
    fn count_begun(&mut self, token: Token) {
        if let Some(client) = self.clients.get_mut(&token) {
            // Between two frames there is but a little room that is kept for the next.
            let begun = if client.deframer.is_between_frames() { 0 } else { client.deframer.capacity() };
            let now = begun + client.held.capacity();
            self.begun = self.begun - client.counted + now;
            client.counted = now;
        }
    }

    fn forget_begun(&mut self, token: Token) {
        if let Some(client) = self.clients.get_mut(&token) {
            (client.deframer, client.held) = (Deframer::new(0), Vec::new());
        }
        self.count_begun(token);
    }

    fn hear_client(&mut self, token: Token, bytes: &[u8]) {
        let Some(client) = self.clients.get_mut(&token) else { return };
        if client.mask.is_some() {
            return self.take_mask(token, bytes);
        }
        if !client.held.is_empty() {
            return client.held.extend_from_slice(bytes);
        }
        // It is put back below: the core's commands may look at the client meanwhile.
        let mut deframer = std::mem::replace(&mut client.deframer, Deframer::new(0));
        let mut input = bytes;
        while self.may_go_on(token, &mut input) {
            match deframer.next(&mut input) {
                Ok(None) => break,
                Ok(Some(Item::Frame(frame))) if !self.is_let_in(token, frame) => self.give_up(token),
                Ok(Some(Item::Frame(frame))) => {
                    let client = self.open_client(token);
                    self.measure_request(token, frame);
                    self.step(Input::ClientFrame { client, frame });
                }
                Ok(Some(Item::FourLetterWord(word))) if &word == b"stmk" => {
                    if let Some(client) = self.clients.get_mut(&token) {
                        client.mask = Some(Vec::new());
                    }
                    self.take_mask(token, input);
                }
                Ok(Some(Item::FourLetterWord(word))) => self.answer_word(token, word, None),
                Err(malformed) => {
                    let address = self.clients[&token].address;
                    self.say_refused(
                        About::Client,
                        || tracing::warn!(%address, %malformed, "a client's connection is closed"),
                    );
                    self.give_up(token);
                }
            }
        }
        if let Some(client) = self.clients.get_mut(&token) {
            client.deframer = deframer;
        }
    }

    /// A first frame asks for a session; so many may in so much time.
    fn is_let_in(&mut self, token: Token, frame: &[u8]) -> bool {
        if self.clients.get(&token).is_none_or(|client| client.id.is_some()) {
            return true;
        }
        let Moment { now, .. } = self.moment();
        let asks_anew = ConnectRequest::from_bytes(frame).map_or(true, |request| request.session == 0);
        let since = now.saturating_duration_since(self.began).as_millis();
        let is_let_in = self.throttle.admits(asks_anew, u64::try_from(since).unwrap_or(u64::MAX));
        if is_let_in {
            self.stats.on_admitted(self.throttle.deficit().into(), now);
        } else {
            let address = self.clients[&token].address;
            self.say_refused(
                About::Client,
                || tracing::warn!(%address, "too many clients ask for a session at once (connection_throttle_tokens)"),
            );
            self.stats.counters.connection_rejected += 1;
        }
        is_let_in
    }

    /// Whether the next frame may be taken; what may not be taken now is held.
    fn may_go_on(&mut self, token: Token, input: &mut &[u8]) -> bool {
        let Some(outlet) = self.outlets.get(&token).filter(|outlet| outlet.phase == Phase::Open) else {
            return false;
        };
        // One read may bring more requests than there is room for replies.
        let is_full = is_full(outlet);
        let Some(client) = self.clients.get_mut(&token) else { return false };
        if client.is_entering || client.is_paused || is_full {
            client.held.extend_from_slice(input);
            return false;
        }
        true
    }

    pub(super) fn take_held(&mut self, token: Token) {
        if let Some(client) = self.clients.get_mut(&token) {
            let held = std::mem::take(&mut client.held);
            self.on_client(token, &held);
        }
    }

    /// The core hears of a client with its first frame: an operator's word is none.
    fn open_client(&mut self, token: Token) -> ClientId {
        let client = self.clients.get_mut(&token).expect("the caller has seen the client");
        if let Some(id) = client.id {
            return id;
        }
        let id = ClientId(self.client_slots.insert(token));
        client.id = Some(id);
        client.is_entering = true;
        let from = ClientOrigin { address: client.address, subject: client.subject.clone() };
        self.step(Input::ClientOpened { client: id, from });
        id
    }

    pub(super) fn reply(&mut self, client: ClientId, frame: Span) {
        let Some(token) = self.client_slots.get(client.0) else { return };
        let now = self.moment().now;
        if let Some(client) = self.clients.get_mut(&token) {
            let bytes = self.actions.bytes(frame);
            let answered = client.traffic.on_reply(bytes, now);
            self.stats.on_reply(bytes.len(), answered, now);
            if std::mem::take(&mut client.is_entering)
                && let Some(outlet) = self.outlets.get(&token)
            {
                outlet.wake.notify_one();
            }
        }
        self.write_frame(token, frame);
    }

    fn measure_request(&mut self, token: Token, frame: &[u8]) {
        let now = self.moment().now;
        let Some(client) = self.clients.get_mut(&token) else { return };
        let is_first = client.traffic.is_new();
        let op = client.traffic.on_request(frame, is_first, now);
        self.stats.on_request(op, frame.len());
    }

    /// Bytes behind the word `stmk`: it is answered when the mask is there.
    fn take_mask(&mut self, token: Token, bytes: &[u8]) {
        let Some(mask) = self.clients.get_mut(&token).and_then(|client| client.mask.as_mut()) else { return };
        mask.extend_from_slice(&bytes[..bytes.len().min(8)]);
        if let Some(mask) = mask.first_chunk().copied() {
            self.answer_word(token, *b"stmk", Some(i64::from_be_bytes(mask)));
        }
    }

    pub(super) fn notify_watchers(&mut self, clients: Span, frame: Span) {
        for at in 0..clients.len {
            let one = Span { start: clients.start + at, len: 1 };
            let client = self.actions.watchers(one)[0];
            let Some(token) = self.client_slots.get(client.0) else { continue };
            if let Some(client) = self.clients.get_mut(&token) {
                client.traffic.on_watch();
                self.stats.on_watch(frame.len as usize);
            }
            self.write_frame(token, frame);
        }
    }

    fn write_frame(&mut self, token: Token, frame: Span) {
        let Some(outlet) = self.outlets.get_mut(&token).filter(|outlet| outlet.phase == Phase::Open) else { return };
        outlet.bytes().extend_from_slice(self.actions.bytes(frame));
        if outlet.waiting() > WAITING_BYTES_MAX {
            self.give_up_deaf(token, "a client that does not read is given up");
        }
        self.count_replies(token);
        if self.replies > self.settings.replies_bytes {
            self.relieve_replies();
        }
        self.mark_dirty(token);
    }

    /// What waits for a client is counted to what waits for all.
    pub(super) fn count_replies(&mut self, token: Token) {
        if let Some(outlet) = self.outlets.get_mut(&token).filter(|outlet| outlet.port == Port::Client) {
            self.replies = self.replies - outlet.counted + outlet.waiting();
            outlet.counted = outlet.waiting();
        }
    }

    /// Too much waits for all clients together: the one that most waits for is given up, until it is little enough.
    fn relieve_replies(&mut self) {
        while self.replies > self.settings.replies_bytes {
            let clients = self.outlets.iter().filter(|(_, outlet)| outlet.port == Port::Client);
            let Some((&greediest, _)) = clients.max_by_key(|(_, outlet)| outlet.counted) else { return };
            self.give_up_deaf(
                greediest,
                "too many bytes wait for all clients (zabra.repliesMaxBytes): the one that lets most wait is given up",
            );
            self.count_replies(greediest);
            self.mark_dirty(greediest);
        }
    }

    fn give_up_deaf(&mut self, token: Token, why: &'static str) {
        let Some(outlet) = self.outlets.get_mut(&token) else { return };
        let (waiting, address) = (outlet.waiting(), self.clients.get(&token).map(|client| client.address));
        outlet.close();
        self.stats.counters.unread_connections_dropped += 1;
        self.say_refused(About::Client, || tracing::warn!(?address, waiting, "{why}"));
    }

    pub(super) fn drop_client(&mut self, client: ClientId, reason: DropReason) {
        let Some(token) = self.client_slots.remove(client.0) else { return };
        if let Some(client) = self.clients.get_mut(&token) {
            let from = client.traffic.from();
            client.id = None;
            self.stats.on_drop(reason);
            match loudness(reason) {
                Level::WARN => self.say_refused(About::Client, || {
                    tracing::warn!(address = %from, ?reason, "a client's connection is closed");
                }),
                Level::INFO => self.say_refused(About::Closing, || {
                    tracing::info!(address = %from, ?reason, "a client's connection is closed");
                }),
                _ => tracing::debug!(address = %from, ?reason, "a client's connection is closed"),
            }
        }
        self.close_softly(token);
    }

    pub(super) fn throttle(&mut self, client: ClientId, is_paused: bool) {
        let Some(token) = self.client_slots.get(client.0) else { return };
        if let (Some(client), Some(outlet)) = (self.clients.get_mut(&token), self.outlets.get(&token)) {
            client.is_paused = is_paused;
            outlet.wake.notify_one();
        }
    }

    /// Of a connection that ends because its first frame has not come in time.
    pub(super) fn tell_silent(&mut self, token: Token) {
        if let Some(address) = self.address_of(token) {
            self.stats.counters.sessionless_connections_expired += 1;
            self.say_refused(
                About::Client,
                || tracing::warn!(%address, "no session was asked for: a connection is closed"),
            );
        }
    }

    /// Of a connection whose requests are not read.
    pub(super) fn tell_deaf(&mut self, token: Token) {
        let (Some(address), Some(outlet)) = (self.address_of(token), self.outlets.get(&token)) else { return };
        if is_full(outlet) {
            let waiting = outlet.waiting();
            self.say_refused(
                About::Client,
                || tracing::warn!(%address, waiting, "a client does not read: its requests wait"),
            );
        }
    }

    /// A client that broke the framing.
    fn give_up(&mut self, token: Token) {
        if let Some(id) = self.clients.get_mut(&token).and_then(|client| client.id.take()) {
            self.client_slots.remove(id.0);
            self.step(Input::ClientClosed { client: id });
        }
        self.close_softly(token);
    }

    pub(super) fn client_ended(&mut self, token: Token) {
        let Some(client) = self.clients.remove(&token) else { return };
        self.begun -= client.counted;
        self.release(client.address);
        if let Some(id) = client.id {
            self.client_slots.remove(id.0);
            self.step(Input::ClientClosed { client: id });
        }
    }
}
