//! Watch events: justified, exactly once, before any reply that shows the change, and not lost over
//! a reconnection.
//!
//! The stream of each session is walked once. A watch that a reply registered knows the first
//! transaction that triggers it; the triggers of all armed watches stand in one ordered set, so that
//! each reply and each event asks only for its smallest element.

use super::triggers::{Table, Triggers};
use super::{About, Check, Index, Judged};
use crate::history::judge::show;
use crate::history::{Answer, Call, Change, Event, Kind, Text};
use std::collections::{BTreeMap, BTreeSet};
use zabra_core::wire::Code;

pub(super) const CHECK: Check = Check {
    id: "watches",
    states: "each event is the first change after its watch was registered, told exactly once and before any reply \
             that shows the change; after a reconnection setWatches tells what was missed",
    source: "catalogue 43, 44, 45; I-WATCH",
    run,
};

fn run(index: &Index<'_>) -> Judged {
    if !index.history.events.iter().any(concerns_watches) {
        return Ok(());
    }
    let triggers = Triggers::new(&index.history.log);
    for (session, positions) in &index.sessions {
        let mut stream = Stream::new(index, &triggers, *session);
        for &at in positions {
            stream.see(at)?;
        }
    }
    Ok(())
}

/// Where nobody watches nothing can be missed.
fn concerns_watches(event: &Event) -> bool {
    match &event.kind {
        Kind::Watch { .. } | Kind::Rearmed { .. } => true,
        Kind::Invoke { call, .. } => match call {
            Call::Exists { watch, .. }
            | Call::GetData { watch, .. }
            | Call::GetChildren { watch, .. }
            | Call::GetChildren2 { watch, .. } => *watch,
            Call::Create { .. } | Call::Delete { .. } | Call::SetData { .. } | Call::Sync { .. } | Call::Close => false,
        },
        Kind::Attached { .. } | Kind::Disconnected | Kind::Return { .. } | Kind::Expired | Kind::Wronged { .. } => {
            false
        }
    }
}

type Key = (Table, Text);

/// A watch that is registered, as far as its client can know.
#[derive(Clone)]
struct Armed {
    /// The event that registered it.
    by: usize,
    /// The node did not exist.
    was_missing: bool,
    next: Option<(u64, Change)>,
}

/// An event that setWatches made.
struct CaughtUp {
    at: usize,
    key: Key,
    was_missing: bool,
    kind: Change,
}

/// The stream of replies and events of one session.
struct Stream<'a> {
    index: &'a Index<'a>,
    triggers: &'a Triggers,
    session: i64,
    armed: BTreeMap<Key, Armed>,
    /// The triggers of what is armed, by zxid.
    due: BTreeSet<(u64, Key)>,
    /// Watches of connections that ended, not yet registered again.
    lost: BTreeMap<Key, Armed>,
    caught_up: Vec<CaughtUp>,
    /// The zxid of this connection's first setWatches.
    rearming: Option<u64>,
    /// The zxid of the last reply: what setWatches is relative to.
    relative: u64,
}

impl<'a> Stream<'a> {
    fn new(index: &'a Index<'a>, triggers: &'a Triggers, session: i64) -> Stream<'a> {
        Stream {
            index,
            triggers,
            session,
            armed: BTreeMap::new(),
            due: BTreeSet::new(),
            lost: BTreeMap::new(),
            caught_up: Vec::new(),
            rearming: None,
            relative: 0,
        }
    }

    fn see(&mut self, at: usize) -> Judged {
        match &self.index.history.events[at].kind {
            Kind::Return { zxid, answer, .. } => self.on_return(at, *zxid, answer),
            Kind::Watch { path, kind, zxid: Some(zxid) } => self.on_event(at, path, *kind, *zxid),
            Kind::Watch { path, kind, zxid: None } => self.on_caught_up(at, path, *kind),
            Kind::Rearmed { zxid, last } => self.on_rearmed(at, *zxid, *last),
            Kind::Disconnected => {
                self.due.clear();
                self.caught_up.clear();
                self.rearming = None;
                self.lost.append(&mut self.armed);
                Ok(())
            }
            Kind::Attached { .. } | Kind::Invoke { .. } | Kind::Expired | Kind::Wronged { .. } => Ok(()),
        }
    }

    fn on_return(&mut self, at: usize, zxid: u64, answer: &Answer) -> Judged {
        // A client that re-arms does so before it asks for anything else.
        self.lost.clear();
        let Some(operation) = self.index.operation_at(at) else {
            return Ok(());
        };
        if *operation.call != Call::Close {
            self.all_told_before(at, zxid.saturating_add(1))?;
        }
        self.relative = zxid;
        let missing = *answer == Answer::Error(Code::NoNode.to_wire());
        let succeeded = !matches!(answer, Answer::Error(_));
        let (table, path) = match operation.call {
            Call::Exists { path, watch: true } if succeeded || missing => (Table::Data, path),
            Call::GetData { path, watch: true } if succeeded => (Table::Data, path),
            Call::GetChildren { path, watch: true } | Call::GetChildren2 { path, watch: true } if succeeded => {
                (Table::Child, path)
            }
            Call::Exists { .. }
            | Call::GetData { .. }
            | Call::GetChildren { .. }
            | Call::GetChildren2 { .. }
            | Call::Create { .. }
            | Call::Delete { .. }
            | Call::SetData { .. }
            | Call::Sync { .. }
            | Call::Close => return Ok(()),
        };
        self.arm((table, path.clone()), at, missing, zxid);
        Ok(())
    }

    fn arm(&mut self, key: Key, by: usize, was_missing: bool, since: u64) {
        let next = self.triggers.first_after(key.0, &key.1, since);
        if let Some((zxid, _)) = next {
            self.due.insert((zxid, key.clone()));
        }
        self.armed.insert(key, Armed { by, was_missing, next });
    }

    /// No watch's trigger may be below `zxid` when something at `zxid` is shown.
    fn all_told_before(&self, at: usize, zxid: u64) -> Judged {
        let Some((due, (_, path))) = self.due.first().filter(|(due, _)| *due < zxid) else {
            return Ok(());
        };
        let by = self.due.first().and_then(|(_, key)| self.armed.get(key)).map_or(at, |armed| armed.by);
        let facts = [self.index.tell(by), self.index.tell(at)];
        let sentence = format!("a watch did not tell of {} before a later state was shown", show(*due));
        Err(CHECK.violation(sentence, facts).session(self.session).path(path).zxid(*due))
    }

    fn on_event(&mut self, at: usize, path: &Text, kind: Change, zxid: u64) -> Judged {
        let mut justified = false;
        for table in tables(kind) {
            let key = (*table, path.clone());
            if self.armed.get(&key).is_some_and(|armed| armed.next == Some((zxid, kind))) {
                self.armed.remove(&key);
                self.due.remove(&(zxid, key));
                justified = true;
            } else if self.rearming.is_some_and(|first| zxid > first)
                && self.lost.contains_key(&key)
                && self.triggers.first_after(*table, path, zxid - 1) == Some((zxid, kind))
            {
                // Registered again by an earlier one of several setWatches.
                self.lost.remove(&key);
                justified = true;
            }
        }
        if !justified {
            return self.spurious(at, path);
        }
        self.all_told_before(at, zxid)
    }

    /// setWatches makes one event of each watch, so a deleted path may be told twice.
    fn on_caught_up(&mut self, at: usize, path: &Text, kind: Change) -> Judged {
        for table in tables(kind) {
            let key = (*table, path.clone());
            if let Some(armed) = self.lost.remove(&key) {
                self.caught_up.push(CaughtUp { at, key, was_missing: armed.was_missing, kind });
                return Ok(());
            }
        }
        self.spurious(at, path)
    }

    fn spurious(&self, at: usize, path: &Text) -> Judged {
        let armed: Vec<String> = [Table::Data, Table::Child]
            .iter()
            .filter_map(|table| self.armed.get(&(*table, path.clone())).map(|armed| (table, armed)))
            .map(|(table, armed)| {
                format!("its {table:?} watch waits for {:?}: {}", armed.next, self.index.tell(armed.by))
            })
            .collect();
        let why = if armed.is_empty() { "no watch of it is registered".to_string() } else { armed.join("; ") };
        let violation = CHECK.violation("an event tells of no first change of a watch", [self.index.tell(at), why]);
        Err(violation.session(self.session).path(path))
    }

    fn on_rearmed(&mut self, at: usize, zxid: u64, last: bool) -> Judged {
        let first = *self.rearming.get_or_insert(zxid);
        if !last {
            return Ok(());
        }
        for event in std::mem::take(&mut self.caught_up) {
            let possible = self.possible(&event.key, event.was_missing, first, zxid);
            if !possible.contains(&Some(event.kind)) {
                let facts = [self.index.tell(event.at), format!("at {} setWatches makes {possible:?}", show(zxid))];
                let violation = CHECK.violation("setWatches told of what did not happen", facts);
                return Err(violation.session(self.session).path(&event.key.1));
            }
            // One event may stand for both watches of a path that is gone.
            if event.kind == Change::Deleted {
                self.lost.remove(&(Table::Child, event.key.1));
            }
        }
        for (key, armed) in std::mem::take(&mut self.lost) {
            let possible = self.possible(&key, armed.was_missing, first, zxid);
            if !possible.contains(&None) {
                let facts =
                    [self.index.tell(armed.by), format!("{}; it should have told {possible:?}", self.index.tell(at))];
                let violation = CHECK.violation("setWatches did not tell of a change that was missed", facts);
                return Err(violation.session(self.session).path(&key.1));
            }
            self.arm(key, armed.by, armed.was_missing, zxid);
        }
        self.relative = zxid;
        Ok(())
    }

    /// What setWatches can have made of a watch: it was processed at some state between the first
    /// and the last one's.
    fn possible(&self, key: &Key, was_missing: bool, first: u64, last: u64) -> Vec<Option<Change>> {
        let (table, path) = key;
        let between = self.triggers.between(*table, path, first, last);
        let states = [first].into_iter().chain(between);
        let mut possible: Vec<_> =
            states.map(|state| self.triggers.caught_up(*table, path, was_missing, self.relative, state)).collect();
        possible.sort();
        possible.dedup();
        possible
    }
}

/// The tables whose watches an event uses up.
fn tables(kind: Change) -> &'static [Table] {
    match kind {
        Change::Created | Change::Data => &[Table::Data],
        Change::Deleted => &[Table::Data, Table::Child],
        Change::Children => &[Table::Child],
    }
}
