//! `poetryd --nodaemon`: the way it is used during development.

#[path = "../support/mod.rs"]
mod support;

use nix::sys::signal::Signal;
use std::net::TcpStream;
use support::{ECSTASY, Sandbox, fetch};

#[test]
fn serves_the_poem_and_says_what_it_does() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.foreground();
    let address = daemon.address("fast");
    assert_eq!(fetch(address).unwrap(), ECSTASY);
    daemon.wait_for("] sending 3003 bytes of poetry to 127.0.0.1:");
    let log = daemon.stop().join("\n");
    assert!(
        log.contains(concat!("[-] poetryd ", env!("CARGO_PKG_VERSION"), " starts with pid")),
        "{log}"
    );
    assert!(log.contains("[ecstasy] loaded a poem from poetry/ecstasy.txt (3003 bytes)"), "{log}");
}

#[test]
fn ctrl_c_stops_every_service_and_exits_0() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.foreground();
    let address = daemon.address("fast");
    daemon.signal(Signal::SIGINT);
    let (status, log) = daemon.wait();
    assert_eq!(status.code(), Some(0));
    let log = log.join("\n");
    assert!(log.contains("[-] received SIGINT, shutting down"), "{log}");
    assert!(log.contains(&format!("[fast] closing {address}")), "{log}");
    assert!(log.contains("[fast] stopped") && log.contains("[ecstasy] stopped"), "{log}");
    assert!(TcpStream::connect(address).is_err(), "the port is still open");
}
