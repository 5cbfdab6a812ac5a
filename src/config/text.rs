//! The text of a file that is named on a command line: an ordinary file, standard input, or a FIFO such as
//! `/dev/fd/63`, which is what a shell makes of `<(...)`.

use super::diagnostic::{ConfigError, not_utf8};
use crate::value::file_name;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, absolute};
use std::time::{Duration, Instant};

/// The name of standard input.
pub(crate) const STANDARD_INPUT: &str = "-";

/// How long a text may take to come whole.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a text may be, in bytes.
const LONGEST_TEXT: u64 = 64 << 20;

/// The name of a file, as it is shown to a person, and its text.
pub(crate) fn read_text(path: &Path) -> Result<(String, String), ConfigError> {
    let (name, bytes) = if path == Path::new(STANDARD_INPUT) {
        ("standard input".into(), read_whole(io::stdin().lock(), READ_TIMEOUT))
    } else {
        (file_name(path), open(path).and_then(|file| read_whole(file, READ_TIMEOUT)))
    };
    let bytes = bytes.map_err(|source| match source.kind() {
        ErrorKind::NotFound => {
            let whole = absolute(path).unwrap_or(path.into()); // it is seldom where it was looked for
            ConfigError::Unreadable { file: file_name(&whole), source }
        }
        _ => ConfigError::Unreadable { file: name.clone(), source },
    })?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok((name, text)),
        Err(e) => Err(not_utf8(&name, &e)),
    }
}

/// Opens a file from which a text can be read. A FIFO is opened whether anybody writes to it or not.
fn open(path: &Path) -> io::Result<File> {
    // Looked at before it is opened: opening a device may have effects.
    let metadata = path.metadata()?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        return Err(Errno::EISDIR.into());
    }
    if !kind.is_file() && !kind.is_fifo() {
        let what = if kind.is_socket() { "a socket" } else { "a device" };
        return Err(io::Error::other(format!("it is {what}, not a file")));
    }
    if metadata.len() > LONGEST_TEXT {
        return Err(too_long());
    }
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

/// Reads to the end.
fn read_whole(mut input: impl Read + AsFd, timeout: Duration) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + timeout;
    let (mut text, mut part) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        // First of all, since a FIFO that nobody has opened for writing yet looks as if it had ended.
        if !wait_for_more(&input, deadline)? {
            let seconds = timeout.as_secs_f64();
            let message = match text.len() {
                0 => format!("nothing has arrived within {seconds} seconds"),
                _ => format!("it has not ended within {seconds} seconds"),
            };
            return Err(io::Error::new(ErrorKind::TimedOut, message));
        }
        match input.read(&mut part) {
            Ok(0) => return Ok(text),
            Ok(bytes) => text.extend_from_slice(&part[..bytes]),
            Err(e) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&e.kind()) => {}
            Err(e) => return Err(e),
        }
        if text.len() as u64 > LONGEST_TEXT {
            return Err(too_long());
        }
    }
}

fn too_long() -> io::Error {
    let mebibytes = LONGEST_TEXT >> 20;
    io::Error::new(ErrorKind::FileTooLarge, format!("it is longer than {mebibytes} MiB"))
}

/// Waits until there is something to read, or the end has come. False: the deadline has passed before.
///
/// This is the only place where reading waits. Nothing has been started yet, so that a signal which is not
/// blocked may do here what it does by default.
fn wait_for_more(input: &impl AsFd, deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        // Rounded up, so that the deadline has passed when this returns.
        let timeout = PollTimeout::try_from(left + Duration::from_millis(1));
        let mut fds = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout.unwrap_or(PollTimeout::MAX)) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(e) => return Err(e.into()),
        }
    }
}

#[cfg(test)]
mod tests;
