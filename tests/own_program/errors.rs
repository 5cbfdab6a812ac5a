//! Errors with causes: all of them, once each.

use crate::support::{Background, Sandbox, command, run, stderr};
use nix::sys::signal::Signal;
use std::process::Command;

/// The error of `muse` with all its causes.
const CHAIN: &str = "no poem today: can't write a line: the ink is dry";

/// The program in this directory, asked to do this.
pub fn muse(sandbox: &Sandbox, asked: &str, arguments: &[&str]) -> Command {
    let mut command = command(std::env::current_exe().unwrap());
    command.args(arguments).current_dir(sandbox.path("")).env("HOME", sandbox.path(""));
    command.env("MUSE", asked).env_remove("RUST_BACKTRACE");
    command
}

/// Starts it in the background.
pub fn start(sandbox: &Sandbox, asked: &str) -> Background {
    let output = run(muse(sandbox, asked, &[]));
    assert!(output.status.success(), "{}: {}", output.status, stderr(&output));
    Background::of(&sandbox.path("muse.pid"))
}

/// Stops it, and returns its log.
pub fn stop(sandbox: &Sandbox, daemon: &Background) -> String {
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
    sandbox.read("muse.log")
}

/// How many lines have this text, and all of it once.
fn lines_with(text: &str, what: &str) -> usize {
    assert!(text.lines().all(|line| line.matches("the ink is dry").count() < 2), "{text}");
    text.lines().filter(|line| line.contains(what)).count()
}

pub fn a_failed_start_shows_the_whole_chain_at_the_terminal_and_in_the_log() {
    let sandbox = Sandbox::new();
    let output = run(muse(&sandbox, "fail to start", &[]));
    let expected = format!("service clio could not start: {CHAIN}");
    assert_eq!(stderr(&output), format!("muse: {expected}\n"));
    let log = sandbox.read("muse.log");
    assert_eq!(lines_with(&log, &format!("[-] error: {expected}")), 1, "{log}");
}

pub fn a_service_that_fails_later_shows_the_whole_chain() {
    let sandbox = Sandbox::new();
    let output = run(muse(&sandbox, "fail", &["--nodaemon", "--logfile", "muse.log"]));
    assert_eq!(output.status.code(), Some(1));
    let expected = format!("service clio failed: {CHAIN}");
    assert_eq!(stderr(&output), format!("muse: {expected}\n"));
    let log = sandbox.read("muse.log");
    assert_eq!(lines_with(&log, &format!("[-] error: {expected}; shutting down")), 1, "{log}");
}

pub fn a_stop_that_fails_shows_the_whole_chain() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "fail to stop");
    let log = stop(&sandbox, &daemon);
    let expected = format!("while stopping: service clio did not stop cleanly: {CHAIN}");
    assert_eq!(lines_with(&log, &expected), 1, "{log}");
}

pub fn an_application_that_cant_be_made_shows_the_whole_chain() {
    let sandbox = Sandbox::new();
    let output = run(muse(&sandbox, "fail to make", &[]));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr(&output), format!("muse: {CHAIN}\n"));
}

pub fn a_panic_has_its_backtrace_in_the_log_if_rust_backtrace_asks_for_it() {
    for asked in [false, true] {
        let sandbox = Sandbox::new();
        let mut command = muse(&sandbox, "panic", &["--nodaemon", "--logfile", "muse.log"]);
        if asked {
            command.env("RUST_BACKTRACE", "1");
        }
        assert_eq!(run(command).status.code(), Some(1));
        let log = sandbox.read("muse.log");
        let panic = log.lines().find(|line| line.contains("out of paper")).unwrap();
        assert!(panic.contains("[clio] error: panicked at tests/own_program/muse.rs"), "{log}");
        let frame = "[clio] error: backtrace:";
        assert_eq!(log.lines().filter(|line| line.contains(frame)).count() > 3, asked, "{log}");
    }
}
