//! The JSON documents of the control socket and of the status service. The guide describes them field by field: a change
//! here is a change there.

mod status;

pub(crate) use status::status;
#[cfg(feature = "web")]
pub(crate) use status::why_not_ready;
#[cfg(feature = "control")]
pub(crate) use status::{refused, reloaded, service_status};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The number in each document. It grows when a field is removed, renamed, or gets another meaning; new fields and
/// new words in fields don't change it.
pub(crate) const SCHEMA: u32 = 1;

/// What is known about the daemon.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) schema: u32,
    pub(crate) program: String,
    pub(crate) version: Option<String>,
    pub(crate) pid: u32,
    pub(crate) origin: String,
    pub(crate) phase: String,
    /// Whether all services have started, none is stopping with the daemon, and none has failed for good.
    pub(crate) ready: bool,
    pub(crate) started: String,
    pub(crate) since: String,
    pub(crate) workers: usize,
    /// Log lines that could not be written. (A daemon of an earlier version does not say.)
    #[serde(default)]
    pub(crate) log_lines_lost: u64,
    /// The last warnings and errors of the log. `None`: whoever asks must not see them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) warnings: Option<Vec<Warning>>,
    pub(crate) last_reload: Option<LastReload>,
    pub(crate) services: Vec<ServiceStatus>,
    pub(crate) draining: Vec<Draining>,
}

/// A warning or an error in the log.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Warning {
    pub(crate) time: String,
    pub(crate) level: String,
    pub(crate) service: String,
    pub(crate) message: String,
}

/// What is known about one service.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ServiceStatus {
    pub(crate) path: String,
    pub(crate) kind: String,
    pub(crate) is_group: bool,
    pub(crate) state: String,
    pub(crate) since: String,
    pub(crate) status: Option<String>,
    pub(crate) failure: Option<String>,
    pub(crate) restarts: u64,
    pub(crate) next_start: Option<String>,
    pub(crate) counters: Vec<Count>,
}

/// A service that finishes what is in progress, since a reload has replaced or removed it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Draining {
    pub(crate) path: String,
    pub(crate) kind: String,
    pub(crate) state: String,
    pub(crate) since: String,
    pub(crate) status: Option<String>,
}

/// One number of a service.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: u64,
}

/// The last reload.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LastReload {
    pub(crate) ended: String,
    #[serde(flatten)]
    pub(crate) outcome: ReloadOutcome,
}

/// What a reload has come to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReloadOutcome {
    /// It has been made.
    Changes(Reloaded),
    /// It has been refused, or has failed; nothing has changed.
    Refused(Refused),
}

/// What a reload has changed, or would change.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Reloaded {
    pub(crate) schema: u32,
    pub(crate) dry_run: bool,
    pub(crate) kept: usize,
    pub(crate) updated: Vec<Updated>,
    pub(crate) replaced: Vec<String>,
    pub(crate) added: Vec<String>,
    pub(crate) removed: Vec<String>,
    pub(crate) restarted: Vec<String>,
    pub(crate) options: Vec<String>,
    pub(crate) at_restart: Vec<String>,
}

/// A service that was kept, but does something differently.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Updated {
    pub(crate) path: String,
    pub(crate) what: String,
}

/// Why a request had no effect.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Refused {
    pub(crate) schema: u32,
    /// What was wrong; several lines, if there are several mistakes.
    pub(crate) error: String,
    /// Whether the application file or the request is wrong. Otherwise something failed.
    pub(crate) is_mistake: bool,
}

#[cfg(all(test, feature = "web"))]
mod tests;
