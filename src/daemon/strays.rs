//! Descriptors that were left open in this process by the one that started it.

use crate::file_id::FileId;
use crate::sockets::{Inherited, flags};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use std::collections::BTreeMap;
use std::fs;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// The first number that is not one of the standard streams'.
const FIRST: RawFd = 3;

/// The last number to look at if there is no /proc. Few descriptors have larger numbers.
const LAST_LOOKED_AT: RawFd = 4096;

/// Descriptors above 2 that were inherited. Nothing in this process owns them.
///
/// Descriptors that this program has opened are close-on-exec, and are left out: they have owners, which will
/// close them.
pub(super) struct Strays(BTreeMap<RawFd, Option<FileId>>);

impl Strays {
    /// Those that are open now. Call this before anything in the process could have taken one.
    pub(super) fn list() -> Self {
        let mut numbers: Vec<RawFd> = match fs::read_dir("/proc/self/fd") {
            Ok(open) => open
                .flatten()
                .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
                .collect(),
            Err(_) => (FIRST..LAST_LOOKED_AT).collect(),
        };
        numbers.retain(|number| *number >= FIRST && is_from_outside(*number));
        Self(numbers.into_iter().map(|number| (number, file_of(number))).collect())
    }

    /// Whether this is one of them, and a listening or bound socket.
    pub(super) fn is_listening(&self, number: RawFd) -> bool {
        // SAFETY: it is open, since it is one of those listed, and it is only inspected.
        let duplicate = || unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned().ok();
        self.0.contains_key(&number)
            && duplicate().is_some_and(|fd| Inherited::new(fd, None).is_listening())
    }

    /// Takes one over: from here on it has an owner, and children do not inherit it.
    pub(super) fn take(&mut self, number: RawFd) -> Option<OwnedFd> {
        let file = self.0.remove(&number)?;
        if !is_from_outside(number) || file_of(number) != file {
            return None; // it has been closed, and the number possibly reused
        }
        // SAFETY: it is open, it was open when the process started, and nothing in the process owns it:
        // descriptors that this program opens are close-on-exec, and this one is not.
        let fd = unsafe { OwnedFd::from_raw_fd(number) };
        // Can't fail on an open descriptor.
        let _ = fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
        Some(fd)
    }

    /// Closes those that nobody has taken. A descriptor left open by accident would keep a deleted file on the
    /// disk, or a pipe from ending.
    pub(super) fn close(mut self) {
        let numbers: Vec<RawFd> = self.0.keys().copied().collect();
        numbers.into_iter().for_each(|number| drop(self.take(number)));
    }
}

/// Whether a descriptor is open and not close-on-exec, which means that it was inherited.
fn is_from_outside(number: RawFd) -> bool {
    flags(number).is_some_and(|flags| flags & libc::FD_CLOEXEC == 0)
}

fn file_of(number: RawFd) -> Option<FileId> {
    // SAFETY: the number is open, or fstat(2) reports that it is not; nothing is done to it.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    FileId::of_descriptor(fd).ok()
}

#[cfg(test)]
mod tests;
