//! Which options of the file a reload changes.

use crate::reload;
use crate::support::{Foreground, Sandbox, fast_toml, until};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// The application with these tables besides its services.
fn with_tables(tables: &str) -> String {
    format!("{}\n{tables}\n", fast_toml(""))
}

#[test]
fn level_and_format_change_at_once_and_the_rest_is_named_until_the_restart() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.foreground();
    let tables = "[daemon]\nworkers = 7\nstop-timeout = 3\n[log]\nlevel = \"debug\"";
    sandbox.write("fast.toml", &with_tables(tables));
    reload(&daemon, 1);
    daemon.wait_for("options in effect now: daemon.stop-timeout, log.level");
    daemon.wait_for("warning: options that take effect at a restart: daemon.workers");
    sandbox.write(
        "fast.toml",
        &with_tables("[daemon]\nworkers = 7\nstop-timeout = 3\n[log]\nformat = \"json\""),
    );
    reload(&daemon, 2);
    daemon.wait_for("\"message\":\"options in effect now: log.level, log.format\"");
    daemon.wait_for("\"message\":\"options that take effect at a restart: daemon.workers\"");
    daemon.stop();
}

#[test]
fn the_command_line_still_wins_over_the_file() {
    let sandbox = Sandbox::new();
    let command = sandbox.poetryd(&["--nodaemon", "--log-level", "info", "fast.toml"]);
    let daemon = Foreground::start(command).ready();
    sandbox.write("fast.toml", &with_tables("[log]\nlevel = \"error\""));
    reload(&daemon, 1);
    let log = daemon.stop().join("\n");
    assert!(!log.contains("options"), "{log}");
    assert!(log.contains("stopped cleanly"), "{log}");
}

#[test]
fn rotation_and_mode_of_the_open_file_change() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["fast.toml"]);
    sandbox.write("fast.toml", &with_tables("[log]\nmode = \"0640\"\nrotate-at = 1024\nkeep = 1"));
    daemon.signal(Signal::SIGHUP);
    until("the mode", || {
        fs::metadata(sandbox.path("poetryd.log")).unwrap().permissions().mode() & 0o777 == 0o640
    });
    until("a rotation", || {
        daemon.signal(Signal::SIGUSR2); // which is one more line in the log
        sandbox.files().contains(&"poetryd.log.1".to_owned())
    });
    assert!(fs::metadata(sandbox.path("poetryd.log")).unwrap().len() <= 1024);
}

#[test]
fn options_that_contradict_each_other_are_a_refusal() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.foreground();
    sandbox.write("fast.toml", &with_tables("[daemon]\nlogfile = \"poetryd.pid\""));
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for("everything is as it was: the pid file and the log file are both poetryd.pid");
    daemon.stop();
}
