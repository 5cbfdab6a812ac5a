//! The command line.

use crate::daemon::{Asked, Described, Options};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, Subcommand};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

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
pub enum Action {
    /// Run an application.
    Run(Named),
    /// Check an application.
    Check(Named),
    /// Report whether the daemon is running.
    Status(Named),
    /// Stop the daemon.
    Stop {
        /// Which daemon to stop.
        named: Named,
        /// Whether to kill it.
        now: bool,
    },
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
            command.after_help(after).try_get_matches_from(&args)
        }
        _ => Err(e),
    })?;
    let word = matches.subcommand().map(|_| Word::from_arg_matches(&matches)).transpose()?;
    let action = match word {
        None => Action::Run(Named::default()),
        Some(Word::Check(named)) => Action::Check(named.words.into()),
        Some(Word::Status(named)) => Action::Status(named.words.into()),
        Some(Word::Stop { named, now }) => Action::Stop { named: named.words.into(), now },
        Some(Word::Target(words)) => Action::Run(words.into()),
    };
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
         {name} [OPTIONS] check|status|stop [CONFIG]\n       \
         {name} [OPTIONS] check|status|stop PLUGIN [ITS OPTIONS]"
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
    Check(Words),
    /// Report whether the daemon is running, and its pid
    Status(Words),
    /// Stop the running daemon, and wait until it has ended
    Stop {
        #[command(flatten)]
        named: Words,
        /// Kill it; connections in progress are cut
        #[arg(long)]
        now: bool,
    },
    #[command(external_subcommand)]
    Target(Vec<OsString>),
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
