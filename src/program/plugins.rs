//! Plugins on the command line: finding the one that was named, running it, listing them all.

use super::failure::Failure;
use super::{Program, exists, typed_here};
use crate::config::{self, ConfigError, STANDARD_INPUT, quoted};
use crate::daemon::{self, Environment, Options, Source};
use crate::plugin::{Found, MakeContext, Maker, SearchPath};
use crate::service::{Application, BoxError};
use clap::{ArgMatches, Command};
use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// The words that are commands, where else a plugin or a file is named.
const COMMANDS: [&str; 3] = ["check", "status", "stop"];

impl Program {
    /// The plugin that a word names. `None`: it names an application file.
    ///
    /// # Errors
    /// If it names neither, or a manifest with mistakes.
    pub(super) fn plugin(
        &self,
        word: &str,
        options: &Options,
    ) -> Result<Option<Arc<dyn Maker>>, Failure> {
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
            None => Err(self.neither(word, &path)),
        }
    }

    /// Runs a plugin with the options that stand behind its name.
    pub(super) fn run_plugin(
        &self,
        environment: Environment,
        options: Options,
        maker: Arc<dyn Maker>,
        arguments: &[OsString],
    ) -> Result<ExitCode, Failure> {
        let name = format!("{} {}", self.name, maker.name());
        let command = maker.augment(Command::new(name.clone()));
        let command = command.about(maker.description().to_owned());
        let words = [name.into()].into_iter().chain(arguments.iter().cloned());
        let matches = command.try_get_matches_from(words)?;
        let here = options.unless_chroot(env::current_dir().ok());
        let source = PluginSource { maker, matches, cx: MakeContext::new(here) };
        let options = typed_here(options)?;
        daemon::run(self.name, environment, options, source)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The list of plugins for the help, with what is wrong with some.
    pub(super) fn describe_plugins(&self, rundir: Option<&Path>) -> String {
        let mut list = String::from("Plugins (their own options: PLUGIN --help):\n");
        for (name, description) in self.plugins.list() {
            let _ = writeln!(list, "  {name:12} {description}");
        }
        let mut troubles = String::new();
        for Found { file, manifest } in self.search_path(rundir).all(&self.registry) {
            match manifest {
                Ok(manifest) if self.is_taken(manifest.name()) => {
                    let name = manifest.name();
                    let _ = writeln!(troubles, "  {}: {name:?} is built in", file.display());
                }
                Ok(manifest) => {
                    let (name, description) = (manifest.name(), manifest.description());
                    let _ = writeln!(list, "  {name:12} {description} ({})", file.display());
                }
                Err(e) => drop(writeln!(troubles, "  {}", summary(&e))),
            }
        }
        if !troubles.is_empty() {
            let _ = write!(list, "\nManifests that can't be used:\n{troubles}");
        }
        list.trim_end().to_owned()
    }

    fn search_path(&self, rundir: Option<&Path>) -> SearchPath {
        SearchPath::of(self.name, rundir.unwrap_or(Path::new("")))
    }

    fn is_taken(&self, name: &str) -> bool {
        COMMANDS.contains(&name) || self.plugins.find(name).is_some()
    }

    fn neither(&self, word: &str, path: &SearchPath) -> Failure {
        let manifests = path.names();
        let plugins = self.plugins.list().map(|(name, _)| name);
        let words = plugins.chain(manifests.iter().map(String::as_str)).chain(COMMANDS);
        let near = config::nearest(word, words);
        let near = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
        Failure::Other(
            format!("{} is neither a plugin nor an application file{near}", quoted(word)),
            2,
        )
    }
}

/// An application made by a plugin.
struct PluginSource {
    maker: Arc<dyn Maker>,
    matches: ArgMatches,
    cx: MakeContext,
}

impl Source for PluginSource {
    fn load(&mut self) -> Result<(Application, Options), BoxError> {
        Ok((self.maker.make(&self.matches, &self.cx)?, Options::default()))
    }

    fn origin(&self) -> String {
        format!("plugin {}", self.maker.name())
    }
}

/// The first mistake of a manifest, in a line.
fn summary(e: &ConfigError) -> String {
    let text = e.to_string();
    let first = text.lines().next().unwrap_or_default().to_owned();
    match e {
        ConfigError::Mistakes { count, .. } if *count > 1 => {
            format!("{first} (and {} more)", count - 1)
        }
        _ => first,
    }
}
