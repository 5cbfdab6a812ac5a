//! A complete program in one call: command line, application file and daemon.
//!
//! The program `poetryd` is a [`Program`] whose [`Registry`] has the kinds and protocols of poetry. With another
//! registry it is another daemon.

mod advice;
mod check;
#[cfg(feature = "control")]
mod commands;
mod control;
mod daemon_files;
mod failure;
#[cfg(feature = "control")]
mod follow;
#[cfg(feature = "generate")]
mod generate;
mod pid_file;
mod plugins;
#[cfg(feature = "control")]
mod rates;
#[cfg(feature = "control")]
mod reach;
mod reference;
mod remembered;
#[cfg(feature = "control")]
mod screen;
mod source;
#[cfg(feature = "control")]
mod status;
mod tables;

use crate::cli::{self, Action, Invocation, Named};
use crate::config::{self, Kind, Registry};
use crate::daemon::{self, Environment, Options, ProgramInfo};
use crate::logging::BoxedLayer;
use crate::plugin::{Maker, Plugins};
use crate::service::{Application, BoxError};
use clap::Args;
use daemon_files::{Daemon, Unit};
use failure::Failure;
pub use reference::ReferenceTable;
use source::{BuiltIn, Choice, FileSource};
use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tracing_subscriber::Layer;

/// The whole program of a daemon. Its default files are named after it: `NAME.toml`, `NAME.pid`, `NAME.log`.
///
/// With the feature `generate`, its command with that name prints manual pages, completions for shells, and a JSON Schema and
/// examples of application files, from the descriptions of its options, plugins, kinds and protocols.
pub struct Program {
    name: &'static str,
    version: &'static str,
    about: &'static str,
    registry: Arc<Registry>,
    plugins: Plugins,
    built_in: Option<BuiltIn>,
    /// What the daemon has to know about the program.
    info: ProgramInfo,
    /// Other programs that have manual pages.
    #[cfg(feature = "generate")]
    others: Vec<clap::Command>,
}

impl Program {
    /// A program with the kinds of service that every registry has.
    pub fn new(name: &'static str, version: &'static str, about: &'static str) -> Self {
        Self {
            name,
            version,
            about,
            registry: Arc::new(every_program_has()),
            plugins: Plugins::new(),
            built_in: None,
            info: ProgramInfo::new(name).version(version),
            #[cfg(feature = "generate")]
            others: Vec::new(),
        }
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

    /// Adds a kind of service for application files and a plugin of the same name, from one type: as
    /// [`Registry::kind`] and [`Plugins::add_kind`] do. `description` is the plugin's.
    ///
    /// A later [`registry`](Self::registry) or [`plugins`](Self::plugins) takes the place of what this has added.
    pub fn kind<K: Kind + Args>(mut self, name: &'static str, description: &'static str) -> Self {
        Arc::make_mut(&mut self.registry).kind::<K>(name);
        self.plugins.add_kind::<K>(name, description);
        self
    }

    /// Sets the application that is run if there is no file.
    pub fn built_in(
        mut self,
        application: impl Fn() -> Result<Application, BoxError> + Send + Sync + 'static,
    ) -> Self {
        self.built_in = Some(Arc::new(application));
        self
    }

    /// Adds a layer that receives the events of `tracing` in addition to the log; see [`ProgramInfo::layers`].
    pub fn layer(
        mut self,
        layer: impl Layer<tracing_subscriber::Registry> + Send + Sync + 'static,
    ) -> Self {
        let layer: BoxedLayer = Box::new(layer);
        self.info = self.info.layers([layer]);
        self
    }

    /// Declares that the program has its own subscriber of `tracing`, which it sets up before [`run`](Self::run):
    /// there is no other log, and options about the log are refused.
    pub fn own_subscriber(mut self) -> Self {
        self.info = self.info.own_subscriber();
        self
    }

    /// Adds the manual page of another program, which belongs to this one: `generate man` prints it.
    #[cfg(feature = "generate")]
    pub fn manual_of(mut self, other: clap::Command) -> Self {
        self.others.push(other);
        self
    }

    /// Leaves out the control socket; see [`ProgramInfo::without_control`].
    pub fn without_control(mut self) -> Self {
        self.info = self.info.without_control();
        self
    }

    /// Declares that the program can't be reloaded; see [`ProgramInfo::without_reload`].
    pub fn without_reload(mut self) -> Self {
        self.info = self.info.without_reload();
        self
    }

    /// What the daemon has to know about the program. It can be taken once.
    fn info(&mut self) -> ProgramInfo {
        std::mem::replace(&mut self.info, ProgramInfo::new(self.name))
    }

    /// [Runs](Self::run) with what this process was started with: for a `main` that does nothing else.
    ///
    /// # Panics
    /// If the process has more than one thread. Where something before this call starts threads, call
    /// [`Environment::claim`] before that, and then [`run`](Self::run).
    pub fn main(self) -> ExitCode {
        self.run(Environment::claim(), env::args_os())
    }

    /// Does what the command line asks for and returns the exit status. If it fails, the reason has been printed
    /// to standard error. The first of `args` is the program's own name, as with [`std::env::args_os`].
    pub fn run(
        mut self,
        environment: Environment,
        args: impl IntoIterator<Item = OsString>,
    ) -> ExitCode {
        let args: Vec<OsString> = args.into_iter().collect();
        #[cfg(feature = "generate")]
        if let Some(shell) = self.asking_shell(&args) {
            environment.release();
            return self.complete(shell, args).unwrap_or_else(|failure| failure.report(self.name));
        }
        let done = match self.parse(args.clone()) {
            Ok(Invocation { options, action: Action::Run(named) }) => {
                self.run_application(environment, options, named)
            }
            Ok(Invocation { options, action }) => {
                environment.release();
                self.talk_about(options, action, args)
            }
            Err(mistake) => Err(mistake),
        };
        done.unwrap_or_else(|failure| {
            advice::instead_of_mistakes(self.name, failure).report(self.name)
        })
    }

    fn parse(&self, args: Vec<OsString>) -> Result<Invocation, Failure> {
        let plugins = |rundir: Option<&Path>| self.describe_plugins(rundir);
        cli::parse(self.name, self.version, self.about, plugins, args.iter().cloned()).map_err(
            |e| {
                let known = self.option_of_a_plugin(&e, &args);
                let known = known.or_else(|| advice::instead_of_twistds(self.name, &e));
                known.unwrap_or(Failure::Options(e))
            },
        )
    }

    fn run_application(
        &mut self,
        environment: Environment,
        options: Options,
        named: Named,
    ) -> Result<ExitCode, Failure> {
        if let Some(maker) = self.plugin(&named, &options, None)? {
            let source = self.plugin_source(maker, &named.arguments, &options, None)?;
            daemon::run(self.info(), environment, typed_here(options)?, source)?;
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(target) = &named.target
            && !named.arguments.is_empty()
        {
            return Err(advice::misplaced(self.name, None, target, &named.arguments));
        }
        let (source, options) = (self.source(named.target, &options), typed_here(options)?);
        daemon::run(self.info(), environment, options, source)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Everything except running an application.
    fn talk_about(
        &self,
        options: Options,
        action: Action,
        args: Vec<OsString>,
    ) -> Result<ExitCode, Failure> {
        let command = action.command().unwrap_or_default();
        let mut plugin = None;
        if let Some(named) = action.named() {
            plugin = self.plugin(named, &options, Some(command))?;
            if let (None, Some(target), [_, ..]) = (&plugin, &named.target, &named.arguments[..]) {
                let Invocation { options, action } =
                    self.parse_anew(command, target, named, args)?;
                return self.talk_about(options, action, Vec::new());
            }
        }
        match action {
            Action::Check { named, json } => self.check(options, named, plugin, json),
            Action::Ask(named, ask) => {
                control::ask(&self.find_daemon(named, plugin, options, command)?, ask)
            }
            #[cfg(feature = "generate")]
            Action::Generate(what) => self.generate(what),
            Action::Run(_) => unreachable!("handled by run_application"),
        }
    }

    /// A command line with options after an application file. Unlike those after a plugin, they can't be for the
    /// file: so they are treated as if they came before it.
    fn parse_anew(
        &self,
        command: &str,
        target: &OsString,
        named: &Named,
        mut args: Vec<OsString>,
    ) -> Result<Invocation, Failure> {
        let misplaced = || advice::misplaced(self.name, Some(command), target, &named.arguments);
        let Some(place) = args.len().checked_sub(named.arguments.len() + 1) else {
            return Err(misplaced());
        };
        let target = args.remove(place);
        args.push(target.clone());
        let invocation = self.parse(args)?;
        match &invocation.action {
            Action::Check { named: again, .. } | Action::Ask(again, _)
                if again.target.as_ref() == Some(&target) && again.arguments.is_empty() =>
            {
                Ok(invocation)
            }
            _ => Err(misplaced()),
        }
    }

    fn check(
        &self,
        options: Options,
        named: Named,
        plugin: Option<Arc<dyn Maker>>,
        json: bool,
    ) -> Result<ExitCode, Failure> {
        if let Some(maker) = plugin {
            let source = self.plugin_source(maker, &named.arguments, &options, Some("check"))?;
            return check::check(self.name, source, typed_here(options)?, json);
        }
        check::check(self.name, self.source(named.target, &options), typed_here(options)?, json)
    }

    /// The application file that was given, or else the default file in the rundir if it exists.
    fn application_file(&self, named: Option<OsString>, options: &Options) -> Option<PathBuf> {
        match self.choice(named, options) {
            Choice::Named(file) => Some(file),
            Choice::Default(file) => Some(file).filter(|file| exists(file)),
        }
    }

    fn choice(&self, named: Option<OsString>, options: &Options) -> Choice {
        if let Some(named) = named {
            return Choice::Named(named.into());
        }
        let rundir = options.unless_chroot(options.rundir.clone());
        Choice::Default(rundir.unwrap_or_default().join(format!("{}.toml", self.name)))
    }

    fn source(&self, named: Option<OsString>, options: &Options) -> FileSource {
        let choice = self.choice(named, options);
        let (registry, built_in) = (self.registry.clone(), self.built_in.clone());
        FileSource::new(self.name, registry, choice, built_in, options.chroot.is_some())
    }

    /// Where a running daemon is found. Mistakes in the services of its file don't matter, and a plugin sets no
    /// options of the daemon. If the command line has its control socket, its file does not matter either.
    fn find_daemon(
        &self,
        named: Named,
        plugin: Option<Arc<dyn Maker>>,
        options: Options,
        command: &str,
    ) -> Result<Daemon, Failure> {
        let has_place = options.rundir.is_some() || options.pidfile.is_some();
        let file = named.target.as_deref().map(Path::new);
        let has_unit = plugin.is_none() && !has_place;
        let unit = if has_unit { Unit::of(self.name, file) } else { None };
        let is_name = |name: &PathBuf| !name.as_os_str().is_empty();
        let control_is_typed = options.control.as_ref().is_some_and(is_name);
        let from_file = match plugin {
            Some(maker) => {
                self.check_options_of(maker, &named.arguments, &options, command)?;
                Options::default()
            }
            None if control_is_typed && named.target.is_none() => Options::default(),
            None => match self.application_file(named.target, &options) {
                Some(file) => config::load_tables(&file, &self.registry, tables::read)
                    .map_err(Failure::Config)?,
                None => Options::default(),
            },
        };
        let options = typed_here(options)?.or(from_file);
        Daemon::found_by(self.name, &options, self.info.control, control_is_typed, unit)
    }
}

/// The kinds that application files of every program may name, unless it has a registry of its own.
fn every_program_has() -> Registry {
    #[cfg_attr(not(feature = "web"), expect(unused_mut))]
    let mut registry = Registry::new();
    #[cfg(feature = "web")]
    crate::web::register(&mut registry);
    registry
}

/// The options of the command line. Relative file names in them are relative to the current directory.
fn typed_here(options: Options) -> Result<Options, Failure> {
    let here = env::current_dir()
        .map_err(|e| Failure::Other(format!("can't determine the current directory: {e}"), 1))?;
    Ok(options.typed_in(here))
}

/// Whether there is a file with that name, even if it can't be read.
fn exists(file: &Path) -> bool {
    file.symlink_metadata().map_or_else(|e| e.kind() != io::ErrorKind::NotFound, |_| true)
}
