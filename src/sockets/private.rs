//! A Unix socket that belongs to the process itself, not to a service, and that only its user can connect to.

use super::unix::{self, SocketFile};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;

/// The mode of the socket's file.
const MODE: u32 = 0o600;

/// How many clients may wait to be accepted.
const BACKLOG: i32 = 16;

/// The file of such a socket. It is removed when this is dropped, unless it has been replaced, or the user that the
/// process has become may not change its directory.
#[derive(Debug)]
pub(crate) struct PrivateSocketFile(Option<SocketFile>);

impl Drop for PrivateSocketFile {
    fn drop(&mut self) {
        if let Some(file) = self.0.take() {
            file.remove_if_permitted();
        }
    }
}

/// A new Unix socket that listens at `path`, which only `owner` (a user and a group) and root can connect to; by
/// default, the user of this process. A file that was left behind by a process that has ended is replaced.
///
/// # Errors
/// If a process listens there already, or the file can't be created.
pub(crate) fn listen_privately(
    path: &Path,
    owner: Option<(u32, u32)>,
) -> io::Result<(UnixListener, PrivateSocketFile)> {
    // A name that begins with an '@' is a file, too: an abstract socket would have no mode.
    let path = std::path::absolute(path)?;
    let (socket, file) = unix::bind(&path, MODE, BACKLOG, |_| {})?;
    let file = PrivateSocketFile(file);
    if let (Some((user, group)), Some(file)) = (owner, &file.0) {
        file.give(user, group, MODE)?;
    }
    Ok((OwnedFd::from(socket).into(), file))
}
