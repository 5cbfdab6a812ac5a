//! `--uid`, `--gid`, `--euid`: who the daemon is when it serves, and that there is no way back.
//!
//! In `files.rs`: whose its files are. In `place.rs`: `--chroot`, `--umask` and `--rundir`. In `remains.rs`:
//! what whoever starts it has left in the process.

mod files;
mod place;
mod remains;
#[path = "../support/mod.rs"]
mod support;

use nix::unistd::{Pid, geteuid};
use std::fs;
use std::process::Command;
use support::network::{in_network_of, in_own_network};
use support::{
    Background, ECSTASY, NOBODY, Sandbox, address_in, fast_toml, fetch, is_root, run, stderr,
    through,
};

/// A user id and a group id that no passwd and no group entry has.
const STRANGER: &str = "3987654321";

/// What `/proc/PID/status` says of an empty set of capabilities.
const NO_CAPABILITY: &str = "0000000000000000";

/// Runs a command that is to become a daemon with `poetryd.pid` in the sandbox.
fn start(sandbox: &Sandbox, command: Command) -> Background {
    let output = run(command);
    assert!(output.status.success(), "{}: {}", output.status, stderr(&output));
    Background::of(&sandbox.path("poetryd.pid"))
}

/// `/proc/PID/task/*/status` of every thread. The first is the main one.
fn statuses(pid: Pid) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let statuses: Vec<String> = tasks
        .map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap())
        .collect();
    assert!(statuses.len() > 2, "a serving daemon has threads for services and for its log");
    statuses
}

/// Checks a line of `/proc/PID/status` in every thread.
fn assert_field(pid: Pid, name: &str, expected: &str) {
    for status in statuses(pid) {
        let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
        let values: Vec<&str> = line.unwrap().split_whitespace().collect();
        assert_eq!(values.join(" "), expected, "{name} in\n{status}");
    }
}

fn assert_no_capabilities(pid: Pid) {
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_field(pid, set, NO_CAPABILITY);
    }
}

fn four_times(id: impl std::fmt::Display) -> String {
    format!("{id} {id} {id} {id}")
}

/// The command where `/etc/group` says that nobody also belongs to group 4242.
fn where_nobody_is_a_poet(sandbox: &Sandbox, command: &Command) -> Command {
    let groups = fs::read_to_string("/etc/group").unwrap();
    sandbox.write("group", &format!("{groups}poets:x:4242:nobody\n"));
    let script = format!(
        "mount --bind '{}' /etc/group && exec \"$0\" \"$@\"",
        sandbox.path("group").display()
    );
    through(&["unshare", "--mount", "sh", "-c", &script], command)
}

#[test]
#[ignore = "root"]
fn as_nobody_on_port_17_no_thread_has_any_privilege_left() {
    let sandbox = Sandbox::new();
    sandbox.write("fast.toml", &fast_toml("").replace("port = 0", "port = 17"));
    let command = in_own_network(&sandbox.poetryd(&["--uid", "nobody", "fast.toml"]));
    // The groups of whoever starts it must not stay with it: here adm and disk.
    let daemon = start(&sandbox, through(&["setpriv", "--groups", "4,6"], &command));
    let address = "127.0.0.1:17".parse().unwrap();
    assert_eq!(in_network_of(daemon.pid, || fetch(address).unwrap()), ECSTASY);
    assert_field(daemon.pid, "Uid", &four_times(NOBODY));
    assert_field(daemon.pid, "Gid", &four_times(NOBODY));
    assert_field(daemon.pid, "Groups", &NOBODY.to_string());
    assert_field(daemon.pid, "NoNewPrivs", "1");
    assert_no_capabilities(daemon.pid);
}

#[test]
#[ignore = "root"]
fn the_daemon_has_all_groups_of_its_user() {
    let sandbox = Sandbox::new();
    let command = sandbox.poetryd(&["--uid", "nobody", "fast.toml"]);
    let daemon = start(&sandbox, where_nobody_is_a_poet(&sandbox, &command));
    assert_field(daemon.pid, "Groups", &format!("4242 {NOBODY}"));
}

#[test]
#[ignore = "root"]
fn the_group_can_be_another_than_that_of_the_user() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["--uid", "nobody", "--gid", "daemon", "fast.toml"]);
    assert_field(daemon.pid, "Uid", &four_times(NOBODY));
    assert_field(daemon.pid, "Gid", &four_times(1));
    assert_field(daemon.pid, "Groups", "1");
    assert_no_capabilities(daemon.pid);
}

#[test]
#[ignore = "root"]
fn gid_alone_keeps_the_user_and_drops_all_other_groups() {
    let sandbox = Sandbox::new();
    let command = sandbox.poetryd(&["--gid", "nogroup", "fast.toml"]);
    let daemon = start(&sandbox, through(&["setpriv", "--groups", "4,6"], &command));
    assert_field(daemon.pid, "Uid", &four_times(0));
    assert_field(daemon.pid, "Gid", &four_times(NOBODY));
    assert_field(daemon.pid, "Groups", &NOBODY.to_string());
    assert_field(daemon.pid, "NoNewPrivs", "1");
}

#[test]
#[ignore = "root"]
fn euid_leaves_the_way_back_open() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["--uid", "nobody", "--euid", "fast.toml"]);
    // Real, effective, saved, and that for files, which follows the effective one.
    let effective_only = format!("0 {NOBODY} 0 {NOBODY}");
    assert_field(daemon.pid, "Uid", &effective_only);
    assert_field(daemon.pid, "Gid", &effective_only);
    assert_field(daemon.pid, "Groups", &NOBODY.to_string());
    assert_field(daemon.pid, "CapEff", "0000000000000000");
    assert_field(daemon.pid, "NoNewPrivs", "0");
    assert_eq!(fetch(address_in(&sandbox.read("poetryd.log"), "fast")).unwrap(), ECSTASY);
}

#[test]
#[ignore = "root"]
fn a_number_without_a_passwd_entry_is_a_user_when_the_group_is_said() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["--uid", STRANGER, "--gid", STRANGER, "fast.toml"]);
    assert_field(daemon.pid, "Uid", &four_times(STRANGER));
    assert_field(daemon.pid, "Gid", &four_times(STRANGER));
    assert_field(daemon.pid, "Groups", STRANGER);
    assert_no_capabilities(daemon.pid);
}

/// The command where there is neither a passwd file nor a group file, nor anything else in `/etc`.
fn where_nobody_is_known(command: &Command) -> Command {
    let script = "mount -t tmpfs none /etc && exec \"$0\" \"$@\"";
    through(&["unshare", "--mount", "sh", "-c", script], command)
}

#[test]
#[ignore = "root"]
fn two_numbers_need_no_passwd_file() {
    let nobody = NOBODY.to_string();
    let in_file = format!("[daemon]\nuid = {NOBODY}\ngid = {NOBODY}");
    for (args, file) in [(&["--uid", &nobody, "--gid", &nobody][..], ""), (&[], &in_file)] {
        let sandbox = Sandbox::new();
        sandbox.write("fast.toml", &fast_toml(file));
        let command = sandbox.poetryd(&[args, &["fast.toml"]].concat());
        let daemon = start(&sandbox, where_nobody_is_known(&command));
        assert_field(daemon.pid, "Uid", &four_times(NOBODY));
        assert_field(daemon.pid, "Gid", &four_times(NOBODY));
        assert_field(daemon.pid, "Groups", &nobody);
        assert_no_capabilities(daemon.pid);
    }
}

#[test]
#[ignore = "root"]
fn two_numbers_are_taken_as_they_are_without_the_groups_of_a_user_of_that_number() {
    let sandbox = Sandbox::new();
    let nobody = NOBODY.to_string();
    let command = sandbox.poetryd(&["--uid", &nobody, "--gid", &nobody, "fast.toml"]);
    let daemon = start(&sandbox, where_nobody_is_a_poet(&sandbox, &command));
    assert_field(daemon.pid, "Groups", &nobody);
}

#[test]
#[ignore = "root"]
fn without_a_passwd_file_nobody_is_known() {
    let sandbox = Sandbox::new();
    for (option, value, part) in [
        ("--uid", "nobody", "there is no user named \"nobody\""),
        ("--uid", "65534", "set the group as well, with --gid"),
        ("--gid", "nogroup", "there is no group named \"nogroup\""),
    ] {
        let command = sandbox.poetryd(&[option, value, "fast.toml"]);
        let output = run(where_nobody_is_known(&command));
        assert_eq!(output.status.code(), Some(2), "{option} {value}");
        assert!(stderr(&output).contains(part), "no {part:?} in {}", stderr(&output));
    }
}

#[test]
fn a_number_without_a_passwd_entry_needs_a_group() {
    let sandbox = Sandbox::new();
    let before = sandbox.files();
    let output = sandbox.run(&["--uid", STRANGER, "fast.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let message = stderr(&output);
    assert!(message.contains(STRANGER) && message.contains("--gid"), "{message}");
    assert_eq!(sandbox.files(), before);
}

#[test]
fn an_unknown_user_or_group_is_a_wrong_command_line() {
    let sandbox = Sandbox::new();
    let before = sandbox.files();
    for option in ["--uid", "--gid"] {
        let output = sandbox.run(&[option, "no-such-poet", "fast.toml"]);
        assert_eq!(output.status.code(), Some(2), "{option}");
        assert!(stderr(&output).contains("\"no-such-poet\""), "{}", stderr(&output));
    }
    assert_eq!(sandbox.files(), before);
}

#[test]
fn euid_with_nobody_to_become_is_a_wrong_command_line() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(&["--euid", "fast.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--uid"), "{}", stderr(&output));
}

#[test]
fn only_root_may_ask_for_another_user() {
    let sandbox = Sandbox::new();
    sandbox.give_to_unprivileged();
    let output = run(sandbox.poetryd_unprivileged(&["--uid", "root", "fast.toml"]));
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(message.contains("can't become user root"), "{message}");
    assert!(message.contains("only root"), "{message}");
    assert!(!sandbox.path("poetryd.pid").exists(), "a pid file is left behind");
}

#[test]
fn whoever_it_is_already_needs_no_privilege_to_be_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.give_to_unprivileged();
    let uid = if is_root() { NOBODY } else { geteuid().as_raw() };
    let arguments = ["--uid", &uid.to_string(), "fast.toml"];
    let daemon = start(&sandbox, sandbox.poetryd_unprivileged(&arguments));
    assert_field(daemon.pid, "Uid", &four_times(uid));
    assert_field(daemon.pid, "NoNewPrivs", "1");
}

#[test]
#[ignore = "root"]
fn users_and_groups_are_looked_up_before_the_change_of_root() {
    let sandbox = Sandbox::new();
    // A root directory with no /etc in it at all.
    fs::create_dir(sandbox.path("jail")).unwrap();
    fs::rename(sandbox.path("poetry"), sandbox.path("jail/poetry")).unwrap();
    let arguments =
        ["--chroot", "jail", "--uid", "nobody", "--pidfile", "/pid", "--logfile", "/log"];
    let command = sandbox.poetryd(&[&arguments[..], &["fast.toml"]].concat());
    let output = run(where_nobody_is_a_poet(&sandbox, &command));
    assert!(output.status.success(), "{}", stderr(&output));
    let daemon = Background::of(&sandbox.path("jail/pid"));
    assert_field(daemon.pid, "Uid", &four_times(NOBODY));
    assert_field(daemon.pid, "Groups", &format!("4242 {NOBODY}"));
}
