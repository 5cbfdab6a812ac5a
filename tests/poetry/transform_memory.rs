//! `protocol = "transform"`: how much memory requests and answers take, whatever clients do.

use crate::support::{receive, status_of, until};
use crate::transform::{ask, is_refused, said, transform};
use crate::{Served, gets};
use poetryd::poetry::netstring::encode;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

/// The most memory that the daemon has taken so far, in bytes.
fn peak_memory(served: &Served) -> usize {
    let peak = status_of(served.daemon.pid(), "VmHWM");
    peak.strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

/// So many numbered lines without a word in them.
fn numbered(lines: usize) -> Vec<u8> {
    let mut numbered = Vec::new();
    for number in 1..=lines {
        writeln!(numbered, "{number:4}  ").unwrap();
    }
    numbered
}

#[test]
fn an_answer_takes_no_memory_however_much_longer_than_its_request_it_is() {
    let served = transform("");
    let before = peak_memory(&served);
    let expected = thread::spawn(|| encode(&numbered(15_900_000)));
    let answer = ask(&served, &encode(&[b"number.", &vec![b'\n'; 15_900_000][..]].concat()));
    assert!(answer == expected.join().unwrap(), "{} bytes", answer.len());
    let taken = peak_memory(&served) - before;
    assert!(taken < 2 * 15_900_000, "{taken} bytes");
}

/// Sends what the server takes now of the rest of a request; returns how much that was.
fn push(client: &mut TcpStream, rest: &[u8]) -> usize {
    match client.write(rest) {
        Ok(taken) => taken,
        Err(e) if e.kind() == ErrorKind::WouldBlock => 0,
        Err(e) => panic!("{e}"),
    }
}

/// Only with the GNU C library is it known how memory is returned.
#[test]
#[cfg(target_env = "gnu")]
fn the_memory_of_large_requests_is_returned_when_they_have_been_answered() {
    let served = transform("");
    let memory = || {
        let memory = status_of(served.daemon.pid(), "RssAnon");
        memory.strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
    };
    let before = memory();
    let request = encode(&[b"shout.", &vec![b'a'; 15_000_000][..]].concat());
    let expected = encode(&vec![b'A'; 15_000_000]);
    for _ in 0..2 {
        thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| assert!(ask(&served, &request) == expected));
            }
        });
    }
    until("the return of the memory", || memory() < before + 3_000_000);
}

#[test]
fn a_hundred_unfinished_requests_take_no_more_memory_than_they_may() {
    let served = transform("request-memory = \"48MB\"\nread-timeout = 600");
    let before = peak_memory(&served);
    let most = [&b"15900000:shout."[..], &[b'x'; 15_000_000]].concat();
    let mut clients: Vec<(TcpStream, usize)> = (0..100).map(|_| (served.connect(), 0)).collect();
    clients.iter().for_each(|(client, _)| client.set_nonblocking(true).unwrap());
    until("three requests have come as far as they will", || {
        for (client, sent) in &mut clients {
            *sent += push(client, &most[*sent..]);
        }
        clients.iter().filter(|(_, sent)| *sent == most.len()).count() == 3
    });
    served.daemon.wait_for("waits for memory: requests use all 48000000 bytes of it");
    let taken = peak_memory(&served) - before;
    assert!(taken < 48_000_000 + 5_000_000, "{taken} bytes");
    drop(clients);
    assert_eq!(ask(&served, b"10:shout.poem,"), b"4:POEM,");
}

#[test]
fn requests_that_wait_for_memory_are_answered_one_after_the_other() {
    let served = transform("request-memory = \"3MB\"");
    let poem = vec![b'A'; 2_000_000];
    let (request, expected) =
        (encode(&[b"cummingsify.", &poem[..]].concat()), encode(&poem.to_ascii_lowercase()));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(ask(&served, &request) == expected));
        }
    });
}

#[test]
fn a_request_of_more_than_all_memory_is_refused_before_it_comes() {
    let served = transform("request-memory = \"1MB\"");
    let client = said(&served, b"1000001:");
    is_refused(&served, client, "a request of 1000001 bytes, and request-memory is 1000000");
    let request = encode(&[b"shout.", &vec![b'a'; 999_994][..]].concat());
    assert!(ask(&served, &request) == encode(&vec![b'A'; 999_994]));
}

#[test]
fn a_client_that_sends_byte_by_byte_keeps_nobody_waiting_for_memory_for_ever() {
    let served = transform("request-memory = \"1MB\"\nread-timeout = 3");
    let mut slow = said(&served, b"900000:shout.");
    until("it has its memory", || !served.has_unread_input());
    let mut sending = slow.try_clone().unwrap();
    let pace = thread::spawn(move || {
        loop {
            match sending.write_all(b"x") {
                Ok(()) => thread::sleep(Duration::from_millis(50)), // the pace
                Err(e) => return e.kind(),
            }
        }
    });
    let request = encode(&[b"shout.", &vec![b'a'; 900_000][..]].concat());
    assert!(ask(&served, &request) == encode(&vec![b'A'; 900_000]));
    let (nothing, error) = receive(&mut slow);
    assert_eq!(nothing, b"");
    // A reset is shown to the first who asks, be it the one who writes or the one who reads. Where this client was
    // kept from sending for as long as the read timeout, the server may have ended the connection in order.
    let errors = [Some(pace.join().unwrap()), error];
    let end = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(errors.iter().flatten().any(|error| end.contains(error)), "{errors:?}");
}

#[test]
fn a_client_that_does_not_read_its_answer_keeps_nobody_waiting_for_memory_for_ever() {
    let served = transform("request-memory = \"16MB\"\nread-timeout = 2");
    let request = encode(&[b"shout.", &vec![b'a'; 15_000_000][..]].concat());
    let mut idle = said(&served, &request);
    served.daemon.wait_for("transforming 15000000 bytes"); // it has its memory
    assert!(ask(&served, &request) == encode(&vec![b'A'; 15_000_000]));
    let (part, error) = receive(&mut idle);
    assert!(part.len() < 15_000_000);
    assert_eq!(error, Some(ErrorKind::ConnectionReset));
}

#[test]
fn memory_that_a_client_held_when_it_left_is_free_again() {
    let served = transform("request-memory = \"1MB\"");
    for _ in 0..5 {
        let client = said(&served, b"900000:shout.");
        drop(client);
        assert_eq!(ask(&served, b"10:shout.poem,"), b"4:POEM,");
    }
    let request = encode(&[b"shout.", &vec![b'a'; 900_000][..]].concat());
    gets(&mut said(&served, &request), &encode(&vec![b'A'; 900_000]));
}

#[test]
fn a_short_request_does_not_wait_for_memory() {
    let served = transform("request-memory = \"1MB\"");
    let _holding_all = said(&served, b"1000000:shout.");
    until("it has its memory", || !served.has_unread_input());
    assert_eq!(ask(&served, b"10:shout.poem,"), b"4:POEM,");
}
