//! One value of an option or of a key in a file: how it is read, and how messages show it.

mod near;
pub mod read;
pub(crate) mod shape;
mod shown;
pub(crate) mod value_type;

pub use near::nearest;
#[cfg(any(feature = "control", feature = "web"))]
pub(crate) use shown::thousands;
pub(crate) use shown::{columns, escaped_json, file_name, fitting, plain, push, quoted};

use shape::{Shape, Shapes};
use toml::de::DeValue;

/// How much of a number is shown, in columns.
const LONGEST_NUMBER: usize = 40;

/// One value in a file, as passed to a reader of [`read`](crate::config::read).
pub struct Value<'a> {
    value: &'a DeValue<'a>,
    /// Where to note what a reader asks for, if there is no file and the keys are only listed.
    asked: Option<&'a Shapes>,
}

impl<'a> Value<'a> {
    pub(crate) fn new(value: &'a DeValue<'a>) -> Self {
        Self { value, asked: None }
    }

    /// A value that stands for all others. What its reader asks for is noted.
    pub(crate) fn listed(value: &'a DeValue<'a>, asked: &'a Shapes) -> Self {
        Self { value, asked: Some(asked) }
    }

    /// The value, for a reader that accepts only values of this shape, or fewer.
    pub(crate) fn expect(&self, shape: impl FnOnce() -> Shape) -> Self {
        self.note(shape);
        Self { value: self.value, asked: None }
    }

    fn note(&self, shape: impl FnOnce() -> Shape) {
        if let Some(asked) = self.asked {
            asked.note(shape());
        }
    }

    /// The value, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        self.note(shape::string);
        self.value.as_str()
    }

    /// The value, if it is a whole number that fits.
    pub fn as_integer(&self) -> Option<i64> {
        self.note(shape::any_integer);
        let integer = self.value.as_integer()?;
        i64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok()
    }

    /// The value, if it is a number.
    pub fn as_float(&self) -> Option<f64> {
        let value = self.expect(shape::number);
        match value.value.as_float() {
            Some(float) => float.as_str().replace('_', "").parse().ok(),
            // Sizes and seconds are far below the point where this loses precision.
            None => value.as_integer().map(|integer| integer as f64),
        }
    }

    /// The value, if it is true or false.
    pub fn as_bool(&self) -> Option<bool> {
        self.note(shape::boolean);
        self.value.as_bool()
    }

    /// The values, if it is an array.
    pub(crate) fn as_array(&self) -> Option<impl Iterator<Item = Value<'_>>> {
        let array = self.value.as_array()?;
        Some(array.iter().map(|each| Value::new(each.get_ref())))
    }
}

/// How a message shows a value.
pub(crate) fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the string {}", quoted(text)),
        DeValue::Integer(number) => plain(&number.to_string(), LONGEST_NUMBER),
        DeValue::Float(number) => plain(&number.to_string(), LONGEST_NUMBER),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(_) => "a date or time".into(),
        DeValue::Array(_) => "an array".into(),
        DeValue::Table(_) => "a table".into(),
    }
}
