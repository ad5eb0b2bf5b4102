//! Names of sequential nodes: unique, counted, in the order of the log and of real time.

use super::{About, Check, Index, Judged, Operation};
use crate::history::shelf::Shelf;
use crate::history::{Answer, Body, Call, Kind, Text};

pub(super) const CHECK: Check = Check {
    id: "sequential_nodes",
    states: "a sequential node's suffix is the number of children created before it under this incarnation of its \
             parent; of two creates that do not overlap the later has the larger suffix",
    source: "catalogue 42; I-SEQ",
    run,
};

/// Parents, each incarnation (a path, and the zxid of its creation) by its number.
#[derive(Default)]
struct Parents<'a> {
    counters: Shelf<Counter>,
    paths: Vec<&'a [u8]>,
}

#[derive(Clone, Copy)]
struct Counter {
    born: u64,
    /// The children created since.
    count: i64,
    incarnation: u32,
}

/// A sequential create that is in the log.
#[derive(Clone, Copy)]
struct Given {
    parent: u32,
    number: i64,
}

fn run(index: &Index<'_>) -> Judged {
    let mut parents = Parents::default();
    let given = count_children(index, &mut parents)?;
    in_real_time(index, &given, &parents)
}

impl<'a> Parents<'a> {
    /// A node that has no children yet.
    fn is_born(&mut self, path: &'a Text, zxid: u64) {
        match self.counters.get_mut(path.bytes()) {
            Some(counter) if counter.born == zxid => counter.count = 0,
            Some(_) | None => self.add(path.bytes(), zxid),
        }
    }

    fn add(&mut self, path: &'a [u8], born: u64) {
        let incarnation = self.paths.len() as u32;
        self.paths.push(path);
        self.counters.insert(Text::new(path), Counter { born, count: 0, incarnation });
    }

    fn counter(&mut self, path: &'a [u8]) -> &mut Counter {
        if !self.counters.contains(path) {
            self.add(path, 0);
        }
        self.counters.get_mut(path).expect("it was just added")
    }
}

/// Walks the log with nothing but counters of children. Answers by position in the log.
fn count_children<'a>(
    index: &Index<'a>,
    parents: &mut Parents<'a>,
) -> Result<Vec<Option<Given>>, Box<crate::oracle::Violation>> {
    let mut given = vec![None; index.history.log.len()];
    for (at, txn) in index.history.log.iter().enumerate() {
        for body in txn.body.changes() {
            let Body::Create { path, parent_cversion, .. } = body else {
                continue;
            };
            parents.is_born(path, txn.zxid);
            let Some((parent, _)) = path.cut() else { continue };
            let counter = parents.counter(parent);
            let number = counter.count;
            counter.count += 1;
            let before = || format!("{number} children of {} were created before", parent.escape_ascii());
            if i64::from(*parent_cversion) != counter.count {
                let facts = [index.tell_txn(at), before()];
                return Err(CHECK
                    .violation("a create does not count its parent's children", facts)
                    .path(path)
                    .zxid(txn.zxid));
            }
            let Some(operation) = index.operation_of(at) else { continue };
            let Call::Create { path: asked, flags: 2 | 3, .. } = operation.call else { continue };
            if !is_numbered(path, asked, number) {
                let facts = [index.tell_txn(at), format!("{}: {asked}{number:010}", before())];
                return Err(CHECK.violation("a sequential node has the wrong suffix", facts).path(path).zxid(txn.zxid));
            }
            if let Some(returned) = operation.returned
                && !matches!(returned.answer, Answer::Created { path: answered } if answered == path)
            {
                let facts = [index.tell(returned.at), index.tell_txn(at)];
                return Err(CHECK
                    .violation("a sequential create was answered another name", facts)
                    .path(path)
                    .zxid(txn.zxid));
            }
            given[at] = Some(Given { parent: counter.incarnation, number });
        }
    }
    Ok(given)
}

/// Whether a path is what was asked for, with this suffix.
fn is_numbered(path: &Text, asked: &Text, number: i64) -> bool {
    let Some(suffix) = path.bytes().strip_prefix(asked.bytes()) else { return false };
    let digits = suffix.iter().try_fold(0i64, |n, byte| match byte {
        b'0'..=b'9' => n.checked_mul(10)?.checked_add(i64::from(byte - b'0')),
        _ => None,
    });
    suffix.len() == 10.max(number.checked_ilog10().map_or(1, |log| log as usize + 1)) && digits == Some(number)
}

/// Zxids are not used here: only suffixes and the order of events.
fn in_real_time(index: &Index<'_>, given: &[Option<Given>], parents: &Parents<'_>) -> Judged {
    let known = |operation: &Operation<'_>| operation.txn.and_then(|txn| given[txn]);
    let mut highest: Vec<Option<(usize, i64)>> = vec![None; parents.paths.len()];
    for (at, event) in index.history.events.iter().enumerate() {
        match &event.kind {
            Kind::Invoke { .. } => {
                let operation = index.operation_at(at).filter(|operation| operation.invoked == at);
                let Some(given) = operation.and_then(known) else { continue };
                if let Some((before, number)) = highest[given.parent as usize]
                    && given.number <= number
                {
                    let facts = [index.tell(before), format!("{}; it got {}", index.tell(at), given.number)];
                    let violation = CHECK.violation("a later sequential create has a smaller suffix", facts);
                    let parent = Text::new(parents.paths[given.parent as usize]);
                    return Err(violation.path(&parent).session(event.session));
                }
            }
            Kind::Return { .. } => {
                let Some(given) = index.operation_at(at).and_then(known) else { continue };
                let entry = highest[given.parent as usize].get_or_insert((at, given.number));
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
