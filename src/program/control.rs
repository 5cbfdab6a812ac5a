//! `poetryd status` and `poetryd stop`.

use super::check::files;
use super::failure::{Failure, say};
use crate::daemon::{self, ControlError, Options, STOP_TIMEOUT};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The exit statuses that only these commands have.
const NOT_RUNNING: u8 = 3;
const NO_PERMISSION: u8 = 4;

/// How long a daemon may take to end after its services' time to stop is over.
const END_WAIT: Duration = Duration::from_secs(10);

pub(super) fn status(program: &str, options: &Options) -> Result<ExitCode, Failure> {
    let pid_file = pid_file(program, options)?;
    match daemon::running(&pid_file).map_err(failure)? {
        Some(pid) => {
            say(&format!("{program} is running with pid {pid}"))?;
            Ok(ExitCode::SUCCESS)
        }
        None => Err(not_running(&pid_file)),
    }
}

pub(super) fn stop(program: &str, options: &Options, now: bool) -> Result<ExitCode, Failure> {
    let pid_file = pid_file(program, options)?;
    let ended = if now {
        daemon::kill(&pid_file, END_WAIT).map(|pid| (pid, "was killed"))
    } else {
        let stop_timeout = options.stop_timeout.unwrap_or(STOP_TIMEOUT);
        daemon::stop(&pid_file, stop_timeout + END_WAIT).map(|pid| (pid, "has stopped"))
    };
    match ended.map_err(failure)? {
        (Some(pid), how) => {
            say(&format!("{program} with pid {pid} {how}"))?;
            Ok(ExitCode::SUCCESS)
        }
        (None, _) => Err(not_running(&pid_file)),
    }
}

/// The absolute path of the pid file, as seen from outside a chroot.
fn pid_file(program: &str, options: &Options) -> Result<PathBuf, Failure> {
    let Some(pid_file) = options.pid_file(program) else {
        return Err(Failure::Other("the daemon can't be found without a pid file".into(), 2));
    };
    let pid_file = files(options).find(&pid_file);
    std::path::absolute(&pid_file)
        .map_err(|e| Failure::Other(format!("can't find {}: {e}", pid_file.display()), 1))
}

fn not_running(pid_file: &Path) -> Failure {
    let pid_file = pid_file.display();
    let advice = "to find a daemon that was started elsewhere, give its application file, --rundir or --pidfile";
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
