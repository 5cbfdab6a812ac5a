//! A daemon's pid file as others see it: who holds it, and how the holder has ended.

use super::content::{self, is_file_of_name};
use super::holder::{self, Holder};
use super::{PidFileError, lock, outcome, unusable};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;

/// The pid file of a running daemon, open so that the daemon's last words can be read when the file has lost
/// its name.
pub(crate) struct Witness {
    path: PathBuf,
    file: File,
    pid: u32,
    /// Whether it is of a version that tells how it has ended.
    tells: bool,
    failure: Option<String>,
}

/// How a daemon has ended, as far as its pid file tells.
pub(crate) enum Ending {
    /// It has removed or emptied its pid file, and said nothing of a failure; or can't say.
    Clean,
    /// It has said why it failed.
    Failed(String),
    /// Its pid file is as it was: it has not come to an orderly end.
    Died,
}

impl Witness {
    /// The daemon that holds this pid file. `None`: none does.
    ///
    /// # Errors
    /// If the file can't be read, or is held by a process that does not say who it is.
    pub(crate) fn find(path: &Path) -> Result<Option<Self>, PidFileError> {
        let path = std::path::absolute(path).map_err(|e| unusable(path, &e))?;
        // Opening a FIFO would otherwise wait for somebody to write into it.
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

    /// Asks the daemon to leave its last words until [`listen`](Self::listen) has read them.
    pub(crate) fn wait_for_outcome(&self) {
        // Where this is impossible, they may be missed.
        let _ = lock::wait_for_outcome(&self.file, true);
    }

    /// Reads the daemon's last words, if there are any yet.
    pub(crate) fn listen(&mut self) {
        if self.failure.is_none()
            && let Ok(Some(failure)) = outcome::read(&self.file)
        {
            self.failure = Some(failure);
            let _ = lock::wait_for_outcome(&self.file, false);
        }
    }

    /// How the daemon has ended; to be asked when its process has.
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
