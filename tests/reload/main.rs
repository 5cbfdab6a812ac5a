//! Reloads: when they begin, what they read, which options they change, and what the service manager is told.

mod hanging;
mod load;
mod loaded;
mod mistakes;
mod notify;
mod options;
mod privileges;
mod signals;
mod sockets;
mod source;
#[path = "../support/mod.rs"]
mod support;
mod trial;

use nix::sys::signal::Signal;
use support::{Background, Foreground, Sandbox, until};

/// What the log says of a reload that failed.
const FAILED: &str = "reload failed; everything is as it was: ";

/// Waits until the log of a daemon in the background, `poetryd.log` in this directory, has a text.
fn wait_for(sandbox: &Sandbox, log: &str, text: &str) {
    until(text, || std::fs::read_to_string(sandbox.path(log)).is_ok_and(|log| log.contains(text)));
}

/// Has a daemon in the background reload. Returns why that failed.
fn failed_reload(sandbox: &Sandbox, daemon: &Background, log: &str) -> String {
    daemon.signal(Signal::SIGHUP);
    wait_for(sandbox, log, FAILED);
    let log = sandbox.read(log);
    let line = log.lines().find_map(|line| line.split_once(FAILED)).unwrap().1;
    line.to_owned()
}

/// Has a daemon in the foreground reload, and waits for the given number of successes in its log.
fn reload(daemon: &Foreground, number: usize) {
    daemon.signal(Signal::SIGHUP);
    until("the reload", || {
        let log = daemon.log();
        let failed = log.iter().find(|line| line.contains("reload failed"));
        assert!(failed.is_none(), "{}", log.join("\n"));
        log.iter().filter(|line| line.contains("reloaded ") && line.contains(" kept, ")).count()
            == number
    });
}
