//! Talking to a running daemon, found through its pid file.

use super::pid_file::{self, PidFileError};
use super::process::{self, Process};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Why a daemon can't be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The pid file can't be asked.
    #[error(transparent)]
    PidFile(#[from] PidFileError),
    /// The pid file says another number than that of the process which holds it.
    #[error("the number {pid} in the pid file {} is not that of the daemon that holds it; nothing was done", path.display())]
    WrongNumber {
        /// The number.
        pid: u32,
        /// The pid file.
        path: PathBuf,
    },
    /// It is somebody else's.
    #[error("no permission to stop the daemon with pid {0}; it belongs to another user")]
    NotPermitted(u32),
    /// The system refused otherwise.
    #[error("can't stop the daemon with pid {pid}: {source}")]
    Refused {
        /// The daemon.
        pid: u32,
        /// What the system said.
        source: io::Error,
    },
}

impl ControlError {
    /// Whether another user might be allowed to.
    pub fn is_about_permission(&self) -> bool {
        match self {
            ControlError::PidFile(e) => e.is_about_permission(),
            ControlError::NotPermitted(_) => true,
            ControlError::WrongNumber { .. } | ControlError::Refused { .. } => false,
        }
    }
}

/// The pid of the daemon that runs with this pid file. `None`: none does. Asking takes nothing and
/// changes nothing.
///
/// # Errors
/// If the pid file can't be read.
pub fn running(pid_file: &Path) -> Result<Option<u32>, ControlError> {
    let Some(pid) = pid_file::holder(pid_file)? else { return Ok(None) };
    if may_hold(pid, pid_file) {
        return Ok(Some(pid));
    }
    match pid_file::holder(pid_file)? {
        None => Ok(None), // it was just ending
        Some(pid) => Err(ControlError::WrongNumber { pid, path: pid_file.into() }),
    }
}

/// Whether a process may be the one that holds a pid file: it has it open, or does not let us look. The
/// number could be anything, if somebody has written into the file.
fn may_hold(pid: u32, pid_file: &Path) -> bool {
    fs::metadata(pid_file).ok().and_then(|file| process::writes(pid, &file)).unwrap_or(true)
}

/// Stops the daemon that runs with this pid file and returns when its process has ended, with the pid
/// that it had. `None`: none was running.
///
/// # Errors
/// If the daemon can't be found out or may not be stopped by this user.
pub fn stop(pid_file: &Path) -> Result<Option<u32>, ControlError> {
    let Some(pid) = running(pid_file)? else { return Ok(None) };
    let process = match Process::open(pid) {
        Ok(process) => process,
        Err(e) if e.raw_os_error() == Some(libc::ESRCH) => return Ok(None), // ended meanwhile
        Err(source) => return Err(ControlError::Refused { pid, source }),
    };
    // The number could have passed to another process before it was opened. Whoever holds the lock now
    // and has this number is the one that is open.
    if running(pid_file)? != Some(pid) {
        return Ok(None);
    }
    match process.terminate() {
        Ok(()) => {}
        Err(e) if e.raw_os_error() == Some(libc::ESRCH) => return Ok(Some(pid)),
        Err(e) if e.raw_os_error() == Some(libc::EPERM) => {
            return Err(ControlError::NotPermitted(pid));
        }
        Err(source) => return Err(ControlError::Refused { pid, source }),
    }
    process.wait_for_end().map_err(|source| ControlError::Refused { pid, source })?;
    Ok(Some(pid))
}
