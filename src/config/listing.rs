//! What there is to say of the keys of a table, for the documentation.

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
    /// What its value can be: what the reader of the key says that it expects.
    pub value: String,
    /// What it does, in a line; empty if nobody has said so.
    pub help: String,
    /// What holds where the key is left out.
    pub default: Option<String>,
    /// Whether it must be there.
    pub required: bool,
}

/// The keys that have been asked for so far, where nothing else is done.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) keys: Vec<KeyInfo>,
    /// What was said of the next key.
    pub(super) about: Option<&'static str>,
    /// What the options with the names of keys have for a help and a default.
    options: HashMap<String, (String, Option<String>)>,
}

impl Listing {
    /// Adds a key that `read` would read.
    pub(super) fn add<T>(
        &mut self,
        key: &str,
        required: bool,
        read: impl FnOnce(&Value<'_>) -> Result<T, String>,
    ) {
        self.add_expecting(key, required, expected_by(read));
    }

    /// Adds a key that is an option, too.
    pub(super) fn add_option(&mut self, arg: &Arg, key: String, value: String) {
        self.about_option(arg, key.clone());
        self.add_expecting(&key, arg.is_required_set(), value);
    }

    /// Says that a key does what an option does.
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

/// The words in which a reader says what it expects. It says so when it gets something else, and nothing that a key
/// of this crate takes is an array.
fn expected_by<T>(read: impl FnOnce(&Value<'_>) -> Result<T, String>) -> String {
    let unexpected = DeValue::Array(Default::default());
    let refusal = read(&Value(&unexpected)).err().unwrap_or_default();
    refusal.strip_prefix("expected ").unwrap_or(&refusal).to_owned()
}

/// A help text, and the default that it names at its end: `How long to wait [default: 30]`.
fn help_and_default(text: &str) -> (String, Option<String>) {
    let split = text.strip_suffix(']').and_then(|text| text.rsplit_once(" [default: "));
    match split {
        Some((help, default)) => (help.into(), Some(default.into())),
        None => (text.into(), None),
    }
}

/// The help of an option, and its default: the one that the help names, or else the value.
pub(crate) fn help_of(arg: &Arg) -> (String, Option<String>) {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let (help, default) = help_and_default(&help);
    let values = arg.get_default_values().iter().filter(|_| arg.get_action().takes_values());
    let value = values.map(|value| value.to_string_lossy().into_owned()).next();
    (help, default.or(value))
}
