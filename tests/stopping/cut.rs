//! Stops that leave no time: what is cut is said to be, to the client and in the log.

use crate::support::circumstances::room_for;
use crate::support::{ECSTASY, Foreground, Sandbox, connect, receive, until};
use crate::{BIG, LISTENERS, addresses, gets_the_rest, in_the_middle, start, tree};
use nix::sys::signal::Signal;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// So many clients for each listener.
const CLIENTS: usize = 4;

fn clients(daemon: &Foreground) -> Vec<TcpStream> {
    let addresses = addresses(daemon).into_iter();
    addresses.flat_map(|address| (0..CLIENTS).map(move |_| in_the_middle(address))).collect()
}

/// A client whose poem was cut must not take it for a whole one.
fn sees_a_reset(mut client: TcpStream) {
    let (received, error) = receive(&mut client);
    assert_eq!(error, Some(ErrorKind::ConnectionReset), "after {} bytes", received.len());
    assert!(received.len() < BIG.len());
}

#[test]
fn clients_that_never_read_do_not_keep_it_beyond_the_deadline() {
    let sandbox = tree("");
    let daemon = start(&sandbox, &["--stop-timeout", "1"]);
    let _clients = clients(&daemon);
    daemon.signal(Signal::SIGTERM);
    let (status, log) = daemon.wait();
    assert_eq!(status.code(), Some(0), "{}", log.join("\n"));
    assert!(!sandbox.path("poetryd.pid").exists());
}

#[test]
fn the_log_counts_what_was_cut_at_the_deadline() {
    let sandbox = tree("");
    let daemon = start(&sandbox, &["--stop-timeout", "0.5"]);
    let _clients = clients(&daemon);
    daemon.signal(Signal::SIGTERM);
    let log = daemon.wait().1.join("\n");
    for name in LISTENERS {
        let line = format!("[{name}] warning: cut {CLIENTS} connections at the deadline");
        assert!(log.contains(&line), "no {line:?} in\n{log}");
    }
}

#[test]
fn clients_that_are_cut_at_the_deadline_see_a_reset() {
    let sandbox = tree("");
    let daemon = start(&sandbox, &["--stop-timeout", "0.5"]);
    let clients = clients(&daemon);
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
    clients.into_iter().for_each(sees_a_reset);
}

/// Sends a signal a second after the daemon has got its first one.
fn signal_a_second_later(daemon: &Foreground, signal: Signal) {
    daemon.wait_for(", shutting down");
    let first = Instant::now();
    until("a second is over", || first.elapsed() > Duration::from_secs(1));
    daemon.signal(signal);
}

/// As `timeout` of coreutils sends them, and an impatient hand.
#[test]
fn two_signals_within_a_second_are_one() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let sandbox = tree("");
        let daemon = start(&sandbox, &["--stop-timeout", "600"]);
        let client = in_the_middle(addresses(&daemon)[0]);
        daemon.signal(signal);
        daemon.wait_for(&format!("received {signal}, shutting down"));
        daemon.signal(signal);
        daemon.wait_for(
            "another one, a second or more after the first, ends the process immediately",
        );
        gets_the_rest(client);
        let (status, log) = daemon.wait();
        assert_eq!(status.code(), Some(0), "{}", log.join("\n"));
    }
}

#[test]
fn a_stop_timeout_of_nothing_ends_it_at_once() {
    let sandbox = tree("");
    let daemon = start(&sandbox, &["--stop-timeout", "0"]);
    let clients = clients(&daemon);
    daemon.signal(Signal::SIGTERM);
    let (status, log) = daemon.wait();
    assert_eq!(status.code(), Some(0), "{}", log.join("\n"));
    clients.into_iter().for_each(sees_a_reset);
}

#[test]
fn a_second_signal_ends_it_at_once_with_status_1() {
    let sandbox = tree("");
    let daemon = start(&sandbox, &["--stop-timeout", "600"]);
    let _clients = clients(&daemon);
    daemon.signal(Signal::SIGTERM);
    signal_a_second_later(&daemon, Signal::SIGTERM);
    let (status, log) = daemon.wait();
    assert_eq!(status.code(), Some(1), "{}", log.join("\n"));
}

#[test]
fn after_a_second_signal_there_is_no_pid_file() {
    let sandbox = tree("");
    let daemon = start(&sandbox, &["--stop-timeout", "600"]);
    assert!(sandbox.path("poetryd.pid").exists());
    let _clients = clients(&daemon);
    daemon.signal(Signal::SIGINT);
    signal_a_second_later(&daemon, Signal::SIGTERM);
    daemon.wait();
    assert!(!sandbox.path("poetryd.pid").exists());
}

#[test]
fn clients_that_are_cut_by_a_second_signal_see_a_reset() {
    let sandbox = tree("");
    let daemon = start(&sandbox, &["--stop-timeout", "600"]);
    let clients = clients(&daemon);
    daemon.signal(Signal::SIGTERM);
    signal_a_second_later(&daemon, Signal::SIGTERM);
    daemon.wait();
    clients.into_iter().for_each(sees_a_reset);
}

#[test]
fn clients_of_a_daemon_that_is_killed_see_a_reset() {
    let sandbox = tree("");
    let daemon = start(&sandbox, &[]);
    let clients = clients(&daemon);
    daemon.signal(Signal::SIGKILL);
    daemon.wait();
    clients.into_iter().for_each(sees_a_reset);
}

#[test]
fn clients_whose_poem_has_only_begun_when_it_is_killed_see_a_reset() {
    let sandbox = tree("");
    let daemon = start(&sandbox, &[]);
    let address = daemon.address("first");
    // They are all waiting when the daemon goes on, so that it is busy with the others when the first of
    // them has got something.
    daemon.signal(Signal::SIGSTOP);
    let room = room_for(200);
    let mut clients: Vec<TcpStream> = (0..room.clients).map(|_| connect(address)).collect();
    daemon.signal(Signal::SIGCONT);
    clients[0].read_exact(&mut [0; 8]).unwrap();
    daemon.signal(Signal::SIGKILL);
    daemon.wait();
    clients.into_iter().for_each(sees_a_reset);
}

/// Even where the client has not read anything yet, and has not closed.
#[test]
fn a_poem_that_has_come_when_the_daemon_is_killed_ends_in_order() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.foreground();
    let mut client = connect(daemon.address("fast"));
    until("the whole poem", || client.peek(&mut [0; 4096]).unwrap() == ECSTASY.len());
    daemon.signal(Signal::SIGKILL);
    daemon.wait();
    assert_eq!(receive(&mut client), (ECSTASY.to_vec(), None));
}
