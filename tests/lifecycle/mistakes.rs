//! Wrong command lines and configurations: exit status 2, before any fork.

use crate::support::{Sandbox, fast_toml, run, stderr, stdout, through};
use nix::sys::resource::{Resource, setrlimit};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

#[test]
fn wrong_command_lines_end_before_any_fork() {
    for (args, part) in [
        (&["--no-such-option", "fast.toml"][..], "--no-such-option"),
        (&["--umask", "999", "fast.toml"], "999"),
        (&["--stop-timeout", "soon", "fast.toml"], "soon"),
        (&["--log-level", "loud", "fast.toml"], "loud"),
        (&["--log-format", "xml", "fast.toml"], "xml"),
        (&["--logfile"], "--logfile"),
        (&["--logfile", "a.log", "--syslog", "fast.toml"], "--syslog"),
        (&["--euid", "fast.toml"], "--euid"),
        (&["fast.toml", "poetry/ecstasy.txt"], "poetry/ecstasy.txt"),
        (&["fast.toml", "--nodaemon", "again"], "--nodaemon"),
        (&["nowhere/fast.toml"], "nowhere/fast.toml"),
        (&["statsu"], "status"),
    ] {
        assert_mistake(&Sandbox::new(), args, part);
    }
}

#[test]
fn a_daemon_may_not_log_to_standard_output() {
    assert_is_refused(&Sandbox::new(), &["--logfile", "-", "fast.toml"], "--nodaemon");
}

/// A detaching process ends, and with process 1 all others of its container.
#[test]
#[ignore = "root"] // for unshare
fn process_1_may_not_detach() {
    let sandbox = Sandbox::new();
    let before = sandbox.files();
    let as_process_1 = |args: &[&str]| {
        run(through(&["unshare", "--pid", "--fork", "--kill-child"], &sandbox.poetryd(args)))
    };
    let output = as_process_1(&["fast.toml"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    for part in ["process 1", "container", "--nodaemon"] {
        assert!(stderr(&output).contains(part), "no {part:?} in {}", stderr(&output));
    }
    assert_eq!(sandbox.files(), before);
    let output = as_process_1(&["check", "fast.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn wrong_configurations_end_before_any_fork() {
    for (text, part) in [
        ("name = ".to_owned(), "wrong.toml:1:8"),
        (fast_toml("colour = \"red\""), "colour"),
        (fast_toml("").replace("port = 0", "port = 70000"), "70000"),
        (fast_toml("").replace("kind = \"tcp\"", "kind = \"tpc\""), "tpc"),
        (fast_toml("").replace("poem = \"ecstasy\"", "poem = \"agony\""), "agony"),
        (fast_toml("[daemon]\numask = \"abc\""), "umask"),
        (String::new(), "wrong.toml"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("wrong.toml", &text);
        assert_mistake(&sandbox, &["wrong.toml"], part);
    }
}

#[test]
fn unknown_users_and_groups_end_before_any_fork() {
    for args in [["--uid", "no-such-user"], ["--gid", "no-such-group"], ["--uid", "4294967295"]] {
        assert_mistake(&Sandbox::new(), &[&args[..], &["fast.toml"]].concat(), args[1]);
    }
    for key in ["uid", "gid"] {
        let sandbox = Sandbox::new();
        let daemon = format!("[daemon]\n{key} = \"no-such-name\"");
        sandbox.write("wrong.toml", &fast_toml(&daemon));
        assert_mistake(&sandbox, &["wrong.toml"], "no-such-name");
    }
}

/// Shows that the other tests of this file would notice a fork.
#[test]
fn a_start_without_mistakes_fails_where_forks_are_forbidden() {
    let sandbox = Sandbox::new();
    sandbox.give_to_unprivileged();
    let output = run_without_forks(sandbox.poetryd_unprivileged(&["fast.toml"]));
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("can't detach"), "{said}");
}

fn assert_mistake(sandbox: &Sandbox, args: &[&str], part: &str) {
    assert_is_refused(sandbox, args, part);
    assert_is_refused(sandbox, &[&["--nodaemon"], args].concat(), part);
}

/// The program must say `part`, exit with 2, and leave the directory as it was, without ever forking.
fn assert_is_refused(sandbox: &Sandbox, args: &[&str], part: &str) {
    sandbox.give_to_unprivileged();
    let command = sandbox.poetryd_unprivileged(args);
    let before = sandbox.files();
    let output = run_without_forks(command);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    assert!(said.contains(part), "{args:?}: no {part:?} in {said}");
    assert_eq!(stdout(&output), "", "{args:?}");
    assert_eq!(sandbox.files(), before, "{args:?}");
}

/// With no process more allowed to the user. Root is above such limits.
fn run_without_forks(mut command: Command) -> Output {
    let forbid = || Ok(setrlimit(Resource::RLIMIT_NPROC, 0, 0)?);
    // SAFETY: between fork and exec only this system call is made.
    unsafe { command.pre_exec(forbid) };
    run(command)
}
