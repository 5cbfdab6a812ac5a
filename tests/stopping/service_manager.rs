//! A service manager that does not read what it is told.

use crate::support::{Foreground, LIMIT, Sandbox};
use nix::sys::signal::Signal;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;

#[test]
fn a_service_manager_that_does_not_read_does_not_hold_up_a_stop() {
    let sandbox = Sandbox::new();
    let manager = UnixDatagram::bind(sandbox.path("notify")).unwrap();
    manager.set_read_timeout(Some(LIMIT)).unwrap();
    let mut command = sandbox.poetryd(&["--nodaemon", "fast.toml"]);
    command.env("NOTIFY_SOCKET", sandbox.path("notify"));
    let daemon = Foreground::start(command).ready();
    assert_ne!(manager.recv(&mut [0; 64]).unwrap(), 0);
    fill(&manager);
    daemon.signal(Signal::SIGTERM);
    let (status, log) = daemon.wait();
    assert_eq!(status.code(), Some(0));
    let log = log.join("\n");
    assert!(log.contains("can't notify the service manager"), "{log}");
    assert!(!log.contains("it does not answer"), "it was waited for:\n{log}");
}

fn fill(manager: &UnixDatagram) {
    let socket = UnixDatagram::unbound().unwrap();
    socket.connect_addr(&manager.local_addr().unwrap()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let full = (0..).find_map(|_| socket.send(b"WATCHDOG=1").err());
    assert_eq!(full.map(|e| e.kind()), Some(ErrorKind::WouldBlock));
}
