//! Stops that leave time for everybody.

use crate::support::circumstances::room_for;
use crate::support::{connect, receive, until};
use crate::{BIG, LISTENERS, addresses, gets_the_rest, in_the_middle, start, tree};
use nix::sys::signal::Signal;
use std::net::{SocketAddr, TcpStream};
use std::thread;

fn refused(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_err()
}

#[test]
fn two_hundred_clients_in_the_middle_of_a_poem_get_all_of_it() {
    let sandbox = tree("");
    let daemon = start(&sandbox, &["--stop-timeout", "600"]);
    let addresses = addresses(&daemon);
    let room = room_for(200);
    let clients: Vec<TcpStream> = (0..room.clients)
        .map(|number| in_the_middle(addresses[number % addresses.len()]))
        .collect();
    daemon.signal(Signal::SIGTERM);
    until("nothing listens any more", || addresses.iter().copied().all(refused));
    thread::scope(|scope| {
        for client in clients {
            scope.spawn(move || gets_the_rest(client));
        }
    });
    let (status, log) = daemon.wait();
    assert_eq!(status.code(), Some(0), "{}", log.join("\n"));
}

#[test]
fn every_listener_refuses_new_connections_at_once() {
    let sandbox = tree("");
    let daemon = start(&sandbox, &["--stop-timeout", "600"]);
    let addresses = addresses(&daemon);
    let clients: Vec<TcpStream> = addresses.iter().copied().map(in_the_middle).collect();
    daemon.signal(Signal::SIGTERM);
    for address in addresses {
        until("new connections are refused", || refused(address));
    }
    // It has not come to its end meanwhile: the clients are still connected, and it ends when they go.
    let log = daemon.log().join("\n");
    assert!(!log.contains("everything stopped"), "{log}");
    drop(clients);
    let (status, _) = daemon.wait();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn clients_that_wait_in_the_backlog_are_served() {
    let sandbox = tree("max-connections = 1");
    let daemon = start(&sandbox, &["--stop-timeout", "600"]);
    let address = daemon.address("first");
    let first = in_the_middle(address);
    let waiting: Vec<TcpStream> = (0..10).map(|_| connect(address)).collect();
    daemon.wait_for("further clients wait in the backlog");
    daemon.signal(Signal::SIGTERM);
    daemon.wait_for(&format!("[first] closing {address}"));
    gets_the_rest(first);
    for mut client in waiting {
        let (received, error) = receive(&mut client);
        assert!(error.is_none() && received == *BIG, "{} bytes, {error:?}", received.len());
    }
    let (status, _) = daemon.wait();
    assert_eq!(status.code(), Some(0));
}

/// Where in the log something is said, and said only once.
fn place(log: &[String], what: &str) -> usize {
    let places: Vec<usize> =
        log.iter().enumerate().filter(|(_, line)| line.contains(what)).map(|(n, _)| n).collect();
    assert_eq!(places.len(), 1, "{what:?} in\n{}", log.join("\n"));
    places[0]
}

#[test]
fn every_listener_is_closed_before_any_service_stops() {
    let sandbox = tree("");
    let log = start(&sandbox, &[]).stop();
    let last_close =
        LISTENERS.map(|name| place(&log, &format!("[{name}] closing "))).into_iter().max();
    let first_stop = log.iter().position(|line| line.ends_with("] stopped"));
    assert!(last_close < first_stop, "{}", log.join("\n"));
}

#[test]
fn listeners_close_in_reverse_order_of_the_tree() {
    let sandbox = tree("");
    let log = start(&sandbox, &[]).stop();
    let closed = LISTENERS.map(|name| place(&log, &format!("[{name}] closing ")));
    assert!(closed.is_sorted_by(|elder, younger| elder > younger), "{}", log.join("\n"));
}

#[test]
fn every_service_of_the_tree_stops() {
    let sandbox = tree("");
    let log = start(&sandbox, &[]).stop();
    let end = place(&log, "[-] stopped cleanly");
    for name in LISTENERS.into_iter().chain(["big", "night", "night.deep"]) {
        assert!(place(&log, &format!("[{name}] stopped")) < end, "{}", log.join("\n"));
    }
}

#[test]
fn a_poem_that_fits_the_kernel_is_not_cut_by_the_stop() {
    let sandbox = tree("linger-timeout = 0.1");
    let poem = &BIG[..16_000];
    std::fs::write(sandbox.path("big.txt"), poem).unwrap();
    let daemon = start(&sandbox, &[]);
    let mut clients: Vec<TcpStream> = (0..20).map(|_| connect(daemon.address("first"))).collect();
    daemon.stop();
    for client in &mut clients {
        assert_eq!(receive(client), (poem.to_vec(), None));
    }
}
