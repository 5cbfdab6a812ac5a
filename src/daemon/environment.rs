//! Step 0: what the process inherited from the one that started it.

use super::readiness::{Supervisor, Watchdog};
use super::signals::Signals;
use super::strays::Strays;
use crate::sockets::Inherited;
use crate::threads::is_single_threaded;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::env;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// The first descriptor that systemd hands over; see sd_listen_fds(3).
const LISTEN_FDS_START: RawFd = 3;

/// The variables that are meant for this process alone, and would mislead its children.
const CLAIMED: [&str; 7] = [
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "FDSTORE",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

/// What the process was started with: inherited sockets, the connection to the service manager, and signals.
pub struct Environment {
    pub(super) sockets: Vec<Inherited>,
    pub(super) supervisor: Supervisor,
    pub(super) signals: Signals,
    pub(super) strays: Strays,
}

impl Environment {
    /// Takes over what the process was started with. Call this first in `main`:
    ///
    /// - The variables of sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3) are read and unset.
    /// - Descriptors above 2 that systemd did not pass and this program did not open are listed. They stay open,
    ///   so that a file name such as `/dev/fd/63` can be used, until [`run`](super::run) closes those that nobody
    ///   [has taken](Self::take_descriptor). The program's own descriptors are recognized by their close-on-exec
    ///   flag, which everything in Rust's standard library sets.
    /// - Signal handlers are reset to their defaults, and all signals are unblocked. SIGTERM and SIGINT end the
    ///   process until [`run`](super::run) has something to clean up. The other signals that a daemon handles are
    ///   blocked from here on, and handled as soon as it is ready. SIGHUP stays ignored in the foreground if it
    ///   was ignored before.
    /// - The soft limit of open descriptors is raised to the hard one.
    ///
    /// # Panics
    /// If the process has more than one thread. For example, Tokio's runtime must not have been started: a daemon
    /// forks, and other threads do not survive a fork.
    pub fn claim() -> Self {
        assert!(
            is_single_threaded(),
            "Environment::claim must be called first thing in main, before any thread is started"
        );
        let variable = |name: &str| env::var(name).ok();
        let mine =
            |name: &str| variable(name).is_none_or(|pid| pid == std::process::id().to_string());

        let mut strays = Strays::list();
        let sockets = inherited(&mut strays, variable);
        let watchdog = variable("WATCHDOG_USEC").filter(|_| mine("WATCHDOG_PID"));
        let watchdog = watchdog.and_then(|usec| usec.parse().ok()).filter(|usec| *usec > 0);
        let watchdog = watchdog.map(Duration::from_micros).map(Watchdog::new);
        let room = variable("FDSTORE").and_then(|room| room.parse().ok()).unwrap_or(0);
        let supervisor = Supervisor::connect(variable("NOTIFY_SOCKET"), watchdog, room);
        for name in CLAIMED {
            // SAFETY: there is no other thread that could read the environment meanwhile.
            unsafe { env::remove_var(name) };
        }
        raise_descriptor_limit();
        Self { sockets, supervisor, signals: Signals::claim(), strays }
    }

    /// Takes a descriptor that the process was started with, such as one whose number is given on the command
    /// line. `None`: no such descriptor was inherited, or it has been taken already.
    pub fn take_descriptor(&mut self, number: RawFd) -> Option<OwnedFd> {
        self.strays.take(number)
    }

    /// Gives up what only a daemon needs: signals have their default effect again. For commands such as `poetryd
    /// status`.
    pub fn release(self) {
        self.signals.release();
    }
}

/// The sockets that systemd passed, with their names, which are separated by colons in `LISTEN_FDNAMES`.
///
/// `LISTEN_PID` says which process they are meant for. If it is missing (because a process between systemd and
/// this one has removed it), they are taken if all of them are listening or bound sockets.
fn inherited(strays: &mut Strays, variable: impl Fn(&str) -> Option<String>) -> Vec<Inherited> {
    let pid = variable("LISTEN_PID");
    let for_another = pid.as_ref().is_some_and(|pid| *pid != std::process::id().to_string());
    let count: u16 = variable("LISTEN_FDS").and_then(|fds| fds.parse().ok()).unwrap_or(0);
    let numbers = LISTEN_FDS_START..LISTEN_FDS_START + RawFd::from(count);
    if for_another || (pid.is_none() && !numbers.clone().all(|fd| strays.is_listening(fd))) {
        return Vec::new();
    }
    let names = variable("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let inherit = |number| {
        let name = names.next().filter(|name| !name.is_empty() && *name != "unknown");
        Some(Inherited::new(strays.take(number)?, name.map(str::to_owned)))
    };
    numbers.filter_map(inherit).collect()
}

/// The size of the kernel's table of descriptors from the start, if the process may have as many: half a
/// megabyte.
const TABLE_SIZE: u64 = 65_536;

/// Makes the kernel's table of descriptors large enough for `TABLE_SIZE` descriptors, or for as many as the process
/// may have. Call this before there are other threads: in a process with threads, a call that makes the table
/// grow waits until all processors have noticed (synchronize_rcu() in the kernel's fs/file.c), which takes 10 to
/// 20 ms.
pub(super) fn reserve_descriptors() {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
    let last = limit.min(TABLE_SIZE) as RawFd - 1;
    // If the process can't have this many, the table grows when it has to.
    if let Ok(fd) = fcntl(std::io::stderr(), FcntlArg::F_DUPFD_CLOEXEC(last)) {
        // SAFETY: fcntl has just created this descriptor, and nothing else uses it.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
}

/// Raises the soft limit to the hard one. The soft limit protects programs that use select(2), and this one does
/// not; see LimitNOFILE= in systemd.exec(5).
fn raise_descriptor_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // If it can't be raised, fewer connections are possible.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
