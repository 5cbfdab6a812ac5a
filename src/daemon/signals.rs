//! The signals that a daemon handles. At first they end the process, as in any other program. As soon as there is
//! something to clean up, they are blocked, and read when the daemon can handle them.

use super::terminal::{self, Terminal};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, raise, sigaction, signal,
};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The signals that a daemon handles. SIGPIPE is ignored (Rust's runtime arranges that); all others have their
/// default effect, see signal(7).
const UNDERSTOOD: [Signal; 5] =
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2];

/// The signals that ask for a stop.
const STOP: [Signal; 2] = [Signal::SIGTERM, Signal::SIGINT];

/// How long after a request to stop a second signal counts as another request.
const SECOND_REQUEST: Duration = Duration::from_secs(1);

/// The signals that a daemon handles. As long as there is nothing to clean up, those that ask for a stop end the
/// process. After [`hold`](Self::hold), they are blocked in every thread, and stay pending until they are read.
/// The others are always blocked.
pub(super) struct Signals {
    terminal: Terminal,
    /// Whether the process was started with SIGHUP ignored, as by nohup(1).
    hangup_ignored: bool,
}

/// Reads blocked signals.
pub(super) struct SignalReader(SignalFd);

impl Signals {
    /// Resets all handlers to their defaults and unblocks all signals, since both the mask and ignored signals
    /// are inherited across exec. Prepares those that a daemon handles.
    pub(super) fn claim() -> Self {
        // An ignored SIGHUP stays ignored.
        let hangup = set(Signal::SIGHUP, SigHandler::SigIgn);
        let hangup_ignored = matches!(hangup, Some(SigHandler::SigIgn));
        for signal_to_reset in Signal::iterator() {
            let keep = [
                Signal::SIGKILL,
                Signal::SIGSTOP,
                Signal::SIGPIPE,
                Signal::SIGSEGV,
                Signal::SIGBUS,
            ];
            let stays_ignored = hangup_ignored && signal_to_reset == Signal::SIGHUP;
            if !stays_ignored && !keep.contains(&signal_to_reset) {
                set(signal_to_reset, SigHandler::SigDfl);
            }
        }
        // If the log has reached the limit of a file's size, the write fails and the lost lines are counted; the
        // default action of this signal would end the daemon.
        set(Signal::SIGXFSZ, SigHandler::SigIgn);
        let signals = Self { terminal: Terminal::open(), hangup_ignored };
        signals.let_stop();
        signals
    }

    /// From now on, a signal that asks for a stop ends the process; even process 1 of a container, which the
    /// kernel protects from signals without a handler.
    pub(super) fn let_stop(&self) {
        STOP.into_iter().for_each(|signal| handle(signal, end));
        let mut held: SigSet = UNDERSTOOD.into_iter().collect();
        STOP.into_iter().for_each(|signal| held.remove(signal));
        if self.hangup_ignored {
            held.remove(Signal::SIGHUP);
        } else if self.terminal.is_open() {
            handle(Signal::SIGHUP, hang_up);
            held.remove(Signal::SIGHUP);
        }
        // Can't fail: these are valid signals.
        let _ = held.thread_set_mask();
    }

    /// From now on, signals stay pending until they are read.
    pub(super) fn hold(&self) {
        let _ = self.held().thread_set_mask();
        if HANGUP_CAME.swap(false, Ordering::Relaxed) {
            let _ = raise(Signal::SIGHUP);
        }
    }

    /// Restores the default effect of all signals, in a process that does not become a daemon.
    pub(super) fn release(&self) {
        let held = self.held();
        for signal in &held {
            set(signal, SigHandler::SigDfl);
        }
        let _ = held.thread_unblock();
    }

    /// For a daemon that has left its session: it has no terminal, and SIGHUP is handled even if it was ignored
    /// before.
    pub(super) fn detached(&mut self) {
        self.terminal.close();
        self.hangup_ignored = false;
        set(Signal::SIGHUP, SigHandler::SigDfl);
    }

    fn held(&self) -> SigSet {
        let mut held: SigSet = UNDERSTOOD.into_iter().collect();
        if self.hangup_ignored {
            held.remove(Signal::SIGHUP); // a signal that is blocked is no longer ignored
        }
        held
    }

    /// A reader for this process's signals. Create it after the last fork.
    pub(super) fn reader(&self) -> io::Result<SignalReader> {
        SignalReader::of(&self.held())
    }

    /// A reader for only those that ask for a stop. The others stay pending.
    pub(super) fn stop_reader(&self) -> io::Result<SignalReader> {
        SignalReader::of(&STOP.into_iter().collect())
    }
}

impl SignalReader {
    fn of(signals: &SigSet) -> io::Result<Self> {
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        Ok(Self(SignalFd::with_flags(signals, flags)?))
    }

    /// The next signal that has arrived, if there is one.
    pub(super) fn next(&self) -> Option<Signal> {
        let info = self.0.read_signal().ok()??;
        Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok()
    }

    /// Waits until a signal arrives, one of `others` is readable or closed, or it is time.
    pub(super) fn wait(&self, others: &[BorrowedFd<'_>], until: Option<Instant>) -> io::Result<()> {
        let timeout = match until.map(|until| until.saturating_duration_since(Instant::now())) {
            // Rounded up, so that the time has come when this returns.
            Some(left) => {
                PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
            }
            None => PollTimeout::NONE,
        };
        let all = [self.0.as_fd()].into_iter().chain(others.iter().copied());
        let mut fds: Vec<PollFd<'_>> = all.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }
}

/// Readable when a signal has arrived.
impl AsFd for SignalReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Counts requests to stop. Those within [`SECOND_REQUEST`] of one that counts are part of it, since `timeout` of
/// coreutils and others send each signal twice.
#[derive(Default)]
pub(super) struct StopRequests {
    count: usize,
    last: Option<Instant>,
}

impl StopRequests {
    /// Adds a request that has arrived now. Returns whether it counts.
    pub(super) fn add(&mut self) -> bool {
        let counts = self.last.is_none_or(|last| last.elapsed() >= SECOND_REQUEST);
        if counts {
            self.count += 1;
            self.last = Some(Instant::now());
        }
        counts
    }

    /// The number of requests that count.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}

/// Whether a signal asks for a stop. SIGHUP does if the terminal has hung up.
pub(super) fn asks_to_stop(signal: Signal) -> bool {
    STOP.contains(&signal) || (signal == Signal::SIGHUP && terminal::has_hung_up())
}

/// Sleeps. A signal that asks for a stop, even a pending one, ends the process meanwhile. For moments when there
/// is nothing to clean up, in a process that has claimed its signals.
pub(super) fn sleep_until_stopped(duration: Duration) {
    let stop: SigSet = STOP.into_iter().collect();
    let mask = stop.thread_swap_mask(SigmaskHow::SIG_UNBLOCK);
    thread::sleep(duration);
    let _ = mask.map(|mask| mask.thread_set_mask());
}

/// Whether SIGHUP arrived when it did not have to end the process and was not blocked yet.
static HANGUP_CAME: AtomicBool = AtomicBool::new(false);

fn handle(signal: Signal, handler: extern "C" fn(libc::c_int)) {
    let flags = SaFlags::SA_NODEFER | SaFlags::SA_RESTART;
    let action = SigAction::new(SigHandler::Handler(handler), flags, SigSet::empty());
    // SAFETY: the handlers below call only what signal-safety(7) allows.
    let _ = unsafe { sigaction(signal, &action) };
}

/// Returns the previous action.
fn set(signal_number: Signal, handler: SigHandler) -> Option<SigHandler> {
    // SAFETY: neither ignoring a signal nor its default action runs any code of ours. (Rust's own handlers, for
    // stack overflows, are on SIGSEGV and SIGBUS, and stay as they are.)
    unsafe { signal(signal_number, handler) }.ok()
}

/// Ends the process like the signal's default action.
extern "C" fn end(signal: libc::c_int) {
    // SAFETY: these calls take numbers, and signal-safety(7) allows them.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
        libc::_exit(128 + signal); // only process 1 gets here
    }
}

/// Ends the process if the terminal has hung up.
extern "C" fn hang_up(signal: libc::c_int) {
    let error = Errno::last(); // of the code that was interrupted
    if terminal::has_hung_up() {
        end(signal);
    }
    HANGUP_CAME.store(true, Ordering::Relaxed);
    error.set();
}
