//! Writes take effect between their invocation and their reply.

use super::{About, Check, Index, Judged};
use crate::history::Kind;
use crate::history::judge::show;

pub(super) const CHECK: Check = Check {
    id: "linearizable_writes",
    states: "a write's zxid is above every zxid that any client had been shown when the write was invoked, and no \
             client is shown it before",
    source: "catalogue 26; I-LIN; OSC(U)",
    run,
};

fn run(index: &Index<'_>) -> Judged {
    not_before_their_invocation(index)?;
    not_shown_before_their_invocation(index)
}

/// Holds for writes of unknown outcome too: they took effect after they were sent, or never.
fn not_before_their_invocation(index: &Index<'_>) -> Judged {
    // The highest zxid that any client was shown so far, and where.
    let mut floor: Option<(usize, u64)> = None;
    for (at, event) in index.history.events.iter().enumerate() {
        if let Kind::Invoke { .. } = &event.kind {
            let txn = index.operation_at(at).filter(|operation| operation.invoked == at);
            if let (Some(txn), Some((shown, zxid))) = (txn.and_then(|operation| operation.txn), floor)
                && index.history.log[txn].zxid <= zxid
            {
                let facts = [index.tell(shown), format!("{}; {}", index.tell(at), index.tell_txn(txn))];
                let violation = CHECK.violation("a write took effect before it was invoked", facts);
                return Err(violation.zxid(index.history.log[txn].zxid).session(event.session));
            }
        }
        if let Some(zxid) = Index::zxid_shown(event)
            && floor.is_none_or(|(_, floor)| zxid > floor)
        {
            floor = Some((at, zxid));
        }
    }
    Ok(())
}

/// For each prefix of the log: the last invocation among its writes. Whatever shows the prefix must
/// come later.
fn not_shown_before_their_invocation(index: &Index<'_>) -> Judged {
    let mut latest: Vec<(u64, usize, usize)> = Vec::with_capacity(index.history.log.len());
    for (at, txn) in index.history.log.iter().enumerate() {
        let invoked = index.operation_of(at).map_or(0, |operation| operation.invoked);
        let before = latest.last().map_or((0, at), |last| (last.1, last.2));
        let (invoked, at) = if invoked > before.0 { (invoked, at) } else { before };
        latest.push((txn.zxid, invoked, at));
    }
    let mut near = 0;
    for (at, event) in index.history.events.iter().enumerate() {
        let Some(zxid) = Index::zxid_shown(event) else {
            continue;
        };
        let shown = up_to(&latest, zxid, near, index.rises);
        near = shown;
        let Some(&(_, invoked, txn)) = shown.checked_sub(1).and_then(|last| latest.get(last)) else {
            continue;
        };
        if invoked > at {
            let facts = [index.tell(at), format!("{}; {}", index.tell(invoked), index.tell_txn(txn))];
            let sentence = format!("a client was shown {} before a write in it was invoked", show(zxid));
            return Err(CHECK.violation(sentence, facts).zxid(zxid).session(event.session));
        }
    }
    Ok(())
}

/// How many entries stand at or below a zxid. What is shown is mostly near what was shown before.
fn up_to(latest: &[(u64, usize, usize)], zxid: u64, near: usize, rises: bool) -> usize {
    const NEAR: usize = 16;
    let (from, to) = (near.saturating_sub(NEAR), (near + NEAR).min(latest.len()));
    let above = |at: usize| latest.get(at).is_none_or(|entry| entry.0 > zxid);
    if rises && (from == 0 || !above(from - 1)) && above(to) {
        return from + latest[from..to].partition_point(|entry| entry.0 <= zxid);
    }
    latest.partition_point(|entry| entry.0 <= zxid)
}
