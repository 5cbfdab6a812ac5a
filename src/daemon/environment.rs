//! Step 0: what the process was given by whoever started it.

use super::readiness::{Supervisor, Watchdog};
use super::signals::Signals;
use crate::sockets::Inherited;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::env;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// The first descriptor that systemd hands over; see sd_listen_fds(3).
const LISTEN_FDS_START: RawFd = 3;

/// The variables that speak to this process alone, and would mislead its children.
const CLAIMED: [&str; 6] = [
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
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
}

impl Environment {
    /// Takes the environment in hand. To be called first thing in `main`:
    ///
    /// - The variables of sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3) are read and unset.
    /// - Descriptors above 2 that were not handed over in this way are closed.
    /// - Signal handlers are set to their defaults. The signals that a daemon understands are held from
    ///   here on and honoured when it serves, so that none is lost while it starts; others are unblocked.
    /// - The soft limit of open descriptors is raised to the hard one.
    ///
    /// It takes over the whole process: nothing may have been opened before, or it is closed.
    ///
    /// # Panics
    /// If the process has more than one thread. Tokio's runtime, for example, must not have been started:
    /// a daemon forks, and threads don't survive that.
    pub fn claim() -> Self {
        assert_single_threaded();
        let variable = |name| env::var(name).ok();
        let mine = |name| variable(name).is_none_or(|pid| pid == std::process::id().to_string());

        let handed_over = variable("LISTEN_FDS").filter(|_| variable("LISTEN_PID").is_some());
        let handed_over = handed_over.filter(|_| mine("LISTEN_PID"));
        let handed_over: u16 = handed_over.and_then(|fds| fds.parse().ok()).unwrap_or(0);
        let first_foreign = LISTEN_FDS_START + RawFd::from(handed_over);
        close_from(first_foreign);

        let names = variable("LISTEN_FDNAMES").unwrap_or_default();
        let watchdog = variable("WATCHDOG_USEC").filter(|_| mine("WATCHDOG_PID"));
        let watchdog = watchdog.and_then(|usec| usec.parse().ok()).filter(|usec| *usec > 0);
        let watchdog = watchdog.map(Duration::from_micros);
        let supervisor =
            Supervisor::connect(variable("NOTIFY_SOCKET"), watchdog.map(Watchdog::new));
        for name in CLAIMED {
            // SAFETY: there is no other thread that could read the environment meanwhile.
            unsafe { env::remove_var(name) };
        }
        raise_descriptor_limit();
        let sockets = inherited(LISTEN_FDS_START..first_foreign, &names);
        Self { sockets, supervisor, signals: Signals::hold() }
    }

    /// Gives up what only a daemon needs: signals do again what they do by default. For a program that was
    /// asked for something else, `poetryd status` for example.
    pub fn release(self) {
        self.signals.release();
    }
}

/// Forking, and changing the environment, is for processes of one thread.
fn assert_single_threaded() {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return };
    assert!(
        threads.count() == 1,
        "Environment::claim must be called first thing in main, before any thread is started"
    );
}

/// The descriptors that systemd handed over, with their names: `LISTEN_FDNAMES` separates them by colons.
fn inherited(fds: std::ops::Range<RawFd>, names: &str) -> Vec<Inherited> {
    let mut names = names.split(':');
    let inherit = |fd| {
        let name = names.next().filter(|name| !name.is_empty() && *name != "unknown");
        // SAFETY: whoever started this process opened these for it, as LISTEN_FDS says; nothing else in
        // this process knows of them yet.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        set_close_on_exec(&fd);
        Inherited::new(fd, name.map(str::to_owned))
    };
    fds.filter(|fd| is_open(*fd)).map(inherit).collect()
}

fn is_open(fd: RawFd) -> bool {
    // SAFETY: asking for a descriptor's flags changes nothing, whatever the number.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

fn set_close_on_exec(fd: &OwnedFd) {
    // Can't fail on an open descriptor.
    let _ = fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
}

/// Closes every descriptor from `first` on: what a parent left open by accident keeps its files from
/// being deleted and its pipes from ending.
fn close_from(first: RawFd) {
    let first = first.unsigned_abs();
    // SAFETY: this is the first thing that the process does; nothing in it owns a descriptor above 2 but
    // those handed over, which are below `first`.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    if closed == 0 {
        return;
    }
    // Before Linux 5.9 there was no close_range(2).
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<u32> =
        open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for fd in open.into_iter().filter(|fd| *fd >= first) {
        // SAFETY: as above. The one that read_dir used is closed already, which is no harm.
        unsafe { libc::close(fd as RawFd) };
    }
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
