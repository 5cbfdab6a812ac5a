//! `--chroot`, `--umask`, `--rundir`: where the daemon lives.

use crate::start;
use crate::support::{
    Background, ECSTASY, Foreground, Sandbox, address_in, fast_toml, fetch, run, stderr, stdout,
    through,
};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const POEM_INSIDE: &[u8] = b"Inside the walls\n";

/// A sandbox with a new root in `jail`, in which there is nothing but a poem.
fn sandbox_with_jail() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("jail/poetry")).unwrap();
    fs::write(sandbox.path("jail/poetry/ecstasy.txt"), POEM_INSIDE).unwrap();
    sandbox
}

/// Starts a daemon in the jail, where its pid file is `poetryd.pid`.
fn start_in_jail(sandbox: &Sandbox, args: &[&str]) -> Background {
    let output = sandbox.run(&[&["--chroot", "jail"], args].concat());
    assert!(output.status.success(), "{}: {}", output.status, stderr(&output));
    Background::of(&sandbox.path("jail/poetryd.pid"))
}

/// Where a link in `/proc/PID` leads to.
fn link(pid: Pid, name: &str) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/{name}")).unwrap()
}

fn real(path: PathBuf) -> PathBuf {
    path.canonicalize().unwrap()
}

fn mode(path: PathBuf) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The umask of a process.
fn umask(pid: Pid) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:")).unwrap();
    line.trim().to_owned()
}

#[test]
#[ignore = "root"]
fn pid_file_log_and_poem_are_seen_from_the_new_root() {
    let sandbox = sandbox_with_jail();
    let daemon = start_in_jail(&sandbox, &["fast.toml"]);
    assert_eq!(link(daemon.pid, "root"), real(sandbox.path("jail")));
    assert_eq!(link(daemon.pid, "cwd"), real(sandbox.path("jail")));
    let address = address_in(&sandbox.read("jail/poetryd.log"), "fast");
    assert_eq!(fetch(address).unwrap(), POEM_INSIDE);
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
    assert!(!sandbox.path("jail/poetryd.pid").exists());
    let outside = sandbox.files();
    assert!(!outside.iter().any(|name| name.starts_with("poetryd.")), "{outside:?}");
}

#[test]
#[ignore = "root"]
fn nothing_outside_the_new_root_stays_open() {
    let sandbox = sandbox_with_jail();
    let daemon = start_in_jail(&sandbox, &["fast.toml"]);
    let jail = real(sandbox.path("jail"));
    for entry in fs::read_dir(format!("/proc/{}/fd", daemon.pid)).unwrap() {
        let open = fs::read_link(entry.unwrap().path()).unwrap();
        // Sockets and the like have no absolute name.
        let harmless = !open.is_absolute() || open == Path::new("/dev/null");
        assert!(harmless || open.starts_with(&jail), "{} is open", open.display());
    }
}

#[test]
#[ignore = "root"]
fn a_new_root_needs_no_etc_for_localhost_to_resolve() {
    let sandbox = sandbox_with_jail();
    let application = fast_toml("").replace("\"127.0.0.1\"", "\"localhost\"");
    sandbox.write("fast.toml", &application);
    let _daemon = start_in_jail(&sandbox, &["fast.toml"]);
    let address = address_in(&sandbox.read("jail/poetryd.log"), "fast");
    assert!(address.ip().is_loopback(), "{address}");
    assert_eq!(fetch(address).unwrap(), POEM_INSIDE);
}

#[test]
#[ignore = "root"]
fn the_rundir_is_inside_the_new_root_and_status_finds_it_from_outside() {
    let sandbox = sandbox_with_jail();
    fs::create_dir(sandbox.path("jail/run")).unwrap();
    fs::rename(sandbox.path("jail/poetry"), sandbox.path("jail/run/poetry")).unwrap();
    let options = ["--chroot", "jail", "--rundir", "/run"];
    let output = sandbox.run(&[&options[..], &["fast.toml"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let daemon = Background::of(&sandbox.path("jail/run/poetryd.pid"));
    assert_eq!(link(daemon.pid, "cwd"), real(sandbox.path("jail/run")));
    let status = sandbox.run(&[&options[..], &["status"]].concat());
    assert!(stdout(&status).contains(&daemon.pid.to_string()), "{}", stderr(&status));
}

#[test]
#[ignore = "root"]
fn times_in_the_log_are_those_of_the_zone_outside() {
    let sandbox = sandbox_with_jail();
    let mut command = sandbox.poetryd(&["--chroot", "jail", "fast.toml"]);
    command.env("TZ", "Asia/Kathmandu");
    let output = run(command);
    assert!(output.status.success(), "{}", stderr(&output));
    let _daemon = Background::of(&sandbox.path("jail/poetryd.pid"));
    let log = sandbox.read("jail/poetryd.log");
    assert!(log.lines().all(|line| line[19..].starts_with("+0545 ")), "{log}");
}

#[test]
fn only_root_may_change_the_root() {
    let sandbox = sandbox_with_jail();
    sandbox.give_to_unprivileged();
    let output = run(sandbox.poetryd_unprivileged(&["--chroot", "jail", "fast.toml"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("jail"), "{}", stderr(&output));
}

#[test]
fn the_umask_is_as_asked_but_everybody_may_read_the_pid() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["--umask", "027", "fast.toml"]);
    assert_eq!(umask(daemon.pid), "0027");
    assert_eq!(mode(sandbox.path("poetryd.log")), 0o640);
    assert_eq!(mode(sandbox.path("poetryd.pid")), 0o644);
}

#[test]
fn a_daemon_withholds_everything_from_others_unless_asked() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["fast.toml"]);
    assert_eq!(umask(daemon.pid), "0077");
    assert_eq!(mode(sandbox.path("poetryd.log")), 0o600);
    assert_eq!(mode(sandbox.path("poetryd.pid")), 0o644);
}

#[test]
fn the_foreground_keeps_the_umask_that_it_was_started_with() {
    let sandbox = Sandbox::new();
    let command = sandbox.poetryd(&["--nodaemon", "fast.toml"]);
    let with_umask = ["sh", "-c", "umask 013 && exec \"$0\" \"$@\""];
    let daemon = Foreground::start(through(&with_umask, &command)).ready();
    assert_eq!(umask(daemon.pid()), "0013");
}

#[test]
fn what_the_application_names_and_the_default_files_are_in_the_rundir() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("run")).unwrap();
    fs::rename(sandbox.path("poetry"), sandbox.path("run/poetry")).unwrap();
    let output = sandbox.run(&["--rundir", "run", "fast.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let daemon = Background::of(&sandbox.path("run/poetryd.pid"));
    assert_eq!(link(daemon.pid, "cwd"), real(sandbox.path("run")));
    let address = address_in(&sandbox.read("run/poetryd.log"), "fast");
    assert_eq!(fetch(address).unwrap(), ECSTASY);
}

#[test]
fn what_is_typed_is_relative_to_where_it_was_typed() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("run")).unwrap();
    fs::rename(sandbox.path("poetry"), sandbox.path("run/poetry")).unwrap();
    let options = ["--rundir", "run", "--logfile", "typed.log", "--pidfile", "poetryd.pid"];
    let command = sandbox.poetryd(&[&options[..], &["fast.toml"]].concat());
    let daemon = start(&sandbox, command);
    assert!(sandbox.read("typed.log").contains(concat!(
        "poetryd ",
        env!("CARGO_PKG_VERSION"),
        " starts with pid"
    )));
    assert_eq!(link(daemon.pid, "cwd"), real(sandbox.path("run")));
    assert_eq!(fs::read_dir(sandbox.path("run")).unwrap().count(), 1, "only the poem");
}

#[test]
fn a_missing_rundir_is_named_and_nothing_is_left_behind() {
    let sandbox = Sandbox::new();
    let before = sandbox.files();
    let output = sandbox.run(&["--rundir", "nowhere", "fast.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("nowhere"), "{}", stderr(&output));
    assert_eq!(sandbox.files(), before);
}
