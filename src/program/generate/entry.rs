//! One key of an example.

use crate::config::{KeyInfo, Names};
use crate::value::shape;
use serde_json::Value as Json;
use std::fmt::Write as _;

/// A key with a value, and what is said about it.
pub(super) struct Entry {
    key: String,
    /// As TOML writes it.
    value: String,
    /// What it does.
    help: String,
    /// What its value can be.
    values: String,
    shape: Json,
    /// Whether it is written, not only shown in a comment.
    pub(super) is_written: bool,
    /// Whether the value is only a guess.
    is_guess: bool,
}

impl Entry {
    /// A key that needs no explanation.
    pub(super) fn with(key: &str, value: &str) -> Self {
        let (help, values, shape, is_guess) = Default::default();
        let (key, value) = (key.to_owned(), quoted(value));
        Self { key, value, help, values, shape, is_written: true, is_guess }
    }

    /// A key with this value, or else with its example, its default, or another one that its reader accepts.
    pub(super) fn of(key: &KeyInfo, value: Option<String>) -> Self {
        let shape = key.shape.clone().unwrap_or_default();
        let default = key.default.as_deref();
        let known = value.as_deref().or(key.example.as_deref());
        let default_value = default.and_then(|default| first_value(default, &shape));
        let value = known.or(default_value);
        let is_guess = known.is_none() && !says_what_it_accepts(&shape);
        let found = value.map(|value| written(value, &shape)).or_else(|| example_of(&shape));
        let found = found.unwrap_or_else(|| written(&key.key, &shape));
        let mut values = key.value.clone();
        if let Some(default) = default.filter(|default| Some(*default) != value) {
            let comma = if values.is_empty() { "" } else { "; " };
            values += &format!("{comma}default: {default}");
        }
        if key.names != Names::Nothing {
            values.clear();
        }
        let (key, help, is_written) = (key.key.clone(), key.help.clone(), key.required);
        Self { key, value: found, help, values, shape, is_written, is_guess }
    }

    pub(super) fn is_port(&self) -> bool {
        let is_number = has_type(&self.shape, &["integer", "number"]);
        self.shape == shape::port() || (is_number && self.key == "port")
    }

    pub(super) fn set_port(&mut self, port: u16) {
        self.value = port.to_string();
    }

    /// Adds its lines to a text.
    pub(super) fn write_in(&self, text: &mut String) {
        let values = Some(&self.values).filter(|values| !values.is_empty());
        let values = values.map(|values| format!(" ({values})")).unwrap_or_default();
        if !self.help.is_empty() || !values.is_empty() {
            let _ = writeln!(text, "# {}{values}", self.help);
        }
        let (key, value) = (&self.key, &self.value);
        let comment = if self.is_written { "" } else { "# " };
        let advice = if self.is_written && self.is_guess { " # put your own" } else { "" };
        let _ = writeln!(text, "{comment}{key} = {value}{advice}");
    }
}

/// A string as TOML writes it: as JSON does.
fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}

/// The shapes of which this one allows any.
fn each(shape: &Json) -> Vec<&Json> {
    match shape["anyOf"].as_array() {
        Some(shapes) => shapes.iter().flat_map(each).collect(),
        None => vec![shape],
    }
}

fn has_type(shape: &Json, types: &[&str]) -> bool {
    each(shape).iter().any(|one| one["type"].as_str().is_some_and(|its| types.contains(&its)))
}

/// Whether a value of this shape is right, as far as can be seen.
fn says_what_it_accepts(shape: &Json) -> bool {
    each(shape).iter().any(|one| {
        ["enum", "minimum", "exclusiveMinimum", "examples"]
            .iter()
            .any(|word| one.get(word).is_some())
            || one["type"] == "boolean"
    })
}

/// A value as TOML writes it.
fn written(value: &str, shape: &Json) -> String {
    let is_number = value.parse::<f64>().is_ok() && has_type(shape, &["integer", "number"]);
    let is_boolean = value.parse::<bool>().is_ok() && has_type(shape, &["boolean"]);
    match is_number || is_boolean {
        true => value.to_owned(),
        false if has_type(shape, &["array"]) => format!("[{}]", quoted(value)),
        false => quoted(value),
    }
}

/// The value at the beginning of a default, which may be words.
fn first_value<'a>(default: &'a str, shape: &Json) -> Option<&'a str> {
    let first = default.split([' ', ',']).next().unwrap_or_default();
    let is_number = first.parse::<f64>().is_ok();
    let fits = is_number || (has_type(shape, &["string"]) && first.contains('.'));
    (first == default || fits).then_some(first)
}

/// A value of this shape.
fn example_of(shape: &Json) -> Option<String> {
    each(shape).into_iter().find_map(|one| {
        let list = |name: &str| one[name].as_array().and_then(|list| list.first());
        let value = list("enum").or_else(|| list("examples")).or_else(|| one.get("minimum"));
        let plain = value.map(Json::to_string);
        plain.or_else(|| (one["type"] == "boolean").then(|| "true".to_owned()))
    })
}

/// A default as JSON has it. `None`: it is words, or begins with words that are no value.
pub(super) fn bare_default(default: &str, shape: &Json) -> Option<Json> {
    let is_value = !default.contains(' ');
    is_value.then(|| serde_json::from_str(&written(default, shape)).ok()).flatten()
}
