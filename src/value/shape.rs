//! Which values a reader accepts, in the words of JSON Schema. Readers note it when keys are only listed.
//!
//! A reader learns of a value only what it asks for. So a reader that somebody else has written can be listed, too: it
//! accepts no value of a type that it does not ask for.

use serde_json::{Value as Json, json};
use std::cell::RefCell;

/// A schema of a value.
pub(crate) type Shape = Json;

/// What a reader has asked for.
#[derive(Default)]
pub(crate) struct Shapes(RefCell<Vec<Shape>>);

impl Shapes {
    pub(super) fn note(&self, shape: Shape) {
        let mut shapes = self.0.borrow_mut();
        if !shapes.contains(&shape) {
            shapes.push(shape);
        }
    }

    /// Everything that was noted. `None`: nothing was.
    pub(crate) fn any(self) -> Option<Shape> {
        any_of(self.0.into_inner())
    }
}

/// A value of one of these shapes. `None`: there are none.
pub(crate) fn any_of(mut shapes: Vec<Shape>) -> Option<Shape> {
    match shapes.len() {
        0 | 1 => shapes.pop(),
        _ => Some(json!({ "anyOf": shapes })),
    }
}

pub(crate) fn string() -> Shape {
    json!({ "type": "string" })
}

pub(crate) fn word() -> Shape {
    json!({ "type": "string", "minLength": 1 })
}

pub(crate) fn words() -> Shape {
    json!({ "type": "array", "minItems": 1, "items": word() })
}

pub(crate) fn array_of(shape: Shape) -> Shape {
    json!({ "type": "array", "items": shape })
}

/// The name of a file.
pub(crate) fn path() -> Shape {
    json!({ "type": "string", "pattern": "^[^\\u0000]+$", "examples": ["FILE"] })
}

pub(crate) fn boolean() -> Shape {
    json!({ "type": "boolean" })
}

pub(crate) fn any_integer() -> Shape {
    json!({ "type": "integer" })
}

/// A whole number within these bounds, which are written as numbers.
pub(crate) fn integer(least: &impl ToString, most: &impl ToString) -> Shape {
    let bound = |bound: String| bound.parse::<serde_json::Number>().ok();
    let (least, most) = (bound(least.to_string()), bound(most.to_string()));
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

pub(crate) fn port() -> Shape {
    integer(&0, &u16::MAX)
}

pub(crate) fn number() -> Shape {
    json!({ "type": "number" })
}

/// A number, or a string with a unit; and a number for examples.
pub(crate) fn number_or_string(example: u32) -> Shape {
    json!({ "anyOf": [{ "type": "number", "examples": [example] }, string()] })
}

/// A number of seconds. `least` and `most` are among them.
pub(crate) fn seconds(least: f64, most: f64) -> Shape {
    json!({ "type": "number", "minimum": least, "maximum": most, "examples": [30, 0.5] })
}

pub(crate) fn seconds_above_0(most: f64) -> Shape {
    json!({ "type": "number", "exclusiveMinimum": 0, "maximum": most, "examples": [30, 0.5] })
}

/// A size in bytes.
pub(crate) fn size() -> Shape {
    // What the pattern calls space is less than what Rust does.
    let text = "^[0-9]+[\\s\\u0085]*(B|kB|KB|MB|GB|KiB|MiB|GiB)?$";
    json!({ "anyOf": [
        { "type": "string", "pattern": text, "examples": ["64kB", "1MB"] },
        { "type": "integer", "minimum": 0 },
    ] })
}

/// Permissions.
pub(crate) fn octal() -> Shape {
    json!({ "type": "string", "pattern": "^0*[0-7]{1,3}$", "examples": ["640"] })
}

pub(crate) fn one_of(words: impl Iterator<Item = impl Into<Json>>) -> Shape {
    let words: Vec<Json> = words.map(Into::into).collect();
    json!({ "enum": words })
}

pub(crate) fn table() -> Shape {
    json!({ "type": "object" })
}

pub(crate) fn tables() -> Shape {
    array_of(table())
}
