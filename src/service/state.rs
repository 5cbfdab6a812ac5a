//! What a service is doing, as seen from outside.

use super::{Sample, ServicePath};
use std::fmt;
use std::time::Instant;

/// What a service is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It has not been started yet, or it has been stopped.
    #[default]
    Stopped,
    /// Its start is in progress.
    Starting,
    /// It has started.
    Running,
    /// It accepts nothing new, and finishes what is in progress.
    Stopping,
    /// It has ended on its own, without an error.
    Finished,
    /// It has failed or finished, and will be started again.
    Waiting,
    /// It has failed, and will not be started again automatically.
    Failed,
}

impl State {
    /// All of them.
    pub const ALL: &[State] = &[
        State::Stopped,
        State::Starting,
        State::Running,
        State::Stopping,
        State::Finished,
        State::Waiting,
        State::Failed,
    ];

    /// The state in one word, in lower case: `running`.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Stopped => "stopped",
            State::Starting => "starting",
            State::Running => "running",
            State::Stopping => "stopping",
            State::Finished => "finished",
            State::Waiting => "waiting",
            State::Failed => "failed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is known about one service at one moment. Returned by [`Tree::list`](super::Tree::list) and
/// [`Tree::report`](super::Tree::report).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServiceReport {
    /// Its path in the tree.
    pub path: ServicePath,
    /// What kind of service it is: as in the application file, or the name of its type.
    pub kind: String,
    /// Whether it contains other services.
    pub is_group: bool,
    /// What it is doing.
    pub state: State,
    /// Since when.
    pub since: Instant,
    /// The service's own status line; see [`Context::status`](super::Context::status).
    pub status: Option<String>,
    /// Why it last failed, with all causes. `None`: it never has.
    pub failure: Option<String>,
    /// How often it has been started again after it had failed or finished.
    pub restarts: u64,
    /// When it will be started again, if it is waiting for that.
    pub next_start: Option<Instant>,
    /// The counters of this path.
    pub counters: Vec<Sample>,
}
