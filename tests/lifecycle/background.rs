//! A daemon that came up: what it promises to the shell that started it, and what it keeps of that shell.

use crate::held_file::HeldFile;
use crate::launch::{Launch, assert_nothing_left};
use crate::support::terminal::Terminal;
use crate::support::{
    Background, ECSTASY, Sandbox, address_in, fetch, is_running, run, status_of, until,
};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Pid, getsid};
use std::fs;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

#[test]
fn a_fetch_succeeds_as_soon_as_the_prompt_is_back() {
    let sandbox = Sandbox::new();
    let _daemon = sandbox.background(&["fast.toml"]);
    let address = address_in(&sandbox.read("poetryd.log"), "fast");
    assert_eq!(fetch(address).unwrap(), ECSTASY);
}

#[test]
fn the_prompt_does_not_return_before_every_service_has_started() {
    let sandbox = Sandbox::new();
    let poem = HeldFile::hold(&sandbox.path("poetry/ecstasy.txt"));
    let mut launch = Launch::start(&sandbox, sandbox.poetryd(&["fast.toml"]));
    poem.wait_until_wanted();
    assert!(!launch.has_ended(), "the prompt returned before the poem was loaded");
    poem.release();
    let (status, said) = launch.wait();
    assert_eq!((status.code(), said.as_str()), (Some(0), ""));
    let address = address_in(&sandbox.read("poetryd.log"), "fast");
    assert_eq!(fetch(address).unwrap(), ECSTASY);
}

#[test]
fn the_pid_file_holds_the_pid_and_a_newline_and_everybody_may_read_it() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["fast.toml"]);
    assert_eq!(sandbox.read("poetryd.pid"), format!("{}\n", daemon.pid));
    let program = fs::read_link(format!("/proc/{}/exe", daemon.pid)).unwrap();
    assert_eq!(program, PathBuf::from(env!("CARGO_BIN_EXE_poetryd")).canonicalize().unwrap());
    let mode = fs::metadata(sandbox.path("poetryd.pid")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o644);
}

#[test]
fn kill_ends_it_with_the_shutdown_in_the_log_and_without_a_pid_file() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["fast.toml"]);
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
    assert_nothing_left(&sandbox);
    let log = sandbox.read("poetryd.log");
    let steps = [
        "received SIGTERM, shutting down",
        "[fast] closing ",
        "[fast] stopped",
        "[-] stopped cleanly",
    ];
    let places: Vec<Option<usize>> = steps.iter().map(|step| log.find(step)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in\n{log}");
}

#[test]
fn it_has_no_terminal_and_a_session_of_its_own() {
    let sandbox = Sandbox::new();
    let terminal = Terminal::open();
    let mut command = sandbox.poetryd(&["fast.toml"]);
    terminal.attach(&mut command);
    let (launcher, daemon) = start_attached(&sandbox, command);
    assert_eq!(stat_field(daemon.pid, TERMINAL), "0");
    let session = getsid(Some(daemon.pid)).unwrap();
    assert_ne!(session, launcher, "it lives in the session of the shell");
    assert_ne!(session, daemon.pid, "as leader of a session it could get a terminal again");
}

#[test]
fn it_outlives_its_terminal() {
    let sandbox = Sandbox::new();
    let terminal = Terminal::open();
    let mut command = sandbox.poetryd(&["fast.toml"]);
    terminal.attach(&mut command);
    let (_, daemon) = start_attached(&sandbox, command);
    drop(terminal);
    let address = address_in(&sandbox.read("poetryd.log"), "fast");
    assert_eq!(fetch(address).unwrap(), ECSTASY);
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
    assert!(!sandbox.read("poetryd.log").contains("SIGHUP"), "the terminal's end reached it");
}

#[test]
fn its_standard_input_is_empty_and_what_it_prints_goes_to_the_log() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["fast.toml"]);
    let [input, output, error] =
        [0, 1, 2].map(|fd| fs::read_link(format!("/proc/{}/fd/{fd}", daemon.pid)).unwrap());
    assert_eq!(input, PathBuf::from("/dev/null"));
    assert!(output.to_str().unwrap().starts_with("pipe:"), "{output:?}");
    assert_eq!(error, sandbox.path("poetryd.log").canonicalize().unwrap());
}

#[test]
fn its_umask_lets_nobody_else_read_the_log() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.poetryd(&["fast.toml"]);
    set_umask(&mut command, 0o022);
    assert!(run(command).status.success());
    let daemon = Background::of(&sandbox.path("poetryd.pid"));
    assert_eq!(status_of(daemon.pid, "Umask"), "0077");
    assert_eq!(fs::metadata(sandbox.path("poetryd.log")).unwrap().mode() & 0o7777, 0o600);
}

#[test]
fn in_the_foreground_the_umask_is_left_alone() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.poetryd(&["--nodaemon", "fast.toml"]);
    set_umask(&mut command, 0o027);
    let daemon = crate::support::Foreground::start(command).ready();
    assert_eq!(status_of(daemon.pid(), "Umask"), "0027");
}

#[test]
fn it_keeps_no_descriptor_that_its_parent_left_open() {
    let sandbox = Sandbox::new();
    let leaked = fs::File::create(sandbox.path("leaked")).unwrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let fds = [(leaked.as_raw_fd(), 3), (writer.as_raw_fd(), 77)];
    let mut command = sandbox.poetryd(&["fast.toml"]);
    // Within the child alone, so that programs which other tests start meanwhile don't get them.
    let leak = move || {
        for (fd, number) in fds {
            // SAFETY: the child owns nothing yet. exec closes neither a duplicate nor what has this number already.
            unsafe { (libc::dup2(fd, number), libc::fcntl(number, libc::F_SETFD, 0)) };
        }
        Ok(())
    };
    // SAFETY: between fork and exec only system calls are made.
    unsafe { command.pre_exec(leak) };
    assert!(run(command).status.success());
    let daemon = Background::of(&sandbox.path("poetryd.pid"));
    drop(writer);
    reader.read_to_end(&mut Vec::new()).unwrap(); // would wait for ever if the daemon had the pipe

    // The launcher may end a moment before the daemon has closed its end of the pipe between them.
    // Standard error is the log; standard output is a pipe, which the daemon reads itself.
    let expected = ["null", "pipe:", "pipe:", "poetryd.log", "poetryd.log", "poetryd.pid"];
    until("nothing else is open", || open_files(daemon.pid) == expected);
}

/// The names of the files that a process has open, sorted; sockets and the like left out.
fn open_files(pid: Pid) -> Vec<String> {
    let mut files: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .map(|link| link.file_name().unwrap().to_str().unwrap().to_owned())
        .map(|name| name.split_once('[').map_or(name.clone(), |(kind, _)| kind.to_owned()))
        .filter(|name| !name.starts_with("socket:") && !name.starts_with("anon_inode:"))
        .collect();
    files.sort();
    files
}

#[test]
fn a_request_to_replace_the_binary_is_logged_and_ignored() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["fast.toml"]);
    daemon.signal(Signal::SIGUSR2);
    let line = "[-] received SIGUSR2, ignored";
    until("the log line", || sandbox.read("poetryd.log").contains(line));
    let address = address_in(&sandbox.read("poetryd.log"), "fast");
    assert_eq!(fetch(address).unwrap(), ECSTASY);
}

/// Runs a command that has a terminal until its prompt is back.
fn start_attached(sandbox: &Sandbox, mut command: Command) -> (Pid, Background) {
    let mut launcher = command.spawn().unwrap();
    let pid = Pid::from_raw(launcher.id() as i32);
    until("the prompt", || !is_running(pid));
    assert!(launcher.wait().unwrap().success());
    (pid, Background::of(&sandbox.path("poetryd.pid")))
}

/// The number of the field that proc(5) calls `tty_nr`, counted from behind the program's name.
const TERMINAL: usize = 4;

fn stat_field(pid: Pid, number: usize) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let behind_name = stat.rsplit(')').next().unwrap();
    behind_name.split_whitespace().nth(number).unwrap().to_owned()
}

fn set_umask(command: &mut Command, mask: u32) {
    let set = move || {
        umask(Mode::from_bits_truncate(mask));
        Ok(())
    };
    // SAFETY: between fork and exec only this system call is made.
    unsafe { command.pre_exec(set) };
}

/// A table that grows holds up the clients who come just then.
#[test]
fn the_kernels_table_of_descriptors_does_not_have_to_grow_below_65536() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["fast.toml"]);
    let size: u64 = status_of(daemon.pid, "FDSize").parse().unwrap();
    let (_, limit) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert!(size >= limit.min(65_536), "{size} with a limit of {limit}");
}
