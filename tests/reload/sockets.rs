//! Options of sockets that stay open.

use crate::reload;
use crate::support::{Foreground, Sandbox};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

/// A poem on `poetry.sock`, for one client at a time, with more keys for the listener.
fn unix_toml(more: &str) -> String {
    format!(
        "[services.ecstasy]\nkind = \"poem\"\nfile = \"poetry/ecstasy.txt\"\n\n\
         [services.local]\nkind = \"unix\"\npath = \"poetry.sock\"\nprotocol = \"slow\"\n\
         poem = \"ecstasy\"\ndelay = 100\nmax-connections = 1\n{more}\n\
         [daemon]\nstop-timeout = 0.1\n"
    )
}

/// Connects clients until no more may wait.
fn crowd(sandbox: &Sandbox) -> Vec<OwnedFd> {
    let address = UnixAddr::new(&sandbox.path("poetry.sock")).unwrap();
    let mut clients = Vec::new();
    loop {
        let client =
            socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_NONBLOCK, None).unwrap();
        match connect(client.as_raw_fd(), &address) {
            Ok(()) => clients.push(client),
            Err(Errno::EAGAIN) => return clients,
            Err(e) => panic!("{e}"),
        }
    }
}

#[test]
fn a_backlog_and_a_mode_change_though_the_socket_stays() {
    let sandbox = Sandbox::new();
    sandbox.write("unix.toml", &unix_toml("backlog = 5"));
    let daemon = Foreground::start(sandbox.poetryd(&["--nodaemon", "unix.toml"])).ready();
    let file = || fs::metadata(sandbox.path("poetry.sock")).unwrap();
    let before = file();
    assert_eq!(before.permissions().mode() & 0o777, 0o666);
    let mut clients = crowd(&sandbox);
    // One is served, and one more may wait than the kernel is told. Some came before the first was accepted.
    assert!((6..=7).contains(&clients.len()), "{}", clients.len());

    sandbox.write("unix.toml", &unix_toml("backlog = 50\nmode = \"600\""));
    reload(&daemon, 1);
    assert_eq!((file().ino(), file().permissions().mode() & 0o777), (before.ino(), 0o600));
    clients.extend(crowd(&sandbox));
    // The old listener and the new one serve one each.
    assert!((51..=53).contains(&clients.len()), "{}", clients.len());
    drop(clients);
    let handed_over =
        daemon.log().iter().filter(|line| line.contains("[local] handing over ")).count();
    assert_eq!(handed_over, 1);
    daemon.stop();
}
