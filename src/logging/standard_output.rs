//! Standard output, whatever it is: a terminal, a pipe, the journal, or a file on a disk that is full.

use super::lost::{Lost, count_lines};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::write;
use std::io;
use std::os::fd::AsFd;

/// Writes lines to standard output without Rust's own buffer, which does not report how much it has written.
#[derive(Default)]
pub(super) struct StandardOutput {
    /// The rest of a line that was written only in part. It is written first when there is space again, so that
    /// lines are never mixed.
    rest: Vec<u8>,
}

impl StandardOutput {
    pub(super) fn write_lines(&mut self, lines: &[u8]) -> Result<(), Lost> {
        let (written, done) = write_all(&self.rest);
        self.rest.drain(..written);
        done.map_err(|why| Lost { lines: count_lines(lines), why })?;

        let (written, done) = write_all(lines);
        let Err(why) = done else { return Ok(()) };
        let in_part = written > 0 && lines[written - 1] != b'\n';
        let line_end =
            lines[written..].iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let (rest, lost) = lines[written..].split_at(if in_part { line_end } else { 0 });
        self.rest = rest.to_vec();
        match count_lines(lost) {
            0 => Ok(()), // this line is only late, not lost
            lines => Err(Lost { lines, why }),
        }
    }
}

/// Returns how many bytes were written, and the error that prevented the rest from being written.
fn write_all(bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match write(io::stdout(), &bytes[written..]) {
            Ok(n) => written += n,
            Err(Errno::EINTR) => {}
            // Another process that shares this terminal or pipe has made it non-blocking.
            Err(Errno::EAGAIN) => wait_for_room(),
            Err(e) => return (written, Err(e.into())),
        }
    }
    (written, Ok(()))
}

fn wait_for_room() {
    let stdout = io::stdout();
    let mut fds = [PollFd::new(stdout.as_fd(), PollFlags::POLLOUT)];
    let _ = poll(&mut fds, PollTimeout::NONE);
}
