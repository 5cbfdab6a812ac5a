//! The program, and what it can be asked to do.

use crate::support::command;
use anyhow::{Context as _, anyhow};
use poetryd::daemon::Environment;
use poetryd::service::{Application, BoxError, Context, PrivilegedContext, Service};
use poetryd::{Program, async_trait};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::Instant;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{self, SubscriberExt};

/// What the program is asked for.
fn asked() -> String {
    std::env::var("MUSE").unwrap_or_default()
}

fn is_asked(what: &str) -> bool {
    asked() == what
}

pub fn main() -> ExitCode {
    let environment = Environment::claim();
    let program = Program::new("muse", "1.2.3", "Says what it is asked to say");
    let mut program = program.built_in(application);
    if is_asked("listen") {
        program = program.layer(Listener);
    }
    if asked().starts_with("subscribe") {
        let own = tracing_subscriber::registry().with(Listener);
        tracing::subscriber::set_global_default(own).unwrap();
    }
    if is_asked("subscribe") {
        program = program.own_subscriber();
    }
    program.run(environment, std::env::args_os())
}

/// Writes the level of each event to the file `heard`.
struct Listener;

impl<S: tracing::Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &tracing::Event<'_>, _: layer::Context<'_, S>) {
        let file = std::fs::File::options().append(true).create(true).open("heard");
        writeln!(file.unwrap(), "{}", event.metadata().level()).unwrap();
    }
}

/// An error with two causes.
fn trouble() -> BoxError {
    let trouble = anyhow!("the ink is dry").context("can't write a line");
    Err::<(), _>(trouble).context("no poem today").unwrap_err().into()
}

fn application() -> Result<Application, BoxError> {
    if is_asked("fail to make") {
        return Err(trouble());
    }
    tracing::warn!("the muse is tired");
    tracing::debug!("yawning");
    if is_asked("warn and fail to make") {
        return Err("asleep".into());
    }
    let mut application = Application::new("muse");
    application.add("clio", Clio)?;
    Ok(application)
}

struct Clio;

#[async_trait]
impl Service for Clio {
    fn privileged_start(&mut self, _: &PrivilegedContext) -> Result<(), BoxError> {
        if is_asked("print") {
            println!("before there are threads");
        }
        Ok(())
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        match &*asked() {
            "fail to start" => return Err(trouble()),
            "fail" => drop(cx.spawn(async { Err(trouble()) })),
            "panic" => drop(cx.spawn(async { panic!("out of paper") })),
            "panic in tasks" => {
                let span = tracing::Span::current();
                tokio::spawn(async { panic!("in a task") });
                std::thread::spawn(move || span.in_scope(|| panic!("in a thread")));
            }
            "record" => {
                log::warn!(target: "library", "a record");
                log::debug!("a small record");
            }
            "print" => {
                println!("one");
                println!("two\u{1b}");
                print!("three");
            }
            "lock" => std::mem::forget(std::io::stdout().lock()),
            "print at length" => println!("{}", "x".repeat(150_000)),
            "run a child" => {
                command("sh").args(["-c", "echo out; echo err >&2"]).status()?;
            }
            "leave a child" => drop(command("sleep").arg("60").spawn()?),
            "complain" => drop(cx.spawn(async {
                for number in 0.. {
                    // Each in one piece, lest a line of the log comes between its number and the word.
                    std::io::stderr().write_all(format!("complaint {number}\n").as_bytes())?;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Ok(())
            })),
            "abort" => drop(cx.spawn(async {
                eprint!("the last words");
                std::process::abort()
            })),
            _ => {}
        }
        Ok(())
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        if is_asked("fail to stop") { Err(trouble()) } else { Ok(()) }
    }
}
