//! Wing and Gong's search with a memory: depth first over what was put in order so far, never twice
//! over the same set of operations with the same state.
//!
//! A session's operations have one order, so a set is a number for each session. Whatever may stand
//! next and changes no state (a read with this answer, an update that fails as it did) is put there
//! at once: an order in which it stands later is as good with it here, for nothing must stand before
//! it that does not already, and what waits for it waits no longer. So only writes that succeed
//! branch. An update waits for all that was over before it was invoked, which cuts the history at
//! every moment when no update is on its way.

use super::Opinion;
use super::compare::same;
use super::parts::{Op, Session};
use rustc_hash::FxHasher;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use zabra_core::wire::Code;
use zabra_sim::history::{Answer, Body, Call, Judge, Txn};

/// What was put in order, and the state that it leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Configuration {
    /// By session: how many of its operations are in order, or were passed over.
    done: Vec<u32>,
    /// By session: whether its end is in order.
    over: Vec<bool>,
    state: Judge,
}

/// Searches one part.
pub fn explain(sessions: &[Session<'_>], limit: usize) -> Opinion {
    let part = Part { sessions };
    let mut seen = Seen::default();
    let mut waiting = vec![part.start()];
    let mut furthest: Option<(usize, Configuration)> = None;
    while let Some(mut now) = waiting.pop() {
        part.settle(&mut now);
        if part.is_explained(&now) {
            return Opinion::Explained { configurations: seen.count + 1, parts: 1 };
        }
        let hash = hash_of(&now);
        if seen.contains(hash, &now) {
            continue;
        }
        if seen.count == limit {
            return Opinion::Undecided("more configurations than are looked at");
        }
        let far = now.done.iter().map(|done| *done as usize).sum();
        if furthest.as_ref().is_none_or(|(furthest, _)| far > *furthest) {
            furthest = Some((far, now.clone()));
        }
        let mut next = Vec::new();
        part.branch(&now, &mut next);
        seen.insert(hash, now);
        // The likeliest was found first and is to be taken first.
        waiting.extend(next.into_iter().rev());
    }
    Opinion::Refused(part.tell(&furthest.expect("a part has a start").1))
}

/// The configurations that were looked at, exactly.
#[derive(Default)]
struct Seen {
    by_hash: BTreeMap<u64, Vec<Configuration>>,
    count: usize,
}

impl Seen {
    fn contains(&self, hash: u64, now: &Configuration) -> bool {
        self.by_hash.get(&hash).is_some_and(|same| same.contains(now))
    }

    fn insert(&mut self, hash: u64, now: Configuration) {
        self.by_hash.entry(hash).or_default().push(now);
        self.count += 1;
    }
}

fn hash_of(now: &Configuration) -> u64 {
    let mut hasher = FxHasher::default();
    now.hash(&mut hasher);
    hasher.finish()
}

struct Part<'a> {
    sessions: &'a [Session<'a>],
}

impl<'a> Part<'a> {
    fn start(&self) -> Configuration {
        let mut state = Judge::new();
        for session in self.sessions {
            perform(&mut state, session.id, Body::CreateSession { timeout_ms: 0 });
        }
        Configuration { done: vec![0; self.sessions.len()], over: vec![false; self.sessions.len()], state }
    }

    /// The oldest operation of a session that is not in order.
    fn next(&self, now: &Configuration, session: usize) -> Option<&'a Op<'a>> {
        self.sessions[session].ops.get(now.done[session] as usize)
    }

    /// When the first answer came that is not in order yet.
    fn next_return(&self, done: u32, session: usize) -> Option<usize> {
        self.sessions[session].next_return.get(done as usize).copied().flatten()
    }

    /// Whether everything that was over when an update was invoked is in order.
    fn may_update(&self, now: &Configuration, invoked: usize) -> bool {
        self.sessions.iter().enumerate().all(|(at, session)| {
            let answered = self.next_return(now.done[at], at).is_some_and(|returned| returned < invoked);
            let ended = !now.over[at] && session.expired.is_some_and(|expired| expired < invoked);
            !answered && !ended
        })
    }

    fn is_explained(&self, now: &Configuration) -> bool {
        self.sessions.iter().enumerate().all(|(at, session)| {
            self.next_return(now.done[at], at).is_none() && (now.over[at] || session.expired.is_none())
        })
    }

    /// Puts in order what may stand next and changes nothing.
    fn settle(&self, now: &mut Configuration) {
        let mut settled = true;
        while settled {
            settled = false;
            for at in 0..self.sessions.len() {
                while self.next(now, at).is_some_and(|op| self.is_silent(now, at, op)) {
                    now.done[at] += 1;
                    settled = true;
                }
                let session = &self.sessions[at];
                let nothing_left = self.next(now, at).is_none() && now.state.ephemerals(session.id).is_empty();
                if session.expired.is_some() && !now.over[at] && nothing_left {
                    self.end(now, at);
                    settled = true;
                }
            }
        }
    }

    /// Whether an operation may stand next and changes nothing.
    fn is_silent(&self, now: &Configuration, at: usize, op: &Op<'_>) -> bool {
        let session = &self.sessions[at];
        let Some((_, answer)) = op.returned else {
            return !op.call.is_write();
        };
        if !op.call.is_write() {
            let in_time = !matches!(op.call, Call::Sync { .. }) || self.may_update(now, op.invoked);
            let right = |expected: Answer| same(answer, &expected);
            return in_time && !now.over[at] && now.state.read(op.call).is_none_or(right);
        }
        let Answer::Error(code) = answer else { return false };
        let was_moved = *code == Code::SessionMoved.to_wire() && session.attachments > 1;
        let fails = || now.state.decide(session.id, op.call) == Some(Body::Error { code: *code });
        self.may_update(now, op.invoked) && (was_moved || fails())
    }

    /// Every way on.
    fn branch(&self, now: &Configuration, next: &mut Vec<Configuration>) {
        let mut answered: Vec<(usize, Configuration)> = Vec::new();
        let mut unknown = Vec::new();
        for at in 0..self.sessions.len() {
            let Some(op) = self.next(now, at).filter(|op| op.call.is_write()) else { continue };
            let after = self.applied(now, at, op);
            match op.returned {
                Some((returned, answer)) => {
                    answered.extend(after.filter(|(_, got)| same(answer, got)).map(|(after, _)| (returned, after)));
                }
                None => {
                    unknown.extend(after.map(|(after, _)| after));
                    // Later ones, answered or not, may have come although this one did not.
                    let later = &self.sessions[at].ops[now.done[at] as usize + 1..];
                    if later.iter().any(|op| op.call.is_write() || op.returned.is_some()) {
                        let mut never = now.clone();
                        never.done[at] += 1;
                        unknown.push(never);
                    }
                }
            }
        }
        answered.sort_by_key(|(returned, _)| *returned);
        next.extend(answered.into_iter().map(|(_, after)| after));
        next.append(&mut unknown);
        for at in (0..self.sessions.len()).filter(|at| self.may_matter_that_it_ends(now, *at)) {
            let mut after = now.clone();
            self.end(&mut after, at);
            next.push(after);
        }
    }

    /// The write performed, and its answer, if it can succeed here.
    fn applied(&self, now: &Configuration, at: usize, op: &Op<'_>) -> Option<(Configuration, Answer)> {
        let session = self.sessions[at].id;
        let body = now.state.decide(session, op.call)?;
        if matches!(body, Body::Error { .. }) || !self.may_update(now, op.invoked) {
            return None;
        }
        let mut after = now.clone();
        after.done[at] += 1;
        after.over[at] |= *op.call == Call::Close;
        perform(&mut after.state, session, body.clone());
        let answer = after.state.answer(&body);
        Some((after, answer))
    }

    /// Whether the session can end here, and whether that changes anything for anyone.
    fn may_matter_that_it_ends(&self, now: &Configuration, at: usize) -> bool {
        let session = &self.sessions[at];
        let expired = Answer::Error(Code::SessionExpired.to_wire());
        let mut left = session.ops[now.done[at] as usize..].iter().filter_map(|op| op.returned);
        let first = left.clone().next();
        !now.over[at]
            && left.all(|(_, answer)| *answer == expired)
            && (first.is_some() || session.expired.is_some() || !now.state.ephemerals(session.id).is_empty())
    }

    /// The session expires.
    fn end(&self, now: &mut Configuration, at: usize) {
        let session = self.sessions[at].id;
        let paths = now.state.ephemerals(session);
        perform(&mut now.state, session, Body::CloseSession { paths });
        now.over[at] = true;
    }

    /// Where the search came furthest.
    fn tell(&self, now: &Configuration) -> String {
        let left = (0..self.sessions.len()).filter_map(|at| self.next(now, at).map(|op| (&self.sessions[at], op)));
        let left = left.map(|(session, op)| match op.returned {
            Some((_, answer)) => {
                format!("session {:#x}, xid {}: {:?} answered {answer:?}", session.id, op.xid, op.call)
            }
            None => format!("session {:#x}, xid {}: {:?}, never answered", session.id, op.xid, op.call),
        });
        let left: Vec<String> = left.collect();
        let put: u32 = now.done.iter().sum();
        format!("after {put} operations none of these can be next: {}", left.join("; "))
    }
}

/// Performs a transaction without a zxid: all have the same.
fn perform(state: &mut Judge, session: i64, body: Body) {
    let txn = Txn { zxid: 1, session, cxid: 0, time: 0, body };
    state.apply(&txn).expect("the judge decided it");
    state.rewind();
}
