//! The application files in config/, as they are shipped.

use crate::support::network::{in_network_of, in_own_network};
use crate::support::{ECSTASY, Foreground, LIMIT, Sandbox, fetch, receive, through};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;

const FASCINATION: &[u8] = include_bytes!("../../poetry/fascination.txt");
const SCIENCE: &[u8] = include_bytes!("../../poetry/science.txt");
const SERA: &[u8] = include_bytes!("../../poetry/alla_sera.txt");

const SHIPPED: [&str; 9] = [
    "container.toml",
    "fast.toml",
    "proxy.toml",
    "quote.toml",
    "slow.toml",
    "status.toml",
    "transform.toml",
    "two-poems.toml",
    "unix.toml",
];

/// A directory with everything in config/ and poetry/; `change` is made to the application files.
fn with_shipped_files(change: impl Fn(&str) -> String) -> Sandbox {
    let sandbox = Sandbox::new();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    for poem in fs::read_dir(repository.join("poetry")).unwrap() {
        let poem = poem.unwrap();
        fs::copy(poem.path(), sandbox.path("poetry").join(poem.file_name())).unwrap();
    }
    fs::create_dir(sandbox.path("config")).unwrap();
    for name in SHIPPED {
        let name = format!("config/{name}");
        sandbox.write(&name, &change(&fs::read_to_string(repository.join(&name)).unwrap()));
    }
    sandbox
}

/// The same with a free port for each listener, so that nobody else is in the way.
fn with_free_ports() -> Sandbox {
    with_shipped_files(|application| {
        let free = |line: &str| match line.strip_prefix("port = ") {
            Some(_) => "port = 0\n".to_owned(),
            None => format!("{line}\n"),
        };
        application.lines().map(free).collect()
    })
}

fn start(sandbox: &Sandbox, name: &str) -> Foreground {
    Foreground::start(sandbox.poetryd(&["--nodaemon", &format!("config/{name}")])).ready()
}

/// The answer to a datagram.
fn quote(from: SocketAddr) -> Vec<u8> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket.send_to(b"\n", from).unwrap();
    let mut answer = [0; 2000];
    let (length, sender) = socket.recv_from(&mut answer).unwrap();
    assert_eq!(sender, from);
    answer[..length].to_vec()
}

/// The beginning of what a slow server says: so much that there has been a pause.
fn beginning(address: SocketAddr) -> Vec<u8> {
    let mut beginning = vec![0; 15];
    TcpStream::connect(address).unwrap().read_exact(&mut beginning).unwrap();
    beginning
}

/// The request that the comment in transform.toml shows, and its answer.
fn transformed(address: SocketAddr) -> Vec<u8> {
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"24:cummingsify.The Ecstasy!,").unwrap();
    receive(&mut client).0
}

#[test]
fn there_is_a_test_for_each() {
    let config = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("config")).unwrap();
    let names = config.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".toml")).collect();
    names.sort();
    assert_eq!(names, SHIPPED);
}

#[test]
fn fast_serves_the_ecstasy() {
    let sandbox = with_free_ports();
    let daemon = start(&sandbox, "fast.toml");
    assert_eq!(fetch(daemon.address("fast")).unwrap(), ECSTASY);
}

#[test]
fn container_serves_the_ecstasy_on_all_interfaces() {
    let sandbox = with_free_ports();
    let daemon = start(&sandbox, "container.toml");
    let address = daemon.address("fast");
    assert!(address.ip().is_unspecified(), "{address}");
    assert_eq!(fetch((Ipv4Addr::LOCALHOST, address.port()).into()).unwrap(), ECSTASY);
}

#[test]
fn slow_begins_with_the_fascination() {
    let sandbox = with_free_ports();
    let daemon = start(&sandbox, "slow.toml");
    assert_eq!(beginning(daemon.address("slow")), FASCINATION[..15]);
}

#[test]
fn two_poems_serves_two() {
    let sandbox = with_free_ports();
    let daemon = start(&sandbox, "two-poems.toml");
    assert_eq!(fetch(daemon.address("yeats.fast")).unwrap(), FASCINATION);
    assert_eq!(fetch(daemon.address("poe.fast")).unwrap(), SCIENCE);
}

#[test]
fn proxy_serves_what_its_upstream_server_does() {
    let sandbox = with_free_ports();
    let upstream = start(&sandbox, "fast.toml");
    let port = upstream.address("fast").port();
    let proxy = sandbox.read("config/proxy.toml");
    sandbox.write("config/proxy.toml", &proxy.replace("localhost:10001", &port.to_string()));
    let args = ["--nodaemon", "--pidfile", "proxy.pid", "config/proxy.toml"];
    let daemon = Foreground::start(sandbox.poetryd(&args)).ready();
    assert_eq!(fetch(daemon.address("proxy")).unwrap(), ECSTASY);
}

#[test]
fn transform_answers_as_its_comment_says() {
    let sandbox = with_free_ports();
    let daemon = start(&sandbox, "transform.toml");
    assert_eq!(transformed(daemon.address("transform")), b"12:the ecstasy!,");
}

#[test]
#[cfg(feature = "web")]
fn status_says_that_all_is_well() {
    let sandbox = with_free_ports();
    let daemon = start(&sandbox, "status.toml");
    assert_eq!(fetch(daemon.address("fast")).unwrap(), ECSTASY);
    let mut client = TcpStream::connect(daemon.address("status")).unwrap();
    client.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let answer = String::from_utf8(receive(&mut client).0).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nready\n"), "{answer}");
}

#[test]
fn quote_answers_a_datagram() {
    let sandbox = with_free_ports();
    let daemon = start(&sandbox, "quote.toml");
    assert!(SERA.starts_with(&quote(daemon.address("quote"))));
}

#[test]
fn unix_serves_on_a_socket_in_the_rundir() {
    let sandbox = with_free_ports();
    let _daemon = start(&sandbox, "unix.toml");
    let mut client = UnixStream::connect(sandbox.path("poetry.sock")).unwrap();
    let mut poem = Vec::new();
    client.read_to_end(&mut poem).unwrap();
    assert_eq!(poem, ECSTASY);
}

/// Daemons that run application files just as they are, in a network of their own.
struct Network {
    sandbox: Sandbox,
    daemons: Vec<Foreground>,
}

impl Network {
    fn new() -> Self {
        Self { sandbox: with_shipped_files(str::to_owned), daemons: Vec::new() }
    }

    /// Each daemon, once it runs, keeps the network that the first one has made.
    fn run(&mut self, name: &str) {
        let (pid_file, config) = (format!("{name}.pid"), format!("config/{name}"));
        let program = self.sandbox.poetryd(&["--nodaemon", "--pidfile", &pid_file, &config]);
        let daemon = match self.daemons.first() {
            None => in_own_network(&program),
            Some(first) => {
                let network = format!("--net=/proc/{}/ns/net", first.pid());
                through(&["nsenter", &network], &program)
            }
        };
        self.daemons.push(Foreground::start(daemon).ready());
    }

    /// Asks on a port of the daemons' network.
    fn ask(&self, port: u16, ask: fn(SocketAddr) -> Vec<u8>) -> Vec<u8> {
        in_network_of(self.daemons[0].pid(), || ask((Ipv4Addr::LOCALHOST, port).into()))
    }
}

fn poem(address: SocketAddr) -> Vec<u8> {
    fetch(address).unwrap()
}

#[test]
#[ignore = "root"]
fn each_serves_on_the_port_that_is_written_in_it() {
    let mut network = Network::new();
    for name in ["fast.toml", "slow.toml", "transform.toml", "quote.toml"] {
        network.run(name);
    }
    assert_eq!(network.ask(10000, poem), ECSTASY);
    assert_eq!(network.ask(10001, beginning), FASCINATION[..15]);
    assert_eq!(network.ask(10004, transformed), b"12:the ecstasy!,");
    assert!(SERA.starts_with(&network.ask(10017, quote)));
}

#[test]
#[ignore = "root"]
fn proxy_finds_the_upstream_server_that_is_written_in_it() {
    let mut network = Network::new();
    network.run("two-poems.toml"); // the first of its poems is where that of slow.toml would be
    network.run("proxy.toml");
    assert_eq!(network.ask(10003, poem), FASCINATION);
    assert_eq!(network.ask(10002, poem), SCIENCE);
}
