//! The commands of a server, performed in order.

use super::{Effect, World};
use crate::disk::StorageAction;
use crate::machine::LogQuestion;
use zabra_core::contract::{Action, Timer};
use zabra_core::id::ServerId;
use zabra_core::zab::Packet;

impl World {
    /// Performs what the last step of this server commanded.
    pub(super) fn perform(&mut self, server: ServerId) {
        let mut todo = std::mem::take(&mut self.todo);
        todo.extend(self.out.drain());
        for action in todo.drain(..) {
            self.perform_one(server, action);
        }
        self.todo = todo;
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

    fn store(&mut self, server: ServerId, action: StorageAction) {
        self.machine_mut(server).storage.issue(action);
    }
}

/// A packet as the other end decodes it.
pub(super) fn through_bytes(packet: Packet) -> Packet {
    packet
}
