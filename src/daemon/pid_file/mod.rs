//! The pid file: says which daemon is running, and holds the lock that makes it the only one.
//!
//! The lock counts, not the number: a file that no process holds is stale, whatever is in it. Files that may be
//! something else than a pid file are refused, see `content.rs`. `lock.rs` describes the locks, and `outcome.rs`
//! how `poetryd stop` learns of a failure from the pid file.

mod content;
mod holder;
mod lock;
mod outcome;
mod replacement;
mod witness;

use super::signals::sleep_until_stopped;
use content::{MODE, is_file_of_name, open, refuse_other_files};
use holder::Holder;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub(super) use witness::{Ending, Witness};

/// How often to start over because the file of this name has changed while it was being taken.
const MAX_ATTEMPTS: usize = 100;

/// A pid file that this process holds.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
    file: File,
    removed: bool,
}

/// Why a pid file can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PidFileError {
    /// Another daemon holds it.
    #[error("already running with pid {pid} (pid file {}); stop it with: kill {pid}", path.display())]
    Running {
        /// The pid in the file.
        pid: u32,
        /// The file.
        path: PathBuf,
    },
    /// Another process holds it and has not written its pid.
    #[error("another process holds the pid file {} and has not written its pid", path.display())]
    Anonymous {
        /// The file.
        path: PathBuf,
    },
    /// It can't be opened, locked or written.
    #[error("can't use the pid file {}: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
        /// Whether it might be allowed to another user.
        permission: bool,
    },
}

impl PidFileError {
    pub(super) fn is_about_permission(&self) -> bool {
        matches!(self, PidFileError::Unusable { permission: true, .. })
    }
}

impl PidFile {
    /// Creates the file, or takes over a stale one that holds nothing but a number, and writes this process's pid
    /// and a newline into it.
    ///
    /// # Errors
    /// If another process holds the file, or it may be something else than a pid file. The file is not changed
    /// then.
    pub(super) fn acquire(path: &Path) -> Result<Self, PidFileError> {
        let path = std::path::absolute(path).map_err(|e| unusable(path, &e))?;
        for _ in 0..MAX_ATTEMPTS {
            if let Some(file) = take(&path)? {
                let mut pid_file = Self { path, file, removed: false };
                pid_file.write_pid().map_err(|e| unusable(&pid_file.path, &e))?;
                return Ok(pid_file);
            }
        }
        let reason = "other processes keep replacing it".into();
        Err(PidFileError::Unusable { path, reason, permission: false })
    }

    fn write_pid(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        // Independent of the umask.
        self.file.set_permissions(Permissions::from_mode(MODE))?;
        // In one write, so that a reader sees a whole line or none.
        self.file.write_all(format!("{}\n", std::process::id()).as_bytes())?;
        lock::number_is_true(&self.file)
    }

    /// Removes the file, or empties it if this user may not remove it: an empty unlocked file is stale. The lock
    /// is released last. If the daemon has failed, processes that wait for its end learn why.
    pub(super) fn remove(mut self, failure: Option<&str>) -> io::Result<()> {
        self.removed = true;
        let has_name = !self.lose_name();
        let mut outcome = Ok(());
        if let Some(failure) = failure {
            outcome = outcome::write(&self.file, failure);
            if has_name && outcome.is_ok() {
                outcome::wait_until_read(&self.file);
            }
        }
        if has_name {
            self.file.set_len(0)?;
        }
        outcome
    }

    /// Whether the file no longer has its name.
    fn lose_name(&self) -> bool {
        match fs::symlink_metadata(&self.path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => true, // it has been removed already
            Ok(_) if !is_file_of_name(&self.file, &self.path) => true, // and replaced by another one
            Ok(_) => fs::remove_file(&self.path).is_ok(),
            Err(_) => false, // this user may not even look
        }
    }
}

/// Unless the daemon is killed, no wrong pid is left behind, however it ends.
impl Drop for PidFile {
    fn drop(&mut self) {
        if !self.removed && !self.lose_name() {
            let _ = self.file.set_len(0);
        }
    }
}

/// The file of this name, taken by this process. `None`: it has changed meanwhile; try again.
fn take(path: &Path) -> Result<Option<File>, PidFileError> {
    let failed = |e: io::Error| unusable(path, &e);
    let file = open(path, MODE).map_err(failed)?;
    if lock::take(&file).map_err(failed)? {
        // The previous owner may have removed the file after it was opened and before it was locked.
        if !is_file_of_name(&file, path) {
            return Ok(None);
        }
        refuse_other_files(&file).map_err(failed)?;
        return Ok(Some(file));
    }
    match holder::find(&file, sleep_until_stopped).map_err(failed)? {
        Holder::Nobody => Ok(None), // its owner has ended just now
        Holder::Readers => replacement::replace(path).map_err(failed),
        Holder::Unknown => Err(PidFileError::Anonymous { path: path.into() }),
        Holder::Daemon(pid) | Holder::Older(pid) => {
            Err(PidFileError::Running { pid, path: path.into() })
        }
    }
}

fn unusable(path: &Path, error: &io::Error) -> PidFileError {
    let reason = match error.raw_os_error() {
        Some(libc::ELOOP) => "it is a symbolic link; name the file itself".into(),
        Some(libc::EROFS) => format!("{error}; --pidfile names another file, '' means none"),
        Some(libc::EACCES | libc::EPERM) => {
            format!("{error}; --pidfile names another file, --rundir another directory")
        }
        _ => error.to_string(),
    };
    let permission = error.kind() == io::ErrorKind::PermissionDenied;
    PidFileError::Unusable { path: path.into(), reason, permission }
}
