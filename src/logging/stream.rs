//! Descriptors 1 and 2.

use nix::unistd::{dup2_stderr, dup2_stdout};
use std::io;
use std::os::fd::AsFd;
use tracing::Level;

/// Standard output or standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Output,
    Error,
}

impl Stream {
    /// Makes the stream's descriptor a duplicate of this file's.
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

    /// The level of what is written to the stream, as in twistd.
    pub(super) fn level(self) -> Level {
        match self {
            Stream::Output => Level::INFO,
            Stream::Error => Level::ERROR,
        }
    }
}
