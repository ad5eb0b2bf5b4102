//! One file as the core reads files: to look at, never to change.
#![expect(clippy::disallowed_types, reason = "this is the place for the files of offline tools")]

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;
use zabra_core::log::record::Source;
use zabra_core::log::{FileId, Vfs, VfsError};

/// A file that is open; whatever path is asked for, it is this one.
pub struct OneFile(pub File);

impl OneFile {
    /// The system's own words, if it cannot be opened.
    pub fn open(path: &Path) -> Result<OneFile, String> {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        match file.metadata() {
            Ok(metadata) if metadata.is_file() => Ok(OneFile(file)),
            Ok(_) => Err(format!("{}: expected a file", path.display())),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }
}

impl Source for OneFile {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, VfsError> {
        loop {
            match self.0.read_at(into, offset) {
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
        self.0.metadata().map(|metadata| metadata.len()).map_err(|_| VfsError::Io)
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
