//! What the service manager is told.

use crate::support::manager::{Manager, microseconds};
use crate::support::{Foreground, Sandbox, fast_toml, fetch};
use nix::sys::signal::Signal;
use std::io;
use std::os::unix::net::UnixDatagram;

fn start(sandbox: &Sandbox) -> (Manager, Foreground) {
    Manager::start(sandbox, sandbox.poetryd(&["--nodaemon", "fast.toml"]))
}

#[test]
fn a_reload_that_is_refused_begins_and_ends_with_the_verdict() {
    let sandbox = Sandbox::new();
    let (manager, daemon) = start(&sandbox);
    sandbox.write("fast.toml", "nonsense");
    let before = microseconds();
    daemon.signal(Signal::SIGHUP);
    let began = manager.next();
    let time =
        began.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|rest| rest.lines().next());
    let time: i64 = time.unwrap_or_else(|| panic!("{began}")).parse().unwrap();
    assert!((before..=microseconds()).contains(&time), "{before} {began}");
    let ended = manager.next();
    let verdict = format!("the last reload failed: {}:1:", sandbox.path("fast.toml").display());
    assert!(ended.starts_with("READY=1\nSTATUS=serving; ") && ended.contains(&verdict), "{ended}");
    assert_eq!(ended.lines().count(), 2, "{ended}");
    daemon.signal(Signal::SIGTERM);
    assert!(manager.next().starts_with("STOPPING=1\n"));
    assert!(daemon.wait().0.success());
}

/// A manager would wait for the end of a reload for ever.
#[test]
fn the_end_of_a_reload_is_told_even_if_the_manager_is_behind() {
    let sandbox = Sandbox::new();
    let (manager, daemon) = start(&sandbox);
    let full = UnixDatagram::unbound().unwrap();
    full.connect(sandbox.path("notify")).unwrap();
    full.set_nonblocking(true).unwrap();
    // Room for one message only: that a reload begins.
    let messages = (0..).take_while(|_| full.send(b"X=1").is_ok()).count();
    assert_eq!(manager.next(), "X=1");
    sandbox.write("fast.toml", "nonsense");
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for("reload failed");
    for _ in 1..messages {
        assert_eq!(manager.next(), "X=1");
    }
    assert!(manager.next().starts_with("RELOADING=1\n"));
    assert!(manager.next().starts_with("READY=1\nSTATUS=serving; the last reload failed"));
    daemon.stop();
}

/// Clients would wait in its queue for nobody.
#[test]
fn a_socket_of_a_reload_that_is_undone_is_closed_though_the_manager_has_stored_it() {
    let sandbox = Sandbox::new();
    let manager = UnixDatagram::bind(sandbox.path("notify")).unwrap();
    let mut command = sandbox.poetryd(&["--nodaemon", "fast.toml"]);
    command.env("NOTIFY_SOCKET", sandbox.path("notify")).env("FDSTORE", "512");
    let daemon = Foreground::start(command).ready();
    let more = "[services.more]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\n\
                protocol = \"fast\"\npoem = \"ecstasy\"\n\
                [services.missing]\nkind = \"poem\"\nfile = \"missing.txt\"\n";
    sandbox.write("fast.toml", &fast_toml(more));
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for("reload failed");
    let refused = fetch(daemon.address("more")).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    assert!(fetch(daemon.address("fast")).is_ok());
    daemon.stop();
    let mut messages = vec![];
    manager.set_nonblocking(true).unwrap();
    let mut message = [0; 4096];
    while let Ok(length) = manager.recv(&mut message) {
        messages.push(String::from_utf8_lossy(&message[..length]).into_owned());
    }
    let stored = messages.iter().filter(|text| text.starts_with("FDSTORE=1\n")).count();
    let removed = messages.iter().filter(|text| text.starts_with("FDSTOREREMOVE=1\n")).count();
    assert_eq!((stored, removed), (2, 1), "{messages:?}");
}
