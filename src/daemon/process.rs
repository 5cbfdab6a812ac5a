//! Other processes: held by a pidfd, which never refers to a later process with the same number; and what /proc
//! says about them.

use crate::file_id::FileId;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use std::fs::{self, Metadata};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// A process that may end at any time.
pub(crate) struct Process(OwnedFd);

impl Process {
    /// Opens the process that has this number now; see pidfd_open(2).
    pub(crate) fn open(pid: u32) -> io::Result<Self> {
        // SAFETY: the call takes two numbers.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let fd = i32::try_from(fd).map_err(io::Error::other)?;
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Sends a signal.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        let no_info = std::ptr::null::<libc::siginfo_t>();
        let (fd, signal) = (self.0.as_raw_fd(), signal as libc::c_int);
        // SAFETY: the descriptor is open; a null siginfo means the same as in kill(2).
        let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, no_info, 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits until the process has ended, which makes its pidfd readable. `false`: it has not ended in this time.
    pub(crate) fn wait_for_end(&self, timeout: Option<Duration>) -> io::Result<bool> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let wait = left.map_or(PollTimeout::NONE, |left| {
                // Rounded up, so that the time is over when this returns.
                let rounded = left.saturating_add(Duration::from_millis(1));
                PollTimeout::try_from(rounded).unwrap_or(PollTimeout::MAX)
            });
            match poll(&mut fds, wait) {
                Ok(0) if left.is_some_and(|left| left.is_zero()) => return Ok(false),
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(true),
                Err(e) => return Err(e.into()),
            }
        }
    }
}

/// Waits until the process with this number has ended, if there is one.
pub(super) fn wait_for_end(pid: u32) -> io::Result<()> {
    match Process::open(pid) {
        Ok(process) => process.wait_for_end(None).map(drop),
        Err(e) if e.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        Err(e) => Err(e),
    }
}

/// Whether a process is suspended, by SIGSTOP for example.
pub(super) fn is_suspended(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state comes after the name, which may contain anything.
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['T', 't']))
}

/// Whether a process has this file open for writing. `None`: this process may not see that, or there is no such
/// process.
pub(super) fn writes(pid: u32, file: &Metadata) -> Option<bool> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let is_file = |open: Metadata| FileId::of(&open) == FileId::of(file);
    // The links have the permissions that the file was opened with.
    let for_writing = |link: Metadata| link.mode() & libc::S_IWUSR != 0;
    Some(descriptors.flatten().map(|descriptor| descriptor.path()).any(|path| {
        path.symlink_metadata().is_ok_and(for_writing) && path.metadata().is_ok_and(is_file)
    }))
}

/// The real user of a process, if it exists and this process may see that.
pub(super) fn user(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    uids.split_whitespace().next()?.parse().ok()
}
