//! SIGHUP, and terminals that are closed.

use crate::early::wait_for_reader;
use crate::launch::{Launch, assert_nothing_left, processes_in};
use crate::support::terminal::Terminal;
use crate::support::{Background, Sandbox, run, stderr, through, until};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::process::Command;

const NODAEMON: [&str; 4] = ["--nodaemon", "--logfile", "poetryd.log", "fast.toml"];

/// Starts a daemon in the foreground of a terminal, and waits until it serves.
fn start<'a>(sandbox: &'a Sandbox, terminal: &Terminal, mut command: Command) -> Launch<'a> {
    terminal.attach(&mut command);
    let launch = Launch::start_on_terminal(sandbox, command);
    until("ready", || {
        std::fs::read_to_string(sandbox.path("poetryd.log"))
            .is_ok_and(|log| log.contains("] ready"))
    });
    launch
}

#[test]
fn a_daemon_in_the_foreground_stops_when_its_terminal_is_closed() {
    let (sandbox, terminal) = (Sandbox::new(), Terminal::open());
    let mut daemon = start(&sandbox, &terminal, sandbox.poetryd(&NODAEMON));
    drop(terminal);
    let (status, _) = daemon.wait();
    assert_eq!(status.code(), Some(0));
    let log = sandbox.read("poetryd.log");
    assert!(
        log.contains("received SIGHUP, shutting down") && log.contains("[fast] stopped"),
        "{log}"
    );
    assert_nothing_left(&sandbox);
}

#[test]
fn so_does_one_that_a_shell_has_started() {
    let (sandbox, terminal) = (Sandbox::new(), Terminal::open());
    let shell = ["sh", "-c", "\"$0\" \"$@\"; exit"];
    let mut daemon = start(&sandbox, &terminal, through(&shell, &sandbox.poetryd(&NODAEMON)));
    drop(terminal);
    daemon.wait(); // for the shell, which does not wait for the daemon
    until("the daemon's end", || processes_in(&sandbox.path("")).is_empty());
    assert_nothing_left(&sandbox);
    let log = sandbox.read("poetryd.log");
    assert!(log.contains("received SIGHUP, shutting down"), "{log}");
}

#[test]
fn a_start_that_waits_for_its_application_file_ends_when_its_terminal_is_closed() {
    let (sandbox, terminal) = (Sandbox::new(), Terminal::open());
    mkfifo(&sandbox.path("slow.toml"), Mode::S_IRWXU).unwrap();
    let mut command = sandbox.poetryd(&["--nodaemon", "slow.toml"]);
    terminal.attach(&mut command);
    let mut start = Launch::start_on_terminal(&sandbox, command);
    let _writer = wait_for_reader(&sandbox.path("slow.toml"));
    drop(terminal);
    assert!(!start.wait().0.success());
    assert_nothing_left(&sandbox);
}

#[test]
fn as_long_as_there_is_a_terminal_sighup_is_a_reload() {
    let (sandbox, terminal) = (Sandbox::new(), Terminal::open());
    let mut daemon = start(&sandbox, &terminal, sandbox.poetryd(&NODAEMON));
    daemon.signal(Signal::SIGHUP);
    until("SIGHUP", || sandbox.read("poetryd.log").contains("received SIGHUP, reloading"));
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().0.code(), Some(0));
}

#[test]
fn without_a_terminal_sighup_is_a_reload() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.foreground();
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for("received SIGHUP, reloading");
    daemon.stop();
}

#[test]
fn with_nohup_a_daemon_in_the_foreground_outlives_its_terminal() {
    let (sandbox, terminal) = (Sandbox::new(), Terminal::open());
    let command = through(&["nohup"], &sandbox.poetryd(&NODAEMON));
    let mut daemon = start(&sandbox, &terminal, command);
    drop(terminal);
    daemon.signal(Signal::SIGHUP);
    daemon.signal(Signal::SIGUSR2); // comes after the others
    until("SIGUSR2", || sandbox.read("poetryd.log").contains("received SIGUSR2"));
    assert!(!daemon.has_ended());
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
    assert!(!sandbox.read("poetryd.log").contains("SIGHUP"));
}

/// It has no terminal to outlive, and is told to reload in this way.
#[test]
fn with_nohup_a_daemon_in_the_background_honours_sighup() {
    let sandbox = Sandbox::new();
    let output = run(through(&["nohup"], &sandbox.poetryd(&["fast.toml"])));
    assert!(output.status.success(), "{}", stderr(&output));
    let daemon = Background::of(&sandbox.path("poetryd.pid"));
    daemon.signal(Signal::SIGHUP);
    until("SIGHUP", || sandbox.read("poetryd.log").contains("received SIGHUP, reloading"));
}

#[test]
fn a_daemon_in_the_background_outlives_the_terminal_it_was_started_from() {
    let (sandbox, terminal) = (Sandbox::new(), Terminal::open());
    let mut command = sandbox.poetryd(&["fast.toml"]);
    terminal.attach(&mut command);
    let mut launch = Launch::start_on_terminal(&sandbox, command);
    assert_eq!(launch.wait().0.code(), Some(0));
    let daemon = Background::of(&sandbox.path("poetryd.pid"));
    drop(terminal);
    daemon.signal(Signal::SIGHUP);
    until("SIGHUP", || sandbox.read("poetryd.log").contains("received SIGHUP, reloading"));
    assert!(daemon.is_running());
}
