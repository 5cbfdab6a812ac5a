//! Standard output, all of whose errors are seen.
//!
//! The standard library's own says that all is well where a descriptor is closed or can't be written to, and
//! before `main` it opens /dev/null in the place of one that is closed.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether standard output was open when the process began.
static WAS_OPEN: AtomicBool = AtomicBool::new(true);

extern "C" fn look() {
    // SAFETY: asking for a descriptor's flags changes nothing.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    WAS_OPEN.store(flags >= 0, Ordering::Relaxed);
}

// SAFETY: the C library calls the functions in this section, whose type this is (arguments may be ignored),
// before `main`; this one needs nothing that `main` would have to prepare.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK_BEFORE_MAIN: extern "C" fn() = look;

/// Standard output, without a buffer.
///
/// # Errors
/// If it was closed when the process began.
pub fn open() -> io::Result<File> {
    if !WAS_OPEN.load(Ordering::Relaxed) {
        return Err(io::Error::other("it is closed"));
    }
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}
