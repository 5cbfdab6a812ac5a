//! Whether two names or descriptors are the same file.

use nix::sys::stat::fstat;
use std::fs::Metadata;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

/// Identifies a file: no other existing file has the same device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileId {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl FileId {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// The file that a descriptor refers to.
    ///
    /// # Errors
    /// If the descriptor is closed.
    pub(crate) fn of_descriptor(descriptor: impl AsFd) -> io::Result<Self> {
        let stat = fstat(descriptor)?;
        Ok(Self { device: stat.st_dev, inode: stat.st_ino })
    }
}

#[cfg(test)]
mod tests;
