//! The core's commands, done in their order.

use super::outlet::Phase;
use super::{Errand, Exit, State, Token};
use crate::storage::Job;
use std::time::Duration;
use zabra_core::admin::Digest;
use zabra_core::contract::{Action, Timer};
use zabra_core::log::StorageAction;

impl State {
    pub(super) fn perform(&mut self) {
        let mut todo = std::mem::take(&mut self.todo);
        self.actions.exchange(&mut todo);
        let now = self.moment().now;
        for event in self.actions.events() {
            super::report::log(event);
            self.stats.on_event(event, now);
        }
        for action in todo.drain(..) {
            self.perform_one(action);
        }
        self.todo = todo;
        self.actions.clear();
        let applied = self.replica.view().applied();
        if self.stats.wants_digest(applied.0) {
            let digest = self.replica.view().database().tree().digests().apache;
            self.stats.keep_digest(Digest { zxid: applied, digest });
        }
    }

    fn perform_one(&mut self, action: Action) {
        let now = self.moment().now;
        match action {
            Action::Notify { to, notification } => self.say(to, notification),
            Action::Dial { peer } => self.errands.push(Errand::Dial(peer)),
            Action::Hang { conn } => self.hang(conn),
            Action::Send { conn, packet } => self.send(conn, &packet),
            Action::Append(record) => self.store(StorageAction::Append(record)),
            Action::Truncate { after } => self.store(StorageAction::Truncate { after }),
            Action::SaveAccepted(epoch) => self.store(StorageAction::SaveAccepted(epoch)),
            Action::SaveCurrent(epoch) => self.store(StorageAction::SaveCurrent(epoch)),
            Action::Install(image) => self.store(StorageAction::Install(image)),
            Action::Sync => self.store(StorageAction::Sync),
            Action::Checkpoint(image) => self.store(StorageAction::Checkpoint(image)),
            Action::ReadLog { conn, after, until } => {
                if let Some(Token(number)) = self.conn_slots.get(conn.0) {
                    self.jobs.push(Job::Read { conn, number, after, until });
                }
            }
            Action::Reply { client, frame } => self.reply(client, frame),
            Action::Watch { clients, frame } => self.notify_watchers(clients, frame),
            Action::Drop { client, reason } => self.drop_client(client, reason),
            Action::Pause { client } => self.throttle(client, true),
            Action::Resume { client } => self.throttle(client, false),
            Action::Arm { timer, after_ms } => {
                self.timers.arm(timer, Duration::from_millis(after_ms.into()), now);
            }
            Action::Disarm { timer } => self.timers.disarm(timer),
            Action::Touch { sessions } => {
                for session in sessions {
                    self.timers.touch(Timer::Session(session), now);
                }
            }
            Action::Configure { active, proposed } => self.configure(&active, proposed.as_deref()),
            Action::Stop { fault } => self.stopped = Some(Exit::of(fault)),
        }
    }

    fn store(&mut self, action: StorageAction) {
        if action.is_counted() {
            let now = self.moment().now;
            let bytes = match &action {
                StorageAction::Append(record) => record.bytes.len(),
                StorageAction::Truncate { .. }
                | StorageAction::SaveAccepted(_)
                | StorageAction::SaveCurrent(_)
                | StorageAction::Install(_)
                | StorageAction::Sync
                | StorageAction::Checkpoint(_) => 0,
            };
            self.backlog.push(bytes, now);
        }
        self.jobs.push(Job::Do(action));
    }

    /// A connection ends when everything that was said on it is written.
    pub(super) fn close_softly(&mut self, token: Token) {
        if let Some(outlet) = self.outlets.get_mut(&token)
            && outlet.phase == Phase::Open
        {
            outlet.phase = Phase::Closing;
            outlet.wake.notify_one();
            self.mark_dirty(token);
        }
    }
}
