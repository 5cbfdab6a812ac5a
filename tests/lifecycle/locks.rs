//! Locks on a pid file: whose count, and whose don't.

use crate::launch::{Launch, processes_in};
use crate::support::{
    Background, Foreground, NOBODY, Sandbox, is_root, run, stderr, stdout, through, until,
};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Output};
use std::sync::Barrier;
use std::thread;

/// The file that keeps two daemons from replacing the pid file at once.
const SIDE_FILE: &str = ".poetryd.pid.lock";

/// A process that holds a lock on a whole file. Killed when dropped.
struct Holder(Child);

impl Holder {
    /// A read lock, by another user where the tests run as root.
    fn stranger(sandbox: &Sandbox, name: &str) -> Self {
        Self::start(sandbox, name, libc::O_RDONLY, libc::F_RDLCK, is_root()).unwrap()
    }

    /// A lock by this user.
    fn own(sandbox: &Sandbox, name: &str, lock: libc::c_int) -> Self {
        Self::start(sandbox, name, libc::O_RDWR, lock, false).unwrap()
    }

    fn start(
        sandbox: &Sandbox,
        name: &str,
        flags: libc::c_int,
        lock: libc::c_int,
        as_nobody: bool,
    ) -> io::Result<Self> {
        let path = CString::new(sandbox.path(name).as_os_str().as_bytes()).unwrap();
        let mut command = crate::support::command("sleep");
        command.arg("60");
        if as_nobody {
            command.uid(NOBODY).gid(NOBODY);
        }
        let hold = move || {
            // SAFETY: the name ends in a NUL.
            let fd = unsafe { libc::open(path.as_ptr(), flags) };
            set_lock(fd, lock)
        };
        // SAFETY: between fork and exec only open(2) and fcntl(2) are called.
        unsafe { command.pre_exec(hold) };
        command.spawn().map(Self)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Locks a whole file with an open-file-description lock, as the daemon does.
fn set_lock(fd: RawFd, lock: libc::c_int) -> io::Result<()> {
    let lock = libc::flock {
        l_type: lock as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    // SAFETY: fcntl reads the lock; a wrong descriptor is an error that it returns.
    let locked = unsafe { libc::fcntl(fd, libc::F_OFD_SETLK, &raw const lock) };
    if locked < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn said(output: &Output) -> String {
    stdout(output) + &stderr(output)
}

/// The status must be that of this daemon.
fn assert_runs(sandbox: &Sandbox, daemon: Pid) {
    let status = sandbox.run(&["status"]);
    assert!(said(&status).contains(&format!(" is running with pid {daemon}")));
}

#[test]
fn a_read_lock_of_somebody_else_on_a_stale_pid_file_is_nobodys() {
    // Nothing; a number that is no process's; that of a process which has not got the file open; and that
    // of the very process which holds the lock.
    for number in [Some(None), Some(Some(u32::MAX)), Some(Some(std::process::id())), None] {
        let sandbox = Sandbox::new();
        sandbox.write("poetryd.pid", "");
        let mut stranger = Holder::stranger(&sandbox, "poetryd.pid");
        if let Some(number) = number.unwrap_or(Some(stranger.pid())) {
            sandbox.write("poetryd.pid", &format!("{number}\n"));
        }
        for command in ["status", "stop"] {
            let output = sandbox.run(&[command]);
            assert_eq!(output.status.code(), Some(3), "{command}: {}", said(&output));
        }
        assert!(stranger.lives(), "it was stopped");

        let daemon = sandbox.background(&["fast.toml"]);
        assert_runs(&sandbox, daemon.pid);
        let stop = sandbox.run(&["stop"]);
        assert_eq!(stop.status.code(), Some(0), "{}", said(&stop));
        assert!(!sandbox.path("poetryd.pid").exists());
        let side_file = fs::metadata(sandbox.path(SIDE_FILE)).unwrap();
        assert_eq!(side_file.permissions().mode() & 0o777, 0o600);
    }
}

/// In a container a daemon is often process 1, like the one that was killed before it.
#[test]
#[ignore = "root"] // for unshare
fn a_stale_number_is_nobodys_even_if_it_is_that_of_the_process_which_starts() {
    let sandbox = Sandbox::new();
    sandbox.write("poetryd.pid", "1\n");
    let _stranger = Holder::stranger(&sandbox, "poetryd.pid");
    let command = sandbox.poetryd(&["--nodaemon", "fast.toml"]);
    let as_process_1 =
        through(&["unshare", "--pid", "--mount-proc", "--fork", "--kill-child"], &command);
    Foreground::start(as_process_1).ready();
}

#[test]
fn without_a_read_lock_of_somebody_else_there_is_no_file_beside_the_pid_file() {
    let sandbox = Sandbox::new();
    let _daemon = sandbox.background(&["fast.toml"]);
    let mut files = vec!["fast.toml", "poetry", "poetryd.log", "poetryd.pid"];
    files.extend(cfg!(feature = "control").then_some("poetryd.sock"));
    assert_eq!(sandbox.files(), files);
}

#[test]
fn nobody_can_lock_the_pid_file_of_a_running_daemon() {
    let sandbox = Sandbox::new();
    let _daemon = sandbox.background(&["fast.toml"]);
    let lock = Holder::start(&sandbox, "poetryd.pid", libc::O_RDONLY, libc::F_RDLCK, is_root());
    assert_eq!(lock.err().map(|e| e.kind()), Some(io::ErrorKind::WouldBlock));
}

#[test]
fn a_file_that_does_not_look_like_a_pid_file_is_not_replaced_either() {
    let sandbox = Sandbox::new();
    let _stranger = Holder::stranger(&sandbox, "poetry/ecstasy.txt");
    let poem = sandbox.read("poetry/ecstasy.txt");
    let output = sandbox.run(&["--pidfile", "poetry/ecstasy.txt", "fast.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("does not look like a pid file"), "{}", stderr(&output));
    assert!(sandbox.read("poetry/ecstasy.txt") == poem);
}

#[test]
fn where_a_read_locked_file_can_not_be_replaced_the_start_says_so() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("run")).unwrap();
    sandbox.write("run/poetryd.pid", "");
    fs::set_permissions(sandbox.path("run/poetryd.pid"), fs::Permissions::from_mode(0o666))
        .unwrap();
    fs::set_permissions(sandbox.path("run"), fs::Permissions::from_mode(0o555)).unwrap();
    let _reader = Holder::stranger(&sandbox, "run/poetryd.pid");
    let args = ["--nodaemon", "--pidfile", "run/poetryd.pid", "fast.toml"];
    let output = run(sandbox.poetryd_unprivileged(&args));
    assert_eq!(output.status.code(), Some(1));
    for part in ["run/poetryd.pid: ", "holds a read lock", "run/.poetryd.pid.lock", "denied"] {
        assert!(stderr(&output).contains(part), "no {part:?} in {}", stderr(&output));
    }
    fs::set_permissions(sandbox.path("run"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_side_file_that_somebody_holds_does_not_hang_a_start() {
    let sandbox = Sandbox::new();
    sandbox.write("poetryd.pid", "");
    sandbox.write(SIDE_FILE, "");
    let _stranger = Holder::stranger(&sandbox, "poetryd.pid");
    let _other = Holder::own(&sandbox, SIDE_FILE, libc::F_WRLCK);
    let output = sandbox.run(&["fast.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(SIDE_FILE), "{}", stderr(&output));
}

#[test]
fn of_eight_starts_at_once_under_a_read_lock_of_somebody_else_exactly_one_runs() {
    let sandbox = Sandbox::new();
    for round in 0..10 {
        sandbox.write("poetryd.pid", if round % 2 == 0 { "" } else { "4711\n" });
        let _stranger = Holder::stranger(&sandbox, "poetryd.pid");
        let outcomes = start_eight_at_once(&sandbox, || ());
        assert_one_runs(&sandbox, &outcomes);
        assert_eq!(sandbox.files(), [SIDE_FILE, "fast.toml", "poetry", "poetryd.log"]);
    }
}

#[test]
fn of_eight_starts_at_once_exactly_one_runs_if_a_read_lock_ends_meanwhile() {
    let sandbox = Sandbox::new();
    for _ in 0..10 {
        sandbox.write("poetryd.pid", "");
        let stranger = Holder::stranger(&sandbox, "poetryd.pid");
        let outcomes = start_eight_at_once(&sandbox, || {
            // The first of them has seen it.
            until("the side file", || sandbox.path(SIDE_FILE).exists());
            drop(stranger);
        });
        assert_one_runs(&sandbox, &outcomes);
        fs::remove_file(sandbox.path(SIDE_FILE)).unwrap();
    }
}

fn start_eight_at_once(sandbox: &Sandbox, meanwhile: impl FnOnce()) -> Vec<Output> {
    let all_here = Barrier::new(8);
    let start = || {
        let command = sandbox.poetryd(&["fast.toml"]);
        all_here.wait();
        run(command)
    };
    thread::scope(|scope| {
        let starts = [(); 8].map(|()| scope.spawn(start));
        meanwhile();
        starts.map(|start| start.join().unwrap()).into()
    })
}

/// One of the starts must have led to a daemon, and all others have been refused with its pid. It is
/// stopped.
fn assert_one_runs(sandbox: &Sandbox, outcomes: &[Output]) {
    let daemon = Background::of(&sandbox.path("poetryd.pid"));
    until("one process", || processes_in(&sandbox.path("")) == [daemon.pid]);
    let refused: Vec<&Output> = outcomes.iter().filter(|output| !output.status.success()).collect();
    assert_eq!(refused.len(), outcomes.len() - 1, "{outcomes:?}");
    let reason = format!("already running with pid {} ", daemon.pid);
    for output in refused {
        assert!(stderr(output).contains(&reason), "no {reason:?} in {}", stderr(output));
    }
    assert_runs(sandbox, daemon.pid);
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
}

/// It held a read lock on the whole file, with its number in it.
#[test]
fn a_daemon_of_version_0_1_is_understood() {
    let sandbox = Sandbox::new();
    sandbox.write("poetryd.pid", "");
    let mut old = Holder::own(&sandbox, "poetryd.pid", libc::F_RDLCK);
    sandbox.write("poetryd.pid", &format!("{}\n", old.pid()));
    let pid = Pid::from_raw(old.pid() as i32);
    assert_runs(&sandbox, pid);

    let second = sandbox.run(&["fast.toml"]);
    assert_eq!(second.status.code(), Some(1));
    let reason = format!("already running with pid {pid} ");
    assert!(stderr(&second).contains(&reason), "{}", stderr(&second));
    assert!(old.lives());

    let stop = sandbox.run(&["stop"]);
    assert_eq!(said(&stop), format!("poetryd with pid {pid} has stopped\n"));
    assert!(!old.lives());
}

/// A write lock on the whole file: it has not written its number yet, so what is in the file is stale. (That
/// is so today, too.)
#[test]
fn while_a_daemon_of_version_0_1_starts_the_number_in_the_file_is_nobodys() {
    let sandbox = Sandbox::new();
    sandbox.write("poetryd.pid", &format!("{}\n", std::process::id()));
    let _old = Holder::own(&sandbox, "poetryd.pid", libc::F_WRLCK);
    for args in [&["status"][..], &["stop"], &["fast.toml"]] {
        let mut start = Launch::start(&sandbox, sandbox.poetryd(args));
        let (status, said) = start.wait();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("has not written its pid"), "{said}");
    }
}
