//! `protocol = "proxy"`: fetching once, keeping, and for whom.

use crate::support::circumstances::room_for;
use crate::support::{ECSTASY, Sandbox, fetch, receive, until};
use crate::upstream::{Upstream, reset};
use crate::{Served, gets};
use nix::sys::signal::Signal;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

/// The beginning of the log line about each fetch.
const FETCHING: &str = "fetching a poem from ";

pub fn proxy(upstream: SocketAddr, more: &str) -> Served {
    let more = format!("upstream = \"{upstream}\"\n{more}");
    Served::start(Sandbox::new(), "proxy", &more, &[])
}

/// A proxy, and the one client for which it has begun to fetch.
pub fn fetching(upstream: &Upstream, more: &str) -> (Served, TcpStream, TcpStream) {
    let proxy = proxy(upstream.address(), more);
    let client = proxy.connect();
    let connection = upstream.accept();
    (proxy, client, connection)
}

#[test]
fn a_poem_is_fetched_when_it_is_first_asked_for() {
    let upstream = Upstream::new();
    let (_proxy, mut client, mut connection) = fetching(&upstream, "");
    connection.write_all(ECSTASY).unwrap();
    drop(connection);
    gets(&mut client, ECSTASY);
}

#[test]
fn a_poem_that_nobody_asks_for_is_not_fetched() {
    let upstream = Upstream::new();
    let log = proxy(upstream.address(), "").daemon.stop().join("\n");
    assert!(upstream.try_accept().is_none() && !log.contains(FETCHING), "{log}");
}

#[test]
fn a_fetched_poem_is_kept() {
    for ttl in ["", "ttl = 3600"] {
        let upstream = Upstream::new();
        let (proxy, mut client, mut connection) = fetching(&upstream, ttl);
        connection.write_all(ECSTASY).unwrap();
        drop((connection, upstream)); // gone for good
        receive(&mut client);
        drop(client);
        for _ in 0..10 {
            assert_eq!(fetch(proxy.address).unwrap(), ECSTASY);
        }
        assert_eq!(proxy.count(FETCHING), 1);
    }
}

#[test]
fn a_poem_older_than_the_ttl_is_fetched_again() {
    let upstream = Upstream::new();
    let (proxy, mut client, mut connection) = fetching(&upstream, "ttl = 0.2");
    connection.write_all(b"the old poem").unwrap();
    drop(connection);
    assert_eq!(receive(&mut client).0, b"the old poem");
    // Clients come until one of them is not given the old poem.
    let fetched_again = thread::spawn(move || upstream.serve(b"the new poem"));
    until("the new poem", || {
        let poem = fetch(proxy.address).unwrap();
        assert!(poem == b"the old poem" || poem == b"the new poem", "{poem:?}");
        poem == b"the new poem"
    });
    fetched_again.join().unwrap();
}

#[test]
fn two_hundred_clients_at_once_are_one_connection_to_the_upstream_server() {
    let _room = room_for(200);
    let upstream = Upstream::new();
    let proxy = proxy(upstream.address(), "");
    let clients: Vec<TcpStream> = (0..200).map(|_| proxy.connect()).collect();
    proxy.wait_for_connections(200 + 1);
    upstream.serve(ECSTASY);
    for mut client in clients {
        gets(&mut client, ECSTASY);
    }
    assert!(upstream.try_accept().is_none());
    assert_eq!(proxy.count(FETCHING), 1);
}

#[test]
fn clients_that_come_just_when_the_poem_does_are_not_another_fetch() {
    for _ in 0..10 {
        let upstream = Upstream::new();
        let (proxy, mut first, mut connection) = fetching(&upstream, "");
        proxy.wait_for_connections(2);
        // When the daemon goes on, it finds everything at once: clients who wait, and the whole poem.
        proxy.daemon.signal(Signal::SIGSTOP);
        let clients: Vec<TcpStream> = (0..50).map(|_| proxy.connect()).collect();
        connection.write_all(ECSTASY).unwrap();
        drop(connection);
        proxy.daemon.signal(Signal::SIGCONT);
        gets(&mut first, ECSTASY);
        drop(first);
        for mut client in clients {
            // Whoever waits for another fetch does so in vain, and need not do it for long.
            client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            gets(&mut client, ECSTASY);
        }
        assert_eq!(proxy.count(FETCHING), 1);
    }
}

#[test]
fn a_big_poem_is_passed_on_whole() {
    let upstream = Upstream::new();
    let sandbox = Sandbox::new();
    let poem = sandbox.write_poem("big.txt", 10_000_000);
    let (proxy, mut client, connection) = fetching(&upstream, "");
    let sent = poem.clone();
    let sending = thread::spawn(move || { connection }.write_all(&sent).unwrap());
    gets(&mut client, &poem);
    sending.join().unwrap();
    assert!(fetch(proxy.address).unwrap() == poem);
}

#[test]
fn a_poem_that_comes_slowly_is_waited_for_beyond_the_silence_timeout() {
    let upstream = Upstream::new();
    let (_proxy, mut client, mut connection) = fetching(&upstream, "silence-timeout = 3");
    for part in ECSTASY.chunks(ECSTASY.len() / 10) {
        connection.write_all(part).unwrap();
        // Not a wait: it is the pace of the server.
        thread::sleep(Duration::from_millis(400));
    }
    drop(connection);
    gets(&mut client, ECSTASY);
}

#[test]
fn when_the_last_waiting_client_leaves_the_fetch_is_abandoned() {
    for begun in [&b""[..], &ECSTASY[..100]] {
        let upstream = Upstream::new();
        let (proxy, client, mut connection) = fetching(&upstream, "");
        connection.write_all(begun).unwrap();
        drop(client);
        assert_eq!(receive(&mut connection).0, b"");
        let abandoned = format!("no client waits for the poem from {}", upstream.address());
        proxy.daemon.wait_for(&abandoned);
        proxy.wait_for_connections(0);
    }
}

#[test]
fn when_all_of_several_clients_leave_the_fetch_is_abandoned_once() {
    let upstream = Upstream::new();
    let (proxy, first, mut connection) = fetching(&upstream, "");
    let others = proxy.clients_heard(20);
    drop((first, others));
    assert_eq!(receive(&mut connection).0, b"");
    proxy.wait_for_connections(0);
    assert_eq!(proxy.count("no client waits for the poem"), 1);
}

#[test]
fn a_client_that_is_reset_has_left() {
    let upstream = Upstream::new();
    let (proxy, client, mut connection) = fetching(&upstream, "");
    reset(client);
    assert_eq!(receive(&mut connection).0, b"");
    proxy.daemon.wait_for("no client waits for the poem");
}

#[test]
fn after_an_abandoned_fetch_the_next_client_has_one_of_its_own() {
    let upstream = Upstream::new();
    let (proxy, client, connection) = fetching(&upstream, "");
    drop(client);
    proxy.daemon.wait_for("no client waits for the poem");
    let mut next = proxy.connect();
    upstream.serve(ECSTASY);
    gets(&mut next, ECSTASY);
    drop(connection);
}

#[test]
fn when_one_of_two_leaves_the_fetch_goes_on_for_the_other() {
    for first_leaves in [true, false] {
        let upstream = Upstream::new();
        let (proxy, first, mut connection) = fetching(&upstream, "");
        let second = proxy.clients_heard(1).remove(0);
        connection.write_all(&ECSTASY[..1000]).unwrap();
        let (leaves, mut stays) = if first_leaves { (first, second) } else { (second, first) };
        let address = leaves.local_addr().unwrap();
        drop(leaves);
        proxy.daemon.wait_for(&format!("{address} left before the poem arrived"));
        connection.write_all(&ECSTASY[1000..]).unwrap();
        drop(connection);
        gets(&mut stays, ECSTASY);
        assert!(upstream.try_accept().is_none());
    }
}

#[test]
fn a_client_that_talks_while_it_waits_has_not_left() {
    let upstream = Upstream::new();
    let (_proxy, mut client, mut connection) = fetching(&upstream, "");
    client.write_all(&[b'x'; 10_000]).unwrap();
    connection.write_all(ECSTASY).unwrap();
    drop(connection);
    gets(&mut client, ECSTASY);
}

#[test]
fn the_upstream_server_is_told_nothing() {
    let upstream = Upstream::new();
    let (_proxy, mut client, mut connection) = fetching(&upstream, "");
    client.write_all(b"a secret").unwrap();
    connection.write_all(ECSTASY).unwrap();
    connection.shutdown(std::net::Shutdown::Write).unwrap();
    receive(&mut client);
    assert_eq!(receive(&mut connection).0, b"");
}

#[test]
fn a_proxy_of_a_proxy_passes_the_poem_on() {
    let upstream = Upstream::new();
    let inner = proxy(upstream.address(), "");
    let outer = proxy(inner.address, "");
    let clients: Vec<TcpStream> = (0..20).map(|_| outer.connect()).collect();
    outer.wait_for_connections(20 + 1);
    upstream.serve(ECSTASY);
    for mut client in clients {
        gets(&mut client, ECSTASY);
    }
    assert_eq!(inner.count("] sending 3003 bytes of poetry to "), 1);
}

#[test]
fn an_abandoned_fetch_of_a_proxy_of_a_proxy_is_abandoned_all_the_way() {
    let upstream = Upstream::new();
    let inner = proxy(upstream.address(), "");
    let outer = proxy(inner.address, "");
    let client = outer.connect();
    let mut connection = upstream.accept();
    drop(client);
    assert_eq!(receive(&mut connection).0, b"");
}

#[test]
fn a_client_that_waits_when_the_daemon_stops_gets_its_poem() {
    let upstream = Upstream::new();
    let (proxy, mut client, mut connection) = fetching(&upstream, "");
    proxy.wait_for_connections(2);
    proxy.daemon.signal(Signal::SIGTERM);
    proxy.daemon.wait_for("received SIGTERM");
    connection.write_all(ECSTASY).unwrap();
    drop(connection);
    gets(&mut client, ECSTASY);
    drop(client);
    assert_eq!(proxy.daemon.wait().0.code(), Some(0));
}

#[test]
fn a_client_that_waits_at_the_stop_deadline_sees_a_reset() {
    let upstream = Upstream::new();
    let more = format!("upstream = \"{}\"", upstream.address());
    let proxy = Served::start(Sandbox::new(), "proxy", &more, &["--stop-timeout", "0.5"]);
    let mut client = proxy.connect();
    let mut connection = upstream.accept();
    proxy.wait_for_connections(2);
    proxy.daemon.signal(Signal::SIGTERM);
    assert_eq!(receive(&mut client), (Vec::new(), Some(ErrorKind::ConnectionReset)));
    assert_eq!(connection.read(&mut [0]).unwrap_or(0), 0);
}
