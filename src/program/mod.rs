//! A complete program, in one call: command line, application file, daemon.
//!
//! This is where the modules meet. `poetryd` itself is a [`Program`] whose [`Registry`] knows poetry; with
//! another registry it is another daemon.

mod check;
mod control;
mod failure;
mod plugins;
mod source;
mod tables;

use crate::cli::{self, Action, Invocation};
use crate::config::{self, Registry};
use crate::daemon::{self, Environment, Options};
use crate::plugin::Plugins;
use crate::service::{Application, BoxError};
use failure::Failure;
use source::{BuiltIn, FileSource};
use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// A daemon's whole program. The name is that of its default files: `NAME.toml`, `NAME.pid`, `NAME.log`.
pub struct Program {
    name: &'static str,
    version: &'static str,
    about: &'static str,
    registry: Arc<Registry>,
    plugins: Plugins,
    built_in: Option<BuiltIn>,
}

impl Program {
    /// A program with the kinds of service that every registry knows.
    pub fn new(name: &'static str, version: &'static str, about: &'static str) -> Self {
        let (registry, plugins) = (Arc::default(), Plugins::new());
        Self { name, version, about, registry, plugins, built_in: None }
    }

    /// Sets the kinds and protocols that application files may name.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = Arc::new(registry);
        self
    }

    /// Sets the plugins that are compiled in.
    pub fn plugins(mut self, plugins: Plugins) -> Self {
        self.plugins = plugins;
        self
    }

    /// Sets the application that is run when there is no file.
    pub fn built_in(
        mut self,
        application: impl Fn() -> Result<Application, BoxError> + Send + Sync + 'static,
    ) -> Self {
        self.built_in = Some(Arc::new(application));
        self
    }

    /// Does what the command line says and returns the exit status; whatever failed has been printed to
    /// standard error. `args` begin with the program's own name, as [`std::env::args_os`] does.
    pub fn run(
        self,
        environment: Environment,
        args: impl IntoIterator<Item = OsString>,
    ) -> ExitCode {
        let (name, version, about) = (self.name, self.version, self.about);
        let invocation =
            match cli::parse(name, version, about, |rundir| self.describe_plugins(rundir), args) {
                Ok(invocation) => invocation,
                Err(e) => return Failure::Options(e).report(self.name),
            };
        let Invocation { options, action } = invocation;
        let done = match action {
            Action::Run { target, arguments } => {
                self.run_application(environment, options, target.map(PathBuf::from), &arguments)
            }
            other => {
                environment.release();
                self.talk_about(options, other)
            }
        };
        done.unwrap_or_else(|failure| failure.report(self.name))
    }

    fn run_application(
        &self,
        environment: Environment,
        options: Options,
        target: Option<PathBuf>,
        arguments: &[OsString],
    ) -> Result<ExitCode, Failure> {
        if let Some(word) = target.as_deref().and_then(Path::to_str)
            && let Some(plugin) = self.plugin(word, &options)?
        {
            return self.run_plugin(environment, options, plugin, arguments);
        }
        let file = self.application_file(target, &options);
        if let Some(argument) = arguments.first() {
            return Err(misplaced(argument, file.as_deref()));
        }
        let (source, options) = (self.source(file)?, typed_here(options)?);
        daemon::run(self.name, environment, options, source)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Everything but running.
    fn talk_about(&self, options: Options, action: Action) -> Result<ExitCode, Failure> {
        match action {
            Action::Check(file) => {
                let file = self.application_file(file, &options);
                check::check(self.name, self.source(file)?, typed_here(options)?)
            }
            Action::Status(file) => control::status(self.name, &self.find_daemon(file, options)?),
            Action::Stop { config, now } => {
                control::stop(self.name, &self.find_daemon(config, options)?, now)
            }
            Action::Run { .. } => unreachable!("handled by run_application"),
        }
    }

    /// The application file that was named or, if there is one, the default file in the rundir.
    fn application_file(&self, named: Option<PathBuf>, options: &Options) -> Option<PathBuf> {
        if named.is_some() {
            return named;
        }
        let rundir = options.unless_chroot(options.rundir.clone());
        let default = rundir.unwrap_or_default().join(format!("{}.toml", self.name));
        Some(default).filter(|file| exists(file))
    }

    fn source(&self, file: Option<PathBuf>) -> Result<FileSource, Failure> {
        FileSource::new(self.registry.clone(), file, self.built_in.clone(), self.name)
            .map_err(|e| Failure::Other(e.to_string(), 2))
    }

    /// The options that lead to a running daemon. Mistakes in the file's services don't matter to it.
    fn find_daemon(&self, file: Option<PathBuf>, options: Options) -> Result<Options, Failure> {
        let from_file = match self.application_file(file, &options) {
            Some(file) => {
                config::load_tables(&file, &self.registry, tables::read).map_err(Failure::Config)?
            }
            None => Options::default(),
        };
        Ok(typed_here(options)?.or(from_file))
    }
}

/// The options of the command line, whose file names are relative to the current directory.
fn typed_here(options: Options) -> Result<Options, Failure> {
    let here = env::current_dir()
        .map_err(|e| Failure::Other(format!("can't find out the current directory: {e}"), 1))?;
    Ok(options.typed_in(here))
}

/// Whether there is a file of that name. One that can't be read is one all the same.
fn exists(file: &Path) -> bool {
    file.symlink_metadata().map_or_else(|e| e.kind() != io::ErrorKind::NotFound, |_| true)
}

/// A word after the application file.
fn misplaced(argument: &OsString, file: Option<&Path>) -> Failure {
    let file = file.map(|file| file.display().to_string()).unwrap_or_default();
    let argument = argument.to_string_lossy();
    let message = if argument.starts_with('-') {
        format!("{argument} stands after the application file {file}; options stand before it")
    } else {
        format!(
            "there is one application file at a time; {argument:?} is one too many after {file}"
        )
    };
    Failure::Other(message, 2)
}
