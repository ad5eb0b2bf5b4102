//! Several operations in one transaction happen together or not at all; what a leader deletes of its
//! own accord had faded.
//!
//! A failed multi is logged and applied like any transaction (reference/zookeeper.md section 1.8):
//! the state after it is the state before. A container or a znode with a time to live goes by
//! deleteContainer (section 2.6), which is of no session: only such a znode, and one with a time to
//! live not before that time, by the times that the transactions themselves carry.

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
    /// What may fade, with its time to live if it has one, and the time of its last change.
    fading: BTreeMap<Vec<u8>, (Option<i64>, i64)>,
}

/// What a record does to what may fade.
enum Deed {
    /// It makes such a znode.
    Made(Vec<u8>, Option<i64>),
    Set(Vec<u8>),
    Gone(Vec<u8>),
    /// By the leader's own accord.
    Faded(Vec<u8>),
    /// Nothing, and says so: a multi that failed.
    Failed,
}

impl Atomic {
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
            Deed::Made(path, ttl) => drop(self.fading.insert(path, (ttl, time))),
            Deed::Set(path) => {
                if let Some((_, changed)) = self.fading.get_mut(&path) {
                    *changed = time;
                }
            }
            Deed::Gone(path) => drop(self.fading.remove(&path)),
            Deed::Failed => {}
            Deed::Faded(path) => {
                let shown = path.escape_ascii().to_string();
                let deletes = format!("{zxid} deletes {shown}, of no session, at {time}");
                match self.fading.remove(&path) {
                    None => {
                        let is_plain = "it is no container and has no time to live".to_owned();
                        let sentence = "a leader deletes a znode that never fades";
                        return Err(sight.breaks(Self::ID, sentence, deletes, is_plain).at(zxid));
                    }
                    Some((Some(ttl), changed)) if time.saturating_sub(changed) <= ttl => {
                        let lives = format!("it was changed at {changed} and lives for {ttl} ms");
                        let sentence = "a znode is deleted before its time";
                        return Err(sight.breaks(Self::ID, sentence, deletes, lives).at(zxid));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(())
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
        Op::CREATE_CONTAINER => Deed::Made(CreateContainerTxn::decode(r)?.path.to_vec(), None),
        Op::CREATE_TTL => {
            let txn = CreateTtlTxn::decode(r)?;
            Deed::Made(txn.path.to_vec(), Some(txn.ttl))
        }
        Op::CREATE | Op::CREATE2 => Deed::Gone(CreateTxn::decode(r)?.path.to_vec()),
        Op::SET_DATA => Deed::Set(SetDataTxn::decode(r)?.path.to_vec()),
        Op::DELETE => Deed::Gone(DeleteTxn::decode(r)?.path.to_vec()),
        Op::DELETE_CONTAINER if session == 0 => Deed::Faded(DeleteTxn::decode(r)?.path.to_vec()),
        _ => return Ok(None),
    }))
}

impl Oracle for Atomic {
    const ID: &'static str = "atomic";
    const STATES: &'static str = "A multi happens whole or not at all; a leader deletes of its own accord only containers and znodes past their time to live.";
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
        let container = CreateContainerTxn { path: b"/t", data: None, acl: None, parent_cversion: 1 }.to_bytes();
        stage.ok(1, applied(1, 7, Op::CREATE_CONTAINER, &container, 1));
        stage.ok(1, applied(2, 0, Op::DELETE_CONTAINER, &gone, 1));
    }
}
