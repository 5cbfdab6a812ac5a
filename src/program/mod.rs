//! A complete program, in one call: command line, application file, daemon.
//!
//! This is where the rooms meet. `poetryd` itself is a [`Program`] whose [`Registry`] knows poetry; with
//! another registry it is another daemon.

mod check;
mod control;
mod source;
mod tables;

use crate::cli::{self, Action, Invocation};
use crate::config::{ConfigError, Registry};
use crate::daemon::{self, Environment, Options, RunError};
use crate::service::{Application, BoxError};
use source::FileSource;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Makes the application that runs when there is no file.
type BuiltIn = fn() -> Result<Application, BoxError>;

/// A daemon's whole program. The name is that of its default files: `NAME.toml`, `NAME.pid`, `NAME.log`.
pub struct Program {
    name: &'static str,
    version: &'static str,
    about: &'static str,
    registry: Registry,
    built_in: Option<BuiltIn>,
}

/// What a program has to say at its end, and the exit status that goes with it.
enum Failure {
    Options(clap::Error),
    Config(ConfigError),
    Run(RunError),
    /// Anything else: the message, and the status.
    Other(String, u8),
}

impl Program {
    /// A program with the kinds of service that every registry knows.
    pub fn new(name: &'static str, version: &'static str, about: &'static str) -> Self {
        Self { name, version, about, registry: Registry::new(), built_in: None }
    }

    /// Sets the kinds and protocols that application files may name.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// Sets the application that is run when there is no file.
    pub fn built_in(mut self, application: BuiltIn) -> Self {
        self.built_in = Some(application);
        self
    }

    /// Does what the command line says and returns the exit status; whatever failed has been printed to
    /// standard error. `args` begin with the program's own name, as [`std::env::args_os`] does.
    pub fn run(
        self,
        environment: Environment,
        args: impl IntoIterator<Item = OsString>,
    ) -> ExitCode {
        match self.try_run(environment, args) {
            Ok(status) => status,
            Err(failure) => failure.report(self.name),
        }
    }

    fn try_run(
        &self,
        environment: Environment,
        args: impl IntoIterator<Item = OsString>,
    ) -> Result<ExitCode, Failure> {
        let Invocation { options, action } = cli::parse(self.name, self.version, self.about, args)?;
        let here = env::current_dir()
            .map_err(|e| Failure::Other(format!("can't find out the current directory: {e}"), 1))?;
        let options = options.relative_to(&here);
        match action {
            Action::Run { target, arguments } => {
                let file = self.application_file(target.map(PathBuf::from), &options)?;
                if let Some(argument) = arguments.first() {
                    return Err(misplaced(self.name, argument, file.as_deref()));
                }
                let (mut source, from_file) = self.source(file)?;
                let options = options.or(from_file);
                daemon::run(self.name, environment, &options, &mut source).map_err(Failure::Run)?;
                Ok(ExitCode::SUCCESS)
            }
            Action::Check(file) => {
                let file = self.application_file(file, &options)?;
                let (source, from_file) = self.source(file)?;
                check::check(self.name, source, &options.or(from_file))
            }
            Action::Status(file) => control::status(self.name, &self.options_with(file, options)?),
            Action::Stop(file) => control::stop(self.name, &self.options_with(file, options)?),
        }
    }

    /// The application file that was named or, if there is one, the default file in the rundir.
    fn application_file(
        &self,
        named: Option<PathBuf>,
        options: &Options,
    ) -> Result<Option<PathBuf>, Failure> {
        let Some(named) = named else {
            let name = format!("{}.toml", self.name);
            // With a chroot, the rundir is a name inside it, while this file is read outside.
            let rundir = options.rundir.clone().filter(|_| options.chroot.is_none());
            let default = rundir.map_or(name.clone().into(), |rundir| rundir.join(name));
            return Ok(default.exists().then_some(default));
        };
        if !named.exists() && !named.as_os_str().as_encoded_bytes().contains(&b'/') {
            let word = named.display().to_string();
            let near = crate::config::nearest(&word, ["check", "status", "stop"]);
            let near = near.map(|near| format!("; did you mean the command {near:?}?"));
            let message =
                format!("there is no application file {word:?} here{}", near.unwrap_or_default());
            return Err(Failure::Other(message, 2));
        }
        Ok(Some(named))
    }

    fn source(&self, file: Option<PathBuf>) -> Result<(FileSource<'_>, Options), Failure> {
        let source = FileSource::new(&self.registry, file, self.built_in, self.name);
        source.map_err(|e| match e.downcast::<ConfigError>() {
            Ok(config) => Failure::Config(*config),
            Err(other) => Failure::Other(other.to_string(), 2),
        })
    }

    fn options_with(&self, file: Option<PathBuf>, options: Options) -> Result<Options, Failure> {
        let file = self.application_file(file, &options)?;
        if file.is_none() || options.pidfile.is_some() {
            return Ok(options);
        }
        let (_, from_file) = self.source(file)?;
        Ok(options.or(from_file))
    }
}

/// A word after the application file.
fn misplaced(name: &str, argument: &OsString, file: Option<&Path>) -> Failure {
    let file = file.map(|file| file.display().to_string()).unwrap_or_default();
    let argument = argument.to_string_lossy();
    let message = if argument.starts_with('-') {
        format!("options stand before the application file: {name} {argument} {file}")
    } else {
        format!(
            "there is one application file at a time; {argument:?} is one too many after {file}"
        )
    };
    Failure::Other(message, 2)
}

impl Failure {
    fn report(self, program: &str) -> ExitCode {
        match self {
            Failure::Options(e) => {
                let _ = e.print();
                ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2))
            }
            // Nothing before the first FILE:LINE:COLUMN, for the sake of editors.
            Failure::Config(e @ ConfigError::Mistakes { .. }) => {
                eprintln!("{e}");
                ExitCode::from(2)
            }
            Failure::Config(e) => {
                eprintln!("{program}: {e}");
                ExitCode::from(2)
            }
            Failure::Run(e) => {
                eprintln!("{program}: {e}");
                e.exit_code()
            }
            Failure::Other(message, status) => {
                eprintln!("{program}: {message}");
                ExitCode::from(status)
            }
        }
    }
}

impl From<clap::Error> for Failure {
    fn from(e: clap::Error) -> Self {
        Failure::Options(e)
    }
}
