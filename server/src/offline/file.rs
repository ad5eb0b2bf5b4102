//! One file as the core reads files: to look at, never to change.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is the place for the files of offline tools"
)]

use crate::packed::{self, Packed};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use zabra_core::log::name::{FileName, Suffix};
use zabra_core::log::record::Source;
use zabra_core::log::{FileId, Vfs, VfsError};

/// A file that is open; whatever path is asked for, it is this one.
pub struct OneFile(Content);

enum Content {
    Plain(File),
    Packed(Packed),
}

impl OneFile {
    /// The system's own words, if it cannot be opened.
    pub fn open(path: &Path) -> Result<OneFile, String> {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        match file.metadata() {
            Ok(metadata) if metadata.is_file() => Ok(OneFile(Content::Plain(file))),
            Ok(_) => Err(format!("{}: expected a file", path.display())),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    /// A snapshot, which may be compressed.
    pub fn open_snapshot(path: &Path, suffix: Suffix) -> Result<OneFile, String> {
        let plain = OneFile::open(path)?;
        if suffix == Suffix::None {
            return Ok(plain);
        }
        let place = path.to_path_buf();
        let packed = Packed::new(move || Ok(packed::reader(File::open(&place)?, suffix)));
        packed.map(|packed| OneFile(Content::Packed(packed))).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// What a snapshot holds, from its beginning.
pub fn open_content(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let suffix = match FileName::parse(name) {
        Some(FileName::Snapshot(_, suffix)) => suffix,
        Some(FileName::Log(_) | FileName::Install(_) | FileName::Truncate(_)) | None => Suffix::None,
    };
    Ok(packed::reader(File::open(path)?, suffix))
}

/// Writes a file that is not there, durably, and under its name only when it is whole. Says its length.
pub fn write_new(
    unfinished: &Path,
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<u64> {
    let mut file = BufWriter::new(OpenOptions::new().write(true).create_new(true).open(unfinished)?);
    let written = write(&mut file).and_then(|()| file.flush()).and_then(|()| {
        let file = file.get_ref();
        file.sync_all()?;
        let bytes = file.metadata()?.len();
        fs::rename(unfinished, path)?;
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(dir)?.sync_all()?;
        Ok(bytes)
    });
    if written.is_err() {
        drop(fs::remove_file(unfinished));
    }
    written
}

impl Source for OneFile {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, VfsError> {
        let file = match &mut self.0 {
            Content::Plain(file) => file,
            Content::Packed(packed) => return packed.read_at(offset, into).map_err(|_| VfsError::Io),
        };
        loop {
            match file.read_at(into, offset) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other.map_err(|_| VfsError::Io),
            }
        }
    }
}

impl Vfs for OneFile {
    fn list(&mut self, _: &str) -> Result<Vec<String>, VfsError> {
        Err(VfsError::Io)
    }

    fn make_dir(&mut self, _: &str) -> Result<(), VfsError> {
        Err(VfsError::Io)
    }

    fn create(&mut self, _: &str) -> Result<FileId, VfsError> {
        Err(VfsError::Io)
    }

    fn open(&mut self, _: &str) -> Result<FileId, VfsError> {
        Ok(FileId(0))
    }

    fn close(&mut self, _: FileId) {}

    fn len(&mut self, _: FileId) -> Result<u64, VfsError> {
        match &self.0 {
            Content::Plain(file) => file.metadata().map(|metadata| metadata.len()).map_err(|_| VfsError::Io),
            Content::Packed(_) => Err(VfsError::Io),
        }
    }

    fn read_at(&mut self, _: FileId, offset: u64, into: &mut [u8]) -> Result<usize, VfsError> {
        Source::read_at(self, offset, into)
    }

    fn write_at(&mut self, _: FileId, _: u64, _: &[u8]) -> Result<(), VfsError> {
        Err(VfsError::Io)
    }

    fn allocate(&mut self, _: FileId, _: u64) -> Result<(), VfsError> {
        Err(VfsError::Io)
    }

    fn set_len(&mut self, _: FileId, _: u64) -> Result<(), VfsError> {
        Err(VfsError::Io)
    }

    fn sync(&mut self, _: FileId) -> Result<(), VfsError> {
        Err(VfsError::Io)
    }

    fn sync_dir(&mut self, _: &str) -> Result<(), VfsError> {
        Err(VfsError::Io)
    }

    fn rename(&mut self, _: &str, _: &str) -> Result<(), VfsError> {
        Err(VfsError::Io)
    }

    fn remove(&mut self, _: &str) -> Result<(), VfsError> {
        Err(VfsError::Io)
    }
}
