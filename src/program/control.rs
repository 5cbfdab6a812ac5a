//! The commands for a running daemon.

#[cfg(feature = "control")]
use super::commands;
use super::daemon_files::Daemon;
use super::failure::Failure;
use super::pid_file;
use crate::cli::Ask;
use std::process::ExitCode;

/// Does what a command line asks for.
pub(super) fn ask(daemon: &Daemon, ask: Ask) -> Result<ExitCode, Failure> {
    match (ask, &daemon.pid_file) {
        (Ask::Stop { now }, Some(file)) => pid_file::stop(daemon, file, now),
        #[cfg(feature = "control")]
        (other, _) => commands::ask(daemon, other),
        #[cfg(not(feature = "control"))]
        (Ask::Status { json: false }, Some(file)) => match pid_file::running(file)? {
            Some(pid) => pid_file::is_running(daemon, pid),
            None => Err(pid_file::not_running(daemon, file)),
        },
        #[cfg(not(feature = "control"))]
        _ => Err(Failure::Other("this program is built without a control socket".into(), 2)),
    }
}
