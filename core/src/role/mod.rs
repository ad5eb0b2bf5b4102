//! The role of a server: an enum of structs that own their data, and the few transitions between
//! them, each in one place.
//!
//! ```text
//!                ┌──────────────── Look ◀───────────────┐
//!                ▼                                      │
//!   restore ▶ Looking ── Lead ──▶ Leading ──────────────┤
//!                └────── Learn ─▶ Following, Observing ─┘
//! ```
//!
//! A transition drops the old role's data by construction; what outlives roles is the [`Ledger`].

use crate::config::Ensemble;
use crate::contract::{Action, Cx, Event, Origin, Timer};
use crate::id::{ConnId, ServerId};
use crate::log::Recovered;
use crate::rule::Rules;
use crate::zab::election::{Looking, answer_looking};
use crate::zab::{Configured, Effect, Kind, Leading, Learning, Ledger, Next, Notification, Packet, ServerState};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

mod admin;

pub(crate) use admin::admin;

/// What a server is to its ensemble.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Looking(Looking),
    Following(Learning),
    Leading(Leading),
    Observing(Learning),
}

/// A server's part in the ensemble: its role, what outlives roles, and who waits at the door.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    pub ledger: Ledger,
    pub role: Role,
    /// Learners that connected before this server knew that it leads, with their first packet:
    /// the accept queue of the quorum port.
    lobby: BTreeMap<ConnId, Option<Packet>>,
}

impl Role {
    pub fn state(&self) -> ServerState {
        match self {
            Role::Looking(_) => ServerState::Looking,
            Role::Following(_) => ServerState::Following,
            Role::Leading(_) => ServerState::Leading,
            Role::Observing(_) => ServerState::Observing,
        }
    }

    pub fn is_serving(&self) -> bool {
        match self {
            Role::Looking(_) => false,
            Role::Following(learning) | Role::Observing(learning) => learning.is_serving(),
            Role::Leading(leading) => leading.is_established(),
        }
    }
}

impl Peer {
    pub fn restore(recovered: &Recovered, configured: Configured, notification_min_ms: u32) -> Peer {
        Peer {
            ledger: Ledger::restore(recovered, configured),
            role: Role::Looking(Looking::new(notification_min_ms)),
            lobby: BTreeMap::new(),
        }
    }

    /// Takes the role that the last step calls for. Returns what the new role does at once.
    pub fn transition<R: Rules>(&mut self, cx: &mut Cx<'_, R>, next: Next, effects: &mut Vec<Effect>) -> Next {
        match next {
            Next::Stay => Next::Stay,
            Next::Look => self.look(cx, effects),
            Next::Lead => self.lead(cx, effects),
            Next::Learn { leader } => self.learn(cx, leader),
        }
    }

    /// Any role → LOOKING.
    fn look<R: Rules>(&mut self, cx: &mut Cx<'_, R>, effects: &mut Vec<Effect>) -> Next {
        let looking = Role::Looking(Looking::new(cx.config.notification_min_ms));
        match core::mem::replace(&mut self.role, looking) {
            Role::Looking(_) => {}
            Role::Following(learning) | Role::Observing(learning) => learning.close(cx, &mut self.ledger, effects),
            Role::Leading(leading) => leading.close(cx),
        }
        cx.report(Event::Role { state: ServerState::Looking, leader: None });
        match &mut self.role {
            Role::Looking(looking) => looking.on_notification_due(cx, &mut self.ledger),
            Role::Following(_) | Role::Leading(_) | Role::Observing(_) => Next::Stay,
        }
    }

    /// LOOKING → LEADING: whoever waits at the door comes in.
    fn lead<R: Rules>(&mut self, cx: &mut Cx<'_, R>, effects: &mut Vec<Effect>) -> Next {
        cx.report(Event::Role { state: ServerState::Leading, leader: Some(cx.config.me) });
        let mut leading = Leading::new(cx, &self.ledger);
        let mut next = Next::Stay;
        for (conn, first) in core::mem::take(&mut self.lobby) {
            leading.on_opened(cx, conn);
            if let (Some(packet), Next::Stay) = (first, next) {
                next = leading.on_packet(cx, &mut self.ledger, conn, packet, effects);
            }
        }
        if next == Next::Stay && leading.epoch().is_none() {
            next = leading.propose_epoch(cx, &mut self.ledger, effects);
        }
        self.role = Role::Leading(leading);
        next
    }

    /// LOOKING → FOLLOWING or OBSERVING.
    fn learn<R: Rules>(&mut self, cx: &mut Cx<'_, R>, leader: ServerId) -> Next {
        for conn in core::mem::take(&mut self.lobby).into_keys() {
            cx.act(Action::Hang { conn });
        }
        let learning = Learning::new(cx, &self.ledger, leader);
        self.role = match learning.kind() {
            Kind::Follower => Role::Following(learning),
            Kind::Observer => Role::Observing(learning),
        };
        cx.report(Event::Role { state: self.role.state(), leader: Some(leader) });
        Next::Stay
    }

    /// A configuration came into force (the context's).
    pub fn on_activated<R: Rules>(&mut self, cx: &mut Cx<'_, R>, effects: &mut Vec<Effect>) -> Next {
        match &mut self.role {
            Role::Looking(_) => Next::Stay,
            Role::Following(learning) | Role::Observing(learning) => learning.on_activated(cx),
            Role::Leading(leading) => leading.on_activated(cx, &mut self.ledger, effects),
        }
    }

    /// A server that looks for a leader goes by the newest configuration that anybody goes by, and begins anew
    /// (section 3.2); one that has a leader hears it from that (ZOOKEEPER-2212).
    fn takes_configuration<R: Rules>(&mut self, cx: &mut Cx<'_, R>, n: &Notification) -> bool {
        let known = *n.config == *cx.config.ensemble.text;
        if known || !cx.config.reconfig.enabled || !matches!(self.role, Role::Looking(_)) {
            return false;
        }
        match Ensemble::parse(&n.config) {
            Ok(newer) if newer.version > cx.config.ensemble.version => {
                self.ledger.configured.adopt(newer);
                true
            }
            Ok(first) => self.ledger.configured.adopt_first(cx.config.me, first),
            Err(_) => false,
        }
    }

    pub fn on_notified<R: Rules>(&mut self, cx: &mut Cx<'_, R>, from: ServerId, n: &Arc<Notification>) -> Next {
        if self.takes_configuration(cx, n) {
            self.ledger.early.insert(from, Arc::clone(n));
            cx.disarm(Timer::FinalizeWait);
            return Next::Look;
        }
        match &mut self.role {
            Role::Looking(looking) => looking.on_notification(cx, &mut self.ledger, from, n),
            Role::Following(_) | Role::Leading(_) | Role::Observing(_) => {
                answer_looking(cx, &mut self.ledger, self.role.state(), from, n);
                Next::Stay
            }
        }
    }

    pub fn on_unreachable<R: Rules>(&mut self, cx: &mut Cx<'_, R>, peer: ServerId) -> Next {
        match &mut self.role {
            Role::Looking(looking) => looking.on_unreachable(cx, &mut self.ledger, peer),
            Role::Following(_) | Role::Leading(_) | Role::Observing(_) => Next::Stay,
        }
    }

    pub fn on_opened<R: Rules>(&mut self, cx: &mut Cx<'_, R>, conn: ConnId, origin: Origin) -> Next {
        match (&mut self.role, origin) {
            (Role::Following(learning) | Role::Observing(learning), Origin::Dialed(peer))
                if peer == learning.leader() =>
            {
                learning.on_opened(cx, &self.ledger, conn)
            }
            (Role::Leading(leading), Origin::Accepted) if leading.strangers() < cx.config.limits.lobby => {
                leading.on_opened(cx, conn);
                Next::Stay
            }
            (Role::Looking(_), Origin::Accepted) if self.lobby.len() < cx.config.limits.lobby => {
                self.lobby.insert(conn, None);
                Next::Stay
            }
            (Role::Looking(_) | Role::Leading(_), Origin::Accepted) => {
                cx.report(Event::PeerRefused { why: "too many connections before LEADERINFO" });
                cx.act(Action::Hang { conn });
                Next::Stay
            }
            (_, Origin::Dialed(_)) | (Role::Following(_) | Role::Observing(_), Origin::Accepted) => {
                cx.act(Action::Hang { conn });
                Next::Stay
            }
        }
    }

    pub fn on_refused<R: Rules>(&mut self, cx: &mut Cx<'_, R>, peer: ServerId) -> Next {
        match &mut self.role {
            Role::Following(learning) | Role::Observing(learning) if learning.leader() == peer => {
                learning.on_refused(cx)
            }
            Role::Looking(_) | Role::Following(_) | Role::Leading(_) | Role::Observing(_) => Next::Stay,
        }
    }

    pub fn on_packet<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        conn: ConnId,
        packet: Packet,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match &mut self.role {
            Role::Looking(_) => self.on_early_packet(cx, conn, packet),
            Role::Following(learning) | Role::Observing(learning) => {
                learning.on_packet(cx, &mut self.ledger, conn, packet, effects)
            }
            Role::Leading(leading) => leading.on_packet(cx, &mut self.ledger, conn, packet, effects),
        }
    }

    /// A learner introduces itself before this server knows that it leads; it can have nothing
    /// else to say.
    fn on_early_packet<R: Rules>(&mut self, cx: &mut Cx<'_, R>, conn: ConnId, packet: Packet) -> Next {
        let introduces = matches!(packet, Packet::FollowerInfo(_) | Packet::ObserverInfo(_));
        match self.lobby.get_mut(&conn) {
            Some(first @ None) if introduces => *first = Some(packet),
            Some(_) => {
                self.lobby.remove(&conn);
                cx.report(Event::PeerRefused { why: "another packet than its introduction before LEADERINFO" });
                cx.act(Action::Hang { conn });
            }
            None => cx.report(Event::PacketIgnored { packet: packet.name() }),
        }
        Next::Stay
    }

    pub fn on_broken<R: Rules>(&mut self, cx: &mut Cx<'_, R>, conn: ConnId, effects: &mut Vec<Effect>) -> Next {
        self.lobby.remove(&conn);
        match &mut self.role {
            Role::Looking(_) => Next::Stay,
            Role::Following(learning) | Role::Observing(learning) => learning.on_broken(conn),
            Role::Leading(leading) => leading.on_gone(cx, conn, effects),
        }
    }

    /// Timers of the ensemble; the service's own never come here.
    pub fn on_fired<R: Rules>(&mut self, cx: &mut Cx<'_, R>, timer: Timer, effects: &mut Vec<Effect>) -> Next {
        let ledger = &mut self.ledger;
        match (&mut self.role, timer) {
            (Role::Looking(looking), Timer::Notification) => looking.on_notification_due(cx, ledger),
            (Role::Looking(looking), Timer::FinalizeWait) => looking.on_finalize(cx, ledger),
            (Role::Leading(leading), Timer::InitLimit) => leading.on_init_limit(cx),
            (Role::Leading(leading), Timer::Ping) => leading.on_ping_due(cx),
            (Role::Leading(leading), Timer::Learner(conn)) => leading.on_silent(cx, conn, effects),
            (Role::Following(l) | Role::Observing(l), Timer::Redial) => l.on_redial(cx),
            (Role::Following(l) | Role::Observing(l), Timer::InitLimit) if !l.is_serving() => Next::Look,
            (Role::Following(l) | Role::Observing(l), Timer::SyncLimit) if l.is_serving() => Next::Look,
            // A timer of a role that has ended: late by any amount is safe.
            (Role::Looking(_) | Role::Following(_) | Role::Leading(_) | Role::Observing(_), _) => Next::Stay,
        }
    }

    /// The oldest write is durable.
    pub fn on_durable<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        write: crate::zab::Write,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match &mut self.role {
            Role::Looking(looking) => looking.on_durable(cx, &mut self.ledger),
            Role::Following(learning) | Role::Observing(learning) => learning.on_durable(cx, &mut self.ledger, write),
            Role::Leading(leading) => leading.on_durable(cx, &mut self.ledger, write, effects),
        }
    }
}
