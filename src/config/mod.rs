//! Application files: TOML in, a checked tree of services out.
//!
//! A file is read with its positions, checked as a whole, and only then made into an
//! [`Application`]; every mistake in it is reported, not only the first. What kinds of
//! service and which protocols there are is up to a [`Registry`], so that a program can add its own:
//!
//! ```
//! use poetryd::config::{self, Kind, Registry, Section, read};
//! use poetryd::service::{BoxError, Context, Service};
//! use poetryd::async_trait;
//!
//! /// A service of `kind = "metronome"`, with one setting of its own.
//! #[derive(Debug, PartialEq)]
//! struct Metronome {
//!     beats_per_minute: u16,
//! }
//!
//! impl Kind for Metronome {
//!     fn read(section: &mut Section<'_>) -> Option<Self> {
//!         let beats_per_minute = section.required("beats-per-minute", read::integer(1..=300))?;
//!         Some(Self { beats_per_minute })
//!     }
//!     fn service(&self) -> Box<dyn Service> {
//!         Box::new(Ticking)
//!     }
//! }
//! # struct Ticking;
//! # #[async_trait] impl Service for Ticking {
//! #   async fn start(&mut self, _: &Context) -> Result<(), BoxError> { Ok(()) }
//! #   async fn stop(&mut self, _: tokio::time::Instant) -> Result<(), BoxError> { Ok(()) }
//! # }
//!
//! let mut registry = Registry::new();
//! registry.kind::<Metronome>("metronome");
//! let text = "[services.beat]\nkind = \"metronome\"\nbeats-per-minute = 500\n";
//! let mistake = config::parse("band.toml", text, &registry, |_| ()).err().unwrap().to_string();
//! assert!(mistake.starts_with("band.toml:3:20: beats-per-minute: expected a whole number from 1 to 300"));
//! ```

mod diagnostic;
pub mod read;
mod registry;
mod section;
mod tcp;
#[cfg(test)]
mod tests;
mod tree;

pub use diagnostic::{ConfigError, Diagnostic, nearest};
pub use registry::{AnyProtocol, Kind, ProtocolKind, Registry};
pub use section::{Section, Value};

use crate::service::{Application, ServicePath};
use diagnostic::Diagnostics;
use section::Notes;
use std::path::Path;
use std::sync::Arc;
use toml::de::DeTable;

/// Reads an application file.
///
/// `runner` reads the tables beside `[services]`, those of the program that runs the application; what it
/// returns comes back beside the application.
///
/// # Errors
/// If the file can't be read, or has mistakes: all of them.
pub fn load<T>(
    path: &Path,
    registry: &Registry,
    runner: impl FnOnce(&mut Section<'_>) -> T,
) -> Result<(Application, T), ConfigError> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path)
        .map_err(|source| ConfigError::Unreadable { file: name.clone(), source })?;
    match String::from_utf8(bytes) {
        Ok(text) => parse(&name, &text, registry, runner),
        Err(e) => Err(diagnostic::not_utf8(&name, &e)),
    }
}

/// Reads an application from the text of a file called `name`. As [`load`], otherwise.
///
/// # Errors
/// If the text has mistakes: all of them.
pub fn parse<T>(
    name: &str,
    text: &str,
    registry: &Registry,
    runner: impl FnOnce(&mut Section<'_>) -> T,
) -> Result<(Application, T), ConfigError> {
    let (document, syntax) = DeTable::parse_recoverable(text);
    let mut notes = Notes::new(Arc::new(registry.clone()), Diagnostics::new(syntax));
    let mut application = None;
    let mut runner_result = None;
    let root = ServicePath::root();
    Section::read(document.get_ref(), 0..0, "the application", root, &mut notes, |top| {
        let application_name = top.optional("name", read::string);
        let default_name = || Path::new(name).file_stem().map(|s| s.to_string_lossy().into_owned());
        let application_name = application_name.or_else(default_name).unwrap_or_default();
        runner_result = Some(runner(top));
        application = tree::read(top, application_name);
    });
    notes.check_references();
    match (notes.diagnostics.into_error(name, text), application, runner_result) {
        (None, Some(application), Some(runner)) => Ok((application, runner)),
        (Some(error), ..) => Err(error),
        (None, ..) => unreachable!("an application that can't be made leaves a diagnostic"),
    }
}
