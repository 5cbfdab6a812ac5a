//! Whose the files are that a daemon writes when it has become another user.

use crate::start;
use crate::support::{
    Background, ECSTASY, NOBODY, Sandbox, address_in, fetch, stderr, stdout, until,
};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

const AS_NOBODY: &[&str] = &["--uid", "nobody", "--logfile", "log/poetryd.log", "fast.toml"];

/// A sandbox of root's, with a directory `log` that belongs to nobody.
fn sandbox_with_log_directory() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("log")).unwrap();
    chown(sandbox.path("log"), Some(NOBODY), Some(NOBODY)).unwrap();
    sandbox
}

fn owner(sandbox: &Sandbox, name: &str) -> (u32, u32) {
    let metadata = fs::metadata(sandbox.path(name)).unwrap();
    (metadata.uid(), metadata.gid())
}

fn stop(daemon: &Background) {
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
}

#[test]
#[ignore = "root"]
fn the_log_belongs_to_the_user_and_rotates_after_the_drop() {
    let sandbox = sandbox_with_log_directory();
    let daemon = sandbox.background(AS_NOBODY);
    assert_eq!(owner(&sandbox, "log/poetryd.log"), (NOBODY, NOBODY));
    let address = address_in(&sandbox.read("log/poetryd.log"), "fast");
    daemon.signal(Signal::SIGUSR1);
    until("the rotation", || sandbox.path("log/poetryd.log.1").exists());
    until("the new log", || sandbox.path("log/poetryd.log").exists());
    assert_eq!(owner(&sandbox, "log/poetryd.log"), (NOBODY, NOBODY));
    assert_eq!(fetch(address).unwrap(), ECSTASY);
    until("a line in the new log", || sandbox.read("log/poetryd.log").contains("sending 3003"));
}

#[test]
#[ignore = "root"]
fn a_log_that_root_has_left_is_given_to_the_user_and_continued() {
    let sandbox = sandbox_with_log_directory();
    sandbox.write("log/poetryd.log", "of old\n");
    let daemon = sandbox.background(AS_NOBODY);
    assert_eq!(owner(&sandbox, "log/poetryd.log"), (NOBODY, NOBODY));
    stop(&daemon);
    let log = sandbox.read("log/poetryd.log");
    assert!(log.starts_with("of old\n") && log.contains("received SIGTERM"), "{log}");
}

/// Whoever owns the directory could otherwise have any file of the machine given to them.
#[test]
#[ignore = "root"]
fn a_file_behind_a_link_in_the_users_directory_is_not_given_away() {
    let sandbox = sandbox_with_log_directory();
    sandbox.write("precious", "");
    symlink(sandbox.path("precious"), sandbox.path("log/poetryd.log")).unwrap();
    // Whether it starts or refuses to is its own affair.
    let output = sandbox.run(AS_NOBODY);
    let _daemon = output.status.success().then(|| Background::of(&sandbox.path("poetryd.pid")));
    assert_eq!(owner(&sandbox, "precious"), (0, 0), "{}", stderr(&output));
}

/// As above, with a link of the other sort.
#[test]
#[ignore = "root"]
fn a_file_of_two_names_is_not_given_away() {
    let sandbox = sandbox_with_log_directory();
    sandbox.write("precious", "");
    fs::hard_link(sandbox.path("precious"), sandbox.path("log/poetryd.log")).unwrap();
    let output = sandbox.run(AS_NOBODY);
    let _daemon = output.status.success().then(|| Background::of(&sandbox.path("poetryd.pid")));
    assert_eq!(owner(&sandbox, "precious"), (0, 0), "{}", stderr(&output));
}

#[test]
#[ignore = "root"]
fn where_the_user_may_not_unlink_the_pid_file_it_is_left_empty() {
    let sandbox = sandbox_with_log_directory();
    let daemon = sandbox.background(AS_NOBODY);
    assert_eq!(owner(&sandbox, "poetryd.pid"), (0, 0));
    stop(&daemon);
    assert_eq!(sandbox.read("poetryd.pid"), "");
    assert_eq!(sandbox.run(&["status"]).status.code(), Some(3));
    let again = sandbox.background(AS_NOBODY);
    let status = sandbox.run(&["status"]);
    assert!(stdout(&status).contains(&again.pid.to_string()), "{}", stdout(&status));
}

#[test]
#[ignore = "root"]
fn where_the_user_may_unlink_the_pid_file_it_is_gone() {
    let sandbox = sandbox_with_log_directory();
    sandbox.give_to_unprivileged();
    let daemon = sandbox.background(AS_NOBODY);
    stop(&daemon);
    assert!(!sandbox.path("poetryd.pid").exists());
}

#[test]
#[ignore = "root"]
fn with_euid_no_pid_file_misleads_either() {
    let sandbox = sandbox_with_log_directory();
    let daemon = sandbox.background(&[&["--euid"], AS_NOBODY].concat());
    stop(&daemon);
    let left = fs::read_to_string(sandbox.path("poetryd.pid")).unwrap_or_default();
    assert_eq!(left, "");
}

#[test]
#[ignore = "root"]
fn a_start_that_fails_after_the_drop_leaves_no_pid() {
    let sandbox = sandbox_with_log_directory();
    // Root could read it; the user that the daemon has become by then can't.
    let poem = sandbox.path("poetry/ecstasy.txt");
    fs::set_permissions(&poem, fs::Permissions::from_mode(0o600)).unwrap();
    let output = sandbox.run(AS_NOBODY);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("poetry/ecstasy.txt"), "{}", stderr(&output));
    assert_eq!(sandbox.read("poetryd.pid"), "");
}

#[test]
#[ignore = "root"]
fn what_is_no_regular_file_stays_whose_it_is() {
    let sandbox = sandbox_with_log_directory();
    let fifo = sandbox.path("log/poetryd.log");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o622)).unwrap();
    let daemon = start(&sandbox, sandbox.poetryd(AS_NOBODY));
    assert_eq!(owner(&sandbox, "log/poetryd.log"), (0, 0));
    stop(&daemon);
}
