//! Listening sockets that another process opened: socket activation.

use crate::support::{ECSTASY, Foreground, Sandbox, connect, fetch, receive, through, until};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

pub fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// The program, handed `listener` as its descriptor 3 in the way of sd_listen_fds(3), under `name`.
/// LISTEN_PID becomes `pid`, a shell expression: `$$` is the program's own.
pub fn activated(sandbox: &Sandbox, listener: TcpListener, name: &str, pid: &str) -> Command {
    let script = format!("exec 3<&0 </dev/null; export LISTEN_PID={pid}; exec \"$0\" \"$@\"");
    let mut command =
        through(&["sh", "-c", &script], &sandbox.poetryd(&["--nodaemon", "fast.toml"]));
    command.env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", name);
    command.stdin(Stdio::from(OwnedFd::from(listener)));
    command
}

#[test]
fn a_socket_that_is_named_after_a_service_is_used() {
    let sandbox = Sandbox::new();
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let daemon = Foreground::start(activated(&sandbox, listener, "fast", "$$")).ready();
    assert_eq!(daemon.address("fast"), address);
    assert_eq!(fetch(address).unwrap(), ECSTASY);
}

#[test]
fn a_socket_that_has_a_service_s_address_is_used() {
    let sandbox = Sandbox::new();
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let application = sandbox.read("fast.toml");
    let port = format!("port = {}", address.port());
    sandbox.write("fast.toml", &application.replace("port = 0", &port));
    let daemon = Foreground::start(activated(&sandbox, listener, "unknown", "$$")).ready();
    assert_eq!(daemon.address("fast"), address);
    assert_eq!(fetch(address).unwrap(), ECSTASY);
}

#[test]
fn a_client_that_came_before_the_daemon_is_served() {
    let sandbox = Sandbox::new();
    let listener = listener();
    let mut client = connect(listener.local_addr().unwrap());
    let _daemon = Foreground::start(activated(&sandbox, listener, "fast", "$$")).ready();
    assert_eq!(receive(&mut client), (ECSTASY.to_vec(), None));
}

#[test]
fn a_socket_that_no_service_wants_is_reported_and_closed() {
    let sandbox = Sandbox::new();
    let listener = listener();
    let unwanted = listener.local_addr().unwrap();
    let daemon = Foreground::start(activated(&sandbox, listener, "other", "$$")).ready();
    daemon.wait_for(&format!("closed the inherited socket other ({unwanted}): no service uses it"));
    until("nobody listens on it", || TcpStream::connect(unwanted).is_err());
    assert_eq!(fetch(daemon.address("fast")).unwrap(), ECSTASY);
}

#[test]
fn sockets_for_another_process_are_not_used() {
    let sandbox = Sandbox::new();
    let listener = listener();
    let foreign = listener.local_addr().unwrap();
    let daemon = Foreground::start(activated(&sandbox, listener, "fast", "1")).ready();
    assert_ne!(daemon.address("fast"), foreign);
    until("nobody listens on it", || TcpStream::connect(foreign).is_err());
}

/// The program with `listener` as its descriptor 3, and nobody said to be the one that it is for.
fn activated_anonymously(sandbox: &Sandbox, fds: &str, listener: TcpListener) -> Foreground {
    let mut command = activated(sandbox, listener, "fast", "$$; unset LISTEN_PID");
    command.env("LISTEN_FDS", fds);
    Foreground::start(command).ready()
}

#[test]
fn sockets_without_a_pid_are_used_if_all_of_them_listen() {
    let sandbox = Sandbox::new();
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let daemon = activated_anonymously(&sandbox, "1", listener);
    assert_eq!(daemon.address("fast"), address);
}

#[test]
fn sockets_without_a_pid_are_not_used_if_there_are_fewer_than_was_said() {
    let sandbox = Sandbox::new();
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let daemon = activated_anonymously(&sandbox, "2", listener);
    assert_ne!(daemon.address("fast"), address);
    until("nobody listens on it", || TcpStream::connect(address).is_err());
}

#[test]
fn a_socket_that_was_handed_over_keeps_its_queue_at_a_stop() {
    let sandbox = Sandbox::new();
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let ours = listener.try_clone().unwrap();
    let daemon = Foreground::start(activated(&sandbox, listener, "fast", "$$")).ready();
    assert_eq!(fetch(address).unwrap(), ECSTASY);
    let log = daemon.stop().join("\n");
    let closing = format!("[fast] closing {address}, which stays open for the next start");
    assert!(log.contains(&closing), "{log}");
    // With the backlog of 0 that the daemon gives to a socket of its own, the second would not get in.
    let waiting = [(); 100].map(|()| connect(address));
    let daemon = Foreground::start(activated(&sandbox, ours, "fast", "$$")).ready();
    for mut client in waiting {
        assert_eq!(receive(&mut client), (ECSTASY.to_vec(), None));
    }
    drop(daemon);
}
