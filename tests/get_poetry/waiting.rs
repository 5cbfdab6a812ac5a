//! The ways of waiting, where the order of events matters.

use crate::json::objects;
use crate::servers::{Down, Gate, Server, cut, late_and_early, say, silent, up, wait_for_end};
use crate::support::{stderr, until};
use crate::{assert_poems, assert_status, client, get};
use std::fs::{self, File};
use std::io;
use std::process::Stdio;

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
    assert!(!stderr(&output).contains("could not be fetched"), "{}", stderr(&output));
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
    assert!(stderr(&output).contains("2 of 2 poems could not be fetched:"), "{}", stderr(&output));
}

#[test]
fn the_first_failure_ends_it_where_that_is_asked_for() {
    let (silent, down) = (silent(), Down::new());
    let output = get(&format!("--fail-fast {FOR_EVER} {silent} {down}"));
    assert_poems(&output, &[]);
    assert_status(&output, 1);
    let said = stderr(&output);
    assert!(said.contains("2 of 2 poems could not be fetched:"), "{said}");
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
    assert!(stderr(&output).contains("2 of 3 poems could not be fetched:"), "{}", stderr(&output));
}

/// With `options`, nothing is printed while the last server is waited for, and `expected` at the end.
fn is_printed_at_the_end(options: &str, expected: &[u8]) {
    let gate = Gate::default();
    let may_come = gate.clone();
    let last = Server::start(move |stream, _| {
        may_come.wait();
        say(stream, b"last\n");
    });
    let (late, early) = late_and_early(b"late\n", b"early\n");
    let directory = tempfile::tempdir().unwrap();
    let (out, err) = (directory.path().join("out"), directory.path().join("err"));
    let mut command = client(&format!("{options} {late} {early} {last}"));
    let command = command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
    let mut child = command.spawn().unwrap();
    let late_is_there = format!("{late}: 5 bytes in ");
    until("the late poem", || fs::read_to_string(&err).unwrap().contains(&late_is_there));
    assert_eq!(fs::read(&out).unwrap(), b"");
    gate.open();
    until("the client's end", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let printed = fs::read(&out).unwrap();
    assert!(printed == expected, "{:?}", String::from_utf8_lossy(&printed));
}

#[test]
fn collected_poems_are_printed_when_all_have_come() {
    is_printed_at_the_end("--collect", b"late\nearly\nlast\n");
}

#[test]
fn collected_poems_can_be_printed_in_the_order_of_arrival() {
    is_printed_at_the_end("--collect --unordered", b"early\nlate\nlast\n");
}

#[test]
fn a_failure_is_no_reason_not_to_print_what_was_collected() {
    for options in ["", "--unordered"] {
        let (down, up) = (Down::new(), up(b"poem\n"));
        let output = get(&format!("--collect {options} {up} {down} {up}"));
        assert_poems(&output, &[b"poem\n", b"poem\n"]);
        assert_status(&output, 1);
    }
}

#[test]
fn at_the_max_time_what_has_come_is_printed_and_the_rest_is_abandoned() {
    for options in ["", "--unordered", "--collect", "--fail-fast"] {
        let (silent, up) = (silent(), up(b"poem\n"));
        let output = get(&format!("--max-time 2 {FOR_EVER} {options} {silent} {up}"));
        assert_poems(&output, &[b"poem\n"]);
        assert_status(&output, 1);
        let said = stderr(&output);
        assert!(said.contains("get-poetry: gave up: the --max-time of 2 s is over"), "{said}");
        assert!(said.contains("1 of 2 poems could not be fetched:"), "{said}");
        assert!(said.contains(&format!("  {silent} was abandoned")), "{said}");
    }
}

#[test]
fn the_max_time_is_for_retries_and_transformations_too() {
    let (silent, up, down) = (silent(), up(b"poem\n"), Down::new());
    for words in [format!("--retries 1000 {down}"), format!("{FOR_EVER} --transform {silent} {up}")]
    {
        let output = get(&format!("--max-time 0.5 {words}"));
        assert_poems(&output, &[]);
        assert_status(&output, 1);
        assert!(
            stderr(&output).contains("gave up: the --max-time of 0.5 s is over"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn without_a_first_poem_at_the_max_time_there_is_none() {
    let (one, other) = (silent(), silent());
    let output = get(&format!("--first --json --max-time 0.5 {FOR_EVER} {one} {other}"));
    assert_status(&output, 1);
    let objects = objects(&output);
    assert_eq!(objects.len(), 2);
    assert!(objects.iter().all(|object| object["ok"] == false), "{objects:?}");
}

#[test]
fn a_max_time_that_is_not_reached_changes_nothing() {
    let output = get(&format!("--max-time 4000000000 {}", up(b"poem\n")));
    assert_poems(&output, &[b"poem\n"]);
    assert_status(&output, 0);
}

#[test]
fn a_reader_who_takes_nothing_is_not_waited_for_beyond_the_max_time() {
    let (_reader, writer) = io::pipe().unwrap();
    let server = up(&vec![b'a'; 1_000_000]); // more than the pipe has room for
    let mut command = client(&format!("--max-time 0.5 {server}"));
    let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_status(&output, 1);
    let said = stderr(&output);
    assert!(said.contains("get-poetry: gave up: the --max-time of 0.5 s is over"), "{said}");
}
