//! Several operations in one transaction happen together or not at all; what a leader deletes of its
//! own accord had faded.
//!
//! A failed multi is logged and applied like any transaction (reference/zookeeper.md section 1.8):
//! the state after it is the state before. A container or a znode with a time to live goes by
//! deleteContainer (section 2.6), which is of no session: only such a znode, only while it has no
//! children, one with a time to live not before that time, and a container only if it had children, or
//! was not used for long; by the times that the transactions themselves carry.

use super::transaction::FirstApplied;
use super::{Fact, Oracle, Sight, Verdict};
use std::collections::BTreeMap;
use zabra_core::contract::Event;
use zabra_core::id::Zxid;
use zabra_core::log::Record;
use zabra_core::wire::txn::{CreateContainerTxn, CreateTtlTxn, CreateTxn, DeleteTxn, MultiTxn, SetDataTxn, TxnHeader};
use zabra_core::wire::{Jute, Malformed, Op, Reader};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Atomic {
    first: FirstApplied,
    /// The newest zxid that was applied anywhere, and the state after it.
    last: Option<(Zxid, u64)>,
    fading: BTreeMap<Vec<u8>, Fading>,
    /// How many milliseconds a container that never had children stays; 0: for ever.
    never_used_ms: Option<u32>,
}

/// A znode that may fade.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Fading {
    /// Its time to live, if it has one; a container has none.
    ttl: Option<i64>,
    /// The time of its last change.
    changed: i64,
    /// Its children, with the session of an ephemeral one.
    children: BTreeMap<Vec<u8>, Option<i64>>,
    /// Whether it ever had one.
    used: bool,
}

impl Fading {
    fn new(ttl: Option<i64>, changed: i64) -> Fading {
        Fading { ttl, changed, children: BTreeMap::new(), used: false }
    }

    /// Why it may not go at this time: a sentence, and the fact.
    fn forbids(&self, time: i64, never_used_ms: Option<u32>) -> Option<(&'static str, String)> {
        if let Some(child) = self.children.keys().next() {
            let child = format!("it has {} children, {} is one", self.children.len(), child.escape_ascii());
            return Some(("a leader deletes a znode that has children", child));
        }
        let (changed, age) = (self.changed, time.saturating_sub(self.changed));
        match (self.ttl, never_used_ms) {
            (Some(ttl), _) if age <= ttl => {
                let lives = format!("it was changed at {changed} and lives for {ttl} ms");
                Some(("a znode is deleted before its time", lives))
            }
            (None, Some(stays)) if !self.used && (stays == 0 || age <= i64::from(stays)) => {
                let unused = format!("it never had children, was changed at {changed}, and stays for {stays} ms");
                Some(("a container that was never used is deleted", unused))
            }
            (Some(_), _) | (None, _) => None,
        }
    }
}

/// What a record does to what may fade.
enum Deed {
    /// It makes a znode: one that may fade, or not; of a session, if it is ephemeral.
    Made(Vec<u8>, Kind),
    /// The ephemerals of a session go.
    Closed(i64),
    Set(Vec<u8>),
    Gone(Vec<u8>),
    /// By the leader's own accord.
    Faded(Vec<u8>),
    /// Nothing, and says so: a multi that failed.
    Failed,
}

enum Kind {
    Plain(Option<i64>),
    Fades(Option<i64>),
}

fn parent(path: &[u8]) -> &[u8] {
    let slash = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    &path[..slash]
}

impl Atomic {
    /// In a world whose unused containers go after so many milliseconds; 0: never.
    pub fn sparing(mut self, never_used_ms: u32) -> Self {
        self.never_used_ms = Some(never_used_ms);
        self
    }

    fn applied(&mut self, sight: &Sight<'_>, record: &Record, digest: u64) -> Verdict {
        let zxid = record.zxid;
        if !self.first.take(zxid) {
            return Ok(());
        }
        let before = self.last.replace((zxid, digest));
        let Ok((time, deeds)) = deeds(record) else { return Ok(()) };
        if matches!(deeds[..], [Deed::Failed])
            && let Some((last, state)) = before
            && state != digest
        {
            let after = format!("the digest after it is {digest:016x}");
            let before = format!("after {last} it was {state:016x}");
            return Err(sight.breaks(Self::ID, "a multi that failed changes the state", after, before).at(zxid));
        }
        deeds.into_iter().try_for_each(|deed| self.follow(sight, zxid, time, deed))
    }

    fn follow(&mut self, sight: &Sight<'_>, zxid: Zxid, time: i64, deed: Deed) -> Verdict {
        match deed {
            Deed::Made(path, kind) => {
                let owner = match kind {
                    Kind::Plain(owner) => owner,
                    Kind::Fades(_) => None,
                };
                if let Some(over) = self.fading.get_mut(parent(&path)) {
                    over.children.insert(path.clone(), owner);
                    over.used = true;
                }
                match kind {
                    Kind::Plain(_) => drop(self.fading.remove(&path)),
                    Kind::Fades(ttl) => drop(self.fading.insert(path, Fading::new(ttl, time))),
                }
            }
            Deed::Set(path) => {
                if let Some(fading) = self.fading.get_mut(&path) {
                    fading.changed = time;
                }
            }
            Deed::Gone(path) => drop(self.take(&path)),
            Deed::Closed(session) => {
                for fading in self.fading.values_mut() {
                    fading.children.retain(|_, owner| *owner != Some(session));
                }
            }
            Deed::Failed => {}
            Deed::Faded(path) => {
                let deletes = format!("{zxid} deletes {}, of no session, at {time}", path.escape_ascii());
                let never = || ("a leader deletes a znode that never fades", "it is no such znode".to_owned());
                let why = self.take(&path).map_or_else(|| Some(never()), |f| f.forbids(time, self.never_used_ms));
                if let Some((sentence, fact)) = why {
                    return Err(sight.breaks(Self::ID, sentence, deletes, fact).at(zxid));
                }
            }
        }
        Ok(())
    }

    /// A znode goes; what is known of it if it could fade.
    fn take(&mut self, path: &[u8]) -> Option<Fading> {
        if let Some(over) = self.fading.get_mut(parent(path)) {
            over.children.remove(path);
        }
        self.fading.remove(path)
    }
}

/// The time of a record, and what it does.
fn deeds(record: &Record) -> Result<(i64, Vec<Deed>), Malformed> {
    let mut r = Reader::new(&record.bytes);
    let header = TxnHeader::decode(&mut r)?;
    if header.op != Op::MULTI {
        let deed = deed(header.op, header.session, &mut r)?;
        return Ok((header.time, deed.into_iter().collect()));
    }
    let parts = MultiTxn::decode(&mut r)?.txns;
    if parts.iter().any(|part| part.op == Op::ERROR) {
        return Ok((header.time, vec![Deed::Failed]));
    }
    let of = |part: &zabra_core::wire::txn::Txn<'_>| {
        deed(part.op, header.session, &mut Reader::new(part.data.unwrap_or_default())).transpose()
    };
    Ok((header.time, parts.iter().filter_map(of).collect::<Result<_, _>>()?))
}

fn deed(op: i32, session: i64, r: &mut Reader<'_>) -> Result<Option<Deed>, Malformed> {
    Ok(Some(match op {
        Op::CREATE_CONTAINER => Deed::Made(CreateContainerTxn::decode(r)?.path.to_vec(), Kind::Fades(None)),
        Op::CREATE_TTL => {
            let txn = CreateTtlTxn::decode(r)?;
            Deed::Made(txn.path.to_vec(), Kind::Fades(Some(txn.ttl)))
        }
        Op::CREATE | Op::CREATE2 => {
            let txn = CreateTxn::decode(r)?;
            Deed::Made(txn.path.to_vec(), Kind::Plain(txn.ephemeral.then_some(session)))
        }
        Op::CLOSE_SESSION => Deed::Closed(session),
        Op::SET_DATA => Deed::Set(SetDataTxn::decode(r)?.path.to_vec()),
        Op::DELETE => Deed::Gone(DeleteTxn::decode(r)?.path.to_vec()),
        Op::DELETE_CONTAINER if session == 0 => Deed::Faded(DeleteTxn::decode(r)?.path.to_vec()),
        _ => return Ok(None),
    }))
}

impl Oracle for Atomic {
    const ID: &'static str = "atomic";
    const STATES: &'static str = "A multi happens whole or not at all; a leader deletes of its own accord only znodes without children: containers that had some or were not used for long, and znodes past their time to live.";
    const SOURCE: &'static str = "reference/zookeeper.md sections 1.8 and 2.6";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        match sight.fact {
            Fact::Reported(Event::Applied { record, digest }) => self.applied(sight, record, *digest),
            Fact::Reported(_) | Fact::Booted { .. } | Fact::Crashed | Fact::Destroyed { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, txn, z};
    use super::*;
    use zabra_core::wire::txn::{ErrorTxn, Txn};

    fn applied(counter: u32, session: i64, op: i32, body: &[u8], digest: u64) -> Event {
        Event::Applied { record: txn(z(1, counter), session, 1, op, body), digest }
    }

    fn multi(parts: &[(i32, Vec<u8>)]) -> Vec<u8> {
        MultiTxn { txns: parts.iter().map(|(op, body)| Txn { op: *op, data: Some(body) }).collect() }.to_bytes()
    }

    fn failed() -> Vec<u8> {
        multi(&[(Op::DELETE, DeleteTxn { path: b"/a" }.to_bytes()), (Op::ERROR, ErrorTxn { err: -101 }.to_bytes())])
    }

    fn timed(ttl: i64) -> Vec<u8> {
        CreateTtlTxn { path: b"/t", data: None, acl: None, parent_cversion: 1, ttl }.to_bytes()
    }

    #[test]
    fn a_failed_multi_that_changes_nothing_is_legal_and_one_that_does_is_caught() {
        let set = SetDataTxn { path: b"/a", data: None, version: 1 }.to_bytes();
        let mut stage = Stage::new(Atomic::default());
        stage.ok(1, applied(1, 7, Op::SET_DATA, &set, 5)).ok(1, applied(2, 7, Op::MULTI, &failed(), 5));
        stage.ok(1, applied(3, 7, Op::MULTI, &multi(&[(Op::SET_DATA, set)]), 6));
        stage.caught(1, applied(4, 7, Op::MULTI, &failed(), 9), "changes the state");
    }

    #[test]
    fn what_never_fades_or_not_yet_is_not_deleted_by_a_leader() {
        let gone = DeleteTxn { path: b"/t" }.to_bytes();
        let mut stage = Stage::new(Atomic::default());
        stage.caught(1, applied(1, 0, Op::DELETE_CONTAINER, &gone, 1), "never fades");
        let mut stage = Stage::new(Atomic::default());
        stage.ok(1, applied(1, 7, Op::CREATE_TTL, &timed(1000), 1));
        stage.caught(1, applied(2, 0, Op::DELETE_CONTAINER, &gone, 1), "before its time");
        let mut stage = Stage::new(Atomic::default());
        stage.ok(1, applied(1, 7, Op::CREATE_CONTAINER, &container(), 1));
        stage.ok(1, applied(2, 0, Op::DELETE_CONTAINER, &gone, 1));
    }

    fn container() -> Vec<u8> {
        CreateContainerTxn { path: b"/t", data: None, acl: None, parent_cversion: 1 }.to_bytes()
    }

    fn child(ephemeral: bool) -> Vec<u8> {
        CreateTxn { path: b"/t/c", data: None, acl: None, ephemeral, parent_cversion: 1 }.to_bytes()
    }

    #[test]
    fn only_an_empty_container_that_had_children_goes() {
        let gone = DeleteTxn { path: b"/t" }.to_bytes();
        let mut stage = Stage::new(Atomic::default().sparing(1000));
        stage.ok(1, applied(1, 7, Op::CREATE_CONTAINER, &container(), 1));
        stage.clone().caught(1, applied(2, 0, Op::DELETE_CONTAINER, &gone, 1), "never used");
        let mut closed = stage.clone();
        stage.ok(1, applied(2, 7, Op::CREATE, &child(false), 1));
        stage.clone().caught(1, applied(3, 0, Op::DELETE_CONTAINER, &gone, 1), "has children");
        stage.ok(1, applied(3, 7, Op::DELETE, &DeleteTxn { path: b"/t/c" }.to_bytes(), 1));
        stage.ok(1, applied(4, 0, Op::DELETE_CONTAINER, &gone, 1));
        closed.ok(1, applied(2, 9, Op::CREATE, &child(true), 1)).ok(1, applied(3, 7, Op::CLOSE_SESSION, &[], 1));
        closed.clone().caught(1, applied(4, 0, Op::DELETE_CONTAINER, &gone, 1), "has children");
        closed.ok(1, applied(4, 9, Op::CLOSE_SESSION, &[], 1));
        closed.ok(1, applied(5, 0, Op::DELETE_CONTAINER, &gone, 1));
    }
}
