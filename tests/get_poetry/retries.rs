//! Trying again.

use crate::servers::{Server, cut, resetting, say, up};
use crate::support::stderr;
use crate::{assert_poems, assert_status, get};

/// A server that cuts its first poem, and only that.
fn cutting_the_first() -> Server {
    Server::start(|stream, number| match number {
        0 => cut(stream, b"po"),
        _ => say(stream, b"poem\n"),
    })
}

#[test]
fn the_second_try_may_succeed() {
    let server = cutting_the_first();
    let output = get(&format!("--retries 1 {server}"));
    assert_poems(&output, &[b"poem\n"]);
    assert_status(&output, 0);
    assert!(stderr(&output).contains("; trying again in 0.2 s"), "{}", stderr(&output));
}

#[test]
fn there_is_one_try_unless_more_are_asked_for() {
    let server = cutting_the_first();
    let output = get(&server.to_string());
    assert_poems(&output, &[]);
    assert_status(&output, 1);
    assert_eq!(server.connections(), 1);
}

#[test]
fn there_are_no_more_tries_than_asked_for() {
    let server = resetting(b"poem\n");
    let output = get(&format!("--retries 2 {server}"));
    assert_poems(&output, &[]);
    assert_status(&output, 1);
    assert_eq!(server.connections(), 3);
}

#[test]
fn a_server_that_closes_without_a_byte_is_tried_again() {
    let server = Server::start(|stream, number| match number {
        0 => say(stream, b""),
        _ => say(stream, b"poem\n"),
    });
    let output = get(&format!("--retries 1 {server}"));
    assert_poems(&output, &[b"poem\n"]);
    assert_status(&output, 0);
}

#[test]
fn a_poem_that_is_too_long_is_refused_and_not_tried_again() {
    let server = up(b"12345678901");
    let output = get(&format!("--max-length 10 --retries 3 {server}"));
    assert_poems(&output, &[]);
    assert_status(&output, 1);
    assert_eq!(server.connections(), 1);
    assert!(stderr(&output).contains("sends more than 10 bytes"), "{}", stderr(&output));
    assert_poems(&get(&format!("--max-length 11 {server}")), &[b"12345678901"]);
}
