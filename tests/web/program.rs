//! A program of its own, with services that poetryd does not have.

use crate::blocking::Blocking;
use crate::support::{Sandbox, command};
use poetryd::Program;
use poetryd::config::{Kind, Registry, Section};
use poetryd::daemon::Environment;
use poetryd::service::{Counters, Sample, Service, ServiceFn};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;
use tokio::time::sleep;

pub fn main() -> ExitCode {
    let environment = Environment::claim();
    let mut registry = Registry::new();
    poetryd::poetry::register(&mut registry);
    poetryd::web::register(&mut registry);
    registry.kind::<Blocking>("blocking");
    registry.kind::<Slow>("slow");
    registry.kind::<Failing>("failing");
    registry.kind::<Odd>("odd");
    let program = Program::new("webby", "1.0", "Has odd services").registry(registry);
    program.run(environment, std::env::args_os())
}

/// This program, with an application in `webby.toml` that has a status service besides what is given.
pub fn program(sandbox: &Sandbox, services: &str) -> Command {
    sandbox.write("webby.toml", &(services.to_owned() + STATUS));
    ask_program(sandbox, &["--nodaemon", "--workers", "1", "webby.toml"])
}

/// This program with these arguments.
pub fn ask_program(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut program = command(std::env::current_exe().unwrap());
    program.args(args).current_dir(sandbox.path("")).env("WEB", "1");
    program
}

/// A status service on a free port.
pub const STATUS: &str = "\n[services.status]\nkind = \"status\"\nport = 0\n";

async fn file(name: &str) {
    while !Path::new(name).exists() {
        sleep(Duration::from_millis(5)).await;
    }
}

/// Has started when there is a file named `started`, unless there is one named `refuse`, and stops when there is one named `stopped`.
#[derive(Debug, PartialEq)]
struct Slow;

impl Kind for Slow {
    fn read(_: &mut Section<'_>) -> Option<Self> {
        Some(Self)
    }

    fn service(&self) -> Box<dyn Service> {
        Box::new(ServiceFn::ready_when_said(|cx| async move {
            file("started").await;
            if Path::new("refuse").exists() {
                return Err("it does not want to".into());
            }
            cx.ready();
            cx.closing().await;
            file("stopped").await;
            Ok(())
        }))
    }
}

/// Fails as soon as there is a file named `fail`.
#[derive(Debug, PartialEq)]
struct Failing;

impl Kind for Failing {
    fn read(_: &mut Section<'_>) -> Option<Self> {
        Some(Self)
    }

    fn service(&self) -> Box<dyn Service> {
        Box::new(ServiceFn::new(|cx| async move {
            tokio::select! {
                () = file("fail") => {}
                () = cx.closing() => return Ok(()),
            }
            cx.counter("attempts", "How often it has tried.").add(1);
            Err("it had to be".into())
        }))
    }
}

/// Has counters with odd names.
#[derive(Debug, PartialEq)]
struct Odd;

struct OddCounters;

impl Counters for OddCounters {
    fn read(&self) -> Vec<Sample> {
        let help = "Help with a \\ and a \"quote\",\nin two lines: \\n.";
        vec![
            Sample::counter("with.dots", help, 7).label("a.b", "1").label("service", "me\"\n\\"),
            Sample::counter("twice", "The same twice.", 1).label("a", "b"),
            Sample::counter("twice", "The same twice.", 2).label("a", "b"),
            Sample::counter("twice", "The same twice.", 3).label("a", "c"),
            Sample::counter("both", "A counter.", 4),
            Sample::gauge("both", "A gauge.", 5),
            Sample::gauge("both_total", "A gauge.", 6),
            Sample::gauge("label_twice", "x", 1).label("a.b", "1").label("a-b", "2"),
            Sample::gauge("reserved", "x", 8)
                .label("__name__", "up")
                .label("", "e")
                .label("1", "f"),
            Sample::gauge("", "No name.", 9),
            Sample::gauge("é 💡", "Letters.", u64::MAX),
            Sample::counter("time_seconds_total", "A unit.", 11),
            Sample::gauge("ready", "Another metric of the process has this name.", 12),
            Sample::counter("service_restarts", "So has a number of all services.", 13),
            Sample::gauge("hash", "x", 14).label("x", "\n# HELP evil\n# EOF\n"),
        ]
    }
}

impl Kind for Odd {
    fn read(_: &mut Section<'_>) -> Option<Self> {
        Some(Self)
    }

    fn service(&self) -> Box<dyn Service> {
        Box::new(ServiceFn::new(|cx| async move {
            cx.counter("requests per second", "A name with spaces.").add(3);
            cx.counters("odd", || OddCounters);
            cx.closing().await;
            Ok(())
        }))
    }
}
