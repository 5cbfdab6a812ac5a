//! SIGHUP: when it begins a reload, and when it does not.

use crate::FAILED;
use crate::support::{Foreground, Sandbox, connect, fast_toml, open_descriptors, status_of, until};
use nix::sys::signal::Signal;
use std::io::Read;

/// How often a text is in a log.
fn count(log: &[String], text: &str) -> usize {
    log.iter().filter(|line| line.contains(text)).count()
}

#[test]
fn each_signal_after_a_reload_begins_another_one() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.foreground();
    sandbox.write("fast.toml", "nonsense");
    for number in 1..=3 {
        daemon.signal(Signal::SIGHUP);
        until("the end of the reload", || count(&daemon.log(), FAILED) == number);
    }
    let log = daemon.stop();
    assert_eq!(count(&log, "received SIGHUP, reloading"), 3, "{}", log.join("\n"));
}

#[test]
fn a_burst_of_signals_ends_with_a_reload_that_began_after_the_last() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.foreground();
    for number in 0..200 {
        sandbox.write("fast.toml", &format!("nonsense-{number}"));
        daemon.signal(Signal::SIGHUP);
    }
    daemon.wait_for("nonsense-199");
    let log = daemon.stop();
    let reloads = count(&log, FAILED);
    assert!((1..=200).contains(&reloads), "{reloads}");
    let last = log.iter().rposition(|line| line.contains("received SIGHUP")).unwrap();
    let end = log.iter().rposition(|line| line.contains(FAILED)).unwrap();
    assert!(last < end, "{}", log.join("\n"));
}

#[test]
fn reloads_leave_no_descriptors_and_no_threads() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.foreground();
    let reload = |number: usize| {
        let name = if number.is_multiple_of(2) { "even" } else { "odd" };
        let text = fast_toml("").replace("services.fast", &format!("services.{name}"));
        sandbox.write("fast.toml", &text);
        daemon.signal(Signal::SIGHUP);
        until("the end of the reload", || count(&daemon.log(), "reloaded fast.toml") == number);
    };
    let held = || (open_descriptors(daemon.pid()), status_of(daemon.pid(), "Threads"));
    reload(1);
    let before = held();
    (2..=100).for_each(reload);
    // The thread of the last reload may take a moment to end.
    until("nothing more is held than before", || held() == before);
    assert_eq!(count(&daemon.log(), "1 kept, 0 updated, 0 replaced, 1 added, 1 removed"), 100);
    daemon.stop();
}

#[test]
fn during_a_stop_there_is_no_reload() {
    let sandbox = Sandbox::new();
    sandbox.write_poem("poetry/ecstasy.txt", 50_000_000);
    let daemon = sandbox.foreground();
    let mut client = connect(daemon.address("fast"));
    client.read_exact(&mut [0; 1]).unwrap();
    daemon.signal(Signal::SIGTERM);
    daemon.wait_for("shutting down");
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for("received SIGHUP, ignored: the daemon is stopping");
    drop(client);
    let (status, log) = daemon.wait();
    assert!(status.success() && count(&log, FAILED) == 0, "{}", log.join("\n"));
}

#[test]
fn a_signal_before_the_daemon_is_ready_is_kept() {
    let sandbox = Sandbox::new();
    // A poem of nothing but holes, which takes a while to load.
    let poem = std::fs::File::create(sandbox.path("poetry/ecstasy.txt")).unwrap();
    poem.set_len(200_000_000).unwrap();
    sandbox.write("fast.toml", &fast_toml(""));
    let daemon = Foreground::start(sandbox.poetryd(&["--nodaemon", "fast.toml"]));
    daemon.wait_for("starts with pid"); // the signals are handled from before this line on
    sandbox.write("fast.toml", "nonsense");
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for(FAILED);
    let log = daemon.stop();
    let place = |text: &str| log.iter().position(|line| line.contains(text)).unwrap();
    assert!(place("] ready") < place(FAILED), "{}", log.join("\n"));
}
