//! What a program tells the daemon about itself, besides its options.

use crate::logging::BoxedLayer;

/// A program, as [`run`](super::run) has to know it. A name alone is enough.
pub struct ProgramInfo {
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) layers: Vec<BoxedLayer>,
    pub(super) own_subscriber: bool,
    pub(super) reloads: bool,
    pub(crate) control: bool,
}

impl ProgramInfo {
    /// A program with this name. Its default files are named after it: `NAME.pid`, `NAME.log`.
    pub fn new(name: impl Into<String>) -> Self {
        let (name, version, layers) = (name.into(), None, Vec::new());
        Self { name, version, layers, own_subscriber: false, reloads: true, control: true }
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

    /// Leaves out the control socket: the daemon is reached by signals only. The option `control` is refused.
    pub fn without_control(mut self) -> Self {
        self.control = false;
        self
    }

    /// Declares that the program can't be reloaded: SIGHUP is logged and ignored, and a reload is refused. Otherwise
    /// the [`Source`](super::Source) is asked for a new application at each reload.
    pub fn without_reload(mut self) -> Self {
        self.reloads = false;
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
