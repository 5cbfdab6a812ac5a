//! Suggestions for command lines that can't work as they are.

use super::failure::Failure;
use crate::cli;
use crate::config::{ConfigError, plain, quoted};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use std::ffi::{OsStr, OsString};

/// The services of twistd.
const OF_TWISTD: [&str; 13] = [
    "conch",
    "dns",
    "ftp",
    "inetd",
    "mail",
    "manhole",
    "news",
    "procmon",
    "socks",
    "telnet",
    "web",
    "words",
    "xmpp-router",
];

/// Where to read how a tac file becomes an application file.
const MOVING: &str = "for a tac file, see \"Coming from twistd\" in the guide of poetryd";

/// How much of a word is shown, in columns.
const LONGEST_WORD: usize = 200;

/// What to say about a first word that is a command of other programs.
pub(super) fn instead_of(program: &str, word: &str, arguments: &[OsString]) -> Option<String> {
    let rest: String = arguments.iter().map(|word| format!(" {}", shown(word))).collect();
    let instead = match word {
        "help" => format!("type: {program} --help"),
        "version" => format!("type: {program} --version"),
        "run" | "start" => format!("type just: {program}{rest}"),
        // (With the features, these are commands.)
        "reload" | "service" | "log-level" | "rotate" => {
            let instead = match word {
                "reload" => format!("; to reload, type: kill -HUP $(cat {program}.pid)"),
                "rotate" => format!("; to rotate the log, type: kill -USR1 $(cat {program}.pid)"),
                _ => String::new(),
            };
            return Some(format!("{program} is built without the feature \"control\"{instead}"));
        }
        "generate" => return Some(format!("{program} is built without the feature \"generate\"")),
        "restart" => format!("type: {program} stop{rest} && {program}{rest}"),
        _ if OF_TWISTD.contains(&word) => {
            return Some(format!(
                "{word:?} is a service of twistd that {program} does not have; {program} --help lists those that it has"
            ));
        }
        _ => return None,
    };
    Some(format!("there is no command {word:?}; {instead}"))
}

/// What to say about an option that only twistd has.
pub(super) fn instead_of_twistds(program: &str, e: &clap::Error) -> Option<Failure> {
    let option = unknown_option(e)?;
    let instead = match option {
        "-y" | "--python" | "--file" | "--source" => {
            format!("an application file needs no option: {program} FILE.toml; {MOVING}")
        }
        "-o" | "--no_save" | "-r" | "--reactor" => "leave it out".to_owned(),
        "--logger" => "the log has --logfile, --syslog and --log-format".to_owned(),
        "-b" | "--debug" => "the log says more with --log-level debug".to_owned(),
        "--profile" | "--profiler" | "--savestats" | "--spew" | "--help-reactors"
        | "--encrypted" => format!("{program} has nothing like it"),
        _ => return None,
    };
    Some(Failure::Other(format!("{option} is an option of twistd; {instead}"), 2))
}

/// What to say instead of the mistakes in a file that is a program for twistd.
pub(super) fn instead_of_mistakes(program: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Config(ConfigError::Mistakes { file, .. })
            if [".tac", ".py"].iter().any(|end| file.ends_with(end)) =>
        {
            let message =
                format!("{file} is not an application file of {program}, which is TOML; {MOVING}");
            Failure::Other(message, 2)
        }
        other => other,
    }
}

/// What to say about words after an application file, which has no options.
pub(super) fn misplaced(
    program: &str,
    command: Option<&str>,
    file: &OsStr,
    words: &[OsString],
) -> Failure {
    let file = shown(file);
    let start = start(program, command);
    let first = words.first().map(|word| shown(word)).unwrap_or_default();
    let usage = usage_of_runner(command, &first);
    let message = match usage {
        Some(usage) => format!("{first} goes before the application file: {start} {usage} {file}"),
        None if first.starts_with('-') => {
            format!(
                "{first} is not an option of {program}; options go before the application file {file}"
            )
        }
        None => format!(
            "only one application file can be given; unexpected {} after {file}",
            quoted(&first)
        ),
    };
    Failure::Other(message, 2)
}

/// What to say about an option of the runner after a plugin's name.
pub(super) fn option_before(
    program: &str,
    command: Option<&str>,
    plugin: &str,
    e: &clap::Error,
) -> Option<Failure> {
    let option = unknown_option(e)?;
    let (start, usage) = (start(program, command), usage_of_runner(command, option)?);
    let message = format!(
        "{option} is an option of {program} and goes before {plugin}: {start} {usage} {plugin}"
    );
    Some(Failure::Other(message, 2))
}

/// The unknown option, if that is what the error is about.
pub(super) fn unknown_option(e: &clap::Error) -> Option<&str> {
    match e.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(option)) if e.kind() == ErrorKind::UnknownArgument => {
            option.split('=').next().filter(|option| option.starts_with('-'))
        }
        _ => None,
    }
}

/// How an option of a command is typed, if the command has that option: `--port PORT`.
pub(super) fn usage_of(command: &Command, option: &str) -> Option<String> {
    let option = option.split('=').next().unwrap_or_default();
    let is_it = |arg: &&Arg| match option.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => arg.get_short().is_some_and(|short| option == format!("-{short}")),
    };
    let arg = command.get_arguments().find(is_it)?;
    let value = arg.get_value_names().filter(|_| arg.get_action().takes_values());
    let value = value.and_then(|names| names.first());
    Some(value.map_or(option.to_owned(), |value| format!("{option} {value}")))
}

/// The same for the runner, or for its `command`.
fn usage_of_runner(command: Option<&str>, option: &str) -> Option<String> {
    let runner = cli::command();
    let subcommand = command.and_then(|command| runner.find_subcommand(command));
    let of_command = subcommand.and_then(|subcommand| usage_of(subcommand, option));
    of_command.or_else(|| usage_of(&runner, option))
}

fn start(program: &str, command: Option<&str>) -> String {
    command.map_or(program.to_owned(), |command| format!("{program} {command}"))
}

fn shown(word: &OsStr) -> String {
    plain(&word.to_string_lossy(), LONGEST_WORD)
}
