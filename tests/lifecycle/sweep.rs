//! A stop signal at any moment of the start.

use crate::launch::{Launch, assert_nothing_left, processes_in};
use crate::support::{Background, Sandbox, until};
use nix::sys::signal::{Signal, kill};
use std::os::unix::process::ExitStatusExt;
use std::thread;
use std::time::{Duration, Instant};

/// How many moments there are.
const MOMENTS: u32 = 200;

#[test]
fn a_stop_signal_at_any_moment_of_a_start_in_the_foreground_ends_it_cleanly() {
    let sandbox = Sandbox::new();
    let duration = longest_of_three(|| {
        let started = Instant::now();
        let daemon = sandbox.foreground();
        let duration = started.elapsed();
        daemon.stop();
        duration
    });
    for (moment, signal) in moments(duration) {
        let mut start = Launch::start(&sandbox, sandbox.poetryd(&["--nodaemon", "fast.toml"]));
        thread::sleep(moment); // which moment it hits is not important: many are tried
        start.signal(signal);
        let (status, said) = start.wait();
        let ended_well = status.success() || ended_by(status, signal);
        assert!(ended_well, "{signal} after {moment:?}: {status}, {said}");
        assert_nothing_left(&sandbox);
    }
}

#[test]
fn a_stop_signal_at_any_moment_of_a_start_in_the_background_ends_it_cleanly() {
    let sandbox = Sandbox::new();
    let duration = longest_of_three(|| {
        let started = Instant::now();
        let daemon = sandbox.background(&["fast.toml"]);
        let duration = started.elapsed();
        daemon.signal(Signal::SIGTERM);
        daemon.wait();
        duration
    });
    for (moment, signal) in moments(duration) {
        let mut start = Launch::start(&sandbox, sandbox.poetryd(&["fast.toml"]));
        thread::sleep(moment); // as above
        start.signal(signal);
        let (status, said) = start.wait();
        if status.success() {
            // It was ready first, so it has to run.
            let daemon = Background::of(&sandbox.path("poetryd.pid"));
            assert_eq!(processes_in(&sandbox.path("")), [daemon.pid]);
            daemon.signal(Signal::SIGTERM);
            daemon.wait();
        } else {
            let ended_well = status.code() == Some(1) || ended_by(status, signal);
            assert!(ended_well, "{signal} after {moment:?}: {status}, {said}");
        }
        let case = format!("the daemon's end, {signal} after {moment:?}: {status}, {said}");
        until(&case, || processes_in(&sandbox.path("")).is_empty());
        assert_nothing_left(&sandbox);
    }
}

/// As a service manager or a shell sends it: to the launching process, the daemon, and whatever is in between.
#[test]
fn a_stop_signal_to_all_processes_of_a_start_at_any_moment_ends_them_cleanly() {
    let sandbox = Sandbox::new();
    let duration = longest_of_three(|| {
        let started = Instant::now();
        let daemon = sandbox.background(&["fast.toml"]);
        let duration = started.elapsed();
        daemon.signal(Signal::SIGTERM);
        daemon.wait();
        duration
    });
    for (moment, signal) in moments(duration) {
        let mut start = Launch::start(&sandbox, sandbox.poetryd(&["fast.toml"]));
        thread::sleep(moment); // as above
        let processes = processes_in(&sandbox.path(""));
        processes.iter().for_each(|pid| _ = kill(*pid, signal)); // some end meanwhile
        let (status, said) = start.wait();
        let case = format!("{signal} after {moment:?} to {processes:?}: {status}, {said}");
        if status.success() {
            let running = processes_in(&sandbox.path("")).into_iter();
            let missed = running.filter(|pid| !processes.contains(pid));
            missed.for_each(|pid| _ = kill(pid, signal));
        }
        let ended_well = matches!(status.code(), Some(0 | 1)) || ended_by(status, signal);
        assert!(ended_well, "{case}");
        until(&case, || processes_in(&sandbox.path("")).is_empty());
        assert_nothing_left(&sandbox);
    }
}

fn longest_of_three(start: impl Fn() -> Duration) -> Duration {
    (0..3).map(|_| start()).max().unwrap()
}

/// Moments from the beginning of a start to a little after its end.
fn moments(duration: Duration) -> impl Iterator<Item = (Duration, Signal)> {
    let signals = [Signal::SIGTERM, Signal::SIGINT].into_iter().cycle();
    (0..MOMENTS).map(move |number| duration * 6 / 5 * number / MOMENTS).zip(signals)
}

/// A signal that comes when there is nothing to clean up yet does what signals do.
fn ended_by(status: std::process::ExitStatus, signal: Signal) -> bool {
    status.signal() == Some(signal as i32)
}
