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
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn two_names_of_a_file_have_one_id_and_another_file_has_another() {
        let directory = tempfile::tempdir().unwrap();
        let [first, link, other] =
            ["first", "link", "other"].map(|name| directory.path().join(name));
        fs::write(&first, "").unwrap();
        fs::hard_link(&first, &link).unwrap();
        fs::write(&other, "").unwrap();
        let id = |path| FileId::of(&fs::metadata(path).unwrap());
        assert_eq!(id(&first), id(&link));
        assert_ne!(id(&first), id(&other));
    }

    #[test]
    fn a_descriptor_has_the_id_of_its_file() {
        let file = tempfile::tempfile().unwrap();
        let by_metadata = FileId::of(&file.metadata().unwrap());
        assert_eq!(FileId::of_descriptor(&file).unwrap(), by_metadata);
    }
}
