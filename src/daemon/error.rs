//! Why a daemon did not run, or did not end well.

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
use std::process::ExitCode;

/// Why a daemon did not run, or did not end well. The text of an error has all its causes in it.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // each says it itself
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
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Privileges(#[from] PrivilegeError),
    #[error("{}", chain(.0))]
    Service(#[from] ServiceError),
    #[error("while stopping: {0}")]
    Stop(#[from] StopErrors),
    #[error(
        "some services did not stop, not even when their time was over: they block their threads"
    )]
    Stuck,
    #[error("told to end at once; what was in progress is cut")]
    EndedAtOnce,
    #[error(transparent)]
    Vanished(#[from] Vanished),
    #[error("panicked; the log says where and why")]
    Panicked,
    /// The end of the log is lost, and what else went wrong may be known from here only.
    #[error("{}{lost}", .failure.as_ref().map(|failure| format!("{failure}; ")).unwrap_or_default())]
    LogLost {
        /// What else went wrong, if anything did.
        failure: Option<Box<RunError>>,
        /// What is lost.
        lost: LostLines,
    },
    /// An error that standard error has seen already, because the log goes there too.
    #[error("{0}")]
    Said(Box<RunError>),
    #[error("the system refuses what a daemon needs: {0}")]
    System(#[from] io::Error),
}

impl RunError {
    /// 2 where the command line or the configuration is wrong, 1 for everything else.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            RunError::Options(_) | RunError::Application(_) => ExitCode::from(2),
            RunError::Said(error) => error.exit_code(),
            _ => ExitCode::FAILURE,
        }
    }
}
