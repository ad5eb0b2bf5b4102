//! A data directory as the store sees it, without a change on the disk: files are read where they
//! are, and what recovery would write stays in memory.
//!
//! So `zabra-lab verify` judges a directory with the code by which a server starts from it.

use std::collections::BTreeMap;
use std::fs::{File, read_dir};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use zabra_core::log::name::DIR;
use zabra_core::log::{FileId, Vfs, VfsError};

/// Files read from disk, changes kept aside.
pub struct ReadOnly {
    /// What `version-2` is.
    dir: PathBuf,
    /// What stands beside it, if that is known.
    above: Option<PathBuf>,
    /// Files that are open or were changed; `None`: removed.
    files: BTreeMap<String, Option<Content>>,
    handles: Vec<Option<String>>,
}

/// A file, with what was changed in it.
#[derive(Default)]
struct Content {
    base: Option<File>,
    /// So many bytes of the base still count.
    base_len: u64,
    len: u64,
    /// Later ones lie over earlier ones.
    pieces: Vec<(u64, Vec<u8>)>,
    is_changed: bool,
}

impl ReadOnly {
    pub fn new(dir: &Path, above: Option<&Path>) -> ReadOnly {
        let (dir, above) = (dir.to_path_buf(), above.map(Path::to_path_buf));
        ReadOnly { dir, above, files: BTreeMap::new(), handles: Vec::new() }
    }

    /// Where a path of the store is on disk.
    pub fn real(&self, path: &str) -> Option<PathBuf> {
        match path.strip_prefix(DIR).and_then(|rest| rest.strip_prefix('/')) {
            Some(name) => Some(self.dir.join(name)),
            None => self.above.as_ref().map(|above| above.join(path)),
        }
    }

    fn load(&mut self, path: &str) -> Result<&mut Content, VfsError> {
        if !self.files.contains_key(path) {
            let real = self.real(path).ok_or(VfsError::NotFound)?;
            let base = File::open(real).map_err(|error| of(&error))?;
            let len = base.metadata().map_err(|error| of(&error))?.len();
            let content = Content { base: Some(base), base_len: len, len, ..Content::default() };
            self.files.insert(path.to_string(), Some(content));
        }
        self.files.get_mut(path).and_then(Option::as_mut).ok_or(VfsError::NotFound)
    }

    fn handle(&mut self, path: &str) -> FileId {
        let free = self.handles.iter().position(Option::is_none).unwrap_or(self.handles.len());
        self.handles.resize(self.handles.len().max(free + 1), None);
        self.handles[free] = Some(path.to_string());
        FileId(u32::try_from(free).expect("a few files are open"))
    }

    fn opened(&mut self, file: FileId) -> Result<&mut Content, VfsError> {
        let path = self.handles.get(file.0 as usize).cloned().flatten().ok_or(VfsError::Io)?;
        self.load(&path)
    }
}

fn of(error: &std::io::Error) -> VfsError {
    if error.kind() == ErrorKind::NotFound { VfsError::NotFound } else { VfsError::Io }
}

impl Content {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> std::io::Result<usize> {
        let wanted = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX).min(into.len());
        let into = &mut into[..wanted];
        into.fill(0);
        let from_base = usize::try_from(self.base_len.saturating_sub(offset)).unwrap_or(usize::MAX).min(wanted);
        if let Some(base) = &mut self.base
            && from_base > 0
        {
            base.seek(SeekFrom::Start(offset))?;
            base.read_exact(&mut into[..from_base])?;
        }
        for (at, piece) in &self.pieces {
            let (start, end) = (offset.max(*at), (offset + wanted as u64).min(at + piece.len() as u64));
            if start < end {
                let (to, from) = ((start - offset) as usize, (start - at) as usize);
                let n = (end - start) as usize;
                into[to..to + n].copy_from_slice(&piece[from..from + n]);
            }
        }
        Ok(wanted)
    }

    fn set_len(&mut self, len: u64) {
        self.base_len = self.base_len.min(len);
        for (at, piece) in &mut self.pieces {
            piece.truncate(usize::try_from(len.saturating_sub(*at)).unwrap_or(usize::MAX));
        }
        self.len = len;
        self.is_changed = true;
    }
}

impl Vfs for ReadOnly {
    fn list(&mut self, dir: &str) -> Result<Vec<String>, VfsError> {
        let real = if dir == DIR { Some(self.dir.clone()) } else { self.above.clone() };
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let mut names = Vec::new();
        for entry in real.map(read_dir).transpose().map_err(|error| of(&error))?.into_iter().flatten() {
            // A name that is no UTF-8 is none of ours.
            names.extend(entry.map_err(|error| of(&error))?.file_name().into_string());
        }
        names.retain(|name| !matches!(self.files.get(&format!("{prefix}{name}")), Some(None)));
        let made = self.files.iter().filter(|(_, content)| content.is_some());
        names.extend(made.filter_map(|(path, _)| path.strip_prefix(&prefix)).map(str::to_string));
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn make_dir(&mut self, _: &str) -> Result<(), VfsError> {
        Ok(())
    }

    fn create(&mut self, path: &str) -> Result<FileId, VfsError> {
        if self.load(path).is_ok() {
            return Err(VfsError::Exists);
        }
        self.files.insert(path.to_string(), Some(Content { is_changed: true, ..Content::default() }));
        Ok(self.handle(path))
    }

    fn open(&mut self, path: &str) -> Result<FileId, VfsError> {
        self.load(path)?;
        Ok(self.handle(path))
    }

    fn close(&mut self, file: FileId) {
        let Some(path) = self.handles.get_mut(file.0 as usize).and_then(Option::take) else { return };
        let is_open = self.handles.iter().flatten().any(|other| *other == path);
        let is_changed = self.files.get(&path).is_some_and(|c| c.as_ref().is_none_or(|c| c.is_changed));
        if !is_open && !is_changed {
            self.files.remove(&path);
        }
    }

    fn len(&mut self, file: FileId) -> Result<u64, VfsError> {
        self.opened(file).map(|content| content.len)
    }

    fn read_at(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, VfsError> {
        self.opened(file)?.read_at(offset, into).map_err(|error| of(&error))
    }

    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), VfsError> {
        let content = self.opened(file)?;
        content.pieces.push((offset, bytes.to_vec()));
        content.len = content.len.max(offset + bytes.len() as u64);
        content.is_changed = true;
        Ok(())
    }

    fn allocate(&mut self, file: FileId, len: u64) -> Result<(), VfsError> {
        let content = self.opened(file)?;
        content.set_len(content.len.max(len));
        Ok(())
    }

    fn set_len(&mut self, file: FileId, len: u64) -> Result<(), VfsError> {
        self.opened(file)?.set_len(len);
        Ok(())
    }

    fn sync(&mut self, _: FileId) -> Result<(), VfsError> {
        Ok(())
    }

    fn sync_dir(&mut self, _: &str) -> Result<(), VfsError> {
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), VfsError> {
        self.load(from)?;
        let mut content = self.files.insert(from.to_string(), None).flatten().ok_or(VfsError::NotFound)?;
        content.is_changed = true;
        self.files.insert(to.to_string(), Some(content));
        Ok(())
    }

    fn remove(&mut self, path: &str) -> Result<(), VfsError> {
        self.load(path)?;
        self.files.insert(path.to_string(), None);
        Ok(())
    }
}
