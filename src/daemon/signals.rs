//! The signals that a daemon understands: at first they end the process, as those of any other program do; as soon
//! as there is something to clean up they are held, and read when it can act on them.

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

/// What a daemon understands. SIGPIPE is ignored (Rust's runtime sees to that), anything else does what
/// signal(7) says.
const UNDERSTOOD: [Signal; 5] =
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2];

/// Those that ask for a stop.
const STOP: [Signal; 2] = [Signal::SIGTERM, Signal::SIGINT];

/// How long after a request to stop another one is a second one.
const SECOND_REQUEST: Duration = Duration::from_secs(1);

/// The signals that a daemon understands. As long as there is nothing to clean up, those that ask for a stop end
/// the process. When they are held, they are blocked in every thread, and wait in the kernel until somebody
/// reads them. The others are always held.
pub(super) struct Signals {
    terminal: Terminal,
    /// Whether whoever started the process made it ignore SIGHUP, as nohup(1) does.
    hangup_ignored: bool,
}

/// Reads held signals.
pub(super) struct SignalReader(SignalFd);

impl Signals {
    /// Sets all handlers to their defaults and unblocks all signals, since both the mask and ignored signals are
    /// inherited across exec; and gets ready for those that a daemon understands.
    pub(super) fn claim() -> Self {
        // An ignored SIGHUP is ignored throughout.
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
        // A log that has reached the limit of a file's size is to be an error of the write, and the lost lines to
        // be counted; not the end of the daemon.
        set(Signal::SIGXFSZ, SigHandler::SigIgn);
        let signals = Self { terminal: Terminal::open(), hangup_ignored };
        signals.let_stop();
        signals
    }

    /// From now on, or again, a signal that asks for a stop ends the process; even process 1 of a container,
    /// which the kernel protects from signals that it does not handle.
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

    /// From now on, signals wait to be read.
    pub(super) fn hold(&self) {
        let _ = self.held().thread_set_mask();
        if HANGUP_CAME.swap(false, Ordering::Relaxed) {
            let _ = raise(Signal::SIGHUP);
        }
    }

    /// Lets the signals do what they do by default: for a process that turns out to be no daemon.
    pub(super) fn release(&self) {
        let held = self.held();
        for signal in &held {
            set(signal, SigHandler::SigDfl);
        }
        let _ = held.thread_unblock();
    }

    /// In a daemon that has left its session: there is no terminal, and SIGHUP has a meaning whoever started it.
    pub(super) fn detached(&mut self) {
        self.terminal.close();
        self.hangup_ignored = false;
        set(Signal::SIGHUP, SigHandler::SigDfl);
    }

    fn held(&self) -> SigSet {
        let mut held: SigSet = UNDERSTOOD.into_iter().collect();
        if self.hangup_ignored {
            held.remove(Signal::SIGHUP); // what is blocked is not ignored any more
        }
        held
    }

    /// A reader for this process's signals; to be made after the last fork.
    pub(super) fn reader(&self) -> io::Result<SignalReader> {
        SignalReader::of(&self.held())
    }

    /// A reader for those alone that ask for a stop. The others go on waiting.
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

    /// Waits until a signal arrives, one of `others` is readable or closed, or the time has come.
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

/// Whether a signal asks for a stop. SIGHUP does where the terminal has hung up.
pub(super) fn asks_to_stop(signal: Signal) -> bool {
    STOP.contains(&signal) || (signal == Signal::SIGHUP && terminal::has_hung_up())
}

/// Sleeps. If a signal asks for a stop meanwhile, even a held one, it ends the process. For moments when there is
/// nothing to clean up, in a process that has claimed its signals.
pub(super) fn sleep_until_stopped(duration: Duration) {
    let stop: SigSet = STOP.into_iter().collect();
    let mask = stop.thread_swap_mask(SigmaskHow::SIG_UNBLOCK);
    thread::sleep(duration);
    let _ = mask.map(|mask| mask.thread_set_mask());
}

/// Whether SIGHUP came when it did not have to end the process, and was not held yet.
static HANGUP_CAME: AtomicBool = AtomicBool::new(false);

fn handle(signal: Signal, handler: extern "C" fn(libc::c_int)) {
    let flags = SaFlags::SA_NODEFER | SaFlags::SA_RESTART;
    let action = SigAction::new(SigHandler::Handler(handler), flags, SigSet::empty());
    // SAFETY: the handlers below call only what signal-safety(7) allows.
    let _ = unsafe { sigaction(signal, &action) };
}

/// Returns what there was before.
fn set(signal_number: Signal, handler: SigHandler) -> Option<SigHandler> {
    // SAFETY: neither to ignore a signal nor its default action runs any code of ours. (Rust's own handlers, for
    // stack overflows, are on SIGSEGV and SIGBUS, and are not touched.)
    unsafe { signal(signal_number, handler) }.ok()
}

/// Ends the process as the signal does by default.
extern "C" fn end(signal: libc::c_int) {
    // SAFETY: these calls take numbers, and signal-safety(7) allows them.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
        libc::_exit(128 + signal); // process 1 comes here
    }
}

/// Ends the process where the terminal has hung up.
extern "C" fn hang_up(signal: libc::c_int) {
    let error = Errno::last(); // of whatever is interrupted
    if terminal::has_hung_up() {
        end(signal);
    }
    HANGUP_CAME.store(true, Ordering::Relaxed);
    error.set();
}
