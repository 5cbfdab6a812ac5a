//! Talking to a running daemon, which is found by its pid file.

use super::pid_file::{Ending, PidFileError, Witness};
use super::process::{self, Process};
use nix::sys::signal::Signal;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often the last words of a daemon that is ending are looked for. Where it can't remove its pid file, it
/// leaves them there for a moment only.
const LISTEN_INTERVAL: Duration = Duration::from_millis(20);

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
    /// It has ended as it was told to, but something went wrong.
    #[error("the daemon with pid {pid} has stopped, but not cleanly: {reason}")]
    Failed {
        /// The pid that it had.
        pid: u32,
        /// Its own error.
        reason: String,
    },
    /// It has ended without stopping its services.
    #[error(
        "the daemon with pid {0} did not stop cleanly: it was killed, or it crashed; its log may say more"
    )]
    Died(u32),
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
            | ControlError::Failed { .. }
            | ControlError::Died(_)
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
    Ok(witness(pid_file)?.map(|witness| witness.pid()))
}

fn witness(pid_file: &Path) -> Result<Option<Witness>, ControlError> {
    let Some(witness) = Witness::find(pid_file)? else { return Ok(None) };
    if may_hold(witness.pid(), pid_file) {
        return Ok(Some(witness));
    }
    match Witness::find(pid_file)? {
        None => Ok(None), // it was just ending
        Some(other) => Err(ControlError::WrongNumber { pid: other.pid(), path: pid_file.into() }),
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
/// If the daemon can't be found out, may not be stopped by this user, or is still running after `timeout`; and
/// if it has stopped but not cleanly: a service failed to stop, say. A daemon of version 0.1 does not tell.
pub fn stop(pid_file: &Path, timeout: Duration) -> Result<Option<u32>, ControlError> {
    end(pid_file, Signal::SIGTERM, timeout)
}

/// Kills the daemon that runs with this pid file, as SIGKILL does, and returns when its process has ended,
/// with the pid that it had. `None`: none was running. What was in progress is cut, and the daemon's files
/// stay, the pid file among them; it is stale then.
///
/// # Errors
/// If the daemon can't be found out, may not be killed by this user, or is still running after `timeout`.
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
        Ok(()) | Err(_) => {} // it may have just ended
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

/// Waits for the end of a daemon's process, and for what it has to say. `false`: it has not ended in this time.
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

/// The daemon that runs with this pid file, and its process.
fn find(pid_file: &Path) -> Result<Option<(Witness, Process)>, ControlError> {
    let Some(pid) = running(pid_file)? else { return Ok(None) };
    let process = match Process::open(pid) {
        Ok(process) => process,
        Err(e) if e.raw_os_error() == Some(libc::ESRCH) => return Ok(None), // ended meanwhile
        Err(source) => return Err(ControlError::Refused { pid, source }),
    };
    // The number could have passed to another process before it was opened. Whoever holds the lock now
    // and has this number is the one that is open.
    let witness = witness(pid_file)?.filter(|witness| witness.pid() == pid);
    Ok(witness.map(|witness| (witness, process)))
}

/// What more there is to say of a daemon that has not ended.
fn explanation(pid: u32, suspended: bool) -> String {
    match suspended {
        true => format!(": its process is suspended; to let it go on: kill -CONT {pid}"),
        false => String::new(),
    }
}
