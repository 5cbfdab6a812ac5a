//! A daemon's pid file as other processes see it: who holds it, and how the holder has ended.

use super::content::{self, is_file_of_name};
use super::holder::{self, Holder};
use super::{PidFileError, lock, outcome, unusable};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;

/// The pid file of a running daemon, kept open so that the outcome can be read after the file has lost its name.
pub(crate) struct Witness {
    path: PathBuf,
    file: File,
    pid: u32,
    /// Whether the daemon's version reports how it has ended.
    tells: bool,
    failure: Option<String>,
}

/// How a daemon has ended, as far as its pid file tells.
pub(crate) enum Ending {
    /// It has removed or emptied its pid file, and reported no failure; or its version can't report one.
    Clean,
    /// It has reported why it failed.
    Failed(String),
    /// Its pid file has not changed: it did not stop cleanly.
    Died,
}

impl Witness {
    /// The daemon that holds this pid file. `None`: there is none.
    ///
    /// # Errors
    /// If the file can't be read, or is held by a process that has not written its pid.
    pub(crate) fn find(path: &Path) -> Result<Option<Self>, PidFileError> {
        let path = std::path::absolute(path).map_err(|e| unusable(path, &e))?;
        // Without this flag, opening a FIFO would wait for a process that writes into it.
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(unusable(&path, &e)),
        };
        match holder::find(&file, sleep).map_err(|e| unusable(&path, &e))? {
            Holder::Nobody | Holder::Readers => Ok(None),
            Holder::Unknown => Err(PidFileError::Anonymous { path }),
            Holder::Daemon(pid) => Ok(Some(Self { path, file, pid, tells: true, failure: None })),
            Holder::Older(pid) => Ok(Some(Self { path, file, pid, tells: false, failure: None })),
        }
    }

    /// The daemon's pid.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Asks the daemon to keep its outcome until [`listen`](Self::listen) has read it.
    pub(crate) fn wait_for_outcome(&self) {
        // If this is impossible, the outcome may be missed.
        let _ = lock::wait_for_outcome(&self.file, true);
    }

    /// Reads the daemon's outcome, if there is one yet.
    pub(crate) fn listen(&mut self) {
        if self.failure.is_none()
            && let Ok(Some(failure)) = outcome::read(&self.file)
        {
            self.failure = Some(failure);
            let _ = lock::wait_for_outcome(&self.file, false);
        }
    }

    /// How the daemon has ended. Call this after its process has ended.
    pub(crate) fn ending(mut self) -> Ending {
        self.listen();
        let is_as_it_was = || {
            content::number(&self.file).is_ok_and(|number| number == Some(self.pid))
                && is_file_of_name(&self.file, &self.path)
        };
        match self.failure {
            Some(failure) => Ending::Failed(failure),
            None if self.tells && is_as_it_was() => Ending::Died,
            None => Ending::Clean,
        }
    }
}
