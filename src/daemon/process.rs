//! Other processes: held by a pidfd, a way to one that never leads to its successor of the same number; and
//! what /proc tells of them.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::{self, Metadata};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

/// A process that may end at any time.
pub(super) struct Process(OwnedFd);

impl Process {
    /// Opens the process that has this number now; see pidfd_open(2).
    pub(super) fn open(pid: u32) -> io::Result<Self> {
        // SAFETY: the call takes two numbers.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let fd = i32::try_from(fd).map_err(io::Error::other)?;
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Sends SIGTERM.
    pub(super) fn terminate(&self) -> io::Result<()> {
        let no_info = std::ptr::null::<libc::siginfo_t>();
        let fd = self.0.as_raw_fd();
        // SAFETY: the descriptor is open; a null siginfo means the same as in kill(2).
        let sent =
            unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, libc::SIGTERM, no_info, 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits until the process has ended: its pidfd is readable then.
    pub(super) fn wait_for_end(&self) -> io::Result<()> {
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        loop {
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
}

/// Waits until the process of this number has ended, if there is one.
pub(super) fn wait_for_end(pid: u32) -> io::Result<()> {
    match Process::open(pid) {
        Ok(process) => process.wait_for_end(),
        Err(e) if e.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        Err(e) => Err(e),
    }
}

/// Whether a process has this file open for writing. `None`: this process may not look, or there is no such
/// process.
pub(super) fn writes(pid: u32, file: &Metadata) -> Option<bool> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let is_file = |open: Metadata| (open.dev(), open.ino()) == (file.dev(), file.ino());
    // The links have the permissions that the file was opened with.
    let for_writing = |link: Metadata| link.mode() & libc::S_IWUSR != 0;
    Some(descriptors.flatten().map(|descriptor| descriptor.path()).any(|path| {
        path.symlink_metadata().is_ok_and(for_writing) && path.metadata().is_ok_and(is_file)
    }))
}

/// The real user of a process, if it exists and this process may know.
pub(super) fn user(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    uids.split_whitespace().next()?.parse().ok()
}
