//! The tools on bytes in place of files, and nobody reads what they write. For fuzzing.
#![expect(clippy::disallowed_methods, reason = "the tools read files")]

use super::{SnapshotVerb, TxnlogVerb, snapshot, txnlog};
use crate::packed;
use std::fs;
use std::io::{Read, sink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use zabra_core::log::name::Suffix;

/// What is said of a log.
pub fn log(bytes: &[u8]) {
    let file = Named::new("log.1", bytes);
    for json in [false, true] {
        drop(txnlog::run(&TxnlogVerb::Dump { files: file.list(), json }, &mut sink(), &mut sink()));
    }
    drop(txnlog::run(&TxnlogVerb::Verify { files: file.list() }, &mut sink(), &mut sink()));
}

/// What is said of a snapshot, which may be compressed; and what is in it survives another compression.
pub fn snapshot(bytes: &[u8], suffix: Suffix) {
    let name = match suffix {
        Suffix::None => "snapshot.7",
        Suffix::Gz => "snapshot.7.gz",
        Suffix::Snappy => "snapshot.7.snappy",
    };
    let file = Named::new(name, bytes);
    let run = |verb| drop(snapshot::run(&verb, &mut sink(), &mut sink()));
    for json in [false, true] {
        run(SnapshotVerb::Dump { files: file.list(), json, data: true });
    }
    run(SnapshotVerb::Verify { files: file.list() });
    run(SnapshotVerb::Compare { before: file.0.clone(), after: file.0.clone() });
    let unpack = |bytes: &[u8], suffix| {
        let mut content = Vec::new();
        packed::reader(std::io::Cursor::new(bytes.to_vec()), suffix).read_to_end(&mut content).map(|_| content)
    };
    let Ok(content) = unpack(bytes, suffix) else { return };
    for suffix in [Suffix::Gz, Suffix::Snappy] {
        let mut again = Vec::new();
        packed::pack(&mut &content[..], suffix, &mut again).expect("memory can be written to");
        assert_eq!(unpack(&again, suffix).ok().as_ref(), Some(&content));
    }
}

/// A file that is gone with this value.
struct Named(PathBuf);

impl Named {
    fn new(name: &str, bytes: &[u8]) -> Named {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("zabra-examine-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).expect("there is room for temporary files");
        fs::write(dir.join(name), bytes).expect("there is room for temporary files");
        Named(dir.join(name))
    }

    fn list(&self) -> Vec<PathBuf> {
        vec![self.0.clone()]
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        drop(self.0.parent().map(Path::to_path_buf).map(fs::remove_dir_all));
    }
}
