//! The commands of a server, performed in order.

use super::{Effect, World};
use crate::disk::Disk;
use crate::disk::StorageAction;
use crate::link::Side;
use crate::machine::LogQuestion;
use crate::trace::TraceHasher;
use std::hash::Hash;
use std::sync::Arc;
use zabra_core::config::{Config, Ensemble};
use zabra_core::contract::{Action, Timer};
use zabra_core::id::{ConnId, ServerId};
use zabra_core::wire::election::End;
use zabra_core::zab::codec::{self, ElectionItem, ElectionReader, PacketReader};
use zabra_core::zab::{Notification, Packet};

impl<D: Disk> World<D> {
    /// Performs what the last step of this server commanded.
    pub(super) fn perform(&mut self, server: ServerId) {
        let mut todo = std::mem::take(&mut self.todo);
        self.out.exchange(&mut todo);
        if self.printer.is_some() {
            self.print(server, &todo);
        }
        for action in todo.drain(..) {
            self.perform_one(server, action);
        }
        self.todo = todo;
    }

    /// Tells what the server reports and commands.
    fn print(&mut self, server: ServerId, actions: &[Action]) {
        let Some(mut printer) = self.printer.take() else { return };
        for event in self.out.events() {
            printer.event(server, event);
        }
        let peer = |conn: ConnId| {
            let (cable, side) = *self.machine(server).conns.get(conn.0)?;
            Some(self.cables.get(cable)?.ends[side.other() as usize])
        };
        for action in actions {
            printer.action(server, action, &self.out, peer);
        }
        self.printer = Some(printer);
    }

    fn perform_one(&mut self, server: ServerId, action: Action) {
        match action {
            Action::Notify { to, notification } => self.say(server, to, notification),
            Action::Dial { peer } => self.dial(server, peer),
            Action::Hang { conn } => self.hang(server, conn),
            Action::Send { conn, packet } => self.send(server, conn, packet),
            Action::Append(record) => self.store(server, StorageAction::Append(record)),
            Action::Truncate { after } => self.store(server, StorageAction::Truncate { after }),
            Action::SaveAccepted(epoch) => self.store(server, StorageAction::SaveAccepted(epoch)),
            Action::SaveCurrent(epoch) => self.store(server, StorageAction::SaveCurrent(epoch)),
            Action::Install(image) => self.store(server, StorageAction::Install(image)),
            Action::Sync => {
                self.store(server, StorageAction::Sync);
                self.effects.push(Effect::Synced { server });
            }
            Action::Checkpoint(image) => {
                self.store(server, StorageAction::Checkpoint(image));
                self.effects.push(Effect::Checkpointing { server });
            }
            Action::ReadLog { conn, after, until } => {
                self.machine_mut(server).questions.push_back(LogQuestion { conn, after, until });
                self.effects.push(Effect::LogAsked { server });
            }
            Action::Reply { client, frame } => self.reply(server, client, frame),
            Action::Watch { clients, frame } => self.watch(server, clients, frame),
            Action::Drop { client, .. } => self.drop_client(server, client),
            Action::Pause { client } => self.throttle(server, client, true),
            Action::Resume { client } => self.throttle(server, client, false),
            Action::Configure { active, .. } => self.keep(server, active),
            Action::Arm { timer, after_ms } => {
                self.machine_mut(server).arm(timer, after_ms);
                self.effects.push(Effect::Armed { server, timer, after_ms });
            }
            Action::Disarm { timer } => {
                self.machine_mut(server).disarm(timer);
                self.effects.push(Effect::Disarmed { server, timer });
            }
            Action::Touch { sessions } => {
                for session in sessions {
                    self.effects.push(Effect::Touched { server, timer: Timer::Session(session) });
                }
            }
            Action::Stop { fault } => self.stop(server, fault),
        }
    }

    /// The configuration in force is kept in the server's file, for its next start, if it is newer than what stands
    /// there. Where the others are, every machine knows.
    fn keep(&mut self, server: ServerId, active: Arc<Ensemble>) {
        let machine = self.machine_mut(server);
        if machine.config.reconfig.enabled && active.version > machine.config.ensemble.version {
            machine.keep(Config { ensemble: active, ..(*machine.config).clone() });
        }
    }

    fn store(&mut self, server: ServerId, action: StorageAction) {
        self.machine_mut(server).storage.issue(action);
    }
}

/// A packet as the other end decodes it, out of a stream that was cut once, somewhere.
pub(super) fn through_bytes(packet: &Packet, from: Side, limit: u32) -> Packet {
    let (from, to) = match from {
        Side::Dialer => (codec::Side::Learner, codec::Side::Leader),
        Side::Listener => (codec::Side::Leader, codec::Side::Learner),
    };
    let mut bytes = Vec::new();
    codec::encode_packet(packet, from, &mut bytes);
    let mut hash = TraceHasher::default();
    bytes.hash(&mut hash);
    let (mut first, mut rest) = bytes.split_at(hash.value() as usize % bytes.len());
    let mut reader = PacketReader::new(to, limit);
    let early = reader.next(&mut first).expect("what was encoded can be read");
    assert!(early.is_none(), "a packet is whole only when its last byte is there");
    let whole = reader.next(&mut rest).expect("what was encoded can be read");
    assert!(rest.is_empty(), "nothing follows a packet");
    whole.expect("a packet is whole when its last byte is there")
}

/// A notification as the other end decodes it.
pub(super) fn notification_through_bytes(notification: &Notification) -> Notification {
    let mut bytes = Vec::new();
    codec::encode_notification(notification, &mut bytes);
    let mut reader = ElectionReader::new(End::Initiator);
    let item = reader.next(&mut bytes.as_slice()).expect("what was encoded can be read");
    match item {
        Some(ElectionItem::Notification(decoded)) => decoded,
        Some(ElectionItem::Handshake { .. }) | None => panic!("a notification was encoded, and is whole"),
    }
}
