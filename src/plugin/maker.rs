//! Makes an application from options of its own.

use crate::service::{Application, BoxError};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use std::path::{Path, PathBuf};

/// A plugin: makes an application from options of its own. This is Twisted's [`IServiceMaker`].
///
/// [`IServiceMaker`]: https://docs.twisted.org/en/stable/core/howto/tap.html
pub trait ServiceMaker: Send + Sync + 'static {
    /// The options, as `clap` derives them.
    type Options: Args;
    /// The name of the plugin on the command line.
    const NAME: &'static str;
    /// What it does, in one line.
    const DESCRIPTION: &'static str;

    /// Makes the application. Nothing is started, and this has no other effect.
    ///
    /// # Errors
    /// If the options don't make sense together: the process ends with exit status 2, before any fork.
    fn make_service(
        &self,
        options: Self::Options,
        cx: &MakeContext,
    ) -> Result<Application, BoxError>;
}

/// What a service maker may need besides its options.
#[derive(Clone, Debug, Default)]
pub struct MakeContext {
    here: Option<PathBuf>,
}

impl MakeContext {
    /// The directory where the command line was typed. `None`: with a chroot, file names are those inside it.
    pub fn new(here: Option<PathBuf>) -> Self {
        Self { here }
    }

    /// The path of a file whose name was typed on the command line: it is relative to where it was typed, not to
    /// the rundir.
    pub fn file(&self, typed: &Path) -> PathBuf {
        self.here.as_ref().map_or(typed.into(), |here| here.join(typed))
    }
}

/// A service maker whose options have a type that is known only at run time.
pub(crate) trait Maker: Send + Sync {
    fn name(&self) -> &str;
    fn description(&self) -> &str;
    /// Adds the options to a command line.
    fn augment(&self, command: Command) -> Command;
    fn make(&self, matches: &ArgMatches, cx: &MakeContext) -> Result<Application, BoxError>;

    /// The manifest that declares the plugin. `None`: it is compiled in.
    fn manifest(&self) -> Option<&Path> {
        None
    }
}

impl<T: ServiceMaker> Maker for T {
    fn name(&self) -> &str {
        T::NAME
    }

    fn description(&self) -> &str {
        T::DESCRIPTION
    }

    fn augment(&self, command: Command) -> Command {
        T::Options::augment_args(command)
    }

    fn make(&self, matches: &ArgMatches, cx: &MakeContext) -> Result<Application, BoxError> {
        self.make_service(T::Options::from_arg_matches(matches)?, cx)
    }
}
