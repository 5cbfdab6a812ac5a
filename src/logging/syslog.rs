//! syslog, in the form that syslog(3) sends: one datagram per line to `/dev/log`.

use super::lost::{Lost, send_each};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// Where syslogd listens; see syslog(3).
const DEV_LOG: &str = "/dev/log";

/// How long to wait for a syslogd that does not read.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// syslog can't be reached.
#[derive(Debug, thiserror::Error)]
#[error("can't reach the system log at {DEV_LOG}: {0}; is a syslog daemon or journald running?")]
pub struct SyslogError(io::Error);

/// A connection to syslog.
pub(super) struct Syslog {
    socket: UnixDatagram,
}

impl Syslog {
    pub(super) fn connect() -> Result<Self, SyslogError> {
        let connect = || -> io::Result<UnixDatagram> {
            let socket = UnixDatagram::unbound()?;
            socket.connect(DEV_LOG)?;
            socket.set_write_timeout(Some(SEND_TIMEOUT))?;
            Ok(socket)
        };
        connect().map(|socket| Self { socket }).map_err(SyslogError)
    }

    /// The socket, to wait for it.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    pub(super) fn write_lines(&mut self, lines: &[u8]) -> Result<(), Lost> {
        let too_long = |e: &io::Error| e.raw_os_error() == Some(libc::EMSGSIZE);
        send_each(lines, |line| self.send(line), too_long)
    }

    /// Connects again: a syslogd that was restarted has a new socket with the old name. (In a chroot it can't be
    /// reached, and the lost lines are counted.)
    fn send(&mut self, line: &[u8]) -> io::Result<()> {
        let Err(error) = self.socket.send(line) else { return Ok(()) };
        let gone = [io::ErrorKind::ConnectionRefused, io::ErrorKind::NotConnected];
        if !gone.contains(&error.kind()) {
            return Err(error);
        }
        self.socket.connect(DEV_LOG)?;
        self.socket.send(line).map(drop)
    }
}
