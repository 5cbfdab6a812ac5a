//! Why a daemon could not run, or did not stop cleanly.

use super::conductor::Vanished;
use super::detach::LaunchError;
use super::pid_file::PidFileError;
use super::place::PlaceError;
use super::privileges::PrivilegeError;
use super::settings::OptionError;
use crate::chain::chain;
use crate::logging::{LogError, LostLines};
use crate::service::{BoxError, ServiceError, StopErrors};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// Why a daemon could not run, or did not stop cleanly. The text of an error includes all its causes.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // the messages explain them
#[non_exhaustive]
pub enum RunError {
    #[error(transparent)]
    Options(#[from] OptionError),
    #[error("{}", chain(&**.0))]
    Application(#[source] BoxError),
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    PidFile(#[from] PidFileError),
    /// The control socket was set, and can't be opened.
    #[error("can't open the control socket {}: {source}; name another file with --control, or '' for none", socket.display())]
    Control {
        /// The socket.
        socket: PathBuf,
        /// Why not.
        source: io::Error,
    },
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Privileges(#[from] PrivilegeError),
    #[error("{}", chain(.0))]
    Service(#[from] ServiceError),
    #[error("while stopping: {0}")]
    Stop(#[from] StopErrors),
    #[error("some services did not stop in time and were abandoned: they block their threads")]
    Stuck,
    #[error("told to stop immediately; connections in progress were cut")]
    EndedAtOnce,
    #[error(transparent)]
    Vanished(#[from] Vanished),
    #[error("the daemon panicked; the log says where and why")]
    Panicked,
    /// The end of the log is lost. If something else failed, too, this is the only report of it.
    #[error("{}{lost}", .failure.as_ref().map(|failure| format!("{failure}; ")).unwrap_or_default())]
    LogLost {
        /// What else failed, if anything did.
        failure: Option<Box<RunError>>,
        /// Which lines are lost.
        lost: LostLines,
    },
    /// An error that has been printed to standard error already, because the log goes there.
    #[error("{0}")]
    Said(Box<RunError>),
    #[error("a system call that the daemon needs failed: {0}")]
    System(#[from] io::Error),
}

impl RunError {
    /// 2 if the command line or the configuration is wrong, 1 for everything else.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            RunError::Options(_) | RunError::Application(_) => ExitCode::from(2),
            RunError::Said(error) => error.exit_code(),
            _ => ExitCode::FAILURE,
        }
    }
}
