//! The log's files: whose they are, who may read them, how many there are, and which can't be the log.

use crate::support::{NOBODY, Sandbox, run, stderr, until};
use crate::{log_files, logging_toml};
use nix::sys::signal::Signal;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

fn mode(sandbox: &Sandbox, name: &str) -> u32 {
    fs::metadata(sandbox.path(name)).unwrap().mode() & 0o7777
}

fn rotate(sandbox: &Sandbox, daemon: &crate::support::Background) {
    daemon.signal(Signal::SIGUSR1);
    until("the rotation", || {
        sandbox.path("poetryd.log.1").exists() && sandbox.path("poetryd.log").exists()
    });
}

#[test]
fn a_new_file_has_the_mode_of_the_old_one() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["fast.toml"]);
    fs::set_permissions(sandbox.path("poetryd.log"), Permissions::from_mode(0o644)).unwrap();
    rotate(&sandbox, &daemon);
    assert_eq!(mode(&sandbox, "poetryd.log"), 0o644);
}

#[test]
#[ignore = "root"]
fn a_new_file_has_the_owner_and_group_of_the_old_one() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["fast.toml"]);
    chown(sandbox.path("poetryd.log"), Some(NOBODY), Some(4)).unwrap();
    rotate(&sandbox, &daemon);
    let new = fs::metadata(sandbox.path("poetryd.log")).unwrap();
    assert_eq!((new.uid(), new.gid()), (NOBODY, 4));
}

#[test]
fn the_mode_that_was_asked_for_is_that_of_new_and_old_files() {
    let sandbox = Sandbox::new();
    sandbox.write("fast.toml", &logging_toml("mode = \"640\""));
    sandbox.write("poetryd.log", "of an earlier run\n");
    let daemon = sandbox.background(&["fast.toml"]);
    assert_eq!(mode(&sandbox, "poetryd.log"), 0o640);
    rotate(&sandbox, &daemon);
    assert_eq!(mode(&sandbox, "poetryd.log"), 0o640);
}

#[test]
fn files_beyond_those_to_be_kept_are_removed_at_the_start_and_nothing_else_is() {
    let sandbox = Sandbox::new();
    let others = ["poetryd.log.04", "poetryd.log.4.gz", "poetryd.log.old", "other.log.4"];
    let rotated = (1..=12).map(|number| format!("poetryd.log.{number}"));
    others.map(str::to_owned).into_iter().chain(rotated).for_each(|name| sandbox.write(&name, ""));
    sandbox.write("fast.toml", &logging_toml("keep = 3"));
    let _daemon = sandbox.background(&["fast.toml"]);
    for name in others {
        fs::remove_file(sandbox.path(name)).unwrap();
    }
    let names = ["poetryd.log.3", "poetryd.log.2", "poetryd.log.1", "poetryd.log"];
    assert_eq!(log_files(&sandbox.path("")), names);
}

#[test]
fn a_file_with_a_second_name_is_refused_and_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.write("treasure", "gold\n");
    fs::hard_link(sandbox.path("treasure"), sandbox.path("poetryd.log")).unwrap();
    let output = run(sandbox.poetryd(&["fast.toml"]));
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("poetryd.log: it has 2 names (hard links)"), "{said}");
    assert_eq!(sandbox.read("treasure"), "gold\n");
}

#[test]
fn a_failed_start_leaves_its_log_which_says_why() {
    let sandbox = Sandbox::new();
    let application = sandbox.read("fast.toml").replace("127.0.0.1", "192.0.2.1");
    sandbox.write("fast.toml", &application);
    let output = run(sandbox.poetryd(&["fast.toml"]));
    assert_eq!(output.status.code(), Some(1));
    let error = stderr(&output);
    let error = error.trim_end().strip_prefix("poetryd: ").unwrap();
    assert!(sandbox.read("poetryd.log").contains(&format!("[-] error: {error}")), "{error}");
}

/// What does not end is no time zone.
#[test]
fn a_time_zone_that_is_no_file_of_a_zone_is_utc() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.poetryd(&["fast.toml"]);
    command.env("TZ", "/dev/zero");
    assert!(run(command).status.success());
    let _daemon = crate::support::Background::of(&sandbox.path("poetryd.pid"));
    let log = sandbox.read("poetryd.log");
    assert!(log.lines().all(|line| line[19..].starts_with("+0000 [")), "{log}");
}
