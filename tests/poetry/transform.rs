//! `protocol = "transform"`: one request, one answer.

use crate::support::{ECSTASY, Sandbox, receive};
use crate::{Served, gets};
use poetryd::poetry::netstring::encode;
use poetryd::poetry::transforms::TRANSFORMS;
use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

pub fn transform(more: &str) -> Served {
    Served::start(Sandbox::new(), "transform", more, &[])
}

/// Asks, without closing, and returns what comes until the server closes in order.
pub fn ask(served: &Served, wire: &[u8]) -> Vec<u8> {
    let mut client = served.connect();
    client.write_all(wire).unwrap();
    let (answer, error) = receive(&mut client);
    assert_eq!(error, None, "after {} bytes", answer.len());
    answer
}

/// The server closes in order without an answer, and says why in one line of the log.
pub fn is_refused(served: &Served, mut client: TcpStream, why: &str) {
    let address = client.local_addr().unwrap();
    gets(&mut client, b"");
    let line = served.daemon.wait_for(&format!("refusing to transform for {address}: "));
    assert!(line.contains("[served] ") && line.contains(why), "{line}");
}

pub fn said(served: &Served, wire: &[u8]) -> TcpStream {
    let mut client = served.connect();
    client.write_all(wire).unwrap();
    client
}

#[test]
fn cummingsify_makes_a_poem_lower_case() {
    let served = transform("");
    assert_eq!(ask(&served, b"24:cummingsify.The Ecstasy!,"), b"12:the ecstasy!,");
}

#[test]
fn every_transform_of_the_table_is_to_be_had() {
    let served = transform("");
    for poem in [ECSTASY, b"", b"a.b\nC.D", "Così è\n".as_bytes(), b"\xff\0\r\n:,."] {
        for (name, _, function) in TRANSFORMS {
            let request = encode(&[name.as_bytes(), b".", poem].concat());
            let expected = function(poem).collect::<Vec<_>>().concat();
            assert_eq!(ask(&served, &request), encode(&expected), "{name}");
        }
    }
}

#[test]
fn the_log_says_what_was_asked_for() {
    let served = transform("");
    let client = said(&served, &encode(b"rot13.poem"));
    let address = client.local_addr().unwrap();
    let line = format!("[served] transforming 4 bytes of poetry with rot13 for {address}");
    served.daemon.wait_for(&line);
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let served = transform("");
    let mut client = served.connect();
    client.set_nodelay(true).unwrap();
    for byte in encode(b"shout.one\ntwo") {
        client.write_all(&[byte]).unwrap();
        // Not a wait: it makes the daemon read each byte by itself.
        thread::sleep(Duration::from_millis(5));
    }
    gets(&mut client, b"7:ONE\nTWO,");
}

#[test]
fn a_client_that_has_closed_its_side_gets_its_answer() {
    let served = transform("");
    let mut client = said(&served, &encode(b"shout.poem"));
    client.shutdown(Shutdown::Write).unwrap();
    gets(&mut client, b"4:POEM,");
}

#[test]
fn a_request_of_2_mb_is_answered_whole() {
    let sandbox = Sandbox::new();
    let poem = sandbox.write_poem("big.txt", 2_000_000);
    let served = transform("");
    let answer = ask(&served, &encode(&[b"envoi.", &poem[..]].concat()));
    let lines: Vec<&[u8]> = poem.strip_suffix(b"\n").unwrap().rsplit(|b| *b == b'\n').collect();
    let expected = encode(&[lines.join(&b'\n'), b"\n".to_vec()].concat());
    assert!(answer == expected, "{} bytes", answer.len());
}

#[test]
fn many_big_requests_at_once_are_answered_whole() {
    let served = transform("");
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
fn a_request_in_small_parts_that_nearly_fills_max_length_is_answered() {
    let served = transform("");
    // The first part is so much that the daemon's buffer has grown to its full size when the rest comes.
    let request = encode(&[b"shout.", &vec![b'a'; 15_999_000][..]].concat());
    let (most, rest) = request.split_at(request.len() - 3000);
    let mut client = said(&served, most);
    client.set_nodelay(true).unwrap();
    for byte in rest {
        client.write_all(&[*byte]).unwrap();
    }
    let (answer, error) = receive(&mut client);
    assert!(error.is_none() && answer == encode(&vec![b'A'; 15_999_000]), "{error:?}");
}

#[test]
fn what_follows_a_request_is_ignored_and_harms_no_answer() {
    let served = transform("");
    let request = encode(b"shout.one");
    for more in [encode(b"shout.two").to_vec(), vec![0xff; 500_000]] {
        let wire = [&request[..], &more].concat();
        assert_eq!(ask(&served, &wire), b"3:ONE,");
    }
}

#[test]
fn a_request_without_a_dot_is_refused() {
    let served = transform("");
    let client = said(&served, &encode(b"cummingsify"));
    is_refused(&served, client, "there is no dot");
}

#[test]
fn an_unknown_transform_is_refused() {
    let served = transform("");
    for name in ["cumming", "cummingsify ", "CUMMINGSIFY", ""] {
        let client = said(&served, &encode(format!("{name}.poem").as_bytes()));
        is_refused(&served, client, &format!("there is no transform named \"{name}\""));
    }
}

#[test]
fn the_name_of_an_unknown_transform_forges_no_line_of_the_log() {
    let served = transform("");
    let client = said(&served, &encode(b"x\n\x1b[2J[-] received SIGTERM.poem"));
    is_refused(&served, client, r#"named "x\n\x1b[2J[-] received SIGTERM""#);
}

#[test]
fn an_endless_name_of_a_transform_makes_no_endless_line_of_the_log() {
    let served = transform("");
    let client = said(&served, &encode(&[&[b'x'; 100_000][..], b".poem"].concat()));
    let address = client.local_addr().unwrap();
    is_refused(&served, client, "there is no transform named");
    let line = served.daemon.wait_for(&format!("refusing to transform for {address}: "));
    assert!(line.len() < 400, "{} bytes", line.len());
}

#[test]
fn what_is_not_a_netstring_is_refused_as_soon_as_that_is_clear() {
    let served = transform("");
    for (wire, why) in [
        (&b"GET / HTTP/1.0\r\n\r\n"[..], "the length of a netstring"),
        (b":", "the length of a netstring"),
        (b"-1:", "the length of a netstring"),
        (b"+5:", "the length of a netstring"),
        (b" 5:", "the length of a netstring"),
        (b"007:", "the length of a netstring"),
        (b"5 :", "the length of a netstring"),
        (b"\x005:", "the length of a netstring"),
        (b"10:shout.poemX", "ends in a comma"),
    ] {
        let client = said(&served, wire);
        is_refused(&served, client, why);
    }
}

#[test]
fn a_request_longer_than_max_length_is_refused_before_it_comes() {
    for (more, wire, limit) in [
        ("max-length = 1000", &b"1001:"[..], "1000"),
        ("max-length = 1000", b"99999999999999999999999999", "1000"),
        ("", b"16000001:", "16000000"),
        ("", b"99999999:", "16000000"),
    ] {
        let served = transform(more);
        let client = said(&served, wire);
        is_refused(&served, client, &format!("a netstring of more than {limit} bytes"));
    }
}

#[test]
fn a_refusal_is_in_order_however_much_more_the_client_sends() {
    let served = transform("max-length = 1000");
    let wire = [&b"500000:shout."[..], &[b'x'; 500_000]].concat();
    assert_eq!(ask(&served, &wire), b"");
}

#[test]
fn a_request_of_max_length_is_not_too_long() {
    let served = transform("max-length = 10");
    assert_eq!(ask(&served, b"10:shout.poem,"), b"4:POEM,");
}

#[test]
fn half_a_request_and_no_more_is_refused() {
    let served = transform("");
    for (half, bytes) in [(&b""[..], 0), (b"1", 1), (b"10:", 3), (b"10:shout.poem", 13)] {
        let client = said(&served, half);
        client.shutdown(Shutdown::Write).unwrap();
        is_refused(&served, client, &format!("the request ended after {bytes} bytes"));
    }
}

#[test]
fn a_client_that_says_nothing_is_closed_after_the_read_timeout() {
    let served = transform("read-timeout = 0.3");
    for half in [&b""[..], b"10:shout"] {
        let client = said(&served, half);
        is_refused(&served, client, "the request did not arrive in time");
    }
}

#[test]
fn a_client_that_speaks_slowly_is_waited_for_beyond_the_read_timeout() {
    let served = transform("read-timeout = 3");
    let mut client = served.connect();
    for part in encode(b"shout.a poem in parts").chunks(3) {
        client.write_all(part).unwrap();
        // Not a wait: it is the pace of the client.
        thread::sleep(Duration::from_millis(400));
    }
    gets(&mut client, b"15:A POEM IN PARTS,");
}

#[test]
fn a_client_that_never_reads_its_answer_is_reset_after_the_write_timeout() {
    let served = transform("write-timeout = 0.5");
    let mut client = said(&served, &encode(&[b"shout.", &vec![b'a'; 15_000_000][..]].concat()));
    served.daemon.wait_for("read nothing for 0.5 seconds");
    let (answer, error) = receive(&mut client);
    assert_eq!(error, Some(ErrorKind::ConnectionReset), "after {} bytes", answer.len());
}
