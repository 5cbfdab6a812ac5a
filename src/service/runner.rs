//! What can be asked of the process that runs a tree: the trait is here, so that services and the control socket can
//! use it without knowing the process.

use super::{BoxError, ReloadReport};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tracing::Level;

/// The process that runs the tree, for those who operate it. Offered as a [resource](super::Resources) of type
/// [`Process`].
#[async_trait]
pub trait Runner: Send + Sync {
    /// What is known about the process now. Never waits.
    fn report(&self) -> RunnerReport;

    /// Reloads: makes the application anew from its source, and changes the running tree into it, or only says what
    /// would change.
    ///
    /// # Errors
    /// If the reload was refused or failed: the tree is as it was before.
    async fn reload(&self, mode: ReloadMode) -> Result<Reloaded, Refusal>;

    /// Requests a stop, as SIGTERM does. `time` is how long services may take; `None`: the stop-timeout.
    fn stop(&self, time: Option<Duration>);

    /// Changes the level of the log until the next reload.
    ///
    /// # Errors
    /// If the program has a log of its own.
    fn set_log_level(&self, level: Level) -> Result<(), BoxError>;

    /// Rotates the log file.
    ///
    /// # Errors
    /// If the log is not a file.
    fn rotate(&self) -> Result<(), BoxError>;

    /// The last warnings and errors of the log, the oldest first: at most 50 of them, each text of at most 1 KiB.
    /// None if the program has a log of its own, whose lines cannot be known here.
    fn warnings(&self) -> Vec<Warning>;
}

/// The process that runs the tree, as a resource.
pub type Process = Arc<dyn Runner>;

/// Whether a reload changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReloadMode {
    /// It changes the tree.
    Change,
    /// Nothing is changed: the report says what would be.
    DryRun,
}

/// What the process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Services are starting.
    Starting,
    /// All services have started.
    Running,
    /// A reload is in progress.
    Reloading,
    /// Services are stopping.
    Stopping,
}

impl Phase {
    /// The phase in one word, in lower case: `running`.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Starting => "starting",
            Phase::Running => "running",
            Phase::Reloading => "reloading",
            Phase::Stopping => "stopping",
        }
    }
}

/// What is known about the process at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunnerReport {
    /// The name of the program.
    pub program: String,
    /// Its version, if it has one.
    pub version: Option<String>,
    /// The process id.
    pub pid: u32,
    /// Where the application came from: the name of a file, for example.
    pub origin: String,
    /// When the process was started.
    pub started: SystemTime,
    /// What it is doing.
    pub phase: Phase,
    /// Since when.
    pub since: SystemTime,
    /// The last reload that has ended.
    pub last_reload: Option<LastReload>,
    /// The threads that serve clients: how many there are.
    pub workers: usize,
    /// Log lines that could not be written since the start.
    pub log_lines_lost: u64,
}

/// A warning or an error in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// When it was logged.
    pub time: SystemTime,
    /// Whether it is a warning or an error.
    pub level: Level,
    /// The path of the service that has logged it; `-` is the process itself.
    pub service: String,
    /// The message, with the values that the log shows after it. Control characters are escaped. A text that was
    /// cut ends in `…`.
    pub message: String,
}

/// The outcome of a reload.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LastReload {
    /// When it ended.
    pub ended: SystemTime,
    /// What it changed, or why it did not.
    pub outcome: Result<Reloaded, Refusal>,
}

/// What a reload has changed, or would change.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Reloaded {
    /// The changes to the tree.
    pub tree: ReloadReport,
    /// The options with a new value, by the names of their keys (`log.level`), that is in effect now.
    pub options: Vec<String>,
    /// The options with a new value that takes effect when the daemon is restarted.
    pub at_restart: Vec<String>,
}

/// Why a reload has changed nothing.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{reason}")]
#[non_exhaustive]
pub struct Refusal {
    /// What was wrong, with all causes; several lines, if there are several mistakes.
    pub reason: String,
    /// Whether the application file or other settings are wrong. Otherwise something failed.
    pub is_mistake: bool,
}
