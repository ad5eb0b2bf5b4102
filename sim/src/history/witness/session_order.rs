//! One session sees its own requests answered in order, and time never runs backwards for it.

use super::{About, Check, Index, Judged, Operation};
use crate::history::judge::show;
use crate::history::{Body, Call, Kind, Txn};
use std::collections::{BTreeMap, VecDeque};
use zabra_core::wire::Code;

pub(super) const CHECK: Check = Check {
    id: "session_order",
    states: "the requests of a session are answered in their order, with zxids that never fall, over all its \
             connections; its writes take effect in their order",
    source: "catalogue 27, 28, 29; I-FIFO; ZOOKEEPER-1863",
    run,
};

fn run(index: &Index<'_>) -> Judged {
    for (session, positions) in &index.sessions {
        let mut walk = Walk { index, session: *session, ..Walk::new(index) };
        for &at in positions {
            walk.see(at)?;
        }
    }
    writes_in_order(index)
}

/// What one session has seen so far.
struct Walk<'a> {
    index: &'a Index<'a>,
    session: i64,
    attached: bool,
    over: Option<usize>,
    last_xid: i32,
    /// Sent on this connection and not answered.
    open: VecDeque<(i32, usize)>,
    /// Where the highest zxid was shown, and which.
    floor: Option<(usize, u64)>,
    last_write: Option<(usize, u64)>,
}

impl<'a> Walk<'a> {
    fn new(index: &'a Index<'a>) -> Walk<'a> {
        Walk {
            index,
            session: 0,
            attached: false,
            over: None,
            last_xid: 0,
            open: VecDeque::new(),
            floor: None,
            last_write: None,
        }
    }

    fn see(&mut self, at: usize) -> Judged {
        if let Some(over) = self.over {
            // The end of its connection is all that a session sees after its own end.
            if matches!(self.index.history.events[at].kind, Kind::Disconnected) {
                return Ok(());
            }
            return self.fail("something happened to a session after its end", over, at);
        }
        match &self.index.history.events[at].kind {
            Kind::Attached { fresh } => {
                let first = self.index.sessions[&self.session][0];
                if *fresh != (at == first) || self.attached {
                    return self.fail("a session was opened twice, or attached without having been opened", first, at);
                }
                self.attached = true;
            }
            Kind::Disconnected => {
                self.attached = false;
                self.open.clear();
            }
            Kind::Invoke { xid, .. } => {
                if *xid <= self.last_xid || !self.attached {
                    let before = self.index.sessions[&self.session][0];
                    return self.fail("a request was sent out of order", before, at);
                }
                self.last_xid = *xid;
                self.open.push_back((*xid, at));
            }
            Kind::Return { xid, zxid, .. } => self.on_return(at, *xid, *zxid)?,
            Kind::Rearmed { zxid, .. } => self.not_below_floor(at, *zxid)?,
            Kind::Watch { zxid: Some(zxid), .. } => self.not_below_floor(at, *zxid)?,
            Kind::Watch { zxid: None, .. } => {}
            Kind::Expired => self.over = Some(at),
            Kind::Wronged { .. } => {
                let first = self.index.sessions[&self.session][0];
                return self.fail("a server sent what the protocol does not allow", first, at);
            }
        }
        Ok(())
    }

    fn on_return(&mut self, at: usize, xid: i32, zxid: u64) -> Judged {
        let asked = match self.open.pop_front() {
            Some((first, asked)) if first == xid => asked,
            Some((_, asked)) => return self.fail("a reply overtook an earlier request's", asked, at),
            None => {
                let before = self.index.sessions[&self.session][0];
                return self.fail("a reply answers no request of its connection", before, at);
            }
        };
        self.not_below_floor(at, zxid)?;
        let operation = self.index.operation_at(at);
        let has_zxid = |operation: &Operation<'_>| {
            let is_throttled = operation.returned.is_some_and(|returned| returned.answer.is_throttled());
            operation.call.is_write() && !is_throttled && !self.index.is_unlogged(operation)
        };
        if operation.is_some_and(has_zxid) {
            if let Some((before, last)) = self.last_write
                && zxid <= last
            {
                return self.fail("a later write of the session has no later zxid", before, at);
            }
            self.last_write = Some((at, zxid));
        }
        if matches!(&self.index.history.events[asked].kind, Kind::Invoke { call: Call::Close, .. }) {
            self.over = Some(at);
        }
        Ok(())
    }

    fn not_below_floor(&mut self, at: usize, zxid: u64) -> Judged {
        if let Some((before, floor)) = self.floor
            && zxid < floor
        {
            return self.fail("a session was shown an older state than before", before, at);
        }
        self.floor = Some((at, zxid));
        Ok(())
    }

    fn fail(&self, sentence: &str, before: usize, at: usize) -> Judged {
        let facts = [self.index.tell(before), self.index.tell(at)];
        Err(CHECK.violation(sentence, facts).session(self.session))
    }
}

/// In the log, too. A request that arrived late, over a connection that the session had left, or
/// after the session's end, becomes an error: those may stand anywhere.
fn writes_in_order(index: &Index<'_>) -> Judged {
    let mut last: BTreeMap<i64, (i32, usize)> = BTreeMap::new();
    for (at, txn) in index.history.log.iter().enumerate() {
        if index.operation_of(at).is_none() || is_too_late(txn) {
            continue;
        }
        if let Some(&(cxid, before)) = last.get(&txn.session)
            && txn.cxid <= cxid
        {
            let facts = [index.tell_txn(before), index.tell_txn(at)];
            let sentence = format!("a session's writes took effect out of order at {}", show(txn.zxid));
            return Err(CHECK.violation(sentence, facts).zxid(txn.zxid).session(txn.session));
        }
        last.insert(txn.session, (txn.cxid, at));
    }
    Ok(())
}

fn is_too_late(txn: &Txn) -> bool {
    match txn.body {
        Body::Error { code } => code == Code::SessionMoved.to_wire() || code == Code::SessionExpired.to_wire(),
        Body::Create { .. }
        | Body::Delete { .. }
        | Body::SetData { .. }
        | Body::SetAcl { .. }
        | Body::Multi { .. }
        | Body::CreateSession { .. }
        | Body::CloseSession { .. }
        | Body::Other { .. } => false,
    }
}
