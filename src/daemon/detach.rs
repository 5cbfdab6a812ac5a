//! Step 2: from the launching process to the daemon, and the word that comes back.

use super::process;
use super::signals::{Signals, StopRequests, asks_to_stop};
use daemonize::{Daemonize, Outcome};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, umask};
use nix::unistd::Pid;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;

/// Which process this is after the fork.
pub(super) enum Side {
    /// The one that was launched: it waits for the daemon.
    Launcher(Launcher),
    /// The daemon, which owes the launcher a report.
    Daemon(Report),
}

/// The launching process's end.
pub(super) struct Launcher {
    reports: PipeReader,
}

/// The daemon's end. Dropped without a word, it tells the launcher that the daemon died.
pub(super) struct Report(PipeWriter);

/// What the launching process has to say when the daemon did not come up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The system refused to fork.
    #[error("can't detach: {0}")]
    Fork(String),
    /// No way to hear from the daemon.
    #[error("can't detach: {0}")]
    Pipe(#[from] io::Error),
    /// The daemon's own error.
    #[error("{0}")]
    Daemon(String),
    /// It died before it could say anything.
    #[error("the daemon died while it was starting; the log may say more")]
    Died,
    /// The launching process was told to stop, and so the daemon was.
    #[error("interrupted: the daemon was stopped before it was ready")]
    Interrupted,
}

/// Forks, with `setsid` in between and standard input, output and error on `/dev/null`.
///
/// The `daemonize` crate is asked for no more than that: directory and umask stay as they are.
pub(super) fn detach() -> Result<Side, LaunchError> {
    let (reports, report) = io::pipe()?;
    let unchanged = umask(Mode::empty());
    umask(unchanged);
    let directory = std::env::current_dir()?;
    match Daemonize::new().working_directory(directory).umask(unchanged.bits()).execute() {
        Outcome::Parent(Ok(_)) => Ok(Side::Launcher(Launcher { reports })),
        Outcome::Parent(Err(e)) => Err(LaunchError::Fork(e.to_string())),
        Outcome::Child(outcome) => {
            let mut report = Report(report);
            report.send(&format!("{}\n", std::process::id()));
            match outcome {
                Ok(_) => Ok(Side::Daemon(report)),
                Err(e) => {
                    report.failed(&format!("can't detach: {e}"));
                    std::process::exit(1);
                }
            }
        }
    }
}

impl Launcher {
    /// Waits until the daemon serves, has failed, or died. A stop signal meanwhile is passed on to the
    /// daemon, and the wait is then for its end.
    pub(super) fn wait(mut self, signals: &Signals) -> Result<(), LaunchError> {
        let signals = signals.reader()?;
        fcntl(&self.reports, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(io::Error::from)?;
        let mut heard = Vec::new();
        let (mut requests, mut passed_on) = (StopRequests::default(), 0);
        loop {
            signals.wait(&[self.reports.as_fd()], None)?;
            while let Some(signal) = signals.next() {
                if asks_to_stop(signal) || signal == Signal::SIGHUP {
                    requests.add();
                }
            }
            let interrupts = requests.count();
            let ended = self.hear(&mut heard)?;
            let said = Said::parse(&heard);
            if let Some(daemon) = said.pid {
                for interrupt in passed_on..interrupts {
                    pass_on(interrupt, daemon);
                }
                passed_on = interrupts;
            }
            match (said, interrupts) {
                (Said { ready: true, text, .. }, 0) => {
                    if !text.is_empty() {
                        let _ = writeln!(io::stderr(), "{text}");
                    }
                    return Ok(());
                }
                (Said { ready: true, pid: Some(daemon), .. }, _) => {
                    // It was just ready; its end is no longer to be heard through the pipe.
                    process::wait_for_end(daemon.as_raw().unsigned_abs())?;
                    return Err(LaunchError::Interrupted);
                }
                (Said { failed: true, text, .. }, 0) if ended => {
                    return Err(LaunchError::Daemon(text));
                }
                (_, 0) if ended => return Err(LaunchError::Died),
                _ if ended => return Err(LaunchError::Interrupted),
                _ => {}
            }
        }
    }

    /// Takes in what the daemon has said. Returns whether that was its last word.
    fn hear(&mut self, heard: &mut Vec<u8>) -> io::Result<bool> {
        match self.reports.read_to_end(heard) {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(e) => Err(e),
        }
    }
}

/// Two interrupts are for the daemon to honour; after that it has had its chances.
fn pass_on(interrupt: usize, daemon: Pid) {
    let signal = if interrupt < 2 { Signal::SIGTERM } else { Signal::SIGKILL };
    let _ = kill(daemon, signal); // it may have ended by itself
}

/// The daemon's report so far: its pid in a line, then `ready` or `failed` in a line, and a text to the end.
struct Said {
    pid: Option<Pid>,
    ready: bool,
    failed: bool,
    text: String,
}

const READY: &str = "ready";
const FAILED: &str = "failed";

impl Said {
    fn parse(heard: &[u8]) -> Self {
        let text = String::from_utf8_lossy(heard);
        let (pid, rest) = text.split_once('\n').unwrap_or(("", ""));
        let (word, text) = rest.split_once('\n').unwrap_or((rest, ""));
        Self {
            pid: pid.parse().ok().map(Pid::from_raw),
            ready: word == READY,
            failed: word == FAILED,
            text: text.to_owned(),
        }
    }
}

impl Report {
    /// The daemon serves: the launching process may return to the prompt, with a word about what is wrong
    /// nevertheless.
    pub(super) fn ready(mut self, problem: Option<&str>) {
        self.send(&format!("{READY}\n{}", problem.unwrap_or_default()));
    }

    /// The daemon has failed, and left nothing behind. Called last: the launching process waits for the
    /// pipe to close, which is left to the end of this process.
    pub(super) fn failed(mut self, error: &str) {
        self.send(&format!("{FAILED}\n{error}"));
        std::mem::forget(self);
    }

    fn send(&mut self, message: &str) {
        // Without a launching process there is nobody to tell.
        let _ = self.0.write_all(message.as_bytes());
    }
}
