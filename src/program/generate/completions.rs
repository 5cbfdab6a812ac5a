//! Completions for shells.
//!
//! A shell asks the program itself what a line can go on with: the script that is printed here runs it with the variable
//! `NAME_COMPLETE`. So plugins, files and services are completed, too.

use super::super::Program;
use super::super::failure::{Failure, say_bytes};
use crate::cli::{self, Shell};
use crate::daemon::Options;
use crate::plugin::Maker;
use clap::{Arg, Command};
use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter,
};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};
use std::env;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

impl Program {
    /// The script that a shell reads.
    pub(super) fn completions(&self, shell: Shell) -> Result<String, Failure> {
        let (name, mut script) = (self.name, Vec::new());
        let variable = self.variable();
        completer(shell)
            .write_registration(&variable, name, name, name, &mut script)
            .map_err(|e| Failure::Other(format!("can't write the script: {e}"), 1))?;
        let mut script = String::from_utf8_lossy(&script).into_owned();
        if shell == Shell::Zsh {
            // A file in $fpath is run as a function at the first completion, which it has to do.
            let function = name.replace('-', "_");
            script += &format!(
                "[[ \"$funcstack[1]\" = \"_{name}\" ]] && _clap_dynamic_completer_{function} \"$@\"\n:\n"
            );
        }
        Ok(script)
    }

    /// Set by the script.
    fn variable(&self) -> String {
        format!("{}_COMPLETE", self.name.to_uppercase().replace('-', "_"))
    }

    /// The shell that asks what a command line can go on with, if one does.
    pub(in super::super) fn asking_shell(&self, args: &[OsString]) -> Option<Shell> {
        let is_asked = args.get(1).is_some_and(|word| word == "--");
        let shell = is_asked.then(|| env::var_os(self.variable())).flatten()?;
        SHELLS.into_iter().find(|(name, _)| shell == *name).map(|(_, shell)| shell)
    }

    /// Prints what a command line can go on with. It comes after `--`, with the name of the program.
    pub(in super::super) fn complete(
        &self,
        shell: Shell,
        args: Vec<OsString>,
    ) -> Result<ExitCode, Failure> {
        let words: Vec<OsString> = args.into_iter().skip(2).collect();
        let mut command = self.completed(&words);
        let (here, mut answer) = (env::current_dir().ok(), Vec::new());
        // Where nothing is known, nothing is said: the user is typing.
        let _ = completer(shell).write_complete(&mut command, words, here.as_deref(), &mut answer);
        say_bytes(&answer)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The command line, with all that is known about its words.
    fn completed(&self, words: &[OsString]) -> Command {
        let runner = || cli::command_of(self.name, self.version, self.about);
        let options = cli::options_in(runner(), words);
        let plugins = self.completed_plugins(options.rundir.as_deref());
        // After a plugin's name, only its own options can follow.
        let command = runner().mut_args(|arg| arg.global(false));
        let of_runner: Vec<Arg> = command.get_arguments().cloned().collect();
        let services = match words.iter().any(|word| word == "service") {
            true => self.known_services(options),
            false => Vec::new(),
        };
        let command = command.mut_subcommands(|sub| {
            if sub.get_name() == "generate" {
                return self.completed_generate(sub);
            }
            let sub = sub.args(of_runner.clone());
            // There a word of another kind comes first.
            let sub = match ["service", "log-level"].contains(&sub.get_name()) {
                true => sub,
                false => sub.subcommands(plugins.clone()),
            };
            let services = services.clone();
            sub.mut_args(|arg| match arg.get_id().as_str() {
                "words" => application_file(arg.trailing_var_arg(false).num_args(0..=1)),
                "path" => one_of(arg, services.clone()),
                "level" => one_of(arg, LEVELS.map(str::to_owned).to_vec()),
                _ => arg,
            })
        });
        let file = application_file(Arg::new("config").value_name("CONFIG"));
        command.subcommands(plugins).arg(file).allow_external_subcommands(false)
    }

    fn completed_generate(&self, generate: Command) -> Command {
        let registry = &self.registry;
        let kinds = registry.kinds().into_iter().chain(registry.protocols());
        let kinds: Vec<String> = kinds.map(str::to_owned).collect();
        let pages = self.manual_pages();
        generate.mut_subcommands(|what| {
            what.mut_args(|arg| match arg.get_id().as_str() {
                "kinds" => one_of(arg, kinds.clone()),
                "page" => one_of(arg, pages.clone()),
                _ => arg,
            })
        })
    }

    /// The plugins as commands, with their options.
    fn completed_plugins(&self, rundir: Option<&Path>) -> Vec<Command> {
        let as_command = |maker: &dyn Maker| {
            let command = Command::new(maker.name().to_owned());
            maker.augment(command).about(maker.description().to_owned())
        };
        let compiled = self.plugins.list().filter_map(|(name, _)| self.plugins.find(name));
        let mut commands: Vec<Command> = compiled.map(|maker| as_command(&**maker)).collect();
        for manifest in self.search_path(rundir).all(&self.registry) {
            if let Ok(manifest) = manifest.manifest
                && !self.is_taken(manifest.name())
            {
                commands.push(as_command(&manifest));
            }
        }
        commands
    }

    /// The paths of services: of the daemon, if it runs and answers soon, or else of the application file.
    fn known_services(&self, options: Options) -> Vec<String> {
        #[cfg(feature = "control")]
        if let Some(running) = self.running_services(options.clone()) {
            return running;
        }
        self.services_of_file(&options)
    }
}

const SHELLS: [(&str, Shell); 3] =
    [("bash", Shell::Bash), ("zsh", Shell::Zsh), ("fish", Shell::Fish)];

/// The levels of the log.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

fn completer(shell: Shell) -> &'static dyn EnvCompleter {
    match shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    }
}

/// An argument that names an application file.
fn application_file(arg: Arg) -> Arg {
    let is_one = |file: &Path| file.is_file() && file.extension() == Some(OsStr::new("toml"));
    arg.add(ArgValueCompleter::new(PathCompleter::any().filter(is_one)))
}

fn one_of(arg: Arg, words: Vec<String>) -> Arg {
    arg.add(ArgValueCandidates::new(move || words.iter().map(CompletionCandidate::new).collect()))
}
