//! Epoch files, and the names of files.
use zabra_core::log::name::FileName;
use zabra_core::log::parse_epoch;

pub fn holds(bytes: &[u8]) {
    if let Some(epoch) = parse_epoch(bytes) {
        assert_eq!(parse_epoch(epoch.to_string().as_bytes()), Some(epoch));
    }
    if let Some(name) = std::str::from_utf8(bytes).ok().and_then(FileName::parse) {
        let path = name.path();
        let (_, again) = path.split_once('/').expect("a file of the directory");
        assert_eq!(FileName::parse(again), Some(name));
    }
}
