//! Recording what clients do and see.
//!
//! The recorder is told of each operation when it is submitted and of each [`Output`] of a client's
//! session, in the order in which they happen. An operation's invocation is the moment when its
//! request leaves: before that it cannot take effect.

use super::{Answer, Call, Change, Event, History, Kind, Text, Txn};
use crate::time::Micros;
use std::collections::{BTreeMap, BTreeSet};
use zabra_client::{Ended, Handle, Operation, Output, SessionEvent, WatchKind};

/// The bound was reached: something was not recorded, so the history must not be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    pub limit: usize,
}

/// Collects a history, up to a bound.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Recorder {
    limit: usize,
    missed: bool,
    events: Vec<Event>,
    submitted: BTreeMap<(u32, Handle), Call>,
    /// The session of each client, for what comes without its id.
    sessions: BTreeMap<u32, i64>,
    foreign: BTreeSet<i64>,
    local: BTreeSet<i64>,
}

impl Recorder {
    /// Records at most so many events.
    pub fn new(limit: usize) -> Recorder {
        Recorder {
            limit,
            missed: false,
            events: Vec::new(),
            submitted: BTreeMap::new(),
            sessions: BTreeMap::new(),
            foreign: BTreeSet::new(),
            local: BTreeSet::new(),
        }
    }

    /// An operation was handed to a client's session.
    pub fn submitted(&mut self, client: u32, handle: Handle, operation: &Operation) {
        self.submitted.insert((client, handle), operation.into());
    }

    /// A client's session put something out.
    pub fn saw(&mut self, now: Micros, client: u32, output: &Output) {
        match output {
            Output::Sent { handle, session, xid } => {
                if let Some(call) = self.submitted.remove(&(client, *handle)) {
                    self.record(now, client, session.0, Kind::Invoke { xid: *xid, call });
                }
            }
            Output::Completed { handle, session, xid, zxid, outcome } => {
                self.submitted.remove(&(client, *handle));
                if let (Some(xid), Some(zxid), Some(answer)) = (*xid, *zxid, Answer::of(outcome)) {
                    self.record(now, client, session.0, Kind::Return { xid, zxid: zxid.0, answer });
                }
            }
            Output::Watch(event) => {
                let kind = match event.kind {
                    WatchKind::Created => Change::Created,
                    WatchKind::Deleted => Change::Deleted,
                    WatchKind::DataChanged => Change::Data,
                    WatchKind::ChildrenChanged => Change::Children,
                };
                let (path, zxid) = (Text::from(&event.path), event.zxid.map(|zxid| zxid.0));
                self.record(now, client, self.session_of(client), Kind::Watch { path, kind, zxid });
            }
            Output::Session(event) => self.session_event(now, client, event),
            Output::Connect { .. } | Output::Send(_) | Output::Hang | Output::Arm { .. } | Output::Disarm { .. } => {}
        }
    }

    fn session_event(&mut self, now: Micros, client: u32, event: &SessionEvent) {
        let kind = match event {
            SessionEvent::Attached { session, fresh, .. } => {
                self.sessions.insert(client, session.0);
                Kind::Attached { fresh: *fresh }
            }
            SessionEvent::WatchesRearmed { zxid, last } => Kind::Rearmed { zxid: zxid.0, last: *last },
            SessionEvent::Disconnected => Kind::Disconnected,
            SessionEvent::Ended(Ended::Expired) => Kind::Expired,
            SessionEvent::ServerWrong(wrong) => Kind::Wronged { how: format!("{wrong:?}") },
            // The reply to the close says the first; the disconnection before it the second.
            SessionEvent::Ended(Ended::Closed | Ended::Abandoned) => return,
        };
        let session = self.session_of(client);
        if session != 0 {
            self.record(now, client, session, kind);
        }
    }

    /// Records an event that no client session puts out: raw clients, live ensembles.
    pub fn record(&mut self, now: Micros, client: u32, session: i64, kind: Kind) {
        if self.events.len() == self.limit {
            self.missed = true;
            return;
        }
        self.events.push(Event { at: now.0, client, session, kind });
    }

    /// The requests of this session are not recorded; its transactions are taken as they are.
    pub fn foreign(&mut self, session: i64) {
        self.foreign.insert(session);
    }

    /// This session began without a transaction: it is one server's alone.
    pub fn local(&mut self, session: i64) {
        self.local.insert(session);
    }

    /// Whether the bound was reached: no more operations should be submitted.
    pub fn is_full(&self) -> bool {
        self.events.len() == self.limit
    }

    /// Whether something came after that, and was not recorded.
    pub fn is_overfull(&self) -> bool {
        self.missed
    }

    /// What was recorded so far.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// For a holder that knows which of them have no order among them.
    pub fn events_mut(&mut self) -> &mut [Event] {
        &mut self.events
    }

    pub fn len(&self) -> usize {
        self.events.len()
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The history, with the committed log of the same run.
    pub fn finish(self, log: Vec<Txn>) -> Result<History, Full> {
        if self.missed {
            return Err(Full { limit: self.limit });
        }
        Ok(History { events: self.events, log, foreign: self.foreign, local: self.local })
    }

    fn session_of(&self, client: u32) -> i64 {
        self.sessions.get(&client).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zabra_client::{Outcome, Reply};
    use zabra_core::id::{SessionId, Zxid};

    fn completed(handle: u32, xid: Option<i32>, zxid: Option<Zxid>, outcome: Outcome) -> Output {
        Output::Completed { handle: Handle(handle), session: SessionId(7), xid, zxid, outcome }
    }

    #[test]
    fn an_operation_is_invoked_when_it_is_sent_and_returns_when_it_is_answered() {
        let mut recorder = Recorder::new(10);
        for handle in 1..=3 {
            recorder.submitted(4, Handle(handle), &Operation::Sync { path: b"/".to_vec() });
        }
        for (handle, xid) in [(1, 1), (2, 2)] {
            recorder.saw(Micros(5), 4, &Output::Sent { handle: Handle(handle), session: SessionId(7), xid });
        }
        let synced = Outcome::Done(Reply::Synced { path: b"/".to_vec() });
        recorder.saw(Micros(6), 4, &completed(1, Some(1), Some(Zxid(3)), synced));
        recorder.saw(Micros(7), 4, &completed(2, Some(2), None, Outcome::Unknown));
        recorder.saw(Micros(8), 4, &completed(3, None, None, Outcome::NotSent));
        let history = recorder.finish(Vec::new()).expect("within the bound");
        let call = Call::Sync { path: "/".into() };
        let answer = Answer::Synced { path: "/".into() };
        let kinds: Vec<Kind> = history.events.into_iter().map(|event| event.kind).collect();
        assert_eq!(
            kinds,
            [
                Kind::Invoke { xid: 1, call: call.clone() },
                Kind::Invoke { xid: 2, call },
                Kind::Return { xid: 1, zxid: 3, answer }
            ]
        );
    }

    #[test]
    fn a_history_with_a_gap_is_not_given_out() {
        let mut recorder = Recorder::new(1);
        recorder.record(Micros(1), 1, 7, Kind::Expired);
        assert!(recorder.is_full() && !recorder.is_overfull());
        assert!(recorder.clone().finish(Vec::new()).is_ok());
        recorder.record(Micros(2), 1, 7, Kind::Expired);
        assert!(recorder.is_overfull());
        assert_eq!(recorder.finish(Vec::new()), Err(Full { limit: 1 }));
    }
}
