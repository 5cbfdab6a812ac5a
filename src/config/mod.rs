//! Application files: from TOML to a checked tree of services.
//!
//! A file is read with the positions of its values, checked as a whole, and only then turned into an
//! [`Application`]. All mistakes in it are reported, not only the first. A [`Registry`] determines which kinds of
//! service and which protocols there are, so a program can add its own:
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
//!
//! Settings that are also options of a [plugin](crate::plugin) are read with what `clap` derives for them:
//! [`Section::args`]. Each key is described where it is read ([`Section::about`]), or by `clap`'s help.
//! [`Program::reference`](crate::Program::reference) makes tables of these descriptions.

mod any_protocol;
mod circles;
mod diagnostic;
mod file_checks;
mod kind;
mod listeners;
mod listing;
mod page;
mod registry;
mod reserved;
mod restart;
mod section;
mod template;
#[cfg(all(test, feature = "poetry"))]
mod tests;
mod text;
mod tree;

pub use crate::value::{Value, nearest, read};
pub(crate) use crate::value::{file_name, plain, quoted};
pub use any_protocol::AnyProtocol;
pub use circles::leads_to;
pub use diagnostic::ConfigError;
pub use kind::{Kind, ProtocolKind, add};
pub use listeners::TcpSettings;
pub use listing::KeyInfo;
#[cfg(feature = "generate")]
pub(crate) use listing::Names;
pub(crate) use listing::{Help, help_of};
pub use page::{Diagnostic, Position};
pub use registry::Registry;
pub use section::Section;
pub use template::{Literal, Literals};
pub(crate) use text::{STANDARD_INPUT, read_text};

use crate::service::Application;
use diagnostic::Diagnostics;
use file_checks::FileChecks;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads an application file. `-` is standard input. Standard input and a FIFO have 10 seconds to deliver the
/// whole file. No file may be longer than 64 MiB.
///
/// `runner` reads the tables besides `[services]`, which belong to the program that runs the application. Its
/// result is returned together with the application.
///
/// # Errors
/// If the file can't be read, or has mistakes: all of them.
pub fn load<T>(
    path: &Path,
    registry: &Registry,
    runner: impl FnOnce(&mut Section<'_>) -> T,
) -> Result<(Application, T), ConfigError> {
    let (name, text) = read_text(path)?;
    parse(&name, &text, registry, runner)
}

/// Reads only the tables that `runner` asks for, as [`load`] does. Mistakes elsewhere in the file don't matter.
///
/// # Errors
/// If the file can't be read, or has mistakes in these tables.
pub fn load_tables<T>(
    path: &Path,
    registry: &Registry,
    runner: impl FnOnce(&mut Section<'_>) -> T,
) -> Result<T, ConfigError> {
    let (name, text) = read_text(path)?;
    let (document, _) = DeTable::parse_recoverable(&text);
    let mut checks = FileChecks::new(Diagnostics::new(Vec::new()));
    let read = |top: &mut Section<'_>| {
        top.allow_any_key();
        runner(top)
    };
    let protocols = registry.protocol_readers();
    let result = Section::read_file(document.get_ref(), "the file", protocols, &mut checks, read);
    checks.diagnostics.into_error(&name, &text).map_or(Ok(result), Err)
}

/// The keys that `read` reads from a table, in that order, with their descriptions. For tables within that table,
/// only their names.
pub fn keys_of<T>(read: impl FnOnce(&mut Section<'_>) -> T) -> Vec<KeyInfo> {
    Section::keys_of(read)
}

/// Reads an application from the text of a file named `name`. Otherwise the same as [`load`].
///
/// # Errors
/// If the text has mistakes: all of them.
pub fn parse<T>(
    name: &str,
    text: &str,
    registry: &Registry,
    runner: impl FnOnce(&mut Section<'_>) -> T,
) -> Result<(Application, T), ConfigError> {
    read_application(name, text, registry, None, runner)
}

/// Reads an application from a text in which names in braces are replaced by values: `"{port}"`. `head` reads the
/// tables besides `[services]`, in which nothing is replaced.
///
/// # Errors
/// If the text has mistakes: all of them.
pub fn parse_template<T>(
    name: &str,
    text: &str,
    registry: &Registry,
    literals: &Literals,
    head: impl FnOnce(&mut Section<'_>) -> T,
) -> Result<(Application, T), ConfigError> {
    read_application(name, text, registry, Some(literals), head)
}

/// Reads the tables besides `[services]` of a template, and checks that the services use no names in braces
/// except those that `names` finds in the result.
///
/// # Errors
/// If the text has mistakes in its syntax, in these tables, or in the use of names.
pub fn parse_template_head<T>(
    name: &str,
    text: &str,
    registry: &Registry,
    head: impl FnOnce(&mut Section<'_>) -> T,
    names: impl FnOnce(&T) -> Literals,
) -> Result<T, ConfigError> {
    let (mut document, syntax) = DeTable::parse_recoverable(text);
    let mut checks = FileChecks::new(Diagnostics::new(syntax));
    let read = |top: &mut Section<'_>| {
        top.ignore("services");
        head(top)
    };
    let protocols = registry.protocol_readers();
    let result = Section::read_file(document.get_ref(), "the file", protocols, &mut checks, read);
    let literals = names(&result);
    fill_in_services(document.get_mut(), &literals, &mut checks.diagnostics);
    checks.diagnostics.into_error(name, text).map_or(Ok(result), Err)
}

fn read_application<T>(
    name: &str,
    text: &str,
    registry: &Registry,
    literals: Option<&Literals>,
    runner: impl FnOnce(&mut Section<'_>) -> T,
) -> Result<(Application, T), ConfigError> {
    let (mut document, syntax) = DeTable::parse_recoverable(text);
    let mut checks = FileChecks::new(Diagnostics::new(syntax));
    if let Some(literals) = literals {
        fill_in_services(document.get_mut(), literals, &mut checks.diagnostics);
    }
    let read = |top: &mut Section<'_>| {
        let application_name = top.optional("name", read::string);
        let default_name = || Path::new(name).file_stem().map(|s| s.to_string_lossy().into_owned());
        let application_name = application_name.or_else(default_name).unwrap_or_default();
        let runner = runner(top);
        (tree::read_services(top, application_name, registry), runner)
    };
    let protocols = registry.protocol_readers();
    let document = document.get_ref();
    let result = Section::read_file(document, "the application", protocols, &mut checks, read);
    checks.check_references();
    checks.check_circles();
    checks.diagnostics.into_error(name, text).map_or(Ok(result), Err)
}

fn fill_in_services<'a>(
    document: &mut DeTable<'a>,
    literals: &'a Literals,
    diagnostics: &mut Diagnostics,
) {
    if let Some(DeValue::Table(services)) = document.get_mut("services").map(Spanned::get_mut) {
        template::fill_in(services, literals, diagnostics);
    }
}
