//! `protocol = "forward"`: as if the client were connected with the other server itself.

use crate::narrow::narrow_clients;
use crate::support::circumstances::room_for;
use crate::support::{
    ECSTASY, Foreground, Sandbox, connect, fetch, open_descriptors, receive, until,
};
use crate::upstream::{Down, Upstream, reset};
use crate::{Served, gets};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::thread;
use std::time::Duration;

pub fn forward(to: SocketAddr, options: &[&str]) -> Served {
    Served::start(Sandbox::new(), "forward", &format!("to = \"{to}\""), options)
}

/// A forwarder, a client of it, and the other end of that client's connection.
fn connected(options: &[&str]) -> (Served, TcpStream, TcpStream) {
    let upstream = Upstream::new();
    let forward = forward(upstream.address(), options);
    let (client, other) = pair(&forward, &upstream);
    (forward, client, other)
}

/// A client, and the other end of its connection.
fn pair(forward: &Served, upstream: &Upstream) -> (TcpStream, TcpStream) {
    let client = forward.connect();
    (client, upstream.accept())
}

/// Both ends see a reset, and nothing before it.
#[track_caller]
fn are_reset((client, other): &mut (TcpStream, TcpStream)) {
    assert_eq!(receive(client), (Vec::new(), Some(ErrorKind::ConnectionReset)));
    assert_eq!(receive(other), (Vec::new(), Some(ErrorKind::ConnectionReset)));
}

/// Says something at one end and waits until it has come out at the other.
pub fn pass(from: &mut TcpStream, to: &mut TcpStream, what: &[u8]) {
    from.write_all(what).unwrap();
    let mut came = vec![0; what.len()];
    to.read_exact(&mut came).unwrap();
    assert_eq!(came, what);
}

#[test]
fn a_poem_of_another_daemon_is_passed_on() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.foreground();
    let forward = forward(daemon.address("fast"), &[]);
    assert_eq!(fetch(forward.address).unwrap(), ECSTASY);
}

#[test]
fn either_may_speak_first_and_both_in_turn() {
    let (_forward, mut client, mut other) = connected(&[]);
    pass(&mut other, &mut client, b"220 welcome\r\n");
    pass(&mut client, &mut other, b"HELO\r\n");
    pass(&mut other, &mut client, b"250 \0\xff\r\n");
}

#[test]
fn much_is_passed_on_whole_both_ways_at_once() {
    let (_forward, client, other) = connected(&[]);
    let sandbox = Sandbox::new();
    let (up, down) = (sandbox.write_poem("up", 5_000_000), sandbox.write_poem("down", 7_000_001));
    let speak = |mut stream: TcpStream, bytes: Vec<u8>| {
        thread::spawn(move || {
            stream.write_all(&bytes).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        })
    };
    let speaking = [
        speak(client.try_clone().unwrap(), up.clone()),
        speak(other.try_clone().unwrap(), down.clone()),
    ];
    let hear = |mut stream: TcpStream| thread::spawn(move || receive(&mut stream));
    let (heard_by_client, heard_by_other) = (hear(client), hear(other));
    assert!(heard_by_client.join().unwrap() == (down, None));
    assert!(heard_by_other.join().unwrap() == (up, None));
    speaking.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Lengths of pieces, from a byte to more than any buffer holds.
fn lengths(seed: u64) -> impl Iterator<Item = usize> {
    let next = |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    let states = std::iter::successors(Some(seed), next);
    states.map(|state| 1 + (state >> 40) as usize % (1 << (4 + (state >> 33) % 17)))
}

#[test]
fn pieces_of_any_length_are_passed_on_in_order_both_ways() {
    let (_forward, client, other) = connected(&[]);
    let sandbox = Sandbox::new();
    let (up, down) = (sandbox.write_poem("up", 3_000_000), sandbox.write_poem("down", 9_000_001));
    let speak = |mut stream: &TcpStream, mut rest: &[u8], seed| {
        for length in lengths(seed) {
            if rest.is_empty() {
                break;
            }
            let (piece, later) = rest.split_at(length.min(rest.len()));
            stream.write_all(piece).unwrap();
            rest = later;
        }
        stream.shutdown(Shutdown::Write).unwrap();
    };
    let hear = |mut stream: &TcpStream, expected: &[u8], seed| {
        let (mut at, mut buffer) = (0, vec![0; 1 << 20]);
        for length in lengths(seed) {
            let read = stream.read(&mut buffer[..length]).unwrap();
            assert!(expected[at..].starts_with(&buffer[..read]), "{read} bytes after {at}");
            at += read;
            if read == 0 {
                break;
            }
        }
        assert_eq!(at, expected.len());
    };
    thread::scope(|scope| {
        scope.spawn(|| speak(&client, &up, 1));
        scope.spawn(|| speak(&other, &down, 2));
        scope.spawn(|| hear(&client, &down, 3));
        scope.spawn(|| hear(&other, &up, 4));
    });
}

/// So many that not all can have a large buffer.
#[test]
fn many_clients_that_begin_to_read_late_all_get_everything() {
    let upstream = Upstream::new();
    let forward = forward(upstream.address(), &[]);
    let poem = Sandbox::new().write_poem("big", 600_000);
    thread::scope(|scope| {
        let mut clients = narrow_clients(scope, 100, forward.address, &upstream, &poem);
        for client in &mut clients {
            client.read_exact(&mut [0; 100]).unwrap();
        }
        for client in &mut clients {
            gets(client, &poem[100..]);
        }
    });
}

#[test]
fn a_client_that_has_closed_its_side_gets_its_answer() {
    let (forward, mut client, mut other) = connected(&[]);
    client.write_all(b"a question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    gets(&mut other, b"a question");
    other.write_all(b"the answer").unwrap();
    drop(other);
    gets(&mut client, b"the answer");
    drop(client);
    forward.daemon.wait_for("forwarded 10 bytes from ");
    forward.wait_for_connections(0);
}

#[test]
fn a_server_that_has_closed_its_side_hears_the_rest() {
    let (_forward, mut client, mut other) = connected(&[]);
    other.write_all(b"the end").unwrap();
    other.shutdown(Shutdown::Write).unwrap();
    gets(&mut client, b"the end");
    client.write_all(b"not yet").unwrap();
    drop(client);
    gets(&mut other, b"not yet");
}

#[test]
fn when_the_server_resets_the_client_sees_a_reset() {
    let (forward, mut client, mut other) = connected(&[]);
    pass(&mut other, &mut client, b"the beginning");
    reset(other);
    assert_eq!(receive(&mut client), (Vec::new(), Some(ErrorKind::ConnectionReset)));
    forward.wait_for_connections(0);
}

#[test]
fn when_the_client_resets_the_server_sees_a_reset() {
    let (forward, mut client, mut other) = connected(&[]);
    pass(&mut client, &mut other, b"the beginning");
    reset(client);
    assert_eq!(receive(&mut other), (Vec::new(), Some(ErrorKind::ConnectionReset)));
    forward.wait_for_connections(0);
}

#[test]
fn clients_that_are_connected_with_nobody_see_a_reset() {
    let down = Down::new();
    let forward = forward(down.address(), &[]);
    let (nothing, error) = receive(&mut forward.connect());
    assert_eq!((nothing.len(), error), (0, Some(ErrorKind::ConnectionReset)));
    let line = forward.daemon.wait_for("can't connect to ");
    assert!(line.contains("[served] ") && line.contains(&down.address().to_string()));
}

#[test]
fn a_server_that_comes_up_is_reached_by_the_next_client() {
    let down = Down::new();
    let forward = forward(down.address(), &[]);
    receive(&mut forward.connect());
    let upstream = down.listen(128);
    let mut client = forward.connect();
    pass(&mut upstream.accept(), &mut client, b"here I am");
}

#[test]
fn every_client_has_a_connection_of_its_own() {
    let upstream = Upstream::new();
    let forward = forward(upstream.address(), &[]);
    let mut pairs: Vec<(TcpStream, TcpStream)> =
        (0..20).map(|_| (forward.connect(), upstream.accept())).collect();
    for (number, (client, other)) in pairs.iter_mut().enumerate() {
        pass(client, other, format!("I am {number}").as_bytes());
    }
}

#[test]
fn a_connection_that_is_cut_at_the_stop_deadline_is_reset_at_both_ends() {
    let (forward, mut client, mut other) = connected(&["--stop-timeout", "0.5"]);
    pass(&mut client, &mut other, b"the beginning");
    forward.daemon.signal(Signal::SIGTERM);
    assert_eq!(receive(&mut client), (Vec::new(), Some(ErrorKind::ConnectionReset)));
    assert_eq!(receive(&mut other), (Vec::new(), Some(ErrorKind::ConnectionReset)));
    assert_eq!(forward.daemon.wait().0.code(), Some(0));
}

/// Longer than a test may take: where this is waited for, the test fails.
const LATE_DEADLINE: &[&str] = &["--stop-timeout", "600"];

#[test]
fn idle_connections_end_soon_after_a_stop_in_a_reset() {
    let upstream = Upstream::new();
    let forward = forward(upstream.address(), LATE_DEADLINE);
    let mut pairs: Vec<_> = (0..5).map(|_| pair(&forward, &upstream)).collect();
    let (client, other) = &mut pairs[0];
    pass(client, other, b"the beginning");
    forward.daemon.signal(Signal::SIGTERM);
    pairs.iter_mut().for_each(are_reset);
    let (status, log) = forward.daemon.wait();
    assert_eq!(status.code(), Some(0));
    let said = log.iter().filter(|line| line.contains("no data passed for 5 seconds at the stop"));
    assert_eq!(said.count(), 5, "{log:?}");
}

#[test]
fn an_answer_that_comes_long_after_its_question_is_not_lost_at_a_stop() {
    let upstream = Upstream::new();
    let forward = forward(upstream.address(), LATE_DEADLINE);
    let (mut client, mut other) = pair(&forward, &upstream);
    let mut idle = pair(&forward, &upstream);
    client.write_all(b"a question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    gets(&mut other, b"a question");
    forward.daemon.signal(Signal::SIGTERM);
    are_reset(&mut idle);
    other.write_all(b"the answer").unwrap();
    drop(other);
    gets(&mut client, b"the answer");
    drop(client);
    assert_eq!(forward.daemon.wait().0.code(), Some(0));
}

#[test]
fn what_a_client_has_yet_to_read_is_not_lost_at_a_stop() {
    let upstream = Upstream::new();
    let forward = forward(upstream.address(), LATE_DEADLINE);
    let (mut client, mut other) = pair(&forward, &upstream);
    let mut idle = pair(&forward, &upstream);
    let poem = Sandbox::new().write_poem("big", 20_000_000); // more than fits into all buffers
    let sent = poem.clone();
    let sending = thread::spawn(move || other.write_all(&sent).unwrap());
    client.read_exact(&mut [0; 100]).unwrap();
    forward.daemon.signal(Signal::SIGTERM);
    are_reset(&mut idle);
    gets(&mut client, &poem[100..]);
    sending.join().unwrap();
    drop(client);
    assert_eq!(forward.daemon.wait().0.code(), Some(0));
}

/// One that leads back to itself by way of another daemon, which no check can see.
#[test]
fn a_forwarder_to_itself_can_be_stopped() {
    let ports = [Down::new(), Down::new()];
    let addresses = [ports[0].address(), ports[1].address()];
    let sandboxes = [Sandbox::new(), Sandbox::new()];
    drop(ports);
    let start = |number: usize| {
        let (port, to) = (addresses[number].port(), addresses[1 - number]);
        let application = format!(
            "[services.served]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = {port}\n\
             max-connections = 10\nprotocol = \"forward\"\nto = \"{to}\"\n"
        );
        sandboxes[number].write("served.toml", &application);
        let options = ["--nodaemon", "--stop-timeout", "600", "served.toml"];
        Foreground::start(sandboxes[number].poetryd(&options)).ready()
    };
    let (daemon, _other) = (start(0), start(1));
    let before = open_descriptors(daemon.pid());
    let mut client = connect(addresses[0]);
    let both_ends_of_10 = before + 2 * 10;
    until("all connections", || open_descriptors(daemon.pid()) == both_ends_of_10);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(receive(&mut client), (Vec::new(), Some(ErrorKind::ConnectionReset)));
    assert_eq!(daemon.wait().0.code(), Some(0));
}

#[test]
fn a_connection_on_which_nothing_passes_ends_after_the_idle_timeout_in_a_reset() {
    let upstream = Upstream::new();
    let to = format!("to = \"{}\"\nidle-timeout = 0.5", upstream.address());
    let forward = Served::start(Sandbox::new(), "forward", &to, &[]);
    let mut pair = pair(&forward, &upstream);
    are_reset(&mut pair);
    forward.daemon.wait_for("no data passed for 0.5 seconds");
    forward.wait_for_connections(0);
}

#[test]
fn a_connection_on_which_something_passes_one_way_is_kept_beyond_the_idle_timeout() {
    let upstream = Upstream::new();
    let to = format!("to = \"{}\"\nidle-timeout = 3", upstream.address());
    let forward = Served::start(Sandbox::new(), "forward", &to, &[]);
    let (mut client, mut other) = pair(&forward, &upstream);
    for _ in 0..10 {
        pass(&mut other, &mut client, b"tick");
        // Not a wait: it is the pace of the server.
        thread::sleep(Duration::from_millis(400));
    }
    drop(other);
    gets(&mut client, b"");
}

#[test]
fn what_is_in_progress_at_a_stop_is_finished() {
    let (forward, mut client, mut other) = connected(&[]);
    pass(&mut other, &mut client, &ECSTASY[..1000]);
    forward.daemon.signal(Signal::SIGTERM);
    forward.daemon.wait_for("received SIGTERM");
    other.write_all(&ECSTASY[1000..]).unwrap();
    drop(other);
    gets(&mut client, &ECSTASY[1000..]);
    drop(client);
    assert_eq!(forward.daemon.wait().0.code(), Some(0));
}

/// So few descriptors that only some of the clients can be served at a time.
const DESCRIPTORS: u64 = 100;
const CLIENTS: usize = 300;

/// Starts an application with few descriptors.
pub fn start_with_few_descriptors(application: &str) -> (Sandbox, Foreground) {
    let sandbox = Sandbox::new();
    sandbox.write("few.toml", application);
    let mut command = sandbox.poetryd(&["--nodaemon", "few.toml"]);
    let limit = || Ok(setrlimit(Resource::RLIMIT_NOFILE, DESCRIPTORS, DESCRIPTORS)?);
    // SAFETY: setrlimit is one system call, which is allowed between fork and exec.
    unsafe { command.pre_exec(limit) };
    let daemon = Foreground::start(command).ready();
    (sandbox, daemon)
}

/// All at once, so many clients fetch a poem: each gets it whole.
fn a_crowd_fetches(address: SocketAddr, poem: &[u8]) {
    let room = room_for(CLIENTS);
    let clients: Vec<TcpStream> = (0..room.clients).map(|_| connect(address)).collect();
    thread::scope(|scope| {
        for mut client in clients {
            scope.spawn(move || gets(&mut client, poem));
        }
    });
}

#[test]
fn a_crowd_is_forwarded_whole_with_few_descriptors() {
    let sandbox = Sandbox::new();
    let upstream = sandbox.foreground();
    let (_sandbox, daemon) = start_with_few_descriptors(&format!(
        "[services.forward]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\n\
         protocol = \"forward\"\nto = \"localhost:{}\"\n",
        upstream.address("fast").port()
    ));
    a_crowd_fetches(daemon.address("forward"), ECSTASY);
}

/// Each client takes two descriptors of the forwarder's, and waits for a third one.
#[test]
fn a_crowd_is_forwarded_whole_to_another_service_of_the_same_process() {
    let port = Down::new().address().port(); // free again
    let listener = "kind = \"tcp\"\ninterface = \"127.0.0.1\"\n";
    let (_sandbox, daemon) = start_with_few_descriptors(&format!(
        "[services.ecstasy]\nkind = \"poem\"\nfile = \"poetry/ecstasy.txt\"\n\
         [services.fast]\n{listener}port = {port}\nprotocol = \"fast\"\npoem = \"ecstasy\"\n\
         [services.forward]\n{listener}port = 0\nprotocol = \"forward\"\nto = \"127.0.0.1:{port}\"\n"
    ));
    a_crowd_fetches(daemon.address("forward"), ECSTASY);
}
