//! One value of an option or of a key in a file: how it is read, and how messages show it.

mod near;
pub mod read;
mod shown;
pub(crate) mod value_type;

pub use near::nearest;
#[cfg(any(feature = "control", feature = "web"))]
pub(crate) use shown::thousands;
pub(crate) use shown::{columns, file_name, fitting, plain, push, quoted};

use toml::de::DeValue;

/// How much of a number is shown, in columns.
const LONGEST_NUMBER: usize = 40;

/// One value in a file, as passed to a reader of [`read`](crate::config::read).
pub struct Value<'a>(pub(crate) &'a DeValue<'a>);

impl Value<'_> {
    /// The value, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_str()
    }

    /// The value, if it is a whole number that fits.
    pub fn as_integer(&self) -> Option<i64> {
        let integer = self.0.as_integer()?;
        i64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok()
    }

    /// The value, if it is a number.
    pub fn as_float(&self) -> Option<f64> {
        match self.0.as_float() {
            Some(float) => float.as_str().replace('_', "").parse().ok(),
            // Sizes and seconds are far below the point where this loses precision.
            None => self.as_integer().map(|integer| integer as f64),
        }
    }

    /// The value, if it is true or false.
    pub fn as_bool(&self) -> Option<bool> {
        self.0.as_bool()
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
