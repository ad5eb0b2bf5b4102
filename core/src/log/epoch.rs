//! The epoch files: decimal text, replaced as a whole (reference/zookeeper.md section 3.8).

use super::error::{LoadError, StoreError};
use super::name::{DIR, in_dir};
use super::vfs::{Vfs, VfsError};
use crate::id::Epoch;
use alloc::format;
use alloc::string::ToString;

/// Longest text that is looked at: a number of 20 digits and a line end.
const TEXT_BYTES_MAX: usize = 24;

/// The epoch in a file of the data directory; `None` if there is no such file.
pub fn read_epoch<V: Vfs>(vfs: &mut V, name: &str) -> Result<Option<Epoch>, LoadError> {
    let path = in_dir(name);
    let file = match vfs.open(&path) {
        Ok(file) => file,
        Err(VfsError::NotFound) => return Ok(None),
        Err(error) => return Err(StoreError::at(&path, "open")(error).into()),
    };
    let mut text = [0; TEXT_BYTES_MAX];
    let read = vfs.read_at(file, 0, &mut text);
    vfs.close(file);
    let n = read.map_err(StoreError::at(&path, "read"))?;
    parse_epoch(&text[..n]).map(Some).ok_or(LoadError::BadEpoch { file: path })
}

/// Makes `epoch` the file's durable content: written beside it, synced, renamed over it.
pub fn write_epoch<V: Vfs>(vfs: &mut V, name: &str, epoch: Epoch) -> Result<(), StoreError> {
    let path = in_dir(name);
    replace(vfs, &path, &format!("{path}.tmp"), epoch.to_string().as_bytes())
}

/// Replaces a small file atomically and durably.
fn replace<V: Vfs>(vfs: &mut V, path: &str, tmp: &str, content: &[u8]) -> Result<(), StoreError> {
    match vfs.remove(tmp) {
        Ok(()) | Err(VfsError::NotFound) => {}
        Err(error) => return Err(StoreError::at(tmp, "remove")(error)),
    }
    let file = vfs.create(tmp).map_err(StoreError::at(tmp, "create"))?;
    let written = vfs.write_at(file, 0, content).and_then(|()| vfs.sync(file));
    vfs.close(file);
    written.map_err(StoreError::at(tmp, "write"))?;
    vfs.rename(tmp, path).map_err(StoreError::at(path, "rename"))?;
    vfs.sync_dir(DIR).map_err(StoreError::at(DIR, "sync"))
}

/// Java writes the number without a line end; an editor may have added one.
pub fn parse_epoch(text: &[u8]) -> Option<Epoch> {
    let text = core::str::from_utf8(text).ok()?;
    let digits = text.trim_end_matches(['\n', '\r']);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if plain { digits.parse().ok().map(Epoch) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_decimal_and_nothing_else() {
        assert_eq!(parse_epoch(b"0"), Some(Epoch(0)));
        assert_eq!(parse_epoch(b"4294967295\n"), Some(Epoch(u32::MAX)));
        for bad in [&b""[..], b"\n", b"-1", b"+1", b"4294967296", b"1 ", b"0x1", b"\xff", b"99999999999999999999999"] {
            assert_eq!(parse_epoch(bad), None);
        }
    }
}
