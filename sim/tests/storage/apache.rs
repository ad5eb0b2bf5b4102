//! Reading a directory of golden files into a simulated disk.

use zabra_core::log::{LoadError, Note, Recovered, Store, StoreLimits};
use zabra_sim::disk::SectorDisk;

/// The files of `core/tests/golden/NAME` as a data directory's `version-2`.
pub fn golden(name: &str) -> SectorDisk {
    let dir = format!("{}/../core/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    load(&dir)
}

pub fn load(dir: &str) -> SectorDisk {
    let mut disk = SectorDisk::new();
    for entry in std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{dir}: {error}")) {
        let entry = entry.expect("a directory entry");
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        disk.put(&format!("version-2/{name}"), &std::fs::read(entry.path()).expect("a file"));
    }
    disk
}

pub fn open(disk: SectorDisk) -> Result<(Store<SectorDisk>, Recovered, Vec<Note>), LoadError> {
    let limits = StoreLimits { segment_bytes: 16 * 1024, ..StoreLimits::default() };
    let (store, recovered) = Store::open(disk, limits).map_err(|(_, error)| error)?;
    let notes = store.notes().to_vec();
    Ok((store, recovered, notes))
}
