//! The verdict on a run: the servers' logs agree, and the clients' history is legal on them.

use crate::clients::Notes;
use std::collections::BTreeMap;
use zabra_core::log::Record;
use zabra_core::log::name::FileName;
use zabra_core::log::record::{Damage, decode_log};
use zabra_sim::history::{Event, History, Kind, read_log, witness};

/// A file of a server.
pub struct File {
    pub server: usize,
    pub path: String,
    pub bytes: Vec<u8>,
}

/// Judges, and gives the history back. `run` names it.
pub fn judge(run: &str, notes: &Notes, files: impl IntoIterator<Item = File>) -> History {
    let log = committed(run, files);
    let log = read_log(log.values()).unwrap_or_else(|error| panic!("{run}: {error:?}"));
    let history = notes.take().finish(log).unwrap_or_else(|full| panic!("{run}: {full:?}"));
    let violations = witness::check(&history);
    assert!(violations.is_empty(), "{run}: {violations:#?}");
    history
}

/// Every record of every log. No two servers may hold different ones at a zxid.
fn committed(run: &str, files: impl IntoIterator<Item = File>) -> BTreeMap<u64, Record> {
    let mut all: BTreeMap<u64, Record> = BTreeMap::new();
    for File { server, path, bytes } in files {
        let name = path.rsplit('/').next().unwrap_or_default();
        let Some(FileName::Log(_)) = FileName::parse(name) else { continue };
        let (records, _, damage) = decode_log(&bytes);
        assert!(
            records.is_empty() || !matches!(damage, Some(Damage::Header)),
            "{run}: server {server}, {path}: {damage:?}"
        );
        for (zxid, bytes) in records {
            let record = Record { zxid, bytes: bytes.into() };
            let first = all.entry(zxid.0).or_insert_with(|| record.clone());
            assert!(*first == record, "{run}: server {server} holds another record at {zxid}");
        }
    }
    all
}

/// Events of a kind.
pub fn count(history: &History, is_one: impl Fn(&Kind) -> bool) -> usize {
    history.events.iter().filter(|event: &&Event| is_one(&event.kind)).count()
}
