//! `--transform`.

use crate::json::objects;
use crate::servers::{Down, Server, cut, say, silent, up, wait_for_end};
use crate::support::stderr;
use crate::{assert_poems, assert_status, get};
use serde_json::json;
use std::io::Read;
use std::net::TcpStream;

/// Reads a request, which is a netstring of `NAME.POEM`.
fn request(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut next = || {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        byte[0]
    };
    let digits: Vec<u8> =
        std::iter::from_fn(|| Some(next()).filter(|byte| *byte != b':')).collect();
    let length: usize = std::str::from_utf8(&digits).unwrap().parse().unwrap();
    let content: Vec<u8> = (0..length).map(|_| next()).collect();
    assert_eq!(next(), b',');
    let dot = content.iter().position(|byte| *byte == b'.').unwrap();
    let name = std::str::from_utf8(&content[..dot]).unwrap();
    (name.into(), content[dot + 1..].into())
}

fn netstring(bytes: &[u8]) -> Vec<u8> {
    [format!("{}:", bytes.len()).as_bytes(), bytes, b","].concat()
}

/// A server that makes poems lower case, and puts the name that it was asked for before them.
fn transformer() -> Server {
    Server::start(|mut stream, _| {
        let (name, poem) = request(&mut stream);
        let answer = [name.as_bytes(), b": ", &poem.to_ascii_lowercase()].concat();
        say(stream, &netstring(&answer));
    })
}

#[test]
fn each_poem_is_cummingsified() {
    let (transformer, one, other) = (transformer(), up(b"One. 1\n"), up(b"\xffOTHER\n"));
    let output = get(&format!("--transform {transformer} {one} {other}"));
    assert_poems(&output, &[b"cummingsify: one. 1\n", b"cummingsify: \xffother\n"]);
    assert_status(&output, 0);
}

#[test]
fn another_transformation_can_be_asked_for() {
    let (transformer, server) = (transformer(), up(b"POEM\n"));
    let output = get(&format!("--transform {transformer} --transform-name sing {server}"));
    assert_poems(&output, &[b"sing: poem\n"]);
    assert_status(&output, 0);
}

#[test]
fn an_answer_in_pieces_is_put_together() {
    let poem = vec![b'A'; 100_000];
    let output = get(&format!("--transform {} {}", transformer(), up(&poem)));
    assert_poems(&output, &[b"cummingsify: ", &poem.to_ascii_lowercase()]);
}

#[test]
fn json_tells_whether_a_poem_is_transformed() {
    // The first of the two poems is refused.
    let transformer = Server::start(|mut stream, _| {
        let (_, poem) = request(&mut stream);
        match &poem[..] {
            b"ONE\n" => say(stream, b""),
            _ => say(stream, &netstring(b"new")),
        }
    });
    let (one, other) = (up(b"ONE\n"), up(b"OTHER\n"));
    let output = get(&format!("--json --transform {transformer} {one} {other}"));
    let reason = format!("{transformer} refused to transform the poem with \"cummingsify\"");
    let expected = [
        json!({"address": one.to_string(), "ok": true, "bytes": 4, "poem": "ONE\n", "transformed": false, "error": reason}),
        json!({"address": other.to_string(), "ok": true, "bytes": 3, "poem": "new", "transformed": true, "error": null}),
    ];
    assert_eq!(objects(&output), expected);
    assert_status(&output, 0);
}

#[test]
fn where_transforming_fails_the_poem_is_printed_as_it_was_fetched() {
    let down = Down::new();
    let refusing = Server::start(|mut stream, _| {
        request(&mut stream);
        say(stream, b"");
    });
    let resetting = Server::start(|mut stream, _| {
        request(&mut stream);
        cut(stream, b"5:po");
    });
    let resetting_at_once = Server::start(|stream, _| cut(stream, b""));
    let silent = silent();
    let silent_in_the_middle = Server::start(|mut stream, _| {
        request(&mut stream);
        std::io::Write::write_all(&mut stream, b"5:po").unwrap();
        wait_for_end(stream);
    });
    let talking_otherwise = Server::start(|mut stream, _| {
        request(&mut stream);
        say(stream, b"poem\n");
    });
    let up = up(b"POEM\n");
    for (transformer, reason) in [
        (down.to_string(), "can't connect to"),
        (refusing.to_string(), "refused to transform the poem with \"cummingsify\""),
        (resetting.to_string(), "cut the poem after"),
        (resetting_at_once.to_string(), "Connection reset by peer"),
        (silent.to_string(), "sent nothing for 2 seconds, after 0 bytes"),
        (silent_in_the_middle.to_string(), "sent nothing for 2 seconds, after 4 bytes"),
        (talking_otherwise.to_string(), "answered with something that is not a netstring"),
    ] {
        let output = get(&format!("--timeout 2 --transform {transformer} {up}"));
        assert_poems(&output, &[b"POEM\n"]);
        assert_status(&output, 0);
        let said = stderr(&output);
        assert!(said.contains(&format!("the poem of {up} was not transformed: ")), "{said}");
        assert!(said.contains(reason) && said.contains(&transformer), "{reason}: {said}");
    }
}

#[test]
fn the_second_try_to_transform_may_succeed() {
    let transformer = Server::start(|mut stream, number| {
        request(&mut stream);
        match number {
            0 => cut(stream, b"5:"),
            _ => say(stream, &netstring(b"new\n")),
        }
    });
    let server = up(b"OLD\n");
    let output = get(&format!("--retries 1 --transform {transformer} {server}"));
    assert_poems(&output, &[b"new\n"]);
    assert_eq!(server.connections(), 1, "the poem was fetched again");
}

#[test]
fn what_did_not_come_is_not_sent_to_be_transformed() {
    let (transformer, down) = (transformer(), Down::new());
    assert_status(&get(&format!("--transform {transformer} {down}")), 1);
    assert_eq!(transformer.connections(), 0);
}
