//! The destinations of log lines.

use super::journal::{Journal, Unread};
use super::lost::Lost;
use super::rotating::RotatingFile;
use super::standard_output::StandardOutput;
use super::syslog::Syslog;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// The destination of log lines.
pub(super) enum Sink {
    Stdout(StandardOutput),
    File(RotatingFile),
    Syslog(Syslog),
    /// What is written consists of [entries](super::entry).
    Journal(Journal),
    /// The program sets up its own log.
    Nowhere,
}

impl Sink {
    /// Waits until a line can be written without blocking, but for a limited time.
    pub(super) fn wait_until_ready(&self, timeout: Duration) -> bool {
        let standard_output = io::stdout();
        let fd = match self {
            Sink::Stdout(_) => standard_output.as_fd(),
            Sink::File(file) => file.as_fd(),
            Sink::Syslog(syslog) => syslog.as_fd(),
            Sink::Journal(journal) => journal.as_fd(),
            Sink::Nowhere => return true,
        };
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        // If waiting is impossible, the write will report why.
        poll(&mut [PollFd::new(fd, PollFlags::POLLOUT)], timeout) != Ok(0)
    }

    /// What the journal has not read yet, if this is the journal.
    pub(super) fn unread(&self) -> Option<Unread> {
        if let Sink::Journal(journal) = self { Some(journal.unread()) } else { None }
    }

    pub(super) fn write_lines(&mut self, lines: &[u8]) -> Result<(), Lost> {
        match self {
            Sink::Stdout(stdout) => stdout.write_lines(lines),
            Sink::File(file) => file.write_lines(lines),
            Sink::Syslog(syslog) => syslog.write_lines(lines),
            Sink::Journal(journal) => journal.write_lines(lines),
            Sink::Nowhere => Ok(()),
        }
    }
}
