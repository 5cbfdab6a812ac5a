//! Controls a running daemon, which is found by its pid file.

use super::pid_file::{Ending, PidFileError, Witness};
use super::process::{self, Process};
use nix::sys::signal::Signal;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often `stop` looks for the outcome of a daemon that is ending. If the daemon can't remove its pid file,
/// the outcome stays there only for a moment.
const LISTEN_INTERVAL: Duration = Duration::from_millis(20);

/// Why a daemon can't be controlled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The pid file can't be read.
    #[error(transparent)]
    PidFile(#[from] PidFileError),
    /// The number in the pid file is not the pid of the process that holds the file.
    #[error("the number {pid} in the pid file {} is not that of the daemon that holds the file; nothing was done", path.display())]
    WrongNumber {
        /// The number.
        pid: u32,
        /// The pid file.
        path: PathBuf,
    },
    /// It belongs to another user.
    #[error("no permission to stop the daemon with pid {0}; it belongs to another user")]
    NotPermitted(u32),
    /// The system refused for another reason.
    #[error("can't stop the daemon with pid {pid}: {source}")]
    Refused {
        /// The daemon.
        pid: u32,
        /// The error of the system call.
        source: io::Error,
    },
    /// It has ended as requested, but something went wrong.
    #[error("the daemon with pid {pid} has stopped, but not cleanly: {reason}")]
    Failed {
        /// The pid that it had.
        pid: u32,
        /// The daemon's own error.
        reason: String,
    },
    /// It has ended without stopping its services.
    #[error(
        "the daemon with pid {0} did not stop cleanly: it was killed, or it crashed; its log may say more"
    )]
    Died(u32),
    /// It was told to stop, or was killed, but has not ended.
    #[error(
        "the daemon with pid {pid} is still running {} s after it was {}{}",
        waited.as_secs_f64(),
        if *killed { "killed" } else { "told to stop" },
        explanation(*pid, *suspended)
    )]
    StillRunning {
        /// The daemon.
        pid: u32,
        /// How long `stop` has waited for it to end.
        waited: Duration,
        /// Whether it was killed.
        killed: bool,
        /// Whether its process is suspended, by SIGSTOP for example.
        suspended: bool,
    },
}

impl ControlError {
    /// Whether it might be allowed to another user.
    pub fn is_about_permission(&self) -> bool {
        match self {
            ControlError::PidFile(e) => e.is_about_permission(),
            ControlError::NotPermitted(_) => true,
            ControlError::WrongNumber { .. }
            | ControlError::Refused { .. }
            | ControlError::Failed { .. }
            | ControlError::Died(_)
            | ControlError::StillRunning { .. } => false,
        }
    }
}

/// The pid of the daemon that holds this pid file. `None`: there is none. This has no effect on the file or the
/// daemon.
///
/// # Errors
/// If the pid file can't be read.
pub fn running(pid_file: &Path) -> Result<Option<u32>, ControlError> {
    Ok(witness(pid_file)?.map(|witness| witness.pid()))
}

fn witness(pid_file: &Path) -> Result<Option<Witness>, ControlError> {
    let Some(witness) = Witness::find(pid_file)? else { return Ok(None) };
    if may_hold(witness.pid(), pid_file) {
        return Ok(Some(witness));
    }
    match Witness::find(pid_file)? {
        None => Ok(None), // it was ending
        Some(other) => Err(ControlError::WrongNumber { pid: other.pid(), path: pid_file.into() }),
    }
}

/// Whether a process may be the holder of a pid file: it has the file open, or we are not allowed to see that.
/// The number could be wrong if somebody else has written into the file.
fn may_hold(pid: u32, pid_file: &Path) -> bool {
    fs::metadata(pid_file).ok().and_then(|file| process::writes(pid, &file)).unwrap_or(true)
}

/// Stops the daemon that holds this pid file, like SIGTERM, and returns the daemon's pid when its process has
/// ended. `None`: no daemon was running.
///
/// # Errors
/// If the daemon can't be identified, may not be stopped by this user, or is still running after `timeout`; and
/// if it has stopped, but not cleanly, for example because a service failed to stop. A daemon of version 0.1 does
/// not report that.
pub fn stop(pid_file: &Path, timeout: Duration) -> Result<Option<u32>, ControlError> {
    end(pid_file, Signal::SIGTERM, timeout)
}

/// Kills the daemon that holds this pid file, like SIGKILL, and returns the daemon's pid when its process has
/// ended. `None`: no daemon was running. Connections in progress are cut, and the daemon's files stay, including
/// its pid file, which is then stale.
///
/// # Errors
/// If the daemon can't be identified, may not be killed by this user, or is still running after `timeout`.
pub fn kill(pid_file: &Path, timeout: Duration) -> Result<Option<u32>, ControlError> {
    end(pid_file, Signal::SIGKILL, timeout)
}

fn end(pid_file: &Path, signal: Signal, timeout: Duration) -> Result<Option<u32>, ControlError> {
    let Some((mut witness, process)) = find(pid_file)? else { return Ok(None) };
    let pid = witness.pid();
    witness.wait_for_outcome();
    match process.signal(signal) {
        Err(e) if e.raw_os_error() == Some(libc::EPERM) => {
            return Err(ControlError::NotPermitted(pid));
        }
        Err(e) if e.raw_os_error() != Some(libc::ESRCH) => {
            return Err(ControlError::Refused { pid, source: e });
        }
        Ok(()) | Err(_) => {} // it may have ended just now
    }
    let killed = signal == Signal::SIGKILL;
    let ended = wait_for_end(&process, &mut witness, timeout);
    match ended.map_err(|source| ControlError::Refused { pid, source })? {
        true if killed => Ok(Some(pid)),
        true => match witness.ending() {
            Ending::Clean => Ok(Some(pid)),
            Ending::Failed(reason) => Err(ControlError::Failed { pid, reason }),
            Ending::Died => Err(ControlError::Died(pid)),
        },
        false => {
            let suspended = process::is_suspended(pid);
            Err(ControlError::StillRunning { pid, waited: timeout, killed, suspended })
        }
    }
}

/// Waits until the daemon's process has ended, and reads its outcome. `false`: it has not ended in this time.
fn wait_for_end(process: &Process, witness: &mut Witness, limit: Duration) -> io::Result<bool> {
    let deadline = Instant::now().checked_add(limit);
    loop {
        let left = deadline.map_or(limit, |at| at.saturating_duration_since(Instant::now()));
        if process.wait_for_end(Some(left.min(LISTEN_INTERVAL)))? {
            return Ok(true);
        }
        if left.is_zero() {
            return Ok(false);
        }
        witness.listen();
    }
}

/// The daemon that holds this pid file, and its process.
fn find(pid_file: &Path) -> Result<Option<(Witness, Process)>, ControlError> {
    let Some(pid) = running(pid_file)? else { return Ok(None) };
    let process = match Process::open(pid) {
        Ok(process) => process,
        Err(e) if e.raw_os_error() == Some(libc::ESRCH) => return Ok(None), // ended meanwhile
        Err(source) => return Err(ControlError::Refused { pid, source }),
    };
    // Another process could have got the number before we opened it. If the holder of the lock still has this
    // number, the process that we opened is the daemon.
    let witness = witness(pid_file)?.filter(|witness| witness.pid() == pid);
    Ok(witness.map(|witness| (witness, process)))
}

/// What to add about a daemon that has not ended.
fn explanation(pid: u32, suspended: bool) -> String {
    match suspended {
        true => format!(": its process is suspended; resume it with: kill -CONT {pid}"),
        false => String::new(),
    }
}
