//! Applications from a file, or built in.

use super::tables;
use crate::config::{self, Registry, STANDARD_INPUT, file_name};
use crate::daemon::{Options, Source};
use crate::service::{Application, BoxError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Makes the application that runs when there is no file.
pub(super) type BuiltIn = Arc<dyn Fn() -> Result<Application, BoxError> + Send + Sync>;

/// A file, or the built-in application if there is no file.
pub(super) struct FileSource {
    registry: Arc<Registry>,
    origin: Origin,
}

enum Origin {
    File(PathBuf),
    BuiltIn(BuiltIn, &'static str),
}

impl FileSource {
    /// The file that was named, or else the built-in application.
    ///
    /// # Errors
    /// If there is neither.
    pub(super) fn new(
        registry: Arc<Registry>,
        file: Option<PathBuf>,
        built_in: Option<BuiltIn>,
        program: &'static str,
    ) -> Result<Self, BoxError> {
        let origin = match (file, built_in) {
            (Some(file), _) => Origin::File(file),
            (None, Some(built_in)) => Origin::BuiltIn(built_in, program),
            (None, None) => {
                return Err(format!(
                    "no application file was given, and there is no {program}.toml here"
                )
                .into());
            }
        };
        Ok(Self { registry, origin })
    }
}

impl Source for FileSource {
    fn load(&mut self) -> Result<(Application, Options), BoxError> {
        match &self.origin {
            Origin::File(file) => Ok(config::load(file, &self.registry, tables::read)?),
            Origin::BuiltIn(make, _) => Ok((make()?, Options::default())),
        }
    }

    fn origin(&self) -> String {
        match &self.origin {
            Origin::File(file) if file == Path::new(STANDARD_INPUT) => "standard input".into(),
            Origin::File(file) => file_name(file),
            Origin::BuiltIn(_, program) => {
                format!("the built-in application, since there is no {program}.toml here")
            }
        }
    }
}
