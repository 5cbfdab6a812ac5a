//! Groups and capabilities that whoever starts the daemon has left in the process.

use crate::support::{
    Background, ECSTASY, NOBODY, Sandbox, address_in, fetch, run, status_of, stderr, through,
};
use crate::{NO_CAPABILITY, assert_field, assert_no_capabilities, four_times};
use std::process::Output;

const OWN_GROUP: &[&str] = &["--groups", "65534"];

/// Starts `fast.toml` by way of setpriv(1), in a directory of nobody's.
fn start_by(setpriv: &[&str], sandbox: &Sandbox, args: &[&str]) -> Output {
    sandbox.give_to_unprivileged();
    let command = sandbox.poetryd_unprivileged(&[args, &["fast.toml"]].concat());
    run(through(&[&["setpriv"], setpriv].concat(), &command))
}

/// As `start_by`, where the process is nobody from the beginning, with these groups and capabilities.
fn start_as_nobody(groups: &[&str], capabilities: &str, sandbox: &Sandbox) -> Output {
    let ids = ["--reuid", "65534", "--regid", "65534"];
    let sets = ["--inh-caps", capabilities, "--ambient-caps", capabilities];
    start_by(&[&ids, groups, &sets].concat(), sandbox, &["--uid", "nobody"])
}

fn daemon(sandbox: &Sandbox, start: &Output) -> Background {
    assert!(start.status.success(), "{}", stderr(start));
    Background::of(&sandbox.path("poetryd.pid"))
}

fn assert_is_nobody(daemon: &Background) {
    assert_field(daemon.pid, "Uid", &four_times(NOBODY));
    assert_field(daemon.pid, "Gid", &four_times(NOBODY));
    assert_field(daemon.pid, "Groups", &NOBODY.to_string());
    assert_field(daemon.pid, "NoNewPrivs", "1");
}

#[test]
#[ignore = "root"]
fn whoever_is_the_user_already_loses_groups_and_capabilities_too() {
    let sandbox = Sandbox::new();
    let capabilities = "+setuid,+setgid,+setpcap,+dac_override";
    let start = start_as_nobody(&["--groups", "0,4"], capabilities, &sandbox);
    let daemon = daemon(&sandbox, &start);
    assert_is_nobody(&daemon);
    assert_no_capabilities(daemon.pid);
    assert_eq!(fetch(address_in(&sandbox.read("poetryd.log"), "fast")).unwrap(), ECSTASY);
}

#[test]
#[ignore = "root"]
fn groups_that_can_not_be_given_up_are_an_error() {
    let sandbox = Sandbox::new();
    let start = start_as_nobody(&["--groups", "0,4"], "+setuid,+dac_override", &sandbox);
    assert_eq!(start.status.code(), Some(1));
    for part in ["can't become user nobody", "setgroups"] {
        assert!(stderr(&start).contains(part), "no {part:?} in {}", stderr(&start));
    }
    assert!(!sandbox.path("poetryd.pid").exists(), "a pid file is left behind");
}

#[test]
#[ignore = "root"]
fn groups_that_are_right_need_no_privilege() {
    let sandbox = Sandbox::new();
    let start = start_as_nobody(OWN_GROUP, "+setuid,+dac_override", &sandbox);
    let daemon = daemon(&sandbox, &start);
    assert_is_nobody(&daemon);
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_field(daemon.pid, set, NO_CAPABILITY);
    }
    // It takes CAP_SETPCAP to empty this one, from which no_new_privs lets nothing be gained.
    assert_ne!(status_of(daemon.pid, "CapBnd"), NO_CAPABILITY);
}

#[test]
#[ignore = "root"]
fn inheritable_capabilities_of_root_are_given_up() {
    let sandbox = Sandbox::new();
    let sets = ["--inh-caps", "+setuid,+dac_override", "--ambient-caps", "+setuid,+dac_override"];
    let start = start_by(&sets, &sandbox, &["--uid", "nobody"]);
    let daemon = daemon(&sandbox, &start);
    assert_is_nobody(&daemon);
    assert_no_capabilities(daemon.pid);
}

/// With this bit a change of the user does not take any capability away.
#[test]
#[ignore = "root"]
fn capabilities_that_outlive_a_change_of_the_user_are_given_up() {
    let sandbox = Sandbox::new();
    let bits = ["--securebits", "+no_setuid_fixup"];
    let daemon = daemon(&sandbox, &start_by(&bits, &sandbox, &["--uid", "nobody"]));
    assert_is_nobody(&daemon);
    assert_no_capabilities(daemon.pid);
}

#[test]
#[ignore = "root"]
fn with_euid_only_what_coming_back_needs_is_kept() {
    let sandbox = Sandbox::new();
    let sets = ["--inh-caps", "+setuid,+dac_override", "--ambient-caps", "+setuid,+dac_override"];
    let start = start_by(&sets, &sandbox, &["--uid", "nobody", "--euid"]);
    let daemon = daemon(&sandbox, &start);
    for set in ["CapInh", "CapEff", "CapAmb"] {
        assert_field(daemon.pid, set, NO_CAPABILITY);
    }
    for set in ["CapPrm", "CapBnd"] {
        assert_field(daemon.pid, set, &status_of(nix::unistd::getpid(), set));
    }
    assert_field(daemon.pid, "NoNewPrivs", "0");
}

#[test]
#[ignore = "root"]
fn without_uid_capabilities_stay_as_they_are() {
    let sandbox = Sandbox::new();
    let ids = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
    let sets = ["--inh-caps", "+net_bind_service", "--ambient-caps", "+net_bind_service"];
    let daemon = daemon(&sandbox, &start_by(&[&ids[..], &sets].concat(), &sandbox, &[]));
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_field(daemon.pid, set, "0000000000000400");
    }
    assert_field(daemon.pid, "NoNewPrivs", "1");
}

#[test]
#[ignore = "root"]
fn a_gid_alone_leaves_the_groups_of_a_user_other_than_root_too() {
    let ids = ["--reuid", "65534", "--regid", "65534", "--groups", "0,4"];
    let sets = ["--inh-caps", "+setgid", "--ambient-caps", "+setgid"];
    let sandbox = Sandbox::new();
    let start = start_by(&[&ids[..], &sets].concat(), &sandbox, &["--gid", "65534"]);
    let able = daemon(&sandbox, &start);
    assert_field(able.pid, "Groups", "65534");
    let sandbox = Sandbox::new();
    let unable = start_by(&ids, &sandbox, &["--gid", "65534"]);
    assert_eq!(unable.status.code(), Some(1));
    assert!(stderr(&unable).contains("setgroups"), "{}", stderr(&unable));
}
