//! Single-field mutations of histories that no legal history differs by.
//!
//! Each changes a field that the rest of the history determines; the comment at each says by what.
//! Not mutated, for nothing in the history determines them: `at` and `client` (for people), a
//! transaction's time and a session's timeout that no client was shown, the call of a request that
//! was neither answered nor committed, a read's zxid within what the session and its result allow,
//! and an event that its connection's end may have swallowed.

#![expect(clippy::wildcard_enum_match_arm, reason = "a mutation picks the few kinds that it changes")]

use crate::history::generate::Dice;
use crate::history::{Answer, Body, Call, Change, Event, History, Kind, Stat, Text, Txn};

/// Changes one field; `false` if this history has no such field.
pub(super) type Mutation = fn(&mut History, &mut Dice) -> bool;

pub(super) const MUTATIONS: [(&str, Mutation); 24] = [
    ("answer", answer),
    ("write's zxid", write_zxid),
    ("read's zxid past the log", read_zxid_past),
    ("zxid below the floor", zxid_below_floor),
    ("returned xid", returned_xid),
    ("returned session", returned_session),
    ("invoked xid", invoked_xid),
    ("write's path", write_path),
    ("write's data", write_data),
    ("write's version", write_version),
    ("create's flags", create_flags),
    ("create's grants", create_grants),
    ("read's path", read_path),
    ("event's path", event_path),
    ("event's kind", event_kind),
    ("event's zxid", event_zxid),
    ("event lost", event_lost),
    ("event doubled", event_doubled),
    ("event late", event_late),
    ("attached", attached),
    ("txn's session", txn_session),
    ("txn's cxid", txn_cxid),
    ("txn's zxid", txn_zxid),
    ("txn's body", txn_body),
];

/// One of the events for which `choose` gives something.
fn one<T>(history: &History, dice: &mut Dice, choose: impl Fn(usize, &Event) -> Option<T>) -> Option<(usize, T)> {
    let mut all: Vec<(usize, T)> =
        history.events.iter().enumerate().filter_map(|(at, event)| Some((at, choose(at, event)?))).collect();
    if all.is_empty() { None } else { Some(all.swap_remove(dice.below(all.len()))) }
}

fn call_of(history: &History, session: i64, xid: i32) -> &Call {
    let found = history.events.iter().find_map(|event| match &event.kind {
        Kind::Invoke { xid: asked, call } if event.session == session && *asked == xid => Some(call),
        _ => None,
    });
    found.expect("legal histories return what they invoked")
}

fn txn_of(history: &History, session: i64, xid: i32) -> Option<&Txn> {
    history.log.iter().find(|txn| txn.session == session && txn.cxid == xid)
}

/// The call of a write that succeeded: its fields are those of its transaction.
fn committed(history: &History, dice: &mut Dice, wanted: fn(&Call) -> bool) -> Option<usize> {
    let found = one(history, dice, |_, event| match &event.kind {
        Kind::Invoke { xid, call } if wanted(call) => {
            txn_of(history, event.session, *xid).filter(|txn| !matches!(txn.body, Body::Error { .. })).map(|_| ())
        }
        _ => None,
    });
    found.map(|(at, ())| at)
}

fn call_at(history: &mut History, at: usize) -> &mut Call {
    match &mut history.events[at].kind {
        Kind::Invoke { call, .. } => call,
        other => panic!("{other:?} is no invocation"),
    }
}

fn longer(path: &Text) -> Text {
    Text::new(&[path.bytes(), b"~"].concat())
}

/// Determined by the judge at the reply's zxid, in every field.
fn answer(history: &mut History, dice: &mut Dice) -> bool {
    let config = Text::from("/zookeeper/config");
    let found = one(history, dice, |_, event| match &event.kind {
        // What the judge does not know of is each server's own.
        Kind::Return { xid, .. } if call_of(history, event.session, *xid).path() != Some(&config) => Some(()),
        _ => None,
    });
    let Some((at, ())) = found else { return false };
    let Kind::Return { answer, .. } = &mut history.events[at].kind else { return false };
    match answer {
        Answer::Created { path } | Answer::Synced { path } => *path = longer(path),
        Answer::Deleted | Answer::Closed => *answer = Answer::Error(-101),
        Answer::Stat(stat) => change_stat(stat, dice),
        Answer::Data { data, .. } if dice.chance(40) => *data = change_data(data),
        Answer::Data { stat, .. } => change_stat(stat, dice),
        Answer::Children(children) => change_children(children, dice),
        Answer::Children2 { children, .. } if dice.chance(40) => change_children(children, dice),
        Answer::Children2 { stat, .. } => change_stat(stat, dice),
        Answer::Error(code) => *code -= 1,
    }
    true
}

fn change_stat(stat: &mut Stat, dice: &mut Dice) {
    match dice.below(11) {
        0 => stat.czxid += 1,
        1 => stat.mzxid += 1,
        2 => stat.pzxid += 1,
        3 => stat.ctime += 1,
        4 => stat.mtime += 1,
        5 => stat.version += 1,
        6 => stat.cversion += 1,
        7 => stat.aversion += 1,
        8 => stat.owner += 1,
        9 => stat.data_length += 1,
        _ => stat.num_children += 1,
    }
}

fn change_data(data: &Option<Text>) -> Option<Text> {
    match data {
        // Null and empty differ.
        None => Some("".into()),
        Some(data) => Some(longer(data)),
    }
}

fn change_children(children: &mut Vec<Text>, dice: &mut Dice) {
    if children.is_empty() || dice.chance(50) {
        children.push("~".into());
    } else {
        children.remove(dice.below(children.len()));
    }
}

/// Determined by the log: a write's reply carries its transaction's zxid.
fn write_zxid(history: &mut History, dice: &mut Dice) -> bool {
    let found = one(history, dice, |_, event| match &event.kind {
        Kind::Return { xid, .. } => call_of(history, event.session, *xid).is_write().then_some(()),
        _ => None,
    });
    let Some((at, ())) = found else { return false };
    let up = dice.chance(50);
    if let Kind::Return { zxid, .. } = &mut history.events[at].kind {
        *zxid = if up { *zxid + 1 } else { *zxid - 1 };
    }
    true
}

/// No server has applied what the log does not have.
fn read_zxid_past(history: &mut History, dice: &mut Dice) -> bool {
    let end = history.log.last().map_or(0, |txn| txn.zxid);
    let found = one(history, dice, |_, event| matches!(event.kind, Kind::Return { .. }).then_some(()));
    let Some((at, ())) = found else { return false };
    if let Kind::Return { zxid, .. } = &mut history.events[at].kind {
        *zxid = end + 1 + dice.below(9) as u64;
    }
    true
}

/// A session was shown a later state before: its zxids never fall.
fn zxid_below_floor(history: &mut History, dice: &mut Dice) -> bool {
    let found = one(history, dice, |at, event| {
        let before = history.events[..at].iter().filter(|before| before.session == event.session);
        let floor = before.filter_map(super::Index::zxid_shown).max()?;
        matches!(event.kind, Kind::Return { .. } | Kind::Rearmed { .. }).then_some(floor)
    });
    let Some((at, floor)) = found else { return false };
    if let Kind::Return { zxid, .. } | Kind::Rearmed { zxid, .. } = &mut history.events[at].kind {
        *zxid = floor - 1;
    }
    true
}

/// Replies answer the oldest open request.
fn returned_xid(history: &mut History, dice: &mut Dice) -> bool {
    let found = one(history, dice, |_, event| matches!(event.kind, Kind::Return { .. }).then_some(()));
    let Some((at, ())) = found else { return false };
    if let Kind::Return { xid, .. } = &mut history.events[at].kind {
        *xid += 1000;
    }
    true
}

fn returned_session(history: &mut History, dice: &mut Dice) -> bool {
    let found = one(history, dice, |_, event| matches!(event.kind, Kind::Return { .. }).then_some(()));
    let Some((at, ())) = found else { return false };
    history.events[at].session += 1_000_000;
    true
}

/// Determined by the reply's xid, if there is a reply.
fn invoked_xid(history: &mut History, dice: &mut Dice) -> bool {
    let found = one(history, dice, |_, event| match &event.kind {
        Kind::Invoke { xid, .. } => {
            let is_reply =
                |reply: &&Event| matches!(&reply.kind, Kind::Return { xid: answered, .. } if answered == xid);
            history.events.iter().filter(|reply| reply.session == event.session).find(is_reply).map(|_| ())
        }
        _ => None,
    });
    let Some((at, ())) = found else { return false };
    if let Kind::Invoke { xid, .. } = &mut history.events[at].kind {
        *xid += 1000;
    }
    true
}

fn write_path(history: &mut History, dice: &mut Dice) -> bool {
    let Some(at) = committed(history, dice, |call| call.path().is_some()) else { return false };
    if let Call::Create { path, .. } | Call::Delete { path, .. } | Call::SetData { path, .. } = call_at(history, at) {
        *path = longer(path);
    }
    true
}

fn write_data(history: &mut History, dice: &mut Dice) -> bool {
    let has_data = |call: &Call| matches!(call, Call::Create { .. } | Call::SetData { .. });
    let Some(at) = committed(history, dice, has_data) else { return false };
    if let Call::Create { data, .. } | Call::SetData { data, .. } = call_at(history, at) {
        *data = change_data(data);
    }
    true
}

/// It succeeded, so the version asked for was the node's (none has this one).
fn write_version(history: &mut History, dice: &mut Dice) -> bool {
    let has_version = |call: &Call| matches!(call, Call::Delete { .. } | Call::SetData { .. });
    let Some(at) = committed(history, dice, has_version) else { return false };
    if let Call::Delete { version, .. } | Call::SetData { version, .. } = call_at(history, at) {
        *version = 1_000_000;
    }
    true
}

fn create_flags(history: &mut History, dice: &mut Dice) -> bool {
    let Some(at) = committed(history, dice, |call| matches!(call, Call::Create { .. })) else { return false };
    let bit = 1 << dice.below(2);
    if let Call::Create { flags, .. } = call_at(history, at) {
        *flags ^= bit;
    }
    true
}

fn create_grants(history: &mut History, dice: &mut Dice) -> bool {
    let Some(at) = committed(history, dice, |call| matches!(call, Call::Create { .. })) else { return false };
    if let Call::Create { granted, .. } = call_at(history, at) {
        *granted = 0;
    }
    true
}

/// It succeeded, so the path existed (this one never does); a sync echoes its path.
fn read_path(history: &mut History, dice: &mut Dice) -> bool {
    let found = one(history, dice, |_, event| match &event.kind {
        Kind::Return { xid, answer, .. } if !matches!(answer, Answer::Error(_)) => {
            let asked = |asked: &Event| {
                asked.session == event.session
                    && matches!(&asked.kind, Kind::Invoke { xid: x, call } if x == xid && !call.is_write())
            };
            history.events.iter().position(asked)
        }
        _ => None,
    });
    let Some((_, at)) = found else { return false };
    if let Call::Exists { path, .. }
    | Call::GetData { path, .. }
    | Call::GetChildren { path, .. }
    | Call::GetChildren2 { path, .. }
    | Call::Sync { path } = call_at(history, at)
    {
        *path = "/never".into();
    }
    true
}

/// What follows an event on its connection.
fn after_on_connection(history: &History, at: usize) -> impl Iterator<Item = (usize, &Event)> {
    let session = history.events[at].session;
    let same = history.events.iter().enumerate().skip(at + 1).filter(move |(_, event)| event.session == session);
    same.take_while(|(_, event)| !matches!(event.kind, Kind::Disconnected | Kind::Expired))
}

/// An event whose transaction is known, or one of setWatches that was answered: until then a
/// catching-up event cannot be judged.
fn judged_event(history: &History, dice: &mut Dice) -> Option<usize> {
    let found = one(history, dice, |at, event| match &event.kind {
        Kind::Watch { zxid: Some(_), .. } => Some(()),
        Kind::Watch { zxid: None, .. } => {
            after_on_connection(history, at).any(|(_, event)| matches!(event.kind, Kind::Rearmed { .. })).then_some(())
        }
        _ => None,
    });
    found.map(|(at, ())| at)
}

/// Nobody watches such a path.
fn event_path(history: &mut History, dice: &mut Dice) -> bool {
    let Some(at) = judged_event(history, dice) else { return false };
    if let Kind::Watch { path, .. } = &mut history.events[at].kind {
        *path = longer(path);
    }
    true
}

/// A transaction, or the state after a gap, does one thing to a watch.
fn event_kind(history: &mut History, dice: &mut Dice) -> bool {
    let Some(at) = judged_event(history, dice) else { return false };
    let Kind::Watch { kind, .. } = &mut history.events[at].kind else { return false };
    let others: Vec<Change> = [Change::Created, Change::Deleted, Change::Data, Change::Children]
        .into_iter()
        .filter(|other| other != kind)
        .collect();
    *kind = *dice.pick(&others);
    true
}

/// The first change after the registration has one zxid; setWatches gives none.
fn event_zxid(history: &mut History, dice: &mut Dice) -> bool {
    let Some(at) = judged_event(history, dice) else { return false };
    let how = dice.below(3);
    let Kind::Watch { zxid, .. } = &mut history.events[at].kind else { return false };
    *zxid = match (*zxid, how) {
        (None, _) => Some(1 << 32 | 1),
        (Some(_), 0) => None,
        (Some(zxid), 1) => Some(zxid + 1),
        (Some(zxid), _) => Some(zxid - 1),
    };
    true
}

/// The reply on its connection that shows the event's transaction, if any.
fn shown_by(history: &History, at: usize) -> Option<usize> {
    let Kind::Watch { zxid: Some(zxid), .. } = history.events[at].kind else {
        return None;
    };
    let shows = |event: &Event| match &event.kind {
        Kind::Return { xid, zxid: shown, .. } => {
            *shown >= zxid && *call_of(history, event.session, *xid) != Call::Close
        }
        _ => false,
    };
    after_on_connection(history, at).find(|(_, event)| shows(event)).map(|(at, _)| at)
}

/// A later reply of the connection shows the change, so the event had to come.
fn event_lost(history: &mut History, dice: &mut Dice) -> bool {
    let Some((at, _)) = one(history, dice, |at, _| shown_by(history, at)) else { return false };
    history.events.remove(at);
    true
}

/// One-shot watches fire once.
fn event_doubled(history: &mut History, dice: &mut Dice) -> bool {
    let Some(at) = judged_event(history, dice) else { return false };
    let event = history.events[at].clone();
    history.events.insert(at, event);
    true
}

/// The event stands before the reply that shows the change.
fn event_late(history: &mut History, dice: &mut Dice) -> bool {
    let Some((at, reply)) = one(history, dice, |at, _| shown_by(history, at)) else { return false };
    let event = history.events.remove(at);
    history.events.insert(reply, event);
    true
}

/// A session is opened once, by its first event.
fn attached(history: &mut History, dice: &mut Dice) -> bool {
    let found = one(history, dice, |_, event| matches!(event.kind, Kind::Attached { .. }).then_some(()));
    let Some((at, ())) = found else { return false };
    if let Kind::Attached { fresh } = &mut history.events[at].kind {
        *fresh = !*fresh;
    }
    true
}

fn one_txn(history: &History, dice: &mut Dice, wanted: impl Fn(&Txn) -> bool) -> Option<usize> {
    let all: Vec<usize> = (0..history.log.len()).filter(|at| wanted(&history.log[*at])).collect();
    if all.is_empty() { None } else { Some(*dice.pick(&all)) }
}

/// Requests of no such session were made.
fn txn_session(history: &mut History, dice: &mut Dice) -> bool {
    let Some(at) = one_txn(history, dice, |txn| txn.cxid != 0) else { return false };
    history.log[at].session += 1_000_000;
    true
}

fn txn_cxid(history: &mut History, dice: &mut Dice) -> bool {
    let Some(at) = one_txn(history, dice, |txn| txn.cxid != 0) else { return false };
    history.log[at].cxid += 1000;
    true
}

/// Zxids are contiguous within an epoch.
fn txn_zxid(history: &mut History, dice: &mut Dice) -> bool {
    let Some(at) = one_txn(history, dice, |_| true) else { return false };
    let up = dice.chance(50);
    let zxid = &mut history.log[at].zxid;
    *zxid = if up { *zxid + 1 } else { *zxid - 1 };
    true
}

/// Determined by the request that it came of, and by the state before it.
fn txn_body(history: &mut History, dice: &mut Dice) -> bool {
    let shown = |txn: &Txn| !matches!(txn.body, Body::CreateSession { .. } | Body::Other { .. });
    let Some(at) = one_txn(history, dice, shown) else { return false };
    let which = dice.below(4);
    match &mut history.log[at].body {
        Body::Create { path, data, ephemeral, parent_cversion } => match which {
            0 => *path = longer(path),
            1 => *data = change_data(data),
            2 => *ephemeral = !*ephemeral,
            _ => *parent_cversion += 1,
        },
        Body::Delete { path } => *path = longer(path),
        Body::SetData { path, data, version } => match which {
            0 => *path = longer(path),
            1 => *data = change_data(data),
            _ => *version += 1,
        },
        Body::CloseSession { paths } if paths.is_empty() || which < 2 => paths.push("/~".into()),
        Body::CloseSession { paths } => drop(paths.pop()),
        Body::Error { code } => *code -= 1,
        Body::SetAcl { .. } | Body::Multi { .. } | Body::CreateSession { .. } | Body::Other { .. } => return false,
    }
    true
}
