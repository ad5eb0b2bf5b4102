//! What the clients did and saw, as a ghost in the state: small, and the same for all ways that differ
//! only in what nobody could tell.
//!
//! Of two events of different clients the order matters only if one is an invocation and the other
//! shows something: then one was over when the other began, or they overlap. All other neighbours
//! stand in the order of their clients, so histories that say the same are equal.

use std::sync::Arc;
use zabra_client::{Handle, Operation, Output};
use zabra_core::id::ServerSet;
use zabra_core::log::Record;
use zabra_sim::client::ClientEvent;
use zabra_sim::history::{Event, History, Kind, Recorder, read_log, witness};
use zabra_sim::oracle::Violation;
use zabra_sim::time::Micros;

/// More events than any script makes.
const EVENTS_MAX: usize = 1 << 10;

/// The clients' history so far, the log that it made, and who objects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Notes {
    recorder: Recorder,
    /// The committed log, as servers applied it.
    applied: Vec<Record>,
    pub violation: Option<Arc<Violation>>,
}

impl Default for Notes {
    fn default() -> Notes {
        Notes { recorder: Recorder::new(EVENTS_MAX), applied: Vec::new(), violation: None }
    }
}

impl Notes {
    /// An operation was handed to a client's session.
    pub fn submitted(&mut self, client: u16, handle: u32, operation: &Operation) {
        self.recorder.submitted(u32::from(client), Handle(handle), operation);
    }

    /// A client learned something.
    pub fn saw(&mut self, client: u16, event: &ClientEvent) {
        let ClientEvent::Said(output) = event else { return };
        self.said(client, output);
    }

    pub fn said(&mut self, client: u16, output: &Output) {
        let before = self.recorder.len();
        self.recorder.saw(Micros::ZERO, u32::from(client), output);
        for at in before..self.recorder.len() {
            sort_in(&mut self.recorder.events_mut()[..=at]);
        }
    }

    /// A server applied this record.
    pub fn applied(&mut self, record: &Record) {
        if self.applied.last().is_none_or(|last| last.zxid < record.zxid) {
            self.applied.push(record.clone());
        }
    }

    /// How many things were noted: something new is to be judged when this has grown.
    pub fn grown(&self) -> usize {
        self.recorder.len() + self.applied.len()
    }

    /// Asks the witnesses, and whoever needs none.
    pub fn judge(&mut self) {
        if self.violation.is_none()
            && let Err(violation) = self.judged()
        {
            self.violation = Some(Arc::new(violation));
        }
    }

    fn judged(&self) -> Result<(), Violation> {
        let history = self.history()?;
        if let Some(violation) = witness::check(&history).into_iter().next() {
            return Err(violation);
        }
        if has_late_writes(&history) {
            return Ok(());
        }
        match crate::history::search(&history) {
            crate::history::Opinion::Refused(why) => {
                Err(violation("search", "no order of the operations explains what the clients saw", why))
            }
            crate::history::Opinion::Explained { .. } | crate::history::Opinion::Undecided(_) => Ok(()),
        }
    }

    /// The history so far.
    pub fn history(&self) -> Result<History, Violation> {
        let log = read_log(&self.applied)
            .map_err(|error| violation("history", "a committed transaction cannot be read", error.to_string()))?;
        Ok(self.recorder.clone().finish(log).expect("a script makes few events"))
    }

    /// What people read of it.
    pub fn events(&self) -> &[Event] {
        self.recorder.events()
    }
}

/// Whether a client lost its connection while a write was not answered, and went on. Such a write may
/// still take effect, after reads of the same session over the next connection; the search would have
/// it before them. The witnesses know where it stands.
fn has_late_writes(history: &History) -> bool {
    let mut open: Vec<(i64, i32)> = Vec::new();
    history.events.iter().any(|event| {
        match &event.kind {
            Kind::Invoke { xid, call } if call.is_write() => open.push((event.session, *xid)),
            Kind::Return { xid, .. } => open.retain(|asked| *asked != (event.session, *xid)),
            Kind::Disconnected => return open.iter().any(|(session, _)| *session == event.session),
            Kind::Invoke { .. }
            | Kind::Attached { .. }
            | Kind::Rearmed { .. }
            | Kind::Watch { .. }
            | Kind::Expired
            | Kind::Wronged { .. } => {}
        }
        false
    })
}

fn violation(oracle: &'static str, sentence: &str, fact: String) -> Violation {
    Violation {
        oracle,
        sentence: sentence.to_owned(),
        facts: [fact, "the clients' history so far".to_owned()],
        servers: ServerSet::EMPTY,
        zxid: None,
        session: None,
        path: None,
    }
}

/// Puts the last event where it belongs among those before it.
fn sort_in(events: &mut [Event]) {
    let Some((last, before)) = events.split_last() else { return };
    let free = before.iter().rev().take_while(|event| commute(event, last)).count();
    let first = before.len() - free;
    let at = before[first..].iter().position(|event| event.client > last.client).map_or(before.len(), |n| first + n);
    events[at..].rotate_right(1);
}

/// Whether nobody can tell in which order these two happened.
fn commute(a: &Event, b: &Event) -> bool {
    let invokes = |event: &Event| matches!(event.kind, Kind::Invoke { .. });
    a.client != b.client && invokes(a) == invokes(b)
}

#[cfg(test)]
mod tests;
