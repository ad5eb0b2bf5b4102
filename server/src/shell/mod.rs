//! The turn loop: one thread that tells the core what happened and does what it commands.
//!
//! ```text
//!   readers ──bytes──► deframe ──► step in place ──► actions ─┬─► bytes to write ─┐
//!   timers ───────────────────────────▲                       └─► disk jobs ──────┤
//!   storage thread ──done─────────────┘                                           ▼
//!                                                    flusher, when no input is ready: once per turn
//! ```
//!
//! Reader tasks step the replica from the read buffer; no channel and no task stands between. When
//! they have nothing left, the flusher writes each connection once, servers before clients, and hands
//! the turn's disk jobs over. Nothing is decided here: whoever reads a rule of the protocol in this
//! folder has found a mistake, for no explorer tests it.

mod admission;
mod clients;
mod clock;
mod election;
mod ensemble;
mod outlet;
mod perform;
mod quorum;
mod reader;
mod refusals;
mod report;
mod run;
#[cfg(not(madsim))]
mod secure;
mod slots;
mod stream;
mod throttle;
mod timers;
mod unblocked;
mod words;

#[cfg(not(madsim))]
pub(crate) use run::bind;
pub use run::run;

use crate::config::{Member, Settings};
use crate::exit::Exit;
use crate::measure::Stats;
use crate::storage::{Disk, Done, Job, Work};
use clients::Client;
use clock::Moment;
use election::Election;
use outlet::{Outlet, Port};
use quorum::Peer;
use refusals::{About, Refusals};
use slots::{Slots, Token};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use throttle::Throttle;
use timers::Timers;
use tokio::sync::Notify;
use tokio::time::Instant;
use unblocked::Unblocked;
use words::Known;
use zabra_core::config::Limits;
use zabra_core::contract::{Action, Actions, Input};
use zabra_core::id::ServerId;
use zabra_core::replica::Replica;
use zabra_core::rule::AllRules;

/// Bytes taken from a connection at once: a turn is bounded.
const READ_BYTES: usize = 256 << 10;
/// Client connections that one turn writes to, so that a large fan-out stops no heartbeat.
const WRITES_MAX: usize = 256;
/// Bytes that may wait for the disk; beyond it nothing more is read that could add to them.
const BACKLOG_BYTES: usize = 64 << 20;

/// The server, shared by the tasks of its one thread: the lock is never waited for.
pub struct Shell {
    state: Mutex<State>,
    scratch: Mutex<Vec<u8>>,
    timers_changed: Notify,
    ended: Notify,
    settings: Arc<Settings>,
}

/// Everything that changes.
pub struct State {
    replica: Replica,
    actions: Actions,
    todo: Vec<Action>,
    limits: Limits,
    settings: Arc<Settings>,
    /// Where the members of the configurations that count listen.
    members: BTreeMap<ServerId, Member>,
    /// The version of the configuration that the next start will find.
    kept: u64,
    /// Read at the turn's first input.
    moment: Option<Moment>,
    timers: Timers,
    tokens: u64,
    outlets: BTreeMap<Token, Outlet>,
    clients: BTreeMap<Token, Client>,
    client_slots: Slots,
    addresses: BTreeMap<IpAddr, u32>,
    /// Connections that are admitted, and not yet clients.
    handshakes: usize,
    peers: BTreeMap<Token, Peer>,
    conn_slots: Slots,
    election: Election,
    storage: Option<Box<dyn Disk>>,
    jobs: Vec<Job>,
    backlog: Backlog,
    dirty_servers: VecDeque<Token>,
    dirty_clients: VecDeque<Token>,
    flusher: Option<Waker>,
    unblocked: Arc<Unblocked>,
    errands: Vec<Errand>,
    stats: Stats,
    began: Instant,
    throttle: Throttle,
    refusals: Refusals,
    /// Bytes that wait to be written to all clients.
    replies: usize,
    /// Bytes that are kept of requests that are not whole, or that wait to be looked at, of all clients.
    begun: usize,
    known: Known,
    stopped: Option<Exit>,
}

/// What has to be done by a task of its own, because it takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errand {
    /// Open a quorum connection to a server.
    Dial(ServerId),
    /// Open an election connection to a server, after so many milliseconds.
    Call { peer: ServerId, delay_ms: u64, attempt: u64 },
    /// Say, in a while, how much was not said.
    TellLeftOut(About),
}

/// Sizes of what the disk was given and has not made durable, and since when it has it, oldest first.
#[derive(Debug, Default)]
struct Backlog {
    sizes: VecDeque<(usize, Instant)>,
    bytes: usize,
}

impl Backlog {
    fn push(&mut self, bytes: usize, now: Instant) {
        self.sizes.push_back((bytes, now));
        self.bytes += bytes;
    }

    /// Whether it was full and is no longer.
    fn pop(&mut self, count: u32) -> bool {
        let was_full = self.is_full();
        for (size, _) in self.sizes.drain(..self.sizes.len().min(count as usize)) {
            self.bytes -= size;
        }
        was_full && !self.is_full()
    }

    /// Since when the oldest waits.
    fn oldest(&self) -> Option<Instant> {
        self.sizes.front().map(|(_, since)| *since)
    }

    fn is_full(&self) -> bool {
        self.bytes > BACKLOG_BYTES
    }
}

impl Shell {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a panic ends the process")
    }

    /// Lets something happen, then sees to what it has set going.
    fn turn<T>(self: &Arc<Self>, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let earliest = state.timers.next();
        let result = act(&mut state);
        let sooner = state.timers.next().is_some_and(|next| earliest.is_none_or(|earliest| next < earliest));
        let has_work = !state.dirty_servers.is_empty() || !state.dirty_clients.is_empty() || !state.jobs.is_empty();
        let flusher = if has_work { state.flusher.take() } else { None };
        if !has_work {
            // The flusher will not come to end this turn: the next one reads the clocks anew.
            state.moment = None;
        }
        let errands = std::mem::take(&mut state.errands);
        let is_over = state.stopped.is_some();
        drop(state);
        for errand in errands {
            self.run_errand(errand);
        }
        if sooner {
            self.timers_changed.notify_one();
        }
        if let Some(flusher) = flusher {
            flusher.wake();
        }
        if is_over {
            self.ended.notify_one();
        }
        result
    }

    fn run_errand(self: &Arc<Self>, errand: Errand) {
        let shell = Arc::clone(self);
        match errand {
            Errand::TellLeftOut(about) => drop(tokio::spawn(refusals::tell_left_out(shell, about))),
            Errand::Dial(peer) => drop(tokio::spawn(quorum::dial(shell, peer))),
            Errand::Call { peer, delay_ms, attempt } => {
                drop(tokio::spawn(election::call(shell, peer, delay_ms, attempt)));
            }
        }
    }
}

impl State {
    /// Gives the core one input and does what it commands.
    fn step(&mut self, input: Input<'_>) {
        if self.stopped.is_some() {
            return;
        }
        let at = self.moment().at;
        self.replica.step(AllRules, at, input, &mut self.actions);
        self.perform();
    }

    fn moment(&mut self) -> Moment {
        *self.moment.get_or_insert_with(Moment::read)
    }

    /// With clocks just read: by those of a turn's beginning nothing might be due, again and again.
    fn fire_due(&mut self) {
        let now = self.moment.insert(Moment::read()).now;
        while let Some(timer) = self.timers.take_due(now) {
            self.step(Input::Fired { timer });
        }
    }

    /// The storage thread has done something.
    fn on_done(&mut self, done: Done) {
        match done {
            Done::Durable { count } => {
                let now = self.moment().now;
                if let Some(since) = self.backlog.oldest() {
                    self.stats.on_flushed(since, now);
                }
                if self.backlog.pop(count) {
                    self.wake_readers();
                }
                self.step(Input::Durable { count });
            }
            Done::Checkpointed { zxid, bytes } => {
                tracing::info!(%zxid, bytes, "snapshot written");
                self.step(Input::Checkpointed { zxid, bytes });
            }
            Done::LogRead { conn, number, records } => {
                // The slot may have gone to another connection meanwhile.
                if self.conn_slots.get(conn.0) == Some(Token(number)) {
                    self.step(Input::LogRead { conn, records });
                }
            }
            Done::Failed { error, what } => {
                self.step(Input::StorageFailed { error });
                if what == Work::Snapshot {
                    self.stopped = Some(Exit::Snapshot);
                }
            }
        }
    }

    fn next_token(&mut self) -> Token {
        self.tokens += 1;
        Token(self.tokens)
    }

    fn wake_readers(&self) {
        for outlet in self.outlets.values() {
            outlet.wake.notify_one();
        }
    }

    /// A connection has something to write, or is to be closed.
    fn mark_dirty(&mut self, token: Token) {
        let Some(outlet) = self.outlets.get_mut(&token) else { return };
        if outlet.queued {
            return;
        }
        outlet.queued = true;
        match outlet.port {
            Port::Client => self.dirty_clients.push_back(token),
            Port::Quorum | Port::Election => self.dirty_servers.push_back(token),
        }
    }

    /// The end of a turn: servers first, then the disk, then clients.
    fn poll_flush(&mut self, cx: &mut Context<'_>) {
        self.moment = None;
        self.flusher = Some(cx.waker().clone());
        for token in self.unblocked.take(cx.waker()) {
            if let Some(outlet) = self.outlets.get_mut(&token).filter(|outlet| outlet.is_blocked) {
                outlet.is_blocked = false;
                outlet.queued = false;
                self.mark_dirty(token);
            }
        }
        for _ in 0..self.dirty_servers.len() {
            let Some(token) = self.dirty_servers.pop_front() else { break };
            self.flush_one(token, cx);
        }
        if !self.jobs.is_empty()
            && let Some(storage) = &self.storage
        {
            storage.submit(std::mem::take(&mut self.jobs));
        }
        let waiting = self.dirty_clients.len();
        for _ in 0..waiting.min(WRITES_MAX) {
            let Some(token) = self.dirty_clients.pop_front() else { break };
            self.flush_one(token, cx);
        }
        if waiting > WRITES_MAX {
            cx.waker().wake_by_ref();
        }
    }

    fn flush_one(&mut self, token: Token, cx: &mut Context<'_>) {
        let Some(outlet) = self.outlets.get_mut(&token) else { return };
        outlet.queued = false;
        let was_full = clients::is_full(outlet);
        match outlet.flush() {
            Poll::Ready(()) if outlet.port == Port::Election => self.election_drained(token, cx),
            Poll::Ready(()) => {}
            // Its socket wakes the flusher: until then it stands in no list, and comes into none.
            Poll::Pending => outlet.queued = true,
        }
        self.count_replies(token);
        if let Some(outlet) = self.outlets.get(&token)
            && was_full
            && !clients::is_full(outlet)
        {
            outlet.wake.notify_one();
        }
    }
}
