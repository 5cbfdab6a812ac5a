//! The ways of waiting, where the order of events matters.

use crate::servers::{Down, Gate, Server, cut, late_and_early, say, silent, up, wait_for_end};
use crate::support::stderr;
use crate::{assert_poems, assert_status, get};

/// Longer than a test may take: who waits for it fails.
const FOR_EVER: &str = "--timeout 600";

#[test]
fn poems_are_printed_in_the_order_asked_whatever_the_order_of_arrival() {
    let (late, early) = late_and_early(b"late\n", b"early\n");
    let output = get(&format!("{late} {early}"));
    assert_poems(&output, &[b"late\n", b"early\n"]);
    assert_status(&output, 0);
}

#[test]
fn unordered_poems_are_printed_as_they_arrive() {
    let (late, early) = late_and_early(b"late\n", b"early\n");
    let output = get(&format!("--unordered {late} {early}"));
    assert_poems(&output, &[b"early\n", b"late\n"]);
    assert_status(&output, 0);
}

#[test]
fn the_servers_are_asked_at_once() {
    // Each answers when the other has been asked.
    let (one, other) = (Gate::default(), Gate::default());
    let server = |asked: Gate, until: Gate| {
        Server::start(move |stream, _| {
            asked.open();
            until.wait();
            say(stream, b"poem\n");
        })
    };
    let (a, b) = (server(one.clone(), other.clone()), server(other, one));
    let output = get(&format!("{a} {b}"));
    assert_poems(&output, &[b"poem\n", b"poem\n"]);
    assert_status(&output, 0);
}

#[test]
fn a_server_that_is_named_twice_is_asked_twice() {
    let server = Server::start(|stream, number| say(stream, format!("{number}\n").as_bytes()));
    let output = get(&format!("--unordered {server} {server}"));
    assert_eq!(output.stdout.len(), 4, "{:?}", output.stdout);
    assert_eq!(server.connections(), 2);
    assert_status(&output, 0);
}

#[test]
fn the_first_poem_is_enough_and_the_others_are_abandoned() {
    let left = Gate::default();
    let has_left = left.clone();
    let silent = Server::start(move |stream, _| {
        wait_for_end(stream);
        left.open();
    });
    let (late, early) = late_and_early(b"late\n", b"early\n");
    let output = get(&format!("--first {FOR_EVER} {silent} {late} {early}"));
    assert_poems(&output, &[b"early\n"]);
    assert_status(&output, 0);
    has_left.wait();
    assert!(!stderr(&output).contains("did not come"), "{}", stderr(&output));
}

#[test]
fn the_first_poem_is_waited_for_past_failures() {
    let (down, up) = (Down::new(), up(b"poem\n"));
    let output = get(&format!("--first {down} {up}"));
    assert_poems(&output, &[b"poem\n"]);
    assert_status(&output, 0);
}

#[test]
fn no_first_poem_is_a_failure() {
    let (one, other) = (Down::new(), Down::new());
    let output = get(&format!("--first {one} {other}"));
    assert_poems(&output, &[]);
    assert_status(&output, 1);
    assert!(stderr(&output).contains("2 of 2 poems did not come:"), "{}", stderr(&output));
}

#[test]
fn the_first_failure_ends_it_where_that_is_asked_for() {
    let (silent, down) = (silent(), Down::new());
    let output = get(&format!("--fail-fast {FOR_EVER} {silent} {down}"));
    assert_poems(&output, &[]);
    assert_status(&output, 1);
    let said = stderr(&output);
    assert!(said.contains("2 of 2 poems did not come:"), "{said}");
    assert!(said.contains(&format!("  {silent} was abandoned")), "{said}");
    assert!(said.contains(&format!("  can't connect to {down}: Connection refused")), "{said}");
}

#[test]
fn what_came_before_the_first_failure_is_printed() {
    let gate = Gate::default();
    let early_is_there = gate.clone();
    let early = Server::start(move |stream, _| {
        say(stream, b"early\n");
        gate.open();
    });
    let failing = Server::start(move |stream, _| {
        early_is_there.wait();
        cut(stream, b"la");
    });
    // Its turn would have come after the silent one.
    let silent = silent();
    let output = get(&format!("--fail-fast {FOR_EVER} {silent} {early} {failing}"));
    assert_poems(&output, &[b"early\n"]);
    assert_status(&output, 1);
    assert!(stderr(&output).contains("2 of 3 poems did not come:"), "{}", stderr(&output));
}
