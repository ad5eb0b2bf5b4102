//! One file as the core reads files: to look at, never to change; and how a new one comes to be.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is the place for the files of offline tools"
)]

use super::Failed;
use crate::exit::Exit;
use crate::packed::{self, Packed};
use std::fs::{self, File};
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

/// Why there is no new file.
#[derive(Debug)]
pub enum Uncreated {
    /// It could not be written.
    Target(io::Error),
    /// There was nothing to be written.
    Failed(Failed),
}

impl From<io::Error> for Uncreated {
    fn from(error: io::Error) -> Uncreated {
        Uncreated::Target(error)
    }
}

impl From<Failed> for Uncreated {
    fn from(failed: Failed) -> Uncreated {
        Uncreated::Failed(failed)
    }
}

/// Makes a file that is whole or not there at all, and durable: it gets its name when it has been filled. Says its
/// length. What an earlier try has left under the name of a file that is being filled is overwritten.
pub fn create_whole(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<(), Uncreated>) -> Result<u64, Failed> {
    let said = |error: io::Error| Failed::Said(Exit::Invocation, format!("{}: {error}", path.display()));
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".tmp");
    let unfinished = Path::new(&unfinished);
    if path.symlink_metadata().is_ok() {
        return Err(said(ErrorKind::AlreadyExists.into()));
    }
    let create = || {
        let mut file = BufWriter::new(File::create(unfinished)?);
        fill(&mut file)?;
        file.flush()?;
        let bytes = file.get_ref().metadata()?.len();
        file.get_ref().sync_all()?;
        fs::rename(unfinished, path)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent)?.sync_all()?;
        Ok(bytes)
    };
    create().map_err(|uncreated| {
        drop(fs::remove_file(unfinished));
        match uncreated {
            Uncreated::Target(error) => said(error),
            Uncreated::Failed(failed) => failed,
        }
    })
}
