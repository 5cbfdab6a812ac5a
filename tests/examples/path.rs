//! The numbered examples, each of which shows one thing.

use crate::support::{command, fetch, receive, run, status_of, stderr, stdout, until};
use crate::{LineClient, Stage, connect, example};
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn hello_greets_each_client() {
    let stage = Stage::new();
    let daemon = stage.start("01_hello", &[]);
    let address = daemon.address("hello");
    assert!(text_of(fetch(address).unwrap()).starts_with("hello, "));
    assert!(text_of(fetch(address).unwrap()).ends_with('\n'));
    daemon.stop();
}

#[test]
fn echo_sends_back_what_it_gets_and_ends_when_it_is_stopped() {
    let stage = Stage::new();
    let daemon = stage.start("02_echo", &[]);
    let mut client = connect(daemon.address("echo"));
    client.write_all(b"said").unwrap();
    let mut answer = [0; 4];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"said");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(receive(&mut client), (Vec::new(), None));
    drop(client);
    assert!(daemon.wait().0.success());
}

#[test]
fn votes_of_all_connections_are_counted_together() {
    let stage = Stage::new();
    let daemon = stage.start("03_shared_state", &[]);
    let address = daemon.address("votes");
    let (mut one, mut two) = (LineClient::connect(address), LineClient::connect(address));
    assert_eq!(one.ask("tea").unwrap(), "1");
    assert_eq!(two.ask("tea").unwrap(), "2");
    assert_eq!(two.ask("coffee").unwrap(), "1");
    assert_eq!(one.ask("tea").unwrap(), "3");
    drop((one, two));
    daemon.stop();
}

#[test]
fn visits_are_counted_on_after_a_restart() {
    let stage = Stage::new();
    let visit = |daemon: &crate::Foreground| text_of(fetch(daemon.address("server")).unwrap());
    let daemon = stage.start("04_saved_store", &[]);
    assert_eq!(visit(&daemon), "You are visitor 1\n");
    assert_eq!(visit(&daemon), "You are visitor 2\n");
    daemon.stop();
    assert_eq!(stage.sandbox.read("visits"), "2\n");
    let daemon = stage.start("04_saved_store", &[]);
    assert_eq!(visit(&daemon), "You are visitor 3\n");
    daemon.stop();
}

#[test]
fn a_kind_of_ones_own_is_checked_and_runs() {
    let stage = Stage::new();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/05_kind.toml");
    let check = |file: &str| {
        let mut check = command(example("05_kind"));
        check.args(["check", file]).current_dir(stage.sandbox.path(""));
        run(check)
    };
    assert!(stdout(&check(file)).ends_with("[beat] would start\n"));
    stage
        .sandbox
        .write("wrong.toml", "[services.beat]\nkind = \"metronome\"\nbeats-per-minute = 301\n");
    assert!(
        stderr(&check("wrong.toml")).contains("expected a whole number from 1 to 300, found 301")
    );
    let daemon = stage.start("05_kind", &[file]);
    let beats = || daemon.log().iter().filter(|line| line.ends_with("[beat] tock")).count();
    until("two beats", || beats() >= 2);
    daemon.stop();
}

#[test]
fn a_plugin_counts_its_visitors() {
    let stage = Stage::new();
    let daemon = stage.start("06_plugin", &["visitors", "--port", "10008", "--first", "100"]);
    assert_eq!(fetch(daemon.address("visitors")).unwrap(), b"You are visitor 100\n");
    daemon.stop();
}

#[test]
fn the_unix_socket_is_for_its_own_user_only() {
    let stage = Stage::new();
    let daemon = stage.start("07_unix_socket", &[]);
    let socket = stage.sandbox.path("uptime.sock");
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let mut answer = String::new();
    UnixStream::connect(&socket).unwrap().read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("up for ") && answer.ends_with(" s\n"), "{answer:?}");
    daemon.stop();
    assert!(!socket.exists());
}

#[test]
fn a_datagram_comes_back_in_upper_case() {
    let stage = Stage::new();
    let daemon = stage.start("08_udp", &[]);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(crate::support::LIMIT)).unwrap();
    client.send_to(b"hello", "127.0.0.1:10007").unwrap();
    let mut answer = [0; 100];
    let length = client.recv(&mut answer).unwrap();
    assert_eq!(&answer[..length], b"HELLO");
    daemon.stop();
}

#[test]
fn the_load_is_logged_again_and_again() {
    let stage = Stage::new();
    let daemon = stage.start("09_timer", &[]);
    let lines = || daemon.log().iter().filter(|line| line.contains("[load] the load is ")).count();
    until("two lines", || lines() >= 2);
    daemon.stop();
}

#[test]
fn lines_are_passed_on_again_when_the_other_server_is_back() {
    let stage = Stage::new();
    let daemon = stage.start("10_client", &[]);
    daemon.wait_for("[upstream] warning: can't connect");
    let mut client = LineClient::connect(daemon.address("server"));
    assert_eq!(client.ask("early").unwrap(), "not connected");
    for line in ["first", "second"] {
        let server = TcpListener::bind("127.0.0.1:10008").unwrap();
        let (mut connection, _) = server.accept().unwrap();
        until("a line is passed on", || client.ask(line).unwrap() == "passed on");
        let mut got = vec![0; line.len() + 1];
        connection.read_exact(&mut got).unwrap();
        assert_eq!(text_of(got), format!("{line}\n"));
        drop((server, connection));
        until("the loss is noticed", || client.ask("lost").unwrap() == "not connected");
    }
    daemon.wait_for("[upstream] warning: the connection has ended; connecting again in");
    drop(client);
    daemon.stop();
}

/// Asks for a page, without waiting for it.
fn request(path: &str) -> TcpStream {
    let mut client = connect("127.0.0.1:80".parse().unwrap());
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).unwrap();
    client
}

#[test]
#[ignore = "root"]
fn axum_serves_port_80_as_nobody_and_finishes_its_requests_at_a_stop() {
    let stage = Stage::new();
    let daemon = stage.start("11_axum", &["--uid", "nobody"]);
    assert!(status_of(daemon.pid(), "Uid").starts_with("65534\t65534"));
    let mut slow = request("/slow");
    let (page, _) = receive(&mut request("/"));
    assert!(text_of(page).ends_with("\r\n\r\nhello\n"));
    daemon.stop();
    let (page, error) = receive(&mut slow);
    assert!(text_of(page).ends_with("\r\n\r\nhello, at last\n"));
    assert_eq!(error, None);
}

#[test]
fn a_service_that_fails_is_started_again_until_it_can_work() {
    let stage = Stage::new();
    let daemon = stage.start("12_restart", &[]);
    daemon.wait_for(
        "no job.txt: No such file or directory (os error 2); restarting in 0.1 s (failure 1)",
    );
    daemon.wait_for("restarting in 0.2 s (failure 2)");
    stage.sandbox.write("job.txt", "mend the roof\n");
    daemon.wait_for("[worker] the job is to mend the roof");
    daemon.stop();
}

#[test]
fn what_is_tested_in_process_is_a_daemon_as_well() {
    let stage = Stage::new();
    let daemon = stage.start("13_testing", &[]);
    assert_eq!(fetch(daemon.address("hello")).unwrap(), b"hello\n");
    daemon.stop();
}
