//! The signals that a daemon understands: held from the beginning, read when it can act on them.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// What a daemon understands. SIGPIPE is ignored (Rust's runtime sees to that), anything else does what
/// signal(7) says.
const UNDERSTOOD: [Signal; 5] =
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2];

/// How long after a request to stop another one is a second one.
const SECOND_REQUEST: Duration = Duration::from_secs(1);

/// The signals that a daemon understands, blocked in every thread. They wait in the kernel until
/// somebody reads them.
pub(super) struct Signals(());

/// Reads held signals.
pub(super) struct SignalReader(SignalFd);

impl Signals {
    /// Blocks the signals, unblocks all others, and sets all handlers to their defaults: both mask and
    /// ignored signals are inherited across exec.
    pub(super) fn hold() -> Self {
        for signal_to_reset in Signal::iterator() {
            let keep = [
                Signal::SIGKILL,
                Signal::SIGSTOP,
                Signal::SIGPIPE,
                Signal::SIGSEGV,
                Signal::SIGBUS,
            ];
            if !keep.contains(&signal_to_reset) {
                // SAFETY: the default action runs no code of ours. (Rust's own handlers, for stack
                // overflows, are on SIGSEGV and SIGBUS.)
                let _ = unsafe { signal(signal_to_reset, SigHandler::SigDfl) };
            }
        }
        // SAFETY: ignoring a signal runs no code of ours. A log that has reached the limit of a file's size
        // is to be an error of the write, and the lost lines to be counted; not the end of the daemon.
        let _ = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
        let held: SigSet = UNDERSTOOD.into_iter().collect();
        // Can't fail: these are valid signals.
        let _ = held.thread_set_mask();
        Self(())
    }

    /// Lets the signals do what they do by default: for a process that turns out to be no daemon.
    pub(super) fn release(&self) {
        let held: SigSet = UNDERSTOOD.into_iter().collect();
        let _ = held.thread_unblock();
    }

    /// A reader for this process's signals; to be made after the last fork.
    pub(super) fn reader(&self) -> io::Result<SignalReader> {
        let held: SigSet = UNDERSTOOD.into_iter().collect();
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        Ok(SignalReader(SignalFd::with_flags(&held, flags)?))
    }
}

impl SignalReader {
    /// The next signal that has arrived, if there is one.
    pub(super) fn next(&self) -> Option<Signal> {
        let info = self.0.read_signal().ok()??;
        Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok()
    }

    /// Waits until a signal arrives, `other` is readable or closed, or the time has come.
    pub(super) fn wait(&self, other: BorrowedFd<'_>, until: Option<Instant>) -> io::Result<()> {
        let timeout = match until.map(|until| until.saturating_duration_since(Instant::now())) {
            // Rounded up, so that the time has come when this returns.
            Some(left) => {
                PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
            }
            None => PollTimeout::NONE,
        };
        let mut fds =
            [PollFd::new(self.0.as_fd(), PollFlags::POLLIN), PollFd::new(other, PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }
}

/// Requests to stop, counted. Those within [`SECOND_REQUEST`] of one that counts are part of it: `timeout` of
/// coreutils and others send each signal twice.
#[derive(Default)]
pub(super) struct StopRequests {
    count: usize,
    last: Option<Instant>,
}

impl StopRequests {
    /// Adds a request that comes now. Returns whether it counts.
    pub(super) fn add(&mut self) -> bool {
        let counts = self.last.is_none_or(|last| last.elapsed() >= SECOND_REQUEST);
        if counts {
            self.count += 1;
            self.last = Some(Instant::now());
        }
        counts
    }

    /// How many there were that count.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}

/// Whether a signal asks for a stop.
pub(super) fn asks_to_stop(signal: Signal) -> bool {
    matches!(signal, Signal::SIGTERM | Signal::SIGINT)
}
