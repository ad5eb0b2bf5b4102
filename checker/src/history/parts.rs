//! The operations of each session in its order, and the parts of a history that are independent.
//!
//! Parts that share neither a session nor a subtree can be explained one by one. Suppose their orders
//! cannot be joined: then there is a ring of parts, in each of which an update u stands before (or
//! is) an operation a, and a was over before the next part's u was invoked. In one part u was not
//! invoked after a was over, for then it would stand behind a. So along the ring every invocation is
//! later than the one before, which a ring cannot be.

use std::collections::BTreeMap;
use zabra_sim::history::{Answer, Call, History, Kind, Text};

/// One operation of a session.
#[derive(Clone, Copy, Debug)]
pub struct Op<'a> {
    pub xid: i32,
    pub call: &'a Call,
    /// Positions among the history's events.
    pub invoked: usize,
    pub returned: Option<(usize, &'a Answer)>,
}

/// A session, as its client knows it.
#[derive(Clone, Debug, Default)]
pub struct Session<'a> {
    pub id: i64,
    /// In their order, which is that of their invocations.
    pub ops: Vec<Op<'a>>,
    /// By operation: when the first answer from it on came.
    pub next_return: Vec<Option<usize>>,
    /// When the client was told that the session has expired.
    pub expired: Option<usize>,
    pub attachments: usize,
}

/// Collects the operations; a sentence if replies do not come in order.
pub fn sessions(history: &History) -> Result<Vec<Session<'_>>, String> {
    let mut sessions: BTreeMap<i64, Session<'_>> = BTreeMap::new();
    // By session: the oldest operation of the connection that is not answered.
    let mut oldest: BTreeMap<i64, usize> = BTreeMap::new();
    for (at, event) in history.events.iter().enumerate() {
        let session = sessions.entry(event.session).or_default();
        session.id = event.session;
        let oldest = oldest.entry(event.session).or_default();
        let refuse = |what: &str| Err(format!("session {:#x}, event {at}: {what}", event.session));
        match &event.kind {
            Kind::Invoke { xid, call } => {
                session.ops.push(Op { xid: *xid, call, invoked: at, returned: None });
            }
            Kind::Return { xid, answer, .. } => {
                let Some(op) = session.ops.get_mut(*oldest).filter(|op| op.xid == *xid) else {
                    return refuse("a reply that answers not the oldest request of its connection");
                };
                if session.expired.is_some() {
                    return refuse("a reply after the session's end");
                }
                op.returned = Some((at, answer));
                *oldest += 1;
            }
            Kind::Disconnected => *oldest = session.ops.len(),
            Kind::Attached { .. } => session.attachments += 1,
            Kind::Expired => session.expired = Some(at),
            Kind::Wronged { .. } => return refuse("a server sent what the protocol does not allow"),
            // The witness judges watches.
            Kind::Rearmed { .. } | Kind::Watch { .. } => {}
        }
    }
    let mut sessions: Vec<Session<'_>> = sessions.into_values().collect();
    for session in &mut sessions {
        let mut next = None;
        let from_the_end = session.ops.iter().rev().map(|op| {
            next = op.returned.map(|(at, _)| at).or(next);
            next
        });
        session.next_return = from_the_end.collect();
        session.next_return.reverse();
    }
    Ok(sessions)
}

/// Groups of sessions that share no subtree.
pub fn independent<'a>(sessions: &[Session<'a>]) -> Vec<Vec<Session<'a>>> {
    let root_is_seen = sessions.iter().flat_map(|session| &session.ops).any(|op| sees_root(op.call));
    let mut groups: Vec<(Vec<Text>, Vec<Session<'a>>)> = Vec::new();
    for session in sessions {
        let mut trees: Vec<Text> = Vec::new();
        for op in &session.ops {
            trees.extend(op.call.path().map(top));
            if root_is_seen && (sees_root(op.call) || changes_root(op.call)) {
                trees.push(Text::from("/"));
            }
        }
        let mut group = (trees, vec![session.clone()]);
        let (same, apart) = groups.into_iter().partition(|(trees, _)| trees.iter().any(|tree| group.0.contains(tree)));
        groups = apart;
        for (trees, sessions) in same {
            group.0.extend(trees);
            group.1.extend(sessions);
        }
        groups.push(group);
    }
    groups.into_iter().map(|(_, sessions)| sessions).collect()
}

/// `/a` of `/a/b/c`.
fn top(path: &Text) -> Text {
    let bytes = path.bytes();
    let end = bytes.iter().skip(1).position(|byte| *byte == b'/').map_or(bytes.len(), |at| at + 1);
    // A sequential node's name goes on behind what was asked for: such trees are one.
    let digits = bytes[..end].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    if bytes.is_empty() { Text::from("/") } else { Text::new(&bytes[..end - digits]) }
}

fn is_at_top(path: &Text) -> bool {
    !path.bytes().iter().skip(1).any(|byte| *byte == b'/')
}

/// Whether its answer depends on the children of the root.
fn sees_root(call: &Call) -> bool {
    match call {
        Call::Create { path, flags, .. } => flags & 2 != 0 && is_at_top(path),
        Call::Exists { path, .. }
        | Call::GetData { path, .. }
        | Call::GetChildren { path, .. }
        | Call::GetChildren2 { path, .. }
        | Call::SetData { path, .. } => matches!(path.bytes(), b"" | b"/"),
        Call::Delete { .. } | Call::Sync { .. } | Call::Close => false,
    }
}

fn changes_root(call: &Call) -> bool {
    match call {
        Call::Create { path, .. } | Call::Delete { path, .. } => is_at_top(path),
        Call::SetData { path, .. } => matches!(path.bytes(), b"" | b"/"),
        Call::Exists { .. }
        | Call::GetData { .. }
        | Call::GetChildren { .. }
        | Call::GetChildren2 { .. }
        | Call::Sync { .. } => false,
        // Its ephemerals go, and those were created by the same session.
        Call::Close => false,
    }
}
