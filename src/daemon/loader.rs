//! Step 1, and the first part of a reload: makes the application, and the options that it is to run with.

use super::options::Options;
use super::settings::Settings;
use super::{RunError, Source};
use crate::service::Application;

/// Where the application and the options come from, at the start and at each reload.
pub(super) struct Loader {
    pub(super) program: String,
    /// Whether the program sets up its own log.
    pub(super) own_log: bool,
    /// The options of the command line. They win over those of the source.
    pub(super) typed: Options,
    pub(super) source: Box<dyn Source>,
}

/// An application that has not been started, and the options for it.
pub(super) struct Loaded {
    pub(super) application: Application,
    pub(super) options: Options,
    pub(super) settings: Settings,
}

impl Loader {
    /// Makes the application anew, and checks the options.
    pub(super) fn load(&mut self) -> Result<Loaded, RunError> {
        let (application, from_source) = self.source.load().map_err(RunError::Application)?;
        let options = self.typed.clone().or(from_source);
        let settings = options.clone().decide_for(&self.program, self.own_log)?;
        Ok(Loaded { application, options, settings })
    }
}
