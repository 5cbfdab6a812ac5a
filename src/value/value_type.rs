//! Types of values that can be typed on a command line as well as written in a file.

use super::Value;
use super::read;
use clap::builder::{
    OsStringValueParser, PossibleValuesParser, RangedI64ValueParser, StringValueParser,
    TypedValueParser, ValueParser,
};
use clap::value_parser;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// A type of value: how the help names it, how it is typed, and how it is written in a file.
pub(crate) struct ValueType<T> {
    /// Such as `FILE`. Empty for a flag, which has no value on a command line.
    pub(crate) name: &'static str,
    /// How it is typed.
    pub(crate) typed: ValueParser,
    written: Box<Written<T>>,
}

type Written<T> = dyn Fn(&Value<'_>) -> Result<T, String>;

impl<T> ValueType<T> {
    fn new(
        name: &'static str,
        typed: impl Into<ValueParser>,
        written: impl Fn(&Value<'_>) -> Result<T, String> + 'static,
    ) -> Self {
        Self { name, typed: typed.into(), written: Box::new(written) }
    }

    /// Reads it from a file.
    pub(crate) fn read(&self, value: &Value<'_>) -> Result<T, String> {
        (self.written)(value)
    }
}

/// A flag; in a file, true or false.
pub(crate) fn flag() -> ValueType<bool> {
    ValueType::new("", value_parser!(bool), read::boolean)
}

/// A name or another word.
pub(crate) fn word(name: &'static str) -> ValueType<String> {
    ValueType::new(name, StringValueParser::new(), read::word)
}

/// The name of a file or directory.
pub(crate) fn path(name: &'static str) -> ValueType<PathBuf> {
    ValueType::new(name, value_parser!(PathBuf), read::path)
}

/// A file name. An empty one means that there is no file.
pub(crate) fn path_or_none(name: &'static str) -> ValueType<PathBuf> {
    let written = |value: &Value<'_>| match value.as_str() {
        Some("") => Ok(PathBuf::new()),
        _ => read::path(value),
    };
    // clap's own parser of paths refuses an empty one.
    ValueType::new(name, OsStringValueParser::new().map(PathBuf::from), written)
}

/// A user or a group.
pub(crate) fn name_or_id(name: &'static str) -> ValueType<String> {
    let written = |value: &Value<'_>| match (value.as_str(), value.as_integer()) {
        (Some(name), _) if !name.is_empty() => Ok(name.into()),
        (None, Some(id)) if (0..i64::from(u32::MAX)).contains(&id) => Ok(id.to_string()),
        _ => Err("expected a name, or a number from 0 to 4294967294".into()),
    };
    ValueType::new(name, StringValueParser::new(), written)
}

/// Permission bits.
pub(crate) fn octal() -> ValueType<u32> {
    let typed =
        |text: &str| read::parse_octal(text).ok_or("expected octal digits, from 000 to 777");
    ValueType::new("OCTAL", typed, read::octal)
}

/// A whole number within a range.
pub(crate) fn integer<T>(range: RangeInclusive<T>) -> ValueType<T>
where
    T: TryFrom<i64, Error: std::error::Error + Send + Sync> + Copy + PartialOrd,
    T: TryInto<i64> + std::fmt::Display + Send + Sync + 'static,
{
    let bound = |bound: T, otherwise| bound.try_into().unwrap_or(otherwise);
    let bounds = bound(*range.start(), i64::MIN)..=bound(*range.end(), i64::MAX);
    let typed = RangedI64ValueParser::<T>::new().range(bounds);
    ValueType::new("NUMBER", typed, read::integer(range))
}

/// A time.
pub(crate) fn seconds() -> ValueType<Duration> {
    ValueType::new("SECONDS", read::parse_seconds, read::seconds)
}

/// A size in bytes, with a minimum.
pub(crate) fn size_from(least: u64) -> ValueType<u64> {
    let checked = move |size: u64| match size >= least {
        true => Ok(size),
        false => Err(format!("expected at least {least} bytes")),
    };
    let typed = move |text: &str| match read::parse_size(text) {
        Some(size) => checked(size),
        None => Err("expected a size, such as 65536, 64kB or 1MB".into()),
    };
    ValueType::new("SIZE", typed, move |value| checked(read::size(value)?))
}

/// One of several words, each of which stands for a value.
pub(crate) fn one_of<T: Copy + Send + Sync + 'static>(
    name: &'static str,
    words: &'static [(&'static str, T)],
) -> ValueType<T> {
    let known = PossibleValuesParser::new(words.iter().map(|(word, _)| *word));
    let typed = known.try_map(|typed| {
        let found = words.iter().find(|(word, _)| *word == typed);
        found.map(|(_, meaning)| *meaning).ok_or("expected one of these words")
    });
    ValueType::new(name, typed, read::one_of(words))
}
