//! Describes the keys of a table, for the documentation.

use crate::value::Value;
use clap::Arg;
use std::collections::HashMap;
use toml::de::DeValue;

/// One key of a table, as its documentation shows it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KeyInfo {
    /// The key.
    pub key: String,
    /// What its value can be, according to the reader of the key.
    pub value: String,
    /// What it does, in one line; empty if there is no description.
    pub help: String,
    /// The default.
    pub default: Option<String>,
    /// Whether it is required.
    pub required: bool,
}

/// The keys that have been read so far, when they are only listed.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) keys: Vec<KeyInfo>,
    /// The description of the next key.
    pub(super) about: Option<&'static str>,
    /// The help and default of the options with the names of keys.
    options: HashMap<String, (String, Option<String>)>,
}

impl Listing {
    /// Adds a key, with the values that `read` expects.
    pub(super) fn add<T>(
        &mut self,
        key: &str,
        required: bool,
        read: impl FnOnce(&Value<'_>) -> Result<T, String>,
    ) {
        self.add_expecting(key, required, expected_by(read));
    }

    /// Adds a key that is an option as well.
    pub(super) fn add_option(&mut self, arg: &Arg, key: String, value: String) {
        self.about_option(arg, key.clone());
        self.add_expecting(&key, arg.is_required_set(), value);
    }

    /// Declares that a key does what an option does.
    pub(super) fn about_option(&mut self, arg: &Arg, key: String) {
        self.options.insert(key, help_of(arg));
    }

    pub(super) fn add_expecting(&mut self, key: &str, required: bool, value: String) {
        let (help, default) = match self.about.take() {
            Some(about) => help_and_default(about),
            None => self.options.get(key).cloned().unwrap_or_default(),
        };
        self.keys.push(KeyInfo { key: key.into(), value, help, default, required });
    }
}

/// What a reader expects, in its own words. It returns them if it gets something else; no key of this crate
/// expects an array of arrays.
fn expected_by<T>(read: impl FnOnce(&Value<'_>) -> Result<T, String>) -> String {
    let unexpected = DeValue::Array(Default::default());
    let refusal = read(&Value(&unexpected)).err().unwrap_or_default();
    refusal.strip_prefix("expected ").unwrap_or(&refusal).to_owned()
}

/// Splits a help text from the default at its end: `How long to wait [default: 30]`.
fn help_and_default(text: &str) -> (String, Option<String>) {
    let split = text.strip_suffix(']').and_then(|text| text.rsplit_once(" [default: "));
    match split {
        Some((help, default)) => (help.into(), Some(default.into())),
        None => (text.into(), None),
    }
}

/// The help of an option, and its default: the one in the help, or else the option's default value.
pub(crate) fn help_of(arg: &Arg) -> (String, Option<String>) {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let (help, default) = help_and_default(&help);
    let values = arg.get_default_values().iter().filter(|_| arg.get_action().takes_values());
    let value = values.map(|value| value.to_string_lossy().into_owned()).next();
    (help, default.or(value))
}
