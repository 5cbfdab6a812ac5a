//! What a service can ask of the process: a report, a reload, a stop, another level of the log, a rotation.
//!
//! The daemon is this program itself, with services that pass on what a test asks.

#[path = "../support/functions.rs"]
mod functions;
mod program;
#[path = "../support/mod.rs"]
mod support;

use functions::{Test, run_tests, tests};
use std::io::{PipeWriter, Write, pipe};
use std::process::ExitCode;
use support::{Foreground, Sandbox, command};

const TESTS: &[Test] = tests![
    the_report_says_what_runs_and_how_the_last_reload_ended,
    a_dry_run_says_what_would_change_and_changes_nothing,
    an_application_that_panics_is_a_refusal_and_the_daemon_goes_on,
    the_last_warnings_of_the_log_are_known,
    a_level_lasts_until_the_next_reload,
    only_a_file_can_be_rotated,
    a_stop_on_request_is_a_clean_one,
];

fn main() -> ExitCode {
    if std::env::var_os(program::DAEMON).is_some() {
        return program::run();
    }
    run_tests(TESTS, &[])
}

/// A daemon in the foreground that does what it is told.
struct Asker {
    sandbox: Sandbox,
    daemon: Foreground,
    orders: PipeWriter,
}

impl Asker {
    fn start(options: &[&str]) -> Self {
        let sandbox = Sandbox::new();
        sandbox.write(program::SERVICES, "first");
        let (stdin, orders) = pipe().unwrap();
        let mut command = command(std::env::current_exe().unwrap());
        command.args(["--nodaemon", "--workers", "3"]).args(options).env(program::DAEMON, "1");
        command.current_dir(sandbox.path("")).stdin(stdin);
        Self { daemon: Foreground::start(command).ready(), sandbox, orders }
    }

    /// Has it do something, and waits for a line of the log.
    fn ask(&mut self, order: &str, answer: &str) {
        writeln!(self.orders, "{order}").unwrap();
        self.daemon.wait_for(answer);
    }
}

fn the_report_says_what_runs_and_how_the_last_reload_ended() {
    let mut asker = Asker::start(&[]);
    let pid = asker.daemon.pid();
    let running = format!("answer: asker 1.0 {pid} is running with 3 workers; last reload: ");
    asker.ask("report", &format!("{running}none"));
    asker.sandbox.write(program::SERVICES, "first second third");
    asker.ask("reload", "answer: 2 services are new");
    asker.ask("report", &format!("{running}2 added"));
    let log = asker.daemon.stop().join("\n");
    for line in ["[second] added the service second", "asked to reload, reloading"] {
        assert!(log.contains(line), "no {line:?} in {log}");
    }
}

fn a_dry_run_says_what_would_change_and_changes_nothing() {
    let mut asker = Asker::start(&[]);
    asker.sandbox.write(program::SERVICES, "first second");
    asker.ask("dry run", "answer: 1 services are new");
    asker.ask("report", "last reload: none");
    let log = asker.daemon.stop().join("\n");
    assert!(log.contains("can be reloaded") && !log.contains("added the service"), "{log}");
}

fn an_application_that_panics_is_a_refusal_and_the_daemon_goes_on() {
    let mut asker = Asker::start(&[]);
    asker.sandbox.write(program::SERVICES, program::PANIC);
    asker.ask("reload", "answer: refused, mistake false: making the application panicked");
    asker.ask("report", "last reload: making the application panicked");
    asker.sandbox.write(program::SERVICES, "first second");
    asker.ask("reload", "answer: 1 services are new");
    asker.daemon.stop();
}

fn the_last_warnings_of_the_log_are_known() {
    let mut asker = Asker::start(&[]);
    asker.ask("warnings", "answer: 0 lost; ");
    asker.ask("warn", "on purpose");
    asker.ask("warnings", "answer: 0 lost; WARN - on purpose what=something");
}

fn a_level_lasts_until_the_next_reload() {
    let mut asker = Asker::start(&[]);
    asker.ask("detail\ndebug", "asked to log events of the level debug");
    asker.ask("detail", "a detail");
    asker.ask("reload", "options in effect now: log.level");
    asker.ask("detail\nanother word", "answer: what is");
    let log = asker.daemon.stop();
    assert_eq!(log.iter().filter(|line| line.contains("a detail")).count(), 1, "{log:?}");
}

fn only_a_file_can_be_rotated() {
    let mut asker = Asker::start(&[]);
    asker.ask("rotate", "answer: Err(\"the log is not a file that can be rotated\")");
    asker.daemon.stop();
}

fn a_stop_on_request_is_a_clean_one() {
    let mut asker = Asker::start(&[]);
    asker.ask("stop", "asked to stop, shutting down");
    let (status, log) = asker.daemon.wait();
    assert!(status.success(), "{log:?}");
    assert!(log.last().unwrap().contains("stopped cleanly"), "{log:?}");
}
