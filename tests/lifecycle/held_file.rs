//! A start that takes as long as a test wants.

use crate::support::until;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

/// fcntl(2): which signal tells the holder that someone waits. Not in the libc crate.
const F_SETSIG: libc::c_int = 10;

/// A file that other processes can't open while this exists: their open(2) waits until it is released.
/// (A lease; see fcntl(2). The kernel gives up on its holder after 45 seconds.)
pub struct HeldFile(File);

impl HeldFile {
    pub fn hold(path: &Path) -> Self {
        let held = Self(File::open(path).unwrap());
        // The signal would be SIGIO, and end the tests; SIGURG is ignored.
        held.fcntl(F_SETSIG, libc::SIGURG);
        // Refused while somebody else has the file open: for a moment that is each child which another test forks
        // just while a file is written, until its exec.
        until("nobody else has the file open", || {
            held.try_fcntl(libc::F_SETLEASE, libc::F_WRLCK).is_ok()
        });
        held
    }

    /// Waits until a process tries to open the file.
    pub fn wait_until_wanted(&self) {
        until("somebody opens the file", || self.fcntl(libc::F_GETLEASE, 0) != libc::F_WRLCK);
    }

    pub fn release(self) {
        self.fcntl(libc::F_SETLEASE, libc::F_UNLCK);
    }

    fn fcntl(&self, command: libc::c_int, argument: libc::c_int) -> libc::c_int {
        self.try_fcntl(command, argument).unwrap_or_else(|error| panic!("fcntl {command}: {error}"))
    }

    fn try_fcntl(&self, command: libc::c_int, argument: libc::c_int) -> io::Result<libc::c_int> {
        // SAFETY: the descriptor is open, and these commands take and return numbers.
        let answer = unsafe { libc::fcntl(self.0.as_raw_fd(), command, argument) };
        if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
    }
}
