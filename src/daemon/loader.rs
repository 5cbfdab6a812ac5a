//! Step 1, and the first part of a reload: makes the application, and the options that it is to run with.

use super::error::RunError;
use super::in_effect::{InEffect, OptionChanges};
use super::options::Options;
use super::program_info::ProgramInfo;
use super::settings::OptionError;
use super::source::{NotAgain, Source};
use crate::service::{Application, Refusal};
use std::panic::{self, AssertUnwindSafe};

/// Where the application and the options come from, at the start and at each reload.
pub(super) struct Loader {
    program: String,
    /// Whether the program sets up its own log.
    own_log: bool,
    /// Whether the program can be reloaded at all.
    pub(super) reloads: bool,
    /// The options of the command line. They win over those of the source.
    typed: Options,
    source: Box<dyn Source>,
}

/// What a reload has made: an application that has not been started, and what changes in the options.
pub(super) struct Prepared {
    pub(super) application: Application,
    pub(super) origin: String,
    pub(super) options: OptionChanges,
}

impl Loader {
    /// `typed` are the options of the command line.
    pub(super) fn new(program: &ProgramInfo, typed: Options, source: impl Source) -> Self {
        let (own_log, reloads) = (program.own_subscriber, program.reloads);
        Self { program: program.name.clone(), own_log, reloads, typed, source: Box::new(source) }
    }

    /// Where the application came from.
    pub(super) fn origin(&self) -> String {
        self.source.origin()
    }

    /// Makes the application, and merges the options. They are not checked yet.
    pub(super) fn load(&mut self) -> Result<(Application, Options), RunError> {
        let (application, from_source) = self.source.load().map_err(RunError::Application)?;
        Ok((application, self.typed.clone().or(from_source)))
    }

    /// The first part of a reload: makes the application again, and finds out what changes in the options.
    ///
    /// # Errors
    /// If anything is wrong, or if the source panics.
    pub(super) fn load_anew(&mut self, in_effect: &InEffect) -> Result<Prepared, Refusal> {
        let load = AssertUnwindSafe(|| {
            let (application, options) = self.load()?;
            let origin = self.source.origin();
            Ok(Prepared { application, origin, options: in_effect.compare(&options)? })
        });
        match panic::catch_unwind(load) {
            Ok(prepared) => prepared.map_err(|e: RunError| {
                let is_mistake = !matches!(&e, RunError::Application(e) if e.is::<NotAgain>());
                Refusal { reason: e.to_string(), is_mistake }
            }),
            Err(_) => Err(Refusal {
                reason: "making the application panicked; the log says where and why".into(),
                is_mistake: false,
            }),
        }
    }

    /// Checks the options with which the daemon starts.
    pub(super) fn decide(&self, options: Options) -> Result<InEffect, RunError> {
        let settings = options.clone().decide_for(&self.program, self.own_log)?;
        if settings.detach && std::process::id() == 1 {
            return Err(OptionError::FirstProcess.into());
        }
        Ok(InEffect::new(&self.program, self.own_log, options, settings))
    }
}
