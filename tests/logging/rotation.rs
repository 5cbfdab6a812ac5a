//! The log as a row of files: by size, on SIGUSR1, and when somebody else moves it.

use crate::support::{Background, Sandbox, address_in, fetch, until};
use crate::{fetch_from, log_files, log_lines, logging_toml, peers};
use nix::sys::signal::Signal;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Starts `fast.toml` with a `[log]` table, and returns its address too.
fn start(sandbox: &Sandbox, log: &str) -> (Background, SocketAddr) {
    sandbox.write("fast.toml", &logging_toml(log));
    let daemon = sandbox.background(&["fast.toml"]);
    let address = address_in(&sandbox.read("poetryd.log"), "fast");
    (daemon, address)
}

/// Stops a daemon and returns all lines of its log.
fn stop(daemon: &Background, directory: &Path) -> Vec<String> {
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
    log_lines(directory)
}

fn sorted(mut ports: Vec<u16>) -> Vec<u16> {
    ports.sort_unstable();
    ports
}

#[test]
fn of_20_000_fetches_every_poem_is_whole_and_every_line_is_there_once() {
    const FETCHES: usize = 20_000;
    const CLIENTS: usize = 64;
    let sandbox = Sandbox::new();
    let (daemon, address) = start(&sandbox, "rotate-at = \"64kB\"\nkeep = 100");
    let begun = AtomicUsize::new(0);
    let client = || {
        let mut ports = Vec::new();
        while begun.fetch_add(1, Ordering::Relaxed) < FETCHES {
            ports.push(fetch_from(address));
        }
        ports
    };
    let fetched: Vec<u16> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let logged = peers(&stop(&daemon, &sandbox.path("")));
    assert_eq!(logged.len(), FETCHES);
    assert!(sorted(logged) == sorted(fetched), "the log names other peers than there were");
    let files = log_files(&sandbox.path(""));
    assert!(files.len() > 20, "{files:?}");
    for name in files {
        let size = fs::metadata(sandbox.path(&name)).unwrap().len();
        assert!(size <= 64_000, "{name} has {size} bytes");
    }
}

#[test]
fn keep_is_the_number_of_rotated_files_and_the_newest_lines_are_in_them() {
    let sandbox = Sandbox::new();
    let (daemon, address) = start(&sandbox, "rotate-at = \"2kB\"\nkeep = 3");
    let fetched: Vec<u16> = (0..200).map(|_| fetch_from(address)).collect();
    let logged = peers(&stop(&daemon, &sandbox.path("")));
    let names = ["poetryd.log.3", "poetryd.log.2", "poetryd.log.1", "poetryd.log"];
    assert_eq!(log_files(&sandbox.path("")), names);
    assert!(logged.len() > 50, "{} lines", logged.len());
    assert_eq!(
        logged,
        fetched[fetched.len() - logged.len()..],
        "in another order, or not the last"
    );
}

#[test]
fn sigusr1_rotates_the_log() {
    let sandbox = Sandbox::new();
    let (daemon, address) = start(&sandbox, "");
    let before = fetch_from(address);
    until("its line", || sandbox.read("poetryd.log").contains(&format!(":{before}\n")));
    daemon.signal(Signal::SIGUSR1);
    until("the rotation", || sandbox.path("poetryd.log.1").exists());
    let after = fetch_from(address);
    let logged = peers(&stop(&daemon, &sandbox.path("")));
    assert_eq!(logged, [before, after]);
    assert!(sandbox.read("poetryd.log.1").contains(&format!(":{before}\n")));
    assert!(sandbox.read("poetryd.log").contains(&format!(":{after}\n")));
    assert_eq!(log_files(&sandbox.path("")), ["poetryd.log.1", "poetryd.log"]);
}

#[test]
fn sigusr1_rotates_even_when_the_level_lets_no_line_through() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["--log-level", "error", "fast.toml"]);
    daemon.signal(Signal::SIGUSR1);
    until("the rotation", || sandbox.path("poetryd.log.1").exists());
    until("the new log", || sandbox.path("poetryd.log").exists());
    assert_eq!(sandbox.read("poetryd.log.1"), "");
}

#[test]
fn a_log_that_was_moved_away_is_reopened_on_sigusr1() {
    let sandbox = Sandbox::new();
    let (daemon, address) = start(&sandbox, "");
    fs::rename(sandbox.path("poetryd.log"), sandbox.path("elsewhere")).unwrap();
    let before = fetch_from(address);
    until("the line in the file that is open", || {
        sandbox.read("elsewhere").contains(&format!(":{before}\n"))
    });
    daemon.signal(Signal::SIGUSR1);
    until("the new log", || sandbox.path("poetryd.log").exists());
    let after = fetch_from(address);
    assert_eq!(peers(&stop(&daemon, &sandbox.path(""))), [after]);
    // What was moved away is not ours any more; nor is there anything to number.
    assert_eq!(log_files(&sandbox.path("")), ["poetryd.log"]);
    assert!(!sandbox.read("elsewhere").contains(&format!(":{after}\n")));
}

/// As logrotate's `create` does.
#[test]
fn a_log_that_was_replaced_is_continued_in_the_new_file_on_sigusr1() {
    let sandbox = Sandbox::new();
    let (daemon, address) = start(&sandbox, "");
    fs::rename(sandbox.path("poetryd.log"), sandbox.path("elsewhere")).unwrap();
    sandbox.write("poetryd.log", "made by another\n");
    daemon.signal(Signal::SIGUSR1);
    until("the reopening", || {
        fetch(address).unwrap(); // makes a line, which goes to whatever file is open
        sandbox.read("poetryd.log").contains("sending")
    });
    assert!(sandbox.read("poetryd.log").starts_with("made by another\n"));
    assert_eq!(log_files(&sandbox.path("")), ["poetryd.log"]);
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
}

#[test]
fn a_log_that_was_moved_away_is_found_missing_when_its_size_would_rotate_it() {
    let sandbox = Sandbox::new();
    let (daemon, address) = start(&sandbox, "rotate-at = \"2kB\"\nkeep = 100");
    fs::rename(sandbox.path("poetryd.log"), sandbox.path("elsewhere")).unwrap();
    let fetched: Vec<u16> = (0..50).map(|_| fetch_from(address)).collect();
    until("the new log", || sandbox.path("poetryd.log").exists());
    let logged = stop(&daemon, &sandbox.path(""));
    let elsewhere: Vec<String> = sandbox.read("elsewhere").lines().map(str::to_owned).collect();
    assert_eq!(peers(&[elsewhere, logged].concat()), fetched);
}
