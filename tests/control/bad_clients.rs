//! Clients that do something wrong: nobody else notices.

use crate::support::{Foreground, Sandbox, open_descriptors, until};
use crate::{assert_says, http};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// More than the control socket ever uses, besides what the daemon has open anyway.
const FEW: usize = 20;

fn connect(sandbox: &Sandbox) -> UnixStream {
    UnixStream::connect(sandbox.path("poetryd.sock")).unwrap()
}

pub fn half_a_request_and_silence_keep_nobody_from_the_status() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.foreground();
    let before = open_descriptors(daemon.pid());
    let mut clients: Vec<UnixStream> = (0..40).map(|_| connect(&sandbox)).collect();
    for client in &mut clients {
        // It may have been closed in favour of another.
        let _ = client.write_all(b"GET /status HTTP/1.1\r\nhost: loc");
        assert_says(&sandbox.run(&["status"]), 0, &["ecstasy"]);
    }
    assert!(open_descriptors(daemon.pid()) <= before + FEW);
    // All of them are closed after a while, without any answer.
    for mut client in clients {
        let _ = client.read_to_end(&mut Vec::new());
    }
    until("the descriptors", || open_descriptors(daemon.pid()) == before);
    daemon.stop();
}

pub fn a_megabyte_of_headers_is_refused() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.foreground();
    let socket = sandbox.path("poetryd.sock");
    let long = format!("GET /status HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(1_000_000));
    let many = format!("GET /status HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(100_000));
    for request in [long, many] {
        let mut client = UnixStream::connect(&socket).unwrap();
        let _ = client.write_all(request.as_bytes()); // it is closed meanwhile
        let mut answer = String::new();
        let _ = client.read_to_string(&mut answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    for nonsense in ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET /status HTTP/9\r\n\r\n"] {
        let answer = http(&socket, nonsense);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert_says(&sandbox.run(&["status"]), 0, &["ecstasy"]);
    daemon.stop();
}

pub fn a_thousand_connections_use_few_descriptors() {
    let sandbox = Sandbox::new();
    let daemon: Foreground = sandbox.foreground();
    let before = open_descriptors(daemon.pid());
    let mut clients = Vec::new();
    for number in 0..1_000 {
        clients.push(connect(&sandbox));
        if number % 100 == 0 {
            assert!(open_descriptors(daemon.pid()) <= before + FEW);
        }
    }
    assert_says(&sandbox.run(&["status"]), 0, &["ecstasy"]);
    assert!(open_descriptors(daemon.pid()) <= before + FEW);
    drop(clients);
    until("the descriptors", || open_descriptors(daemon.pid()) == before);
    daemon.stop();
}
