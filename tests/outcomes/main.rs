//! How a daemon ended, as `stop` learns it: by its exit status, and by what it says.
//!
//! The daemon is this program itself, with a service that stops as a test wants it.

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/functions.rs"]
mod functions;

mod program;

use functions::{Test, run_tests, tests};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, ExitCode, Output};
use support::{Background, Sandbox, command, is_root, run, stderr, stdout, until};

const TESTS: &[Test] = tests![
    a_stop_that_went_well_exits_0,
    a_service_that_fails_to_stop_makes_stop_exit_1_with_the_reason,
    a_reason_of_several_lines_is_said_in_one,
    a_service_that_does_not_stop_makes_stop_exit_1_with_the_reason,
    a_second_stop_learns_the_outcome_too,
    a_daemon_that_is_killed_meanwhile_has_not_stopped,
    lines_that_the_log_could_not_take_at_the_end_make_stop_exit_1,
    a_daemon_that_may_not_remove_its_pid_file_tells_the_outcome_and_leaves_it_empty,
    somebody_who_only_locks_the_pid_file_does_not_keep_the_daemon_from_ending,
    stop_now_does_not_ask_how_the_daemon_ended,
];

fn main() -> ExitCode {
    if std::env::var_os(program::STOP).is_some() {
        return program::run();
    }
    run_tests(TESTS, &[])
}

/// The daemon, in the background, whose service stops in this way.
fn start(sandbox: &Sandbox, stop: &str, options: &[&str]) -> Background {
    let output = run(keeper(sandbox, stop, options));
    assert!(output.status.success(), "{}", stderr(&output));
    Background::of(&sandbox.path("keeper.pid"))
}

fn keeper(sandbox: &Sandbox, stop: &str, args: &[&str]) -> Command {
    let mut command = command(std::env::current_exe().expect("this program has a name"));
    command.args(args).env(program::STOP, stop).current_dir(sandbox.path(""));
    command
}

fn stop(sandbox: &Sandbox) -> Output {
    run(keeper(sandbox, "-", &["stop"]))
}

/// Exit status 1, and all of this on standard error.
#[track_caller]
fn fails_with(output: &Output, parts: &[&str]) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{}{said}", stdout(output));
    for part in parts {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}

fn a_stop_that_went_well_exits_0() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, program::WELL, &[]);
    let output = stop(&sandbox);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), format!("keeper with pid {} has stopped\n", daemon.pid));
}

fn a_service_that_fails_to_stop_makes_stop_exit_1_with_the_reason() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "can't save: the disk is full", &[]);
    let pid = format!("pid {} ", daemon.pid);
    let parts = [&pid, "has stopped", "service store", "can't save: the disk is full"];
    fails_with(&stop(&sandbox), &parts);
    assert!(!daemon.is_running());
    assert!(!sandbox.path("keeper.pid").exists());
}

/// And what would do something to a terminal does nothing.
fn a_reason_of_several_lines_is_said_in_one() {
    let sandbox = Sandbox::new();
    let _daemon = start(&sandbox, "one\ntwo \u{1b}[31m red", &[]);
    let output = stop(&sandbox);
    fails_with(&output, &["one two", "red"]);
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    assert!(!stderr(&output).contains('\u{1b}'), "{}", stderr(&output));
}

fn a_service_that_does_not_stop_makes_stop_exit_1_with_the_reason() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, program::BLOCK, &["--stop-timeout", "0.1"]);
    fails_with(&stop(&sandbox), &["has stopped", "block their threads"]);
    assert!(!daemon.is_running());
}

fn a_second_stop_learns_the_outcome_too() {
    let sandbox = Sandbox::new();
    let _daemon = start(&sandbox, program::BLOCK, &["--stop-timeout", "0.5"]);
    let outputs = std::thread::scope(|scope| {
        [(); 2].map(|()| scope.spawn(|| stop(&sandbox))).map(|stop| stop.join().unwrap())
    });
    outputs.iter().for_each(|output| fails_with(output, &["block their threads"]));
}

fn a_daemon_that_is_killed_meanwhile_has_not_stopped() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, program::BLOCK, &[]);
    let output = std::thread::scope(|scope| {
        let stop = scope.spawn(|| stop(&sandbox));
        until("the stop", || sandbox.read("keeper.log").contains("received SIGTERM"));
        daemon.signal(Signal::SIGKILL);
        stop.join().unwrap()
    });
    fails_with(&output, &["killed", "crashed"]);
}

fn lines_that_the_log_could_not_take_at_the_end_make_stop_exit_1() {
    let sandbox = Sandbox::new();
    // Its start is written, and nothing after that.
    let _daemon = start(&sandbox, program::FULL_LOG, &[]);
    fails_with(&stop(&sandbox), &["log lines are lost"]);
}

/// Its directory belongs to root, who has started it.
fn a_daemon_that_may_not_remove_its_pid_file_tells_the_outcome_and_leaves_it_empty() {
    if !is_root() {
        return println!("not tested: only root can start a daemon as another user");
    }
    let sandbox = Sandbox::new();
    let options = ["--uid", "65534", "--gid", "65534"];
    for (how, failure) in [("can't save: 17 lines", true), (program::WELL, false)] {
        let daemon = start(&sandbox, how, &options);
        let output = stop(&sandbox);
        match failure {
            true => fails_with(&output, &["service store", "can't save: 17 lines"]),
            false => assert!(output.status.success(), "{}", stderr(&output)),
        }
        assert!(!daemon.is_running());
        assert_eq!(sandbox.read("keeper.pid"), "");
    }
}

fn somebody_who_only_locks_the_pid_file_does_not_keep_the_daemon_from_ending() {
    if !is_root() {
        return println!("not tested: only root can start a daemon as another user");
    }
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "can't save", &["--uid", "65534", "--gid", "65534"]);
    let file = fs::File::open(sandbox.path("keeper.pid")).unwrap();
    let (l_type, l_whence) = (libc::F_RDLCK as i16, libc::SEEK_SET as i16);
    let lock = libc::flock { l_type, l_whence, l_start: 2, l_len: 1, l_pid: 0 };
    nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_OFD_SETLK(&lock)).unwrap();
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
    assert_eq!(sandbox.read("keeper.pid"), "");
    let mode = fs::metadata(sandbox.path("keeper.pid")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}

fn stop_now_does_not_ask_how_the_daemon_ended() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, program::BLOCK, &[]);
    let output = run(keeper(&sandbox, "-", &["stop", "--now"]));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), format!("keeper with pid {} was killed\n", daemon.pid));
}
