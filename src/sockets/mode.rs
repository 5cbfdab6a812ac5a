//! Makes sure that the file of a Unix socket has its mode from the beginning.
//!
//! If a file is created first and its mode set afterwards, a user who may write to the directory can replace it
//! in between with a symbolic link to a file of root's. The kernel gives the file the mode of the socket itself,
//! without the umask; so the mode is set before there is a file.

use crate::threads::is_single_threaded;
use nix::sys::stat::{Mode, fchmod, umask};
use socket2::{SockAddr, Socket};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use tracing::warn;

/// Binds `socket` to `address`, which is the file `path`, so that the file has this mode from the beginning.
pub(super) fn bind_with_mode(
    socket: &Socket,
    address: &SockAddr,
    path: &Path,
    mode: u32,
) -> io::Result<()> {
    fchmod(socket, Mode::from_bits_truncate(mode))?;
    if is_single_threaded() {
        let unchanged = umask(Mode::empty());
        let bound = socket.bind(address);
        umask(unchanged);
        return bound;
    }
    // All threads of a process share the umask, except a thread that asks for one of its own.
    let bind = || {
        if let Err(e) = leave_the_umask_of_the_process() {
            socket.bind(address)?;
            return warn_of_umask(path, mode, &e);
        }
        umask(Mode::empty());
        socket.bind(address)
    };
    let bound = thread::scope(|scope| scope.spawn(bind).join());
    bound.unwrap_or_else(|_| Err(io::Error::other("binding it panicked")))
}

/// Separates the umask, current directory and root of this thread from those of the others.
fn leave_the_umask_of_the_process() -> io::Result<()> {
    // SAFETY: the call takes a number. No promise of Rust's depends on the umask, directory and root being shared
    // with the other threads.
    match unsafe { libc::unshare(libc::CLONE_FS) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Reports that the umask has removed something from the mode. That is not dangerous, but has to be reported.
fn warn_of_umask(path: &Path, mode: u32, e: &io::Error) -> io::Result<()> {
    let actual = fs::symlink_metadata(path)?.permissions().mode() & 0o777;
    if actual != mode {
        warn!(
            "the socket {} has the mode {actual:03o} instead of {mode:03o}: the umask could not be set aside: {e}",
            path.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
