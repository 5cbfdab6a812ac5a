//! The terminal that the process was started from, if there is one, and whether it has hung up.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::OpenOptions;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicI32, Ordering};

/// The controlling terminal; see tty(4). It is kept open, since it can't be opened by its name after it has hung
/// up.
pub(super) struct Terminal(Option<OwnedFd>);

const NONE: RawFd = -1;

/// The terminal's descriptor, for the signal handler.
static DESCRIPTOR: AtomicI32 = AtomicI32::new(NONE);

impl Terminal {
    pub(super) fn open() -> Self {
        let flags = libc::O_NOCTTY | libc::O_NONBLOCK;
        let opened = OpenOptions::new().read(true).custom_flags(flags).open("/dev/tty");
        let terminal = Self(opened.ok().map(OwnedFd::from));
        DESCRIPTOR.store(terminal.0.as_ref().map_or(NONE, AsRawFd::as_raw_fd), Ordering::Release);
        terminal
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn close(&mut self) {
        if let Some(open) = self.0.take() {
            DESCRIPTOR.store(NONE, Ordering::Release);
            drop(open);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.close();
    }
}

/// Whether there was a terminal that has hung up, for example because its window has been closed. Called by a signal
/// handler, too.
pub(super) fn has_hung_up() -> bool {
    let descriptor = DESCRIPTOR.load(Ordering::Acquire);
    if descriptor == NONE {
        return false;
    }
    // SAFETY: it is open as long as its number is stored there.
    let terminal = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let mut fds = [PollFd::new(terminal, PollFlags::empty())];
    let asked = poll(&mut fds, PollTimeout::ZERO);
    let hung_up =
        asked.is_ok() && fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP));
    hung_up || is_lost()
}

/// Whether this process has no controlling terminal any more: then /dev/tty can't be opened, see tty(4).
fn is_lost() -> bool {
    let flags = libc::O_RDONLY | libc::O_NOCTTY | libc::O_NONBLOCK | libc::O_CLOEXEC;
    // SAFETY: the name is a C string, and signal-safety(7) allows the call.
    match unsafe { libc::open(c"/dev/tty".as_ptr(), flags) } {
        -1 => Errno::last() == Errno::ENXIO,
        opened => {
            // SAFETY: nobody else knows this descriptor.
            drop(unsafe { OwnedFd::from_raw_fd(opened) });
            false
        }
    }
}
