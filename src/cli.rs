//! The command line.

use crate::config::read::{parse_octal, parse_seconds};
use crate::daemon::{MAX_WORKERS, Options, READY_FDS};
use crate::logging::{Facility, Format};
use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{
    Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, value_parser,
};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracing::Level;

/// A command line, taken apart.
#[derive(Debug)]
pub struct Invocation {
    /// The runner's options, as far as they were given.
    pub options: Options,
    /// What is to be done.
    pub action: Action,
}

/// What a command line asks for.
#[derive(Debug)]
pub enum Action {
    /// Run an application.
    Run(Named),
    /// Check an application.
    Check(Named),
    /// Say whether the daemon runs.
    Status(Named),
    /// Stop the daemon.
    Stop {
        /// Whose daemon.
        named: Named,
        /// Whether to kill it.
        now: bool,
    },
}

/// The application that a command line names: by a file, or by a plugin and its options.
#[derive(Clone, Debug, Default)]
pub struct Named {
    /// The application file or plugin. `None`: the default file is meant.
    pub target: Option<OsString>,
    /// What comes after it.
    pub arguments: Vec<OsString>,
}

impl From<Vec<OsString>> for Named {
    /// The first of the words is the target.
    fn from(words: Vec<OsString>) -> Self {
        let mut words = words.into_iter();
        Self { target: words.next(), arguments: words.collect() }
    }
}

/// Takes a command line apart, the first word being the program's own name.
///
/// `plugins` describes the plugins, those of the rundir included, and is called only when help is asked for.
///
/// # Errors
/// If it is wrong, or asks for help or the version: what `clap` has to print, and the exit status.
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
    let CommandLine { options, word } = CommandLine::from_arg_matches(&matches)?;
    let action = match word {
        None => Action::Run(Named::default()),
        Some(Word::Check(named)) => Action::Check(named.words.into()),
        Some(Word::Status(named)) => Action::Status(named.words.into()),
        Some(Word::Stop { named, now }) => Action::Stop { named: named.words.into(), now },
        Some(Word::Target(words)) => Action::Run(words.into()),
    };
    Ok(Invocation { options: options.into(), action })
}

/// The command line of a program, whose help speaks of the program by its name.
fn command_of(name: &'static str, version: &'static str, about: &'static str) -> Command {
    let usage = format!(
        "{name} [OPTIONS] [CONFIG]\n       \
         {name} [OPTIONS] PLUGIN [ITS OPTIONS]\n       \
         {name} [OPTIONS] check|status|stop [CONFIG]\n       \
         {name} [OPTIONS] check|status|stop PLUGIN [ITS OPTIONS]"
    );
    let command = CommandLine::command().name(name).version(version).about(about);
    command.override_usage(usage).mut_args(|arg| match arg.get_help() {
        Some(help) => {
            let help = help.to_string().replace("NAME.", &format!("{name}."));
            arg.help(help)
        }
        None => arg,
    })
}

/// The options and commands of the runner, to tell which are which.
pub(crate) fn command() -> Command {
    CommandLine::command()
}

/// What stands at the end of the help.
const AFTER_HELP: &str = "\
CONFIG is an application file. Left out, it is NAME.toml in the rundir, and where there is none, the
built-in application; '-' is standard input. The options above go before CONFIG or PLUGIN.

Exit status: 0 done; 1 failed; 2 wrong command line or configuration; 3 not running; 4 no permission.";

#[derive(Parser)]
#[command(
    disable_help_subcommand = true,
    max_term_width = 100,
    subcommand_help_heading = "Commands, besides running CONFIG or PLUGIN"
)]
struct CommandLine {
    #[command(flatten)]
    options: RunnerOptions,
    #[command(subcommand)]
    word: Option<Word>,
}

#[derive(Subcommand)]
enum Word {
    /// Check an application and the files that it needs, and say what it would run
    Check(Words),
    /// Say whether the daemon is running, and with which pid
    Status(Words),
    /// Stop the running daemon, and wait for its end
    Stop {
        #[command(flatten)]
        named: Words,
        /// Kill it, without finishing anything
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

/// The options of the runner; the long names are those of the `[daemon]` table, and twistd's.
#[derive(Args)]
struct RunnerOptions {
    /// Stay in the foreground and log to standard output
    #[arg(short, long, global = true)]
    nodaemon: bool,
    /// Log to FILE; '-' is standard output [default: NAME.log in the rundir, or '-' in the foreground]
    #[arg(short, long, global = true, value_name = "FILE")]
    logfile: Option<PathBuf>,
    /// Log to syslog
    #[arg(long, global = true)]
    syslog: bool,
    /// The name that syslog shows
    #[arg(long, global = true, value_name = "NAME")]
    prefix: Option<String>,
    /// The facility that syslog sorts by [default: daemon]
    #[arg(long, global = true, value_name = "FACILITY", value_parser = facility())]
    facility: Option<Facility>,
    /// The pid file; '' is none [default: NAME.pid in the rundir]
    #[arg(long, global = true, value_name = "FILE", value_parser = file_or_none())]
    pidfile: Option<PathBuf>,
    /// Run in DIR [default: the current directory]
    #[arg(short = 'd', long, global = true, value_name = "DIR")]
    rundir: Option<PathBuf>,
    /// Make DIR the root directory before running; the other paths are then inside it
    #[arg(long, global = true, value_name = "DIR")]
    chroot: Option<PathBuf>,
    /// Become this user, for good, once the listening sockets are open
    #[arg(short, long, global = true, value_name = "USER|ID")]
    uid: Option<String>,
    /// Become this group
    #[arg(short, long, global = true, value_name = "GROUP|ID")]
    gid: Option<String>,
    /// Change only the effective user and group, so that the process can go back
    #[arg(long, global = true)]
    euid: bool,
    /// The file permissions that are withheld [default: 077, or unchanged in the foreground]
    #[arg(long, global = true, value_name = "OCTAL", value_parser = umask)]
    umask: Option<u32>,
    /// How many threads serve [default: one per core that the process may run on]
    #[arg(long, global = true, value_name = "NUMBER", value_parser = value_parser!(u16).range(1..=i64::from(MAX_WORKERS)))]
    workers: Option<u16>,
    /// How long connections may take to finish when the daemon stops [default: 30]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = parse_seconds)]
    stop_timeout: Option<Duration>,
    /// Write a newline to this descriptor when all services have started, and close it
    #[arg(long, global = true, value_name = "NUMBER", value_parser = value_parser!(i32).range(i64::from(*READY_FDS.start())..))]
    ready_fd: Option<i32>,
    /// The least important level that is logged [default: info]
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<LevelName>,
    /// How log lines are written [default: text]
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<FormatName>,
}

#[derive(Clone, Copy, ValueEnum)]
enum LevelName {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, ValueEnum)]
enum FormatName {
    Text,
    Json,
}

impl From<RunnerOptions> for Options {
    fn from(given: RunnerOptions) -> Options {
        let flag = |set: bool| set.then_some(true);
        Options {
            nodaemon: flag(given.nodaemon),
            logfile: given.logfile,
            syslog: flag(given.syslog),
            prefix: given.prefix,
            facility: given.facility,
            pidfile: given.pidfile,
            rundir: given.rundir,
            chroot: given.chroot,
            uid: given.uid,
            gid: given.gid,
            euid: flag(given.euid),
            umask: given.umask,
            workers: given.workers,
            stop_timeout: given.stop_timeout,
            ready_fd: given.ready_fd,
            log_level: given.log_level.map(|level| match level {
                LevelName::Error => Level::ERROR,
                LevelName::Warn => Level::WARN,
                LevelName::Info => Level::INFO,
                LevelName::Debug => Level::DEBUG,
                LevelName::Trace => Level::TRACE,
            }),
            log_format: given.log_format.map(|format| match format {
                FormatName::Text => Format::Text,
                FormatName::Json => Format::Json,
            }),
            ..Options::default()
        }
    }
}

fn umask(text: &str) -> Result<u32, &'static str> {
    parse_octal(text).ok_or("expected octal digits, from 000 to 777")
}

fn facility() -> impl TypedValueParser<Value = Facility> {
    let names = PossibleValuesParser::new(Facility::NAMES.map(|(name, _)| name));
    names.map(|name| {
        let named = Facility::NAMES.iter().find(|(known, _)| *known == name);
        named.map_or(Facility::Daemon, |(_, facility)| *facility)
    })
}

/// Unlike clap's own parser for paths, this one takes an empty name.
fn file_or_none() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}
