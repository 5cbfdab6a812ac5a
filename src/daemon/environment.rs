//! Step 0: what the process was given by whoever started it.

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

/// The variables that speak to this process alone, and would mislead its children.
const CLAIMED: [&str; 7] = [
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "FDSTORE",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

/// What the process was started with, taken in hand: handed-over sockets, the way to the service manager,
/// signals.
pub struct Environment {
    pub(super) sockets: Vec<Inherited>,
    pub(super) supervisor: Supervisor,
    pub(super) signals: Signals,
    pub(super) strays: Strays,
}

impl Environment {
    /// Takes the environment in hand. To be called first thing in `main`:
    ///
    /// - The variables of sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3) are read and unset.
    /// - Descriptors above 2 that were neither handed over in this way nor opened by this program are listed.
    ///   They stay open, so that a file name such as `/dev/fd/63` can be used, until [`run`](super::run) closes
    ///   those that nobody [has taken](Self::take_descriptor). Those of this program are told by their
    ///   close-on-exec flag, which everything in Rust's standard library sets.
    /// - Signal handlers are set to their defaults, and all signals unblocked. SIGTERM and SIGINT end the process
    ///   until [`run`](super::run) has something to clean up; the others that a daemon understands are held from
    ///   here on and honoured when it serves. SIGHUP stays ignored in the foreground if it was.
    /// - The soft limit of open descriptors is raised to the hard one.
    ///
    /// # Panics
    /// If the process has more than one thread. Tokio's runtime, for example, must not have been started:
    /// a daemon forks, and threads don't survive that.
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

    /// Takes a descriptor that whoever started the process left open for it, such as one whose number is given
    /// on the command line. `None`: there is none of that number, it was opened by this program, or somebody has
    /// taken it already.
    pub fn take_descriptor(&mut self, number: RawFd) -> Option<OwnedFd> {
        self.strays.take(number)
    }

    /// Gives up what only a daemon needs: signals do again what they do by default. For a program that was
    /// asked for something else, `poetryd status` for example.
    pub fn release(self) {
        self.signals.release();
    }
}

/// The sockets that systemd handed over, with their names: `LISTEN_FDNAMES` separates them by colons.
///
/// `LISTEN_PID` says who they are for. Where it is missing (some process between systemd and this one has removed
/// it), they are taken if each of them is a socket that listens.
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

/// How many descriptors there is room for from the start, if the process may have so many: half a megabyte.
const RESERVED: u64 = 65_536;

/// Makes the kernel's table of descriptors large enough for `RESERVED`, or for as many as the process may
/// have. To be called before there are threads: from then on, whoever needs a descriptor for which the table
/// has to grow waits until all processors have taken notice (synchronize_rcu() in the kernel's fs/file.c),
/// which takes 10 to 20 ms.
pub(super) fn reserve_descriptors() {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
    let last = limit.min(RESERVED) as RawFd - 1;
    // Where there can be none of this number, the table grows when it has to.
    if let Ok(fd) = fcntl(std::io::stderr(), FcntlArg::F_DUPFD_CLOEXEC(last)) {
        // SAFETY: fcntl has just made this descriptor, and nobody else knows of it.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
}

/// The soft limit is for programs that use select(2), which this one does not; see "Don't use select" in
/// systemd.exec(5) at LimitNOFILE=.
fn raise_descriptor_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // If it can't be raised, the connection limit is smaller.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
