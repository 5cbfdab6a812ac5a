//! Descriptors 1 and 2.

use nix::unistd::{dup2_stderr, dup2_stdout};
use std::io;
use std::os::fd::AsFd;
use tracing::Level;

/// One of the streams that every program may write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Output,
    Error,
}

impl Stream {
    /// Makes the stream's descriptor another one of this file.
    pub(super) fn lead_to(self, file: impl AsFd) -> io::Result<()> {
        match self {
            Stream::Output => Ok(dup2_stdout(file)?),
            Stream::Error => Ok(dup2_stderr(file)?),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Stream::Output => "stdout",
            Stream::Error => "stderr",
        }
    }

    /// How important it is what is written here: as in twistd.
    pub(super) fn level(self) -> Level {
        match self {
            Stream::Output => Level::INFO,
            Stream::Error => Level::ERROR,
        }
    }
}
