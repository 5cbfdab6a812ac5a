//! `Environment::claim` and what was opened before it: whoever owns a descriptor keeps it, and nothing is closed
//! twice. (In a debug build the standard library aborts the process if it finds a file closed that it owns.)
//!
//! Each case is a process of its own, since it must have one thread: this program starts itself.

#[allow(dead_code)] // other tests need the rest of it
#[path = "../support/circumstances.rs"]
mod circumstances;

#[path = "../support/cases.rs"]
mod cases;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use poetryd::async_trait;
use poetryd::daemon::{self, Environment, Options};
use poetryd::service::{Application, BoxError, Context, Service};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use tokio::time::Instant;

type Case = fn() -> ExitCode;

/// The cases, by name: what the child does, and what it is started with as its descriptor 7, by sh.
const CASES: [(&str, Case); 4] = [
    ("a_file_that_was_opened_before_stays_open", a_file_stays_open),
    ("what_a_parent_left_open_can_be_read_by_its_name_until_the_daemon_runs", a_name_can_be_read),
    ("what_a_parent_left_open_can_be_taken_once", it_can_be_taken),
    ("what_a_parent_left_open_is_closed_when_the_daemon_runs", it_is_closed),
];

/// What is to be read from descriptor 7.
const TEXT: &str = "from outside";

fn main() -> ExitCode {
    let case = std::env::args().nth(1).and_then(|name| CASES.iter().find(|case| case.0 == name));
    match case {
        Some((_, child)) if std::env::var_os("CLAIM_CASE").is_some() => child(),
        _ => cases::run_all(&CASES.map(|(name, _)| name), passes),
    }
}

fn passes(name: &str) -> bool {
    let script = format!("exec 7<<'END'\n{TEXT}\nEND\nexec \"$0\" \"$@\"");
    let program = std::env::current_exe().expect("this program has a name");
    let mut command = circumstances::command("sh");
    command.args(["-c", &script]).arg(program).arg(name).env("CLAIM_CASE", "1");
    let output = command.output().expect("sh can be started");
    let passed = output.status.success();
    if !passed {
        println!("{}{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    passed
}

/// Runs a daemon that is told to stop as soon as it has started; `look` is called when its application is made.
fn run(environment: Environment, mut look: impl FnMut() + Send + 'static) {
    let mut options = Options::default();
    (options.nodaemon, options.pidfile) = (Some(true), Some("".into()));
    let source = move || {
        look();
        let mut application = Application::new("nothing");
        application.add("brief", Brief)?;
        Ok((application, Options::default()))
    };
    daemon::run("claim", environment, options, source).expect("the daemon runs and stops");
}

/// A service that tells its daemon to stop.
struct Brief;

#[async_trait]
impl Service for Brief {
    async fn start(&mut self, _: &Context) -> Result<(), BoxError> {
        Ok(kill(Pid::this(), Signal::SIGTERM)?)
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        Ok(())
    }
}

fn content(name: &str) -> String {
    std::fs::read_to_string(name).unwrap_or_else(|e| format!("{name}: {e}"))
}

fn a_file_stays_open() -> ExitCode {
    let mut file = tempfile::tempfile().expect("a temporary file can be made");
    let environment = Environment::claim();
    file.write_all(b"before").expect("it is open after claim");
    let number = file.as_raw_fd();
    run(environment, || {});
    file.write_all(b"after").expect("it is open after the daemon has run");
    assert_eq!(file.as_raw_fd(), number);
    drop(file); // aborts if somebody else has closed it
    ExitCode::SUCCESS
}

fn a_name_can_be_read() -> ExitCode {
    let environment = Environment::claim();
    run(environment, || assert_eq!(content("/dev/fd/7"), format!("{TEXT}\n")));
    ExitCode::SUCCESS
}

fn it_can_be_taken() -> ExitCode {
    let own = File::open("/dev/null").expect("/dev/null can be opened");
    let mut environment = Environment::claim();
    assert!(environment.take_descriptor(own.as_raw_fd()).is_none(), "it has an owner");
    let mut file = File::from(environment.take_descriptor(7).expect("descriptor 7 is open"));
    assert!(environment.take_descriptor(7).is_none(), "it has an owner now");
    run(environment, || {});
    let mut text = String::new();
    file.read_to_string(&mut text).expect("it is still open");
    assert_eq!(text, format!("{TEXT}\n"));
    ExitCode::SUCCESS
}

fn it_is_closed() -> ExitCode {
    // The number may be another file's afterwards.
    let file = || std::fs::read_link("/proc/self/fd/7").ok();
    let before = file();
    let environment = Environment::claim();
    assert!(before.is_some() && file() == before, "claim has closed it");
    run(environment, || {});
    assert_ne!(file(), before, "it is still open");
    ExitCode::SUCCESS
}
