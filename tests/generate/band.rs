//! A program with kinds of its own.

use crate::support::{Sandbox, command};
use clap::{Args, ValueEnum};
use poetryd::config::{Kind, Registry, Section, Value, read};
use poetryd::daemon::Environment;
use poetryd::net::Listen;
use poetryd::service::{Service, ServiceFn};
use poetryd::{Program, clap};
use std::any::TypeId;
use std::process::{Command, ExitCode};

/// `kind = "metronome"`: a reader of its own for each key.
#[derive(Debug, PartialEq)]
struct Metronome;

/// What a metronome offers.
struct Beat;

/// A tempo in words or as a number.
fn tempo(value: &Value<'_>) -> Result<i64, String> {
    match (value.as_str(), value.as_integer()) {
        (Some("presto"), _) => Ok(180),
        (_, Some(number)) if number > 0 => Ok(number),
        _ => Err("expected presto, or a number of beats".into()),
    }
}

/// A number, or a word that the reader of numbers does not know.
fn volume(value: &Value<'_>) -> Result<u8, String> {
    if value.as_str() == Some("quiet") { Ok(1) } else { read::integer(0..=11)(value) }
}

impl Kind for Metronome {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let tempo = section.about("How fast [example: presto]").required("tempo", tempo);
        section.about("How loud").optional("volume", volume);
        section.about("Whatever").optional("anything", |_| Ok(()));
        section
            .about("Whether it ticks")
            .optional("ticks", |value| value.as_bool().ok_or_else(|| "expected yes or no".into()));
        tempo.map(|_| Self)
    }

    fn service(&self) -> Box<dyn Service> {
        Box::new(ServiceFn::new(|_| async { Ok(()) }))
    }

    fn handle() -> Option<TypeId> {
        Some(TypeId::of::<Beat>())
    }
}

/// `kind = "singer"`: options that clap derives, and another service.
#[derive(Args, Debug, PartialEq)]
struct Part {
    /// What is sung [example: la la]
    #[arg(long)]
    text: String,
    /// How often
    #[arg(long, default_value_t = 2)]
    times: u8,
    /// How high
    #[arg(long, value_enum)]
    voice: Option<Voice>,
    /// With whom
    #[arg(long)]
    with: Vec<String>,
    /// Whether it is loud
    #[arg(long)]
    loud: bool,
    #[command(flatten)]
    listen: Listen,
}

#[derive(Clone, Debug, PartialEq, ValueEnum)]
enum Voice {
    #[value(alias = "top")]
    Soprano,
    Bass,
}

#[derive(Debug, PartialEq)]
struct Singer(Part);

impl Kind for Singer {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let beat = section.about("Who sets the time").service::<Beat>("beat", "metronome");
        let part = section.args::<Part>();
        beat?;
        part.map(Self)
    }

    fn service(&self) -> Box<dyn Service> {
        Box::new(ServiceFn::new(|_| async { Ok(()) }))
    }
}

pub fn main() -> ExitCode {
    let environment = Environment::claim();
    let mut registry = Registry::new();
    registry.kind::<Metronome>("metronome").kind::<Singer>("singer");
    let program = Program::new("band", "1.2.3", "Plays").registry(registry);
    program.run(environment, std::env::args_os())
}

/// The program, to be run in this directory.
pub fn band(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut band = command(std::env::current_exe().unwrap());
    band.args(args).current_dir(sandbox.path("")).env("BAND", "1").env("HOME", sandbox.path(""));
    band
}
