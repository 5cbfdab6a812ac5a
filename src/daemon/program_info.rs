//! What a program tells the daemon about itself, besides its options.

use crate::logging::BoxedLayer;

/// A program, as [`run`](super::run) has to know it. A name alone is enough.
pub struct ProgramInfo {
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) layers: Vec<BoxedLayer>,
    pub(super) own_subscriber: bool,
}

impl ProgramInfo {
    /// A program with this name. Its default files are named after it: `NAME.pid`, `NAME.log`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), version: None, layers: Vec::new(), own_subscriber: false }
    }

    /// Sets the version, which is shown in the first line of the log.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Adds layers that receive the program's events in addition to the log. A layer receives all events of every
    /// level, unless it has a filter of its own (`with_filter` of `tracing_subscriber`). In the background, what
    /// a layer prints to standard output goes into the log.
    pub fn layers(mut self, layers: impl IntoIterator<Item = BoxedLayer>) -> Self {
        self.layers.extend(layers);
        self
    }

    /// Declares that the program has set up `tracing` itself: there is no other log, and options about the log
    /// are refused.
    pub fn own_subscriber(mut self) -> Self {
        self.own_subscriber = true;
        self
    }
}

impl From<&str> for ProgramInfo {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}
