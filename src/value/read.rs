//! Readers of single values, for [`Section::required`](crate::config::Section::required) and
//! [`Section::optional`](crate::config::Section::optional).
//!
//! A reader returns the value, or says what it expected instead. Any closure with this signature is a reader.

use super::near::nearest;
use super::{Value, shape};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// More than a century, in seconds. All clocks can represent it.
const MAX_SECONDS: f64 = 4e9;

/// A string.
pub fn string(value: &Value<'_>) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| "expected a string".into())
}

/// A string that is not empty.
pub fn word(value: &Value<'_>) -> Result<String, String> {
    match value.expect(shape::word).as_str() {
        Some("") | None => Err("expected a string that is not empty".into()),
        Some(text) => Ok(text.into()),
    }
}

/// Strings that are not empty, at least one: `["a", "b"]`.
pub fn words(value: &Value<'_>) -> Result<Vec<String>, String> {
    let expected = || "expected a list of strings that are not empty".to_owned();
    let value = value.expect(shape::words);
    let list = value.as_array().ok_or_else(expected)?;
    let words: Vec<String> =
        list.map(|each| word(&each)).collect::<Result<_, _>>().map_err(|_| expected())?;
    if words.is_empty() { Err(expected()) } else { Ok(words) }
}

/// The name of a file or directory.
pub fn path(value: &Value<'_>) -> Result<PathBuf, String> {
    match value.expect(shape::path).as_str() {
        Some("") | None => Err("expected a file name in quotes".into()),
        Some(text) if text.contains('\0') => {
            Err("expected a file name, which has no NUL byte".into())
        }
        Some(text) => Ok(text.into()),
    }
}

/// `true` or `false`.
pub fn boolean(value: &Value<'_>) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "expected true or false".into())
}

/// A TCP or UDP port; 0 means any free one.
pub fn port(value: &Value<'_>) -> Result<u16, String> {
    let port = value.expect(shape::port).as_integer().and_then(|n| u16::try_from(n).ok());
    port.ok_or_else(|| "expected a port, a number from 0 to 65535".into())
}

/// A whole number within `range`.
pub fn integer<T>(range: RangeInclusive<T>) -> impl Fn(&Value<'_>) -> Result<T, String>
where
    T: TryFrom<i64> + PartialOrd + std::fmt::Display,
{
    move |value| {
        let value = value.expect(|| shape::integer(range.start(), range.end()));
        let number = value.as_integer().and_then(|n| T::try_from(n).ok());
        number.filter(|n| range.contains(n)).ok_or_else(|| {
            format!("expected a whole number from {} to {}", range.start(), range.end())
        })
    }
}

/// A time in seconds, fractions allowed.
pub fn seconds(value: &Value<'_>) -> Result<Duration, String> {
    let value = value.expect(|| shape::seconds(0.0, MAX_SECONDS));
    let seconds = value.as_float().and_then(duration);
    seconds.ok_or_else(|| "expected a number of seconds, such as 30 or 0.5".into())
}

/// A size in bytes: a number, or a string with a unit. `kB`, `MB` and `GB` are powers of 1000,
/// `KiB`, `MiB` and `GiB` powers of 1024.
pub fn size(value: &Value<'_>) -> Result<u64, String> {
    let value = value.expect(shape::size);
    let bytes = match value.as_str() {
        Some(text) => parse_size(text),
        None => value.as_integer().and_then(|n| u64::try_from(n).ok()),
    };
    bytes.ok_or_else(|| "expected a size, such as 65536, \"64kB\" or \"1MB\"".into())
}

/// A length in bytes, written like a [`size`], that fits into this machine's memory.
pub fn length(value: &Value<'_>) -> Result<usize, String> {
    let length = usize::try_from(size(value)?).ok().filter(|length| *length <= isize::MAX as usize);
    length.ok_or_else(|| "expected a size that fits into memory".into())
}

/// File permission bits in octal, as a string: `"077"`.
pub fn octal(value: &Value<'_>) -> Result<u32, String> {
    let expected = || "expected octal digits in quotes, from \"000\" to \"777\"".to_owned();
    value.expect(shape::octal).as_str().and_then(parse_octal).ok_or_else(expected)
}

/// One of `words`.
pub fn one_of<T: Copy>(
    words: &'static [(&'static str, T)],
) -> impl Fn(&Value<'_>) -> Result<T, String> {
    move |value| {
        let value = value.expect(|| shape::one_of(words.iter().map(|(word, _)| *word)));
        let found = words.iter().find(|(word, _)| value.as_str() == Some(word));
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let near = value.as_str().and_then(|v| nearest(v, names.iter().copied()));
            let near = near.map(|near| format!(" (did you mean {near:?}?)")).unwrap_or_default();
            format!("expected one of {}{near}", names.join(", "))
        })
    }
}

/// A time in seconds, greater than 0, where 0 could never succeed.
pub fn seconds_above_0(value: &Value<'_>) -> Result<Duration, String> {
    let expected = || "expected a number of seconds above 0, such as 30 or 0.5".to_owned();
    let value = value.expect(|| shape::seconds_above_0(MAX_SECONDS));
    seconds(&value).ok().filter(|time| !time.is_zero()).ok_or_else(expected)
}

/// A number of seconds as a duration, if possible.
pub fn duration(seconds: f64) -> Option<Duration> {
    let plausible = (0.0..=MAX_SECONDS).contains(&seconds);
    if plausible { Duration::try_from_secs_f64(seconds).ok() } else { None }
}

/// A time in seconds, as it is typed on a command line.
pub fn parse_seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().and_then(duration);
    seconds.ok_or("expected a number of seconds, such as 30 or 0.5")
}

/// A time in seconds, greater than 0, as it is typed on a command line.
pub fn parse_seconds_above_0(text: &str) -> Result<Duration, &'static str> {
    let expected = "expected a number of seconds above 0, such as 30 or 0.5";
    parse_seconds(text).ok().filter(|time| !time.is_zero()).ok_or(expected)
}

/// The number of bytes that a text such as `"64kB"` means.
pub fn parse_size(text: &str) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// The permission bits that a text such as `"077"` means.
pub fn parse_octal(text: &str) -> Option<u32> {
    let octal = !text.is_empty() && text.chars().all(|c| c.is_digit(8));
    if octal { u32::from_str_radix(text, 8).ok().filter(|bits| *bits <= 0o777) } else { None }
}
