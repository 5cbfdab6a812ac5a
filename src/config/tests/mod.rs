//! Application files, wrong and right.

mod args;
mod files;
mod mistakes;
mod values;

use super::{ConfigError, Registry, Section, parse};
use crate::poetry;
use crate::service::Application;

fn registry() -> Registry {
    let mut registry = Registry::new();
    poetry::register(&mut registry);
    registry
}

/// Reads the text of a file called `fast.toml` that has nothing beside `[services]`.
fn application(text: &str) -> Result<Application, ConfigError> {
    application_and(text, |_| ()).map(|(application, ())| application)
}

/// Reads the text of a file called `fast.toml`, of which `runner` reads what is not a service.
fn application_and<T>(
    text: &str,
    runner: impl FnOnce(&mut Section<'_>) -> T,
) -> Result<(Application, T), ConfigError> {
    parse("fast.toml", text, &registry(), runner)
}

/// The application of a file that has no mistakes.
fn right(text: &str) -> Application {
    application(text).unwrap_or_else(|e| panic!("{e}"))
}

/// What a user sees of a file that has mistakes.
fn wrong(text: &str) -> String {
    match application(text) {
        Err(e) => {
            places_are_those_shown(&e);
            e.to_string()
        }
        Ok(_) => panic!("no mistake was found in\n{text}"),
    }
}

/// What other programs get is what a person sees.
fn places_are_those_shown(error: &ConfigError) {
    let ConfigError::Mistakes { file, mistakes } = error else { panic!("{error}") };
    for mistake in mistakes {
        let (start, end) = (mistake.start, mistake.end);
        let head = format!("{file}:{}:{}: {}\n", start.line, start.column, mistake.message);
        assert!(mistake.to_string().starts_with(&head), "{mistake}");
        assert!((start.line, start.column) <= (end.line, end.column), "{mistake:?}");
    }
}
