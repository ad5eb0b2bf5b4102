//! A stage for the oracles' own tests: servers with disks, whose facts are told one by one.

use super::{DurableState, Fact, Oracle, Sight, Verdict};
use crate::time::Micros;
use std::collections::BTreeMap;
use std::sync::Arc;
use zabra_core::config::Ensemble;
use zabra_core::contract::{Ballot, Event};
use zabra_core::id::{ClientId, Epoch, ServerId, ServerSet, SessionId, Xid, Zxid};
use zabra_core::log::{Record, Recovered, Standing};
use zabra_core::quorum::Quorum;
use zabra_core::wire::Jute;
use zabra_core::wire::txn::TxnHeader;
use zabra_core::zab::{ServerState, Vote};

pub fn z(epoch: u32, counter: u32) -> Zxid {
    Zxid::new(Epoch(epoch), counter)
}

pub fn s(id: u8) -> ServerId {
    ServerId(id)
}

pub fn set<const N: usize>(ids: [u8; N]) -> ServerSet {
    ids.into_iter().map(ServerId).collect()
}

pub fn record(epoch: u32, counter: u32) -> Record {
    let zxid = z(epoch, counter);
    Record { zxid, bytes: Arc::from(zxid.0.to_be_bytes().as_slice()) }
}

pub fn vote(epoch: u32, zxid: Zxid, leader: u8) -> Vote {
    Vote { epoch: Epoch(epoch), zxid, leader: s(leader) }
}

pub fn ballot(from: u8, round: u64, vote: Vote) -> Ballot {
    Ballot { from: s(from), state: ServerState::Looking, round, vote }
}

/// Voters 1 to `voters`, observers after them.
pub fn ensemble(voters: u8, observers: u8) -> Ensemble {
    Ensemble {
        quorum: Quorum::majority((1..=voters).map(ServerId).collect()).expect("there are voters"),
        observers: (voters + 1..=voters + observers).map(ServerId).collect(),
        version: 0,
        text: Arc::from([]),
    }
}

pub fn recovered(accepted: u32, current: u32, log: &[Record]) -> Recovered {
    Recovered {
        accepted: Epoch(accepted),
        current: Epoch(current),
        image: Arc::default(),
        log: log.to_vec(),
        standing: Standing::Intact,
    }
}

/// An oracle, and the disks of the servers it watches.
#[derive(Clone, Debug)]
pub struct Stage<O> {
    pub oracle: O,
    pub disks: BTreeMap<ServerId, DurableState>,
    pub now: Micros,
}

impl<O: Oracle> Stage<O> {
    pub fn new(oracle: O) -> Self {
        Stage { oracle, disks: BTreeMap::new(), now: Micros::ZERO }
    }

    /// Sets what a server's disk holds from here on.
    pub fn disk(&mut self, server: u8, accepted: u32, current: u32, history_end: Zxid) -> &mut Self {
        let disk = DurableState { accepted: Epoch(accepted), current: Epoch(current), history_end, image: Zxid::ZERO };
        self.disks.insert(s(server), disk);
        self
    }

    pub fn fact(&mut self, server: u8, fact: Fact<'_>) -> Verdict {
        let disk = self.disks.get(&s(server)).copied().unwrap_or_default();
        self.oracle.see(&Sight { now: self.now, server: s(server), fact, view: None, disk })
    }

    /// A fact that must not be objected to.
    pub fn ok(&mut self, server: u8, event: Event) -> &mut Self {
        if let Err(violation) = self.fact(server, Fact::Reported(&event)) {
            panic!("{} objects to a legal story at {event:?}: {violation:?}", O::ID);
        }
        self
    }

    /// A fact that must be objected to, for this reason.
    #[track_caller]
    pub fn caught(&mut self, server: u8, event: Event, because: &str) {
        let violation = self.fact(server, Fact::Reported(&event)).expect_err("an illegal story passed");
        assert_eq!(violation.oracle, O::ID);
        assert!(violation.sentence.contains(because), "another reason: {}", violation.sentence);
    }

    pub fn boot(&mut self, server: u8, recovered: &Recovered) -> &mut Self {
        let end = recovered.log.last().map_or(recovered.image.zxid(), |r| r.zxid);
        let disk = DurableState {
            accepted: recovered.accepted,
            current: recovered.current,
            history_end: end,
            image: recovered.image.zxid(),
        };
        self.disks.insert(s(server), disk);
        self.fact(server, Fact::Booted { recovered }).expect("a legal boot");
        self
    }

    pub fn crash(&mut self, server: u8) -> &mut Self {
        self.fact(server, Fact::Crashed).expect("a crash is legal");
        self
    }

    pub fn destroy(&mut self, server: u8) -> &mut Self {
        let held = self.disks.remove(&s(server)).unwrap_or_default();
        self.fact(server, Fact::Destroyed { held }).expect("a destroying fault is the world's doing");
        self
    }
}

/// A transaction as logs carry it: a header, then whatever.
pub fn txn(zxid: Zxid, session: i64, cxid: i32, op: i32, body: &[u8]) -> Record {
    let mut bytes = Vec::new();
    TxnHeader { session, cxid, zxid: zxid.to_wire(), time: 0, op }.encode(&mut bytes);
    bytes.extend_from_slice(body);
    Record { zxid, bytes: Arc::from(bytes) }
}

pub fn applied(record: Record) -> Event {
    Event::Applied { record, digest: 0 }
}

pub fn requested(client: u32, xid: i32, op: i32) -> Event {
    Event::Requested { client: ClientId(client), session: SessionId(7), xid: Xid(xid), op }
}

pub fn replied(client: u32, xid: i32, op: i32, zxid: Zxid) -> Event {
    Event::Replied { client: ClientId(client), session: SessionId(7), xid: Xid(xid), op, zxid, err: 0 }
}

pub fn attached(client: u32, last_seen: Zxid) -> Event {
    Event::SessionAttached { session: SessionId(7), client: ClientId(client), timeout_ms: 4000, last_seen }
}
