//! A learner: its one connection to the leader and the phase that it is in. The phases are files of
//! their own; here is what they share, and which packet means what in which phase.

use super::effect::{Effect, Next};
use super::leader::Kind;
use super::ledger::{Ledger, Write};
use super::message::{LearnerInfo, Packet};
use super::synchronization::Staged;
use crate::contract::{Action, Cx, Event, Timer};
use crate::id::{ConnId, Epoch, ServerId, Zxid};
use crate::log::Standing;
use crate::rule::{Rule, Rules};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A server that follows or observes, or is on its way to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Learning {
    pub(super) leader: ServerId,
    pub(super) kind: Kind,
    pub(super) conn: Option<ConnId>,
    pub(super) phase: Phase,
    /// A voter that lost its disk learns as an observer and looks again once it has a history.
    recovers: bool,
}

/// What the learner expects next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// The connection to open; the next try comes `after_ms` later.
    Dialing { after_ms: u32 },
    /// FOLLOWERINFO was sent: LEADERINFO.
    Discovery,
    /// The accepted epoch is being written; ACKEPOCH will carry `current`.
    Accepting { epoch: Epoch, current: Option<Epoch> },
    /// ACKEPOCH was sent: DIFF, TRUNC or SNAP.
    Planned { epoch: Epoch },
    /// Records, then NEWLEADER.
    Staging { epoch: Epoch, staged: Staged },
    /// NEWLEADER arrived and is being made durable, or was acknowledged: UPTODATE.
    /// `config`: what the leader goes by, as NEWLEADER says.
    Logging { epoch: Epoch, config: Arc<[u8]>, committed: Zxid, synced_from: Zxid, acked: bool, kept: Vec<Packet> },
    /// Serving.
    Broadcast,
}

impl Learning {
    /// Follows (or observes) a leader: dials it.
    pub fn new<R: Rules>(cx: &mut Cx<'_, R>, ledger: &Ledger, leader: ServerId) -> Learning {
        let recovers = ledger.standing == Standing::Lost && cx.enforces(Rule::EmptyAbstains);
        let kind = if cx.config.is_voter() && !recovers { Kind::Follower } else { Kind::Observer };
        cx.arm(Timer::InitLimit, cx.config.tick_ms.saturating_mul(cx.config.init_limit));
        cx.act(Action::Dial { peer: leader });
        let after_ms = cx.config.redial_min_ms;
        Learning { leader, kind, conn: None, phase: Phase::Dialing { after_ms }, recovers }
    }

    pub fn leader(&self) -> ServerId {
        self.leader
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn conn(&self) -> Option<ConnId> {
        self.conn
    }

    /// Whether the epoch is not agreed on yet.
    pub fn is_discovering(&self) -> bool {
        matches!(self.phase, Phase::Dialing { .. } | Phase::Discovery | Phase::Accepting { .. })
    }

    pub fn is_serving(&self) -> bool {
        matches!(self.phase, Phase::Broadcast)
    }

    /// A refused dial: again, a little later each time.
    pub fn on_refused<R: Rules>(&mut self, cx: &mut Cx<'_, R>) -> Next {
        if let Phase::Dialing { after_ms } = &mut self.phase {
            let wait = *after_ms;
            *after_ms = wait.saturating_mul(2).min(cx.config.redial_max_ms);
            cx.arm(Timer::Redial, wait);
        }
        Next::Stay
    }

    pub fn on_redial<R: Rules>(&mut self, cx: &mut Cx<'_, R>) -> Next {
        if let (Phase::Dialing { .. }, None) = (&self.phase, self.conn) {
            cx.act(Action::Dial { peer: self.leader });
        }
        Next::Stay
    }

    /// The dialled connection opened: introduce this server.
    pub fn on_opened<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &Ledger, conn: ConnId) -> Next {
        let (Phase::Dialing { .. }, None) = (&self.phase, self.conn) else {
            cx.act(Action::Hang { conn });
            return Next::Stay;
        };
        self.conn = Some(conn);
        self.phase = Phase::Discovery;
        let info =
            LearnerInfo { server: cx.config.me, accepted: ledger.accepted, config_version: cx.config.ensemble.version };
        let packet = match self.kind {
            Kind::Follower => Packet::FollowerInfo(info),
            Kind::Observer => Packet::ObserverInfo(info),
        };
        self.send(cx, packet);
        Next::Stay
    }

    /// The connection ended: whatever was going on, look for a leader again.
    pub fn on_broken(&mut self, conn: ConnId) -> Next {
        if self.conn != Some(conn) {
            return Next::Stay;
        }
        self.conn = None;
        Next::Look
    }

    pub fn on_packet<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        conn: ConnId,
        packet: Packet,
        effects: &mut Vec<Effect>,
    ) -> Next {
        if self.conn != Some(conn) && cx.enforces(Rule::CurrentConnection) {
            cx.report(Event::PacketIgnored { packet: packet.name() });
            return Next::Stay;
        }
        if self.is_serving() {
            cx.arm(Timer::SyncLimit, cx.config.tick_ms.saturating_mul(cx.config.sync_limit));
        }
        match packet {
            Packet::LeaderInfo { epoch } if matches!(self.phase, Phase::Discovery) => {
                self.on_leader_info(cx, ledger, epoch)
            }
            Packet::Diff(zxid) => self.on_diff(cx, ledger, zxid),
            Packet::Trunc(after) => self.on_trunc(cx, ledger, after, effects),
            Packet::Snap { image, .. } => self.on_snap(cx, image),
            Packet::NewLeader { epoch, config } => self.on_new_leader(cx, ledger, epoch, config, effects),
            Packet::UpToDate => {
                cx.arm(Timer::SyncLimit, cx.config.tick_ms.saturating_mul(cx.config.sync_limit));
                self.on_up_to_date(cx, ledger, effects)
            }
            packet @ (Packet::Proposal(_)
            | Packet::Commit(_)
            | Packet::Inform(_)
            | Packet::CommitAndActivate { .. }
            | Packet::InformAndActivate { .. }) => self.on_record(cx, ledger, packet, effects),
            Packet::Ping { zxid, .. } => {
                effects.push(Effect::AnswerPing { conn, zxid });
                Next::Stay
            }
            Packet::Revalidated { session, valid } => {
                effects.push(Effect::Revalidated { session, valid });
                Next::Stay
            }
            Packet::Sync => {
                effects.push(Effect::Synced);
                Next::Stay
            }
            Packet::LeaderInfo { .. }
            | Packet::Request(_)
            | Packet::Ack(_)
            | Packet::Revalidate { .. }
            | Packet::FollowerInfo(_)
            | Packet::ObserverInfo(_)
            | Packet::AckEpoch { .. } => self.refuse(cx, "a packet out of turn"),
        }
    }

    /// PROPOSAL, COMMIT and INFORM mean something else in each phase.
    fn on_record<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        packet: Packet,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match (&self.phase, packet) {
            (Phase::Broadcast, packet) => self.on_broadcast(cx, ledger, packet, effects),
            (Phase::Logging { .. }, packet) => self.keep(cx, packet),
            (Phase::Staging { .. }, Packet::Proposal(record)) => self.on_staged_proposal(cx, ledger, record),
            (Phase::Staging { .. }, Packet::Commit(zxid) | Packet::CommitAndActivate { zxid, .. }) => {
                self.on_staged_commit(zxid)
            }
            (
                Phase::Staging { .. }
                | Phase::Dialing { .. }
                | Phase::Discovery
                | Phase::Accepting { .. }
                | Phase::Planned { .. },
                _,
            ) => self.refuse(cx, "a record before DIFF, TRUNC or SNAP"),
        }
    }

    /// A write of this server became durable: what waited for it leaves.
    pub fn on_durable<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &mut Ledger, write: Write) -> Next {
        match (&self.phase, write) {
            (Phase::Accepting { epoch, .. }, Write::Accepted(written)) if *epoch == written => {
                self.acknowledge_epoch(cx, ledger)
            }
            (Phase::Logging { .. }, _) => self.acknowledge_new_leader(cx, ledger),
            (Phase::Broadcast, Write::Append(zxid)) => self.on_append_durable(cx, zxid),
            (
                Phase::Dialing { .. }
                | Phase::Discovery
                | Phase::Accepting { .. }
                | Phase::Planned { .. }
                | Phase::Staging { .. }
                | Phase::Broadcast,
                _,
            ) => Next::Stay,
        }
    }

    /// A configuration came into force. Whose part in it is another one, or whose leader does not vote in it,
    /// leaves and comes back as what it is now.
    pub fn on_activated<R: Rules>(&mut self, cx: &mut Cx<'_, R>) -> Next {
        let ensemble = &cx.config.ensemble;
        let fits = match self.kind {
            Kind::Follower => !ensemble.observers.contains(cx.config.me),
            Kind::Observer => !ensemble.voters().contains(cx.config.me) || self.recovers,
        };
        if fits && ensemble.voters().contains(self.leader) { Next::Stay } else { Next::Look }
    }

    pub(super) fn send<R: Rules>(&self, cx: &mut Cx<'_, R>, packet: Packet) {
        if let Some(conn) = self.conn {
            cx.act(Action::Send { conn, packet });
        }
    }

    /// The leader broke the protocol.
    pub(super) fn refuse<R: Rules>(&self, cx: &mut Cx<'_, R>, why: &'static str) -> Next {
        cx.report(Event::PeerRefused { why });
        Next::Look
    }

    pub(super) fn rejoins_as_voter<R: Rules>(&self, cx: &Cx<'_, R>) -> bool {
        self.recovers && cx.config.is_voter()
    }

    /// Leaves the role: the connection ends, an unfinished synchronization is forgotten.
    pub fn close<R: Rules>(mut self, cx: &mut Cx<'_, R>, ledger: &mut Ledger, effects: &mut Vec<Effect>) {
        self.abort_synchronization(cx, ledger, effects);
        if !cx.enforces(Rule::QueueKept) {
            ledger.take_back(cx);
        }
        cx.disarm(Timer::InitLimit);
        cx.disarm(Timer::SyncLimit);
        cx.disarm(Timer::Redial);
        // Nothing of this connection may be heard in the next role.
        if let Some(conn) = self.conn
            && cx.enforces(Rule::CurrentConnection)
        {
            cx.act(Action::Hang { conn });
        }
    }
}
