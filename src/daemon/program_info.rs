//! What a daemon's program says of itself, beside its options.

use crate::logging::BoxedLayer;

/// A program, as [`run`](super::run) needs to know it. A name alone is enough.
pub struct ProgramInfo {
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) layers: Vec<BoxedLayer>,
    pub(super) own_subscriber: bool,
}

impl ProgramInfo {
    /// A program of this name, which its default files have: `NAME.pid`, `NAME.log`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), version: None, layers: Vec::new(), own_subscriber: false }
    }

    /// Sets the version, which the first line of the log says.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Adds listeners to the program's events, beside the log. A layer hears all events, of every level, unless it has
    /// a filter of its own (`with_filter` of `tracing_subscriber`). In the background, what it prints to standard
    /// output is in the log.
    pub fn layers(mut self, layers: impl IntoIterator<Item = BoxedLayer>) -> Self {
        self.layers.extend(layers);
        self
    }

    /// Says that the program has set up `tracing` on its own: there is no log beside that, and options which ask for
    /// one are refused.
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
