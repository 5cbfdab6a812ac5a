//! A start that is interrupted while a service is in the middle of it.

use crate::held_file::HeldFile;
use crate::launch::{Launch, assert_nothing_left};
use crate::support::terminal::Terminal;
use crate::support::{Background, Sandbox, until};
use nix::sys::signal::Signal;

#[test]
fn an_interrupted_launcher_takes_the_daemon_down_with_it() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let sandbox = Sandbox::new();
        let poem = HeldFile::hold(&sandbox.path("poetry/ecstasy.txt"));
        let mut launch = Launch::start(&sandbox, sandbox.poetryd(&["fast.toml"]));
        poem.wait_until_wanted();
        launch.signal(signal);
        release_when_told_to_stop(&sandbox, poem);
        let (status, said) = launch.wait();
        assert_eq!(status.code(), Some(1), "{signal}: {said}");
        assert!(said.contains("interrupted"), "{signal}: {said}");
        assert_nothing_left(&sandbox);
    }
}

/// The daemon is not killed for it, and removes its pid file.
#[test]
fn signals_to_a_launcher_within_a_second_are_one() {
    let sandbox = Sandbox::new();
    let poem = HeldFile::hold(&sandbox.path("poetry/ecstasy.txt"));
    let mut launch = Launch::start(&sandbox, sandbox.poetryd(&["fast.toml"]));
    poem.wait_until_wanted();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        launch.signal(signal);
    }
    release_when_told_to_stop(&sandbox, poem);
    let (status, said) = launch.wait();
    assert_eq!(status.code(), Some(1), "{said}");
    assert_nothing_left(&sandbox);
    let log = sandbox.read("poetryd.log");
    assert_eq!(log.matches("received SIGTERM").count(), 1, "{log}");
}

#[test]
fn ctrl_c_at_the_prompt_takes_the_daemon_down() {
    let sandbox = Sandbox::new();
    let poem = HeldFile::hold(&sandbox.path("poetry/ecstasy.txt"));
    let mut terminal = Terminal::open();
    let mut command = sandbox.poetryd(&["fast.toml"]);
    terminal.attach(&mut command);
    let mut launcher = command.spawn().unwrap();
    poem.wait_until_wanted();
    terminal.press_ctrl_c();
    release_when_told_to_stop(&sandbox, poem);
    assert_eq!(launcher.wait().unwrap().code(), Some(1));
    assert_nothing_left(&sandbox);
}

#[test]
fn a_daemon_that_is_told_to_stop_while_it_starts_never_becomes_ready() {
    let sandbox = Sandbox::new();
    let poem = HeldFile::hold(&sandbox.path("poetry/ecstasy.txt"));
    let mut launch = Launch::start(&sandbox, sandbox.poetryd(&["fast.toml"]));
    poem.wait_until_wanted();
    let daemon = Background::of(&sandbox.path("poetryd.pid"));
    daemon.signal(Signal::SIGTERM);
    release_when_told_to_stop(&sandbox, poem);
    let (status, said) = launch.wait();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("told to stop before it was ready"), "{said}");
    assert!(!sandbox.read("poetryd.log").contains("] ready"));
    assert_nothing_left(&sandbox);
}

#[test]
fn a_service_that_never_finishes_its_start_can_not_keep_the_daemon_from_stopping() {
    let sandbox = Sandbox::new();
    let poem = HeldFile::hold(&sandbox.path("poetry/ecstasy.txt"));
    let args = ["--stop-timeout", "0.1", "fast.toml"];
    let mut launch = Launch::start(&sandbox, sandbox.poetryd(&args));
    poem.wait_until_wanted();
    launch.signal(Signal::SIGTERM);
    let (status, said) = launch.wait();
    assert_eq!(status.code(), Some(1), "{said}");
    assert_nothing_left(&sandbox);
    poem.release();
}

/// The daemon gets its poem only after the signal has reached it.
fn release_when_told_to_stop(sandbox: &Sandbox, poem: HeldFile) {
    until("the signal", || sandbox.read("poetryd.log").contains("received SIGTERM"));
    poem.release();
}
