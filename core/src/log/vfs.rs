//! The file operations that storage is made of: the only face of a disk that the core knows.
//!
//! One directory tree, named by `/`-separated paths relative to its root. Content becomes durable
//! by [`Vfs::sync`], names by [`Vfs::sync_dir`]; a rename is atomic and durable after the directory
//! is synced. Implemented over `std::fs` by the server and by the simulated disk.

use alloc::string::String;
use alloc::vec::Vec;

/// An open file: a small slot given by the implementor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// Why a file operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VfsError {
    NotFound,
    Exists,
    Full,
    Io,
}

/// A directory tree with explicit durability.
pub trait Vfs {
    /// The names in a directory, sorted by bytes. `NotFound` if it does not exist.
    fn list(&mut self, dir: &str) -> Result<Vec<String>, VfsError>;
    /// Creates a directory; succeeds if it exists.
    fn make_dir(&mut self, dir: &str) -> Result<(), VfsError>;
    /// Creates and opens an empty file; `Exists` if there is one.
    fn create(&mut self, path: &str) -> Result<FileId, VfsError>;
    fn open(&mut self, path: &str) -> Result<FileId, VfsError>;
    fn close(&mut self, file: FileId);
    fn len(&mut self, file: FileId) -> Result<u64, VfsError>;
    /// Reads up to `into.len()` bytes at `offset`; returns how many, 0 at the end.
    fn read_at(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, VfsError>;
    /// Writes all of `bytes` at `offset`, growing the file if needed.
    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), VfsError>;
    /// Grows the file with written zeros up to `len` bytes.
    fn allocate(&mut self, file: FileId, len: u64) -> Result<(), VfsError>;
    fn set_len(&mut self, file: FileId, len: u64) -> Result<(), VfsError>;
    /// Makes content and length durable, not the name.
    fn sync(&mut self, file: FileId) -> Result<(), VfsError>;
    /// Makes the names in a directory durable.
    fn sync_dir(&mut self, dir: &str) -> Result<(), VfsError>;
    fn rename(&mut self, from: &str, to: &str) -> Result<(), VfsError>;
    fn remove(&mut self, path: &str) -> Result<(), VfsError>;
}
