//! Stop signals while a start waits for something from outside: they end it at once.

use crate::held_file::HeldFile;
use crate::launch::{Launch, assert_nothing_left, processes_in};
use crate::support::{Sandbox, status_of, stderr, through, until};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

/// Both ways of running.
const MODES: [&[&str]; 2] = [&["--nodaemon"], &[]];

const SIGNALS: [Signal; 2] = [Signal::SIGTERM, Signal::SIGINT];

/// The other end of a FIFO that a program wants to read: from now on it waits for what is written.
pub fn wait_for_reader(fifo: &Path) -> File {
    let mut writer = None;
    until("somebody opens the FIFO", || {
        let opened = OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(fifo);
        writer = opened.ok();
        writer.is_some()
    });
    writer.unwrap()
}

#[test]
fn while_the_application_file_is_read_a_stop_signal_ends_the_process() {
    for (mode, signal) in MODES.into_iter().zip(SIGNALS) {
        let sandbox = Sandbox::new();
        mkfifo(&sandbox.path("slow.toml"), Mode::S_IRWXU).unwrap();
        let command = sandbox.poetryd(&[mode, &["slow.toml"]].concat());
        let mut start = Launch::start(&sandbox, command);
        let _writer = wait_for_reader(&sandbox.path("slow.toml"));
        start.signal(signal);
        assert_eq!(start.wait().0.signal(), Some(signal as i32), "{mode:?}");
        assert_nothing_left(&sandbox);
    }
}

/// The kernel does not let a signal end it that the process has no handler for.
#[test]
#[ignore = "root"]
fn process_1_is_ended_by_a_stop_signal_as_well() {
    let sandbox = Sandbox::new();
    mkfifo(&sandbox.path("slow.toml"), Mode::S_IRWXU).unwrap();
    let command = sandbox.poetryd(&["--nodaemon", "slow.toml"]);
    let new_namespace = ["unshare", "--pid", "--fork", "--kill-child"];
    let mut start = Launch::start(&sandbox, through(&new_namespace, &command));
    let _writer = wait_for_reader(&sandbox.path("slow.toml"));
    let process_1 = processes_in(&sandbox.path("")).into_iter().find(|pid| is_process_1(*pid));
    kill(process_1.unwrap(), Signal::SIGTERM).unwrap();
    assert_eq!(start.wait().0.code(), Some(128 + libc::SIGTERM));
    assert_nothing_left(&sandbox);
}

/// Whether this is process 1 of the namespace it lives in.
fn is_process_1(pid: Pid) -> bool {
    status_of(pid, "NSpid").split_whitespace().last() == Some("1")
}

#[test]
fn while_the_log_is_opened_a_stop_signal_ends_the_start_and_removes_the_pid_file() {
    for (mode, signal) in MODES.into_iter().zip(SIGNALS) {
        let sandbox = Sandbox::new();
        sandbox.write("held.log", "");
        let log = HeldFile::hold(&sandbox.path("held.log"));
        let command = sandbox.poetryd(&[mode, &["--logfile", "held.log", "fast.toml"]].concat());
        let mut start = Launch::start(&sandbox, command);
        log.wait_until_wanted();
        assert!(sandbox.path("poetryd.pid").exists());
        start.signal(signal);
        let (status, said) = start.wait();
        assert!(status.code().is_some_and(|code| code < 2), "{mode:?}: {status}, {said}");
        assert_nothing_left(&sandbox);
        log.release();
    }
}

#[test]
fn while_another_start_replaces_the_pid_file_a_stop_signal_ends_the_process() {
    let sandbox = Sandbox::new();
    sandbox.write("poetryd.pid", "");
    sandbox.write(".poetryd.pid.lock", "");
    let _reader = lock(&sandbox.path("poetryd.pid"), libc::F_RDLCK);
    let _turn = lock(&sandbox.path(".poetryd.pid.lock"), libc::F_WRLCK);
    let mut start = Launch::start(&sandbox, sandbox.poetryd(&["--nodaemon", "fast.toml"]));
    let waits = |start: &Launch| start.has_open(&sandbox.path(".poetryd.pid.lock"));
    until("it waits for its turn", || waits(&start));
    start.signal(Signal::SIGTERM);
    let (status, said) = start.wait();
    assert_eq!(status.signal(), Some(libc::SIGTERM), "{said}");
    assert_eq!(sandbox.read("poetryd.pid"), "");
}

fn lock(path: &Path, l_type: libc::c_int) -> File {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let (l_type, l_whence) = (l_type as i16, libc::SEEK_SET as i16);
    let lock = libc::flock { l_type, l_whence, l_start: 0, l_len: 2, l_pid: 0 };
    fcntl(&file, FcntlArg::F_OFD_SETLK(&lock)).unwrap();
    file
}

/// Asked about a FIFO, `status` does not wait for somebody to write into it; nor does a start.
#[test]
fn a_fifo_or_a_device_as_pid_file_holds_nobody_up() {
    let sandbox = Sandbox::new();
    mkfifo(&sandbox.path("fifo"), Mode::S_IRWXU).unwrap();
    for pid_file in ["fifo", "/dev/tty", "/dev/null", "/dev/zero", "/dev/full"] {
        for word in ["status", "stop", "fast.toml"] {
            let output = sandbox.run(&["--pidfile", pid_file, word]);
            let said = stderr(&output);
            assert!(!output.status.success(), "{word} with {pid_file}: {said}");
            assert!(said.contains(pid_file), "{word} with {pid_file}: {said}");
        }
    }
    assert!(fs::exists(sandbox.path("fifo")).unwrap());
}
