//! The configurations that a server goes by (reference/zookeeper.md section 3.10; "Dynamic
//! Reconfiguration of Primary/Backup Clusters", USENIX ATC 2012).
//!
//! A reconfiguration is a record of the history like any other. From the moment it is logged until it is
//! known to be committed its configuration counts beside the one in force; when it is committed it
//! takes that one's place. A leader proposes one only when the one before is committed, so of two in a
//! history the older is committed for certain.

use crate::config::{Config, Ensemble};
use crate::id::{ServerId, Zxid};
use crate::log::Record;
use crate::wire::txn::{SetDataTxn, TxnHeader};
use crate::wire::{Jute, Op, Reader};
use alloc::sync::Arc;

/// What is in force, and what may be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Configured {
    /// Off: the log's reconfigurations change nothing here.
    enabled: bool,
    active: Arc<Ensemble>,
    proposed: Option<Arc<Ensemble>>,
}

/// A record that says that it is a reconfiguration and cannot be read as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoConfiguration;

impl Configured {
    pub fn new(config: &Config) -> Configured {
        Configured { enabled: config.reconfig.enabled, active: Arc::clone(&config.ensemble), proposed: None }
    }

    pub fn active(&self) -> &Arc<Ensemble> {
        &self.active
    }

    pub fn proposed(&self) -> Option<&Arc<Ensemble>> {
        self.proposed.as_ref()
    }

    /// Whether this record, when it is committed, changes what is in force.
    pub fn is_proposed_at(&self, zxid: Zxid) -> bool {
        self.proposed.as_ref().is_some_and(|proposed| proposed.version == zxid.0)
    }

    /// Whether a record may be logged: a reconfiguration has to be readable.
    pub fn accepts(&self, record: &Record) -> bool {
        !self.enabled || !matches!(configuration_in(record), Some(Err(NoConfiguration)))
    }

    /// A configuration that is committed for certain, from a snapshot or from a server that goes by it.
    pub fn adopt(&mut self, committed: Ensemble) {
        if self.enabled && committed.version > self.active.version {
            self.proposed.take_if(|proposed| proposed.version <= committed.version);
            self.active = Arc::new(committed);
        }
    }

    /// What an ensemble began with, from a server of it, for one that is being joined: its own file names it besides, and
    /// it takes that for the configuration in force, so those that log its joining would rank candidates
    /// differently. Whether that was taken.
    pub fn adopt_first(&mut self, me: ServerId, first: Ensemble) -> bool {
        let (mine, theirs) = (self.active.members(), first.members());
        let anticipates = mine.contains(me) && !theirs.contains(me) && theirs.is_subset(mine);
        let takes =
            self.enabled && self.proposed.is_some() && (self.active.version, first.version) == (0, 0) && anticipates;
        if takes {
            self.active = Arc::new(first);
        }
        takes
    }

    /// What the leader goes by, when it says UPTODATE. One that is not committed is never adopted: Apache's
    /// leaders name the newest that they have proposed. The one that an ensemble began with is in no log;
    /// Apache's give it the zxid of an epoch's start.
    pub(super) fn adopt_leaders(&mut self, text: &[u8], committed: Zxid) {
        if self.enabled
            && *text != *self.active.text
            && let Ok(ensemble) = Ensemble::parse(text)
            && (ensemble.version <= committed.0 || Zxid(ensemble.version).counter() == 0)
        {
            self.adopt(ensemble);
        }
    }

    /// A record was logged.
    pub(super) fn log(&mut self, record: &Record) {
        if !self.enabled {
            return;
        }
        if let Some(Ok(ensemble)) = configuration_in(record)
            && ensemble.version > self.active.version
            && let Some(older) = self.proposed.replace(Arc::new(ensemble))
        {
            self.active = older;
        }
    }

    /// Everything up to `zxid` is committed.
    pub(super) fn commit(&mut self, zxid: Zxid) {
        if let Some(committed) = self.proposed.take_if(|proposed| proposed.version <= zxid.0) {
            self.active = committed;
        }
    }

    /// Everything above `after` was cut.
    pub(super) fn cut(&mut self, after: Zxid) {
        self.proposed.take_if(|proposed| proposed.version > after.0);
    }
}

/// The configuration that a record proposes, if it is a reconfiguration. Its version is the record's zxid.
fn configuration_in(record: &Record) -> Option<Result<Ensemble, NoConfiguration>> {
    const OP_AT: core::ops::Range<usize> = 28..32;
    if record.bytes.get(OP_AT)? != Op::RECONFIG.to_be_bytes().as_slice() {
        return None;
    }
    let mut r = Reader::new(&record.bytes);
    let text = TxnHeader::decode(&mut r).and_then(|_| SetDataTxn::decode(&mut r)).map(|txn| txn.data);
    let ensemble = text.ok().flatten().and_then(|text| Ensemble::parse(text).ok());
    Some(ensemble.filter(|ensemble| ensemble.version == record.zxid.0).ok_or(NoConfiguration))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Reconfig;
    use crate::id::Epoch;
    use alloc::format;
    use alloc::vec::Vec;

    fn text(voters: &[u8], version: u64) -> Vec<u8> {
        let mut text: alloc::string::String = voters.iter().map(|id| format!("server.{id}=h{id}:2:3\n")).collect();
        text.push_str(&format!("version={version:x}"));
        text.into_bytes()
    }

    fn zxid(counter: u32) -> Zxid {
        Zxid::new(Epoch(1), counter)
    }

    fn reconfiguration(voters: &[u8], counter: u32) -> Record {
        let zxid = zxid(counter);
        let mut bytes = TxnHeader { session: 1, cxid: 1, zxid: zxid.to_wire(), time: 1, op: Op::RECONFIG }.to_bytes();
        let data = text(voters, zxid.0);
        SetDataTxn { path: b"/zookeeper/config", data: Some(&data), version: -1 }.encode(&mut bytes);
        Record { zxid, bytes: Arc::from(bytes) }
    }

    fn configured(enabled: bool) -> Configured {
        let ensemble = Ensemble::parse(&text(&[1, 2, 3], 0)).expect("a configuration");
        let mut config = Config::new(ServerId(1), Arc::new(ensemble));
        config.reconfig = Reconfig { enabled, voters_min: 2 };
        Configured::new(&config)
    }

    fn voters(configured: &Configured) -> (Vec<u8>, Option<Vec<u8>>) {
        let of = |ensemble: &Arc<Ensemble>| ensemble.voters().iter().map(|id| id.0).collect::<Vec<_>>();
        (of(configured.active()), configured.proposed().map(of))
    }

    #[test]
    fn what_is_logged_counts_too_and_what_is_committed_counts_alone() {
        let mut configured = configured(true);
        configured.log(&reconfiguration(&[1, 2, 4], 5));
        assert_eq!(voters(&configured), (alloc::vec![1, 2, 3], Some(alloc::vec![1, 2, 4])));
        configured.commit(zxid(4));
        assert!(configured.is_proposed_at(zxid(5)));
        configured.commit(zxid(6));
        assert_eq!(voters(&configured), (alloc::vec![1, 2, 4], None));
    }

    #[test]
    fn what_is_cut_off_never_counted() {
        let mut configured = configured(true);
        configured.log(&reconfiguration(&[1, 2, 4], 5));
        configured.cut(zxid(5));
        assert!(configured.proposed().is_some());
        configured.cut(zxid(4));
        assert_eq!(voters(&configured), (alloc::vec![1, 2, 3], None));
    }

    #[test]
    fn of_two_in_a_history_the_older_is_committed() {
        let mut configured = configured(true);
        configured.log(&reconfiguration(&[1, 2, 4], 5));
        configured.log(&reconfiguration(&[1, 4, 5], 9));
        assert_eq!(voters(&configured), (alloc::vec![1, 2, 4], Some(alloc::vec![1, 4, 5])));
        configured.cut(zxid(8));
        assert_eq!(voters(&configured), (alloc::vec![1, 2, 4], None));
    }

    #[test]
    fn switched_off_the_log_changes_nothing() {
        let mut configured = configured(false);
        configured.log(&reconfiguration(&[1, 2, 4], 5));
        configured.commit(zxid(5));
        assert_eq!(voters(&configured), (alloc::vec![1, 2, 3], None));
    }

    #[test]
    fn a_reconfiguration_that_cannot_be_read_is_not_logged() {
        let good = reconfiguration(&[1, 2, 4], 5);
        assert!(configured(true).accepts(&good));
        let elsewhere = Record { zxid: zxid(6), ..good.clone() };
        assert!(!configured(true).accepts(&elsewhere), "its version is another record's");
        let short = Record { bytes: Arc::from(&good.bytes[..good.bytes.len() - 9]), ..good };
        assert!(!configured(true).accepts(&short) && configured(false).accepts(&short));
    }
}
