//! A leader: its learners and the stage of its reign. The phases are files of their own
//! ([`discovery`](super::discovery), [`synchronization`](super::synchronization),
//! [`broadcast`](super::broadcast)); here is what they share, and who hears which packet.

use super::broadcast::QuorumSync;
use super::effect::{Effect, Next};
use super::ledger::{Ledger, Write};
use super::message::{LearnerInfo, Packet};
use crate::contract::{Action, Cx, Event, Resigned, Timer};
use crate::id::{ConnId, Epoch, ServerId, ServerSet, Zxid};
use crate::rule::{Rule, Rules};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// A server that leads, or is on its way to it.
///
/// ```text
///   Discovery ─ quorum of FOLLOWERINFO ─▶ Accepting ─ durable ─▶ Acknowledging
///     ─ quorum of ACKEPOCH ─▶ Recording ─ durable ─▶ Synchronization
///     ─ quorum of ACK(NEWLEADER) ─▶ Broadcast
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leading {
    pub(super) stage: Stage,
    pub(super) learners: BTreeMap<ConnId, Learner>,
    /// As of the first ACKEPOCH: who vouches for the epoch, this server included.
    pub(super) vouched: ServerSet,
    /// The newest zxid of this server's own history that it counts as acknowledged.
    pub(super) acked: Zxid,
    pub(super) syncs: VecDeque<QuorumSync>,
    /// The last proposed zxid: (epoch, 0) until the first proposal.
    pub(super) proposed: Zxid,
}

/// How far the reign is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Waiting for a quorum of FOLLOWERINFO.
    Discovery,
    /// The new epoch is being written to `acceptedEpoch`.
    Accepting(Epoch),
    /// LEADERINFO was sent; waiting for a quorum of ACKEPOCH.
    Acknowledging(Epoch),
    /// The new epoch is being written to `currentEpoch`.
    Recording(Epoch),
    /// Learners are being synchronized; waiting for a quorum of ACK(NEWLEADER).
    Synchronization(Epoch),
    /// Established: the ensemble serves.
    Broadcast(Epoch),
}

/// A learner's connection, as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Learner {
    pub server: Option<ServerId>,
    pub kind: Kind,
    pub stage: LearnerStage,
    /// Everything up to here is durable at the learner.
    pub acked: Zxid,
    /// PINGs sent and not yet answered.
    pub pings: u32,
    /// The end of the leader's history when the learner was synchronized. An observer hears of
    /// proposals only when they are committed, so it serves only when these are: else it could not
    /// tell which of its clients' writes are already on their way, and would forward them again.
    pub in_flight: Zxid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Follower,
    Observer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LearnerStage {
    /// Connected; FOLLOWERINFO or OBSERVERINFO is due.
    Opened,
    /// Told its accepted epoch; LEADERINFO is due from here.
    Informed { accepted: Epoch },
    /// LEADERINFO was sent.
    Asked,
    /// ACKEPOCH arrived: its history ends at `last`.
    Vouched { last: Zxid },
    /// The log on disk is being read for it.
    Reading { last: Zxid },
    /// NEWLEADER was sent; everything proposed from now on is forwarded. `known` is what the
    /// learner has of the leader's history once it acknowledges.
    Syncing { known: Zxid },
    /// ACK(NEWLEADER) arrived.
    Synced,
    /// UPTODATE was sent.
    Serving,
}

impl LearnerStage {
    /// Whether proposals and commits go to this learner.
    pub fn is_forwarded<R: Rules>(self, cx: &Cx<'_, R>) -> bool {
        match self {
            LearnerStage::Opened
            | LearnerStage::Informed { .. }
            | LearnerStage::Asked
            | LearnerStage::Vouched { .. }
            | LearnerStage::Reading { .. } => false,
            LearnerStage::Syncing { .. } | LearnerStage::Synced => cx.enforces(Rule::SyncForwardsRest),
            LearnerStage::Serving => true,
        }
    }

    pub fn is_synced(self) -> bool {
        matches!(self, LearnerStage::Synced | LearnerStage::Serving)
    }
}

impl Leading {
    /// Takes the lead: everyone has initLimit to follow.
    pub fn new<R: Rules>(cx: &mut Cx<'_, R>, ledger: &Ledger) -> Leading {
        cx.arm(Timer::InitLimit, cx.config.tick_ms.saturating_mul(cx.config.init_limit));
        Leading {
            stage: Stage::Discovery,
            learners: BTreeMap::new(),
            vouched: ServerSet::EMPTY,
            acked: ledger.end(),
            syncs: VecDeque::new(),
            proposed: Zxid::ZERO,
        }
    }

    pub fn epoch(&self) -> Option<Epoch> {
        match self.stage {
            Stage::Discovery => None,
            Stage::Accepting(e)
            | Stage::Acknowledging(e)
            | Stage::Recording(e)
            | Stage::Synchronization(e)
            | Stage::Broadcast(e) => Some(e),
        }
    }

    /// How far the reign is.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The connections of learners.
    pub fn learners(&self) -> impl Iterator<Item = &Learner> {
        self.learners.values()
    }

    /// How many `sync`s wait for a quorum.
    pub fn syncs_len(&self) -> usize {
        self.syncs.len()
    }

    pub fn is_established(&self) -> bool {
        matches!(self.stage, Stage::Broadcast(_))
    }

    /// How many connections have not said whose they are.
    pub fn strangers(&self) -> usize {
        self.learners.values().filter(|learner| learner.server.is_none()).count()
    }

    pub fn on_opened<R: Rules>(&mut self, cx: &mut Cx<'_, R>, conn: ConnId) {
        let learner = Learner {
            server: None,
            kind: Kind::Observer,
            stage: LearnerStage::Opened,
            acked: Zxid::ZERO,
            pings: 0,
            in_flight: Zxid::ZERO,
        };
        self.learners.insert(conn, learner);
        cx.arm(Timer::Learner(conn), cx.config.tick_ms.saturating_mul(cx.config.init_limit));
    }

    /// A packet of a learner. A learner that breaks the protocol loses its connection.
    pub fn on_packet<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        conn: ConnId,
        packet: Packet,
        effects: &mut Vec<Effect>,
    ) -> Next {
        if !self.learners.contains_key(&conn) {
            cx.report(Event::PacketIgnored { packet: packet.name() });
            return Next::Stay;
        }
        self.heard(cx, conn);
        match packet {
            Packet::FollowerInfo(info) => self.on_learner_info(cx, ledger, conn, Kind::Follower, info, effects),
            Packet::ObserverInfo(info) => self.on_learner_info(cx, ledger, conn, Kind::Observer, info, effects),
            Packet::AckEpoch { current, last } => self.on_ack_epoch(cx, ledger, conn, current, last, effects),
            Packet::Ack(zxid) => self.on_ack(cx, ledger, conn, zxid, effects),
            Packet::Ping { .. } | Packet::Revalidate { .. } if !self.learners[&conn].stage.is_synced() => {
                self.refuse(cx, conn, "a learner's business before it is in step", effects)
            }
            Packet::Ping { sessions, .. } => self.on_pong(cx, conn, sessions, effects),
            Packet::Request(request) => self.on_request(cx, conn, request, effects),
            Packet::Revalidate { session, .. } => {
                effects.push(Effect::Revalidate { conn, session });
                Next::Stay
            }
            Packet::Proposal(_)
            | Packet::Commit(_)
            | Packet::Revalidated { .. }
            | Packet::Sync
            | Packet::Inform(_)
            | Packet::CommitAndActivate { .. }
            | Packet::InformAndActivate { .. }
            | Packet::NewLeader { .. }
            | Packet::LeaderInfo { .. }
            | Packet::UpToDate
            | Packet::Diff(_)
            | Packet::Trunc(_)
            | Packet::Snap { .. } => self.refuse(cx, conn, "a packet that only leaders send", effects),
        }
    }

    /// A connection ended, or is given up.
    pub fn on_gone<R: Rules>(&mut self, cx: &mut Cx<'_, R>, conn: ConnId, effects: &mut Vec<Effect>) -> Next {
        let Some(gone) = self.learners.remove(&conn) else {
            return Next::Stay;
        };
        cx.disarm(Timer::Learner(conn));
        if let Some(server) = gone.server {
            // Its promise stands on its disk, but nobody answers for it any more.
            self.vouched.remove(server);
        }
        self.forget_in_syncs(cx, conn, effects);
        effects.push(Effect::LearnerGone { conn });
        if !self.is_established() {
            return Next::Stay;
        }
        let mut heard = self.followers(|l| l.stage.is_synced());
        heard.insert(cx.config.me);
        if let Some(learner) = gone.server {
            cx.report(Event::LearnerLost { learner, heard });
        }
        self.step_down_without_quorum(cx, heard)
    }

    /// A learner was silent for too long.
    pub fn on_silent<R: Rules>(&mut self, cx: &mut Cx<'_, R>, conn: ConnId, effects: &mut Vec<Effect>) -> Next {
        if !self.learners.contains_key(&conn) {
            return Next::Stay;
        }
        cx.act(Action::Hang { conn });
        self.on_gone(cx, conn, effects)
    }

    pub fn on_init_limit<R: Rules>(&mut self, cx: &mut Cx<'_, R>) -> Next {
        if self.is_established() {
            return Next::Stay;
        }
        self.resign(cx, Resigned::InitLimit)
    }

    /// A write of this server became durable.
    pub fn on_durable<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        write: Write,
        effects: &mut Vec<Effect>,
    ) -> Next {
        match (self.stage, write) {
            (Stage::Accepting(epoch), Write::Accepted(written)) if written == epoch => {
                self.ask_for_epoch(cx, ledger, epoch, effects)
            }
            (Stage::Recording(epoch), Write::Current(written)) if written == epoch => {
                self.begin_synchronization(cx, ledger, epoch, effects)
            }
            (_, Write::Append(zxid)) => self.on_own_append(cx, ledger, zxid, effects),
            (_, Write::Accepted(_) | Write::Current(_) | Write::Truncate | Write::Install(_)) => Next::Stay,
        }
    }

    /// Ends leadership.
    pub(super) fn resign<R: Rules>(&mut self, cx: &mut Cx<'_, R>, why: Resigned) -> Next {
        cx.report(Event::Resigned { epoch: self.epoch().unwrap_or(Epoch::ZERO), why });
        Next::Look
    }

    /// An established leader needs a quorum of synced voters, itself included; observers do not
    /// count (ZOOKEEPER-1294).
    fn step_down_without_quorum<R: Rules>(&mut self, cx: &mut Cx<'_, R>, heard: ServerSet) -> Next {
        if !cx.enforces(Rule::StepDown) || cx.has_quorum(heard) {
            return Next::Stay;
        }
        self.resign(cx, Resigned::QuorumLost)
    }

    /// The voters among the connected followers for which `test` holds.
    pub(super) fn followers(&self, test: impl Fn(&Learner) -> bool) -> ServerSet {
        self.learners.values().filter(|l| l.kind == Kind::Follower && test(l)).filter_map(|l| l.server).collect()
    }

    pub(super) fn stage_of(&mut self, conn: ConnId) -> &mut LearnerStage {
        &mut self.learners.get_mut(&conn).expect("the caller looked the learner up").stage
    }

    /// The followers that are in step, with this server: whom a new configuration can count on.
    pub fn synced<R: Rules>(&self, cx: &Cx<'_, R>) -> ServerSet {
        let mut synced = self.followers(|learner| learner.stage.is_synced());
        synced.insert(cx.config.me);
        synced
    }

    /// A configuration came into force: what only the one before it held up goes on, and who is no
    /// voter any more does not lead.
    pub fn on_activated<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        effects: &mut Vec<Effect>,
    ) -> Next {
        if !self.is_established() {
            return Next::Stay;
        }
        if !cx.config.ensemble.voters().contains(cx.config.me) {
            return self.resign(cx, Resigned::Reconfigured);
        }
        self.answer_syncs(cx, effects);
        let next = self.commit_acknowledged(cx, ledger, effects);
        let heard = self.synced(cx);
        if next == Next::Stay { self.step_down_without_quorum(cx, heard) } else { next }
    }

    /// Who leads when this server's next configuration is in force: itself as long as it votes there, else
    /// the voter that has acknowledged most.
    pub(super) fn designated<R: Rules>(&self, cx: &Cx<'_, R>, next: ServerSet) -> ServerId {
        let voters = self.learners.values().filter(|l| l.kind == Kind::Follower && l.stage.is_synced());
        let others = voters.filter_map(|l| l.server.filter(|server| next.contains(*server)).map(|s| (l.acked, s)));
        match others.max() {
            Some((_, server)) if !next.contains(cx.config.me) => server,
            Some(_) | None => cx.config.me,
        }
    }

    /// A learner broke the protocol: its connection ends, and nothing else.
    pub(super) fn refuse<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        conn: ConnId,
        why: &'static str,
        effects: &mut Vec<Effect>,
    ) -> Next {
        cx.report(Event::PeerRefused { why });
        cx.act(Action::Hang { conn });
        self.on_gone(cx, conn, effects)
    }

    /// Any packet of a learner shows that it lives: a syncing one has initLimit, others syncLimit.
    fn heard<R: Rules>(&mut self, cx: &mut Cx<'_, R>, conn: ConnId) {
        let ticks = match self.learners[&conn].stage.is_synced() {
            true => cx.config.sync_limit,
            false => cx.config.init_limit,
        };
        cx.arm(Timer::Learner(conn), cx.config.tick_ms.saturating_mul(ticks));
    }

    /// Leaves the role: every connection ends.
    pub fn close<R: Rules>(self, cx: &mut Cx<'_, R>) {
        cx.disarm(Timer::InitLimit);
        cx.disarm(Timer::Ping);
        for conn in self.learners.into_keys() {
            cx.disarm(Timer::Learner(conn));
            cx.act(Action::Hang { conn });
        }
    }

    fn on_learner_info<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        conn: ConnId,
        kind: Kind,
        info: LearnerInfo,
        effects: &mut Vec<Effect>,
    ) -> Next {
        if self.learners[&conn].stage != LearnerStage::Opened {
            return self.refuse(cx, conn, "a second FOLLOWERINFO", effects);
        }
        if info.config_version > cx.config.newest().version {
            return self.refuse(cx, conn, "a newer configuration than the leader's", effects);
        }
        if info.server == cx.config.me {
            return self.refuse(cx, conn, "the leader's own id", effects);
        }
        if !info.accepted.can_be_followed() {
            return self.refuse(cx, conn, "an accepted epoch that no reign can follow", effects);
        }
        // A server has one connection: an older one is half open, or the peer restarted.
        let older = self.learners.iter().find(|(_, l)| l.server == Some(info.server)).map(|(c, _)| *c);
        if let Some(older) = older {
            cx.act(Action::Hang { conn: older });
            let next = self.on_gone(cx, older, effects);
            if next != Next::Stay {
                return next;
            }
        }
        // Whoever is to become a voter learns as a follower before it is one: it acknowledges, and counts
        // from the moment a configuration that names it is proposed. Else nobody but a voter does.
        let may_vote = cx.config.voters().contains(info.server) || cx.config.reconfig.enabled;
        let learner = self.learners.get_mut(&conn).expect("checked above");
        learner.server = Some(info.server);
        learner.kind = if may_vote { kind } else { Kind::Observer };
        learner.stage = LearnerStage::Informed { accepted: info.accepted };
        self.on_informed(cx, ledger, conn, effects)
    }
}
