//! Applications from a file, or built in.

use super::remembered::RememberedFile;
use super::tables;
use crate::config::{self, Registry};
use crate::daemon::{Options, Source};
use crate::service::{Application, BoxError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Makes the application that runs when there is no file.
pub(super) type BuiltIn = Arc<dyn Fn() -> Result<Application, BoxError> + Send + Sync>;

/// The file that is to be run.
pub(super) enum Choice {
    /// It was named on the command line.
    Named(PathBuf),
    /// The default file, if it exists.
    Default(PathBuf),
}

/// A file, or the built-in application if no file was named and there is no default file. That is decided each
/// time, so that a reload takes what a new start would take.
pub(super) struct FileSource {
    program: &'static str,
    registry: Arc<Registry>,
    file: RememberedFile,
    is_named: bool,
    built_in: Option<BuiltIn>,
    /// Whether the daemon gets a root directory of its own, by its command line or by the file.
    in_chroot: bool,
    /// Whether the file is used; not decided before the first time.
    uses_file: Option<bool>,
}

impl FileSource {
    /// `in_chroot`: the command line sets a root directory.
    pub(super) fn new(
        program: &'static str,
        registry: Arc<Registry>,
        choice: Choice,
        built_in: Option<BuiltIn>,
        in_chroot: bool,
    ) -> Self {
        let (file, is_named) = match choice {
            Choice::Named(file) => (file, true),
            Choice::Default(file) => (file, false),
        };
        let file = RememberedFile::new(file);
        Self { program, registry, file, is_named, built_in, in_chroot, uses_file: None }
    }

    /// Whether to use the file. Where the daemon can't see any more whether there is one, it stays as it was.
    fn takes_file(&self) -> bool {
        if self.is_named {
            return true;
        }
        match (self.uses_file, self.file.exists()) {
            (Some(before), _) if self.in_chroot => before,
            (before, Err(_)) => before.unwrap_or(true),
            (_, Ok(exists)) => exists,
        }
    }
}

impl Source for FileSource {
    fn load(&mut self) -> Result<(Application, Options), BoxError> {
        let takes_file = self.takes_file();
        let load = |file: &Path| config::load(file, &self.registry, tables::read);
        let made = match (takes_file, &self.built_in, self.uses_file) {
            (false, Some(make), _) => (make()?, Options::default()),
            (false, None, _) => {
                let program = self.program;
                let why = format!("no application file was given, and there is no {program}.toml");
                return Err(format!("{why} here").into());
            }
            (true, _, None) => load(self.file.typed())?,
            (true, _, Some(_)) => self.file.read_again(self.in_chroot, load)?,
        };
        // What the file says about it later takes effect when the daemon is restarted.
        self.in_chroot |= self.uses_file.is_none() && made.1.chroot.is_some();
        self.uses_file = Some(takes_file);
        Ok(made)
    }

    fn origin(&self) -> String {
        match self.uses_file {
            Some(false) => {
                format!("the built-in application, since there is no {}.toml here", self.program)
            }
            _ => self.file.name(),
        }
    }
}
