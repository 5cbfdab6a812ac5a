//! Steps 8 and 10 as systemd sees them, and its descriptor store; and step 8 as s6 and dinit see it.
//!
//! sd_notify(3) is spoken by ourselves, since the socket has to be reached before a chroot and the variables are
//! gone by then.

use crate::sockets::DescriptorStore;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::warn;

/// How long a message waits for a service manager that does not read, in milliseconds.
const SEND_TIMEOUT: u16 = 1_000;

/// How long the service manager may take to close what was taken out of its store, in milliseconds.
const REMOVE_TIMEOUT: u16 = 5_000;

/// The service manager, if there is one that wants to be told.
pub(super) struct Supervisor {
    notify: Option<Notify>,
    /// How many descriptors its store has room for; 0 if it has none for this service.
    room: usize,
    /// Where whoever started the process waits for a newline.
    starter: Option<File>,
    /// Why it can't be told, to be said when there is a log.
    problem: Option<String>,
    pub(super) watchdog: Option<Watchdog>,
}

/// The way to the service manager.
#[derive(Clone)]
struct Notify(Arc<UnixDatagram>);

/// The store of a service manager, with room for so many descriptors.
struct ManagerStore {
    notify: Notify,
    room: usize,
}

/// The rhythm in which the service manager wants to hear from us; see WatchdogSec= in systemd.service(5).
pub(super) struct Watchdog {
    interval: Duration,
    pub(super) next: Instant,
}

impl Watchdog {
    /// Twice as often as asked for, as sd_watchdog_enabled(3) recommends.
    pub(super) fn new(limit: Duration) -> Self {
        Self { interval: limit / 2, next: Instant::now() }
    }

    pub(super) fn rewind(&mut self) {
        self.next = Instant::now() + self.interval;
    }
}

impl Supervisor {
    /// Connects to the socket that $NOTIFY_SOCKET named: a path, or an abstract name after an `@`. `room` is what
    /// $FDSTORE said.
    pub(super) fn connect(name: Option<String>, watchdog: Option<Watchdog>, room: usize) -> Self {
        let Some(name) = name else {
            return Self { notify: None, room: 0, starter: None, problem: None, watchdog: None };
        };
        match Notify::connect(&name) {
            Ok(notify) => {
                Self { notify: Some(notify), room, starter: None, problem: None, watchdog }
            }
            Err(e) => {
                let problem = format!("can't reach the service manager at {name}: {e}");
                let problem = Some(problem);
                Self { notify: None, room: 0, starter: None, problem, watchdog: None }
            }
        }
    }

    pub(super) fn report_problem(&mut self) {
        if let Some(problem) = self.problem.take() {
            warn!("{problem}");
        }
    }

    /// Where sockets can outlive this process, if the service manager offers that.
    pub(super) fn store(&self) -> Option<Box<dyn DescriptorStore>> {
        let notify = self.notify.clone().filter(|_| self.room > 0)?;
        Some(Box::new(ManagerStore { notify, room: self.room }))
    }

    /// Somebody waits for a newline here, as s6 and dinit do.
    pub(super) fn add(&mut self, starter: OwnedFd) {
        self.starter = Some(starter.into());
    }

    /// The daemon serves.
    pub(super) fn ready(&mut self, status: &str) {
        if let Some(starter) = self.starter.take()
            && let Err(e) = tell_starter(starter)
        {
            warn!("can't write to the descriptor of --ready-fd: {e}");
        }
        let message = format!("READY=1\nSTATUS={status}\n");
        self.tell(|notify| notify.send(&message, &[]));
    }

    /// The daemon stops. A service manager that is behind in reading does not hold that up.
    pub(super) fn stopping(&self) {
        let message = "STOPPING=1\nSTATUS=finishing what is in progress\n";
        self.tell(|notify| notify.send_at_once(message, &[]));
    }

    /// The daemon lives. It will be said again before long.
    pub(super) fn alive(&self) {
        self.tell(|notify| notify.send_at_once("WATCHDOG=1\n", &[]));
    }

    fn tell(&self, send: impl FnOnce(&Notify) -> io::Result<()>) {
        if let Some(notify) = &self.notify
            && let Err(e) = send(notify)
        {
            warn!("can't tell the service manager: {e}");
        }
    }
}

impl Notify {
    fn connect(name: &str) -> io::Result<Self> {
        let address = match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        socket.set_nonblocking(true)?;
        Ok(Self(Arc::new(socket)))
    }

    /// Sends a message with descriptors, waiting a moment where the service manager is behind in reading.
    fn send(&self, message: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        match self.send_at_once(message, descriptors) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                wait(self.0.as_fd(), PollFlags::POLLOUT, SEND_TIMEOUT)?;
                self.send_at_once(message, descriptors)
            }
            sent => sent,
        }
    }

    /// Sends a message with descriptors, or none if there is no room for it now.
    fn send_at_once(&self, message: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let numbers: Vec<_> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        let control = [ControlMessage::ScmRights(&numbers)];
        let control = if numbers.is_empty() { &control[..0] } else { &control[..] };
        let content = [IoSlice::new(message.as_bytes())];
        let flags = MsgFlags::MSG_NOSIGNAL;
        sendmsg::<()>(self.0.as_raw_fd(), &content, control, flags, None)?;
        Ok(())
    }
}

impl DescriptorStore for ManagerStore {
    fn room(&self) -> usize {
        self.room
    }

    /// FDPOLL=0: the service manager would drop a socket whose state it takes for an error.
    fn store(&self, name: &str, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.notify.send(&format!("FDSTORE=1\nFDPOLL=0\nFDNAME={name}\n"), &[fd])
    }

    /// BARRIER=1: what comes with it is closed when everything that was sent before has been done; see
    /// sd_notify_barrier(3).
    fn remove(&self, name: &str) -> io::Result<()> {
        self.notify.send(&format!("FDSTOREREMOVE=1\nFDNAME={name}\n"), &[])?;
        let (done, barrier) = io::pipe()?;
        self.notify.send("BARRIER=1\n", &[barrier.as_fd()])?;
        drop(barrier);
        wait(done.as_fd(), PollFlags::empty(), REMOVE_TIMEOUT)
    }
}

/// Without blocking, even if nobody reads.
fn tell_starter(mut starter: File) -> io::Result<()> {
    wait(starter.as_fd(), PollFlags::POLLOUT, SEND_TIMEOUT)?;
    starter.write_all(b"\n")
}

/// Waits for one of these events, or for the other end to be closed.
fn wait(fd: BorrowedFd<'_>, events: PollFlags, milliseconds: u16) -> io::Result<()> {
    let mut fds = [PollFd::new(fd, events)];
    match poll(&mut fds, PollTimeout::from(milliseconds))? {
        0 => Err(io::Error::new(io::ErrorKind::TimedOut, "it does not answer")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bounds a hang.
    const LIMIT: Duration = Duration::from_secs(30);

    /// A service manager's end, and the way to it.
    fn manager() -> (UnixDatagram, Notify) {
        let (manager, daemon) = UnixDatagram::pair().unwrap();
        manager.set_read_timeout(Some(LIMIT)).unwrap();
        daemon.set_nonblocking(true).unwrap();
        (manager, Notify(Arc::new(daemon)))
    }

    #[test]
    fn a_service_manager_that_does_not_read_holds_nobody_up() {
        let (manager, notify) = manager();
        let sent = (0..).map(|_| notify.send("WATCHDOG=1\n", &[]));
        let refused = sent.filter_map(Result::err).next().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
        drop(manager);
    }

    #[test]
    fn a_stop_does_not_wait_for_a_service_manager_that_does_not_read() {
        let (manager, notify) = manager();
        let sent = (0..).map(|_| notify.send_at_once("STOPPING=1\n", &[]));
        let refused = sent.filter_map(Result::err).next().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        drop(manager);
    }

    #[test]
    fn a_message_waits_for_a_service_manager_that_is_behind() {
        let (manager, notify) = manager();
        std::thread::scope(|scope| {
            let sending =
                scope.spawn(|| (0..1000).all(|_| notify.send("WATCHDOG=1\n", &[]).is_ok()));
            for _ in 0..1000 {
                assert_eq!(manager.recv(&mut [0; 64]).unwrap(), b"WATCHDOG=1\n".len());
            }
            assert!(sending.join().unwrap());
        });
    }
}
