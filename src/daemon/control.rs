//! Talking to a running daemon, found through its pid file.

use super::pid_file::{self, PidFileError};
use nix::errno::Errno;
use nix::unistd::Pid;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
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
    let process = match open_process(pid) {
        Ok(process) => process,
        Err(e) if e.raw_os_error() == Some(libc::ESRCH) => return Ok(None), // ended meanwhile
        Err(source) => return Err(ControlError::Refused { pid, source }),
    };
    // The number could have passed to another process before it was opened. Whoever holds the lock now
    // and has this number is the one that is open.
    if running(pid_file)? != Some(pid) {
        return Ok(None);
    }
    match terminate(&process) {
        Ok(()) => {}
        Err(e) if e.raw_os_error() == Some(libc::ESRCH) => return Ok(Some(pid)),
        Err(e) if e.raw_os_error() == Some(libc::EPERM) => {
            return Err(ControlError::NotPermitted(pid));
        }
        Err(source) => return Err(ControlError::Refused { pid, source }),
    }
    wait_for_end(&process).map_err(|source| ControlError::Refused { pid, source })?;
    Ok(Some(pid))
}

/// pidfd_open(2): a way to a process that does not lead to its successor of the same number.
fn open_process(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: the call takes two numbers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn terminate(process: &OwnedFd) -> io::Result<()> {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    let fd = process.as_raw_fd();
    // SAFETY: the descriptor is open; a null siginfo means the same as in kill(2).
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, libc::SIGTERM, no_info, 0) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A pidfd is readable when its process has ended.
fn wait_for_end(process: &OwnedFd) -> io::Result<()> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut fds = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    loop {
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}
