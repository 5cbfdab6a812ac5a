//! A log that can't be rotated or written: the daemon serves all the same, and says what was lost.

use crate::support::{Background, NOBODY, Sandbox, address_in, fetch, is_root, run, stderr, until};
use crate::{fetch_from, log_files, log_lines, log_text, logging_toml, peers, said_to_be_lost};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::signal::Signal;
use std::fs::{self, Permissions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// A daemon that rotates its log, `log/poetryd.log`, at 2 kB and is bound by permissions, even where the
/// tests run as root.
fn start_unprivileged(sandbox: &Sandbox) -> (Background, SocketAddr) {
    sandbox.write("fast.toml", &logging_toml("rotate-at = \"2kB\"\nkeep = 1000"));
    sandbox.give_to_unprivileged();
    fs::create_dir(sandbox.path("log")).unwrap();
    if is_root() {
        chown(sandbox.path("log"), Some(NOBODY), None).unwrap();
    }
    let arguments = ["--logfile", "log/poetryd.log", "fast.toml"];
    let output = run(sandbox.poetryd_unprivileged(&arguments));
    assert!(output.status.success(), "{}: {}", output.status, stderr(&output));
    let daemon = Background::of(&sandbox.path("poetryd.pid"));
    (daemon, address_in(&sandbox.read("log/poetryd.log"), "fast"))
}

/// What a log says that can't be rotated.
const COMPLAINT: &str = "warning: can't rotate the log: ";

fn make_read_only(directory: PathBuf) {
    fs::set_permissions(directory, Permissions::from_mode(0o555)).unwrap();
}

fn make_writable(directory: PathBuf) {
    fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
}

fn stop(daemon: &Background) {
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
}

#[test]
fn in_a_read_only_directory_the_log_goes_on_in_the_file_that_is_open_and_says_so_once() {
    let sandbox = Sandbox::new();
    let (daemon, address) = start_unprivileged(&sandbox);
    make_read_only(sandbox.path("log"));
    let fetched: Vec<u16> = (0..100).map(|_| fetch_from(address)).collect();
    stop(&daemon);
    make_writable(sandbox.path("log"));
    assert_eq!(log_files(&sandbox.path("log")), ["poetryd.log"]);
    let lines = log_lines(&sandbox.path("log"));
    assert_eq!(peers(&lines), fetched);
    let complaints = lines.iter().filter(|line| line.contains(COMPLAINT)).count();
    assert_eq!(complaints, 1, "{}", lines.join("\n"));
}

#[test]
fn a_rotation_that_could_not_be_is_made_up_for_on_sigusr1() {
    let sandbox = Sandbox::new();
    let (daemon, address) = start_unprivileged(&sandbox);
    make_read_only(sandbox.path("log"));
    let mut fetched: Vec<u16> = (0..50).map(|_| fetch_from(address)).collect();
    until("the complaint", || log_text(&sandbox.path("log")).contains(COMPLAINT));
    make_writable(sandbox.path("log"));
    daemon.signal(Signal::SIGUSR1);
    until("the rotation", || sandbox.path("log/poetryd.log.1").exists());
    // From now on by size again: about twenty lines a file.
    fetched.extend((0..50).map(|_| fetch_from(address)));
    stop(&daemon);
    assert!(log_files(&sandbox.path("log")).len() > 3, "{:?}", log_files(&sandbox.path("log")));
    assert_eq!(peers(&log_lines(&sandbox.path("log"))), fetched);
}

#[test]
fn a_rotation_that_could_not_be_is_tried_again_before_long() {
    let sandbox = Sandbox::new();
    let (daemon, address) = start_unprivileged(&sandbox);
    make_read_only(sandbox.path("log"));
    for _ in 0..50 {
        fetch_from(address);
    }
    until("the complaint", || log_text(&sandbox.path("log")).contains(COMPLAINT));
    make_writable(sandbox.path("log"));
    until("the rotation", || {
        fetch(address).unwrap(); // a line, since a log that nobody writes need not rotate
        thread::sleep(Duration::from_millis(50)); // not more of them than needed
        sandbox.path("log/poetryd.log.1").exists()
    });
    stop(&daemon);
}

/// A file system in memory, mounted on a directory until this is dropped.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    pub fn mount(directory: &Path) -> Self {
        fs::create_dir(directory).unwrap();
        let (none, size) = (MsFlags::empty(), Some("size=256k"));
        mount(Some("tmpfs"), directory, Some("tmpfs"), none, size).unwrap();
        Self(directory.into())
    }

    pub fn fill(&self) {
        let mut ballast = fs::File::create(self.0.join("ballast")).unwrap();
        while ballast.write(&[0; 4096]).is_ok_and(|written| written > 0) {}
    }

    /// The same, with no room in the last block of the log either.
    pub fn fill_with_log(&self, address: SocketAddr) {
        self.fill();
        (0..100).for_each(|_| _ = fetch_from(address));
    }

    pub fn make_room(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

/// Whether `part` can be had from `whole` by leaving ports out.
fn in_order_within(part: &[u16], whole: &[u16]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|port| whole.any(|other| other == port))
}

/// Fills the disk of a daemon that logs with these settings, and compares what is missing from the log
/// with what the log says is missing.
fn lost_lines_are_counted(log: &str) {
    const FETCHES: usize = 600;
    let sandbox = Sandbox::new();
    sandbox.write("fast.toml", &logging_toml(log));
    let disk = SmallDisk::mount(&sandbox.path("log"));
    let daemon = sandbox.background(&["--logfile", "log/poetryd.log", "fast.toml"]);
    let address = address_in(&sandbox.read("log/poetryd.log"), "fast");
    disk.fill();
    let mut fetched: Vec<u16> = (0..FETCHES).map(|_| fetch_from(address)).collect();
    disk.make_room();
    fetched.push(fetch_from(address));
    until("the number", || log_text(&sandbox.path("log")).contains("log lines were lost"));
    fetched.push(fetch_from(address));
    stop(&daemon);
    let lines = log_lines(&sandbox.path("log"));
    let logged = peers(&lines);
    assert_eq!(logged.len() + said_to_be_lost(&lines), fetched.len(), "{}", lines.join("\n"));
    assert!(in_order_within(&logged, &fetched));
    assert_eq!(logged.last(), fetched.last(), "the log did not go on");
}

#[test]
#[ignore = "root"]
fn on_a_full_disk_the_daemon_serves_and_later_says_exactly_how_many_lines_were_lost() {
    lost_lines_are_counted("");
}

#[test]
#[ignore = "root"]
fn on_a_full_disk_the_number_is_exact_with_a_log_that_rotates_too() {
    lost_lines_are_counted("rotate-at = \"4kB\"\nkeep = 1000");
}

/// What is said about lines that no line in the log can tell of.
const LOST_LINES: &str = "log lines are lost: they could not be written";

#[test]
#[ignore = "root"]
fn a_start_on_a_full_disk_says_at_the_terminal_that_lines_are_lost() {
    let sandbox = Sandbox::new();
    let disk = SmallDisk::mount(&sandbox.path("log"));
    disk.fill();
    let output = sandbox.run(&["--logfile", "log/poetryd.log", "fast.toml"]);
    assert!(output.status.success(), "{}", output.status);
    assert!(stderr(&output).contains(LOST_LINES), "{:?}", stderr(&output));
    stop(&Background::of(&sandbox.path("poetryd.pid")));
}

#[test]
#[ignore = "root"]
fn a_stop_on_a_full_disk_is_a_failure() {
    let sandbox = Sandbox::new();
    let disk = SmallDisk::mount(&sandbox.path("log"));
    let command = sandbox.poetryd(&["--nodaemon", "--logfile", "log/poetryd.log", "fast.toml"]);
    let daemon = thread::spawn(move || run(command));
    until("ready", || log_text(&sandbox.path("log")).contains("] ready\n"));
    disk.fill_with_log(address_in(&log_text(&sandbox.path("log")), "fast"));
    let guard = Background::of(&sandbox.path("poetryd.pid"));
    guard.signal(Signal::SIGTERM);
    let output = daemon.join().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.starts_with("poetryd: the last ") && said.contains(LOST_LINES), "{said:?}");
}
