//! `--ready-fd`: whoever starts a daemon reads a newline when it serves.

use crate::launch::assert_nothing_left;
use crate::support::{Background, Foreground, Sandbox, fast_toml, fetch, run, stderr, stdout};
use nix::sys::signal::Signal;
use std::io::{PipeReader, Read, pipe};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The number that the descriptor has in the program.
const NUMBER: i32 = 9;

/// Leaves the other end of a pipe open in a command.
fn leave_open(command: &mut Command) -> PipeReader {
    let (reader, writer) = pipe().unwrap();
    let give = move || {
        // SAFETY: dup2 of a descriptor that is open onto a number that nobody in the child owns. A descriptor that has
        // this number already is left as it is, so that exec would close it: that flag is cleared in any case.
        match unsafe {
            (libc::dup2(writer.as_raw_fd(), NUMBER), libc::fcntl(NUMBER, libc::F_SETFD, 0))
        } {
            (NUMBER, 0) => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: between fork and exec only system calls are made.
    unsafe { command.pre_exec(give) };
    reader
}

/// What is read to the end: everybody has closed it then.
fn all_of(mut reader: PipeReader) -> String {
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn in_the_foreground_a_newline_is_written_and_the_descriptor_closed_when_it_serves() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.poetryd(&["--nodaemon", "--ready-fd", "9", "fast.toml"]);
    let reader = leave_open(&mut command);
    let daemon = Foreground::start(command); // the command, with the descriptor, is gone after that
    assert_eq!(all_of(reader), "\n");
    assert!(fetch(daemon.address("fast")).is_ok());
    daemon.stop();
}

#[test]
fn in_the_background_it_is_the_daemon_that_writes() {
    let sandbox = Sandbox::new();
    sandbox.write("fast.toml", &fast_toml("[daemon]\nready-fd = 9"));
    let mut command = sandbox.poetryd(&["fast.toml"]);
    let reader = leave_open(&mut command);
    let output = run(command);
    assert!(output.status.success(), "{}", stderr(&output));
    let daemon = Background::of(&sandbox.path("poetryd.pid"));
    assert_eq!(all_of(reader), "\n");
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
}

#[test]
fn a_start_that_fails_closes_it_without_a_newline() {
    for mode in [&["--nodaemon"][..], &[]] {
        let sandbox = Sandbox::new();
        std::fs::remove_file(sandbox.path("poetry/ecstasy.txt")).unwrap();
        let mut command = sandbox.poetryd(&[mode, &["--ready-fd", "9", "fast.toml"]].concat());
        let reader = leave_open(&mut command);
        assert_eq!(run(command).status.code(), Some(1));
        assert_eq!(all_of(reader), "");
        assert_nothing_left(&sandbox);
    }
}

#[test]
fn whoever_has_gone_meanwhile_is_not_told_and_the_daemon_serves() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.poetryd(&["--nodaemon", "--ready-fd", "9", "fast.toml"]);
    drop(leave_open(&mut command));
    let daemon = Foreground::start(command).ready();
    daemon.wait_for("warning: can't write to the descriptor of --ready-fd");
    daemon.stop();
}

#[test]
fn a_descriptor_that_is_not_open_is_an_error() {
    let sandbox = Sandbox::new();
    for mode in [&["--nodaemon"][..], &[]] {
        let output = sandbox.run(&[mode, &["--ready-fd", "9", "fast.toml"]].concat());
        assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
        assert!(stderr(&output).contains("--ready-fd 9"), "{}", stderr(&output));
        assert!(stderr(&output).contains("is not open"), "{}", stderr(&output));
        assert_nothing_left(&sandbox);
    }
}

#[test]
fn a_standard_stream_is_none_to_be_ready_on() {
    let sandbox = Sandbox::new();
    for number in ["0", "1", "2", "-1", "x"] {
        let output = sandbox.run(&["--ready-fd", number, "fast.toml"]);
        assert_eq!(output.status.code(), Some(2), "{number}: {}", stdout(&output));
    }
}
