//! Settings of a type for which clap derives options.

use crate::config::{self, KeyInfo, Kind, Registry, Section, read};
use crate::net::Listen;
use crate::service::{MultiService, Service};
use clap::{ArgAction, Args, ValueEnum};
use std::any::Any;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args, Clone, Debug, PartialEq)]
struct All {
    /// How many
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=9))]
    number: u16,
    /// Which share
    #[arg(long)]
    share: Option<f64>,
    /// How long
    #[arg(long, value_parser = read::parse_seconds)]
    time_out: Option<Duration>,
    /// How large
    #[arg(short, value_parser = size)]
    size: Option<u64>,
    /// Whether
    #[arg(long)]
    flag: bool,
    /// Whether or not
    #[arg(long, action = ArgAction::Set)]
    choice: Option<bool>,
    /// How often
    #[arg(short, action = ArgAction::Count)]
    verbose: u8,
    /// What it is called [default: nothing]
    #[arg(long = "title")]
    name: Option<String>,
    /// Where it is
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Which ones
    #[arg(long)]
    words: Vec<String>,
    /// In what colour
    #[arg(long, value_enum)]
    colour: Option<Colour>,
    /// A letter or a digit
    #[arg(long, requires = "colour")]
    letter: Option<char>,
}

#[derive(Clone, Debug, PartialEq, ValueEnum)]
enum Colour {
    Red,
    Green,
}

fn size(text: &str) -> Result<u64, &'static str> {
    read::parse_size(text).ok_or("expected a size")
}

impl Kind for All {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        section.args()
    }

    fn service(&self) -> Box<dyn Service> {
        Box::new(MultiService::new())
    }
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.kind::<All>("all");
    registry
}

/// The settings that a file with these keys has; or the mistakes in it, without the lines that show where they are.
fn settings(keys: &str) -> Result<All, Vec<String>> {
    let text = format!("[services.it]\nkind = \"all\"\n{keys}\n");
    match config::parse("it.toml", &text, &registry(), |_| ()) {
        Ok((application, ())) => {
            let settings = application.services().settings("it").unwrap();
            let settings: &dyn Any = &*settings;
            Ok(settings.downcast_ref::<All>().unwrap().clone())
        }
        Err(e) => {
            let report = e.to_string();
            let mistakes = report.lines().filter_map(|line| line.strip_prefix("it.toml:"));
            Err(mistakes.map(str::to_owned).collect())
        }
    }
}

/// The settings where nothing is said but what has to be.
fn least() -> All {
    let file = "a file".into();
    let (share, time_out, size, choice, name, colour, letter) = Default::default();
    let (flag, verbose, words) = Default::default();
    All {
        number: 3,
        share,
        time_out,
        size,
        flag,
        choice,
        verbose,
        name,
        file,
        words,
        colour,
        letter,
    }
}

#[test]
fn options_that_are_left_out_have_their_defaults() {
    assert_eq!(settings("file = \"a file\""), Ok(least()));
}

#[test]
fn keys_have_the_names_of_the_fields_and_values_of_their_types() {
    let keys = "file = \"a file\"\nnumber = 9\nshare = 0.5\ntime-out = 1.5\nsize = \"64kB\"\nflag = true\n\
                choice = false\nverbose = 2\nname = \"--x\"\nwords = [\"a\", \"-b\"]\n\
                colour = \"red\"\nletter = 5";
    let expected = All {
        number: 9,
        share: Some(0.5),
        time_out: Some(Duration::from_millis(1500)),
        size: Some(64_000),
        flag: true,
        choice: Some(false),
        verbose: 2,
        name: Some("--x".into()),
        words: vec!["a".into(), "-b".into()],
        colour: Some(Colour::Red),
        letter: Some('5'),
        ..least()
    };
    assert_eq!(settings(keys), Ok(expected));
}

#[test]
fn a_flag_that_is_false_is_not_given() {
    assert_eq!(settings("file = \"a file\"\nflag = false"), Ok(least()));
}

#[test]
fn every_wrong_value_is_a_mistake_at_its_place() {
    let keys = "file = 1\nnumber = 10\nshare = \"much\"\ntime-out = -1\nsize = \"x\"\nflag = 1\nchoice = \"true\"\n\
                verbose = 300\nname = true\nwords = \"a\"\ncolour = \"gren\"\nletter = \"ab\"";
    let expected = [
        "3:8: file: expected a string, found 1",
        "4:10: number: 10 is not in 1..=9",
        "5:9: share: expected a number, found the string \"much\"",
        "6:12: time-out: expected a number of seconds, such as 30 or 0.5, found -1",
        "7:8: size: expected a size, found the string \"x\"",
        "8:8: flag: expected true or false, found 1",
        "9:10: choice: expected true or false, found the string \"true\"",
        "10:11: verbose: expected a whole number from 0 to 255, found 300",
        "11:8: name: expected a string, found true",
        "12:9: words: expected an array, found the string \"a\"",
        "13:10: colour: expected one of red, green (did you mean \"green\"?), found the string \"gren\"",
        "14:10: letter: too many characters in string",
    ];
    assert_eq!(settings(keys).unwrap_err(), expected);
}

#[test]
fn a_number_in_quotes_is_refused() {
    let mistakes = settings("file = \"a file\"\nnumber = \"5\"").unwrap_err();
    assert_eq!(mistakes, ["4:10: number: expected a number, found the string \"5\""]);
}

#[test]
fn a_key_that_is_missing_and_one_that_nobody_knows_are_mistakes() {
    let mistakes = settings("numbre = 1").unwrap_err();
    let expected = [
        "1:11: service it needs a key \"file\"",
        "3:1: unknown key \"numbre\" in service it; did you mean \"number\"?",
    ];
    assert_eq!(mistakes, expected);
}

#[test]
fn what_options_demand_of_each_other_is_checked() {
    let mistakes = settings("file = \"a file\"\nletter = \"a\"").unwrap_err();
    let expected =
        "1:11: service it: the following required arguments were not provided: --colour <COLOUR>";
    assert_eq!(mistakes, [expected]);
}

#[test]
fn the_keys_are_described_as_the_options_are() {
    let keys = registry().keys_of_kind("all").unwrap();
    let row = |key: &KeyInfo| {
        let KeyInfo { key, value, help, default, required, .. } = key.clone();
        (key, value, help, default, required)
    };
    let rows: Vec<_> = keys.iter().map(row).collect();
    let expect = |key: &str, value: &str, help: &str, default: Option<&str>, required| {
        (key.to_owned(), value.to_owned(), help.to_owned(), default.map(str::to_owned), required)
    };
    assert_eq!(rows[0], expect("number", "NUMBER", "How many", Some("3"), false));
    assert_eq!(rows[4], expect("flag", "true or false", "Whether", None, false));
    assert_eq!(rows[7], expect("name", "NAME", "What it is called", Some("nothing"), false));
    assert_eq!(rows[8], expect("file", "FILE", "Where it is", None, true));
    assert_eq!(rows[10], expect("colour", "one of red, green", "In what colour", None, false));
    assert_eq!(rows.len(), 12);
}

#[derive(Args, Debug, PartialEq)]
struct Listening {
    #[command(flatten)]
    listen: Listen,
}

impl Kind for Listening {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        section.args()
    }

    fn service(&self) -> Box<dyn Service> {
        Box::new(MultiService::new())
    }
}

#[test]
fn two_services_that_would_listen_on_the_same_port_are_a_mistake() {
    let mut registry = Registry::new();
    registry.kind::<Listening>("listening");
    let service = |name: &str, port: u16| {
        format!(
            "[services.{name}]\nkind = \"listening\"\ninterface = \"127.0.0.1\"\nport = {port}\n"
        )
    };
    let parse = |text: &str| config::parse("a.toml", text, &registry, |_| ()).map(drop);
    parse(&(service("one", 17) + &service("two", 18))).unwrap();
    let mistake = parse(&(service("one", 17) + &service("two", 17))).unwrap_err().to_string();
    let expected = "a.toml:8:8: one already listens on 127.0.0.1:17";
    assert!(mistake.starts_with(expected), "{mistake}");
}
