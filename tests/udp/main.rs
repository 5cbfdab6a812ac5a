//! Poems in answer to datagrams.

#[path = "../support/mod.rs"]
mod support;

mod activation;
mod bursts;

use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;
use support::circumstances::has_ipv6;
use support::{ECSTASY, Foreground, LIMIT, Sandbox, stderr, stdout};

/// A sandbox with an application in `quote.toml` that answers as `quote`; `listener` is added to its table.
fn sandbox(listener: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(
        "quote.toml",
        &format!(
            "[services.ecstasy]\nkind = \"poem\"\nfile = \"poetry/ecstasy.txt\"\n\
             [services.quote]\nkind = \"quote\"\npoem = \"ecstasy\"\n{listener}\n"
        ),
    );
    sandbox
}

fn serve(sandbox: &Sandbox) -> (Foreground, SocketAddr) {
    let daemon = Foreground::start(sandbox.poetryd(&["--nodaemon", "quote.toml"])).ready();
    let address = daemon.address("quote");
    (daemon, address)
}

/// A client with the address `from`, which hears nobody but the server. No answer is waited for longer than
/// [`LIMIT`].
fn client(from: &str, server: SocketAddr) -> UdpSocket {
    let client = UdpSocket::bind((from, 0)).unwrap();
    client.connect(server).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client
}

/// Sends one datagram and returns the answer.
fn ask(client: &UdpSocket, request: &[u8]) -> Vec<u8> {
    client.send(request).unwrap();
    receive(client)
}

fn receive(client: &UdpSocket) -> Vec<u8> {
    let mut answer = vec![0; 65_536];
    let bytes = client.recv(&mut answer).unwrap();
    answer.truncate(bytes);
    answer
}

#[test]
fn any_datagram_is_answered_even_an_empty_one() {
    let sandbox = sandbox("interface = \"127.0.0.1\"\nport = 0");
    let (_daemon, address) = serve(&sandbox);
    let client = client("127.0.0.1", address);
    let junk = vec![0xff; 65_507];
    for request in [b"".as_slice(), b"\n", b"quote, please", &junk] {
        assert_eq!(ask(&client, request), ECSTASY[..512], "{} bytes", request.len());
    }
}

#[test]
fn a_longer_poem_is_cut_and_the_log_says_what_was_sent() {
    let sandbox = sandbox("interface = \"127.0.0.1\"\nport = 0\nmax-reply = 99");
    let (daemon, address) = serve(&sandbox);
    let client = client("127.0.0.1", address);
    assert_eq!(ask(&client, b"?"), ECSTASY[..99]);
    let from = client.local_addr().unwrap();
    daemon.wait_for(&format!("[quote] sending 99 bytes of poetry to {from}"));
}

#[test]
fn a_poem_is_not_cut_within_a_letter() {
    let sandbox = sandbox("interface = \"127.0.0.1\"\nport = 0\nmax-reply = 6");
    sandbox.write("poetry/ecstasy.txt", "perch\u{e9} della");
    let (_daemon, address) = serve(&sandbox);
    assert_eq!(ask(&client("127.0.0.1", address), b"?"), b"perch");
}

#[test]
fn a_poem_that_fits_is_sent_whole() {
    let sandbox = sandbox("interface = \"127.0.0.1\"\nport = 0\nmax-reply = \"64kB\"");
    let poem = sandbox.write_poem("poetry/ecstasy.txt", 64_000);
    let (_daemon, address) = serve(&sandbox);
    assert_eq!(ask(&client("127.0.0.1", address), b"?"), poem);
}

#[test]
fn an_ipv6_client_is_answered() {
    if !has_ipv6() {
        return;
    }
    let sandbox = sandbox("interface = \"::1\"\nport = 0");
    let (_daemon, address) = serve(&sandbox);
    assert!(address.is_ipv6());
    assert_eq!(ask(&client("::1", address), b"?"), ECSTASY[..512]);
}

#[test]
fn an_answer_comes_from_the_address_that_was_asked() {
    let sandbox = sandbox("interface = \"127.0.0.5\"\nport = 0");
    let (_daemon, address) = serve(&sandbox);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.send_to(b"?", address).unwrap();
    assert_eq!(client.recv_from(&mut [0; 512]).unwrap(), (512, address));
}

#[test]
fn an_address_that_asks_too_often_gets_no_more_and_costs_others_nothing() {
    const REQUESTS: usize = 50;
    let sandbox = sandbox("interface = \"127.0.0.1\"\nport = 0\nreplies-per-second = 1");
    let (daemon, address) = serve(&sandbox);
    let (greedy, modest) = (client("127.0.0.1", address), client("127.0.0.2", address));
    let start = Instant::now();
    for _ in 0..REQUESTS {
        greedy.send(b"more").unwrap();
    }
    // Who asks later is served later: with this answer, all those have been dealt with.
    assert_eq!(ask(&modest, b"?"), ECSTASY[..512]);
    let seconds = start.elapsed().as_secs() as usize;
    greedy.set_nonblocking(true).unwrap();
    let answers = std::iter::repeat_with(|| greedy.recv(&mut [0; 512]));
    let answers = answers.take_while(Result::is_ok).count();
    assert!((1..=1 + seconds).contains(&answers), "{answers} answers in {seconds} s");

    let log = daemon.stop();
    let from = greedy.local_addr().unwrap();
    let refusal = format!("not answering {from}: its address gets at most 1 per second");
    assert_eq!(log.iter().filter(|line| line.contains(&refusal)).count(), 1, "{log:#?}");
    let sum = format!("[quote] left {} requests without an answer", REQUESTS - answers);
    assert!(log.iter().any(|line| line.contains(&sum)), "{log:#?}");
}

#[test]
fn clients_that_are_gone_when_their_answer_comes_do_no_harm() {
    let sandbox = sandbox("interface = \"127.0.0.1\"\nport = 0\nreplies-per-second = 100000");
    let (daemon, address) = serve(&sandbox);
    for _ in 0..100 {
        client("127.0.0.1", address).send(b"?").unwrap();
    }
    assert_eq!(ask(&client("127.0.0.2", address), b"?"), ECSTASY[..512]);
    daemon.stop();
}

#[test]
fn a_stop_closes_the_port() {
    let sandbox = sandbox("interface = \"127.0.0.1\"\nport = 0");
    let (daemon, address) = serve(&sandbox);
    let client = client("127.0.0.1", address);
    ask(&client, b"?");
    let log = daemon.stop().join("\n");
    assert!(log.contains(&format!("[quote] closing UDP {address}")), "{log}");
    client.send(b"?").unwrap();
    let refused = client.recv(&mut [0; 512]).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn a_port_in_use_is_an_error_that_names_the_holder() {
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    let sandbox = sandbox(&format!("interface = \"127.0.0.1\"\nport = {}", address.port()));
    let output = sandbox.run(&["--nodaemon", "quote.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    let pid = std::process::id();
    let expected =
        format!("can't listen on UDP {address}: the address is in use by process {pid} (");
    assert!(said.contains(&expected), "{said}");
}

#[test]
fn other_machines_are_refused_with_the_reason_until_that_is_allowed() {
    let listener = "interface = \"0.0.0.0\"\nport = 17";
    let refused = sandbox(listener);
    let output = refused.run(&["check", "quote.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(
        said.starts_with("quote.toml:7:13: interface: 0.0.0.0:17 can be reached from"),
        "{said}"
    );
    assert!(said.contains("a small request in the name of a victim"), "{said}");
    assert!(said.contains("set allow-reflection = true"), "{said}");

    let allowed = sandbox(&format!("{listener}\nallow-reflection = true"));
    let output = allowed.run(&["check", "quote.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn a_check_says_what_would_be_answered() {
    let sandbox = sandbox("interface = \"127.0.0.1\"\nport = 17");
    let said = stdout(&sandbox.run(&["check", "quote.toml"]));
    let expected = "[quote] would answer datagrams to 127.0.0.1:17 with at most 512 bytes, \
                    10 per second to each source\n";
    assert!(said.contains(expected), "{said}");
}
