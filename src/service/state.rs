//! What a service is doing, as it can be seen from outside.

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
    /// Its start has begun.
    Starting,
    /// It has started.
    Running,
    /// It takes nothing new, and finishes what is in progress.
    Stopping,
    /// It has ended by itself, without an error.
    Finished,
    /// It has failed or ended, and will be started again in a moment.
    Waiting,
    /// It has failed, and will not be started again by itself.
    Failed,
}

impl State {
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

/// All that can be said of one service at one moment. Made by [`Tree::list`](super::Tree::list) and
/// [`Tree::report`](super::Tree::report).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServiceReport {
    /// Where it stands in the tree.
    pub path: ServicePath,
    /// Whether it holds other services.
    pub is_group: bool,
    /// What it is doing.
    pub state: State,
    /// When it began to.
    pub since: Instant,
    /// The service's own line about itself; see [`Context::status`](super::Context::status).
    pub status: Option<String>,
    /// Why it failed last, with all causes. `None`: it never has.
    pub failure: Option<String>,
    /// How often it has been started again after it had failed or ended.
    pub restarts: u64,
    /// When it will be started again, if it waits for that.
    pub next_start: Option<Instant>,
    /// What is counted at this path.
    pub counters: Vec<Sample>,
}
