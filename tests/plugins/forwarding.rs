//! `portforward`: both directions, each to its own end.

use crate::serve;
use crate::support::{Foreground, LIMIT, Sandbox, connect, receive};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

#[test]
fn the_server_can_answer_after_the_client_has_closed_its_side() {
    let (port, server) = server(|mut client| {
        let mut question = Vec::new();
        client.read_to_end(&mut question).unwrap();
        question.reverse();
        client.write_all(&question).unwrap();
    });
    let sandbox = Sandbox::new();
    let daemon = forward_to(&sandbox, port);
    let mut client = connect(daemon.address("forward"));
    client.write_all(b"abc").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(receive(&mut client), (b"cba".to_vec(), None));
    server.join().unwrap();
    daemon.stop();
}

#[test]
fn the_client_can_go_on_after_the_server_has_closed_its_side() {
    let (port, server) = server(|mut client| {
        client.write_all(b"I have spoken").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"and I have not");
    });
    let sandbox = Sandbox::new();
    let daemon = forward_to(&sandbox, port);
    let mut client = connect(daemon.address("forward"));
    assert_eq!(receive(&mut client), (b"I have spoken".to_vec(), None));
    client.write_all(b"and I have not").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    server.join().unwrap();
    daemon.stop();
}

#[test]
fn many_bytes_pass_in_both_directions_at_once() {
    let (port, server) = server(|client| {
        let (mut from, mut to) = (client.try_clone().unwrap(), client);
        std::io::copy(&mut from, &mut to).unwrap();
    });
    let sandbox = Sandbox::new();
    let poem = sandbox.write_poem("long.txt", 3_000_000);
    let daemon = forward_to(&sandbox, port);
    let mut client = connect(daemon.address("forward"));
    let (mut sending, sent) = (client.try_clone().unwrap(), poem.clone());
    let sender = thread::spawn(move || {
        sending.write_all(&sent).unwrap();
        sending.shutdown(Shutdown::Write).unwrap();
    });
    let (received, error) = receive(&mut client);
    assert_eq!(error, None);
    assert!(received == poem, "{} of {} bytes came back", received.len(), poem.len());
    sender.join().unwrap();
    server.join().unwrap();
    daemon.stop();
}

fn forward_to(sandbox: &Sandbox, port: u16) -> Foreground {
    let to = format!("127.0.0.1:{port}");
    serve(sandbox, &["portforward", "--port", "0", "--iface", "127.0.0.1", "--to", &to])
}

/// A server of one connection: its port, and the end of its work.
fn server(work: fn(TcpStream)) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        work(client);
    });
    (port, server)
}
