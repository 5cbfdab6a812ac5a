//! Step 2: from the launcher to the daemon, and the report that comes back.

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
    /// The launcher: the process that was started. It waits for the daemon.
    Launcher(Launcher),
    /// The daemon, which has to send the launcher a report.
    Daemon(Report),
}

/// The launcher's end of the pipe.
pub(super) struct Launcher {
    reports: PipeReader,
}

/// The daemon's end of the pipe. If it is dropped without a report, the launcher assumes that the daemon died.
pub(super) struct Report(PipeWriter);

/// Why the launcher fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The system refused to fork.
    #[error("can't detach: {0}")]
    Fork(String),
    /// The pipe for the daemon's report can't be made.
    #[error("can't detach: {0}")]
    Pipe(#[from] io::Error),
    /// The daemon's own error.
    #[error("{0}")]
    Daemon(String),
    /// The daemon died before it sent a report.
    #[error("the daemon died while it was starting; the log may say more")]
    Died,
    /// The launcher was told to stop, and so was the daemon.
    #[error("interrupted: the daemon was stopped before it was ready")]
    Interrupted,
}

/// Forks, calls `setsid`, and redirects standard input, output and error to `/dev/null`.
///
/// The `daemonize` crate does nothing else here: directory and umask stay as they are.
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
    /// Waits until the daemon is ready, has failed, or has died. A stop signal that arrives meanwhile is passed
    /// on to the daemon; then this waits until the daemon has ended.
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
                    // The daemon had just become ready, so the pipe no longer tells when it ends.
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

    /// Reads what the daemon has sent. Returns whether the report is complete.
    fn hear(&mut self, heard: &mut Vec<u8>) -> io::Result<bool> {
        match self.reports.read_to_end(heard) {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(e) => Err(e),
        }
    }
}

/// Passes a stop signal on to the daemon. The first two are SIGTERM, which the daemon handles; the third kills it.
fn pass_on(interrupt: usize, daemon: Pid) {
    let signal = if interrupt < 2 { Signal::SIGTERM } else { Signal::SIGKILL };
    let _ = kill(daemon, signal); // it may have ended by itself
}

/// The daemon's report so far: its pid and a newline, then `ready` or `failed` and a newline, then text up to the
/// end.
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
    /// Reports that the daemon is ready: the launcher may return to the prompt, after printing a problem if there
    /// is one.
    pub(super) fn ready(mut self, problem: Option<&str>) {
        self.send(&format!("{READY}\n{}", problem.unwrap_or_default()));
    }

    /// Reports that the daemon has failed and has left nothing behind. This has to be the last step: the launcher
    /// waits until the pipe is closed, which happens when this process ends.
    pub(super) fn failed(mut self, error: &str) {
        self.send(&format!("{FAILED}\n{error}"));
        std::mem::forget(self);
    }

    fn send(&mut self, message: &str) {
        // Without a launcher there is nobody to report to.
        let _ = self.0.write_all(message.as_bytes());
    }
}
