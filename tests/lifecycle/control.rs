//! `poetryd status` and `poetryd stop`.

use crate::launch::{Launch, assert_nothing_left};
use crate::support::{
    Background, LIMIT, Sandbox, address_in, command, fast_toml, run, stderr, stdout, until,
};
use nix::sys::signal::Signal;
use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

#[test]
fn status_of_a_running_daemon_says_its_pid_and_exits_0() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["fast.toml"]);
    let output = sandbox.run(&["status"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains(&format!(" is running with pid {}", daemon.pid)));
    assert!(daemon.is_running());
}

#[test]
fn a_library_program_learns_the_pid_as_a_plain_number() {
    let sandbox = Sandbox::new();
    let running = || poetryd::daemon::running(&sandbox.path("poetryd.pid")).unwrap();
    assert_eq!(running(), None::<u32>);
    let daemon = sandbox.background(&["fast.toml"]);
    assert_eq!(running(), Some(daemon.pid.as_raw().unsigned_abs()));
}

#[test]
fn status_finds_a_daemon_in_the_foreground_too() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.foreground();
    assert!(
        stdout(&sandbox.run(&["status"]))
            .contains(&format!(" is running with pid {}", daemon.pid()))
    );
}

#[test]
fn where_no_daemon_runs_status_and_stop_exit_3() {
    for stale in [None, Some("")] {
        let sandbox = Sandbox::new();
        stale.iter().for_each(|content| sandbox.write("poetryd.pid", content));
        let files = sandbox.files();
        for command in ["status", "stop"] {
            let output = sandbox.run(&[command]);
            assert_eq!(output.status.code(), Some(3), "{command}: {}", stderr(&output));
            assert!(stderr(&output).contains("not running"), "{}", stderr(&output));
        }
        assert_eq!(sandbox.files(), files, "asking changed something");
    }
}

#[test]
fn in_the_wrong_directory_status_and_stop_say_which_pid_file_they_looked_at_and_what_to_name() {
    let (sandbox, elsewhere) = (Sandbox::new(), Sandbox::new());
    let daemon = sandbox.background(&["fast.toml"]);
    fs::create_dir(elsewhere.path("run")).unwrap();
    for (args, looked_at) in [
        (&["status"][..], "poetryd.pid"),
        (&["stop"], "poetryd.pid"),
        (&["stop", "--now"], "poetryd.pid"),
        (&["status", "--rundir", "run"], "run/poetryd.pid"),
        (&["status", "--pidfile", "other.pid"], "other.pid"),
    ] {
        let output = elsewhere.run(args);
        assert_eq!(output.status.code(), Some(3), "{args:?}");
        let looked_at = elsewhere.path(looked_at);
        for part in [looked_at.to_str().unwrap(), "application file", "--rundir", "--pidfile"] {
            assert!(stderr(&output).contains(part), "no {part:?} in {}", stderr(&output));
        }
    }
    assert!(daemon.is_running());
}

#[test]
fn stop_does_not_touch_the_process_whose_number_is_in_a_stale_pid_file() {
    let sandbox = Sandbox::new();
    let mut innocent = command("sleep").arg("60").spawn().unwrap();
    sandbox.write("poetryd.pid", &format!("{}\n", innocent.id()));
    let asked = [&["status"][..], &["stop"], &["stop", "--now"]];
    let statuses = asked.map(|args| sandbox.run(args).status.code());
    let lives = innocent.try_wait().unwrap().is_none();
    innocent.kill().unwrap();
    innocent.wait().unwrap();
    assert_eq!(statuses, [Some(3); 3]);
    assert!(lives, "it was stopped");
}

#[test]
fn stop_returns_when_the_process_has_ended() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["fast.toml"]);
    let output = sandbox.run(&["stop"]);
    assert!(!daemon.is_running(), "it still runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), format!("poetryd with pid {} has stopped\n", daemon.pid));
    assert_nothing_left(&sandbox);
}

#[test]
fn stop_waits_while_a_poem_is_being_finished() {
    let sandbox = Sandbox::new();
    let poem = "of more than the kernel takes at once\n".repeat(1_000_000).into_bytes();
    fs::write(sandbox.path("poetry/ecstasy.txt"), &poem).unwrap();
    let daemon = sandbox.background(&["fast.toml"]);
    let mut reader = TcpStream::connect(address_in(&sandbox.read("poetryd.log"), "fast")).unwrap();
    reader.set_read_timeout(Some(LIMIT)).unwrap();
    let mut read = vec![0; 1];
    reader.read_exact(&mut read).unwrap();

    let mut stop = Launch::start(&sandbox, sandbox.poetryd(&["stop"]));
    until("the stop", || sandbox.read("poetryd.log").contains("received SIGTERM"));
    assert!(!stop.has_ended() && daemon.is_running());
    reader.read_to_end(&mut read).unwrap();
    assert!(read == poem, "{} of {} bytes came", read.len(), poem.len());
    drop(reader);
    assert!(stop.wait().0.success());
    assert!(!daemon.is_running());
}

/// The ten seconds beyond the stop timeout are for what a daemon does after it.
#[test]
fn a_daemon_that_does_not_stop_is_not_waited_for_any_longer_than_its_stop_may_take() {
    let sandbox = Sandbox::new();
    sandbox.write("poetryd.toml", &fast_toml("[daemon]\nstop-timeout = 0.25"));
    let daemon = sandbox.background(&[]);
    daemon.signal(Signal::SIGSTOP);
    let stop = sandbox.run(&["stop"]);
    assert_eq!(stop.status.code(), Some(1), "{}", stderr(&stop));
    let wake = format!("kill -CONT {}", daemon.pid);
    for part in [&format!("pid {} ", daemon.pid), "10.25 s", "suspended", &wake, "stop --now"] {
        assert!(stderr(&stop).contains(part), "no {part:?} in {}", stderr(&stop));
    }
    assert!(daemon.is_running());
    daemon.signal(Signal::SIGCONT);
    daemon.wait();
    assert_nothing_left(&sandbox);
}

#[test]
fn stop_now_kills_a_daemon_that_does_not_stop_and_the_next_one_starts() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["fast.toml"]);
    daemon.signal(Signal::SIGSTOP);
    let files = sandbox.files();
    let stop = sandbox.run(&["stop", "--now"]);
    assert!(!daemon.is_running(), "it still runs");
    assert_eq!(stop.status.code(), Some(0), "{}", stderr(&stop));
    assert_eq!(stdout(&stop), format!("poetryd with pid {} was killed\n", daemon.pid));
    assert_eq!(sandbox.files(), files);
    assert!(!sandbox.read("poetryd.log").contains(Signal::SIGTERM.as_str()));
    assert_eq!(sandbox.run(&["status"]).status.code(), Some(3));
    sandbox.background(&["fast.toml"]);
}

#[test]
fn only_a_stop_can_be_now() {
    let output = Sandbox::new().run(&["status", "--now"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn from_elsewhere_a_daemon_is_found_by_its_pid_file() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["fast.toml"]);
    stops_from_elsewhere(&daemon, &["--pidfile", path(&sandbox, "poetryd.pid").as_str()]);
}

#[test]
fn from_elsewhere_a_daemon_is_found_by_its_rundir() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["fast.toml"]);
    stops_from_elsewhere(&daemon, &["--rundir", path(&sandbox, "").as_str()]);
}

#[test]
fn from_elsewhere_a_daemon_is_found_by_its_application_file() {
    let sandbox = Sandbox::new();
    let daemon = background_elsewhere(&sandbox, "app.toml");
    stops_from_elsewhere(&daemon, &[path(&sandbox, "app.toml").as_str()]);
}

#[test]
fn the_default_application_file_of_a_rundir_says_where_its_pid_file_is() {
    let sandbox = Sandbox::new();
    sandbox.write("poetryd.toml", &fast_toml("[daemon]\npidfile = \"own.pid\""));
    assert!(sandbox.run(&[]).status.success());
    let daemon = Background::of(&sandbox.path("own.pid"));
    stops_from_elsewhere(&daemon, &["--rundir", path(&sandbox, "").as_str()]);
}

#[test]
fn a_daemon_without_a_pid_file_can_not_be_asked_for() {
    let sandbox = Sandbox::new();
    for command in ["status", "stop"] {
        let output = sandbox.run(&[command, "--pidfile", ""]);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    }
}

#[test]
fn a_pid_file_that_may_not_be_read_makes_status_and_stop_exit_4() {
    let sandbox = Sandbox::new();
    sandbox.write("poetryd.pid", "4711\n");
    fs::set_permissions(sandbox.path("poetryd.pid"), fs::Permissions::from_mode(0o000)).unwrap();
    for command in ["status", "stop"] {
        let output = run(sandbox.poetryd_unprivileged(&[command]));
        assert_eq!(output.status.code(), Some(4), "{command}: {}", stderr(&output));
    }
}

#[test]
#[ignore = "root"] // for a daemon of another user
fn the_daemon_of_another_user_can_be_asked_about_but_not_stopped() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["fast.toml"]);
    let status = run(sandbox.poetryd_unprivileged(&["status"]));
    assert_eq!(stdout(&status), format!("poetryd is running with pid {}\n", daemon.pid));
    for args in [&["stop"][..], &["stop", "--now"]] {
        let stop = run(sandbox.poetryd_unprivileged(args));
        assert_eq!(stop.status.code(), Some(4), "{}", stderr(&stop));
        assert!(stderr(&stop).contains("no permission"), "{}", stderr(&stop));
    }
    assert!(daemon.is_running());
    assert!(!sandbox.read("poetryd.log").contains(Signal::SIGTERM.as_str()));
}

fn path(sandbox: &Sandbox, name: &str) -> String {
    sandbox.path(name).to_str().unwrap().to_owned()
}

/// Starts a daemon whose application file sends it, and its pid file, to places of their own.
fn background_elsewhere(sandbox: &Sandbox, file: &str) -> Background {
    fs::create_dir(sandbox.path("run")).unwrap();
    fs::rename(sandbox.path("poetry"), sandbox.path("run/poetry")).unwrap();
    let daemon = format!("[daemon]\nrundir = {:?}\npidfile = \"own.pid\"", sandbox.path("run"));
    sandbox.write(file, &fast_toml(&daemon));
    let output = sandbox.run(&[file]);
    assert!(output.status.success(), "{}", stderr(&output));
    Background::of(&sandbox.path("run/own.pid"))
}

/// Asks for the status and then for the stop, from a directory that has nothing to do with the daemon.
fn stops_from_elsewhere(daemon: &Background, args: &[&str]) {
    let elsewhere = Sandbox::new();
    let ask = |command| run(elsewhere.poetryd(&[&[command], args].concat()));
    let status = ask("status");
    let running = format!(" is running with pid {}", daemon.pid);
    assert!(stdout(&status).contains(&running), "{}", stderr(&status));
    let stop = ask("stop");
    assert_eq!(stop.status.code(), Some(0), "{}", stderr(&stop));
    assert!(!daemon.is_running());
}

#[test]
fn a_number_that_is_not_the_daemons_is_nobody_to_stop() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["fast.toml"]);
    let mut innocent = command("sleep").arg("60").spawn().unwrap();
    sandbox.write("poetryd.pid", &format!("{}\n", innocent.id()));
    for args in [&["status"][..], &["stop"], &["stop", "--now"]] {
        let output = sandbox.run(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(stderr(&output).contains("is not that of the daemon that holds the file"));
    }
    assert!(innocent.try_wait().unwrap().is_none(), "somebody else's process was stopped");
    innocent.kill().unwrap();
    innocent.wait().unwrap();
    assert!(daemon.is_running());
}

#[test]
fn one_file_can_not_be_both_pid_file_and_log() {
    let output = Sandbox::new().run(&["--pidfile", "same", "--logfile", "same", "fast.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("the pid file and the log file are both"));
}
