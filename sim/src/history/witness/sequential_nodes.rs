//! Names of sequential nodes: unique, counted, in the order of the log and of real time.

use super::{About, Check, Index, Judged, Operation};
use crate::history::{Answer, Body, Call, Kind, Text};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "sequential_nodes",
    states: "a sequential node's suffix is the number of children created before it under this incarnation of its \
             parent; of two creates that do not overlap the later has the larger suffix",
    source: "catalogue 42; I-SEQ",
    run,
};

/// A parent's path and the zxid of its creation.
type Incarnation = (Text, u64);

/// A sequential create that is in the log.
struct Given {
    parent: Incarnation,
    number: i64,
}

fn run(index: &Index<'_>) -> Judged {
    let given = count_children(index)?;
    in_real_time(index, &given)
}

/// Walks the log with nothing but counters of children. Answers by position in the log.
fn count_children(index: &Index<'_>) -> Result<BTreeMap<usize, Given>, Box<crate::oracle::Violation>> {
    let mut given = BTreeMap::new();
    // Path → zxid of its creation and children created since.
    let mut counters: BTreeMap<Text, (u64, i64)> = BTreeMap::new();
    for (at, txn) in index.history.log.iter().enumerate() {
        for body in txn.body.changes() {
            let Body::Create { path, parent_cversion, .. } = body else {
                continue;
            };
            counters.insert(path.clone(), (txn.zxid, 0));
            let Some((parent, _)) = path.split() else { continue };
            let (born, count) = counters.entry(parent.clone()).or_default();
            let number = *count;
            *count += 1;
            if i64::from(*parent_cversion) != *count {
                let facts = [index.tell_txn(at), format!("{number} children of {parent} were created before")];
                return Err(CHECK
                    .violation("a create does not count its parent's children", facts)
                    .path(path)
                    .zxid(txn.zxid));
            }
            let Some(operation) = index.operation_of(at) else { continue };
            let Call::Create { path: asked, flags: 2 | 3, .. } = operation.call else { continue };
            let expected = Text::new(&[asked.bytes(), format!("{number:010}").as_bytes()].concat());
            if *path != expected {
                let facts =
                    [index.tell_txn(at), format!("{number} children of {parent} were created before: {expected}")];
                return Err(CHECK.violation("a sequential node has the wrong suffix", facts).path(path).zxid(txn.zxid));
            }
            if let Some(returned) = operation.returned
                && !matches!(returned.answer, Answer::Created { path } if *path == expected)
            {
                let facts = [index.tell(returned.at), index.tell_txn(at)];
                return Err(CHECK
                    .violation("a sequential create was answered another name", facts)
                    .path(path)
                    .zxid(txn.zxid));
            }
            given.insert(at, Given { parent: (parent, *born), number });
        }
    }
    Ok(given)
}

/// Zxids are not used here: only suffixes and the order of events.
fn in_real_time(index: &Index<'_>, given: &BTreeMap<usize, Given>) -> Judged {
    let known = |operation: &Operation<'_>| operation.txn.and_then(|txn| given.get(&txn));
    let mut highest: BTreeMap<&Incarnation, (usize, i64)> = BTreeMap::new();
    for (at, event) in index.history.events.iter().enumerate() {
        match &event.kind {
            Kind::Invoke { xid, .. } => {
                let operation = index.operation(event.session, *xid).filter(|operation| operation.invoked == at);
                let Some(given) = operation.and_then(known) else { continue };
                if let Some(&(before, number)) = highest.get(&given.parent)
                    && given.number <= number
                {
                    let facts = [index.tell(before), format!("{}; it got {}", index.tell(at), given.number)];
                    let violation = CHECK.violation("a later sequential create has a smaller suffix", facts);
                    return Err(violation.path(&given.parent.0).session(event.session));
                }
            }
            Kind::Return { xid, .. } => {
                let Some(given) = index.operation(event.session, *xid).and_then(known) else { continue };
                let entry = highest.entry(&given.parent).or_insert((at, given.number));
                if given.number > entry.1 {
                    *entry = (at, given.number);
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
    Ok(())
}
