//! Starts that fail: the launching terminal is told, with exit status 1, and nothing is left behind.

use crate::launch::assert_nothing_left;
use crate::support::{Sandbox, address_in, fast_toml, run, stderr};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Both ways of running.
const MODES: [&[&str]; 2] = [&[], &["--nodaemon"]];

#[test]
fn a_port_that_is_taken_is_reported_with_who_holds_it() {
    let sandbox = Sandbox::new();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    let port = format!("port = {}", address.port());
    sandbox.write("fast.toml", &fast_toml("").replace("port = 0", &port));
    let me = format!("process {} (", std::process::id());
    for mode in MODES {
        let said = failure(&sandbox, sandbox.poetryd(&[mode, &["fast.toml"]].concat()));
        for part in ["service fast", &address.to_string(), &me] {
            assert!(said.contains(part), "no {part:?} in {said}");
        }
    }
}

#[test]
fn listeners_that_were_open_before_one_failed_are_closed() {
    let sandbox = Sandbox::new();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let second = format!(
        "[services.second]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = {port}\n\
         protocol = \"fast\"\npoem = \"ecstasy\""
    );
    sandbox.write("fast.toml", &fast_toml(&second));
    let said = failure(&sandbox, sandbox.poetryd(&["fast.toml"]));
    assert!(said.contains("service second"), "{said}");
    let first = address_in(&sandbox.read("poetryd.log"), "fast");
    assert!(TcpStream::connect(first).is_err(), "{first} is still open");
}

#[test]
fn a_poem_that_is_missing_is_reported() {
    let sandbox = Sandbox::new();
    fs::remove_file(sandbox.path("poetry/ecstasy.txt")).unwrap();
    fails_because(&sandbox, Sandbox::poetryd, &[], &["service ecstasy", "No such file"]);
}

#[test]
fn a_poem_that_may_not_be_read_is_reported() {
    let sandbox = Sandbox::new();
    sandbox.give_to_unprivileged();
    let poem = sandbox.path("poetry/ecstasy.txt");
    fs::set_permissions(&poem, fs::Permissions::from_mode(0o000)).unwrap();
    let reasons = &["service ecstasy", "poetry/ecstasy.txt", "Permission denied"];
    fails_because(&sandbox, Sandbox::poetryd_unprivileged, &[], reasons);
}

#[test]
fn a_poem_that_is_a_directory_is_reported() {
    let sandbox = Sandbox::new();
    fs::remove_file(sandbox.path("poetry/ecstasy.txt")).unwrap();
    fs::create_dir(sandbox.path("poetry/ecstasy.txt")).unwrap();
    fails_because(&sandbox, Sandbox::poetryd, &[], &["service ecstasy", "directory"]);
}

#[test]
fn a_log_that_may_not_be_written_is_reported() {
    let sandbox = Sandbox::new();
    sandbox.give_to_unprivileged();
    sandbox.write("old.log", "old lines\n");
    fs::set_permissions(sandbox.path("old.log"), fs::Permissions::from_mode(0o444)).unwrap();
    let args = &["--logfile", "old.log"];
    fails_because(&sandbox, Sandbox::poetryd_unprivileged, args, &["old.log", "Permission denied"]);
    assert_eq!(sandbox.read("old.log"), "old lines\n");
}

#[test]
fn a_log_in_a_missing_directory_is_reported() {
    let sandbox = Sandbox::new();
    let args = &["--logfile", "nowhere/poetryd.log"];
    fails_because(&sandbox, Sandbox::poetryd, args, &["nowhere/poetryd.log", "No such file"]);
}

#[test]
fn a_pid_file_in_a_directory_of_someone_else_is_reported() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("closed")).unwrap();
    fs::set_permissions(sandbox.path("closed"), fs::Permissions::from_mode(0o555)).unwrap();
    let args = &["--pidfile", "closed/poetryd.pid"];
    let reasons = &["pid file", "closed/poetryd.pid", "Permission denied"];
    fails_because(&sandbox, Sandbox::poetryd_unprivileged, args, reasons);
    assert!(!sandbox.path("closed/poetryd.pid").exists());
}

#[test]
fn a_pid_file_that_may_not_be_written_is_reported_and_left_as_it_was() {
    let sandbox = Sandbox::new();
    sandbox.give_to_unprivileged();
    sandbox.write("other.pid", "4711\n");
    fs::set_permissions(sandbox.path("other.pid"), fs::Permissions::from_mode(0o444)).unwrap();
    let args = &["--pidfile", "other.pid"];
    let reasons = &["pid file", "other.pid", "Permission denied"];
    fails_because(&sandbox, Sandbox::poetryd_unprivileged, args, reasons);
    assert_eq!(sandbox.read("other.pid"), "4711\n");
}

#[test]
fn a_rundir_that_is_missing_is_reported() {
    let sandbox = Sandbox::new();
    fails_because(&sandbox, Sandbox::poetryd, &["--rundir", "nowhere"], &["nowhere", "--rundir"]);
    assert!(!sandbox.path("nowhere").exists());
}

#[test]
fn a_failure_in_the_background_is_in_the_log_too() {
    let sandbox = Sandbox::new();
    fs::remove_file(sandbox.path("poetry/ecstasy.txt")).unwrap();
    let said = failure(&sandbox, sandbox.poetryd(&["fast.toml"]));
    let reason = said.trim_end().trim_start_matches("poetryd: ");
    let log = sandbox.read("poetryd.log");
    assert!(log.contains(&format!("[-] error: {reason}")), "no {reason:?} in\n{log}");
}

/// Starts `fast.toml` both ways. Each start must fail and give these reasons.
fn fails_because(
    sandbox: &Sandbox,
    program: fn(&Sandbox, &[&str]) -> Command,
    args: &[&str],
    reasons: &[&str],
) {
    for mode in MODES {
        let said = failure(sandbox, program(sandbox, &[mode, args, &["fast.toml"]].concat()));
        for reason in reasons {
            assert!(said.contains(reason), "no {reason:?} in {said}");
        }
    }
}

/// Runs a start that must fail and leave nothing behind, and returns what it said.
fn failure(sandbox: &Sandbox, command: Command) -> String {
    let output = run(command);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("poetryd: "), "{said}");
    assert_nothing_left(sandbox);
    said
}
