//! The command line.

#[cfg(feature = "generate")]
mod generate;

use crate::daemon::{Asked, Described, Options};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, Subcommand};
#[cfg(feature = "generate")]
pub use generate::{Generate, Shell};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
#[cfg(feature = "control")]
use {crate::service::ServicePath, clap::ValueEnum, std::str::FromStr, tracing::Level};

/// A parsed command line.
#[derive(Debug)]
pub struct Invocation {
    /// The options of the runner that were given.
    pub options: Options,
    /// What to do.
    pub action: Action,
}

/// What a command line asks for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Action {
    /// Run an application.
    Run(Named),
    /// Check an application.
    Check {
        /// The application.
        named: Named,
        /// Whether to print JSON.
        json: bool,
    },
    /// Do something with a running daemon, or ask about it.
    Ask(Named, Ask),
    /// Print something that is made from the descriptions of the options and keys.
    #[cfg(feature = "generate")]
    Generate(Generate),
}

/// What is asked of a running daemon.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Ask {
    /// How it is, and its services.
    Status {
        /// Whether to print JSON.
        json: bool,
        /// Whether to go on for ever.
        #[cfg(feature = "control")]
        follow: bool,
    },
    /// To stop.
    Stop {
        /// Whether to kill it.
        now: bool,
    },
    /// To reload its application.
    #[cfg(feature = "control")]
    Reload {
        /// Whether nothing is to be changed.
        dry_run: bool,
    },
    /// To change a service.
    #[cfg(feature = "control")]
    Service(ServiceChange),
    /// To log events from this level on.
    #[cfg(feature = "control")]
    LogLevel(Level),
    /// To rotate the log file.
    #[cfg(feature = "control")]
    Rotate,
}

/// A change to one service.
#[cfg(feature = "control")]
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServiceChange {
    /// Stop it.
    Stop {
        /// The service.
        path: ServicePath,
        /// Whether to stop it even if others use it.
        force: bool,
    },
    /// Start it.
    Start(ServicePath),
    /// Stop and start it.
    Restart(ServicePath),
}

impl Action {
    /// The application that the command line names. `None`: it has nothing to do with one.
    pub(crate) fn named(&self) -> Option<&Named> {
        match self {
            Action::Run(named) | Action::Check { named, .. } | Action::Ask(named, _) => Some(named),
            #[cfg(feature = "generate")]
            Action::Generate(_) => None,
        }
    }

    /// The command, as it is typed. `None`: run an application.
    pub(crate) fn command(&self) -> Option<&'static str> {
        match self {
            Action::Run(_) => None,
            Action::Check { .. } => Some("check"),
            Action::Ask(_, Ask::Status { .. }) => Some("status"),
            Action::Ask(_, Ask::Stop { .. }) => Some("stop"),
            #[cfg(feature = "control")]
            Action::Ask(_, Ask::Reload { .. }) => Some("reload"),
            #[cfg(feature = "control")]
            Action::Ask(_, Ask::Service(_)) => Some("service"),
            #[cfg(feature = "control")]
            Action::Ask(_, Ask::LogLevel(_)) => Some("log-level"),
            #[cfg(feature = "control")]
            Action::Ask(_, Ask::Rotate) => Some("rotate"),
            #[cfg(feature = "generate")]
            Action::Generate(_) => Some("generate"),
        }
    }
}

/// The application that a command line names: by a file, or by a plugin and its options.
#[derive(Clone, Debug, Default)]
pub struct Named {
    /// The application file or plugin. `None` means the default file.
    pub target: Option<OsString>,
    /// The arguments after it.
    pub arguments: Vec<OsString>,
}

impl From<Vec<OsString>> for Named {
    /// The first word is the target, the others are its arguments.
    fn from(words: Vec<OsString>) -> Self {
        let mut words = words.into_iter();
        Self { target: words.next(), arguments: words.collect() }
    }
}

/// Parses a command line. The first word is the name of the program itself.
///
/// `plugins` describes the plugins, including those of the rundir. It is only called if the command line asks for
/// help.
///
/// # Errors
/// If the command line is wrong, or asks for help or the version: what `clap` has to print, and the exit status.
pub fn parse(
    name: &'static str,
    version: &'static str,
    about: &'static str,
    plugins: impl FnOnce(Option<&Path>) -> String,
    args: impl IntoIterator<Item = OsString>,
) -> Result<Invocation, clap::Error> {
    let args: Vec<OsString> = args.into_iter().collect();
    let command = command_of(name, version, about);
    let matches = command.clone().try_get_matches_from(&args).or_else(|e| match e.kind() {
        ErrorKind::DisplayHelp => {
            let given = command.clone().disable_help_flag(true).ignore_errors(true);
            let given = given.try_get_matches_from(&args).ok();
            let rundir = given.as_ref().and_then(|given| given.get_one::<PathBuf>("rundir"));
            let plugins = plugins(rundir.map(PathBuf::as_path));
            let after = format!("{plugins}\n\n{}", AFTER_HELP.replace("NAME", name));
            command.after_help(after.trim_start().to_owned()).try_get_matches_from(&args)
        }
        _ => Err(e),
    })?;
    let word = matches.subcommand().map(|_| Word::from_arg_matches(&matches)).transpose()?;
    let action = word.map_or_else(|| Action::Run(Named::default()), Word::action);
    Ok(Invocation { options: Options::ask(&mut Typed(&matches)), action })
}

/// The command line of a program. Its help uses the program's own name.
pub(crate) fn command_of(
    name: &'static str,
    version: &'static str,
    about: &'static str,
) -> Command {
    let usage = format!(
        "{name} [OPTIONS] [CONFIG]\n       \
         {name} [OPTIONS] PLUGIN [ITS OPTIONS]\n       \
         {name} [OPTIONS] COMMAND [CONFIG]\n       \
         {name} [OPTIONS] COMMAND PLUGIN [ITS OPTIONS]"
    );
    let command = command().name(name).version(version).about(about);
    command.override_usage(usage).mut_args(|arg| match arg.get_help() {
        Some(help) => {
            let help = help.to_string().replace("NAME.", &format!("{name}."));
            arg.help(help)
        }
        None => arg,
    })
}

/// The options and commands of the runner, to tell whether a word is one of them.
pub(crate) fn command() -> Command {
    let command = Command::new("").disable_help_subcommand(true).max_term_width(100);
    let heading = "Commands, besides running CONFIG or PLUGIN";
    let command = command.subcommand_help_heading(heading).args(RunnerArgs::all());
    Word::augment_subcommands(command).subcommand_required(false).arg_required_else_help(false)
}

/// The last lines of the help.
const AFTER_HELP: &str = "\
CONFIG is an application file; '-' is standard input. The default is NAME.toml in the rundir or, if there is
no such file, the built-in application. The options above go before CONFIG or PLUGIN.

Exit status: 0 success; 1 failed; 2 wrong command line or configuration; 3 not running; 4 no permission.";

#[derive(Subcommand)]
enum Word {
    /// Check an application and the files that it needs, and say what it would run
    Check {
        #[command(flatten)]
        named: Words,
        /// Print JSON, which the guide describes
        #[arg(long)]
        json: bool,
    },
    /// Report whether the daemon is running, and how its services are
    Status {
        #[command(flatten)]
        named: Words,
        /// Print JSON, which the guide describes
        #[arg(long)]
        json: bool,
        /// Show it anew each second, until Ctrl-C
        #[cfg(feature = "control")]
        #[arg(long)]
        follow: bool,
    },
    /// Stop the running daemon, and wait until it has ended
    Stop {
        #[command(flatten)]
        named: Words,
        /// Kill it; connections in progress are cut
        #[arg(long)]
        now: bool,
    },
    /// Let the daemon read its application file again, and say what has changed
    #[cfg(feature = "control")]
    Reload {
        #[command(flatten)]
        named: Words,
        /// Only say what would change
        #[arg(long)]
        dry_run: bool,
    },
    /// Stop, start or restart one service
    #[cfg(feature = "control")]
    Service {
        /// What to do
        #[arg(value_enum)]
        change: ChangeWord,
        /// The service, such as night.science
        path: ServicePath,
        #[command(flatten)]
        named: Words,
        /// Stop it even if other services use it
        #[arg(long)]
        force: bool,
    },
    /// Change the level of the log until the next reload
    #[cfg(feature = "control")]
    LogLevel {
        /// The least important level that is logged
        #[arg(value_parser = level)]
        level: Level,
        #[command(flatten)]
        named: Words,
    },
    /// Rotate the log file
    #[cfg(feature = "control")]
    Rotate(Words),
    /// Print manual pages, completions for a shell, or a schema or an example of application files
    #[cfg(feature = "generate")]
    Generate {
        #[command(subcommand)]
        what: Generate,
    },
    #[command(external_subcommand)]
    Target(Vec<OsString>),
}

/// What to do with a service.
#[cfg(feature = "control")]
#[derive(Clone, Copy, ValueEnum)]
enum ChangeWord {
    Stop,
    Start,
    Restart,
}

#[cfg(feature = "control")]
fn level(word: &str) -> Result<Level, String> {
    let level = Level::from_str(word).ok().filter(|_| word.chars().all(|c| c.is_ascii_lowercase()));
    level.ok_or_else(|| "a level is one of error, warn, info, debug, trace".into())
}

impl Word {
    fn action(self) -> Action {
        let ask = |named: Words, ask| Action::Ask(named.words.into(), ask);
        match self {
            Word::Check { named, json } => Action::Check { named: named.words.into(), json },
            #[cfg(feature = "control")]
            Word::Status { named, json, follow } => ask(named, Ask::Status { json, follow }),
            #[cfg(not(feature = "control"))]
            Word::Status { named, json } => ask(named, Ask::Status { json }),
            Word::Stop { named, now } => ask(named, Ask::Stop { now }),
            #[cfg(feature = "control")]
            Word::Reload { named, dry_run } => ask(named, Ask::Reload { dry_run }),
            #[cfg(feature = "control")]
            Word::Service { change, path, named, force } => {
                let change = match change {
                    ChangeWord::Stop => ServiceChange::Stop { path, force },
                    ChangeWord::Start => ServiceChange::Start(path),
                    ChangeWord::Restart => ServiceChange::Restart(path),
                };
                ask(named, Ask::Service(change))
            }
            #[cfg(feature = "control")]
            Word::LogLevel { level, named } => ask(named, Ask::LogLevel(level)),
            #[cfg(feature = "control")]
            Word::Rotate(named) => ask(named, Ask::Rotate),
            #[cfg(feature = "generate")]
            Word::Generate { what } => Action::Generate(what),
            Word::Target(words) => Action::Run(words.into()),
        }
    }
}

/// The options of the runner among words that are not all there yet.
#[cfg(feature = "generate")]
pub(crate) fn options_in(command: Command, words: &[OsString]) -> Options {
    let command = command.disable_help_flag(true).disable_version_flag(true).ignore_errors(true);
    let matches = command.try_get_matches_from(words).ok();
    matches.map(|matches| Options::ask(&mut Typed(&matches))).unwrap_or_default()
}

/// The words that are commands where otherwise a plugin or a file is expected.
pub(crate) fn words() -> Vec<String> {
    command().get_subcommands().map(|word| word.get_name().to_owned()).collect()
}

#[derive(Args)]
struct Words {
    /// The application file, or a plugin and its options
    #[arg(value_name = "CONFIG|PLUGIN", trailing_var_arg = true)]
    words: Vec<OsString>,
}

/// The options of the runner, as clap knows them.
struct RunnerArgs(Vec<Arg>);

impl RunnerArgs {
    fn all() -> Vec<Arg> {
        let mut args = Self(Vec::new());
        Options::ask(&mut args);
        args.0
    }
}

impl Asked for RunnerArgs {
    fn ask<T>(&mut self, option: Described<T>) -> Option<T> {
        let Described { info, value_type } = option;
        let long = info.long?;
        let default = info.default.map(|default| format!(" [default: {default}]"));
        let help = format!("{}{}", info.help, default.unwrap_or_default());
        let mut arg =
            Arg::new(long).long(long).help(help).global(true).value_parser(value_type.typed);
        arg = match info.value_name {
            Some(name) => arg.value_name(name),
            None => arg.action(ArgAction::SetTrue),
        };
        self.0.push(match info.short {
            Some(short) => arg.short(short),
            None => arg,
        });
        None
    }
}

/// The options that were typed.
struct Typed<'a>(&'a ArgMatches);

impl Asked for Typed<'_> {
    fn ask<T: Clone + Send + Sync + 'static>(&mut self, option: Described<T>) -> Option<T> {
        let long = option.info.long?;
        // A flag that was not typed has a value as well: false.
        let is_typed = self.0.value_source(long) == Some(ValueSource::CommandLine);
        self.0.get_one::<T>(long).filter(|_| is_typed).cloned()
    }
}
