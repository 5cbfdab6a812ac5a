//! Describes the keys of a table, for the documentation.

use crate::value::Value;
use crate::value::shape::{self, Shape, Shapes};
use clap::Arg;
use std::any::TypeId;
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
    /// A value that an example of a file can have.
    pub example: Option<String>,
    /// Whether it is required.
    pub required: bool,
    /// Which values its reader may accept. `None`: any.
    pub(crate) shape: Option<Shape>,
    pub(crate) names: Names,
}

/// What the value of a key names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Names {
    /// Nothing else in the file.
    Nothing,
    /// A service that offers a handle of this type.
    Service(TypeId),
    /// A protocol, whose keys are in the same table.
    Protocol,
}

/// Which values a key can have: in the words of its reader, and as a schema.
#[derive(Default)]
pub(super) struct Expected {
    pub(super) words: String,
    pub(super) shape: Option<Shape>,
}

/// What else a help text says.
#[derive(Clone, Default)]
pub(crate) struct Help {
    pub(crate) text: String,
    pub(crate) default: Option<String>,
    pub(crate) example: Option<String>,
}

/// The keys that have been read so far, when they are only listed.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) keys: Vec<KeyInfo>,
    /// The description of the next key.
    pub(super) about: Option<&'static str>,
    /// The help and default of the options with the names of keys.
    options: HashMap<String, Help>,
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
    pub(super) fn add_option(&mut self, arg: &Arg, key: String, expected: Expected) {
        self.about_option(arg, key.clone());
        self.add_expecting(&key, arg.is_required_set(), expected);
    }

    /// Declares that a key does what an option does.
    pub(super) fn about_option(&mut self, arg: &Arg, key: String) {
        self.options.insert(key, help_of(arg));
    }

    /// Adds a key that names something else.
    pub(super) fn add_naming(&mut self, key: &str, names: Names, words: String) {
        let shape = Some(shape::word());
        self.add_expecting(key, true, Expected { words, shape });
        self.keys.last_mut().into_iter().for_each(|key| key.names = names);
    }

    pub(super) fn add_expecting(&mut self, key: &str, required: bool, expected: Expected) {
        let Help { text, default, example } = match self.about.take() {
            Some(about) => Help::from(about),
            None => self.options.get(key).cloned().unwrap_or_default(),
        };
        let (Expected { words: value, shape }, names) = (expected, Names::Nothing);
        let key = key.into();
        self.keys.push(KeyInfo {
            key,
            value,
            help: text,
            default,
            example,
            required,
            shape,
            names,
        });
    }
}

/// What a reader expects, in its own words. It returns them if it gets something else; no key of this crate
/// expects an array of arrays.
fn expected_by<T>(read: impl FnOnce(&Value<'_>) -> Result<T, String>) -> Expected {
    let unexpected = DeValue::Array(Default::default());
    let asked = Shapes::default();
    match read(&Value::listed(&unexpected, &asked)) {
        // It accepts everything.
        Ok(_) => Expected::default(),
        Err(refusal) => {
            let words = refusal.strip_prefix("expected ").unwrap_or(&refusal).to_owned();
            Expected { words, shape: asked.any() }
        }
    }
}

impl From<&str> for Help {
    /// Splits a help text from what is at its end: `How long to wait [default: 30]`, `What to wait for [example: noon]`.
    fn from(text: &str) -> Self {
        let mut help = Self { text: text.to_owned(), default: None, example: None };
        while let Some((text, (name, value))) = help
            .text
            .strip_suffix(']')
            .and_then(|text| text.rsplit_once(" ["))
            .and_then(|(text, last)| Some((text.to_owned(), last.split_once(": ")?)))
        {
            match name {
                "default" => help.default = Some(value.to_owned()),
                "example" => help.example = Some(value.to_owned()),
                _ => break,
            }
            help.text = text;
        }
        help
    }
}

/// The help of an option, and its default: the one in the help, or else the option's default value.
pub(crate) fn help_of(arg: &Arg) -> Help {
    let mut help = Help::from(&*arg.get_help().map(ToString::to_string).unwrap_or_default());
    let values = arg.get_default_values().iter().filter(|_| arg.get_action().takes_values());
    let value = values.map(|value| value.to_string_lossy().into_owned()).next();
    help.default = help.default.or(value);
    help
}
