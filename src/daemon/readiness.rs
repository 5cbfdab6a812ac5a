//! Steps 8 and 10 for systemd, with its descriptor store; and step 8 for s6 and dinit.
//!
//! This implements sd_notify(3) itself, since the socket has to be connected before a chroot, and the variables
//! have been unset by then.

use crate::sockets::DescriptorStore;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use nix::time::{ClockId, clock_gettime};
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

/// How long the service manager may take to close a socket that was removed from its store, in milliseconds.
const REMOVE_TIMEOUT: u16 = 5_000;

/// After how much time a message is sent again that a service manager had no space for.
const RESEND_INTERVAL: Duration = Duration::from_millis(100);

/// The service manager, if there is one that expects messages.
pub(super) struct Supervisor {
    notify: Option<Notify>,
    /// How many descriptors its store can hold; 0 if it has none for this service.
    room: usize,
    /// The descriptor on which s6 or dinit waits for a newline.
    starter: Option<File>,
    /// Why messages can't be sent, to be logged when the log is open.
    problem: Option<String>,
    /// The end of a reload, until it can be sent.
    owed: Option<Owed>,
    pub(super) watchdog: Option<Watchdog>,
}

/// A message that must be delivered, and when it is sent again.
struct Owed {
    message: String,
    next: Instant,
}

/// The connection to the service manager.
#[derive(Clone)]
struct Notify(Arc<UnixDatagram>);

/// The descriptor store of a service manager, and how many descriptors it can hold.
struct ManagerStore {
    notify: Notify,
    room: usize,
}

/// The interval at which the service manager expects a message; see WatchdogSec= in systemd.service(5).
pub(super) struct Watchdog {
    interval: Duration,
    pub(super) next: Instant,
}

impl Watchdog {
    /// Half of the interval, as sd_watchdog_enabled(3) recommends.
    pub(super) fn new(limit: Duration) -> Self {
        Self { interval: limit / 2, next: Instant::now() }
    }

    pub(super) fn rewind(&mut self) {
        self.next = Instant::now() + self.interval;
    }
}

impl Supervisor {
    /// Connects to the socket that $NOTIFY_SOCKET names: a path, or `@` and an abstract name. `room` is the value
    /// of $FDSTORE.
    pub(super) fn connect(name: Option<String>, watchdog: Option<Watchdog>, room: usize) -> Self {
        let Some(name) = name else {
            return Self {
                notify: None,
                room: 0,
                starter: None,
                problem: None,
                owed: None,
                watchdog: None,
            };
        };
        match Notify::connect(&name) {
            Ok(notify) => {
                let (notify, starter, problem, owed) = (Some(notify), None, None, None);
                Self { notify, room, starter, problem, owed, watchdog }
            }
            Err(e) => {
                let problem = format!("can't reach the service manager at {name}: {e}");
                let (problem, owed) = (Some(problem), None);
                Self { notify: None, room: 0, starter: None, problem, owed, watchdog: None }
            }
        }
    }

    pub(super) fn report_problem(&mut self) {
        if let Some(problem) = self.problem.take() {
            warn!("{problem}");
        }
    }

    /// The store in which sockets outlive this process, if the service manager offers one.
    pub(super) fn store(&self) -> Option<Box<dyn DescriptorStore>> {
        let notify = self.notify.clone().filter(|_| self.room > 0)?;
        Some(Box::new(ManagerStore { notify, room: self.room }))
    }

    /// Sets the descriptor on which s6 or dinit waits for a newline.
    pub(super) fn add(&mut self, starter: OwnedFd) {
        self.starter = Some(starter.into());
    }

    /// Reports that the daemon is ready.
    pub(super) fn ready(&mut self, status: &str) {
        if let Some(starter) = self.starter.take()
            && let Err(e) = tell_starter(starter)
        {
            warn!("can't write to the descriptor of --ready-fd: {e}");
        }
        let message = format!("READY=1\nSTATUS={status}\n");
        self.tell(|notify| notify.send(&message, &[]));
    }

    /// Reports that a reload begins. If this can't be delivered now, neither will its end be: the service manager
    /// would wait for the end of a reload for ever.
    pub(super) fn reloading(&mut self) {
        let Some(notify) = &self.notify else { return };
        let Ok(now) = clock_gettime(ClockId::CLOCK_MONOTONIC) else { return };
        let microseconds = now.tv_sec() * 1_000_000 + now.tv_nsec() / 1_000;
        let message = format!("RELOADING=1\nMONOTONIC_USEC={microseconds}\nSTATUS=reloading\n");
        match notify.send_at_once(&message, &[]) {
            Ok(()) => self.owed = None, // the end of an earlier one: this one will have an end, too
            Err(e) => warn!("can't notify the service manager of a reload: {e}"),
        }
    }

    /// Reports that a reload has ended, with its verdict in a few words.
    pub(super) fn reloaded(&mut self, verdict: &str) {
        let plain: String = verdict.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let message = format!("READY=1\nSTATUS=serving; {plain}\n");
        self.owed = Some(Owed { message, next: Instant::now() });
        self.pay();
    }

    /// Sends what could not be sent before, if it is time.
    pub(super) fn pay(&mut self) {
        let (Some(notify), Some(owed)) = (&self.notify, &mut self.owed) else { return };
        if Instant::now() < owed.next {
            return;
        }
        match notify.send_at_once(&owed.message, &[]) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                owed.next = Instant::now() + RESEND_INTERVAL;
            }
            sent => {
                self.owed = None;
                sent.unwrap_or_else(|e| warn!("can't notify the service manager: {e}"));
            }
        }
    }

    /// When there is something to be sent.
    pub(super) fn next_time(&self) -> Option<Instant> {
        let watchdog = self.watchdog.as_ref().map(|watchdog| watchdog.next);
        self.owed.as_ref().map(|owed| owed.next).into_iter().chain(watchdog).min()
    }

    /// Reports that the daemon is stopping. A service manager that reads slowly does not delay the stop.
    pub(super) fn stopping(&mut self) {
        self.owed = None; // this ends a reload, too
        let message = "STOPPING=1\nSTATUS=finishing what is in progress\n";
        self.tell(|notify| notify.send_at_once(message, &[]));
    }

    /// Reports that the daemon is alive. This is repeated, so a message that does not fit is dropped.
    pub(super) fn alive(&self) {
        self.tell(|notify| notify.send_at_once("WATCHDOG=1\n", &[]));
    }

    fn tell(&self, send: impl FnOnce(&Notify) -> io::Result<()>) {
        if let Some(notify) = &self.notify
            && let Err(e) = send(notify)
        {
            warn!("can't notify the service manager: {e}");
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

    /// Sends a message with descriptors. Waits a moment if the service manager reads slowly.
    fn send(&self, message: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        match self.send_at_once(message, descriptors) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                wait(self.0.as_fd(), PollFlags::POLLOUT, SEND_TIMEOUT)?;
                self.send_at_once(message, descriptors)
            }
            sent => sent,
        }
    }

    /// Sends a message with descriptors, or nothing if there is no space for it now.
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

    /// With FDPOLL=0, the service manager does not drop a socket whose state it takes for an error.
    fn store(&self, name: &str, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.notify.send(&format!("FDSTORE=1\nFDPOLL=0\nFDNAME={name}\n"), &[fd])
    }

    /// With BARRIER=1, the service manager closes the descriptor that comes with it after it has processed
    /// everything sent before; see sd_notify_barrier(3).
    fn remove(&self, name: &str) -> io::Result<()> {
        self.notify.send(&format!("FDSTOREREMOVE=1\nFDNAME={name}\n"), &[])?;
        let (done, barrier) = io::pipe()?;
        self.notify.send("BARRIER=1\n", &[barrier.as_fd()])?;
        drop(barrier);
        wait(done.as_fd(), PollFlags::empty(), REMOVE_TIMEOUT)
    }
}

/// Does not block, even if nobody reads.
fn tell_starter(mut starter: File) -> io::Result<()> {
    wait(starter.as_fd(), PollFlags::POLLOUT, SEND_TIMEOUT)?;
    starter.write_all(b"\n")
}

/// Waits for one of these events, or until the other end is closed.
fn wait(fd: BorrowedFd<'_>, events: PollFlags, milliseconds: u16) -> io::Result<()> {
    let mut fds = [PollFd::new(fd, events)];
    match poll(&mut fds, PollTimeout::from(milliseconds))? {
        0 => Err(io::Error::new(io::ErrorKind::TimedOut, "it does not answer")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
