//! The pid file keeps a second daemon out, and only a running one.

use crate::launch::{Launch, processes_in};
use crate::support::{
    Background, ECSTASY, Sandbox, address_in, fetch, run, stderr, stdout, through, until,
};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::ExitStatus;
use std::sync::Barrier;
use std::thread;

#[test]
fn a_second_start_is_refused_with_the_running_pid_and_changes_nothing() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["fast.toml"]);
    let state =
        |name| (sandbox.read(name), fs::metadata(sandbox.path(name)).unwrap().modified().unwrap());
    let (pid_file, log, files) = (state("poetryd.pid"), state("poetryd.log"), sandbox.files());
    for args in [&["fast.toml"][..], &["--nodaemon", "fast.toml"]] {
        let output = sandbox.run(args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("already running with pid {} ", daemon.pid)), "{said}");
    }
    assert_eq!(state("poetryd.pid"), pid_file);
    assert_eq!(state("poetryd.log"), log);
    assert_eq!(sandbox.files(), files);
    assert_eq!(fetch(address_in(&log.0, "fast")).unwrap(), ECSTASY);
}

#[test]
fn a_pid_file_of_a_killed_daemon_does_not_block_a_start() {
    let sandbox = Sandbox::new();
    let killed = sandbox.background(&["fast.toml"]);
    killed.signal(Signal::SIGKILL);
    killed.wait();
    assert_eq!(sandbox.read("poetryd.pid"), format!("{}\n", killed.pid));
    let daemon = sandbox.background(&["fast.toml"]);
    assert_ne!(daemon.pid, killed.pid);
    assert_eq!(sandbox.read("poetryd.pid"), format!("{}\n", daemon.pid));
}

#[test]
fn a_stale_pid_file_does_not_block_a_start_even_if_its_number_is_somebody_elses() {
    let sandbox = Sandbox::new();
    sandbox.write("poetryd.pid", &format!("{}\n", std::process::id()));
    let daemon = sandbox.background(&["fast.toml"]);
    assert_eq!(sandbox.read("poetryd.pid"), format!("{}\n", daemon.pid));
}

#[test]
fn an_empty_pid_file_and_one_with_any_number_do_not_block_a_start() {
    for content in ["", "0\n", "007\n", "4294967295\n"] {
        let sandbox = Sandbox::new();
        sandbox.write("poetryd.pid", content);
        let daemon = sandbox.background(&["fast.toml"]);
        assert_eq!(sandbox.read("poetryd.pid"), format!("{}\n", daemon.pid), "after {content:?}");
    }
}

#[test]
fn a_file_that_does_not_look_like_a_pid_file_is_refused_and_left_as_it_was() {
    let long = "1".repeat(10_000_000);
    for content in
        ["\n", "-1\n", "+1\n", " 1\n", "1", "1\n\n", "1\n2\n", "4294967296\n", "One\n", "\0", &long]
    {
        let sandbox = Sandbox::new();
        sandbox.write("precious", content);
        assert_pid_file_refused(&sandbox, "precious", "it does not look like a pid file (");
    }
}

#[test]
fn a_poem_and_an_application_file_are_refused_as_pid_files() {
    let sandbox = Sandbox::new();
    for name in ["poetry/ecstasy.txt", "fast.toml"] {
        assert_pid_file_refused(&sandbox, name, "it does not look like a pid file (");
    }
}

#[test]
fn a_pid_file_of_two_names_is_refused_and_left_as_it_was() {
    for content in ["", "4711\n"] {
        let sandbox = Sandbox::new();
        sandbox.write("precious", content);
        fs::hard_link(sandbox.path("precious"), sandbox.path("poetryd.pid")).unwrap();
        assert_pid_file_refused(&sandbox, "poetryd.pid", "hard link");
        assert_eq!(sandbox.read("precious"), content);
    }
}

/// A start with this pid file must fail, name it and the reason, and leave everything as it was.
fn assert_pid_file_refused(sandbox: &Sandbox, name: &str, reason: &str) {
    let (before, files) = (sandbox.read(name), sandbox.files());
    for mode in [&[][..], &["--nodaemon"]] {
        let output = sandbox.run(&[mode, &["--pidfile", name, "fast.toml"]].concat());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let named = format!("can't use the pid file {}: ", sandbox.path(name).display());
        assert!(said.contains(&named) && said.contains(reason), "{said}");
    }
    assert!(sandbox.read(name) == before, "{name} was changed");
    assert_eq!(sandbox.files(), files);
    assert_eq!(processes_in(&sandbox.path("")), []);
}

#[test]
fn a_pid_file_that_is_a_symbolic_link_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("precious", "do not touch\n");
    for target in ["precious", "not-there"] {
        let link = sandbox.path("poetryd.pid");
        symlink(target, &link).unwrap();
        let output = sandbox.run(&["fast.toml"]);
        assert_eq!(output.status.code(), Some(1), "to {target}");
        assert!(stderr(&output).contains("symbolic link"), "{}", stderr(&output));
        assert!(link.is_symlink(), "the link to {target} is gone");
        fs::remove_file(link).unwrap();
    }
    assert_eq!(sandbox.read("precious"), "do not touch\n");
    assert!(!sandbox.path("not-there").exists());
    assert_eq!(processes_in(&sandbox.path("")), []);
}

#[test]
fn of_two_starts_at_the_same_instant_exactly_one_runs() {
    let sandbox = Sandbox::new();
    for round in 0..50 {
        // Every other time a stale file lies there.
        if round % 2 == 1 {
            sandbox.write("poetryd.pid", &format!("{}\n", std::process::id()));
        }
        let outcomes = start_twice_at_once(&sandbox);
        let exits: Vec<Option<i32>> = outcomes.iter().map(|(status, _)| status.code()).collect();
        assert!(matches!(exits[..], [Some(0), Some(1)] | [Some(1), Some(0)]), "{outcomes:?}");

        let winner = Background::of(&sandbox.path("poetryd.pid"));
        until("one process", || processes_in(&sandbox.path("")) == [winner.pid]);
        let refused = &outcomes[exits.iter().position(|exit| *exit == Some(1)).unwrap()].1;
        let reason = format!("already running with pid {} ", winner.pid);
        assert!(refused.contains(&reason), "no {reason:?} in {refused}");
        winner.signal(Signal::SIGTERM);
        winner.wait();
    }
}

/// Their exit statuses, and what they said.
fn start_twice_at_once(sandbox: &Sandbox) -> Vec<(ExitStatus, String)> {
    let both_here = Barrier::new(2);
    let start = || {
        let command = sandbox.poetryd(&["fast.toml"]);
        both_here.wait();
        let output = run(command);
        (output.status, stderr(&output))
    };
    thread::scope(|scope| {
        let starts = [scope.spawn(start), scope.spawn(start)];
        starts.map(|start| start.join().unwrap()).into()
    })
}

#[test]
fn a_start_right_after_a_stop_succeeds() {
    let sandbox = Sandbox::new();
    for _ in 0..20 {
        let daemon = sandbox.background(&["fast.toml"]);
        let mut stop = Launch::start(&sandbox, sandbox.poetryd(&["stop"]));
        let (status, said) = stop.wait();
        assert!(status.success(), "{said}");
        assert!(!daemon.is_running());
    }
}

#[test]
#[ignore = "strace"] // to hold the daemon up at one system call
fn while_a_stale_pid_file_is_taken_over_its_old_number_is_nobodys() {
    let sandbox = Sandbox::new();
    let stale = std::process::id().to_string();
    sandbox.write("poetryd.pid", &format!("{stale}\n"));
    // Between the lock and the new number there is always a moment; this makes it half a second.
    let delay = ["strace", "-qq", "-o", "trace", "-e", "inject=ftruncate:delay_enter=500000"];
    let command = sandbox.poetryd(&["--nodaemon", "fast.toml"]);
    let _daemon = Launch::start(&sandbox, through(&delay, &command));
    until("the daemon's own number", || {
        let status = sandbox.run(&["status"]);
        let said = stdout(&status) + &stderr(&status);
        assert!(!said.contains(&format!("pid {stale}\n")), "a stale number: {said}");
        status.status.success()
    });
}
