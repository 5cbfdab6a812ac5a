//! Talking to a running daemon, which is found by its pid file.

use super::pid_file::{self, PidFileError};
use super::process::{self, Process};
use nix::sys::signal::Signal;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    /// It has been told to stop, or been killed, but has not ended.
    #[error(
        "the daemon with pid {pid} is still running {} s after it was {}{}",
        waited.as_secs_f64(),
        if *killed { "killed" } else { "told to stop" },
        explanation(*pid, *suspended)
    )]
    StillRunning {
        /// The daemon.
        pid: u32,
        /// How long its end was waited for.
        waited: Duration,
        /// Whether it has been killed.
        killed: bool,
        /// Whether its process is suspended, by SIGSTOP for example.
        suspended: bool,
    },
}

impl ControlError {
    /// Whether another user might be allowed to.
    pub fn is_about_permission(&self) -> bool {
        match self {
            ControlError::PidFile(e) => e.is_about_permission(),
            ControlError::NotPermitted(_) => true,
            ControlError::WrongNumber { .. }
            | ControlError::Refused { .. }
            | ControlError::StillRunning { .. } => false,
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

/// Stops the daemon that runs with this pid file, as SIGTERM does, and returns when its process has ended,
/// with the pid that it had. `None`: none was running.
///
/// # Errors
/// If the daemon can't be found out, may not be stopped by this user, or is still running after `timeout`.
pub fn stop(pid_file: &Path, timeout: Duration) -> Result<Option<u32>, ControlError> {
    end(pid_file, Signal::SIGTERM, timeout)
}

/// Kills the daemon that runs with this pid file, as SIGKILL does, and returns when its process has ended,
/// with the pid that it had. `None`: none was running. What was in progress is cut, and the daemon's files
/// stay, the pid file among them; it is stale then.
///
/// # Errors
/// As of [`stop`].
pub fn kill(pid_file: &Path, timeout: Duration) -> Result<Option<u32>, ControlError> {
    end(pid_file, Signal::SIGKILL, timeout)
}

fn end(pid_file: &Path, signal: Signal, timeout: Duration) -> Result<Option<u32>, ControlError> {
    let Some((pid, process)) = find(pid_file)? else { return Ok(None) };
    let refused = |source| ControlError::Refused { pid, source };
    match process.signal(signal) {
        Ok(()) => {}
        Err(e) if e.raw_os_error() == Some(libc::ESRCH) => return Ok(Some(pid)),
        Err(e) if e.raw_os_error() == Some(libc::EPERM) => {
            return Err(ControlError::NotPermitted(pid));
        }
        Err(source) => return Err(refused(source)),
    }
    if process.wait_for_end(Some(timeout)).map_err(refused)? {
        return Ok(Some(pid));
    }
    let (killed, suspended) = (signal == Signal::SIGKILL, process::is_suspended(pid));
    Err(ControlError::StillRunning { pid, waited: timeout, killed, suspended })
}

/// The daemon that runs with this pid file, and its process.
fn find(pid_file: &Path) -> Result<Option<(u32, Process)>, ControlError> {
    let Some(pid) = running(pid_file)? else { return Ok(None) };
    let process = match Process::open(pid) {
        Ok(process) => process,
        Err(e) if e.raw_os_error() == Some(libc::ESRCH) => return Ok(None), // ended meanwhile
        Err(source) => return Err(ControlError::Refused { pid, source }),
    };
    // The number could have passed to another process before it was opened. Whoever holds the lock now
    // and has this number is the one that is open.
    Ok((running(pid_file)? == Some(pid)).then_some((pid, process)))
}

/// What more there is to say of a daemon that has not ended.
fn explanation(pid: u32, suspended: bool) -> String {
    match suspended {
        true => format!(": its process is suspended; to let it go on: kill -CONT {pid}"),
        false => String::new(),
    }
}
