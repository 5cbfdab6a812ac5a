//! The JSON documents that answer commands; those about the status are in [`document`](crate::document).

use crate::document::{SCHEMA, ServiceStatus};
use serde::{Deserialize, Serialize};

/// The daemon will stop.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stopping {
    pub(crate) schema: u32,
    pub(crate) pid: u32,
}

/// A service after a change.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Changed {
    pub(crate) schema: u32,
    /// `None`: it has been removed meanwhile.
    pub(crate) service: Option<ServiceStatus>,
}

/// The new level of the log.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LogLevel {
    pub(crate) schema: u32,
    pub(crate) level: String,
}

/// The log file will be rotated.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Rotated {
    pub(crate) schema: u32,
}

/// What is known about a daemon that does not answer. It is not an answer of the control socket: `status --follow`
/// prints it in place of one.
#[derive(Debug, Serialize)]
pub(crate) struct NoAnswer {
    schema: u32,
    ready: bool,
    since: String,
    error: String,
}

impl NoAnswer {
    /// There has been no answer since then.
    pub(crate) fn new(since: String, error: String) -> Self {
        Self { schema: SCHEMA, ready: false, since, error }
    }
}
