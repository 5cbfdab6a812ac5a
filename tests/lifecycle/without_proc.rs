//! Where /proc is not mounted.

use crate::launch::{Launch, assert_nothing_left};
use crate::support::{
    Background, ECSTASY, Sandbox, address_in, fetch, run, stderr, stdout, through, until,
};
use nix::sys::signal::Signal;
use std::process::{Command, Output};

/// The command in a mount namespace where /proc is empty; only root can do that.
fn without_proc(command: &Command) -> Command {
    let script = "mount -t tmpfs none /proc && exec \"$0\" \"$@\"";
    through(&["unshare", "--mount", "sh", "-c", script], command)
}

fn run_without_proc(sandbox: &Sandbox, args: &[&str]) -> Output {
    run(without_proc(&sandbox.poetryd(args)))
}

fn start(sandbox: &Sandbox, options: &[&str]) -> Background {
    let output = run_without_proc(sandbox, &[options, &["fast.toml"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    Background::of(&sandbox.path("poetryd.pid"))
}

#[test]
#[ignore = "root"]
fn a_daemon_starts_serves_and_stops() {
    for options in [&[][..], &["--uid", "65534", "--gid", "65534"]] {
        let sandbox = Sandbox::new();
        let daemon = start(&sandbox, options);
        let log = sandbox.read("poetryd.log");
        assert_eq!(fetch(address_in(&log, "fast")).unwrap(), ECSTASY);
        let status = run_without_proc(&sandbox, &["status"]);
        assert!(stdout(&status).contains(&format!(" is running with pid {}", daemon.pid)));
        let again = run_without_proc(&sandbox, &["fast.toml"]);
        assert_eq!(again.status.code(), Some(1));
        assert!(stderr(&again).contains("already running with pid"), "{}", stderr(&again));
        let stop = run_without_proc(&sandbox, &["stop"]);
        assert_eq!(stop.status.code(), Some(0), "{}", stderr(&stop));
        assert!(!daemon.is_running());
        let log = sandbox.read("poetryd.log");
        assert!(!log.contains("warning") && !log.contains("error"), "{log}");
    }
}

#[test]
#[ignore = "root"]
fn a_large_poem_is_served_whole() {
    let sandbox = Sandbox::new();
    let poem = sandbox.write_poem("poetry/ecstasy.txt", 16_000_000);
    let daemon = start(&sandbox, &[]);
    let served = fetch(address_in(&sandbox.read("poetryd.log"), "fast")).unwrap();
    assert!(served == poem, "{} bytes", served.len());
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
}

#[test]
#[ignore = "root"]
fn in_the_foreground_a_stop_signal_ends_it_cleanly() {
    let sandbox = Sandbox::new();
    let command = without_proc(&sandbox.poetryd(&["--nodaemon", "--logfile", "log", "fast.toml"]));
    let mut daemon = Launch::start(&sandbox, command);
    let ready =
        || std::fs::read_to_string(sandbox.path("log")).is_ok_and(|l| l.contains("] ready"));
    until("ready", ready);
    daemon.signal(Signal::SIGTERM);
    let (status, said) = daemon.wait();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_nothing_left(&sandbox);
}

#[test]
#[ignore = "root"]
fn a_stale_number_is_nobodys() {
    let sandbox = Sandbox::new();
    sandbox.write("poetryd.pid", &format!("{}\n", std::process::id()));
    assert_eq!(run_without_proc(&sandbox, &["status"]).status.code(), Some(3));
    assert_eq!(run_without_proc(&sandbox, &["stop"]).status.code(), Some(3));
    start(&sandbox, &[]);
}
