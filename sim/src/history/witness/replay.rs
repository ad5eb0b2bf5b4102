//! Every answer is what the sequential specification says at its zxid.

use super::{About, Check, Index, Judged, Operation};
use crate::history::judge::{Judge, show};
use crate::history::{Answer, Body};
use zabra_core::wire::Code;

pub(super) const CHECK: Check = Check {
    id: "judge",
    states: "the log, replayed by a sequential specification of the service, makes of each request the transaction \
             that the log has, and gives each reply the result, error and stat that the client got",
    source: "catalogue 28, 31, 32, 34, 35; I-INTEG",
    run,
};

fn run(index: &Index<'_>) -> Judged {
    let reads = index.operations.iter().filter(|operation| !operation.call.is_write());
    let mut reads: Vec<(u64, &Operation<'_>)> = reads.filter_map(|o| o.returned.map(|r| (r.zxid, o))).collect();
    reads.sort_by_key(|(zxid, _)| *zxid);
    let mut reads = reads.into_iter().peekable();
    let mut judge = Judge::new().with_local(&index.history.local);
    for at in 0..=index.history.log.len() {
        let until = index.history.log.get(at).map_or(u64::MAX, |txn| txn.zxid);
        while let Some((_, read)) = reads.next_if(|(zxid, _)| *zxid < until) {
            check_read(index, &judge, read)?;
        }
        if at < index.history.log.len() {
            perform(index, &mut judge, at)?;
        }
    }
    Ok(())
}

/// A zxid that a reply can carry: that of a transaction, or the start of an epoch.
fn is_a_state(index: &Index<'_>, judge: &Judge, zxid: u64) -> bool {
    zxid as u32 == 0 || (zxid == judge.zxid()) || index.txn_at_zxid(zxid).is_some()
}

fn check_read(index: &Index<'_>, judge: &Judge, read: &Operation<'_>) -> Judged {
    let Some(returned) = read.returned else {
        return Ok(());
    };
    let about = |sentence: &str, other: String| {
        let facts = [format!("{:?}: {}", read.call, index.tell(returned.at)), other];
        let violation = CHECK.violation(sentence, facts).zxid(returned.zxid).session(read.session);
        Err(match read.call.path() {
            Some(path) => violation.path(path),
            None => violation,
        })
    };
    if !is_a_state(index, judge, returned.zxid) {
        return about(
            "a reply carries a zxid that the log does not have",
            format!("the log's next is above {}", show(judge.zxid())),
        );
    }
    match judge.read(read.call) {
        Some(_) if returned.answer.is_throttled() => Ok(()),
        Some(expected) if expected != *returned.answer => {
            about("a read was answered wrongly", format!("at {} the judge says {expected:?}", show(judge.zxid())))
        }
        Some(_) | None => Ok(()),
    }
}

fn perform(index: &Index<'_>, judge: &mut Judge, at: usize) -> Judged {
    let txn = &index.history.log[at];
    let about = |sentence: &str, other: String| {
        Err(CHECK.violation(sentence, [index.tell_txn(at), other]).zxid(txn.zxid).session(txn.session))
    };
    if !follows(judge.zxid(), txn.zxid) {
        return about("the log has a hole", format!("the record before is {}", show(judge.zxid())));
    }
    let operation = index.operation_of(at);
    if let Some(operation) = operation
        && let Some(expected) = judge.decide(txn.session, operation.call)
        && expected != txn.body
        && !was_moved(index, operation, &txn.body)
    {
        let other = format!("{}; the judge says {expected:?}", index.tell(operation.invoked));
        return about("a request became the wrong transaction", other);
    }
    if let Err(why) = judge.apply(txn) {
        return about("a committed transaction cannot be performed", why);
    }
    let Some((operation, returned)) = operation.and_then(|o| o.returned.map(|r| (o, r))) else {
        return Ok(());
    };
    let expected = judge.answer(&txn.body);
    if operation.txn == Some(at) && expected != *returned.answer {
        return about(
            "a write was answered wrongly",
            format!("{}; the judge says {expected:?}", index.tell(returned.at)),
        );
    }
    Ok(())
}

/// Whether a record may directly follow another (catalogue 4).
fn follows(before: u64, next: u64) -> bool {
    let same_epoch = before >> 32 == next >> 32;
    if same_epoch { next == before + 1 } else { next > before && next as u32 == 1 }
}

/// A request that arrived over a connection which its session had left fails, whatever it asked
/// for. The log does not tell owners, but then nobody was answered anything else. A client that was
/// never answered lost its connection: the attempt to open the session again moves it, also when
/// that attempt is not answered either. Who owned the session is the white-box oracle's question.
fn was_moved(index: &Index<'_>, operation: &Operation<'_>, body: &Body) -> bool {
    let moved = Code::SessionMoved.to_wire();
    let answered = operation.returned.map(|returned| returned.answer);
    let attachments = index.sessions.get(&operation.session).map_or(0, |positions| {
        let kinds = positions.iter().map(|at| &index.history.events[*at].kind);
        kinds.filter(|kind| matches!(kind, crate::history::Kind::Attached { .. })).take(2).count()
    });
    let rightly = answered.is_none_or(|answer| *answer == Answer::Error(moved) && attachments > 1);
    *body == Body::Error { code: moved } && rightly
}
