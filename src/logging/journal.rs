//! The journal, by its native protocol: one datagram per entry, with fields.

use super::entry;
use super::lost::{Lost, send_each};
use super::standard_output::StandardOutput;
use crate::file_id::FileId;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Where journald listens; see systemd-journald.service(8).
const SOCKET: &str = "/run/systemd/journal/socket";

/// How long to wait for a journald that does not read, until [`Journal::has_thread`].
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the last entries of a process may take to be read.
const READ_TIMEOUT: Duration = Duration::from_secs(1);
const READ_CHECK_INTERVAL: Duration = Duration::from_millis(1);

/// How much memory is kept for the next datagram.
const MAX_KEPT_BYTES: usize = 64 * 1024;

/// journald reads a file only if all of these prevent it from changing.
const SEALS: SealFlag = SealFlag::F_SEAL_SEAL
    .union(SealFlag::F_SEAL_SHRINK)
    .union(SealFlag::F_SEAL_GROW)
    .union(SealFlag::F_SEAL_WRITE);

/// A connection to the journal.
pub(super) struct Journal {
    socket: Arc<UnixDatagram>,
    /// Where it is connected to.
    path: PathBuf,
    datagram: Vec<u8>,
    /// Where entries go, as lines, if the journal can't be reached any more.
    stdout: StandardOutput,
}

impl Journal {
    /// Connects to the journal, if standard output leads to it and it can be reached.
    pub(super) fn of_standard_output() -> Option<Self> {
        if is_standard_output() { Self::connect(Path::new(SOCKET)).ok() } else { None }
    }

    pub(super) fn connect(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        let (path, stdout) = (path.to_owned(), StandardOutput::default());
        Ok(Self { socket: Arc::new(socket), path, datagram: Vec::new(), stdout })
    }

    /// The socket, to wait for it.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// What it has not read yet.
    pub(super) fn unread(&self) -> Unread {
        Unread(self.socket.clone())
    }

    /// From now on, this waits as long as it takes: lines collect in the queue meanwhile.
    pub(super) fn has_thread(&self) {
        let _ = self.socket.set_write_timeout(None); // if this fails, it waits for less
    }

    pub(super) fn write_lines(&mut self, lines: &[u8]) -> Result<(), Lost> {
        let timed_out = |e: &io::Error| e.kind() == io::ErrorKind::WouldBlock;
        send_each(lines, |entry| self.write_entry(entry), |e| !timed_out(e))
    }

    /// Connects again if that is necessary: systemd keeps the socket while journald is restarted, but it may be
    /// restarted as well. (In a chroot it can't be reached then.)
    fn write_entry(&mut self, entry: &[u8]) -> io::Result<()> {
        self.datagram.clear();
        self.datagram.shrink_to(MAX_KEPT_BYTES);
        entry::datagram(entry, &mut self.datagram);
        let Err(error) = self.send() else { return Ok(()) };
        if !matches!(errno(&error), Errno::ECONNREFUSED | Errno::ENOTCONN) {
            return Err(error);
        }
        if self.socket.connect(&self.path).is_ok() && self.send().is_ok() {
            return Ok(());
        }
        self.stdout.write_lines(&entry::line(entry)).map_err(|lost| lost.why)
    }

    fn send(&self) -> io::Result<()> {
        loop {
            let Err(error) = self.socket.send(&self.datagram) else { return Ok(()) };
            match errno(&error) {
                Errno::EINTR => {}
                Errno::EMSGSIZE | Errno::ENOBUFS => return self.send_as_file(),
                _ => return Err(error),
            }
        }
    }

    /// Sends an entry that is too large for a datagram: as a file in memory, which can't change any more.
    fn send_as_file(&self) -> io::Result<()> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let mut file = File::from(memfd_create("journal-entry", flags)?);
        file.write_all(&self.datagram)?;
        fcntl(&file, FcntlArg::F_ADD_SEALS(SEALS))?;
        let files = [file.as_raw_fd()];
        let control = [ControlMessage::ScmRights(&files)];
        loop {
            let socket = self.socket.as_raw_fd();
            match sendmsg::<()>(socket, &[], &control, MsgFlags::MSG_NOSIGNAL, None) {
                Err(Errno::EINTR) => {}
                sent => return Ok(sent.map(drop)?),
            }
        }
    }
}

/// What has been sent to the journal, and journald has not read yet.
#[derive(Clone)]
pub(super) struct Unread(Arc<UnixDatagram>);

impl Unread {
    /// Waits until there is nothing, but not for long. To learn to which unit an entry belongs, journald looks at the
    /// process, which therefore has to exist when the entry is read.
    pub(super) fn wait(&self) {
        let deadline = Instant::now() + READ_TIMEOUT;
        while !self.is_empty() && Instant::now() < deadline {
            thread::sleep(READ_CHECK_INTERVAL);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let mut bytes: libc::c_int = 0;
        // SAFETY: the call writes one number to the address, which is valid. See unix(7), where it is SIOCOUTQ.
        let done = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
        done != 0 || bytes == 0
    }
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_default())
}

/// Whether standard output leads to the journal: $JOURNAL_STREAM has the device and inode of the socket of standard
/// output or standard error, see systemd.exec(5).
pub(super) fn is_standard_output() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    FileId::of_descriptor(std::io::stdout())
        .is_ok_and(|FileId { device, inode }| stream == format!("{device}:{inode}"))
}
