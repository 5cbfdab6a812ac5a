//! Many datagrams at a time.

use crate::support::{ECSTASY, Foreground, LIMIT, Sandbox};
use crate::{client, receive, sandbox, serve};
use nix::sys::signal::Signal;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

/// A daemon that answers this machine as often as it asks, and the sandbox that it runs in.
fn quick() -> (Foreground, SocketAddr, Sandbox) {
    let sandbox = sandbox("interface = \"127.0.0.1\"\nport = 0\nreplies-per-second = 1000000");
    let (daemon, address) = serve(&sandbox);
    (daemon, address, sandbox)
}

/// Sends what `questions` sends while the daemon does not run, so that it finds all of it at once.
fn at_once(daemon: &Foreground, questions: impl FnOnce()) {
    daemon.signal(Signal::SIGSTOP);
    questions();
    daemon.signal(Signal::SIGCONT);
}

/// Fails if anything else comes than what was received already.
fn hears_no_more(client: &UdpSocket) {
    client.set_nonblocking(true).unwrap();
    assert!(client.recv(&mut [0; 512]).is_err(), "an answer that nobody asked for");
}

#[test]
fn each_of_ten_thousand_datagrams_is_answered_once_and_logged_once() {
    const CLIENTS: usize = 50;
    const REQUESTS: usize = 200;
    let (daemon, address, _sandbox) = quick();
    let clients: Vec<_> = (0..CLIENTS).map(|_| client("127.0.0.1", address)).collect();
    for _ in 0..REQUESTS {
        clients.iter().for_each(|client| assert_eq!(client.send(b"?").unwrap(), 1));
        clients.iter().for_each(|client| assert_eq!(receive(client), ECSTASY[..512]));
    }
    let log = daemon.stop();
    for client in &clients {
        hears_no_more(client);
        let line = format!("sending 512 bytes of poetry to {}", client.local_addr().unwrap());
        assert_eq!(log.iter().filter(|said| said.ends_with(&line)).count(), REQUESTS);
    }
}

#[test]
fn a_burst_is_answered_in_its_order() {
    let (daemon, address, _sandbox) = quick();
    let clients: Vec<_> = (0..100).map(|_| client("127.0.0.1", address)).collect();
    at_once(&daemon, || {
        clients.iter().for_each(|client| assert_eq!(client.send(b"?").unwrap(), 1))
    });
    clients.iter().for_each(|client| assert_eq!(receive(client), ECSTASY[..512]));
    let log = daemon.stop();
    let answered = log.iter().filter_map(|line| line.split_once(" bytes of poetry to "));
    let answered: Vec<SocketAddr> = answered.map(|(_, peer)| peer.parse().unwrap()).collect();
    let asked: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
    assert_eq!(answered, asked);
}

#[test]
fn the_largest_datagram_in_a_burst_costs_no_other_one_its_answer() {
    let (daemon, address, _sandbox) = quick();
    let clients: Vec<_> = (0..5).map(|_| client("127.0.0.1", address)).collect();
    let junk = vec![0xff; 65_507];
    let requests = [b"?".as_slice(), b"", &junk, b"", b"?"];
    at_once(&daemon, || {
        for (client, request) in clients.iter().zip(requests) {
            client.send(request).unwrap();
        }
    });
    for client in &clients {
        assert_eq!(receive(client), ECSTASY[..512]);
        hears_no_more(client);
    }
    daemon.stop();
}

#[test]
fn clients_in_a_burst_that_have_gone_cost_no_other_one_its_answer() {
    let (daemon, address, _sandbox) = quick();
    let clients: Vec<_> = (0..20).map(|_| client("127.0.0.1", address)).collect();
    for _ in 0..10 {
        at_once(&daemon, || {
            for client in &clients {
                client.send(b"?").unwrap();
                self::client("127.0.0.1", address).send(b"?").unwrap(); // and is closed
            }
        });
        clients.iter().for_each(|client| assert_eq!(receive(client), ECSTASY[..512]));
    }
    clients.iter().for_each(hears_no_more);
    daemon.stop();
}

#[test]
fn a_stop_does_not_wait_for_the_end_of_a_flood() {
    let (daemon, address, _sandbox) = quick();
    let (flooding, began) = (AtomicBool::new(true), Instant::now());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let client = client("127.0.0.1", address);
                client.set_nonblocking(true).unwrap();
                while flooding.load(Ordering::Relaxed) && began.elapsed() < LIMIT {
                    let _ = client.send(b"?"); // refused when the port is closed
                    match client.recv(&mut [0; 512]) {
                        Ok(bytes) => assert_eq!(bytes, 512),
                        Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                        Err(e) => assert_eq!(e.kind(), ErrorKind::ConnectionRefused),
                    }
                }
            });
        }
        daemon.wait_for("bytes of poetry"); // the flood has arrived
        let log = daemon.stop();
        flooding.store(false, Ordering::Relaxed);
        let closed = format!("[quote] closing UDP {address}");
        assert!(log.iter().any(|line| line.ends_with(&closed)), "{:?}", log.last());
    });
}
