//! Clients that do something wrong: nobody else notices.

use crate::http::{Answer, ask, get, place, request, sent};
use crate::metrics::values;
use crate::start;
use crate::support::circumstances::room_for;
use crate::support::{ECSTASY, Foreground, Sandbox, fetch, open_descriptors, status_of, until};
use crate::text::one;
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

/// More descriptors than the status service ever uses for its clients, besides what the daemon has open anyway.
const FEW: usize = 60;

/// How much more memory a daemon may use, in KiB.
const LITTLE: u64 = 64 * 1024;

fn memory(daemon: &Foreground) -> u64 {
    let text = status_of(daemon.pid(), "VmRSS");
    text.trim_end_matches(" kB").parse().unwrap()
}

/// Poems are served, and scrapes and health checks answered.
fn all_is_well(daemon: &Foreground, status: SocketAddr) {
    assert_eq!(fetch(daemon.address("fast")).unwrap(), ECSTASY);
    assert_eq!(get(status, "/healthz").ok(), "ok\n");
    assert_eq!(one(&values(status), "poetryd_ready", &[]), 1.0);
}

/// Has many clients begin in this way, and checks meanwhile that nobody else notices. The clients are then returned.
fn crowd(
    daemon: &Foreground,
    status: SocketAddr,
    begin: impl Fn(SocketAddr) -> TcpStream,
) -> Vec<TcpStream> {
    let (descriptors, before) = (open_descriptors(daemon.pid()), memory(daemon));
    let room = room_for(1_000);
    let mut clients = Vec::new();
    for number in 0..room.clients {
        clients.push(begin(status));
        if number % 100 == 0 {
            all_is_well(daemon, status);
            assert!(open_descriptors(daemon.pid()) <= descriptors + FEW);
        }
    }
    all_is_well(daemon, status);
    assert!(open_descriptors(daemon.pid()) <= descriptors + FEW);
    let now = memory(daemon);
    assert!(now <= before + LITTLE, "{before} KiB, then {now} KiB");
    clients
}

/// A daemon with so many poems that the metrics are larger than what the kernel keeps of an answer.
fn start_with_large_metrics(sandbox: &Sandbox) -> (Foreground, SocketAddr) {
    const POEMS: usize = 2_000;
    let name = "n".repeat(200);
    let poem = |number| {
        format!("\n[services.{name}{number}]\nkind = \"poem\"\nfile = \"poetry/ecstasy.txt\"\n")
    };
    let poems: String = (0..POEMS).map(poem).collect();
    let daemon = start(sandbox, &poems);
    let status = place(&daemon);
    assert!(get(status, "/metrics").ok().len() > 2_500_000);
    all_is_well(&daemon, status);
    (daemon, status)
}

/// What there was before there is again.
fn leave(daemon: &Foreground, status: SocketAddr, before: usize, clients: Vec<TcpStream>) {
    drop(clients);
    until("the descriptors", || open_descriptors(daemon.pid()) <= before);
    all_is_well(daemon, status);
}

pub fn a_thousand_silent_ones_harm_nobody() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "");
    let status = place(&daemon);
    all_is_well(&daemon, status);
    let before = open_descriptors(daemon.pid());
    let clients = crowd(&daemon, status, |address| sent(address, b"").unwrap());
    leave(&daemon, status, before, clients);
    daemon.stop();
}

pub fn a_thousand_slow_requests_harm_nobody() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "");
    let status = place(&daemon);
    all_is_well(&daemon, status);
    let before = open_descriptors(daemon.pid());
    let text = request("/metrics", "localhost", "");
    let mut clients = crowd(&daemon, status, |address| sent(address, b"G").unwrap());
    for byte in text.as_bytes()[1..6].iter() {
        for client in &mut clients {
            let _ = client.write_all(&[*byte]); // most have been cut
        }
        all_is_well(&daemon, status);
        thread::sleep(Duration::from_secs(1));
    }
    // Those that were not cut in favour of others are cut since they take too long.
    let mut last = clients.pop().unwrap();
    let _ = last.read_to_end(&mut Vec::new());
    leave(&daemon, status, before, clients);
    daemon.stop();
}

pub fn a_thousand_who_never_read_harm_nobody() {
    let sandbox = Sandbox::new();
    let (daemon, status) = start_with_large_metrics(&sandbox);
    let before = open_descriptors(daemon.pid());
    let text = request("/metrics", "localhost", "");
    let clients = crowd(&daemon, status, |address| {
        let client = sent(address, text.as_bytes()).unwrap();
        let _ = SockRef::from(&client).set_recv_buffer_size(4096);
        client
    });
    leave(&daemon, status, before, clients);
    daemon.stop();
}

pub fn too_long_heads_and_nonsense_are_refused() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "");
    let status = place(&daemon);
    let long = request("/", "localhost", &format!("x: {}\r\n", "y".repeat(1_000_000)));
    let many = request("/", "localhost", &"x: y\r\n".repeat(100_000));
    let target = request(&format!("/{}", "z".repeat(1_000_000)), "localhost", "");
    let without_end = format!("GET /{}", "z".repeat(1_000_000));
    for request in [long, many, target, without_end] {
        let mut client = sent(status, b"").unwrap();
        let _ = client.write_all(request.as_bytes()); // it is closed meanwhile
        let mut answer = String::new();
        let _ = client.read_to_string(&mut answer);
        let is_refused = ["HTTP/1.1 431 ", "HTTP/1.1 414 ", "HTTP/1.1 400 "];
        assert!(
            answer.is_empty() || is_refused.iter().any(|it| answer.starts_with(it)),
            "{answer}"
        );
    }
    for nonsense in [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\0\x01\r\n\r\n",
    ] {
        let mut answer = String::new();
        let _ = sent(status, nonsense.as_bytes()).unwrap().read_to_string(&mut answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    all_is_well(&daemon, status);
    daemon.stop();
}

pub fn resets_within_a_large_answer_harm_nobody() {
    let sandbox = Sandbox::new();
    let (daemon, status) = start_with_large_metrics(&sandbox);
    let (before, used) = (open_descriptors(daemon.pid()), memory(&daemon));
    for target in ["/metrics", "/status.json"].repeat(50) {
        let mut client = sent(status, request(target, "localhost", "").as_bytes()).unwrap();
        client.read_exact(&mut [0; 100]).unwrap();
        SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    }
    all_is_well(&daemon, status);
    until("the descriptors", || open_descriptors(daemon.pid()) <= before);
    let now = memory(&daemon);
    assert!(now <= used + LITTLE, "{used} KiB, then {now} KiB");
    daemon.stop();
}

pub fn two_hundred_at_once_all_have_an_answer() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "");
    let status = place(&daemon);
    thread::scope(|scope| {
        for _ in 0..200 {
            scope.spawn(|| {
                let stream = sent(status, request("/", "localhost", "").as_bytes()).unwrap();
                let answer = Answer::read(stream);
                assert!(matches!(answer.status, 200 | 503), "{}", answer.status);
            });
        }
    });
    assert_eq!(ask(status, &request("/", "localhost", "")).status, 200);
    daemon.stop();
}
