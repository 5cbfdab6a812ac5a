//! Talking to a running daemon, found through its pid file.

use super::pid_file::{self, PidFileError};
use super::process::Process;
use nix::unistd::Pid;
use std::io;
use std::path::Path;

/// Why a daemon can't be told.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The pid file can't be asked.
    #[error(transparent)]
    PidFile(#[from] PidFileError),
    /// It is somebody else's.
    #[error("no permission to stop the daemon with pid {0}; it belongs to another user")]
    NotPermitted(Pid),
    /// The system refused otherwise.
    #[error("can't stop the daemon with pid {pid}: {source}")]
    Refused {
        /// The daemon.
        pid: Pid,
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
            ControlError::Refused { .. } => false,
        }
    }
}

/// The pid of the daemon that runs with this pid file. `None`: none does. Asking takes nothing and
/// changes nothing.
///
/// # Errors
/// If the pid file can't be read.
pub fn running(pid_file: &Path) -> Result<Option<Pid>, ControlError> {
    Ok(pid_file::holder(pid_file)?)
}

/// Stops the daemon that runs with this pid file and returns when its process has ended, with the pid
/// that it had. `None`: none was running.
///
/// # Errors
/// If the daemon can't be found out or may not be stopped by this user.
pub fn stop(pid_file: &Path) -> Result<Option<Pid>, ControlError> {
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
