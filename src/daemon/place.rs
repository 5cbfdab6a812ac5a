//! Step 3: the daemon's root directory, umask and rundir.

use nix::sys::stat::{Mode, umask};
use nix::unistd::chroot;
use std::env::set_current_dir;
use std::io;
use std::path::{Path, PathBuf};

/// The daemon's root directory, umask and rundir.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Place {
    pub(super) chroot: Option<PathBuf>,
    pub(super) umask: Option<u32>,
    pub(super) rundir: Option<PathBuf>,
}

/// Why the daemon can't run there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// The root can't be changed.
    #[error("can't make {} the root directory: {source}", directory.display())]
    Chroot {
        /// The directory.
        directory: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The directory can't be entered.
    #[error("can't run in {}: {source}; create the directory or name another with --rundir", directory.display())]
    Rundir {
        /// The directory.
        directory: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Place {
    pub(super) fn enter(&self) -> Result<(), PlaceError> {
        if let Some(directory) = &self.chroot {
            let entered = chroot(directory).map_err(io::Error::from);
            // Without this, the old root could still be reached through the current directory.
            let entered = entered.and_then(|()| set_current_dir(Path::new("/")));
            entered
                .map_err(|source| PlaceError::Chroot { directory: directory.clone(), source })?;
        }
        if let Some(mask) = self.umask {
            umask(Mode::from_bits_truncate(mask));
        }
        if let Some(directory) = &self.rundir {
            set_current_dir(directory)
                .map_err(|source| PlaceError::Rundir { directory: directory.clone(), source })?;
        }
        Ok(())
    }
}
