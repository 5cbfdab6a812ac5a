//! Steps 8 and 10 as systemd sees them: sd_notify(3), spoken by ourselves, since the socket has to be
//! reached before a chroot and the variables are gone by then.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};
use tracing::warn;

/// The service manager, if there is one that wants to be told.
pub(super) struct Supervisor {
    socket: Option<UnixDatagram>,
    /// Why it can't be told, to be said when there is a log.
    problem: Option<String>,
    pub(super) watchdog: Option<Watchdog>,
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
    /// Connects to the socket that $NOTIFY_SOCKET named: a path, or an abstract name after an `@`.
    pub(super) fn connect(name: Option<String>, watchdog: Option<Watchdog>) -> Self {
        let Some(name) = name else {
            return Self { socket: None, problem: None, watchdog: None };
        };
        let connect = || {
            let address = match name.strip_prefix('@') {
                Some(name) => SocketAddr::from_abstract_name(name)?,
                None => SocketAddr::from_pathname(&name)?,
            };
            let socket = UnixDatagram::unbound()?;
            socket.connect_addr(&address)?;
            std::io::Result::Ok(socket)
        };
        match connect() {
            Ok(socket) => Self { socket: Some(socket), problem: None, watchdog },
            Err(e) => {
                let problem = format!("can't reach the service manager at {name}: {e}");
                Self { socket: None, problem: Some(problem), watchdog: None }
            }
        }
    }

    pub(super) fn report_problem(&mut self) {
        if let Some(problem) = self.problem.take() {
            warn!("{problem}");
        }
    }

    /// The daemon serves.
    pub(super) fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}\n"));
    }

    /// The daemon stops.
    pub(super) fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=finishing what is in progress\n");
    }

    /// The daemon lives.
    pub(super) fn alive(&self) {
        self.send("WATCHDOG=1\n");
    }

    fn send(&self, message: &str) {
        if let Some(socket) = &self.socket
            && let Err(e) = socket.send(message.as_bytes())
        {
            warn!("can't tell the service manager: {e}");
        }
    }
}
