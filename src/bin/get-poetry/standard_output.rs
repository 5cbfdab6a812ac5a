//! Standard output that reports all its errors.
//!
//! The standard library hides that a descriptor is closed or can't be written to, and before `main` it opens
//! /dev/null in place of one that is closed.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether standard output was open when the process started.
static WAS_OPEN: AtomicBool = AtomicBool::new(true);

extern "C" fn look() {
    // SAFETY: asking for a descriptor's flags changes nothing.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    WAS_OPEN.store(flags >= 0, Ordering::Relaxed);
}

// SAFETY: the C library calls the functions in this section before `main`. They have this type (arguments may be
// ignored), and this one does not need anything that is set up before `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK_BEFORE_MAIN: extern "C" fn() = look;

/// Standard output, without a buffer.
///
/// # Errors
/// If it was closed when the process started.
pub fn open() -> io::Result<File> {
    if !WAS_OPEN.load(Ordering::Relaxed) {
        return Err(io::Error::other("it is closed"));
    }
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}
