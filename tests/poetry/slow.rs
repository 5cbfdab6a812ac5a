//! `protocol = "slow"`: a part, a pause, a part.

use crate::support::circumstances::{Room, room_for};
use crate::support::{ECSTASY, Sandbox, fetch, receive, status_of};
use crate::{Served, gets};
use nix::sys::signal::Signal;
use std::io::{ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// A pause that no test lives to see the end of.
const FOR_EVER: &str = "delay = 3600";

/// A daemon that serves the poem of most tests slowly.
fn slow(more: &str, options: &[&str]) -> Served {
    let more = format!("poem = \"ecstasy\"\n{more}");
    Served::start(Sandbox::new(), "slow", &more, options)
}

/// A daemon that serves a poem of `size` bytes slowly.
fn slow_poem(size: usize, more: &str) -> (Served, Vec<u8>) {
    let sandbox = Sandbox::new();
    let poem = sandbox.write_poem("poetry/ecstasy.txt", size);
    (Served::start(sandbox, "slow", &format!("poem = \"ecstasy\"\n{more}"), &[]), poem)
}

/// Connects, and has read the first part.
fn begun(served: &Served, part: usize) -> TcpStream {
    let mut client = served.connect();
    let mut first = vec![0; part];
    client.read_exact(&mut first).unwrap();
    assert_eq!(first, ECSTASY[..part]);
    client
}

#[test]
fn the_parts_make_the_poem() {
    let served = slow("num-bytes = 7\ndelay = 0", &[]);
    assert_eq!(fetch(served.address).unwrap(), ECSTASY);
}

#[test]
fn between_two_parts_there_is_the_delay() {
    // Four parts, and so three pauses.
    let (served, poem) = slow_poem(35, "num-bytes = 10\ndelay = 0.3");
    let start = Instant::now();
    assert_eq!(fetch(served.address).unwrap(), poem);
    let least = Duration::from_millis(900);
    assert!(start.elapsed() >= least, "{:?}", start.elapsed());
}

#[test]
fn the_first_part_comes_at_once_and_alone() {
    let served = slow(&format!("num-bytes = 10\n{FOR_EVER}"), &["--stop-timeout", "0"]);
    let client = begun(&served, 10);
    // It is stopped so that the client sees the end of what was sent.
    served.daemon.signal(Signal::SIGTERM);
    let (rest, error) = receive(&mut { client });
    assert_eq!((rest.len(), error), (0, Some(ErrorKind::ConnectionReset)));
}

#[test]
fn after_the_last_part_there_is_no_delay() {
    for size in [9, 10] {
        let (served, poem) = slow_poem(size, &format!("num-bytes = 10\n{FOR_EVER}"));
        assert_eq!(fetch(served.address).unwrap(), poem);
    }
}

#[test]
fn an_empty_poem_ends_at_once() {
    let (served, _) = slow_poem(0, FOR_EVER);
    assert_eq!(fetch(served.address).unwrap(), b"");
}

#[test]
fn a_part_may_be_more_than_a_client_takes_at_once() {
    let (served, poem) = slow_poem(16_000_000, "num-bytes = 8000000\ndelay = 0");
    assert!(fetch(served.address).unwrap() == poem);
}

#[test]
fn a_client_that_has_closed_its_side_gets_the_poem() {
    let served = slow("num-bytes = 500\ndelay = 0.02", &[]);
    let mut client = served.connect();
    client.shutdown(Shutdown::Write).unwrap();
    gets(&mut client, ECSTASY);
}

#[test]
fn a_client_that_leaves_is_let_go() {
    let served = slow("num-bytes = 10\ndelay = 0.05", &[]);
    let client = begun(&served, 10);
    served.wait_for_connections(1);
    drop(client);
    served.wait_for_connections(0);
}

#[test]
fn a_client_that_takes_nothing_is_reset_after_the_write_timeout() {
    let more = "num-bytes = 16000000\nwrite-timeout = 0.5";
    let (served, poem) = slow_poem(16_000_000, more);
    let mut client = served.connect();
    served.daemon.wait_for("read nothing for 0.5 seconds");
    let (received, error) = receive(&mut client);
    assert_eq!(error, Some(ErrorKind::ConnectionReset), "after {} bytes", received.len());
    assert!(received.len() < poem.len());
}

#[test]
fn clients_in_mid_poem_get_the_rest_when_the_daemon_stops() {
    let served = slow("num-bytes = 300\ndelay = 0.05", &[]);
    let mut clients: Vec<_> = (0..20).map(|_| begun(&served, 300)).collect();
    served.daemon.signal(Signal::SIGTERM);
    for client in &mut clients {
        gets(client, &ECSTASY[300..]);
    }
    drop(clients);
    assert_eq!(served.daemon.wait().0.code(), Some(0));
}

#[test]
fn clients_that_are_cut_at_the_stop_deadline_see_a_reset() {
    let served = slow(&format!("num-bytes = 10\n{FOR_EVER}"), &["--stop-timeout", "0.5"]);
    let clients: Vec<_> = (0..20).map(|_| begun(&served, 10)).collect();
    served.daemon.signal(Signal::SIGTERM);
    let (status, log) = served.daemon.wait();
    assert_eq!(status.code(), Some(0));
    let log = log.join("\n");
    assert!(log.contains("[served] warning: cut 20 connections at the deadline"), "{log}");
    for mut client in clients {
        assert_eq!(receive(&mut client), (Vec::new(), Some(ErrorKind::ConnectionReset)));
    }
}

/// A number from /proc/PID/status, such as that of the threads.
fn status(served: &Served, field: &str) -> usize {
    let value = status_of(served.daemon.pid(), field);
    value.split_whitespace().next().unwrap().parse().unwrap()
}

/// So many clients at once, each of them in the middle of its poem.
const MANY: usize = 2000;

fn many(served: &Served) -> (Vec<TcpStream>, Room) {
    let room = room_for(MANY);
    let mut clients: Vec<TcpStream> = (0..room.clients).map(|_| served.connect()).collect();
    for client in &mut clients {
        client.read_exact(&mut [0; 10]).unwrap();
    }
    served.wait_for_connections(clients.len());
    (clients, room)
}

#[test]
fn many_clients_at_once_cost_no_thread() {
    let served = slow(&format!("num-bytes = 10\n{FOR_EVER}"), &[]);
    let before = status(&served, "Threads");
    let _many = many(&served);
    assert_eq!(status(&served, "Threads"), before);
}

#[test]
fn many_clients_at_once_cost_no_copy_of_the_poem() {
    let (served, poem) = slow_poem(1_000_000, &format!("num-bytes = 10\n{FOR_EVER}"));
    let before = status(&served, "VmRSS");
    let (clients, _room) = many(&served);
    let each = (status(&served, "VmRSS") - before) * 1024 / clients.len();
    assert!(each < poem.len() / 50, "{each} bytes for each client");
}

#[test]
fn many_clients_at_once_get_the_whole_poem_each() {
    let room = room_for(MANY);
    let served = slow("num-bytes = 1000\ndelay = 0.1", &[]);
    let clients: Vec<TcpStream> = (0..room.clients).map(|_| served.connect()).collect();
    for mut client in clients {
        gets(&mut client, ECSTASY);
    }
}
