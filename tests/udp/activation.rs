//! Datagram sockets that another process opened: socket activation.

use crate::support::{ECSTASY, Foreground, Sandbox, run, stderr, through, until};
use crate::{client, receive, sandbox};
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

/// The program, handed `socket` as its descriptor 3 in the way of sd_listen_fds(3), under `name`.
fn activated(sandbox: &Sandbox, socket: UdpSocket, name: &str) -> Command {
    let script = "exec 3<&0 </dev/null; export LISTEN_PID=$$; exec \"$0\" \"$@\"";
    let program = sandbox.poetryd(&["--nodaemon", "quote.toml"]);
    let mut command = through(&["sh", "-c", script], &program);
    command.env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", name);
    command.stdin(Stdio::from(OwnedFd::from(socket)));
    command
}

#[test]
fn a_datagram_that_came_before_the_daemon_is_answered_from_a_socket_of_its_name() {
    let sandbox = sandbox("interface = \"127.0.0.1\"\nport = 0");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let client = client("127.0.0.1", address);
    client.send(b"?").unwrap();
    let daemon = Foreground::start(activated(&sandbox, socket, "quote")).ready();
    assert_eq!(daemon.address("quote"), address);
    assert_eq!(receive(&client), ECSTASY[..512]);
}

#[test]
fn a_socket_that_has_the_service_s_address_is_used() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let sandbox = sandbox(&format!("interface = \"127.0.0.1\"\nport = {}", address.port()));
    let daemon = Foreground::start(activated(&sandbox, socket, "unknown")).ready();
    assert_eq!(daemon.address("quote"), address);
}

#[test]
fn a_socket_for_both_families_of_addresses_counts_ipv4_clients_as_such() {
    // As systemd opens one for ListenDatagram= with nothing but a port.
    let Ok(socket) = UdpSocket::bind("[::]:0") else {
        return println!("not tested: this machine has no IPv6");
    };
    let port = socket.local_addr().unwrap().port();
    let sandbox = sandbox(&format!(
        "interface = \"*\"\nport = {port}\nallow-reflection = true\nreplies-per-second = 1"
    ));
    let daemon = Foreground::start(activated(&sandbox, socket, "quote")).ready();
    let server = ([127, 0, 0, 1], port).into();
    for from in ["127.0.0.1", "127.0.0.2"] {
        let client = client(from, server);
        client.send(b"?").unwrap();
        assert_eq!(receive(&client), ECSTASY[..512], "{from}");
    }
    daemon.stop();
}

#[test]
fn a_socket_that_other_machines_reach_is_refused_until_that_is_allowed() {
    let sandbox = sandbox("interface = \"127.0.0.1\"\nport = 0");
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let address = socket.local_addr().unwrap();
    let output = run(activated(&sandbox, socket, "quote"));
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains(&format!("{address} can be reached from other machines")), "{said}");
}

#[test]
fn a_datagram_socket_that_no_service_wants_is_reported_and_closed() {
    let sandbox = sandbox("interface = \"127.0.0.1\"\nport = 0");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let unwanted = socket.local_addr().unwrap();
    let daemon = Foreground::start(activated(&sandbox, socket, "other")).ready();
    daemon.wait_for(&format!(
        "closed the inherited socket other (UDP {unwanted}): no service uses it"
    ));
    until("nobody has the port", || UdpSocket::bind(unwanted).is_ok());
}
