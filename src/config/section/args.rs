//! Reads settings with the options that `clap` derives for their type.

use super::Section;
use crate::config::listing::Expected;
use crate::net::Interface;
use crate::value::shape::{self, Shape};
use crate::value::{Value, describe, nearest};
use clap::builder::ValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Args, Command};
use std::any::TypeId;
use std::error::Error;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

impl Section<'_> {
    /// Reads the settings of a type for which `clap` derives options: each option is a key, and the same type can
    /// be used for the options of a [plugin](crate::plugin). `None`: something is wrong, which has been recorded.
    ///
    /// A key has the name of the field, with `-` for `_`. Its value is `true` or `false` for a flag and a `bool`;
    /// a number for types of numbers, for `Duration`, and for an option that is counted; a string for `String`
    /// and `PathBuf`; and an array for a `Vec`. A string is also accepted if the option's own parser reads more
    /// than numbers, such as `"64kB"`. For any other type, that parser gets what is in the file, whether it is a
    /// string or a number.
    ///
    /// Where the type has a [`Listen`](crate::net::Listen), its addresses are noted, as by
    /// [`listens_on`](Self::listens_on).
    pub fn args<T: Args>(&mut self) -> Option<T> {
        let command = T::augment_args(Command::new("").no_binary_name(true));
        // Every option is passed by its key, even if it has another name on the command line.
        let command = command.mut_args(|arg| {
            let key = key_of(&arg);
            arg.long(key).index(None)
        });
        if self.listing.is_some() {
            command.get_arguments().for_each(|arg| self.list_arg(arg));
            return None;
        }
        let mut words = Vec::new();
        let mut all_right = true;
        for arg in command.get_arguments() {
            match self.words_of(arg, &command) {
                Some(more) => words.extend(more),
                None => all_right = false,
            }
        }
        if !all_right {
            return None;
        }
        let matches = command.try_get_matches_from(words);
        let read = matches.and_then(|m| Ok((T::from_arg_matches(&m)?, addresses(&m))));
        let title = self.title;
        match read {
            Ok((settings, addresses)) => {
                self.listens_on("port", addresses);
                Some(settings)
            }
            Err(e) => {
                self.missing(format!("{title}: {}", whole_mistake(&e)));
                None
            }
        }
    }

    /// The words that set one option to the value of its key: none if the key is missing. `None`: it is wrong.
    fn words_of(&mut self, arg: &Arg, command: &Command) -> Option<Vec<OsString>> {
        let key = key_of(arg);
        self.known.push(key.clone().into());
        let Some(value) = self.table.get(&*key) else {
            if arg.is_required_set() {
                let message = format!("{} needs a key {key:?}", self.title);
                self.absent.push((key.into(), message));
                return None;
            }
            return Some(Vec::new());
        };
        match words(arg, value.get_ref()).and_then(|words| checked(words, command)) {
            Ok(words) => Some(words),
            Err(mistake) => {
                let found = match mistake.starts_with("expected") {
                    true => format!(", found {}", describe(value.get_ref())),
                    false => String::new(),
                };
                self.mistake(&key, format!("{key}: {mistake}{found}"));
                None
            }
        }
    }

    fn list_arg(&mut self, arg: &Arg) {
        let words: Vec<String> =
            arg.get_possible_values().iter().map(|word| word.get_name().to_owned()).collect();
        let name = arg.get_value_names().and_then(|names| names.first());
        let words = match (words.is_empty(), is_flag(arg), name) {
            (_, true, _) => "true or false".into(),
            (false, ..) => format!("one of {}", words.join(", ")),
            (true, _, Some(name)) => name.to_string(),
            (true, _, None) => String::new(),
        };
        if let Some(listing) = &mut self.listing {
            let expected = Expected { words, shape: shape_of(arg) };
            listing.add_option(arg, key_of(arg), expected);
        }
    }
}

/// The values that [`words`] accepts, or more.
fn shape_of(arg: &Arg) -> Option<Shape> {
    if is_flag(arg) {
        return Some(shape::boolean());
    }
    if matches!(arg.get_action(), ArgAction::Count) {
        return Some(shape::integer(&0, &u8::MAX));
    }
    let parser = arg.get_value_parser();
    let is = |types: &[TypeId]| types.iter().any(|one| parser.type_id() == *one);
    let possible = arg.get_possible_values();
    let names = || possible.iter().flat_map(|word| word.get_name_and_aliases());
    let one = if is(&[TypeId::of::<bool>()]) {
        shape::boolean()
    } else if !possible.is_empty()
        && !arg.is_ignore_case_set()
        && arg.get_value_delimiter().is_none()
        && names().all(|name| name.parse::<f64>().is_err())
    {
        shape::one_of(names())
    } else if is(&texts()) {
        shape::string()
    } else if is(&numbers()) {
        shape::number_or_string(1)
    } else {
        shape::any_of(vec![shape::string(), shape::number()])?
    };
    Some(if matches!(arg.get_action(), ArgAction::Append) { shape::array_of(one) } else { one })
}

/// Where a [`Listen`](crate::net::Listen) among the settings listens. None: there is no such thing among them.
fn addresses(matches: &ArgMatches) -> Vec<SocketAddr> {
    let interface = matches.try_get_one::<Interface>("interface");
    match (interface, matches.try_get_one::<u16>("port")) {
        (Ok(Some(interface)), Ok(Some(port))) => interface.addresses(*port).collect(),
        _ => Vec::new(),
    }
}

/// The key of an option.
pub(super) fn key_of(arg: &Arg) -> String {
    arg.get_id().as_str().replace('_', "-")
}

fn is_flag(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::SetFalse)
}

/// The words of a command line that mean the same as a key and its value.
fn words(arg: &Arg, value: &DeValue<'_>) -> Result<Vec<OsString>, String> {
    let key = key_of(arg);
    if is_flag(arg) {
        let given = value.as_bool().ok_or("expected true or false")?;
        return Ok(if given { vec![format!("--{key}").into()] } else { Vec::new() });
    }
    if matches!(arg.get_action(), ArgAction::Count) {
        let times = Value::new(value).as_integer().and_then(|times| u8::try_from(times).ok());
        let times = times.ok_or("expected a whole number from 0 to 255")?;
        return Ok((0..times).map(|_| format!("--{key}").into()).collect());
    }
    let values = match (arg.get_action(), value) {
        (ArgAction::Append, DeValue::Array(array)) => {
            array.iter().map(|one| one.get_ref()).collect()
        }
        (ArgAction::Append, _) => return Err("expected an array".into()),
        _ => vec![value],
    };
    let word =
        |value| text(arg.get_value_parser(), value).map(|text| format!("--{key}={text}").into());
    values.into_iter().map(word).collect()
}

/// One value as it would be typed.
fn text(parser: &ValueParser, value: &DeValue<'_>) -> Result<String, String> {
    let is = |types: &[TypeId]| types.iter().any(|one| parser.type_id() == *one);
    let value = Value::new(value);
    let number = value.as_integer().map(|number| number.to_string());
    let number = number.or_else(|| value.as_float().map(|number| number.to_string()));
    let string = value.as_str().map(str::to_owned);
    if is(&[TypeId::of::<bool>()]) {
        let given = value.as_bool().ok_or("expected true or false")?;
        return Ok(given.to_string());
    }
    if is(&texts()) {
        let fits = string.filter(|text| !text.contains('\0'));
        return fits.ok_or_else(|| "expected a string".into());
    }
    if is(&numbers()) {
        let with_unit = string.filter(|text| text.parse::<f64>().is_err());
        return number.or(with_unit).ok_or_else(|| "expected a number".into());
    }
    string.or(number).ok_or_else(|| "expected a string or a number".into())
}

/// The types whose values are strings.
fn texts() -> [TypeId; 3] {
    [TypeId::of::<String>(), TypeId::of::<OsString>(), TypeId::of::<PathBuf>()]
}

/// The types whose values are written without quotes.
fn numbers() -> [TypeId; 15] {
    [
        TypeId::of::<u8>(),
        TypeId::of::<u16>(),
        TypeId::of::<u32>(),
        TypeId::of::<u64>(),
        TypeId::of::<u128>(),
        TypeId::of::<usize>(),
        TypeId::of::<i8>(),
        TypeId::of::<i16>(),
        TypeId::of::<i32>(),
        TypeId::of::<i64>(),
        TypeId::of::<i128>(),
        TypeId::of::<isize>(),
        TypeId::of::<f32>(),
        TypeId::of::<f64>(),
        TypeId::of::<Duration>(),
    ]
}

/// The words of one option, if its parser accepts them.
fn checked(words: Vec<OsString>, command: &Command) -> Result<Vec<OsString>, String> {
    match command.clone().try_get_matches_from(&words) {
        Err(e) if e.kind() == ErrorKind::ValueValidation => {
            let mistake = e.source().map(ToString::to_string).unwrap_or_default();
            // The standard library's parsers of numbers don't say that they expect one.
            let is_plain = mistake.is_empty()
                || mistake.starts_with("invalid digit")
                || mistake.starts_with("invalid float");
            Err(if is_plain { "expected a number".into() } else { mistake })
        }
        Err(e) if e.kind() == ErrorKind::InvalidValue => Err(unknown_word(&e)),
        // Other errors are reported for all options together.
        _ => Ok(words),
    }
}

/// The message for a value that is not one of the possible ones.
fn unknown_word(e: &clap::Error) -> String {
    let Some(ContextValue::Strings(known)) = e.get(ContextKind::ValidValue) else {
        return "expected a value that is not empty".into();
    };
    let near = match e.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(word)) => nearest(word, known.iter().map(String::as_str)),
        _ => None,
    };
    let near = near.map(|near| format!(" (did you mean {near:?}?)")).unwrap_or_default();
    format!("expected one of {}{near}", known.join(", "))
}

/// What is wrong with options of which each is valid on its own, in one line.
fn whole_mistake(e: &clap::Error) -> String {
    let text = e.to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    let lines: Vec<&str> = lines.collect();
    lines.join(" ").trim_start_matches("error: ").to_owned()
}
