//! One server: dispatch only, one line per arm; and the loop that carries the consequences of a
//! step between the ensemble's part ([`Peer`]) and the service.

use crate::admin::Server;
use crate::config::Config;
use crate::contract::{Action, Actions, Cx, Event, Fault, Input, Timer};
use crate::id::{ConnId, Epoch, ServerId, SessionId, Stamp, Zxid};
use crate::log::{Record, Recovered};
use crate::request::{RequestOrigin, Service, Want};
use crate::role::{Peer, Role};
use crate::rule::{Rule, Rules};
use crate::tree::Database;
use crate::wire::Op;
use crate::zab::election::Looking;
use crate::zab::{Effect, Next, Packet, Request, ServerState, Vote, Write};
use alloc::sync::Arc;
use alloc::vec::Vec;

mod checkpoint;
mod configuration;
use checkpoint::Checkpoints;

/// A complete server, as a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Replica {
    config: Arc<Config>,
    peer: Peer,
    service: Service,
    checkpoints: Checkpoints,
    /// Empty between steps; kept so that a step finds room.
    pending: Pending,
}

/// The consequences of a step that are still to be carried out, and those that are being.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Pending {
    effects: Vec<Effect>,
    wants: Vec<Want>,
    carried: Vec<Effect>,
    granted: Vec<Want>,
    durable: Vec<Write>,
}

impl Pending {
    fn clear(&mut self) {
        self.effects.clear();
        self.wants.clear();
        self.carried.clear();
        self.granted.clear();
        self.durable.clear();
    }
}

impl Replica {
    /// A server at start, from what its disk holds. Session ids count up from `session_base`.
    ///
    /// It begins LOOKING; the first vote leaves when `Timer::Notification` fires.
    pub fn restore(
        config: Arc<Config>,
        recovered: Recovered,
        session_base: SessionId,
        _at: Stamp,
        out: &mut Actions,
    ) -> Replica {
        out.push(Action::Arm { timer: Timer::Notification, after_ms: 0 });
        if config.read_only {
            out.push(Action::Arm { timer: Timer::ReadOnly, after_ms: config.read_only_grace_ms() });
        }
        out.report(Event::Role { state: ServerState::Looking, leader: None });
        let configured = configuration::restored(&config, &recovered.image);
        let peer = Peer::restore(&recovered, configured, config.notification_min_ms);
        let checkpoints = Checkpoints::restore(recovered.image.zxid());
        let service = Service::restore(&config, recovered.image, session_base);
        Replica { config, peer, service, checkpoints, pending: Pending::default() }.begin(out)
    }

    /// One thing happened: changes the server and appends what it commands and reports.
    #[expect(clippy::unit_arg, reason = "one line per arm: a handler that cannot change the role returns nothing")]
    pub fn step<R: Rules>(&mut self, rules: R, at: Stamp, input: Input<'_>, out: &mut Actions) {
        let config = Arc::clone(&self.config);
        let cx = &mut Cx { rules, config: &config, at, out };
        let mut todo = core::mem::take(&mut self.pending);
        let (peer, service) = (&mut self.peer, &mut self.service);
        let next = match input {
            Input::Notified { from, notification } => peer.on_notified(cx, from, &notification),
            Input::Unreachable { peer: name } => peer.on_unreachable(cx, name),
            Input::Opened { conn, origin } => peer.on_opened(cx, conn, origin),
            Input::Refused { peer: name } => peer.on_refused(cx, name),
            Input::Packet { conn, packet } => peer.on_packet(cx, conn, packet, &mut todo.effects),
            Input::Broken { conn } => peer.on_broken(cx, conn, &mut todo.effects),
            Input::ClientOpened { client, from } => stay(service.client_opened(cx, client, from)),
            Input::ClientFrame { client, frame } => stay(service.client_frame(cx, client, frame, &mut todo.wants)),
            Input::ClientClosed { client } => stay(service.client_closed(cx, client)),
            Input::Durable { count } => self.on_durable(cx, count, &mut todo),
            Input::Checkpointed { zxid, .. } => stay(self.checkpoints.on_saved(zxid)),
            Input::LogRead { conn, records } => self.on_log_read(cx, conn, &records, &mut todo.effects),
            Input::StorageFailed { error } if cx.enforces(Rule::FailureStops) => stay(stop(cx, Fault::Storage(error))),
            // As if it had been written.
            Input::StorageFailed { .. } => self.on_durable(cx, 1, &mut todo),
            Input::Fired { timer } => self.on_fired(cx, timer, &mut todo),
        };
        self.settle(cx, next, &mut todo);
        self.go_on_with_the_line(cx, &mut todo);
        todo.clear();
        self.pending = todo;
        self.finish(cx);
    }

    pub fn view(&self) -> View<'_> {
        View { replica: self }
    }

    /// For explorers: forgets what no later step depends on, so that servers that do the same from
    /// here on are equal. What a server that `stays` in its role keeps for its next election goes too.
    pub fn forget(&mut self, stays: bool) {
        match &mut self.peer.role {
            Role::Looking(looking) => looking.forget_worse(),
            Role::Following(_) | Role::Leading(_) | Role::Observing(_) if stays => self.peer.ledger.early.clear(),
            Role::Following(_) | Role::Leading(_) | Role::Observing(_) => {}
        }
    }

    /// For explorers where nobody is elected any more: forgets what was said in elections, rounds included. Whether
    /// the first vote is due again.
    pub fn forget_elections(&mut self) -> bool {
        let ledger = &mut self.peer.ledger;
        ledger.round = 0;
        ledger.early.clear();
        if let Role::Looking(looking) = &mut self.peer.role {
            let again = looking.has_begun();
            ledger.elected = None;
            *looking = Looking::new(self.config.notification_min_ms);
            return again;
        }
        if let Some(vote) = &mut ledger.elected {
            vote.zxid = Zxid::ZERO;
        }
        false
    }

    /// Requests that waited for others are taken, where there is room for them.
    fn go_on_with_the_line<R: Rules>(&mut self, cx: &mut Cx<'_, R>, todo: &mut Pending) {
        let mut closing = 0;
        while !is_stopped(cx) {
            let config = Arc::clone(&self.config);
            self.service.take_from_line(&mut cx.with(&config), &mut todo.wants, &mut closing);
            if todo.wants.is_empty() {
                break;
            }
            self.settle(cx, Next::Stay, todo);
        }
    }

    #[expect(clippy::unit_arg, reason = "one line per arm: a handler that cannot change the role returns nothing")]
    fn on_fired<R: Rules>(&mut self, cx: &mut Cx<'_, R>, timer: Timer, todo: &mut Pending) -> Next {
        match timer {
            Timer::Session(session) => stay(self.service.session_fired(cx, session, &mut todo.wants)),
            Timer::NoLeader(client) => stay(self.service.no_leader_fired(cx, client)),
            Timer::Containers => stay(self.service.sweep_fired(cx, &mut todo.wants)),
            Timer::ReadOnly => stay(self.on_read_only_due(cx, &mut todo.wants)),
            Timer::Throttle => stay(self.service.throttle_fired()),
            Timer::Notification
            | Timer::FinalizeWait
            | Timer::InitLimit
            | Timer::SyncLimit
            | Timer::Learner(_)
            | Timer::Ping
            | Timer::Redial => self.peer.on_fired(cx, timer, &mut todo.effects),
        }
    }

    fn on_read_only_due<R: Rules>(&mut self, cx: &mut Cx<'_, R>, wants: &mut Vec<Want>) {
        if self.peer.role.state() == ServerState::Looking {
            self.service.begin_read_only(cx, wants);
        }
    }

    /// What waited for the disk goes on, write by write, for each may change the role.
    fn on_durable<R: Rules>(&mut self, cx: &mut Cx<'_, R>, count: u32, todo: &mut Pending) -> Next {
        let mut durable = core::mem::take(&mut todo.durable);
        self.peer.ledger.take_durable(count, &mut durable);
        for write in durable.drain(..) {
            let config = Arc::clone(&self.config);
            let cx = &mut cx.with(&config);
            let next = self.peer.on_durable(cx, write, &mut todo.effects);
            self.settle(cx, next, todo);
            if is_stopped(cx) {
                break;
            }
        }
        todo.durable = durable;
        Next::Stay
    }

    fn on_log_read<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        conn: ConnId,
        records: &[Record],
        effects: &mut Vec<Effect>,
    ) -> Next {
        match &mut self.peer.role {
            Role::Leading(leading) => leading.on_log_read(cx, &mut self.peer.ledger, conn, records, effects),
            Role::Looking(_) | Role::Following(_) | Role::Observing(_) => Next::Stay,
        }
    }

    /// Carries consequences to and fro until nothing is left to do.
    fn settle<R: Rules>(&mut self, cx: &mut Cx<'_, R>, next: Next, todo: &mut Pending) {
        let mut next = self.heed(cx, next, &mut todo.effects);
        loop {
            let mut effects = core::mem::take(&mut todo.carried);
            core::mem::swap(&mut effects, &mut todo.effects);
            for effect in effects.drain(..) {
                let config = Arc::clone(&self.config);
                let cx = &mut cx.with(&config);
                if let Effect::Stop(fault) = effect {
                    // Nothing is carried out behind it, whoever settles next in this step.
                    todo.clear();
                    return stop(cx, fault);
                }
                if next == Next::Stay {
                    next = self.carry_out(cx, effect, todo);
                    next = self.heed(cx, next, &mut todo.effects);
                } else {
                    // The role is about to end; what is committed is applied all the same.
                    let _ = self.carry_out(cx, effect, todo);
                }
                if is_stopped(cx) {
                    return todo.clear();
                }
            }
            todo.carried = effects;
            let mut wants = core::mem::take(&mut todo.granted);
            core::mem::swap(&mut wants, &mut todo.wants);
            for want in wants.drain(..) {
                if next == Next::Stay {
                    let config = Arc::clone(&self.config);
                    next = self.grant(&mut cx.with(&config), want, &mut todo.effects);
                    next = self.heed(cx, next, &mut todo.effects);
                }
            }
            todo.granted = wants;
            if next != Next::Stay {
                let config = Arc::clone(&self.config);
                next = self.change_role(&mut cx.with(&config), next, todo);
                next = self.heed(cx, next, &mut todo.effects);
            } else if todo.effects.is_empty() && todo.wants.is_empty() {
                return;
            }
        }
    }

    fn change_role<R: Rules>(&mut self, cx: &mut Cx<'_, R>, next: Next, todo: &mut Pending) -> Next {
        match next {
            Next::Look if self.peer.role.state() != ServerState::Looking => self.service.look(cx),
            Next::Lead | Next::Learn { .. } => self.service.end_read_only(cx),
            Next::Look | Next::Stay => {}
        }
        self.peer.transition(cx, next, &mut todo.effects)
    }

    #[expect(clippy::unit_arg, reason = "one line per arm: a handler that cannot change the role returns nothing")]
    fn carry_out<R: Rules>(&mut self, cx: &mut Cx<'_, R>, effect: Effect, todo: &mut Pending) -> Next {
        match effect {
            Effect::Deliver(record) => stay(self.deliver(cx, &record, todo)),
            Effect::Install(image) => stay(self.install(cx, image)),
            Effect::SendImage { conn } => stay(self.send_image(cx, conn)),
            Effect::Established => stay(self.start_service(cx, todo, Service::lead)),
            Effect::UpToDate => stay(self.start_service(cx, todo, Service::learn)),
            Effect::Forwarded { conn, request } => self.on_forwarded(cx, conn, &request, &mut todo.effects),
            Effect::Revalidate { conn, session } => stay(self.revalidate(cx, conn, session)),
            Effect::Revalidated { session, valid } => {
                stay(self.service.revalidated(cx, session, valid, &mut todo.wants))
            }
            Effect::Touched { sessions } => stay(self.service.touch(cx, &sessions)),
            Effect::AnswerPing { conn, zxid } => stay(self.answer_ping(cx, conn, zxid)),
            Effect::Synced => stay(self.service.synced(cx, &mut todo.wants)),
            Effect::LearnerGone { conn } => stay(self.service.learner_gone(conn)),
            Effect::Stop(_) => unreachable!("a stop ends the step before it gets here"),
        }
    }

    fn deliver<R: Rules>(&mut self, cx: &mut Cx<'_, R>, record: &Record, todo: &mut Pending) {
        self.service.apply(cx, record, &mut todo.wants);
        self.checkpoints.on_applied(record.bytes.len() as u64);
    }

    /// A leader is established, or a learner up to date: requests that waited go on. What is committed
    /// but not applied yet counts as not applied: a COMMIT may have come right behind UPTODATE.
    fn start_service<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        todo: &mut Pending,
        start: fn(&mut Service, &mut Cx<'_, R>, &[Record], &mut Vec<Want>),
    ) {
        let tail: Vec<Record> = self.peer.ledger.history().above(self.service.applied()).cloned().collect();
        start(&mut self.service, cx, &tail, &mut todo.wants);
    }

    fn send_image<R: Rules>(&mut self, cx: &mut Cx<'_, R>, conn: ConnId) {
        if let Role::Leading(leading) = &mut self.peer.role {
            leading.send_image(cx, &self.peer.ledger, conn, self.service.image());
        }
    }

    fn answer_ping<R: Rules>(&mut self, cx: &mut Cx<'_, R>, conn: ConnId, zxid: Zxid) {
        let sessions = self.service.take_touched();
        cx.act(Action::Send { conn, packet: Packet::Ping { zxid, sessions } });
    }

    fn revalidate<R: Rules>(&mut self, cx: &mut Cx<'_, R>, conn: ConnId, session: SessionId) {
        let valid = self.service.revalidate(cx, conn, session);
        cx.act(Action::Send { conn, packet: Packet::Revalidated { session, valid } });
    }

    fn on_forwarded<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        conn: ConnId,
        request: &Request,
        effects: &mut Vec<Effect>,
    ) -> Next {
        if request.op != Op::SYNC {
            return self.propose(cx, RequestOrigin::Learner(conn), request, effects);
        }
        if let Role::Leading(leading) = &mut self.peer.role {
            leading.sync(cx, &self.peer.ledger, Some(conn), effects);
        }
        Next::Stay
    }

    /// What the service wants: done here by a leader, forwarded by a learner. Without a leader the
    /// service keeps it and asks again.
    fn grant<R: Rules>(&mut self, cx: &mut Cx<'_, R>, want: Want, effects: &mut Vec<Effect>) -> Next {
        match (&mut self.peer.role, want) {
            (Role::Leading(_), Want::Propose(request)) => self.propose(cx, RequestOrigin::Local, &request, effects),
            (Role::Leading(leading), Want::Sync(_)) => {
                leading.sync(cx, &self.peer.ledger, None, effects);
                Next::Stay
            }
            (Role::Following(learning) | Role::Observing(learning), want) if learning.is_serving() => {
                if let (Some(conn), Some(packet)) = (learning.conn(), packet_of(want)) {
                    cx.act(Action::Send { conn, packet });
                }
                Next::Stay
            }
            (Role::Looking(_) | Role::Following(_) | Role::Leading(_) | Role::Observing(_), _) => Next::Stay,
        }
    }

    /// The leader makes a transaction of a request and proposes it. Every request that reaches this
    /// point takes a fresh zxid, also one that fails (rule `FreshZxid`, section 1.5).
    fn propose<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        origin: RequestOrigin,
        request: &Request,
        effects: &mut Vec<Effect>,
    ) -> Next {
        let Role::Leading(leading) = &mut self.peer.role else {
            return Next::Stay;
        };
        if !leading.is_established() {
            return Next::Stay;
        }
        let Some(mut zxid) = leading.next_zxid(cx) else {
            return leading.end_epoch(cx);
        };
        let synced = leading.synced(cx);
        let mut bytes = self.service.prepare(cx, zxid, origin, request, synced);
        if !cx.enforces(Rule::FreshZxid) && is_error(&bytes) && leading.next_zxid(cx) > Some(self.peer.ledger.end()) {
            zxid = self.peer.ledger.end();
            bytes = self.service.prepare(cx, zxid, origin, request, synced);
        }
        leading.propose(cx, &mut self.peer.ledger, Record { zxid, bytes }, effects)
    }

    /// After every step: the window's bound, the checkpoint's cadence, the watermarks.
    fn finish<R: Rules>(&mut self, cx: &mut Cx<'_, R>) {
        if is_stopped(cx) {
            return;
        }
        let applied = self.service.applied();
        self.peer.ledger.trim(cx.config, applied);
        if self.checkpoints.is_due(cx.config, applied) && !self.pending_append_up_to(applied) {
            self.checkpoints.start(applied);
            cx.act(Action::Checkpoint(self.service.image()));
        }
        // Contract section 3. Without one of these rules an oracle has to say so, not a panic.
        let ledger = &self.peer.ledger;
        assert!(
            applied <= ledger.committed || !cx.enforces(Rule::ApplyCommitted),
            "{applied} is applied, and only {} is committed",
            ledger.committed
        );
        assert!(
            ledger.committed <= ledger.end()
                || !cx.enforces(Rule::CommitMatches)
                || !cx.enforces(Rule::CommitOrder)
                || !cx.enforces(Rule::TruncateNotCommitted),
            "what is committed is in the history"
        );
    }

    fn pending_append_up_to(&self, zxid: Zxid) -> bool {
        self.peer.ledger.pending_writes().any(|w| match w {
            Write::Append(appended) => appended <= zxid,
            Write::Install(_) | Write::Truncate => true,
            Write::Accepted(_) | Write::Current(_) => false,
        })
    }
}

fn stay((): ()) -> Next {
    Next::Stay
}

/// Whether this step has stopped the server: nothing follows a stop.
fn is_stopped<R: Rules>(cx: &Cx<'_, R>) -> bool {
    cx.out.is_stopped()
}

fn stop<R: Rules>(cx: &mut Cx<'_, R>, fault: Fault) {
    cx.report(Event::Stopped { fault });
    cx.act(Action::Stop { fault });
}

fn packet_of(want: Want) -> Option<Packet> {
    match want {
        Want::Propose(request) | Want::Sync(request) => Some(Packet::Request(request)),
        Want::Revalidate { session, timeout_ms } => Some(Packet::Revalidate { session, timeout_ms }),
    }
}

/// Whether a transaction's header says −1: a failed write.
fn is_error(transaction: &[u8]) -> bool {
    transaction.get(28..32) == Some(&Op::ERROR.to_be_bytes()[..])
}

/// What logs, oracles, models and admin commands may know of a server.
#[derive(Clone, Copy)]
pub struct View<'a> {
    replica: &'a Replica,
}

impl<'a> View<'a> {
    pub fn me(self) -> ServerId {
        self.replica.config.me
    }

    pub fn state(self) -> ServerState {
        self.replica.peer.role.state()
    }

    /// Whether this server serves: an established leader, or a learner after UPTODATE.
    pub fn serving(self) -> bool {
        self.replica.peer.role.is_serving()
    }

    /// Whether this server answers reads without a quorum, to clients that allow for it.
    pub fn read_only(self) -> bool {
        self.replica.service.is_read_only()
    }

    /// The leader that this server follows, or itself when leading.
    pub fn leader(self) -> Option<ServerId> {
        match &self.replica.peer.role {
            Role::Looking(_) => None,
            Role::Following(learning) | Role::Observing(learning) => Some(learning.leader()),
            Role::Leading(_) => Some(self.me()),
        }
    }

    /// The epoch of this server's reign, from its proposal on.
    pub fn leading_epoch(self) -> Option<Epoch> {
        match &self.replica.peer.role {
            Role::Leading(leading) => leading.epoch(),
            Role::Looking(_) | Role::Following(_) | Role::Observing(_) => None,
        }
    }

    pub fn accepted_epoch(self) -> Epoch {
        self.replica.peer.ledger.accepted
    }

    pub fn current_epoch(self) -> Epoch {
        self.replica.peer.ledger.current
    }

    /// The records in memory, oldest first: the committed window, then what is not yet committed.
    pub fn history(self) -> impl DoubleEndedIterator<Item = &'a Record> + ExactSizeIterator {
        self.replica.peer.ledger.history().records()
    }

    /// The end of the history: the zxid that votes and ACKEPOCH carry.
    pub fn history_end(self) -> Zxid {
        self.replica.peer.ledger.end()
    }

    /// What is known to be committed in this life.
    pub fn committed(self) -> Zxid {
        self.replica.peer.ledger.committed
    }

    pub fn applied(self) -> Zxid {
        self.replica.service.applied()
    }

    pub fn database(self) -> &'a Database {
        self.replica.service.database()
    }

    pub fn service(self) -> &'a Service {
        &self.replica.service
    }

    /// The server as operators may know it.
    pub fn admin(self) -> Server<'a> {
        crate::role::admin(&self.replica.config, &self.replica.peer, &self.replica.service)
    }

    /// The vote with which this server left LOOKING last, as it tells those who look.
    pub fn elected(self) -> Option<Vote> {
        self.replica.peer.ledger.elected
    }

    /// The election round.
    pub fn round(self) -> u64 {
        self.replica.peer.ledger.round
    }

    /// How many storage actions wait to become durable.
    pub fn pending_writes(self) -> usize {
        self.replica.peer.ledger.pending_writes().len()
    }
}
