//! Where the socket is, whose it is, and when it is removed.

use crate::assert_says;
use crate::support::{Foreground, NOBODY, Sandbox, fast_toml, is_root, run, stderr};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

fn mode(path: &Path) -> u32 {
    let metadata = fs::symlink_metadata(path).unwrap();
    assert!(metadata.file_type().is_socket());
    metadata.permissions().mode() & 0o7777
}

pub fn the_socket_has_mode_600_and_is_removed_at_the_end() {
    for umask in ["000", "077", "777"] {
        let sandbox = Sandbox::new();
        let args = ["--nodaemon", "--umask", umask, "fast.toml"];
        let daemon = Foreground::start(sandbox.poetryd(&args)).ready();
        assert_eq!(mode(&sandbox.path("poetryd.sock")), 0o600);
        daemon.stop();
        assert!(!sandbox.path("poetryd.sock").exists());
    }
}

pub fn a_socket_that_was_left_behind_is_replaced() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.foreground();
    daemon.signal(Signal::SIGKILL);
    daemon.wait();
    assert!(sandbox.path("poetryd.sock").exists());
    assert_says(&sandbox.run(&["status"]), 3, &["not running"]);
    let _daemon = sandbox.foreground();
    assert_says(&sandbox.run(&["status"]), 0, &["ecstasy"]);
}

pub fn one_that_is_in_use_is_not_replaced() {
    let sandbox = Sandbox::new();
    let socket = UnixListener::bind(sandbox.path("poetryd.sock")).unwrap();
    let daemon = sandbox.foreground();
    let line = daemon.wait_for("can't open the control socket");
    assert!(line.contains("another process listens on it"), "{line}");
    daemon.stop();
    assert!(sandbox.path("poetryd.sock").exists());
    // A socket that was asked for has to be there.
    let output = sandbox.run(&["--nodaemon", "--control", "poetryd.sock", "fast.toml"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    drop(socket);
    sandbox.write("text", "no socket\n");
    let output = sandbox.run(&["--nodaemon", "--control", "text", "fast.toml"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(sandbox.read("text"), "no socket\n");
}

pub fn without_a_pid_file_or_with_an_empty_name_there_is_none() {
    let sandbox = Sandbox::new();
    let files = sandbox.files();
    let args = ["--nodaemon", "--pidfile", "", "fast.toml"];
    let daemon = Foreground::start(sandbox.poetryd(&args)).ready();
    assert_eq!(sandbox.files(), files);
    daemon.stop();
    let args = ["--nodaemon", "--control", "", "fast.toml"];
    let daemon = Foreground::start(sandbox.poetryd(&args)).ready();
    assert!(!sandbox.path("poetryd.sock").exists());
    // The pid file says as much as before, and stops it.
    let status = sandbox.run(&["status"]);
    assert_says(&status, 0, &[&format!("poetryd is running with pid {}\n", daemon.pid())]);
    assert_says(&sandbox.run(&["rotate"]), 1, &["can't ask the daemon by its control socket"]);
    assert_says(&sandbox.run(&["--control", "", "rotate"]), 1, &["no control socket"]);
    assert_says(&sandbox.run(&["stop"]), 0, &["has stopped"]);
}

pub fn a_key_of_the_file_sets_it_relative_to_the_rundir() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("run")).unwrap();
    let file = fast_toml("").replace("\"poetry/", "\"../poetry/");
    sandbox.write("fast.toml", &format!("{file}\n[daemon]\nrundir = \"run\"\ncontrol = \"c\"\n"));
    let _daemon = sandbox.foreground();
    assert_eq!(mode(&sandbox.path("run/c")), 0o600);
    assert_says(&sandbox.run(&["status", "fast.toml"]), 0, &["ecstasy"]);
}

pub fn a_daemon_that_drops_its_privileges_gives_it_to_its_user() {
    if !is_root() {
        return;
    }
    let sandbox = Sandbox::new();
    let args = ["--nodaemon", "--uid", "65534", "--gid", "65534", "fast.toml"];
    let daemon = Foreground::start(sandbox.poetryd(&args)).ready();
    let socket = sandbox.path("poetryd.sock");
    let metadata = fs::symlink_metadata(&socket).unwrap();
    assert_eq!((metadata.uid(), metadata.gid(), mode(&socket)), (NOBODY, NOBODY, 0o600));
    for output in [sandbox.run(&["status"]), run(sandbox.poetryd_unprivileged(&["status"]))] {
        assert_says(&output, 0, &["ecstasy"]);
    }
    // The directory is root's: the file stays, without a warning, and is replaced by the next daemon.
    let log = daemon.stop();
    assert!(!log.iter().any(|line| line.contains("warning")), "{log:#?}");
    sandbox.give_to_unprivileged();
    Foreground::start(sandbox.poetryd(&args)).ready().stop();
    assert!(!socket.exists());
}

pub fn in_a_chroot_it_is_inside() {
    if !is_root() {
        return;
    }
    let sandbox = Sandbox::new();
    let root = sandbox.path("").into_os_string().into_string().unwrap();
    let args = ["--nodaemon", "--chroot", &root, "fast.toml"];
    let daemon = Foreground::start(sandbox.poetryd(&args)).ready();
    assert_eq!(mode(&sandbox.path("poetryd.sock")), 0o600);
    assert_says(&sandbox.run(&["--chroot", &root, "status"]), 0, &["ecstasy"]);
    daemon.stop();
    assert!(!sandbox.path("poetryd.sock").exists());
}
