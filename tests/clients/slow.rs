//! Clients that read slowly or not at all, and the timeouts that end or spare them.

use crate::support::{
    ECSTASY, Foreground, Sandbox, connect, fast_toml, open_descriptors, receive, until,
};
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

/// More than the kernel holds for a client that does not read.
const BIG: usize = 16_000_000;

/// A daemon that serves a poem of `size` bytes, with `more` in the listener's table.
fn serving(size: usize, more: &str) -> (Sandbox, Foreground, Vec<u8>) {
    let sandbox = Sandbox::new();
    let poem = sandbox.write_poem("poetry/ecstasy.txt", size);
    sandbox.write("fast.toml", &fast_toml(more));
    let daemon = sandbox.foreground();
    (sandbox, daemon, poem)
}

/// Connects a client for which its kernel holds only a few kilobytes.
fn connect_narrow(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.into()
}

#[test]
fn a_client_that_never_reads_is_reset_after_the_write_timeout() {
    let (_sandbox, daemon, poem) = serving(BIG, "write-timeout = 0.5");
    let mut client = connect(daemon.address("fast"));
    daemon.wait_for("read nothing for 0.5 seconds; dropped after ");
    let (received, error) = receive(&mut client);
    assert_eq!(error, Some(ErrorKind::ConnectionReset), "after {} bytes", received.len());
    assert!(received.len() < BIG && poem.starts_with(&received));
}

#[test]
fn the_log_says_how_many_bytes_a_dropped_client_was_sent() {
    let (_sandbox, daemon, _) = serving(BIG, "write-timeout = 0.5");
    let mut client = connect(daemon.address("fast"));
    let line = daemon.wait_for("; dropped after ");
    assert!(line.contains(&client.local_addr().unwrap().to_string()), "{line}");
    let numbers = line.split_once("; dropped after ").unwrap().1;
    let (sent, total) = numbers.strip_suffix(" bytes").unwrap().split_once(" of ").unwrap();
    assert_eq!(total.parse(), Ok(BIG), "{line}");
    let received = receive(&mut client).0.len();
    // What was sent, and not received, is what the daemon's kernel still had.
    let sent: usize = sent.parse().unwrap();
    assert!((received..=received + 1_000_000).contains(&sent), "{line}: {received} came");
}

#[test]
fn a_dropped_client_keeps_no_descriptor() {
    let (_sandbox, daemon, _) = serving(BIG, "write-timeout = 0.5");
    let before = open_descriptors(daemon.pid());
    let _client = connect(daemon.address("fast"));
    daemon.wait_for("; dropped after ");
    until("its descriptor is closed", || open_descriptors(daemon.pid()) == before);
}

#[test]
fn a_client_that_never_reads_the_end_of_a_poem_is_reset() {
    // Small enough to be sent at one go; too big for the client.
    let (_sandbox, daemon, _) = serving(24_000, "write-timeout = 0.5\nlinger-timeout = 0.1");
    let before = open_descriptors(daemon.pid());
    let mut client = connect_narrow(daemon.address("fast"));
    daemon.wait_for("read nothing for 0.5 seconds; dropped with ");
    until("its descriptor is closed", || open_descriptors(daemon.pid()) == before);
    let (received, error) = receive(&mut client);
    assert_eq!(error, Some(ErrorKind::ConnectionReset), "after {} bytes", received.len());
}

#[test]
fn a_client_that_reads_slowly_is_not_dropped() {
    let (_sandbox, daemon, poem) = serving(BIG, "write-timeout = 3");
    let mut client = connect(daemon.address("fast"));
    let mut received = vec![0; 40 * 50_000];
    for part in received.chunks_mut(50_000) {
        client.read_exact(part).unwrap();
        // Not a wait: it paces the client, so that it takes longer than the write-timeout.
        thread::sleep(Duration::from_millis(100));
    }
    let (rest, error) = receive(&mut client);
    received.extend(rest);
    assert_eq!(error, None, "after {} bytes\n{}", received.len(), daemon.log().join("\n"));
    assert!(received == poem, "{} bytes", received.len());
}

#[test]
fn a_client_that_does_not_close_is_let_go_after_the_linger_timeout() {
    let sandbox = Sandbox::new();
    sandbox.write("fast.toml", &fast_toml("linger-timeout = 0.5"));
    let daemon = sandbox.foreground();
    let before = open_descriptors(daemon.pid());
    let mut client = connect(daemon.address("fast"));
    assert_eq!(receive(&mut client), (ECSTASY.to_vec(), None));
    until("its descriptor is closed", || open_descriptors(daemon.pid()) == before);
}

#[test]
fn a_client_that_reads_only_later_gets_its_poem_though_it_was_let_go() {
    let sandbox = Sandbox::new();
    sandbox.write("fast.toml", &fast_toml("linger-timeout = 0.1"));
    let daemon = sandbox.foreground();
    let before = open_descriptors(daemon.pid());
    let mut client = connect(daemon.address("fast"));
    daemon.wait_for("] sending ");
    until("its descriptor is closed", || open_descriptors(daemon.pid()) == before);
    assert_eq!(receive(&mut client), (ECSTASY.to_vec(), None));
}
