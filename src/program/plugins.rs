//! Plugins on the command line: finds the one that was named, runs it, lists them all.

use super::failure::Failure;
use super::remembered::RememberedFile;
use super::{Program, advice, exists};
use crate::cli::{self, Named};
use crate::config::Registry;
use crate::config::{self, ConfigError, STANDARD_INPUT, file_name, quoted};
use crate::daemon::{Options, Source};
use crate::plugin::{Found, MakeContext, Maker, Manifest, SearchPath};
use crate::service::{Application, BoxError};
use clap::error::ErrorKind;
use clap::{ArgMatches, Command};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

impl Program {
    /// The plugin that a command line names, for `command` if there is one. `None`: it names an application file.
    ///
    /// # Errors
    /// If it names neither, or a manifest with mistakes.
    pub(super) fn plugin(
        &self,
        named: &Named,
        options: &Options,
        command: Option<&str>,
    ) -> Result<Option<Arc<dyn Maker>>, Failure> {
        let Some(word) = named.target.as_deref().and_then(OsStr::to_str) else { return Ok(None) };
        if let Some(maker) = self.plugins.find(word) {
            return Ok(Some(maker.clone()));
        }
        if word == STANDARD_INPUT || word.contains('/') || exists(Path::new(word)) {
            return Ok(None);
        }
        let rundir = options.unless_chroot(options.rundir.as_deref());
        let path = self.search_path(rundir);
        match path.find(word, &self.registry) {
            Some(Found { manifest, .. }) => Ok(Some(Arc::new(manifest.map_err(Failure::Config)?))),
            None => Err(self.neither(word, &named.arguments, &path, command)),
        }
    }

    /// The application that a plugin makes from the options after its name. `command` is the command that needs
    /// it, `None` for a run.
    pub(super) fn plugin_source(
        &self,
        maker: Arc<dyn Maker>,
        arguments: &[OsString],
        options: &Options,
        command: Option<&str>,
    ) -> Result<PluginSource, Failure> {
        let words = CommandLine { program: self.name, arguments: arguments.to_vec() };
        let matches = words.parse(&*maker).map_err(|e| {
            let runners = advice::option_before(self.name, command, maker.name(), &e);
            runners.unwrap_or(Failure::Options(e))
        })?;
        let cx = MakeContext::new(options.unless_chroot(env::current_dir().ok()));
        let manifest = maker.manifest().map(|file| RememberedFile::new(file.into()));
        let (registry, in_chroot) = (self.registry.clone(), options.chroot.is_some());
        Ok(PluginSource { maker, matches, cx, words, manifest, registry, in_chroot, made: false })
    }

    /// Checks options after a plugin's name that are given only to identify the daemon that was started with
    /// them. Required options may be missing.
    pub(super) fn check_options_of(
        &self,
        maker: Arc<dyn Maker>,
        arguments: &[OsString],
        options: &Options,
        command: &str,
    ) -> Result<(), Failure> {
        match self.plugin_source(maker, arguments, options, Some(command)) {
            Err(Failure::Options(e)) if e.kind() == ErrorKind::MissingRequiredArgument => Ok(()),
            other => other.map(drop),
        }
    }

    /// What to say about an option of the plugin before the plugin's name.
    pub(super) fn option_of_a_plugin(&self, e: &clap::Error, args: &[OsString]) -> Option<Failure> {
        let option = advice::unknown_option(e)?;
        let words = args.iter().skip(1).filter_map(|word| word.to_str());
        let search_path = self.search_path(None);
        words.filter(|word| !word.starts_with('-')).find_map(|word| {
            let maker = match self.plugins.find(word) {
                Some(maker) => maker.clone(),
                None => Arc::new(search_path.find(word, &self.registry)?.manifest.ok()?),
            };
            let usage = advice::usage_of(&maker.augment(Command::new("")), option)?;
            let (program, plugin) = (self.name, maker.name());
            let message = format!(
                "{option} is an option of the plugin {plugin} and goes after its name: {program} {plugin} {usage}"
            );
            Some(Failure::Other(message, 2))
        })
    }

    /// The list of plugins for the help, followed by the manifests that can't be used.
    pub(super) fn describe_plugins(&self, rundir: Option<&Path>) -> String {
        let mut list = String::from("Plugins (PLUGIN --help shows the options of one):\n");
        for (name, description) in self.plugins.list() {
            let _ = writeln!(list, "  {name:12} {description}");
        }
        let mut troubles = String::new();
        for Found { file, manifest } in self.search_path(rundir).all(&self.registry) {
            match manifest {
                Ok(manifest) if self.is_taken(manifest.name()) => {
                    let name = manifest.name();
                    let _ = writeln!(
                        troubles,
                        "  {}: {name:?} is the name of a built-in plugin",
                        file_name(&file)
                    );
                }
                Ok(manifest) => {
                    let (name, description) = (manifest.name(), manifest.description());
                    let _ = writeln!(list, "  {name:12} {description} ({})", file_name(&file));
                }
                Err(e) => drop(writeln!(troubles, "  {}", summary(&e))),
            }
        }
        if list.lines().count() == 1 {
            list.clear(); // there is none
        }
        if !troubles.is_empty() {
            let _ = write!(list, "\nManifests that can't be used:\n{troubles}");
        }
        list.trim().to_owned()
    }

    pub(super) fn search_path(&self, rundir: Option<&Path>) -> SearchPath {
        SearchPath::of(self.name, rundir.unwrap_or(Path::new("")))
    }

    pub(super) fn is_taken(&self, name: &str) -> bool {
        cli::words().iter().any(|word| word == name) || self.plugins.find(name).is_some()
    }

    fn neither(
        &self,
        word: &str,
        arguments: &[OsString],
        path: &SearchPath,
        command: Option<&str>,
    ) -> Failure {
        let known =
            if command.is_some() { None } else { advice::instead_of(self.name, word, arguments) };
        if let Some(message) = known {
            return Failure::Other(message, 2);
        }
        if word.ends_with(".toml") {
            let file = std::path::absolute(word).unwrap_or(word.into());
            return Failure::Other(format!("there is no application file {}", file_name(&file)), 2);
        }
        let manifests = path.names();
        let plugins = self.plugins.list().map(|(name, _)| name);
        // After a command, another command makes no sense.
        let commands = if command.is_none() { cli::words() } else { Vec::new() };
        let words = plugins
            .chain(manifests.iter().map(String::as_str))
            .chain(commands.iter().map(String::as_str));
        // The name of a unit such as poetryd@night.
        let of_unit = format!("/etc/{}/{word}.toml", self.name);
        let of_unit = Some(of_unit.as_str()).filter(|file| Path::new(file).is_file());
        let near = of_unit.or_else(|| config::nearest(word, words));
        let near = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
        let word = quoted(word);
        Failure::Other(format!("{word} is neither a plugin nor an application file{near}"), 2)
    }
}

/// The words of a command line from the plugin's name.
struct CommandLine {
    program: &'static str,
    arguments: Vec<OsString>,
}

impl CommandLine {
    fn parse(&self, maker: &dyn Maker) -> Result<ArgMatches, clap::Error> {
        let name = format!("{} {}", self.program, maker.name());
        let clap = maker.augment(Command::new(name.clone())).about(maker.description().to_owned());
        clap.try_get_matches_from([name.into()].into_iter().chain(self.arguments.iter().cloned()))
    }
}

/// An application made by a plugin.
pub(super) struct PluginSource {
    maker: Arc<dyn Maker>,
    matches: ArgMatches,
    cx: MakeContext,
    words: CommandLine,
    /// The manifest that declares the plugin, which is read again at each reload.
    manifest: Option<RememberedFile>,
    registry: Arc<Registry>,
    /// Whether the daemon gets a root directory of its own.
    in_chroot: bool,
    /// Whether an application has been made.
    made: bool,
}

impl PluginSource {
    /// Reads the manifest again, and the command line with the options that it declares now.
    fn read_again(&mut self) -> Result<(), BoxError> {
        let Some(file) = &self.manifest else { return Ok(()) };
        let manifest =
            file.read_again(self.in_chroot, |file| Manifest::load(file, &self.registry))?;
        self.matches = self.words.parse(&manifest)?;
        self.maker = Arc::new(manifest);
        Ok(())
    }
}

impl Source for PluginSource {
    fn load(&mut self) -> Result<(Application, Options), BoxError> {
        if self.made {
            self.read_again()?;
        }
        self.made = true;
        Ok((self.maker.make(&self.matches, &self.cx)?, Options::default()))
    }

    fn origin(&self) -> String {
        format!("plugin {}", self.maker.name())
    }
}

/// The first mistake of a manifest, in one line.
fn summary(e: &ConfigError) -> String {
    let text = e.to_string();
    let first = text.lines().next().unwrap_or_default().to_owned();
    match e {
        ConfigError::Mistakes { mistakes, .. } if mistakes.len() > 1 => {
            format!("{first} (and {} more)", mistakes.len() - 1)
        }
        _ => first,
    }
}
