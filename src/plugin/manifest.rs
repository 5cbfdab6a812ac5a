//! A plugin without Rust: a TOML file that declares options, and the services that depend on them.

use super::{MakeContext, Maker};
use crate::config::{self, ConfigError, Literal, Literals, Registry, Section, Value, read};
use crate::service::{Application, BoxError, ServicePath};
use clap::builder::PossibleValuesParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A plugin that is declared by a file: name, description, options, and `[services]` in which `"{option}"` is
/// replaced by the value of an option.
///
/// ```toml
/// name = "onepoem"                  # the first key
/// description = "One poem on one port"
///
/// [[options]]
/// name = "port"
/// short = "p"
/// type = "port"
/// default = 10000
/// help = "Where to listen"
///
/// [services.poem]
/// kind = "poem"
/// file = "poetry/ecstasy.txt"
///
/// [services.fast]
/// kind = "tcp"
/// port = "{port}"
/// protocol = "fast"
/// poem = "poem"
/// ```
pub struct Manifest {
    /// Where it was read, if it was a file.
    path: Option<PathBuf>,
    file: String,
    text: String,
    registry: Arc<Registry>,
    head: Head,
}

#[derive(Default)]
struct Head {
    name: String,
    description: String,
    options: Vec<OptionSpec>,
}

struct OptionSpec {
    name: String,
    short: Option<char>,
    kind: OptionType,
    default: Option<Literal>,
    help: String,
}

/// The type of an option's value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum OptionType {
    String,
    /// A file name. On the command line, it is relative to where it is typed.
    Path,
    Integer,
    Number,
    Port,
    /// A flag: set or not.
    Boolean,
}

const TYPES: &[(&str, OptionType)] = &[
    ("string", OptionType::String),
    ("path", OptionType::Path),
    ("integer", OptionType::Integer),
    ("number", OptionType::Number),
    ("port", OptionType::Port),
    ("boolean", OptionType::Boolean),
];

impl Manifest {
    /// Reads a file. Its services are checked when the options have values.
    ///
    /// # Errors
    /// If the file can't be read, or has mistakes: all that can be found without the values of the options.
    pub fn load(path: &Path, registry: &Arc<Registry>) -> Result<Self, ConfigError> {
        let (file, text) = config::read_text(path)?;
        Ok(Self { path: Some(path.into()), ..Self::parse(file, text, registry)? })
    }

    /// Reads a manifest from the text of a file named `file`.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub fn parse(
        file: String,
        text: String,
        registry: &Arc<Registry>,
    ) -> Result<Self, ConfigError> {
        let read = |top: &mut Section<'_>| read_head(top, name_in_front(&text));
        let head = config::parse_template_head(&file, &text, registry, read, Head::samples)?;
        Ok(Self { path: None, file, text, registry: registry.clone(), head })
    }

    /// The name of the plugin on the command line.
    pub fn name(&self) -> &str {
        &self.head.name
    }

    /// What it does, in one line.
    pub fn description(&self) -> &str {
        &self.head.description
    }
}

/// The name of a manifest, found without reading the whole file: it is the first key.
pub(super) fn name_in_front(text: &str) -> Option<&str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().map(str::trim_start);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let value = first.strip_prefix("name")?.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| ['"', '\''].contains(c))?;
    value[1..].split_once(quote).map(|(name, _)| name)
}

fn read_head(top: &mut Section<'_>, name_in_front: Option<&str>) -> Head {
    let name = top.required("name", word).unwrap_or_default();
    if !name.is_empty() && name_in_front != Some(&name) {
        let message = "name: must be the first key of the file, a plain string in quotes";
        top.mistake("name", message);
    }
    let description = top.required("description", line).unwrap_or_default();
    let mut options: Vec<OptionSpec> = Vec::new();
    top.tables("options", |section| {
        let Some(option) = read_option(section) else { return };
        if options.iter().any(|other| other.name == option.name) {
            section.mistake("name", format!("there is already an option {:?}", option.name));
        }
        if option.short.is_some() && options.iter().any(|other| other.short == option.short) {
            section.mistake("short", "there is already an option with this letter");
        }
        options.push(option);
    });
    Head { name, description, options }
}

fn read_option(section: &mut Section<'_>) -> Option<OptionSpec> {
    let name = section.required("name", option_name);
    let short = section.optional("short", letter);
    let kind = section.optional("type", read::one_of(TYPES)).unwrap_or(OptionType::String);
    let default = section.optional("default", |value| kind.read(value));
    let help = section.optional("help", line).unwrap_or_default();
    Some(OptionSpec { name: name?, short, kind, default, help })
}

/// A name that can be typed as one word on the command line.
fn word(value: &Value<'_>) -> Result<String, String> {
    let word = value.as_str().filter(|text| ServicePath::is_name(text) && !text.starts_with('-'));
    word.map(str::to_owned).ok_or_else(|| "expected a word of letters, digits, '-' and '_'".into())
}

/// Text that can't be mistaken for something else on a terminal.
fn line(value: &Value<'_>) -> Result<String, String> {
    let line = read::word(value)?;
    if line.contains(char::is_control) { Err("expected one line of text".into()) } else { Ok(line) }
}

fn option_name(value: &Value<'_>) -> Result<String, String> {
    let name = word(value)?;
    if name == "help" {
        Err("expected another name; --help exists already".into())
    } else {
        Ok(name)
    }
}

fn letter(value: &Value<'_>) -> Result<char, String> {
    let mut letters = value.as_str().unwrap_or_default().chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) if letter.is_ascii_alphanumeric() && letter != 'h' => Ok(letter),
        _ => Err("expected one letter or digit, other than 'h'".into()),
    }
}

impl OptionType {
    /// A default, as written in the file.
    fn read(self, value: &Value<'_>) -> Result<Literal, String> {
        match self {
            OptionType::String => read::string(value).map(Literal::Text),
            OptionType::Path => {
                read::path(value).map(|path| Literal::Text(path.display().to_string()))
            }
            OptionType::Port => read::port(value).map(|port| Literal::Bare(port.to_string())),
            OptionType::Boolean => read::boolean(value).map(|flag| Literal::Bare(flag.to_string())),
            OptionType::Integer => value
                .as_integer()
                .map(|number| Literal::Bare(number.to_string()))
                .ok_or_else(|| "expected a whole number".into()),
            OptionType::Number => value
                .as_float()
                .filter(|number| number.is_finite())
                .map(|number| Literal::Bare(format!("{number:?}")))
                .ok_or_else(|| "expected a number".into()),
        }
    }

    /// A value, as it is typed.
    fn parse(self, typed: &str) -> Result<Literal, String> {
        match self {
            OptionType::String | OptionType::Path => Ok(Literal::Text(typed.into())),
            OptionType::Boolean => Ok(Literal::Bare(typed.into())),
            OptionType::Port => match typed.parse::<u16>() {
                Ok(port) => Ok(Literal::Bare(port.to_string())),
                Err(_) => Err("expected a port, a number from 0 to 65535".into()),
            },
            OptionType::Integer => match typed.parse::<i64>() {
                Ok(number) => Ok(Literal::Bare(number.to_string())),
                Err(_) => Err("expected a whole number".into()),
            },
            OptionType::Number => match typed.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Literal::Bare(format!("{number:?}"))),
                _ => Err("expected a number".into()),
            },
        }
    }

    /// A sample value of this type, for checks while there is no real one yet.
    fn sample(self) -> Literal {
        match self {
            OptionType::String | OptionType::Path => Literal::Text("sample".into()),
            OptionType::Integer | OptionType::Port => Literal::Bare("1".into()),
            OptionType::Number => Literal::Bare("1.0".into()),
            OptionType::Boolean => Literal::Bare("true".into()),
        }
    }

    fn value_name(self) -> &'static str {
        match self {
            OptionType::String => "TEXT",
            OptionType::Path => "FILE",
            OptionType::Integer | OptionType::Number => "NUMBER",
            OptionType::Port => "PORT",
            OptionType::Boolean => "BOOLEAN",
        }
    }
}

impl Head {
    fn samples(&self) -> Literals {
        self.options.iter().map(|option| (option.name.clone(), option.kind.sample())).collect()
    }
}

impl OptionSpec {
    fn arg(&self) -> Arg {
        let arg = Arg::new(self.name.clone()).long(self.name.clone()).help(self.help.clone());
        let arg = match self.short {
            Some(short) => arg.short(short),
            None => arg,
        };
        let default = self.default.as_ref().map(|default| default.as_text().to_owned());
        if self.kind == OptionType::Boolean {
            // A flag. If the default is true, it can be given a value.
            return arg
                .num_args(0..=1)
                .require_equals(true)
                .value_name(self.kind.value_name())
                .value_parser(PossibleValuesParser::new(["true", "false"]))
                .default_missing_value("true")
                .default_value(default.unwrap_or("false".into()))
                .action(ArgAction::Set);
        }
        let kind = self.kind;
        let checked = move |typed: &str| kind.parse(typed).map(|_| typed.to_owned());
        let arg = arg.value_name(kind.value_name()).value_parser(checked).allow_hyphen_values(true);
        match default {
            Some(default) => arg.default_value(default),
            None => arg.required(true),
        }
    }

    /// The value that was typed, or the default.
    fn value(&self, matches: &ArgMatches, cx: &MakeContext) -> Result<Literal, String> {
        let text = matches.get_one::<String>(&self.name).cloned().unwrap_or_default();
        let typed = matches.value_source(&self.name) == Some(ValueSource::CommandLine);
        if self.kind == OptionType::Path && typed {
            return Ok(Literal::Text(cx.file(&PathBuf::from(text)).display().to_string()));
        }
        self.kind.parse(&text)
    }
}

impl Maker for Manifest {
    fn name(&self) -> &str {
        self.name()
    }

    fn description(&self) -> &str {
        self.description()
    }

    fn manifest(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    fn augment(&self, command: Command) -> Command {
        command.args(self.head.options.iter().map(OptionSpec::arg))
    }

    fn make(&self, matches: &ArgMatches, cx: &MakeContext) -> Result<Application, BoxError> {
        let mut literals = Literals::new();
        for option in &self.head.options {
            literals.insert(option.name.clone(), option.value(matches, cx)?);
        }
        let in_front = name_in_front(&self.text);
        let head = |top: &mut Section<'_>| drop(read_head(top, in_front));
        let made = config::parse_template(&self.file, &self.text, &self.registry, &literals, head)?;
        Ok(made.0)
    }
}
