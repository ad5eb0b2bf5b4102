//! A history with its joins: events of a session, invocation with reply, request with transaction.

use crate::history::judge::show;
use crate::history::{Answer, Body, Call, Event, History, Kind, Txn};
use std::collections::{BTreeMap, BTreeSet};

/// A history, indexed. Where the history contradicts itself (two invocations of one xid) the first
/// is taken; `session_order` and `exactly_once` say so.
pub struct Index<'a> {
    pub history: &'a History,
    /// In the order of their invocations.
    pub operations: Vec<Operation<'a>>,
    known: Sessions,
    /// The operation that each event, if it is an invocation or a reply, is one of.
    operation_at: Vec<u32>,
    by_zxid: Vec<(u64, usize)>,
    /// The operation of each transaction of the log, if it came of one.
    operation_of: Vec<u32>,
    /// Whether the zxids of the log rise.
    pub rises: bool,
    /// The sessions that began, and ended, as one server's alone: the log never has them created.
    unlogged: BTreeSet<i64>,
    /// The positions of the events of each session.
    pub sessions: BTreeMap<i64, Vec<usize>>,
}

/// No operation.
const NONE: u32 = u32::MAX;

/// Where the operations of each session stand, by xid.
#[derive(Default)]
struct Sessions {
    /// Ids, with places in the rest.
    places: BTreeMap<i64, usize>,
    last: Option<(i64, usize)>,
    xids: Vec<Vec<(i32, u32)>>,
    positions: Vec<Vec<usize>>,
}

impl Sessions {
    fn place(&self, session: i64) -> Option<usize> {
        match self.last {
            Some((last, place)) if last == session => Some(place),
            Some(_) | None => self.places.get(&session).copied(),
        }
    }

    /// The place of a session, which is new if it was not heard of before.
    fn place_of(&mut self, session: i64) -> usize {
        let place = self.place(session).unwrap_or_else(|| {
            self.xids.push(Vec::new());
            self.positions.push(Vec::new());
            self.places.insert(session, self.xids.len() - 1);
            self.xids.len() - 1
        });
        self.last = Some((session, place));
        place
    }

    /// Xids rise, as a rule; where they do not, the first of equal ones counts.
    fn order(&mut self) {
        for xids in self.xids.iter_mut().filter(|xids| !xids.is_sorted_by(|a, b| a.0 < b.0)) {
            xids.sort_by_key(|(xid, _)| *xid);
            xids.dedup_by_key(|(xid, _)| *xid);
        }
    }

    fn operation(&self, place: usize, xid: i32) -> Option<u32> {
        let xids = &self.xids[place];
        // A client counts its requests.
        let guess = usize::try_from(i64::from(xid) - i64::from(xids.first()?.0)).ok()?;
        if let Some((_, operation)) = xids.get(guess).filter(|(there, _)| *there == xid) {
            return Some(*operation);
        }
        xids.binary_search_by_key(&xid, |(xid, _)| *xid).ok().map(|at| xids[at].1)
    }
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
            operations: Vec::with_capacity(history.events.len() / 2),
            known: Sessions::default(),
            operation_at: vec![NONE; history.events.len()],
            by_zxid: history.log.iter().enumerate().map(|(at, txn)| (txn.zxid, at)).collect(),
            operation_of: vec![NONE; history.log.len()],
            rises: history.log.is_sorted_by(|a, b| a.zxid < b.zxid),
            unlogged: history.local.clone(),
            sessions: BTreeMap::new(),
        };
        for txn in history.log.iter().filter(|txn| matches!(txn.body, Body::CreateSession { .. })) {
            index.unlogged.remove(&txn.session);
        }
        let places = index.invocations();
        index.known.order();
        index.replies(&places);
        index.transactions();
        let places = index.known.places.iter();
        let positions = &mut index.known.positions;
        index.sessions = places.map(|(session, place)| (*session, std::mem::take(&mut positions[*place]))).collect();
        index
    }

    /// Numbers the operations. Answers the place of each event's session.
    fn invocations(&mut self) -> Vec<u32> {
        let mut places = Vec::with_capacity(self.history.events.len());
        for (at, event) in self.history.events.iter().enumerate() {
            let place = self.known.place_of(event.session);
            places.push(place as u32);
            self.known.positions[place].push(at);
            if let Kind::Invoke { xid, call } = &event.kind {
                let (session, xid) = (event.session, *xid);
                self.known.xids[place].push((xid, self.operations.len() as u32));
                self.operations.push(Operation { session, xid, call, invoked: at, returned: None, txn: None });
            }
        }
        places
    }

    fn replies(&mut self, places: &[u32]) {
        for (at, event) in self.history.events.iter().enumerate() {
            let number = match &event.kind {
                Kind::Invoke { xid, .. } | Kind::Return { xid, .. } => self.known.operation(places[at] as usize, *xid),
                Kind::Attached { .. }
                | Kind::Rearmed { .. }
                | Kind::Disconnected
                | Kind::Watch { .. }
                | Kind::Expired
                | Kind::Wronged { .. } => None,
            };
            let Some(number) = number else { continue };
            self.operation_at[at] = number;
            let operation = &mut self.operations[number as usize];
            if let Kind::Return { zxid, answer, .. } = &event.kind
                && operation.invoked < at
            {
                operation.returned.get_or_insert(Returned { at, zxid: *zxid, answer });
            }
        }
    }

    fn transactions(&mut self) {
        // Stable: of equal zxids the first counts.
        if !self.rises {
            self.by_zxid.sort_by_key(|(zxid, _)| *zxid);
            self.by_zxid.dedup_by_key(|(zxid, _)| *zxid);
        }
        for (at, txn) in self.history.log.iter().enumerate().filter(|(_, txn)| txn.cxid != 0) {
            let place = self.known.place(txn.session);
            if let Some(number) = place.and_then(|place| self.known.operation(place, txn.cxid)) {
                self.operation_of[at] = number;
                self.operations[number as usize].txn.get_or_insert(at);
            }
        }
    }

    pub fn operation(&self, session: i64, xid: i32) -> Option<&Operation<'a>> {
        let number = self.known.operation(self.known.place(session)?, xid)?;
        Some(&self.operations[number as usize])
    }

    /// Whether an operation is the close of a session that was one server's alone: it has no transaction.
    pub fn is_unlogged(&self, operation: &Operation<'_>) -> bool {
        *operation.call == Call::Close && self.unlogged.contains(&operation.session)
    }

    /// The operation that the event at this position begins or answers.
    pub fn operation_at(&self, at: usize) -> Option<&Operation<'a>> {
        self.operations.get(self.operation_at[at] as usize)
    }

    /// The operation that became the transaction at this position of the log.
    pub fn operation_of(&self, txn: usize) -> Option<&Operation<'a>> {
        self.operations.get(self.operation_of[txn] as usize)
    }

    pub fn txn_at_zxid(&self, zxid: u64) -> Option<usize> {
        self.by_zxid.binary_search_by_key(&zxid, |(zxid, _)| *zxid).ok().map(|at| self.by_zxid[at].1)
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
