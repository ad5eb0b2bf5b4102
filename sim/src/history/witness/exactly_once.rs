//! Every write happens once or never: once if it was answered.

use super::{About, Check, Index, Judged, Operation};
use crate::history::Body;
use crate::history::judge::show;

pub(super) const CHECK: Check = Check {
    id: "exactly_once",
    states: "each request of a session has at most one transaction, and one if it was answered (none, if the answer is \
             that it was throttled); each transaction comes of a request that was made",
    source: "catalogue 33; I-DUR",
    run,
};

fn run(index: &Index<'_>) -> Judged {
    for (at, txn) in index.history.log.iter().enumerate() {
        if txn.cxid == 0 && matches!(txn.body, Body::CreateSession { .. } | Body::CloseSession { .. })
            || index.history.foreign.contains(&txn.session)
            // What a leader deletes of its own accord is nobody's request.
            || txn.session == 0
        {
            continue;
        }
        let Some(operation) = index.operation_of(at) else {
            let facts = [index.tell_txn(at), "no such request was sent".to_string()];
            return Err(CHECK
                .violation("a transaction comes of no request", facts)
                .zxid(txn.zxid)
                .session(txn.session));
        };
        if let Some(first) = operation.txn.filter(|first| *first != at) {
            let facts = [index.tell_txn(first), index.tell_txn(at)];
            return Err(CHECK
                .violation("a request became two transactions", facts)
                .zxid(txn.zxid)
                .session(txn.session));
        }
        if !operation.may_become(&txn.body) {
            let facts = [index.tell(operation.invoked), index.tell_txn(at)];
            let violation = CHECK.violation("a request became a transaction of another type", facts);
            return Err(violation.zxid(txn.zxid).session(txn.session));
        }
    }
    answered_writes_are_in_the_log(index)
}

fn answered_writes_are_in_the_log(index: &Index<'_>) -> Judged {
    let is_logged = |operation: &&Operation<'_>| operation.call.is_write() && !index.is_unlogged(operation);
    for operation in index.operations.iter().filter(is_logged) {
        let Some(returned) = operation.returned else {
            continue;
        };
        if returned.answer.is_throttled() && operation.txn.is_none() {
            continue;
        }
        let zxid = operation.txn.map(|at| index.history.log[at].zxid);
        if zxid == Some(returned.zxid) {
            continue;
        }
        let log = match operation.txn {
            Some(at) => index.tell_txn(at),
            None => format!("the log, which ends at {}, does not have it", show(last_zxid(index))),
        };
        let violation =
            CHECK.violation("an answered write is not in the log at its zxid", [index.tell(returned.at), log]);
        return Err(violation.zxid(returned.zxid).session(operation.session));
    }
    Ok(())
}

fn last_zxid(index: &Index<'_>) -> u64 {
    index.history.log.last().map_or(0, |txn| txn.zxid)
}
