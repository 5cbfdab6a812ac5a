//! What a running daemon's pid file is good for: to know whether it is running, and to stop it.

use super::daemon_files::{Daemon, Unit};
use super::failure::{Failure, say};
use crate::daemon::{self, ControlError};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// The exit statuses that only these commands have.
pub(super) const NOT_RUNNING: u8 = 3;
pub(super) const NO_PERMISSION: u8 = 4;

/// How long a daemon may take to end after its services' time to stop is over.
pub(super) const END_WAIT: Duration = Duration::from_secs(10);

/// All that the pid file tells about the state.
pub(super) fn is_running(daemon: &Daemon, pid: u32) -> Result<ExitCode, Failure> {
    say(&format!("{} is running with pid {pid}", daemon.program))?;
    Ok(ExitCode::SUCCESS)
}

/// The process that holds the pid file.
pub(super) fn running(pid_file: &Path) -> Result<Option<u32>, Failure> {
    daemon::running(pid_file).map_err(failure)
}

/// Stops the daemon by a signal, which works even if it does not answer, and reads the outcome from its pid file.
pub(super) fn stop(daemon: &Daemon, pid_file: &Path, now: bool) -> Result<ExitCode, Failure> {
    let ended = if now {
        daemon::kill(pid_file, END_WAIT).map(|pid| (pid, "was killed"))
    } else {
        daemon::stop(pid_file, daemon.stop_timeout + END_WAIT).map(|pid| (pid, "has stopped"))
    };
    match ended.map_err(failure)? {
        (Some(pid), how) => {
            say(&format!("{} with pid {pid} {how}", daemon.program))?;
            Ok(ExitCode::SUCCESS)
        }
        (None, _) => Err(not_running(daemon, pid_file)),
    }
}

pub(super) fn not_running(daemon: &Daemon, pid_file: &Path) -> Failure {
    let pid_file = pid_file.display();
    let unit = daemon.unit.as_ref().filter(|unit| unit.socket.exists());
    let advice = match unit {
        Some(Unit { name, socket }) => format!(
            "the daemon of the unit {name} is reached by systemctl, or with --control {}",
            socket.display()
        ),
        None => "to find a daemon that was started elsewhere, give its application file, --rundir or --pidfile".into(),
    };
    Failure::Other(
        format!("not running: no process holds the pid file {pid_file}; {advice}"),
        NOT_RUNNING,
    )
}

fn failure(e: ControlError) -> Failure {
    let status = if e.is_about_permission() { NO_PERMISSION } else { 1 };
    let advice = match e {
        ControlError::StillRunning { killed: false, .. } => "; stop --now kills it",
        _ => "",
    };
    Failure::Other(format!("{e}{advice}"), status)
}
