//! A history with its joins: events of a session, invocation with reply, request with transaction.

use crate::history::judge::show;
use crate::history::{Answer, Body, Call, Event, History, Kind, Txn};
use std::collections::BTreeMap;

/// A history, indexed. Where the history contradicts itself (two invocations of one xid) the first
/// is taken; `session_order` and `exactly_once` say so.
pub struct Index<'a> {
    pub history: &'a History,
    /// In the order of their invocations.
    pub operations: Vec<Operation<'a>>,
    by_xid: BTreeMap<(i64, i32), usize>,
    by_zxid: BTreeMap<u64, usize>,
    /// The operation of each transaction of the log, if it came of one.
    operation_of: Vec<Option<usize>>,
    /// The positions of the events of each session.
    pub sessions: BTreeMap<i64, Vec<usize>>,
}

/// One operation of a client.
pub struct Operation<'a> {
    pub session: i64,
    pub xid: i32,
    pub call: &'a Call,
    /// Its position among the events.
    pub invoked: usize,
    pub returned: Option<Returned<'a>>,
    /// The position of its transaction in the log.
    pub txn: Option<usize>,
}

#[derive(Clone, Copy)]
pub struct Returned<'a> {
    pub at: usize,
    pub zxid: u64,
    pub answer: &'a Answer,
}

impl<'a> Index<'a> {
    pub fn new(history: &'a History) -> Index<'a> {
        let mut index = Index {
            history,
            operations: Vec::new(),
            by_xid: BTreeMap::new(),
            by_zxid: BTreeMap::new(),
            operation_of: vec![None; history.log.len()],
            sessions: BTreeMap::new(),
        };
        for (at, event) in history.events.iter().enumerate() {
            index.sessions.entry(event.session).or_default().push(at);
            index.join(at, event);
        }
        for (at, txn) in history.log.iter().enumerate() {
            index.by_zxid.entry(txn.zxid).or_insert(at);
            if txn.cxid == 0 {
                continue;
            }
            if let Some(&number) = index.by_xid.get(&(txn.session, txn.cxid)) {
                index.operation_of[at] = Some(number);
                index.operations[number].txn.get_or_insert(at);
            }
        }
        index
    }

    fn join(&mut self, at: usize, event: &'a Event) {
        match &event.kind {
            Kind::Invoke { xid, call } => {
                let number = self.operations.len();
                self.by_xid.entry((event.session, *xid)).or_insert(number);
                let (session, xid) = (event.session, *xid);
                self.operations.push(Operation { session, xid, call, invoked: at, returned: None, txn: None });
            }
            Kind::Return { xid, zxid, answer } => {
                if let Some(&number) = self.by_xid.get(&(event.session, *xid)) {
                    let returned = Returned { at, zxid: *zxid, answer };
                    self.operations[number].returned.get_or_insert(returned);
                }
            }
            Kind::Attached { .. }
            | Kind::Rearmed { .. }
            | Kind::Disconnected
            | Kind::Watch { .. }
            | Kind::Expired
            | Kind::Wronged { .. } => {}
        }
    }

    pub fn operation(&self, session: i64, xid: i32) -> Option<&Operation<'a>> {
        self.by_xid.get(&(session, xid)).map(|number| &self.operations[*number])
    }

    /// The operation that became the transaction at this position of the log.
    pub fn operation_of(&self, txn: usize) -> Option<&Operation<'a>> {
        self.operation_of[txn].map(|number| &self.operations[number])
    }

    pub fn txn_at_zxid(&self, zxid: u64) -> Option<usize> {
        self.by_zxid.get(&zxid).copied()
    }

    /// The zxid that an event shows its client, if it shows one.
    pub fn zxid_shown(event: &Event) -> Option<u64> {
        match &event.kind {
            Kind::Return { zxid, .. } | Kind::Rearmed { zxid, .. } => Some(*zxid),
            Kind::Watch { zxid, .. } => *zxid,
            Kind::Attached { .. } | Kind::Disconnected | Kind::Invoke { .. } | Kind::Expired | Kind::Wronged { .. } => {
                None
            }
        }
    }

    /// An event, for a violation's facts.
    pub fn tell(&self, at: usize) -> String {
        let Event { at: micros, client, session, kind } = &self.history.events[at];
        let what = match kind {
            Kind::Attached { fresh: true } => "opened".to_string(),
            Kind::Attached { fresh: false } => "attached again".to_string(),
            Kind::Rearmed { zxid, .. } => format!("watches re-armed at {}", show(*zxid)),
            Kind::Disconnected => "disconnected".to_string(),
            Kind::Invoke { xid, call } => format!("xid {xid} sent: {call:?}"),
            Kind::Return { xid, zxid, answer } => format!("xid {xid} answered at {}: {answer:?}", show(*zxid)),
            Kind::Watch { path, kind, zxid: Some(zxid) } => format!("event {kind:?} {path} of {}", show(*zxid)),
            Kind::Watch { path, kind, zxid: None } => format!("event {kind:?} {path} of setWatches"),
            Kind::Expired => "told to be expired".to_string(),
            Kind::Wronged { how } => format!("left its server, which sent {how}"),
        };
        format!("{}.{:03} ms, client {client}, session {session:#x}: {what}", micros / 1000, micros % 1000)
    }

    /// A transaction, for a violation's facts.
    pub fn tell_txn(&self, at: usize) -> String {
        let Txn { zxid, session, cxid, body, .. } = &self.history.log[at];
        format!("the log has {} of session {session:#x}, xid {cxid}: {body:?}", show(*zxid))
    }
}

impl Operation<'_> {
    /// Whether a transaction's body can have come of this operation.
    pub fn may_become(&self, body: &Body) -> bool {
        match body {
            Body::Create { .. } => matches!(self.call, Call::Create { .. }),
            Body::Delete { .. } => matches!(self.call, Call::Delete { .. }),
            Body::SetData { .. } => matches!(self.call, Call::SetData { .. }),
            Body::CloseSession { .. } => *self.call == Call::Close,
            Body::Error { .. } => self.call.is_write(),
            Body::SetAcl { .. } | Body::Multi { .. } | Body::CreateSession { .. } | Body::Other { .. } => false,
        }
    }
}
